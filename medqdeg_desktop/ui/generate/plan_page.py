"""The plan as numbers before anything runs: images, time, size, and the shares of types and tasks beside the published ones."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QScrollArea, QVBoxLayout, QWidget

from medqdeg_desktop.chart.figure import Figure
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, DEGRADATION_TYPES
from medqdeg_desktop.ui.charts.view import ChartView
from medqdeg_desktop.ui.generate.distribution import distribution
from medqdeg_desktop.ui.generate.state import PUBLISHED_IMAGES, PUBLISHED_TASKS, PUBLISHED_TYPES, FolderState, Plan
from medqdeg_desktop.ui.jobs import duration_words
from medqdeg_desktop.ui.labels import Quantity, label


class PlanPage(QWidget):
    """Emits ``started`` when the plan is to be carried out."""

    started = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.items = Quantity(self.tr("Questions"))
        self.images = Quantity(self.tr("Images"))
        self.time = Quantity(self.tr("Time"))
        self.disk = Quantity(self.tr("Size"))
        self.start = QPushButton(self.tr("Generate"))
        self.start.setProperty("role", "primary")
        self.start.setMinimumHeight(36)
        self.start.setToolTip(self.tr("Ctrl+Enter"))
        self.start.clicked.connect(self.started)
        self.error = label(role="error", wraps=True)
        self.notes = label(role="muted", wraps=True)
        self.levels = label(role="muted")
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setAccessibleName(self.tr("The plan is being made"))
        self.types = ChartView(narrowest=420)
        self.tasks = ChartView(narrowest=420)
        numbers = QHBoxLayout()
        numbers.setSpacing(40)
        for quantity in (self.items, self.images, self.time, self.disk):
            numbers.addWidget(quantity)
        numbers.addStretch(1)
        numbers.addWidget(self.start)
        charts = QWidget()
        inner = QVBoxLayout(charts)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(12)
        inner.addWidget(self.types)
        inner.addWidget(self.tasks)
        inner.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(charts)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 0)
        column.setSpacing(8)
        column.addWidget(label(self.tr("The plan"), "title"))
        column.addLayout(numbers)
        column.addWidget(self.levels)
        column.addWidget(self.busy)
        column.addWidget(self.error)
        column.addWidget(self.notes)
        column.addWidget(area, 1)
        self.plan: Plan | None = None
        self._folder = FolderState("new")
        self._planning = False
        self.show_planning(False)
        self.show_error("")
        self.notes.hide()

    def show_planning(self, planning: bool) -> None:
        """A bar while the plan is made; the old numbers stay and cannot be started from."""
        self._planning = planning
        # Its height stays, so that nothing jumps.
        policy = self.busy.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.busy.setSizePolicy(policy)
        self.busy.setVisible(planning)
        self._allow()

    def show_error(self, text: str) -> None:
        self.error.setText(text)
        self.error.setVisible(bool(text))
        if text:
            self.plan = None
        self._allow()

    def show_folder(self, state: FolderState) -> None:
        self._folder = state
        self._show_size()
        self._allow()

    def show_plan(self, plan: Plan) -> None:
        self.show_error("")
        self.plan = plan
        self.items.tell(f"{plan.items:,}")
        self.images.tell(f"{plan.images:,}", self.tr("The published set has {0:,}").format(PUBLISHED_IMAGES))
        split = ", ".join(f"{count:,} {level}" for level, count in plan.levels.items())
        self.levels.setText(split)
        if plan.seconds is None:
            self.time.tell("…", self.tr("A few images are being rendered to find out"))
        else:
            self.time.tell(
                self.tr("about {0}").format(duration_words(plan.seconds)),
                self.tr("From {0} images rendered now, with {1} workers").format(plan.sampled, plan.workers),
            )
        self._show_size()
        self.notes.setText("\n".join(plan.notes))
        self.notes.setVisible(bool(plan.notes))
        self.start.setText(self.tr("Generate {0:,} images").format(plan.images))
        self.types.set_chart(partial(_types, plan) if plan.types else None)
        self.tasks.set_chart(partial(_tasks, plan) if plan.tasks else None)
        self._allow()

    def _show_size(self) -> None:
        size = self.plan.size if self.plan is not None else None
        if size is None:
            self.disk.tell("…")
            return
        full = size > self._folder.free > 0
        words = f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
        free = f"{self._folder.free / 1e9:.0f} GB"
        self.disk.tell(words, self.tr("{0} free").format(free))
        if full:
            need = self.tr("The disk has room for {0}; the set needs about {1}. Choose another folder.")
            self.show_error(need.format(free, words))

    def _allow(self) -> None:
        ready = self.plan is not None and self.plan.images > 0 and not self._planning and self._folder.kind != "taken"
        self.start.setEnabled(ready)


def _types(plan: Plan, width: float) -> Figure:
    drawn = sum(plan.types.values())
    degraded = [name for name in plan.levels if name != "L0"]
    strengths = " and ".join(degraded) if len(degraded) <= 2 else f"{len(degraded)} severities"
    labels = {name: known.label for name, known in DEGRADATION_BY_NAME.items()}
    return distribution(
        "plan_types",
        "Types drawn, beside the published set",
        f"{drawn:,} draws for {plan.items:,} questions, each at {strengths}; {sum(PUBLISHED_TYPES.values()):,} published pairs",
        plan.types,
        PUBLISHED_TYPES,
        labels,
        width,
        {t.name: t.category for t in DEGRADATION_TYPES},
    )


def _tasks(plan: Plan, width: float) -> Figure:
    return distribution(
        "plan_tasks",
        "Tasks, beside the published set",
        f"{plan.items:,} questions; the published counts are of degraded pairs",
        plan.tasks,
        PUBLISHED_TASKS,
        {"": "no task"},
        width,
    )

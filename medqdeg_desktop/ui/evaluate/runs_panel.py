"""The left side of Evaluate: the runs, and what can be done with the one that is chosen."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.ui.evaluate.run_list import RunList
from medqdeg_desktop.ui.evaluate.state import RunRow
from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.problem_list import ProblemList


class RunsPanel(QWidget):
    """Signals say what was pressed; the workspace does it."""

    add_clicked = Signal()
    stop_clicked = Signal()
    go_on_clicked = Signal()
    drop_clicked = Signal()
    report_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(292)
        self.runs = RunList()
        self.runs.setMinimumHeight(140)
        self.add = QPushButton(self.tr("Add a model…"))
        self.stop = QPushButton(self.tr("Stop"))
        self.go_on = QPushButton(self.tr("Continue"))
        self.drop = QPushButton(self.tr("Take off the list"))
        self.report = QPushButton(self.tr("Write the report…"))
        self.log_head = label(role="section")
        self.log = ProblemList()
        self.log.setMaximumHeight(180)
        self.log.horizontalHeader().hide()
        self.log.horizontalHeader().resizeSection(0, 84)
        self.add.clicked.connect(self.add_clicked)
        self.stop.clicked.connect(self.stop_clicked)
        self.go_on.clicked.connect(self.go_on_clicked)
        self.drop.clicked.connect(self.drop_clicked)
        self.report.clicked.connect(self.report_clicked)
        doing = QHBoxLayout()
        doing.setSpacing(8)
        for button in (self.stop, self.go_on, self.drop):
            doing.addWidget(button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 12)
        column.setSpacing(8)
        column.addLayout(_inset(label(self.tr("Runs"), "section")))
        column.addWidget(self.runs, 1)
        column.addLayout(_inset(self.log_head))
        column.addWidget(self.log)
        inner = QVBoxLayout()
        inner.setContentsMargins(12, 0, 12, 0)
        inner.setSpacing(8)
        inner.addLayout(doing)
        inner.addWidget(self.add)
        inner.addWidget(self.report)
        column.addLayout(inner)
        self.show_row(None)

    def show_row(self, row: RunRow | None) -> None:
        """What can be done with ``row``, and what went wrong in it."""
        state = row.state if row is not None else ""
        self.stop.setVisible(row is not None and row.active)
        self.stop.setEnabled(state != "stopping")
        self.go_on.setVisible(row is not None and not row.active and state in ("stopped", "failed", "part"))
        self.drop.setVisible(row is not None and not row.active and row.standing is None)
        problems = row.job.problems if row is not None and row.job is not None else []
        count = row.job.problem_count if row is not None and row.job is not None else 0
        self.log_head.setText(self.tr("Problems: {0:,}").format(count) if count else "")
        self.log_head.setVisible(bool(count))
        self.log.setVisible(bool(count))
        if len(problems) != self.log.count() or not problems:
            self.log.show_rows(problems)

    def allow_report(self, allowed: bool, why_not: str = "") -> None:
        """``why_not`` is told by the greyed button."""
        self.report.setEnabled(allowed)
        self.report.setToolTip("" if allowed else why_not)


def _inset(widget: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(12, 0, 12, 0)
    row.addWidget(widget)
    return row

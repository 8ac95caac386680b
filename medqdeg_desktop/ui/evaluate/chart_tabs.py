"""The tabs of charts: each shows the charts of its section of the registry, with its choices above them.

A tab is filled only while it is looked at: what another filter changes behind the other tabs is drawn when one of them is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QVBoxLayout, QWidget

from medqdeg_desktop.chart.figure import Figure
from medqdeg_desktop.eval.charts import Chart, Section, builds_of, in_section, parts_of
from medqdeg_desktop.eval.question_table import DIMENSIONS
from medqdeg_desktop.eval.reliability_chart import reliability_diagram
from medqdeg_desktop.eval.sweeps import Limits
from medqdeg_desktop.ui.charts.page import ChartPage
from medqdeg_desktop.ui.evaluate.run_choice import RunChoice
from medqdeg_desktop.ui.labels import label

Json = dict[str, Any]

#: How long a limit stands before it is computed with.
_SETTLE_MS: Final = 400


class ChartTab(QWidget):
    """The charts of some sections. ``nothing`` says in one sentence what would have to be there.

    wanted   another choice needs other parts of the results.
    """

    clicked = Signal(object)
    said = Signal(str)
    warned = Signal(str)
    wanted = Signal()

    def __init__(self, sections: Sequence[Section], nothing: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sections = tuple(sections)
        self.nothing = nothing
        self.results: Json = {}
        self.with_published = False
        self.page = ChartPage()
        self.note = label(role="muted", wraps=True)
        self.note.hide()
        for signal, own in ((self.page.clicked, self.clicked), (self.page.said, self.said), (self.page.warned, self.warned)):
            signal.connect(own)
        self.head = QHBoxLayout()
        self.head.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 0)
        column.setSpacing(4)
        column.addLayout(self.head)
        column.addWidget(self.note)
        column.addWidget(self.page, 1)

    @property
    def charts(self) -> tuple[Chart, ...]:
        return in_section(*self._sections)

    @property
    def needs(self) -> tuple[str, ...]:
        """Parts of the results without which nothing can be shown here."""
        return parts_of(self.charts)

    def show_results(self, results: Json, *, with_published: bool) -> None:
        """Draws what there is; without results grey shapes say that they are on their way."""
        self.results, self.with_published = results, with_published
        ready = bool(results) and set(self.needs) <= set(results["parts"])
        builds = builds_of(self.charts, results if ready else {}, with_published=with_published)
        self.note.setText("" if builds or not ready else self.nothing)
        self.note.setVisible(bool(self.note.text()))
        if ready or builds:
            self.page.show_charts([partial(_sized, build) for build in builds])
        else:
            self.page.show_waiting()

    def show_empty(self) -> None:
        """There are no results, nor will there be."""
        self.results = {}
        self.note.hide()
        self.page.show_charts([])

    def _choose(self) -> None:
        """Another choice above the charts."""
        self.show_results(self.results, with_published=self.with_published)
        if self.results and not set(self.needs) <= set(self.results["parts"]):
            self.wanted.emit()


class HeatmapTab(ChartTab):
    """Where accuracy is lost: names by models, at L1 and below it at L2."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(("heatmaps",), "", parent)
        self.dimension = QComboBox()
        self.dimension.setAccessibleName(self.tr("Broken down by"))
        for name in ("type", *(d for d in DIMENSIONS if d != "type")):
            self.dimension.addItem(self.tr("By {0}").format(name), name)
        self.dimension.activated.connect(self._choose)
        self.head.addWidget(self.dimension)
        self.head.addStretch(1)

    @property
    def charts(self) -> tuple[Chart, ...]:
        dimension = str(self.dimension.currentData())
        self.nothing = self.tr(
            "No {0} can be compared: at least two need answers at L1 or L2 and to the same questions at L0."
        ).format(dimension)
        own = [f"heatmap_{dimension}_{level}" for level in ("L1", "L2")]
        reference = [f"published_heatmap_{level}" for level in ("L1", "L2")] if dimension == "type" else []
        by_name = {chart.name: chart for chart in super().charts}
        return tuple(by_name[name] for name in (*own, *reference))


class SeverityTab(ChartTab):
    """Curves over severity with the cliff, and the safe envelope under limits that the site chooses.

    ``limited`` says that other limits are to be computed with.
    """

    limited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        words = self.tr(
            "This set has no sweep over severity. Generate one with many severities instead of L1 and L2 to see where accuracy "
            "falls, and up to where it is safe."
        )
        super().__init__(("severity",), words, parent)
        self.on = QCheckBox(self.tr("Safe up to where"))
        self.accuracy = _percent(self.tr("accuracy at least "), 0, 100, 70)
        self.shift = _percent(self.tr("Calibration Shift at most "), -100, 100, 20)
        self.accuracy.setSuffix(" %")
        self.shift.setSuffix(self.tr(" points"))
        self.accuracy.setAccessibleName(self.tr("Least accuracy, per cent"))
        self.shift.setAccessibleName(self.tr("Largest Calibration Shift, points"))
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self.limited)
        self.on.toggled.connect(self._on_limits)
        for box in (self.accuracy, self.shift):
            box.valueChanged.connect(self._on_limits)
        for widget in (self.on, self.accuracy, self.shift):
            self.head.addWidget(widget)
        self.head.addStretch(1)
        self._on_limits()
        self._settle.stop()

    @property
    def limits(self) -> Limits | None:
        return Limits(self.accuracy.value() / 100, self.shift.value() / 100) if self.on.isChecked() else None

    def show_results(self, results: Json, *, with_published: bool) -> None:
        super().show_results(results, with_published=with_published)
        swept = bool(results.get("sweeps"))
        for widget in (self.on, self.accuracy, self.shift):
            widget.setVisible(swept)

    def shut_down(self) -> None:
        self._settle.stop()

    def _on_limits(self) -> None:
        self.accuracy.setEnabled(self.on.isChecked())
        self.shift.setEnabled(self.on.isChecked())
        self._settle.start()


class CalibrationTab(QWidget):
    """Is the confidence a probability: reliability diagrams of one run. ``wanted_bins`` asks for the bins of a run."""

    clicked = Signal(object)
    said = Signal(str)
    warned = Signal(str)
    wanted = Signal()
    wanted_bins = Signal(str)

    needs: tuple[str, ...] = ()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = RunChoice()
        self.model.setMinimumContentsLength(28)
        self.model.activated.connect(self._ask)
        self.page = ChartPage()
        for signal, own in ((self.page.clicked, self.clicked), (self.page.said, self.said), (self.page.warned, self.warned)):
            signal.connect(own)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.model)
        head.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 0)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self.page, 1)

    def show_results(self, results: Json, *, with_published: bool) -> None:
        self.model.show_models(results.get("models", ()))
        if results:
            self._ask()
        else:
            self.page.show_waiting()

    def show_empty(self) -> None:
        self.model.clear()
        self.page.show_charts([])

    def show_bins(self, bins: Json) -> None:
        if bins["model"]["run_id"] == self.model.currentData():
            self.page.show_charts([partial(_sized, partial(reliability_diagram, bins))])

    def _ask(self) -> None:
        if self.model.currentData():
            self.wanted_bins.emit(self.model.currentData())


def _sized(chart: Callable[..., Figure], width: float) -> Figure:
    return chart(width=width)


def _percent(prefix: str, low: int, high: int, value: int) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(1)
    box.setValue(value)
    box.setPrefix(prefix)
    box.setKeyboardTracking(False)
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    return box

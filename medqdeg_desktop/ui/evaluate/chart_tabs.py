"""Overview, Heatmaps and Calibration: the charts of the results, each with its choices above it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from medqdeg_desktop.chart.figure import Figure
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.figures import (
    accuracy_by_level,
    by_modality,
    grouped_bars,
    heatmap,
    published_heatmap,
    reliability_diagram,
    three_panel,
)
from medqdeg_desktop.eval.question_table import DIMENSIONS
from medqdeg_desktop.eval.wording import level_words, model_words
from medqdeg_desktop.ui.charts.page import ChartPage
from medqdeg_desktop.ui.charts.view import Build
from medqdeg_desktop.ui.labels import label

Json = dict[str, Any]


class OverviewTab(ChartPage):
    """Does confidence follow accuracy down, and how far does accuracy go."""

    def show_results(self, results: Json, *, with_published: bool) -> None:
        options = {"with_published": with_published}
        self.show_charts(
            [
                partial(_sized, partial(three_panel, results, **options)),
                partial(_sized, partial(accuracy_by_level, results, **options)),
                partial(_sized, partial(grouped_bars, results)),
            ]
        )


class HeatmapTab(QWidget):
    """Where accuracy is lost: names by models, at L1 or L2; and accuracy by modality."""

    clicked = Signal(object)
    said = Signal(str)
    warned = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._results: Json = {}
        self._published = False
        self.dimension = QComboBox()
        self.dimension.setAccessibleName(self.tr("Broken down by"))
        for name in ("type", *(d for d in DIMENSIONS if d != "type")):
            self.dimension.addItem(self.tr("By {0}").format(name), name)
        self.level = QComboBox()
        self.level.setAccessibleName(self.tr("Level"))
        for name in ("L1", "L2"):
            self.level.addItem(level_words(name), name)
        self.level.setCurrentIndex(1)
        self.note = label(role="muted", wraps=True)
        self.note.hide()
        self.page = ChartPage()
        for signal, own in ((self.page.clicked, self.clicked), (self.page.said, self.said), (self.page.warned, self.warned)):
            signal.connect(own)
        self.dimension.activated.connect(self._show)
        self.level.activated.connect(self._show)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 0)
        column.setSpacing(4)
        column.addLayout(_row(self.dimension, self.level))
        column.addWidget(self.note)
        column.addWidget(self.page, 1)

    def show_results(self, results: Json, *, with_published: bool) -> None:
        self._results, self._published = results, with_published
        self._show()

    def _show(self) -> None:
        dimension, level = str(self.dimension.currentData()), str(self.level.currentData())
        builds: list[Build] = []
        self.note.hide()
        if self._results:
            try:
                heatmap(self._results, dimension, level)
            except MedqdegError as error:
                self.note.setText(str(error))
                self.note.show()
            else:
                builds.append(partial(_sized, partial(heatmap, self._results, dimension, level)))
            if dimension == "modality" and any(model["by"]["modality"] for model in self._results["models"]):
                builds.append(partial(_sized, partial(by_modality, self._results, with_published=self._published)))
        if self._published and dimension == "type":
            builds.append(partial(_sized, partial(published_heatmap, level)))
        self.page.show_charts(builds)


class CalibrationTab(QWidget):
    """Is the confidence a probability: reliability diagrams of one run. ``wanted`` asks for the bins of a run."""

    clicked = Signal(object)
    said = Signal(str)
    warned = Signal(str)
    wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = QComboBox()
        self.model.setAccessibleName(self.tr("Model"))
        self.model.setMinimumContentsLength(28)
        self.model.activated.connect(self._ask)
        self.page = ChartPage()
        for signal, own in ((self.page.clicked, self.clicked), (self.page.said, self.said), (self.page.warned, self.warned)):
            signal.connect(own)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 0)
        column.setSpacing(4)
        column.addLayout(_row(self.model))
        column.addWidget(self.page, 1)

    def show_results(self, results: Json, *, with_published: bool) -> None:
        chosen = self.model.currentData()
        self.model.clear()
        for model in results.get("models", ()):
            self.model.addItem(model_words(model, results["models"]), model["run_id"])
        self.model.setCurrentIndex(max(0, self.model.findData(chosen)))
        if not results:
            self.page.show_charts([])
        elif self.isVisible():
            self._ask()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._ask()

    def show_bins(self, bins: Json) -> None:
        if bins["model"]["run_id"] == self.model.currentData():
            self.page.show_charts([partial(_sized, partial(reliability_diagram, bins))])

    def _ask(self) -> None:
        if self.model.currentData():
            self.wanted.emit(self.model.currentData())


def _sized(chart: Callable[..., Figure], width: float) -> Figure:
    return chart(width=width)


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return row

"""Several charts under one another, scrolled together."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from medqdeg_desktop.ui.charts.view import Build, ChartView


class ChartPage(QScrollArea):
    """Shows charts in order; signals are those of any of them."""

    clicked = Signal(object)
    said = Signal(str)
    warned = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.charts: list[ChartView] = []
        page = QWidget()
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(0, 12, 0, 12)
        self._column.setSpacing(12)
        self._column.addStretch(1)
        self.setWidget(page)

    def show_charts(self, builds: Sequence[Build]) -> None:
        """One chart for each of ``builds``; the views are kept, so that scrolling stays where it is."""
        while len(self.charts) < len(builds):
            chart = ChartView()
            chart.clicked.connect(self.clicked)
            chart.said.connect(self.said)
            chart.warned.connect(self.warned)
            self._column.insertWidget(len(self.charts), chart)
            self.charts.append(chart)
        for i, chart in enumerate(self.charts):
            chart.set_chart(builds[i] if i < len(builds) else None)
            chart.setVisible(i < len(builds))

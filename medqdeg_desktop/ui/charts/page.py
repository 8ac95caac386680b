"""Several charts under one another, scrolled together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.charts.view import Build, ChartView

#: Of the skeleton: (left, top, width, height) as shares of its width and as pixels from its top.
_SHAPES: Final = (
    (0.0, 16, 0.34, 18),
    (0.0, 44, 0.72, 12),
    *((0.0, 92 + 34 * i, 0.16 - 0.03 * (i % 3), 12) for i in range(6)),
    *((0.2 + 0.27 * k, 80, 0.24, 200) for k in range(3)),
)


class Skeleton(QWidget):
    """Grey shapes where charts will stand."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumHeight(320)
        self.setAccessibleName(self.tr("Results are being computed"))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.PANEL))
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setBrush(QColor(t.RAISED))
        width = self.width() - 32
        for left, top, across, height in _SHAPES:
            painter.drawRoundedRect(QRectF(16 + left * width, top, across * width, height), 3, 3)


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
        self.skeleton = Skeleton()
        self.skeleton.hide()
        page = QWidget()
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(0, 12, 0, 12)
        self._column.setSpacing(12)
        self._column.addWidget(self.skeleton)
        self._column.addStretch(1)
        self.setWidget(page)

    def show_charts(self, builds: Sequence[Build]) -> None:
        """One chart for each of ``builds``; the views are kept, so that scrolling stays where it is."""
        self.skeleton.hide()
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

    def show_waiting(self) -> None:
        """Grey shapes until there is something to show."""
        self.show_charts([])
        self.skeleton.show()

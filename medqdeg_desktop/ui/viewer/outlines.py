"""Regions of a question over a picture: a glass that shows them and lets everything else through to the pane below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from medqdeg_desktop.bank.region import RegionError, outline
from medqdeg_desktop.ui.viewer.pane import ImagePane

#: The colour that ``generate`` draws regions in.
MARK: Final = QColor("#22c55e")
_SHADE: Final = QColor(0, 0, 0, 170)


class OutlineGlass(QWidget):
    """Covers ``pane`` and follows its size, zoom and place; hidden while there is nothing to show."""

    def __init__(self, pane: ImagePane) -> None:
        super().__init__(pane)
        self._pane = pane
        self._regions: tuple[Mapping[str, Any], ...] = ()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        pane.installEventFilter(self)
        self.setGeometry(pane.rect())
        self.hide()

    @property
    def pane(self) -> ImagePane:
        return self._pane

    def show_outlines(self, regions: Sequence[Mapping[str, Any]]) -> None:
        """Regions as ``bank.region`` describes them; one that cannot be drawn is left out."""
        if tuple(regions) != self._regions:
            self._regions = tuple(regions)
            self.setVisible(bool(regions))
            self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._pane and event.type() is QEvent.Type.Resize:
            self.setGeometry(self._pane.rect())
        return False

    def on_pane(self, point: tuple[float, float]) -> QPointF:
        """Where a point of the frame (x, y; 0 at the middle of the first pixel) lies on this widget."""
        placement = self._pane.placement()
        assert placement is not None
        ratio = self.devicePixelRatioF()
        x, y = placement.to_pane(point[1] + 0.5, point[0] + 0.5)
        return QPointF(x / ratio, y / ratio)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._pane.placement() is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for region in self._regions:
            self.draw(painter, region, MARK, 1.6)
        painter.end()

    def draw(self, painter: QPainter, region: Mapping[str, Any], colour: QColor, width: float) -> None:
        """The region's outline, dark-edged so that it shows on any picture."""
        try:
            corners = outline(region)
        except RegionError:
            return
        self.trace(painter, [self.on_pane((float(x), float(y))) for x, y in corners], colour, width, closed=True)

    @staticmethod
    def trace(painter: QPainter, points: Sequence[QPointF], colour: QColor, width: float, *, closed: bool) -> None:
        """A line through ``points`` over its own shade."""
        line = QPolygonF(list(points))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in (QPen(_SHADE, width + 2), QPen(colour, width)):
            painter.setPen(pen)
            if closed:
                painter.drawPolygon(line)
            else:
                painter.drawPolyline(line)

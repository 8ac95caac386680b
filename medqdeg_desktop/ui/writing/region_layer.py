"""The glass over a picture on which regions are drawn, taken hold of and seen. It handles the left button alone: wheel, windowing
and panning go through to the picture below.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen

from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.viewer.outlines import MARK, OutlineGlass
from medqdeg_desktop.ui.viewer.pane import ImagePane
from medqdeg_desktop.ui.writing import shapes
from medqdeg_desktop.ui.writing.shapes import BODY, Point, Region

_HANDLE = 3.5
_REACH = 8.0
_CLICK = 4.0


class RegionLayer(OutlineGlass):
    """Covers one pane. ``changed`` when the hand has let go of a region (None: deleted); ``tool_ended`` when one is drawn."""

    changed = Signal(object)
    tool_ended = Signal()

    def __init__(self, pane: ImagePane) -> None:
        super().__init__(pane)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, False)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Regions"))
        self.region: Region | None = None
        self.others: tuple[Region, ...] = ()
        self.tool = ""
        self._regions_shown = True
        self._editable = False
        self._start: Point | None = None
        self._before: Region | None = None
        self._held: int | None = None
        self._line: list[Point] = []
        self._corners: list[Point] = []
        self._pointer: Point | None = None

    # -- told -------------------------------------------------------------------------------------------------

    def show_region(self, own: Region | None, *, editable: bool = True) -> None:
        """The question's region on this picture; it may be taken hold of where ``editable``."""
        self._editable = editable
        # What the hand is drawing or holding right now is newer than anything that is told meanwhile.
        if self._start is None:
            self.region = own
        self.update()

    def show_others(self, others: Sequence[Region]) -> None:
        """Regions of other questions on this picture, dim and out of reach."""
        if tuple(others) != self.others:
            self.others = tuple(others)
            self.update()

    def draw_with(self, tool: str) -> None:
        """A drag draws a "box", an "ellipse" or a "contour"; "" puts the tool away."""
        self.tool = tool
        self.forget_stroke()
        self.setCursor(Qt.CursorShape.CrossCursor) if tool else self.unsetCursor()
        if tool:
            self._regions_shown = True
        self.update()

    def forget_stroke(self) -> None:
        """Another picture is under the hand: what was begun lies on the one before."""
        self._start, self._line, self._corners = None, [], []
        self.update()

    @property
    def regions_shown(self) -> bool:
        return self._regions_shown

    def set_regions_shown(self, shown: bool) -> None:
        self._regions_shown = shown
        self.update()

    # -- the mouse --------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        point = self._point(event)
        if event.button() is not Qt.MouseButton.LeftButton or point is None:
            event.ignore()
            return
        if self.tool:
            self._start = point
            self._line = [point]
            return
        self._held = self._under(point)
        if self._held is None:
            event.ignore()
            return
        self._start, self._before = point, self.region

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = self._point(event)
        self._pointer = point
        if point is None or self._start is None or not event.buttons() & Qt.MouseButton.LeftButton:
            self._follow(point)
            event.ignore()
            return
        if self.tool == "contour":
            self._line.append(point)
        elif self.tool:
            self.region = self._dragged(event, self._start, point) or self.region
        elif self._before is not None and self._held is not None:
            shape = self._shape()
            assert shape is not None
            if self._held == BODY:
                by = (point[0] - self._start[0], point[1] - self._start[1])
                self.region = shapes.moved(self._before, by, shape)
            else:
                self.region = shapes.bent(self._before, self._held, point)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        point = self._point(event)
        if event.button() is not Qt.MouseButton.LeftButton or self._start is None or point is None:
            event.ignore()
            return
        start, self._start = self._start, None
        reach = self._reach()
        clicked = abs(point[0] - start[0]) < reach[0] / 2 and abs(point[1] - start[1]) < reach[1] / 2
        if self.tool == "contour":
            self._end_of_stroke(point, clicked)
        elif self.tool:
            drawn = self._dragged(event, start, point)
            if drawn is not None and not clicked:
                self._finish(drawn)
        elif self._held is not None:
            self._held = None
            if self.region != self._before:
                self.changed.emit(self.region)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.tool == "contour" and len(self._corners) >= 3:
            self._close(self._corners)
        else:
            event.ignore()

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self.update()

    def _dragged(self, event: QMouseEvent, start: Point, end: Point) -> Region | None:
        shape = self._shape()
        assert shape is not None
        return shapes.dragged_box(self.tool, start, end, shape, even=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))

    def _end_of_stroke(self, point: Point, clicked: bool) -> None:
        """A drag is a whole contour; clicks are its corners, until the first is clicked again."""
        if not clicked:
            self._close(self._line)
            return
        self._line = []
        reach = self._reach()
        first = self._corners[0] if len(self._corners) >= 3 else None
        if first is not None and abs(point[0] - first[0]) <= reach[0] and abs(point[1] - first[1]) <= reach[1]:
            self._close(self._corners)
        else:
            self._corners.append(point)

    def close_corners(self) -> bool:
        """Closes the contour whose corners are being clicked; False where there is none."""
        if self.tool == "contour" and len(self._corners) >= 3:
            self._close(self._corners)
            return True
        return False

    def _close(self, points: list[Point]) -> None:
        drawn = shapes.closed_contour(points)
        self._line, self._corners = [], []
        if drawn is not None:
            self._finish(drawn)

    def _finish(self, drawn: Region) -> None:
        self.region = drawn
        self.draw_with("")
        self.changed.emit(drawn)
        self.tool_ended.emit()

    def _follow(self, point: Point | None) -> None:
        """The pointer says what a press would do."""
        if self.tool:
            if self._corners:
                self.update()
            return
        held = None if point is None else self._under(point)
        if held is None:
            self.unsetCursor()
        else:
            self.setCursor(Qt.CursorShape.SizeAllCursor if held == BODY else Qt.CursorShape.PointingHandCursor)

    def _under(self, point: Point) -> int | None:
        if self.region is None or not self._editable or not self._regions_shown:
            return None
        return shapes.hit(self.region, point, self._reach())

    # -- from device pixels to the frame ----------------------------------------------------------------------

    def _shape(self) -> tuple[int, int] | None:
        placement = self._pane.placement()
        return None if placement is None else (placement.rows, placement.columns)

    def _point(self, event: QMouseEvent) -> Point | None:
        placement = self._pane.placement()
        if placement is None:
            return None
        ratio = self.devicePixelRatioF()
        row, column = placement.to_frame(event.position().x() * ratio, event.position().y() * ratio)
        return shapes.inside((column - 0.5, row - 0.5), (placement.rows, placement.columns))

    def _reach(self) -> tuple[float, float]:
        """Frame pixels within which something is hit."""
        placement = self._pane.placement()
        assert placement is not None
        ratio = self.devicePixelRatioF()
        return _REACH * ratio / placement.scale_x, _REACH * ratio / placement.scale_y

    # -- painting ---------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._pane.placement() is None or not self._regions_shown:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for region in self.others:
            self.draw(painter, region, QColor(t.MUTED), 1.0)
        if self.region is not None:
            self.draw(painter, self.region, MARK, 1.6)
            if self._editable and not self.tool:
                self._draw_handles(painter, shapes.handles(self.region))
        trail = self._line if self._start is not None else [*self._corners, *([self._pointer] if self._pointer else [])]
        if self.tool == "contour" and len(trail) > 1:
            self.trace(painter, [self.on_pane(point) for point in trail], MARK, 1.6, closed=False)
        if self._corners:
            self._draw_handles(painter, self._corners)
        painter.end()

    def _draw_handles(self, painter: QPainter, points: Sequence[Point]) -> None:
        painter.setPen(QPen(QColor(0, 0, 0, 170), 1))
        painter.setBrush(MARK)
        for point in points:
            middle = self.on_pane(point)
            painter.drawRect(QRectF(middle.x() - _HANDLE, middle.y() - _HANDLE, 2 * _HANDLE, 2 * _HANDLE))

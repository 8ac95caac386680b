"""One picture in one pane: paints what it is given and tells what the mouse did, in the past tense.

A plain raster widget: the visible part comes windowed and shrunk to device pixels, so that a repaint is one blit. It knows
nothing of other panes; who owns several gives them the same viewport.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QEnterEvent, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from medqdeg_desktop.engine.image import MedicalImage, Pixels, Window
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.viewer.measures import Measure
from medqdeg_desktop.ui.viewer.overlay import Overlay, draw_measure
from medqdeg_desktop.ui.viewer.picture import Picture, PictureMaker
from medqdeg_desktop.ui.viewer.planes import PlaneMaker
from medqdeg_desktop.ui.viewer.viewport import Placement, Viewport, placement_of

_BUSY_AFTER_MS = 150
_WHEEL_STEP = 120


class ImagePane(QWidget):
    """Shows one frame, or two with a curtain between them. Positions in signals are device pixels of this pane."""

    scrolled = Signal(int)
    zoomed = Signal(float, float, float)
    panned = Signal(float, float)
    window_dragged = Signal(float, float)
    pointed = Signal(float, float)
    left_alone = Signal()
    curtain_moved = Signal(float)
    drawn = Signal(float, float, float, float)
    painted = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 120)
        self.overlay = Overlay()
        self._smooth = self._dithers = True
        self.image: MedicalImage | None = None
        self._under: MedicalImage | None = None
        self._curtain: float | None = None
        self._window: Window | None = None
        self._inverted = self._exact = False
        self._viewport = Viewport()
        self._maker, self._under_maker = PictureMaker(), PictureMaker()
        self._planes = PlaneMaker()
        self._shows_planes = True
        self._told = ""
        self._blit: tuple[QImage, Picture] | None = None
        self._under_blit: tuple[QImage, Picture] | None = None
        self._stale = True
        self._dragging: Qt.MouseButton | None = None
        self._last = QPointF()
        self._wheel_rest = 0
        self._start = QPointF()
        self._drawing = False
        self._measure: Measure | None = None
        self._busy = False
        self._busy_timer = QTimer(self, singleShot=True, interval=_BUSY_AFTER_MS)
        self._busy_timer.timeout.connect(self._on_busy_long)

    # -- what to show -----------------------------------------------------------------------------------------

    def show_image(self, image: MedicalImage | None, under: MedicalImage | None = None) -> None:
        """``under`` is what lies left of the curtain in the wipe."""
        if image is not self.image or under is not self._under:
            self.image, self._under = image, under
            self._refresh()

    def show_as(self, viewport: Viewport, window: Window | None, inverted: bool, *, exact: bool = False) -> None:
        """``exact``: no dithering, whatever is set: equal values are one grey, as a difference asks for."""
        if (viewport, window, inverted, exact) != (self._viewport, self._window, self._inverted, self._exact):
            self._viewport, self._window, self._inverted, self._exact = viewport, window, inverted, exact
            self._refresh()

    def set_curtain(self, fraction: float | None) -> None:
        """Position of the curtain in fractions of the pane's width; None: no curtain."""
        if fraction != self._curtain:
            self._curtain = fraction
            self._refresh()

    def set_smooth(self, smooth: bool) -> None:
        """Enlarged pictures interpolated, or each stored pixel as a square."""
        self._smooth = smooth
        self._refresh()

    def set_dithered(self, dithers: bool) -> None:
        """Whether greys between two of the screen's 256 are dithered, or each is rounded."""
        self._dithers = dithers
        self._refresh()

    def tell(self, text: str) -> None:
        """What stands in the place of a picture that cannot be shown; empty: nothing."""
        if text != self._told:
            self._told = text
            self.setAccessibleDescription(text)
            self.update()

    def show_planes(self, shows: bool) -> None:
        """Whether the file's overlay planes are drawn over its picture."""
        self._shows_planes = shows
        self.update()

    def set_drawing(self, drawing: bool) -> None:
        """While drawing, a drag of the left button tells where it began and where it is (``drawn``)."""
        self._drawing = drawing
        self.setCursor(Qt.CursorShape.CrossCursor if drawing else Qt.CursorShape.ArrowCursor)

    def show_measure(self, measure: Measure | None) -> None:
        if measure != self._measure:
            self._measure = measure
            self.update()

    def set_busy(self, busy: bool) -> None:
        """A thin line at the foot, only when it takes longer than a blink; the picture stays."""
        if busy and not self._busy and not self._busy_timer.isActive():
            self._busy_timer.start()
        elif not busy:
            self._busy_timer.stop()
            if self._busy:
                self._busy = False
                self.update()

    @property
    def is_busy(self) -> bool:
        return self._busy

    def placement(self) -> Placement | None:
        """Where the frame lies now; None without a frame."""
        image = self.image or self._under
        if image is None:
            return None
        ratio = self.devicePixelRatioF()
        return placement_of(self._viewport, image, (round(self.width() * ratio), round(self.height() * ratio)))

    def sizeHint(self) -> QSize:
        return QSize(512, 512)

    def _refresh(self) -> None:
        self._stale = True
        self.update()

    def _on_busy_long(self) -> None:
        self._busy = True
        self.update()

    # -- painting ---------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.VIEWER))
        placement = self.placement()
        if placement is not None:
            if self._stale:
                self._render(placement)
            self._draw(painter, placement)
            shown = self.image or self._under
            if shown is not None and shown.overlay is not None and self._shows_planes and self.overlay.visible:
                self._draw_planes(painter, shown.overlay, placement)
            if self._measure is not None and shown is not None:
                draw_measure(painter, self._measure, shown, placement, self.devicePixelRatioF())
            self.overlay.draw(painter, self.rect(), self.image or self._under, placement, self.devicePixelRatioF())
        elif self._told:
            painter.setFont(theme.font(t.BODY))
            painter.setPen(QColor(t.TEXT))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(24, 24, -24, -24), int(flags), self._told)
        if self._busy:
            painter.fillRect(QRectF(0, self.height() - 2, self.width(), 2), QColor(t.ACCENT))
        painter.end()
        self.painted.emit()

    def _render(self, placement: Placement) -> None:
        self._blit = self._rendered(self._maker, self.image, placement)
        self._under_blit = None
        if self._curtain is not None:
            self._under_blit = self._rendered(self._under_maker, self._under, placement)
        self._stale = False

    def _rendered(self, maker: PictureMaker, image: MedicalImage | None, placement: Placement) -> tuple[QImage, Picture] | None:
        if image is None:
            return None
        picture = maker.make(
            image, placement, self._window, self._inverted, smooth=self._smooth, dither=self._dithers and not self._exact
        )
        if picture is None:
            return None
        rows, columns = picture.pixels.shape[:2]
        form = QImage.Format.Format_RGB888 if picture.pixels.ndim == 3 else QImage.Format.Format_Grayscale8
        # QImage borrows the buffer; the picture is kept beside it for as long as it is drawn.
        return QImage(picture.pixels.data, columns, rows, picture.pixels.strides[0], form), picture

    def _draw_planes(self, painter: QPainter, mask: Pixels, placement: Placement) -> None:
        drawn = self._planes.make(mask, placement)
        if drawn is None:
            return
        rows, columns = drawn.pixels.shape[:2]
        ratio = self.devicePixelRatioF()
        painter.save()
        painter.scale(1 / ratio, 1 / ratio)
        form = QImage.Format.Format_ARGB32_Premultiplied
        painter.drawImage(QPointF(drawn.left, drawn.top), QImage(drawn.pixels.data, columns, rows, 4 * columns, form))
        painter.restore()

    def _draw(self, painter: QPainter, placement: Placement) -> None:
        ratio = self.devicePixelRatioF()
        painter.save()
        painter.scale(1 / ratio, 1 / ratio)
        width, height = placement.pane
        split = None if self._curtain is None else round(self._curtain * width)
        for blit, clip in (
            (self._under_blit, None if split is None else QRectF(0, 0, split, height)),
            (self._blit, None if split is None else QRectF(split, 0, width - split, height)),
        ):
            if blit is None:
                continue
            image, picture = blit
            if clip is not None:
                painter.setClipRect(clip)
            painter.drawImage(QPointF(picture.left, picture.top), image)
        painter.setClipping(False)
        if split is not None:
            painter.setPen(QPen(QColor(t.ACCENT), max(1.0, ratio)))
            painter.drawLine(QPointF(split + 0.5, 0), QPointF(split + 0.5, height))
        painter.restore()

    # -- the mouse --------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            hint = self.overlay.hint(QPointF(event.pos()))
            if hint:
                QToolTip.showText(event.globalPos(), hint, self)
                return True
            QToolTip.hideText()
        return super().event(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y() or event.angleDelta().x()
        event.accept()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            ratio = self.devicePixelRatioF()
            position = event.position()
            self.zoomed.emit(math.pow(1.2, delta / _WHEEL_STEP), position.x() * ratio, position.y() * ratio)
            return
        self._wheel_rest += delta
        steps = int(self._wheel_rest / _WHEEL_STEP)
        if steps:
            self._wheel_rest -= steps * _WHEEL_STEP
            self.scrolled.emit(-steps)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._dragging = event.button()
        self._last = self._start = event.position()
        if event.button() is Qt.MouseButton.MiddleButton:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif event.button() is Qt.MouseButton.LeftButton and self._curtain is not None and not self._drawing:
            self.curtain_moved.emit(min(max(event.position().x() / self.width(), 0.0), 1.0))
        elif event.button() is Qt.MouseButton.LeftButton and self._drawing:
            ratio = self.devicePixelRatioF()
            x, y = event.position().x() * ratio, event.position().y() * ratio
            self.drawn.emit(x, y, x, y)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        ratio = self.devicePixelRatioF()
        position = event.position()
        move = position - self._last
        if self._dragging is Qt.MouseButton.MiddleButton:
            self.panned.emit(move.x() * ratio, move.y() * ratio)
        elif self._dragging is Qt.MouseButton.RightButton:
            self.window_dragged.emit(move.x(), move.y())
        elif self._dragging is Qt.MouseButton.LeftButton and self._drawing:
            start = self._start
            self.drawn.emit(start.x() * ratio, start.y() * ratio, position.x() * ratio, position.y() * ratio)
        elif self._dragging is Qt.MouseButton.LeftButton and self._curtain is not None:
            self.curtain_moved.emit(min(max(position.x() / self.width(), 0.0), 1.0))
        self._last = position
        self._point_at(position)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragging = None
        self.setCursor(Qt.CursorShape.CrossCursor if self._drawing else Qt.CursorShape.ArrowCursor)

    def enterEvent(self, event: QEnterEvent) -> None:
        self._point_at(event.position())

    def _point_at(self, position: QPointF) -> None:
        """The middle of the device pixel under the pointer: its corner would lie in the neighbour of a flipped picture."""
        ratio = self.devicePixelRatioF()
        self.pointed.emit(math.floor(position.x() * ratio) + 0.5, math.floor(position.y() * ratio) + 0.5)

    def leaveEvent(self, event: QEvent) -> None:
        self.left_alone.emit()

    def resizeEvent(self, event: QEvent) -> None:
        self._refresh()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.DevicePixelRatioChange:
            self._refresh()
        super().changeEvent(event)

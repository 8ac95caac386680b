"""The one slider a reader moves: severity 0 to 1 without numbers, with the marks of the levels above it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF, QWheelEvent
from PySide6.QtWidgets import QSlider, QWidget

from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.calibrate.kept import LevelMark

_STEPS = 1000
_KNOB = 8.0
_MARK = 5.0
_APART = 13.0  # two marks side by side, each to be seen whole


class SeveritySlider(QSlider):
    """``moved`` while it is dragged, ``rested`` when it is let go; a click on a mark asks to look at that level."""

    moved = Signal(float)
    rested = Signal(float)
    mark_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(0, _STEPS)
        self.setSingleStep(_STEPS // 100)
        self.setPageStep(_STEPS // 20)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(self.tr("Severity"))
        self.setMouseTracking(True)
        self.setMinimumHeight(48)
        self._marks: list[LevelMark] = []
        self._dragging = False
        self.valueChanged.connect(self._on_value_changed)

    @property
    def severity(self) -> float:
        return self.value() / _STEPS

    def set_severity(self, severity: float) -> None:
        """Places the knob without telling (the state moved it, not the hand)."""
        self.blockSignals(True)
        self.setValue(round(severity * _STEPS))
        self.blockSignals(False)
        self.update()

    def set_marks(self, marks: list[LevelMark]) -> None:
        self._marks = marks
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 48)

    # -- geometry ---------------------------------------------------------------------------------------------

    def _groove(self) -> QRectF:
        return QRectF(_KNOB + 2, 32, self.width() - 2 * _KNOB - 4, 4)

    def x_of(self, severity: float) -> float:
        """Horizontal place of a severity, in logical pixels."""
        groove = self._groove()
        return groove.left() + severity * groove.width()

    def mark_x(self, mark: LevelMark) -> float:
        """Where a mark is drawn: at its severity, or just beside it where it would hide the other one."""
        x = self.x_of(mark.severity)
        for other in self._marks:
            apart = x - self.x_of(other.severity)
            if other.level is not mark.level and abs(apart) < _APART:
                right = apart > 0 or (apart == 0 and mark.level > other.level)
                return x + (_APART - abs(apart)) / 2 * (1 if right else -1)
        return x

    def _mark_at(self, position: QPointF) -> LevelMark | None:
        if position.y() > 24:
            return None
        near = [m for m in self._marks if abs(self.mark_x(m) - position.x()) <= 12]
        return min(near, key=lambda m: abs(self.mark_x(m) - position.x()), default=None)

    # -- hand -------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        mark = self._mark_at(event.position())
        if mark is not None:
            self.mark_clicked.emit(str(mark.level))
            return
        self._dragging = True
        self._move_to(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._move_to(event.position())
        else:
            over = self._mark_at(event.position()) is not None
            self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragging and event.button() is Qt.MouseButton.LeftButton:
            self._dragging = False
            self.rested.emit(self.severity)

    def wheelEvent(self, event: QWheelEvent) -> None:
        # A wheel over the panel scrolls the panel; severity moves only when it is meant.
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            super().keyPressEvent(event)
        else:
            event.ignore()

    def _move_to(self, position: QPointF) -> None:
        groove = self._groove()
        fraction = (position.x() - groove.left()) / max(1.0, groove.width())
        self.setValue(round(min(max(fraction, 0.0), 1.0) * _STEPS))

    def _on_value_changed(self) -> None:
        self.moved.emit(self.severity)

    # -- paint ------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        groove = self._groove()
        knob_x = self.x_of(self.severity)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.EDGE))
        painter.drawRoundedRect(groove, 2, 2)
        if self.isEnabled():
            painter.setBrush(QColor(t.ACCENT))
            painter.drawRoundedRect(QRectF(groove.left(), groove.top(), knob_x - groove.left(), 4), 2, 2)
        for mark in self._marks:
            x = self.mark_x(mark)
            painter.setPen(QPen(QColor(t.EDGE), 1))
            painter.drawLine(QPointF(x, 19), QPointF(self.x_of(mark.severity), 31))
            draw_mark(painter, QPointF(x, 12), mark.level, mark.kind)
        painter.setBrush(QColor(t.TEXT if self.isEnabled() else t.EDGE))
        painter.setPen(QPen(QColor(t.ACCENT), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.drawEllipse(QPointF(knob_x, groove.center().y()), _KNOB, _KNOB)
        painter.end()


def draw_mark(painter: QPainter, centre: QPointF, level: Level, kind: str, size: float = _MARK) -> None:
    """A level's mark: its colour and its shape. Filled: kept here; half: kept on another picture; hollow: a default."""
    colour = QColor(t.LEVEL_COLOUR[level])
    painter.setPen(QPen(colour, 1.5))
    fill = QColor(colour)
    fill.setAlphaF({"here": 1.0, "elsewhere": 0.4}.get(kind, 0.0))
    painter.setBrush(fill)
    x, y = centre.x(), centre.y()
    if level is Level.L0:
        painter.drawEllipse(centre, size, size)
    elif level is Level.L1:
        painter.drawPolygon(
            QPolygonF([QPointF(x, y - size), QPointF(x + size * 1.1, y + size * 0.9), QPointF(x - size * 1.1, y + size * 0.9)])
        )
    else:
        painter.drawRect(QRectF(x - size, y - size, 2 * size, 2 * size))

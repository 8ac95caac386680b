"""Probabilities and confidence over severity, as far as they are known, with the places where the answer flips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QCoreApplication, QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.calibrate.kept import LevelMark
from medqdeg_desktop.ui.calibrate.severity_slider import draw_mark
from medqdeg_desktop.ui.probe.curve import Curve, Flip, Point
from medqdeg_desktop.ui.probe.option_bars import colour_of, probability
from medqdeg_desktop.ui.probe.questions import ProbeQuestion

_LEFT, _RIGHT, _TOP, _BOTTOM = 30.0, 32.0, 20.0, 30.0
_LABEL: Final = 12.0  # two letters at the lines' ends, each to be read
_REACH: Final = 8.0


class CurveView(QWidget):
    """``severity_clicked``: a place of the curve was clicked."""

    severity_clicked = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(self.tr("Probabilities over severity"))
        self._question: ProbeQuestion | None = None
        self._points: list[Point] = []
        self._flips: list[Flip] = []
        self._severity = 0.0
        self._marks: list[LevelMark] = []

    def show_curve(self, question: ProbeQuestion | None, curve: Curve, severity: float) -> None:
        self._question, self._points, self._flips = question, curve.points, curve.flips()
        self._severity = severity
        self.setAccessibleDescription("; ".join(flip_words(flip) for flip in self._flips))
        self.update()

    def show_marks(self, marks: Sequence[LevelMark]) -> None:
        """Where the levels of the type in front lie."""
        self._marks = list(marks)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(380, 180)

    def minimumSizeHint(self) -> QSize:
        return QSize(150, 120)

    # -- geometry ---------------------------------------------------------------------------------------------

    def _box(self) -> QRectF:
        return QRectF(_LEFT, _TOP, max(40.0, self.width() - _LEFT - _RIGHT), max(40.0, self.height() - _TOP - _BOTTOM))

    def place(self, severity: float, value: float) -> QPointF:
        """Where a value at a severity is drawn, in logical pixels."""
        box = self._box()
        return QPointF(box.left() + severity * box.width(), box.bottom() - value * box.height())

    def severity_at(self, x: float) -> float:
        box = self._box()
        return min(max(round((x - box.left()) / box.width(), 3), 0.0), 1.0)

    # -- hand -------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            near = self._near(event.position())
            self.severity_clicked.emit(near.severity if near is not None else self.severity_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        near = self._near(event.position())
        if near is None or self._question is None:
            QToolTip.hideText()
            return
        shares = "   ".join(f"{letter} {probability(near.p.get(letter, 0.0))}" for letter in self._question.letters)
        words = self.tr("severity {0:.3f}\n{1}\nconfidence {2}").format(near.severity, shares, probability(near.confidence))
        QToolTip.showText(event.globalPosition().toPoint(), words, self)

    def leaveEvent(self, event: QEvent) -> None:
        QToolTip.hideText()

    def _near(self, position: QPointF) -> Point | None:
        def away(point: Point) -> float:
            return abs(self.place(point.severity, 0).x() - position.x())

        best = min(self._points, key=away, default=None)
        return best if best is not None and away(best) <= _REACH else None

    # -- paint ------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_axes(painter)
        self._paint_flips(painter)
        now = self.place(self._severity, 0)
        painter.setPen(QPen(QColor(t.TEXT), 1, Qt.PenStyle.DotLine))
        painter.drawLine(now, self.place(self._severity, 1))
        if self._question is not None:
            self._paint_lines(painter, self._question)
        painter.end()

    def _paint_axes(self, painter: QPainter) -> None:
        face = theme.font(11)
        painter.setFont(face)
        for value in (0.0, 0.5, 1.0):
            start, end = self.place(0, value), self.place(1, value)
            painter.setPen(QPen(QColor(t.LINE), 1))
            painter.drawLine(start, end)
            painter.setPen(QColor(t.MUTED))
            box = QRectF(0, start.y() - 8, _LEFT - 6, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:g}")
        bottom = self.place(0, 0).y()
        for value in (0.0, 0.25, 0.5, 0.75, 1.0) if self._box().width() > 170 else (0.0, 0.5, 1.0):
            x = self.place(value, 0).x()
            painter.setPen(QPen(QColor(t.EDGE), 1))
            painter.drawLine(QPointF(x, bottom), QPointF(x, bottom + 4))
            painter.setPen(QColor(t.MUTED))
            painter.drawText(QRectF(x - 20, bottom + 12, 40, 16), Qt.AlignmentFlag.AlignCenter, f"{value:g}")
        for mark in self._marks:
            draw_mark(painter, QPointF(self.place(mark.severity, 0).x(), bottom + 7), mark.level, mark.kind, 4.0)

    def _paint_flips(self, painter: QPainter) -> None:
        face = theme.font(11)
        painter.setFont(face)
        metrics = QFontMetricsF(face)
        free = 0.0
        for flip in self._flips:
            left, right = self.place(flip.low, 1).x(), self.place(flip.high, 1).x()
            band = QColor(t.WARN)
            band.setAlphaF(0.22)
            box = self._box()
            painter.fillRect(QRectF(left, box.top(), max(1.0, right - left), box.height()), band)
            middle = (left + right) / 2
            painter.setPen(QPen(QColor(t.WARN), 1.2))
            painter.drawLine(QPointF(middle, box.top() - 4), QPointF(middle, box.bottom()))
            words = f"{flip.before} → {flip.after}"
            width = metrics.horizontalAdvance(words)
            start = min(max(middle - width / 2, 2.0), self.width() - width - 2)
            if start >= free:
                painter.drawText(QPointF(start, box.top() - 7), words)
                free = start + width + 8

    def _paint_lines(self, painter: QPainter, question: ProbeQuestion) -> None:
        if not self._points:
            return
        # The right answer last, over the others.
        letters = sorted(question.letters, key=lambda letter: letter == question.answer)
        confidence = QPen(QColor(t.MUTED), 1.2)
        confidence.setDashPattern([4, 3])
        self._paint_line(painter, [(p.severity, p.confidence) for p in self._points], confidence)
        for letter in letters:
            colour = colour_of(question, letter)
            values = [(p.severity, p.p.get(letter, 0.0)) for p in self._points]
            self._paint_line(painter, values, QPen(colour, 2.4 if letter == question.answer else 1.4))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            for severity, value in values:
                painter.drawEllipse(self.place(severity, value), 2.0, 2.0)
        self._paint_letters(painter, question)

    def _paint_line(self, painter: QPainter, values: Sequence[tuple[float, float]], pen: QPen) -> None:
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([self.place(*value) for value in values]))

    def _paint_letters(self, painter: QPainter, question: ProbeQuestion) -> None:
        """Names at the lines' right ends, pushed apart where they would meet; C is the confidence."""
        last = self._points[-1]
        ends = [(self.place(last.severity, last.p.get(letter, 0.0)), letter) for letter in question.letters]
        ends.append((self.place(last.severity, last.confidence), ""))
        ends.sort(key=lambda end: end[0].y())
        box = self._box()
        places: list[float] = []
        for end, _ in ends:
            places.append(max(end.y(), places[-1] + _LABEL) if places else end.y())
        over = (places[-1] if places else 0.0) - (box.bottom() + 2)
        if over > 0:
            # Too many at the floor: the whole stack moves up as far as needed, from below.
            for k in range(len(places) - 1, -1, -1):
                highest = box.bottom() + 2 if k == len(places) - 1 else places[k + 1] - _LABEL
                places[k] = min(places[k], highest)
        for (end, letter), y in zip(ends, places, strict=True):
            painter.setFont(theme.font(11, strong=bool(letter) and letter == question.answer))
            painter.setPen(colour_of(question, letter) if letter else QColor(t.MUTED))
            painter.drawText(QPointF(end.x() + 7, y + 4), letter or self.tr("conf"))


def flip_words(flip: Flip) -> str:
    """``D → B between 0.412 and 0.417``."""
    words = QCoreApplication.translate("CurveView", "{0} → {1} between {2:.3f} and {3:.3f}")
    return words.format(flip.before, flip.after, flip.low, flip.high)

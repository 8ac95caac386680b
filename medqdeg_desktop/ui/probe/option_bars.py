"""The model's answer at one severity: a bar for each option, the right one ticked, and a bar for its confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.probe.curve import Point
from medqdeg_desktop.ui.probe.questions import ProbeQuestion

#: One colour an option, in the order of the letters; the letter stands beside its bar and its line, so that none is needed.
OPTION_COLOURS: Final = (
    "#7aa7e0",
    "#d9a441",
    "#b79df5",
    "#5fb3a3",
    "#d98f6b",
    "#9fb36b",
    "#c58fb8",
    "#8fa3b8",
    "#b8a58f",
    "#98a0aa",
)
_ROW: Final = 24.0
_LEAST_ROW: Final = 15.0
_VALUE: Final = 38.0
_TICK: Final = 16.0
#: Below this width words and bars have no room beside each other: the words stand on the bar.
_NARROW: Final = 220.0


def colour_of(question: ProbeQuestion, letter: str) -> QColor:
    place = question.letters.index(letter) if letter in question.letters else len(OPTION_COLOURS) - 1
    return QColor(OPTION_COLOURS[min(place, len(OPTION_COLOURS) - 1)])


def probability(value: float) -> str:
    """Two places, without the zero before the point: ``.97``, ``1.00``."""
    text = f"{value:.2f}"
    return text.removeprefix("0") if value < 0.995 else text


class OptionBars(QWidget):
    """Shows what it is told; nothing in it can be clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Probability of each option"))
        self._question: ProbeQuestion | None = None
        self._point: Point | None = None
        self._behind = False
        self._text_width = 96.0
        self._gutter = _TICK

    def show_answer(self, question: ProbeQuestion | None, point: Point | None, *, behind: bool) -> None:
        """``behind``: the answer is of a place that the slider has left; it is shown paler."""
        if (question, point, behind) == (self._question, self._point, self._behind):
            return
        self._question, self._point, self._behind = question, point, behind
        self.setToolTip("\n".join(f"{letter}  {text}" for letter, text in question.options) if question is not None else "")
        self.setAccessibleDescription(self._words())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, round(_ROW * 6))

    def minimumSizeHint(self) -> QSize:
        return QSize(150, round(_LEAST_ROW * 5))

    def _words(self) -> str:
        if self._question is None or self._point is None:
            return ""
        shares = ", ".join(f"{letter} {probability(self._point.p.get(letter, 0.0))}" for letter in self._question.letters)
        return self.tr("{0}; confidence {1}").format(shares, probability(self._point.confidence))

    def paintEvent(self, event: QPaintEvent) -> None:
        question = self._question
        if question is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(0.6 if self._behind else 1.0)
        rows: Sequence[tuple[str, str]] = question.options
        height = min(_ROW, max(_LEAST_ROW, (self.height() - 6) / (len(rows) + 1)))
        # As wide as the longest option, as far as that leaves bars to compare.
        metrics = QFontMetricsF(theme.font(t.BODY if height > 18 else 11, strong=True))
        words = [*(f"{letter}  {text}" for letter, text in rows), self.tr("Confidence")]
        longest = max(metrics.horizontalAdvance(text) for text in words)
        # On the bar where there is no room beside it; there the right answer's tick keeps its room only where one is known.
        narrow = self.width() < _NARROW
        self._gutter = _TICK if question.answer or not narrow else 0.0
        self._text_width = 0.0 if narrow else min(max(longest + 12, 96.0), self.width() * 0.6 - _TICK)
        for number, (letter, text) in enumerate(rows):
            value = self._point.p.get(letter, 0.0) if self._point is not None else None
            top = self._point is not None and self._point.top == letter
            right = letter == question.answer
            self._row(painter, number * height, height, f"{letter}  {text}", value, colour_of(question, letter), top, right)
        y = len(rows) * height + 3
        painter.setPen(QPen(QColor(t.LINE), 1))
        painter.drawLine(QPointF(0, y), QPointF(self.width(), y))
        confidence = self._point.confidence if self._point is not None else None
        self._row(painter, y + 2, height, self.tr("Confidence"), confidence, QColor(t.MUTED), False, False)
        painter.end()

    def _row(
        self,
        painter: QPainter,
        y: float,
        height: float,
        words: str,
        value: float | None,
        colour: QColor,
        strong: bool,
        right: bool,
    ) -> None:
        width = float(self.width())
        on_bar = self._text_width == 0.0
        text_width = self._text_width or width - self._gutter - _VALUE
        face = theme.font(t.BODY if height > 18 else 11, strong=strong)
        painter.setFont(face)
        painter.setPen(QColor(t.TEXT))
        if right:
            _tick(painter, QPointF(6, y + height / 2))
        if on_bar:
            bar = QRectF(self._gutter, y + 1.5, text_width, height - 3)
            # Paler, so that words stand out on it.
            colour = QColor.fromRgbF(colour.redF(), colour.greenF(), colour.blueF(), 0.42)
        else:
            left = self._gutter + text_width
            bar = QRectF(left, y + height * 0.22, max(8.0, width - left - _VALUE), height * 0.56)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.LINE))
        painter.drawRoundedRect(bar, 2, 2)
        if value is not None:
            painter.setBrush(colour)
            painter.drawRoundedRect(QRectF(bar.left(), bar.top(), max(1.0, bar.width() * min(1.0, value)), bar.height()), 2, 2)
        painter.setPen(QColor(t.TEXT))
        inset = 5.0 if on_bar else 0.0
        shown = QFontMetricsF(face).elidedText(words, Qt.TextElideMode.ElideRight, text_width - 6 - inset)
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(self._gutter + inset, y, text_width, height), flags, shown)
        if value is not None:
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(width - _VALUE, y, _VALUE, height), flags, probability(value))


def _tick(painter: QPainter, centre: QPointF) -> None:
    """The right answer's mark: a tick, not a colour."""
    painter.save()
    painter.setPen(QPen(QColor(t.TEXT), 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline([centre + QPointF(-4, 0), centre + QPointF(-1, 3.5), centre + QPointF(5, -4)])
    painter.restore()

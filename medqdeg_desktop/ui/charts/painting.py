"""A Figure through QPainter, mark for mark as ``chart.svg`` writes it; units are the figure's own pixels."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from medqdeg_desktop.chart.figure import SMALL_SIZE, TEXT_SIZE, Figure, Mark, Panel, Rect, Text
from medqdeg_desktop.chart.svg import Theme, colour, outline
from medqdeg_desktop.ui import theme as look


def paint(painter: QPainter, figure: Figure, theme: Theme = "dark", *, background: bool = True) -> None:
    """Draws ``figure`` with its left upper corner at the painter's origin."""
    painter.save()
    if background:
        painter.fillRect(QRectF(0, 0, figure.width, figure.height), QColor(colour("background", theme)))
    for panel in figure.panels:
        _panel(painter, panel, theme)
    for mark in figure.legend:
        _mark(painter, mark, mark.x, mark.y, theme)
    for word in figure.words:
        _text(painter, word, word.x, word.y, theme)
    painter.restore()


@cache
def face(size: int, bold: bool) -> QFont:
    """The chart face; unhinted, so that a width measured here holds at any scale and on paper."""
    font = look.font(size, strong=bold)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return font


@cache
def _measures(size: int, bold: bool) -> QFontMetricsF:
    return QFontMetricsF(face(size, bold))


def _panel(painter: QPainter, panel: Panel, theme: Theme) -> None:
    for rect in panel.rects:
        if rect.colour == "band":
            _rect(painter, panel, rect, theme)
    _axes(painter, panel, theme)
    for rect in panel.rects:
        if rect.colour != "band":
            _rect(painter, panel, rect, theme)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for line in panel.lines:
        pen = QPen(QColor(colour(line.colour, theme)), line.width)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if line.dashed:
            # Qt counts dashes in pen widths.
            pen.setDashPattern([4 / line.width, 3 / line.width])
        painter.setPen(pen)
        painter.drawPolyline(QPolygonF([QPointF(*panel.place(*point)) for point in line.points]))
    for whisker in panel.whiskers:
        ends = [(whisker.at, v) if whisker.vertical else (v, whisker.at) for v in (whisker.low, whisker.high)]
        start, end = (QPointF(*panel.place(*place)) for place in ends)
        cap = QPointF(3, 0) if whisker.vertical else QPointF(0, 3)
        painter.setPen(QPen(QColor(outline(whisker.colour, theme)), 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        painter.drawLine(start, end)
        for place in (start, end):
            painter.drawLine(place - cap, place + cap)
    for mark in panel.marks:
        _mark(painter, mark, *panel.place(mark.x, mark.y), theme)
    for word in panel.annotations:
        _text(painter, word, *panel.place(word.x, word.y), theme)


def place_of(panel: Panel, rect: Rect) -> QRectF:
    """Where ``rect`` lies on the canvas."""
    return QRectF(QPointF(*panel.place(rect.x0, rect.y0)), QPointF(*panel.place(rect.x1, rect.y1))).normalized()


def _rect(painter: QPainter, panel: Panel, rect: Rect, theme: Theme) -> None:
    place = place_of(panel, rect)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.fillRect(place, QColor(colour(rect.colour, theme)))
    if rect.text:
        middle = Text(0, 0, rect.text, SMALL_SIZE, rect.text_colour, "middle")
        _text(painter, middle, place.center().x(), place.center().y() + SMALL_SIZE * 0.36, theme)


def _axes(painter: QPainter, panel: Panel, theme: Theme) -> None:
    right, bottom = panel.left + panel.width, panel.top + panel.height
    for value, label in panel.x.ticks:
        x, _ = panel.place(value, panel.y.low)
        if panel.x.grid:
            zero = value == 0 and panel.x.low < 0
            _segment(painter, x, panel.top, x, bottom, colour("zero" if zero else "grid", theme))
        _text(painter, Text(0, 0, label, SMALL_SIZE, "muted", "middle"), x, bottom + 16, theme)
    for value, label in panel.y.ticks:
        _, y = panel.place(panel.x.low, value)
        if panel.y.grid:
            zero = value == 0 and min(panel.y.low, panel.y.high) < 0
            _segment(painter, panel.left, y, right, y, colour("zero" if zero else "grid", theme))
        if label:
            size, shade = (TEXT_SIZE, "text") if panel.y.names else (SMALL_SIZE, "muted")
            _text(painter, Text(0, 0, label, size, shade, "end"), panel.left - 10, y + size * 0.36, theme)
    axis = colour("axis", theme)
    if panel.x.line:
        _segment(painter, panel.left, bottom, right, bottom, axis)
    if panel.y.line:
        _segment(painter, panel.left, panel.top, panel.left, bottom, axis)
    if panel.x.label:
        word = Text(0, 0, panel.x.label, TEXT_SIZE, "muted", "middle")
        _text(painter, word, panel.left + panel.width / 2, bottom + 34, theme)
    if panel.y.label:
        _text(painter, Text(0, 0, panel.y.label, TEXT_SIZE, "muted"), panel.left - 10, panel.top - 10, theme)
    if panel.title:
        _text(painter, Text(0, 0, panel.title, 13, "text", bold=True), panel.left, panel.top - 10, theme)


def _segment(painter: QPainter, x0: float, y0: float, x1: float, y1: float, stroke: str) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QPen(QColor(stroke), 1))
    painter.drawLine(QPointF(x0, y0), QPointF(x1, y1))


def _mark(painter: QPainter, mark: Mark, x: float, y: float, theme: Theme) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    own = QColor(colour(mark.colour, theme))
    if mark.hollow:
        painter.setBrush(QBrush(QColor(colour("background", theme))))
        pen = QPen(own, 1.3)
    else:
        painter.setBrush(QBrush(own))
        pen = QPen(QColor(outline(mark.colour, theme)), 1)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    r = mark.size / 2
    if mark.shape == "circle":
        painter.drawEllipse(QPointF(x, y), r, r)
    elif mark.shape == "square":
        side = r * 0.92
        painter.drawRect(QRectF(x - side, y - side, 2 * side, 2 * side))
    else:
        points = ((x, y - r * 1.15), (x + r * 1.1, y + r * 0.85), (x - r * 1.1, y + r * 0.85))
        painter.drawPolygon(QPolygonF([QPointF(*point) for point in points]))


def _text(painter: QPainter, word: Text, x: float, y: float, theme: Theme) -> None:
    font = face(round(word.size), word.bold)
    painter.setFont(font)
    painter.setPen(QColor(colour(word.colour, theme)))
    x, y = x + word.dx, y + word.dy
    shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[word.anchor]
    back = shift * _measures(round(word.size), word.bold).horizontalAdvance(word.text) if shift else 0.0
    if not word.rotate:
        painter.drawText(QPointF(x - back, y), word.text)
        return
    painter.save()
    painter.translate(x, y)
    painter.rotate(word.rotate)
    painter.drawText(QPointF(-back, 0), word.text)
    painter.restore()

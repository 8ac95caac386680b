"""What is written over a picture: letters of orientation, window, zoom, probe, scale bar, marks. Small, dim, in the corners."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.viewer.measures import Measure, MeasureKind, region_histogram
from medqdeg_desktop.ui.viewer.viewport import Placement

_MARGIN, _LINE = 8.0, 22.0
_PLATE = QColor(0, 0, 0, 175)
_HISTOGRAM = QSizeF(140, 64)
_NICE_MM = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)


@dataclass(slots=True)
class Overlay:
    """Texts by corner; ``visible`` switches off all but the title, the mark and the notes.

    notes    below the mark, one a line: that the picture is not seen as usual (flipped, turned, another convention).
    unknown  stands at the left edge of a picture without letters of orientation, ``unknown_why`` in its tool tip.
    """

    title: str = ""
    mark: str = ""
    notes: tuple[str, ...] = ()
    reading: str = ""
    probe: str = ""
    unknown: str = ""
    unknown_why: str = ""
    visible: bool = True
    show_scale: bool = True
    _unknown_box: QRectF = field(default_factory=QRectF)

    def hint(self, at: QPointF) -> str:
        """The tool tip of what lies under a position of the pane, "" where there is none."""
        return self.unknown_why if self._unknown_box.contains(at) else ""

    def draw(self, painter: QPainter, area: QRect, image: MedicalImage | None, placement: Placement, device_ratio: float) -> None:
        """Logical pixels; ``placement`` is in device pixels."""
        painter.setFont(theme.font(t.SMALL))
        left, right = area.left() + _MARGIN, area.right() + 1 - _MARGIN
        top, foot = area.top() + _MARGIN, area.bottom() + 1 - _MARGIN
        _plate(painter, self.title, left, top, t.MUTED)
        _plate(painter, self.mark, right, top, t.WARN, from_right=True)
        # Below the line of the title, the letter and the mark, however narrow the pane.
        _plate(painter, "\n".join(self.notes), right, top + _LINE, t.WARN, from_right=True)
        self._unknown_box = QRectF()
        if not self.visible or image is None:
            return
        _plate(painter, self.reading, left, foot, t.TEXT, from_foot=True)
        _plate(painter, self.probe, right, foot, t.TEXT, from_right=True, from_foot=True)
        self._draw_letters(painter, area, image, placement)
        if self.show_scale:
            self._draw_scale(painter, area, image, placement, device_ratio)

    def _draw_letters(self, painter: QPainter, area: QRect, image: MedicalImage, placement: Placement) -> None:
        if image.orientation is None:
            y = area.center().y() - QFontMetricsF(painter.font()).height()
            self._unknown_box = _plate(painter, self.unknown, area.left() + _MARGIN, y, t.MUTED)
            return
        painter.setFont(theme.font(t.BODY, strong=True))
        middle_x, middle_y = area.center().x(), area.center().y()
        left, right, top, bottom = placement.turn.letters(image.orientation)
        half = QFontMetricsF(painter.font()).height() / 2 + 2
        for letter, x, y in (
            (left, area.left() + _MARGIN, middle_y - half),
            (right, area.right() - _MARGIN, middle_y - half),
            (top, middle_x, area.top() + _MARGIN),
            (bottom, middle_x, area.bottom() - _MARGIN - 2 * half),
        ):
            _plate(painter, letter, x, y, t.TEXT, from_right=x > middle_x, centred=x == middle_x)

    def _draw_scale(self, painter: QPainter, area: QRect, image: MedicalImage, placement: Placement, device_ratio: float) -> None:
        if not image.spacing:
            return
        full_columns = placement.columns
        spacing = image.spacing[1] * image.shape[1] / full_columns
        per_mm = placement.scale_x / device_ratio / spacing
        length = max((mm for mm in _NICE_MM if mm * per_mm <= area.height() * 0.3), default=0)
        if not length or length * per_mm < 12:
            return
        x, middle = area.right() - 2 * _MARGIN, area.center().y()
        span = length * per_mm
        # Beside the letter of the right edge, hence in the upper half where the pane is wide enough for both.
        top = middle - 24 - span
        painter.setPen(QPen(_PLATE, 4))
        painter.drawLine(QPointF(x, top), QPointF(x, top + span))
        painter.setPen(QPen(QColor(t.MUTED), 1.5))
        painter.drawLine(QPointF(x, top), QPointF(x, top + span))
        for y in (top, top + span / 2, top + span):
            painter.drawLine(QPointF(x - 4, y), QPointF(x, y))
        text = f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm" if length >= 0.1 else f"{length * 1000:g} µm"
        painter.setFont(theme.font(t.SMALL))
        _plate(painter, text, x - 6, top + span / 2 - 9, t.MUTED, from_right=True)


def draw_measure(painter: QPainter, measure: Measure, image: MedicalImage, placement: Placement, device_ratio: float) -> None:
    """A ruler, an angle or an ellipse with its reading, dark-edged so that it shows on any picture; in logical pixels."""
    (x0, y0), (x1, y1) = placement.to_pane(*measure.start), placement.to_pane(*measure.end)
    start, end = QPointF(x0 / device_ratio, y0 / device_ratio), QPointF(x1 / device_ratio, y1 / device_ratio)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(_PLATE, 4), QPen(QColor(t.ACCENT), 1.5)):
        painter.setPen(pen)
        if measure.kind in (MeasureKind.RULER, MeasureKind.ANGLE):
            ends = [start, end]
            if measure.third is not None:
                x, y = placement.to_pane(*measure.third)
                ends.append(QPointF(x / device_ratio, y / device_ratio))
            painter.drawPolyline(ends)
            for point in ends:
                painter.drawEllipse(point, 3, 3)
        else:
            painter.drawEllipse(QRectF(start, end).normalized())
    painter.setFont(theme.font(t.SMALL))
    text, metrics, area = measure.text(image), QFontMetricsF(painter.font()), painter.window()
    # Beside the lower right end, yet never over the pane's edge.
    x = min(max(start.x(), end.x()) + 6, area.right() - metrics.horizontalAdvance(text) - 12)
    y = min(max(start.y(), end.y()) + 2, area.bottom() - metrics.height() - 6)
    shares = region_histogram(measure, image) if measure.kind is MeasureKind.REGION else None
    if shares is not None:
        y = min(y, area.bottom() - metrics.height() - _HISTOGRAM.height() - 14)
        x = min(x, area.right() - _HISTOGRAM.width() - 8)
        _draw_histogram(painter, shares, measure, QRectF(QPointF(x, y + metrics.height() + 4), _HISTOGRAM))
    _plate(painter, text, x, y, t.TEXT)
    painter.restore()


def _draw_histogram(painter: QPainter, shares: npt.NDArray[np.float64], measure: Measure, box: QRectF) -> None:
    """Bars as high as their share of the largest, with the values at both ends of the axis."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_PLATE)
    painter.drawRoundedRect(box, 3, 3)
    painter.setBrush(QColor(t.MUTED))
    plot = box.adjusted(6, 6, -6, -18)
    width, top = plot.width() / len(shares), max(float(shares.max()), 1e-9)
    for place, share in enumerate(shares):
        height = plot.height() * float(share) / top
        painter.drawRect(QRectF(plot.left() + place * width, plot.bottom() - height, max(1.0, width - 1), height))
    assert measure.span is not None
    digits = 0 if measure.span[1] - measure.span[0] >= 10 else 2
    painter.setPen(QColor(t.MUTED))
    foot = QRectF(plot.left(), plot.bottom() + 1, plot.width(), 16)
    for value, side in ((measure.span[0], Qt.AlignmentFlag.AlignLeft), (measure.span[1], Qt.AlignmentFlag.AlignRight)):
        painter.drawText(foot, int(side | Qt.AlignmentFlag.AlignVCenter), f"{value:.{digits}f}")


def _plate(
    painter: QPainter,
    text: str,
    x: float,
    y: float,
    colour: str,
    *,
    from_right: bool = False,
    from_foot: bool = False,
    centred: bool = False,
) -> QRectF:
    """Text on a half-transparent plate, legible over white and quiet over black; where it lies."""
    if not text:
        return QRectF()
    metrics = QFontMetricsF(painter.font())
    lines = text.split("\n")
    width = max(metrics.horizontalAdvance(line) for line in lines) + 8
    height = metrics.height() * len(lines) + 2
    left = x - width if from_right else (x - width / 2 if centred else x)
    box = QRectF(left, y - height if from_foot else y, width, height)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_PLATE)
    painter.drawRoundedRect(box, 3, 3)
    painter.setPen(QColor(colour))
    flags = Qt.AlignmentFlag.AlignVCenter | (Qt.AlignmentFlag.AlignRight if from_right else Qt.AlignmentFlag.AlignLeft)
    painter.drawText(box.adjusted(4, 0, -4, 0), int(flags), text)
    return box

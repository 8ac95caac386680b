"""Measuring on a frame: lengths, angles, the values in an ellipse. Qt-free; positions are (row, column) of the full frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.image import MedicalImage

Point = tuple[float, float]
HISTOGRAM_BINS = 32


class MeasureKind(StrEnum):
    RULER = "ruler"
    ANGLE = "angle"
    REGION = "region"


@dataclass(frozen=True, slots=True)
class Measure:
    """From ``start`` to ``end``: the ends of a ruler, one arm of an angle, or opposite corners of the box around an ellipse.

    third   end of the other arm of an angle, whose vertex is ``end``; None while it is not drawn.
    span    values from the left to the right end of a region's histogram, the same for every picture it is read from.
    """

    kind: MeasureKind
    start: Point
    end: Point
    third: Point | None = None
    span: tuple[float, float] | None = None

    def text(self, image: MedicalImage) -> str:
        """What is read from ``image``, which may be a proxy of the frame: mm where the spacing is known, else pixels."""
        if self.kind is MeasureKind.RULER:
            return _length_text(self, image)
        if self.kind is MeasureKind.ANGLE:
            degrees = angle(self, image)
            return "" if degrees is None else f"{degrees:.1f}°"
        return _region_text(self, image)


@dataclass(frozen=True, slots=True)
class RegionValues:
    """Finite values inside an ellipse; ``sd`` is the sample standard deviation (n - 1)."""

    mean: float
    sd: float
    count: int


def length(measure: Measure, image: MedicalImage) -> tuple[float, str]:
    """Length of a ruler with its unit, "mm" or "px"."""
    row_step, column_step = _steps(image)
    down, across = measure.end[0] - measure.start[0], measure.end[1] - measure.start[1]
    return math.hypot(down * row_step, across * column_step), "px" if image.spacing is None else "mm"


def angle(measure: Measure, image: MedicalImage) -> float | None:
    """Degrees between the two arms in the plane of the patient, 0 to 180; None while an arm has no length."""
    if measure.third is None:
        return None
    row_step, column_step = _steps(image)
    arms = [
        ((point[0] - measure.end[0]) * row_step, (point[1] - measure.end[1]) * column_step)
        for point in (measure.start, measure.third)
    ]
    (a, b), (c, d) = arms
    if math.hypot(a, b) == 0 or math.hypot(c, d) == 0:
        return None
    return math.degrees(math.atan2(abs(a * d - b * c), a * c + b * d))


def _steps(image: MedicalImage) -> tuple[float, float]:
    """mm of a row and a column of the full frame; 1 where the spacing is not known."""
    if image.spacing is None:
        return 1.0, 1.0
    rows, columns = image.full_shape or image.shape
    # A proxy's spacing is that of its own, larger pixels.
    return image.spacing[0] * image.shape[0] / rows, image.spacing[1] * image.shape[1] / columns


def region_values(measure: Measure, image: MedicalImage) -> RegionValues | None:
    """Mean and spread of what lies inside the ellipse; None where nothing does."""
    values = values_inside(measure, image)
    if values.size == 0:
        return None
    sd = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return RegionValues(float(values.mean()), sd, int(values.size))


def region_span(measure: Measure, image: MedicalImage) -> tuple[float, float] | None:
    """A range for the histogram of a region of the original in which its degraded form has room as well: half as wide again."""
    values = values_inside(measure, image)
    if values.size == 0:
        return None
    low, high = float(values.min()), float(values.max())
    room = max((high - low) / 4, (image.value_range[1] - image.value_range[0]) / 100, 1e-6)
    return low - room, high + room


def region_histogram(measure: Measure, image: MedicalImage) -> npt.NDArray[np.float64] | None:
    """Share of the region's pixels in each of ``HISTOGRAM_BINS`` equal steps of ``span``; outside it they count at its ends."""
    values = values_inside(measure, image)
    if measure.span is None or values.size == 0:
        return None
    counts, _ = np.histogram(np.clip(values, *measure.span), HISTOGRAM_BINS, measure.span)
    return counts / values.size


def values_inside(measure: Measure, image: MedicalImage) -> npt.NDArray[np.float64]:
    """Finite values of the pixels whose centres lie inside the ellipse; colour counts as its luma (BT.601)."""
    nothing = np.empty(0)
    rows, columns = image.shape
    full_rows, full_columns = image.full_shape or image.shape
    (top, bottom), (left, right) = (sorted(pair) for pair in zip(measure.start, measure.end, strict=True))
    top, bottom = top * rows / full_rows, bottom * rows / full_rows
    left, right = left * columns / full_columns, right * columns / full_columns
    if bottom <= top or right <= left:
        return nothing
    r0, r1 = max(0, math.floor(top)), min(rows, math.ceil(bottom))
    c0, c1 = max(0, math.floor(left)), min(columns, math.ceil(right))
    if r1 <= r0 or c1 <= c0:
        return nothing
    y = (np.arange(r0, r1) + 0.5 - (top + bottom) / 2) / ((bottom - top) / 2)
    x = (np.arange(c0, c1) + 0.5 - (left + right) / 2) / ((right - left) / 2)
    part = image.pixels[r0:r1, c0:c1]
    if image.is_rgb:
        part = part @ np.array([0.299, 0.587, 0.114], np.float32)
    values = part[np.add.outer(y**2, x**2) <= 1].astype(np.float64)
    finite: npt.NDArray[np.float64] = values[np.isfinite(values)]
    return finite


def _length_text(measure: Measure, image: MedicalImage) -> str:
    value, unit = length(measure, image)
    return f"{value:.1f} {unit}"


def _region_text(measure: Measure, image: MedicalImage) -> str:
    values = region_values(measure, image)
    if values is None:
        return ""
    span = image.value_range[1] - image.value_range[0]
    digits = 1 if span >= 50 else 3
    unit = f" {image.unit}" if image.unit == "HU" else ""
    return f"mean {values.mean:.{digits}f}{unit}  SD {values.sd:.{digits}f}  n {values.count:,}"

"""Measuring on a frame: a length, mean and spread within an ellipse. Qt-free; positions are (row, column) of the full frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from medqdeg_desktop.engine.image import MedicalImage

Point = tuple[float, float]


class MeasureKind(StrEnum):
    RULER = "ruler"
    REGION = "region"


@dataclass(frozen=True, slots=True)
class Measure:
    """From ``start`` to ``end``: the ends of a ruler, or opposite corners of the box around an ellipse."""

    kind: MeasureKind
    start: Point
    end: Point

    def text(self, image: MedicalImage) -> str:
        """What is read from ``image``, which may be a proxy of the frame: mm where the spacing is known, else pixels."""
        return _length_text(self, image) if self.kind is MeasureKind.RULER else _region_text(self, image)


@dataclass(frozen=True, slots=True)
class RegionValues:
    """Finite values inside an ellipse; ``sd`` is the sample standard deviation (n - 1)."""

    mean: float
    sd: float
    count: int


def length(measure: Measure, image: MedicalImage) -> tuple[float, str]:
    """Length of a ruler with its unit, "mm" or "px"."""
    rows, columns = image.full_shape or image.shape
    down, across = measure.end[0] - measure.start[0], measure.end[1] - measure.start[1]
    if image.spacing is None:
        return math.hypot(down, across), "px"
    # A proxy's spacing is that of its own, larger pixels.
    row_mm, column_mm = image.spacing[0] * image.shape[0] / rows, image.spacing[1] * image.shape[1] / columns
    return math.hypot(down * row_mm, across * column_mm), "mm"


def region_values(measure: Measure, image: MedicalImage) -> RegionValues | None:
    """Values of the pixels whose centres lie inside the ellipse; colour counts as its luma (BT.601). None where there is none."""
    rows, columns = image.shape
    full_rows, full_columns = image.full_shape or image.shape
    (top, bottom), (left, right) = (sorted(pair) for pair in zip(measure.start, measure.end, strict=True))
    top, bottom = top * rows / full_rows, bottom * rows / full_rows
    left, right = left * columns / full_columns, right * columns / full_columns
    if bottom <= top or right <= left:
        return None
    r0, r1 = max(0, math.floor(top)), min(rows, math.ceil(bottom))
    c0, c1 = max(0, math.floor(left)), min(columns, math.ceil(right))
    if r1 <= r0 or c1 <= c0:
        return None
    y = (np.arange(r0, r1) + 0.5 - (top + bottom) / 2) / ((bottom - top) / 2)
    x = (np.arange(c0, c1) + 0.5 - (left + right) / 2) / ((right - left) / 2)
    part = image.pixels[r0:r1, c0:c1]
    if image.is_rgb:
        part = part @ np.array([0.299, 0.587, 0.114], np.float32)
    values = part[np.add.outer(y**2, x**2) <= 1].astype(np.float64)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return None
    sd = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return RegionValues(float(values.mean()), sd, int(values.size))


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

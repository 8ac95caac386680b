"""From native values to the bytes a pane blits: the visible part, area-averaged to device pixels, windowed.

Qt-free. Shrinking averages the native values before the window is applied: each device pixel then shows the mean of what it
covers (no aliasing, no bias where the window clips), and a window drag touches only as many pixels as the pane has. Enlarging is
left to the painter.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Pixels, Window
from medqdeg_desktop.ui.viewer.viewport import Placement


@dataclass(frozen=True, slots=True)
class Picture:
    """uint8 ``pixels`` (rows, columns) or (rows, columns, 3) to be drawn over the device rectangle left, top, width, height."""

    pixels: Pixels
    left: float
    top: float
    width: float
    height: float


class PictureMaker:
    """Makes a pane's picture and keeps the resampled values of the last one: windowing again costs no resampling."""

    def __init__(self) -> None:
        self._key: tuple[int, Placement] | None = None
        self._part: MedicalImage | None = None
        self._image: MedicalImage | None = None
        self._target = (0.0, 0.0, 0.0, 0.0)

    def make(self, image: MedicalImage, placement: Placement, window: Window | None, inverted: bool) -> Picture | None:
        """None when no part of ``image`` is visible. ``placement`` is that of the full frame, ``image`` may be a proxy."""
        if self._key != (id(image.pixels), placement):
            self._part = self._resampled(image, placement)
            # Holding the image keeps its id from being given to another.
            self._key, self._image = (id(image.pixels), placement), image
        if self._part is None:
            return None
        return Picture(to_display(self._part, window, invert=inverted), *self._target)

    def _resampled(self, image: MedicalImage, placement: Placement) -> MedicalImage | None:
        first_row, end_row, first_column, end_column = placement.visible()
        if end_row <= first_row or end_column <= first_column:
            return None
        rows, columns = image.shape
        by_row, by_column = rows / placement.rows, columns / placement.columns
        r0, r1 = int(first_row * by_row), min(rows, int(np.ceil(end_row * by_row)))
        c0, c1 = int(first_column * by_column), min(columns, int(np.ceil(end_column * by_column)))
        scale_x, scale_y = placement.scale_x / by_column, placement.scale_y / by_row
        left, top = placement.to_pane(r0 / by_row, c0 / by_column)
        width, height = (c1 - c0) * scale_x, (r1 - r0) * scale_y
        part = image.pixels[r0:r1, c0:c1]
        if scale_x < 1 or scale_y < 1:
            size = (max(1, round(width)), max(1, round(height)))
            part = _shrunk(part, size)
            left, top, width, height = round(left), round(top), size[0], size[1]
        self._target = (float(left), float(top), float(width), float(height))
        return image.with_pixels(np.ascontiguousarray(part))


def _shrunk(part: Pixels, size: tuple[int, int]) -> Pixels:
    if size[0] <= part.shape[1] and size[1] <= part.shape[0]:
        return cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)


def difference(original: MedicalImage, degraded: MedicalImage, window: Window | None) -> tuple[MedicalImage, Window | None]:
    """Degraded minus original as a frame around mid-grey and the window to show it with (half the width in force).

    A proxy is compared with the original's own proxy. Colour is shown as 128 + half the difference of each channel.
    """
    if degraded.shape != original.shape:
        original = original.proxy(max(degraded.shape))
    if degraded.is_rgb:
        half = (degraded.pixels.astype(np.int16) - original.pixels) // 2
        return degraded.with_pixels((half + 128).astype(np.uint8)), None
    width = window.width if window else original.value_range[1] - original.value_range[0]
    frame = MedicalImage(
        pixels=np.subtract(degraded.pixels, original.pixels),
        modality=degraded.modality,
        unit=degraded.unit,
        spacing=degraded.spacing,
        value_range=original.value_range,
        voi_function="LINEAR_EXACT",
        full_shape=degraded.full_shape,
    )
    return frame, Window(0.0, max(width / 2, 1e-6))


def value_at(image: MedicalImage, placement_shape: tuple[int, int], row: float, column: float) -> tuple[float, ...] | None:
    """The native value (three for colour) under a position of the full frame; None outside."""
    rows, columns = image.shape
    r, c = int(row * rows // placement_shape[0]), int(column * columns // placement_shape[1])
    if not (0 <= r < rows and 0 <= c < columns and row >= 0 and column >= 0):
        return None
    value = image.pixels[r, c]
    return tuple(float(v) for v in np.atleast_1d(value))

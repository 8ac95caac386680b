"""From native values to the bytes a pane blits: the visible part, resampled to device pixels, windowed.

Qt-free. Resampling comes before the window: a device pixel that covers several stored ones shows their mean (no aliasing, no bias
where the window clips), one between stored ones their bilinear value or the nearest, and a window drag touches only as many
pixels as the pane has. The result is always blitted 1:1, so that two panes, or a flicker, differ by the pixels alone.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Pixels, Window
from medqdeg_desktop.ui.viewer.dither import dithered
from medqdeg_desktop.ui.viewer.viewport import Placement


@dataclass(frozen=True, slots=True)
class Picture:
    """uint8 ``pixels`` (rows, columns) or (rows, columns, 3) whose corner lies on the pane's device pixel (left, top)."""

    pixels: Pixels
    left: int
    top: int


_Key = tuple[int, Placement, bool]
#: Prepared pictures that are kept, and the largest that is prepared, in device pixels of its pane.
_READY_AT_MOST, _READY_PIXELS = 64, 512 * 512


class _Ready:
    """Pictures that were resampled before a pane asks for them, on any thread; they do not keep the frames alive."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, tuple[weakref.ref[Pixels], MedicalImage, tuple[int, int]]] = OrderedDict()
        self._lock = threading.Lock()

    def found(self, image: MedicalImage, key: _Key) -> tuple[MedicalImage, tuple[int, int]] | None:
        with self._lock:
            kept = self._kept.get(key)
        return (kept[1], kept[2]) if kept is not None and kept[0]() is image.pixels else None

    def keep(self, image: MedicalImage, key: _Key, part: MedicalImage, corner: tuple[int, int]) -> None:
        with self._lock:
            self._kept[key] = (weakref.ref(image.pixels), part, corner)
            while len(self._kept) > _READY_AT_MOST:
                self._kept.popitem(last=False)


_READY = _Ready()


def prepare(image: MedicalImage, placement: Placement) -> None:
    """Resamples ``image`` for a pane that will show it so, on a thread that knows what comes next; not for large panes."""
    key = (id(image.pixels), placement, True)
    if placement.width * placement.height > _READY_PIXELS or _READY.found(image, key) is not None:
        return
    maker = PictureMaker()
    part = maker._resampled(image, placement, True)
    # What is not resampled is a part of the frame itself, which must not be kept alive.
    if part is not None and not np.shares_memory(part.pixels, image.pixels):
        _READY.keep(image, key, part, maker._corner)


class PictureMaker:
    """Makes a pane's picture and keeps the resampled values of the last one: windowing again costs no resampling."""

    def __init__(self) -> None:
        self._key: tuple[int, Placement, bool] | None = None
        self._part: MedicalImage | None = None
        self._image: MedicalImage | None = None
        self._corner = (0, 0)

    def make(
        self,
        image: MedicalImage,
        placement: Placement,
        window: Window | None,
        inverted: bool,
        *,
        smooth: bool = True,
        dither: bool = False,
    ) -> Picture | None:
        """None when no part of ``image`` is visible. ``placement`` is that of the full frame, ``image`` may be a proxy.

        smooth  bilinear where stored pixels are enlarged, else each is a square.
        dither  greys between two of the 256 by a fixed pattern (``dither``), else each rounded by itself.
        """
        key = (id(image.pixels), placement, smooth)
        if self._key != key:
            # Holding the image keeps its id from being given to another.
            self._key, self._image = key, image
            ready = _READY.found(image, key)
            if ready is not None:
                self._part, self._corner = ready
            else:
                self._part = self._resampled(image, placement, smooth)
        if self._part is None:
            return None
        part = dithered(self._part, window, self._corner) if dither else self._part
        return Picture(to_display(part, window, invert=inverted), *self._corner)

    def _resampled(self, image: MedicalImage, placement: Placement, smooth: bool) -> MedicalImage | None:
        left, top, right, bottom = visible(placement)
        if right <= left or bottom <= top:
            return None
        self._corner = placement.corner(left, top, right, bottom)
        rows, columns = image.shape
        # Device pixels a stored pixel of this image (a proxy has fewer than the frame).
        scale_x, scale_y = placement.scale_x * placement.columns / columns, placement.scale_y * placement.rows / rows
        first_row, end_row = _span(top, bottom, placement.top, scale_y, rows)
        first_column, end_column = _span(left, right, placement.left, scale_x, columns)
        part = image.pixels[first_row:end_row, first_column:end_column]
        size = (right - left, bottom - top)
        whole = part.shape[:2] == (rows, columns)
        if scale_x == scale_y == 1:
            part = np.ascontiguousarray(part)
        elif scale_x < 1 and scale_y < 1:
            part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        elif not smooth:
            down = np.floor((np.arange(top, bottom) + 0.5 - placement.top) / scale_y).astype(np.intp).clip(0, rows - 1)
            across = np.floor((np.arange(left, right) + 0.5 - placement.left) / scale_x).astype(np.intp).clip(0, columns - 1)
            part = image.pixels[np.ix_(down, across)]
        elif whole:
            part = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
        else:
            # Centre of device pixel (x, y) in coordinates of ``part``, whose pixel centres are whole numbers.
            matrix = np.array(
                [
                    [1 / scale_x, 0, (left + 0.5 - placement.left) / scale_x - 0.5 - first_column],
                    [0, 1 / scale_y, (top + 0.5 - placement.top) / scale_y - 0.5 - first_row],
                ]
            )
            how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            part = cv2.warpAffine(part, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
        # Turned when it is small: the same values as upright, each somewhere else.
        return image.with_pixels(np.ascontiguousarray(placement.turn.pixels(part)))


def visible(placement: Placement) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) in whole device pixels of the sheet, of what the pane shows of the frame."""
    right = placement.left + max(1, round(placement.columns * placement.scale_x))
    bottom = placement.top + max(1, round(placement.rows * placement.scale_y))
    return max(0, placement.left), max(0, placement.top), min(placement.width, right), min(placement.height, bottom)


def _span(low: int, high: int, origin: int, scale: float, count: int) -> tuple[int, int]:
    """First and end index of the stored pixels that device pixels ``low`` to ``high`` take their values from."""
    margin = 1 if scale > 1 else 0  # the neighbour that interpolation looks at
    first = math.floor((low - origin) / scale + 1e-9) - margin
    end = math.ceil((high - origin) / scale - 1e-9) + margin
    return min(max(first, 0), count - 1), max(min(end, count), 1)


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
        orientation=degraded.orientation,
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

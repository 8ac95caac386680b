"""Greys between the 256 that a screen is given: a fixed pattern decides which of the two neighbours a pixel gets.

CT and X-ray hold thousands of values; rounded to 256 greys, a smooth ramp becomes steps with edges that are not in the patient.
A pattern of thresholds without low frequencies (blue noise), added before the rounding, keeps the mean of every small area right
and puts what is wrong into the finest grain, below one grey. The pattern belongs to the pane's device pixels and never changes:
it does not boil while slices go by, and original and degraded picture at one place meet the same thresholds. A picture of 256
values over its whole range comes out as it is. What is written, sent or measured never passes here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.image import MedicalImage, Window

_SIDE = 128
_SEED = 20_260
_ROUNDS = 12


@cache
def thresholds() -> npt.NDArray[np.float32]:
    """(128, 128) float32, each of 16,384 evenly spaced values between -0.5 and 0.5 once, without low frequencies; it tiles.

    White noise is high-passed and made uniform again by rank, in turn; a few rounds settle it.
    """
    down, across = np.meshgrid(np.fft.fftfreq(_SIDE), np.fft.fftfreq(_SIDE), indexing="ij")
    high_pass = 1 - np.exp(-(down**2 + across**2) / (2 * 0.22**2))
    pattern = np.random.default_rng(_SEED).random((_SIDE, _SIDE))
    for _ in range(_ROUNDS):
        filtered = np.fft.ifft2(np.fft.fft2(pattern) * high_pass).real
        ranks = np.empty(_SIDE * _SIDE)
        ranks[np.argsort(filtered, axis=None, kind="stable")] = np.arange(_SIDE * _SIDE)
        pattern = ((ranks + 0.5) / (_SIDE * _SIDE) - 0.5).reshape(_SIDE, _SIDE)
    return pattern.astype(np.float32)


def dithered(image: MedicalImage, window: Window | None, corner: tuple[int, int]) -> MedicalImage:
    """``image`` (already at device pixels) with each value moved by less than half a grey of ``window``.

    corner  device pixel (left, top) of the pane on which the image's first pixel falls.

    Colour and pictures through a VOI table, whose steps are the file's own, are returned as they are.
    """
    shown = window or image.window
    if image.is_rgb or (window is None and image.voi_lut is not None):
        return image
    low, high = (shown.low, shown.high) if shown is not None else image.value_range
    width = high - low - (1 if shown is not None and image.voi_function == "LINEAR" else 0)
    if width <= 0:
        return image
    # The sigmoid is steepest in its middle, where one grey spans as much as in the straight window of its width.
    moved = cv2.scaleAdd(
        _tiled(*image.shape, corner[0] % _SIDE, corner[1] % _SIDE), width / 255, np.ascontiguousarray(image.pixels)
    )
    return replace(image, pixels=moved)


@lru_cache(maxsize=4)
def _tiled(rows: int, columns: int, left: int, top: int) -> npt.NDArray[np.float32]:
    """The pattern over ``rows`` x ``columns`` as it lies on a pane; the last few are kept, since panes keep their size."""
    repeats = (-(-(rows + top) // _SIDE), -(-(columns + left) // _SIDE))
    return np.ascontiguousarray(np.tile(thresholds(), repeats)[top : top + rows, left : left + columns])

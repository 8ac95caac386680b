"""A file's overlay planes drawn over its picture: light lines with a dark edge, legible on black and on white.

Qt-free. A line of one stored pixel stays visible however small the picture is shown: shrinking keeps the largest share.
"""

from __future__ import annotations

import cv2
import numpy as np

from medqdeg_desktop.engine.image import Pixels
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.viewer.picture import Picture, visible
from medqdeg_desktop.ui.viewer.viewport import Placement

_EDGE = 0.7
_COLOUR = tuple(int(t.TEXT[i : i + 2], 16) for i in (5, 3, 1))


class PlaneMaker:
    """Makes the drawing of a pane and keeps the last one: a window drag changes nothing of it."""

    def __init__(self) -> None:
        self._key: tuple[int, Placement] | None = None
        self._mask: Pixels | None = None
        self._picture: Picture | None = None

    def make(self, mask: Pixels, placement: Placement) -> Picture | None:
        """``mask`` (rows, columns) uint8 of the full frame as premultiplied BGRA; None where nothing of it is in sight."""
        key = (id(mask), placement)
        if self._key != key:
            # Holding the mask keeps its id from being given to another.
            self._key, self._mask = key, mask
            self._picture = _drawn(mask, placement)
        return self._picture


def _drawn(mask: Pixels, placement: Placement) -> Picture | None:
    left, top, right, bottom = visible(placement)
    if right <= left or bottom <= top:
        return None
    rows, columns = mask.shape
    # Shrunk, a device pixel takes the brightest stored pixel that it covers.
    high, wide = (max(1, int(np.ceil(1 / scale))) for scale in (placement.scale_y, placement.scale_x))
    if high > 1 or wide > 1:
        mask = cv2.dilate(mask, np.ones((high, wide), np.uint8))
    down = np.floor((np.arange(top, bottom) + 0.5 - placement.top) / placement.scale_y).astype(np.intp).clip(0, rows - 1)
    across = np.floor((np.arange(left, right) + 0.5 - placement.left) / placement.scale_x).astype(np.intp).clip(0, columns - 1)
    shown = mask[np.ix_(down, across)]
    if not shown.any():
        return None
    edge = cv2.dilate(shown, np.ones((3, 3), np.uint8))
    drawn = np.empty((*shown.shape, 4), np.uint8)
    for channel, value in enumerate(_COLOUR):
        drawn[..., channel] = (shown > 0) * np.uint8(value)
    drawn[..., 3] = np.maximum(shown, (edge * _EDGE).astype(np.uint8))
    return Picture(np.ascontiguousarray(placement.turn.pixels(drawn)), *placement.corner(left, top, right, bottom))

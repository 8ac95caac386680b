"""The region that a question is about, kept as data and drawn on finished pictures where that is asked for.

A region is a JSON object in pixels of the frame as it is read: x to the right, y downwards, 0 at the middle of the upper left
pixel. ``{"kind": "box" | "ellipse", "at": [left, top, right, bottom]}`` or ``{"kind": "contour", "points": [[x, y], ...]}``;
``image`` (from 0) names the picture of several. Drawn after the degradation, the mark is equally sharp at every level, unlike
a mark that the source burned into its picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.engine.image import Pixels

KINDS: Final = ("box", "ellipse", "contour")
_COLOUR: Final = (0, 255, 0)
# The line's width as a fraction of the shorter side: one pixel at 256, two at 512.
_WIDTH: Final = 1 / 256
_SHIFT: Final = 4
_STEPS: Final = 180


class RegionError(BankError):
    """A region that cannot be drawn."""


def problem(region: Mapping[str, Any], shape: tuple[int, ...] | None = None) -> str:
    """What is wrong with ``region``, on pictures of ``shape`` (rows, columns, ...) where known; "" when it can be drawn."""
    try:
        points = outline(region)
    except RegionError as error:
        return str(error)
    if shape is not None:
        rows, columns = shape[:2]
        low, high = points.min(axis=0), points.max(axis=0)
        if low[0] < -0.5 or low[1] < -0.5 or high[0] > columns - 0.5 or high[1] > rows - 0.5:
            return f"the region reaches out of the picture of {columns} x {rows} pixels"
    return ""


def outline(region: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """The corners of the region's closed outline, (n, 2) float64 x and y. RegionError says what is wrong with it."""
    kind = region.get("kind")
    if kind not in KINDS:
        raise RegionError(f"region of kind {kind!r} is none of {', '.join(KINDS)}")
    if region.get("space", "pixels") != "pixels":
        raise RegionError(f"region in {region['space']!r} is not in pixels")
    if not isinstance(region.get("image", 0), int) or region.get("image", 0) < 0:
        raise RegionError("image of the region is no whole number from 0")
    if kind == "contour":
        points = _numbers(region.get("points"), 2)
        if len(points) < 3:
            raise RegionError("a contour has three points or more")
        return points
    at = _numbers([region.get("at")], 4)[0]
    left, top, right, bottom = at
    if right <= left or bottom <= top:
        raise RegionError(f"region {at.tolist()} is not [left, top, right, bottom]")
    if kind == "box":
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    angle = np.arange(_STEPS) * (2 * math.pi / _STEPS)
    middle, half = np.array([left + right, top + bottom]) / 2, np.array([right - left, bottom - top]) / 2
    return middle + half * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def drawn(picture: Pixels, region: Mapping[str, Any], image_index: int = 0) -> Pixels:
    """``picture`` (8-bit grey or RGB) with the outline of ``region`` in green, RGB; as it is when the region lies on another."""
    if region.get("image", 0) != image_index:
        return picture
    points = outline(region)
    out = np.ascontiguousarray(np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture.copy())
    corners = np.rint(points * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2)
    width = max(1, round(min(out.shape[:2]) * _WIDTH))
    cv2.polylines(out, [corners], True, _COLOUR, width, cv2.LINE_AA, _SHIFT)
    return out


def _numbers(value: Any, count: int) -> npt.NDArray[np.float64]:
    """(n, ``count``) from a list of lists of numbers; RegionError for anything else."""
    what = "points [x, y]" if count == 2 else "at [left, top, right, bottom]"
    try:
        found = np.array(value, np.float64)
    except (TypeError, ValueError):
        raise RegionError(f"region without {what}") from None
    if found.ndim != 2 or found.shape[1] != count or not np.isfinite(found).all() or np.abs(found).max(initial=0) > 1e6:
        raise RegionError(f"region without {what}")
    return found

"""Drawing and changing a region with the mouse, without a screen: what is under the pointer, and what a drag makes of it.

Points are (x, y) in pixels of the frame as ``bank.region`` counts them: 0 at the middle of the upper left pixel. Everything
stays inside the frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np

from medqdeg_desktop.bank.region import outline

Point = tuple[float, float]
Region = dict[str, Any]

#: Corners and edges of a box as (column, row) of its 3 x 3 grid.
HANDLES: Final = ((0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1))
#: What is hit besides a handle: the inside or the line itself, which move the whole.
BODY: Final = -1
#: A contour with more corners than this has been drawn freehand: it is moved, not bent corner by corner.
_MOST_CORNERS: Final = 24
#: How far (pixels) a freehand line may be straightened, and the smallest side of a region.
_STRAIGHTEN: Final = 0.4
SMALLEST: Final = 1.0


def inside(point: Point, shape: tuple[int, int]) -> Point:
    """``point`` or the nearest one in a frame of ``shape`` (rows, columns)."""
    rows, columns = shape
    return (min(max(point[0], -0.5), columns - 0.5), min(max(point[1], -0.5), rows - 0.5))


def dragged_box(kind: str, start: Point, end: Point, shape: tuple[int, int], *, even: bool = False) -> Region | None:
    """A box or ellipse from corner to corner, with equal sides inside a frame of ``shape`` if ``even``; None without a size."""
    width, height = end[0] - start[0], end[1] - start[1]
    if even:
        # The longer way of the hand, as far as the frame reaches on both sides.
        corner = (math.copysign(math.inf, width), math.copysign(math.inf, height))
        room = min(abs(edge - at) for edge, at in zip(inside(corner, shape), start, strict=True))
        side = min(max(abs(width), abs(height)), room)
        width, height = math.copysign(side, width), math.copysign(side, height)
    left, right = sorted((start[0], start[0] + width))
    top, bottom = sorted((start[1], start[1] + height))
    if right - left < SMALLEST or bottom - top < SMALLEST:
        return None
    return {"kind": kind, "at": [_exact(v) for v in (left, top, right, bottom)]}


def closed_contour(points: Sequence[Point]) -> Region | None:
    """The contour through ``points``, without those that add nothing to its line; None where it encloses nothing."""
    if len(points) < 3:
        return None
    line = cv2.approxPolyDP(np.asarray(points, np.float32).reshape(-1, 1, 2), _STRAIGHTEN, True).reshape(-1, 2)
    if len(line) < 3 or abs(cv2.contourArea(line)) < SMALLEST**2:
        return None
    return {"kind": "contour", "points": [[_exact(x), _exact(y)] for x, y in line.tolist()]}


def handles(region: Region) -> list[Point]:
    """Where the region can be taken hold of."""
    if region["kind"] == "contour":
        points = region["points"]
        return [(x, y) for x, y in points] if len(points) <= _MOST_CORNERS else []
    left, top, right, bottom = region["at"]
    across, down = (left, (left + right) / 2, right), (top, (top + bottom) / 2, bottom)
    return [(across[column], down[row]) for column, row in HANDLES]


def hit(region: Region, point: Point, reach: tuple[float, float]) -> int | None:
    """The handle under ``point``, ``BODY`` for the region itself, None for neither; ``reach`` is in pixels across and down."""
    for number, (x, y) in enumerate(handles(region)):
        if abs(point[0] - x) <= reach[0] and abs(point[1] - y) <= reach[1]:
            return number
    line = outline(region).astype(np.float32).reshape(-1, 1, 2)
    off = cv2.pointPolygonTest(line, (float(point[0]), float(point[1])), True)
    return BODY if off >= -max(reach) else None


def moved(region: Region, by: Point, shape: tuple[int, int]) -> Region:
    """The region shifted by ``by``, as far as the frame lets it."""
    points = outline(region)
    low, high = points.min(axis=0), points.max(axis=0)
    rows, columns = shape
    dx = min(max(by[0], -0.5 - low[0]), columns - 0.5 - high[0])
    dy = min(max(by[1], -0.5 - low[1]), rows - 0.5 - high[1])
    if region["kind"] == "contour":
        return region | {"points": [[_exact(x + dx), _exact(y + dy)] for x, y in region["points"]]}
    left, top, right, bottom = region["at"]
    return region | {"at": [_exact(left + dx), _exact(top + dy), _exact(right + dx), _exact(bottom + dy)]}


def bent(region: Region, handle: int, to: Point) -> Region:
    """The region with one handle at ``to``; a box turned inside out stays a box."""
    if region["kind"] == "contour":
        points = [list(point) for point in region["points"]]
        points[handle] = [_exact(to[0]), _exact(to[1])]
        return region | {"points": points}
    left, top, right, bottom = region["at"]
    column, row = HANDLES[handle]
    if column == 0:
        left = min(to[0], right - SMALLEST)
    elif column == 2:
        right = max(to[0], left + SMALLEST)
    if row == 0:
        top = min(to[1], bottom - SMALLEST)
    elif row == 2:
        bottom = max(to[1], top + SMALLEST)
    return region | {"at": [_exact(v) for v in (left, top, right, bottom)]}


def _exact(value: float) -> float:
    """Hundredths of a pixel: finer than a hand, and short in the file."""
    return round(float(value), 2) + 0.0

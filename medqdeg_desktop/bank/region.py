"""The region that a question is about, kept as data and drawn on finished pictures where that is asked for.

A region is a JSON object in pixels of the frame as it is read: x to the right, y downwards, 0 at the middle of the upper left
pixel. ``{"kind": "box" | "ellipse", "at": [left, top, right, bottom]}`` or ``{"kind": "contour", "points": [[x, y], ...]}``;
``image`` (from 0) names the picture of several. ``patient`` holds the same corners in patient coordinates where the frame's
place is known (``located``), so that the region can be found again on another frame (``projected``). Drawn after the
degradation, the mark is equally sharp at every level, unlike a mark that the source burned into its picture.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.engine.image import Pixels
from medqdeg_desktop.engine.reading.geometry import FramePlane

KINDS: Final = ("box", "ellipse", "contour")
PATIENT_UNIT: Final = "LPS mm"
_COLOUR: Final = (0, 255, 0)
# The line's width as a fraction of the shorter side: one pixel at 256, two at 512.
_WIDTH: Final = 1 / 256
_SHIFT: Final = 4
_STEPS: Final = 180
#: The points that stand for a box or an ellipse in patient coordinates.
_BOX_CORNERS: Final = 4
#: Pixels by which a corner may leave an upright box before the box counts as turned.
_UPRIGHT_WITHIN: Final = 0.05


class RegionError(BankError):
    """A region that cannot be drawn."""


def problem(region: Mapping[str, Any], shape: tuple[int, ...] | None = None) -> str:
    """What is wrong with ``region``, on pictures of ``shape`` (rows, columns, ...) where known; "" when it can be drawn."""
    try:
        points = outline(region)
    except RegionError as error:
        return str(error)
    if wrong := _patient_problem(region.get("patient"), len(points) if region.get("kind") == "contour" else _BOX_CORNERS):
        return wrong
    if shape is not None:
        rows, columns = shape[:2]
        low, high = points.min(axis=0), points.max(axis=0)
        if low[0] < -0.5 or low[1] < -0.5 or high[0] > columns - 0.5 or high[1] > rows - 0.5:
            return f"the region reaches out of the picture of {columns} x {rows} pixels"
    return ""


def mark_key(region: Mapping[str, Any] | None) -> str:
    """What tells one mark from another: its shape, corners and picture; "" without one. Patient coordinates only repeat it."""
    if region is None:
        return ""
    return json.dumps({key: value for key, value in region.items() if key != "patient"}, sort_keys=True)


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


def located(region: Mapping[str, Any], plane: FramePlane | None) -> dict[str, Any]:
    """``region`` with its corners in patient coordinates where ``plane`` tells where the frame lies, without them where not.

    ``patient`` is ``{"unit": "LPS mm", "frame_of_reference": hash, "points": [[x, y, z], ...]}``: the four corners of a box, or
    of the box around an ellipse, clockwise from the upper left, or the points of a contour.
    """
    plain = {key: value for key, value in region.items() if key != "patient"}
    if plane is None:
        return plain
    points = np.round(plane.to_patient(_corners(plain)), 4) + 0.0
    told = {"unit": PATIENT_UNIT, "frame_of_reference": plane.frame_of_reference, "points": points.tolist()}
    return plain | {"patient": told}


def projected(region: Mapping[str, Any], plane: FramePlane) -> dict[str, Any] | None:
    """``region`` in pixels of another frame of the same patient; None where that frame does not lie in the region's plane.

    Frames share a place only where both name the same frame of reference, and the region's corners lie within half a step of
    the frame (half a millimetre where the step is not known). What is turned by the change of frame becomes a contour.
    """
    told = region.get("patient")
    if not told or not told.get("frame_of_reference") or told["frame_of_reference"] != plane.frame_of_reference:
        return None
    pixels, off = plane.to_pixels(_numbers(told.get("points"), 3))
    if np.abs(off).max() > _reach(plane):
        return None
    kind = region.get("kind")
    if kind != "contour":
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        upright = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
        # A frame may be mirrored or turned by a right angle: the box stays a box, from whichever corner it is walked.
        if np.sqrt(((pixels[:, None] - upright[None]) ** 2).sum(-1)).min(axis=1).max() < _UPRIGHT_WITHIN:
            return {"kind": kind, "at": [*_rounded(low), *_rounded(high)]}
        if kind == "ellipse":
            middle = pixels.mean(axis=0)
            right, down = (pixels[1] - pixels[0]) / 2, (pixels[3] - pixels[0]) / 2
            angle = np.arange(_STEPS)[:, None] * (2 * math.pi / _STEPS)
            pixels = middle + np.cos(angle) * right + np.sin(angle) * down
    return {"kind": "contour", "points": [_rounded(point) for point in pixels]}


def projected_all(regions: Sequence[Mapping[str, Any]], plane: FramePlane) -> list[dict[str, Any]]:
    """Those of ``regions`` that lie on the frame of ``plane``, ``projected``; quick where most lie on other frames."""
    shared = [
        region
        for region in regions
        if plane.frame_of_reference and (region.get("patient") or {}).get("frame_of_reference") == plane.frame_of_reference
    ]
    if not shared:
        return []
    off = plane.to_pixels(np.array([region["patient"]["points"][0] for region in shared], np.float64))[1]
    near = np.flatnonzero(np.abs(off) <= _reach(plane))
    found = (projected(shared[int(n)], plane) for n in near)
    return [region for region in found if region is not None]


def _reach(plane: FramePlane) -> float:
    """mm from the frame within which a point counts as lying on it."""
    return max((plane.step or 0.0) / 2, 0.5)


def _corners(region: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """The points that stand for the region in patient coordinates, (n, 2)."""
    if region.get("kind") == "ellipse":
        return outline({"kind": "box", "at": region.get("at")})
    return outline(region)


def _rounded(point: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in point]


def _patient_problem(told: Any, count: int) -> str:
    """What is wrong with the patient coordinates of a region that ``count`` points stand for."""
    if told is None:
        return ""
    if not isinstance(told, Mapping) or told.get("unit") != PATIENT_UNIT or not isinstance(told.get("frame_of_reference"), str):
        return f"patient coordinates of the region are not {PATIENT_UNIT} with their frame_of_reference"
    try:
        found = len(_numbers(told.get("points"), 3))
    except RegionError as error:
        return str(error)
    return "" if found == count else f"patient coordinates of the region have {found} points, its outline has {count}"


def _numbers(value: Any, count: int) -> npt.NDArray[np.float64]:
    """(n, ``count``) from a list of lists of numbers; RegionError for anything else."""
    what = {2: "points [x, y]", 3: "points [x, y, z]", 4: "at [left, top, right, bottom]"}[count]
    try:
        found = np.array(value, np.float64)
    except (TypeError, ValueError):
        raise RegionError(f"region without {what}") from None
    if (
        found.ndim != 2
        or found.shape[1] != count
        or not np.isfinite(found).all()
        or np.abs(found).max(initial=0) > 1e6
        or not found.size
    ):
        raise RegionError(f"region without {what}")
    return found

"""Patient geometry: orientation letters, slice normals, order along the normal, and what is odd about a stack.

Coordinates are DICOM's: x to the patient's Left, y to Posterior, z to the Head (LPS), in mm (PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
#: A second letter joins when the direction is nearer to the diagonal than to the axis, as the points of a compass.
_SECOND_LETTER = math.sin(math.radians(22.5))


def direction_letters(direction: Sequence[float] | Vector) -> str:
    """The anatomical direction that a vector (LPS) points to: "L", "AR", "HP", ...; largest component first."""
    parts = sorted(zip(direction, _LETTERS, strict=True), key=lambda part: -abs(part[0]))
    return "".join(pair[0] if c > 0 else pair[1] for i, (c, pair) in enumerate(parts) if i == 0 or abs(c) > _SECOND_LETTER)


def edge_letters(orientation: Sequence[float]) -> tuple[str, str, str, str]:
    """(left, right, top, bottom) letters of an image from its six direction cosines.

    The first three cosines point along a row, to the right edge; the last three down a column, to the bottom edge.
    """
    along_row, down_column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    return (
        direction_letters(-along_row),
        direction_letters(along_row),
        direction_letters(-down_column),
        direction_letters(down_column),
    )


def slice_normal(orientation: Sequence[float]) -> Vector:
    """Unit vector row x column: frames are put in ascending order along it."""
    normal = np.cross(np.asarray(orientation[:3], float), np.asarray(orientation[3:], float))
    length = float(np.linalg.norm(normal))
    return normal / length if length > 0 else normal


def valid_orientation(values: Sequence[float] | None) -> tuple[float, ...] | None:
    """The six cosines, or None unless they are two perpendicular unit vectors (a wrong optional tag hides no image)."""
    if values is None or len(values) != 6 or not all(math.isfinite(v) for v in values):
        return None
    row, column = np.asarray(values[:3]), np.asarray(values[3:])
    if abs(np.linalg.norm(row) - 1) > 0.01 or abs(np.linalg.norm(column) - 1) > 0.01 or abs(row @ column) > 0.01:
        return None
    return tuple(float(v) for v in values)


@dataclass(frozen=True, slots=True)
class Stack:
    """Order of frames along the normal, mm between neighbours (median), and what a reader should know about it."""

    order: list[int]
    spacing: float | None
    warnings: list[str]
    duplicates: bool = False


def stack(positions: Sequence[Sequence[float]], orientation: Sequence[float]) -> Stack:
    """Sorts frames of one orientation by their position along the normal (mm).

    Warns of gaps (over 1.5 times the median spacing), several frames at one position, uneven spacing and a gantry tilt
    (the line of positions leaves the normal by more than half a degree).
    """
    normal = slice_normal(orientation)
    points = np.asarray(positions, float)
    depth = points @ normal
    order = [int(i) for i in np.argsort(depth, kind="stable")]
    steps = np.diff(depth[order])
    warnings: list[str] = []
    same = steps < 0.01
    if same.any():
        warnings.append(f"{_count(int(same.sum()), 'frame')} at the position of another")
    real = steps[~same]
    if real.size == 0:
        return Stack(order, None, warnings, bool(same.any()))
    median = float(np.median(real))
    warnings += [
        f"gap of {steps[i]:.1f} mm after frame {i + 1} (usual step {median:.1f} mm)" for i in np.flatnonzero(steps > 1.5 * median)
    ]
    even = real[real <= 1.5 * median]
    if even.size and float(np.abs(even - median).max()) > max(0.05 * median, 0.02):
        warnings.append(f"uneven steps between frames: {even.min():.2f} to {even.max():.2f} mm")
    line = points[order[-1]] - points[order[0]]
    length = float(np.linalg.norm(line))
    if length > 0:
        tilt = math.degrees(math.acos(min(1.0, abs(float(line @ normal)) / length)))
        if tilt > 0.5:
            warnings.append(f"frames are sheared by {tilt:.1f} degrees (gantry tilt): do not measure across frames")
    if len(warnings) > 6:
        warnings = [*warnings[:5], f"and {len(warnings) - 5} more irregularities"]
    return Stack(order, median, warnings, bool(same.any()))


@dataclass(frozen=True, slots=True)
class FramePlane:
    """Where a frame lies in the patient (PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1).

    position            LPS mm of the centre of the first pixel.
    orientation         six direction cosines: along a row, down a column.
    spacing             (row, column) mm.
    step                mm to the neighbouring frame, or None.
    frame_of_reference  hashed identifier of the coordinate system, "" where unknown: other frames cannot be told to share it.
    """

    position: tuple[float, float, float]
    orientation: tuple[float, ...]
    spacing: tuple[float, float]
    step: float | None = None
    frame_of_reference: str = ""

    def to_patient(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """LPS mm (n, 3) of pixel positions (n, 2): x, y with 0 at the centre of the first pixel."""
        across, down = self._axes()
        return np.asarray(self.position) + points[:, :1] * across + points[:, 1:] * down

    def to_pixels(self, points: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Pixel positions (n, 2) nearest to LPS mm (n, 3), and how far (mm, signed along the normal) each lies off the frame."""
        across, down = self._axes()
        offset = points - np.asarray(self.position)
        x, y = offset @ across / (across @ across), offset @ down / (down @ down)
        return np.stack([x, y], axis=1), offset @ slice_normal(self.orientation)

    def _axes(self) -> tuple[Vector, Vector]:
        """LPS mm of one pixel to the right and of one downwards."""
        return np.asarray(self.orientation[:3]) * self.spacing[1], np.asarray(self.orientation[3:]) * self.spacing[0]


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"

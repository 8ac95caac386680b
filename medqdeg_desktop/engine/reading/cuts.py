"""Axial, coronal and sagittal cuts of a volume in radiological convention, along its own voxel axes.

The voxel axes nearest to the body's are used as they are, so that no value is interpolated; the picture has the patient's right
on its left (sagittal: anterior on its left), anterior or head on top, as DICOM images have. Frames ascend along row x column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

AXES = ("axial", "coronal", "sagittal")
#: World axis (RAS: 0 right-left, 1 front-back, 2 up-down) of frames, rows and columns, and the sign of each in RAS along
#: which the index ascends. Axial: rows to Posterior, columns to Left, frames to the Head.
_LAYOUT = {
    "axial": ((2, 1, 0), (+1, -1, -1)),
    "coronal": ((1, 2, 0), (-1, -1, -1)),
    "sagittal": ((0, 2, 1), (+1, -1, -1)),
}


@dataclass(frozen=True, slots=True)
class Cut:
    """How to take frames of one body axis out of an array.

    shape           of the array's three spatial axes.
    affine          (4, 4) from array index to RAS mm.
    voxel_axes      array axes of frames, rows and columns.
    forward         whether the index of each ascends with the picture's.
    """

    axis: str
    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64]
    voxel_axes: tuple[int, int, int]
    forward: tuple[bool, bool, bool]

    @classmethod
    def of(cls, shape: Sequence[int], affine: npt.NDArray[np.float64], axis: str) -> Cut:
        """The cut of an array along ``axis``. Raises ValueError where the affine has a zero axis or is not finite."""
        from nibabel.orientations import io_orientation

        if not np.isfinite(affine).all():
            raise ValueError("its voxel sizes are no numbers")
        orientation = io_orientation(affine)
        if np.isnan(orientation).any():
            raise ValueError("its affine has a zero axis: orientation cannot be told")
        nearest = {int(world): (voxel, int(sign)) for voxel, (world, sign) in enumerate(orientation)}
        worlds, signs = _LAYOUT[axis]
        frame, row, column = (nearest[world][0] for world in worlds)
        same = [nearest[world][1] == sign for world, sign in zip(worlds, signs, strict=True)]
        return cls(axis, (shape[0], shape[1], shape[2]), affine, (frame, row, column), (same[0], same[1], same[2]))

    @property
    def frames(self) -> int:
        return self.shape[self.voxel_axes[0]]

    @property
    def rows(self) -> int:
        return self.shape[self.voxel_axes[1]]

    @property
    def columns(self) -> int:
        return self.shape[self.voxel_axes[2]]

    @property
    def steps(self) -> tuple[float, float, float]:
        """mm between frames, rows and columns."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        frame, row, column = (float(lengths[a]) for a in self.voxel_axes)
        return frame, row, column

    @property
    def cosines(self) -> tuple[float, ...]:
        """Six direction cosines (LPS) of the picture; not exactly axis-parallel where the volume is oblique."""
        found: list[float] = []
        for role in (2, 1):
            vector = self.affine[:3, self.voxel_axes[role]] * (-1.0, -1.0, 1.0) * (1 if self.forward[role] else -1)
            found += [float(v) for v in vector / np.linalg.norm(vector)]
        return tuple(found)

    @property
    def positions(self) -> list[tuple[float, float, float]]:
        """Patient coordinates (LPS, mm) of the first pixel of each frame."""
        first, step = np.zeros(3), np.zeros(3)
        for role, voxel_axis in enumerate(self.voxel_axes):
            first[voxel_axis] = 0 if self.forward[role] else self.shape[voxel_axis] - 1
        step[self.voxel_axes[0]] = 1 if self.forward[0] else -1
        indices = first + step * np.arange(self.frames)[:, None]
        points = (indices @ self.affine[:3, :3].T + self.affine[:3, 3]) * (-1.0, -1.0, 1.0)
        return [(float(x), float(y), float(z)) for x, y, z in points]

    @property
    def obliquity(self) -> float:
        """Largest angle in degrees between a voxel axis and the body axis it stands for."""
        unit = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        return max(math.degrees(math.acos(min(1.0, float(abs(unit[:, a]).max())))) for a in range(3))

    def selection(self, index: int) -> list[Any]:
        """Indices into the array's three axes that take frame ``index``."""
        chosen: list[Any] = [slice(None)] * 3
        chosen[self.voxel_axes[0]] = index if self.forward[0] else self.frames - 1 - index
        return chosen

    def upright(self, plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What ``selection`` took, as (rows, columns): transposed and flipped, a view."""
        if self.voxel_axes[1] > self.voxel_axes[2]:
            plane = plane.T
        if not self.forward[1]:
            plane = plane[::-1]
        return plane if self.forward[2] else plane[:, ::-1]

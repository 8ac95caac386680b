"""Writing a whole series as one NIfTI file, in the place that its own geometry gives it."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine import atomic
from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import Pixels


def write_nifti(path: Path, frames: Sequence[Pixels], affine: npt.NDArray[np.float64], volumes: int = 1) -> None:
    """Writes ``frames`` ((rows, columns) float32, or (rows, columns, 3) uint8) to ``path`` (.nii or .nii.gz), atomically.

    affine   (4, 4), from (column, row, frame) to RAS in mm.
    volumes  of a 4-D series; the frames follow each other volume by volume.

    Raises EngineError where the frames are not all of one shape.
    """
    import nibabel

    if len({(f.shape, f.dtype) for f in frames}) != 1:
        raise EngineError(f"{path}: the frames of the series differ in size or kind and make no volume")
    if frames[0].ndim == 3:
        colour = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
        frames = [np.ascontiguousarray(f).view(colour)[..., 0] for f in frames]
    data = np.stack([f.T for f in frames], axis=-1)
    if volumes > 1:
        data = data.reshape(*data.shape[:2], len(frames) // volumes, volumes, order="F")
    image = nibabel.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    with atomic.opened(path) as file:
        # Without a time in the gzip header, the same series gives the same bytes.
        file.write(gzip.compress(image.to_bytes(), 1, mtime=0) if path.name.endswith(".gz") else image.to_bytes())

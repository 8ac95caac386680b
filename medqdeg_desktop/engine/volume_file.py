"""Writing a whole series as one NIfTI file, in the place that its own geometry gives it."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import IO, cast

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine import atomic
from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import Pixels


def write_nifti(path: Path, frames: Iterable[Pixels], count: int, affine: npt.NDArray[np.float64], volumes: int = 1) -> None:
    """Writes ``frames`` ((rows, columns) float32, or (rows, columns, 3) uint8) to ``path`` (.nii or .nii.gz), atomically.

    count    how many there are.
    affine   (4, 4), from (column, row, frame) to RAS in mm.
    volumes  of a 4-D series; the frames follow each other volume by volume.

    Frames are written as they come: memory holds one of them. Raises EngineError where they are not all of one shape.
    """
    first: Pixels | None = None
    with atomic.opened(path) as file:
        packed = path.name.endswith(".gz")
        # Without a name and a time in the gzip header, the same series gives the same bytes.
        out = cast(IO[bytes], gzip.GzipFile("", "wb", 1, file, 0)) if packed else file
        for frame in frames:
            if first is None:
                first = frame
                out.write(_header(frame, count, affine, volumes))
            if (frame.shape, frame.dtype) != (first.shape, first.dtype):
                raise EngineError(f"{path}: the frames of the series differ in size or kind and make no volume")
            # The file runs along columns first, then rows, then frames: a frame in C order is a run of it.
            out.write(np.ascontiguousarray(frame, frame.dtype.newbyteorder("<")).data)
        if packed:
            out.close()


def _header(frame: Pixels, count: int, affine: npt.NDArray[np.float64], volumes: int) -> bytes:
    """The 348 bytes of the header and the 4 that say that nothing stands between it and the values."""
    import nibabel

    colour = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    rows, columns = frame.shape[:2]
    shape = (columns, rows, count // volumes, volumes) if volumes > 1 else (columns, rows, count)
    # An array of the right shape without its memory: the library settles the header from it as for any image.
    like = np.broadcast_to(np.zeros((), colour if frame.ndim == 3 else frame.dtype), shape)
    image = nibabel.Nifti1Image(like, affine)
    image.header.set_xyzt_units("mm")
    image.update_header()
    header = image.header.copy()
    header["vox_offset"], header["scl_slope"], header["scl_inter"] = 352, 1, 0
    return bytes(header.binaryblock) + bytes(4)

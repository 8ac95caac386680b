"""Opening one series, and reading one frame of it."""

from __future__ import annotations

import os
from pathlib import Path

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.reading.archives import file_of
from medqdeg_desktop.engine.reading.guard import Decoder, decoder_here
from medqdeg_desktop.engine.reading.scanning import scan
from medqdeg_desktop.engine.reading.series import Series
from medqdeg_desktop.taxonomy import Modality


def read_series(
    path: str | os.PathLike[str], *, modality: Modality | None = None, axis: str = "", decode_here: bool = False
) -> Series:
    """The series at ``path``: a file, or a folder, archive or DICOMDIR with exactly one.

    axis    of a cut; a slice of a stack stands for the whole stack that lies in its folder.

    Raises UnreadableImageError: nothing readable there (with the first reason), or several series (with their labels).
    """
    decoder = decoder_here() if decode_here else None
    found = scan(path, modality=modality, axis=axis, decoder=decoder)
    if len(found.series) == 1:
        return found.series[0]
    if axis and not found.series and file_of(path).is_file():
        stack = _stack_of(Path(path), modality, decoder)
        if stack is not None:
            return stack.cut(axis)
    if not found.series:
        if len(found.refused) == 1:
            raise UnreadableImageError(found.refused[0].path, found.refused[0].reason)
        raise UnreadableImageError(str(path), f"holds no image that can be read ({len(found.refused)} files refused)")
    labels = "; ".join(f"{s.label} ({s.frame_count})" for s in found.series[:5])
    more = f"; and {len(found.series) - 5} more" if len(found.series) > 5 else ""
    raise UnreadableImageError(str(path), f"holds {len(found.series)} series, name one of them: {labels}{more}")


def read_image(
    path: str | os.PathLike[str],
    frame: int | None = None,
    *,
    modality: Modality | None = None,
    axis: str = "",
    decode_here: bool = False,
) -> MedicalImage:
    """One frame of the series at ``path`` in native values.

    frame       index in the series; None is the middle one.
    modality    what was imaged, where the file does not say (NIfTI, PNG) or says it wrongly; CT makes NIfTI values HU.
    axis        "axial" (default), "coronal" or "sagittal" for volumes.

    Raises UnreadableImageError with the file and one line of reason.
    """
    series = read_series(path, modality=modality, axis=axis, decode_here=decode_here)
    return series.frame(series.middle if frame is None else frame)


def _stack_of(path: Path, modality: Modality | None, decoder: Decoder | None) -> Series | None:
    """The stack of several files, beside or below ``path``, that the slice in ``path`` belongs to; None where there is none."""
    found = scan(path.parent, modality=modality, decoder=decoder)
    return next((one for one in found.series if len(one.paths) > 1 and str(path) in one.paths), None)

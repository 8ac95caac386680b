"""NIfTI-1 and NIfTI-2 through nibabel: slices along a body axis in radiological convention, any stored orientation.

World coordinates come from the sform unless its code is 0 or it maps the volume onto a plane, then likewise from the qform,
then from the voxel sizes, which say nothing of the patient: such slices have no letters. Which one is recorded. How slices are
cut is told in ``cuts``.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import struct
import zlib
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading.archives import file_of, open_bytes
from medqdeg_desktop.engine.reading.colour import grey_if_equal
from medqdeg_desktop.engine.reading.cuts import AXES, Cut
from medqdeg_desktop.engine.reading.facts import DecodedFrame, FileFacts
from medqdeg_desktop.engine.reading.geometry import edge_letters
from medqdeg_desktop.engine.reading.limits import DEFLATE_RATIO, Limits

Array = npt.NDArray[Any]
_ASSUMED = "voxel sizes only: orientation assumed"


@dataclass(slots=True)
class Volume:
    """An opened volume: nibabel's proxy, which reads single slices, and its affine to RAS mm."""

    path: str
    image: Any
    format: str
    shape: tuple[int, ...]
    affine: npt.NDArray[np.float64]
    affine_source: str
    held_bytes: int

    @property
    def volumes(self) -> int:
        return math.prod(self.shape[3:])

    @property
    def orientation_assumed(self) -> bool:
        return self.affine_source == _ASSUMED


def open_volume(path: str, limits: Limits, *, header_only: bool = False) -> Volume:
    """Checks size and compression ratio, then opens; with ``header_only`` nothing is inflated beyond the header.

    Raises UnreadableImageError.
    """
    import nibabel

    is_member = file_of(path) != Path(path)
    with open_bytes(path, limits) as file:
        compressed = file.read(2) == b"\x1f\x8b"
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        header = _header(path, file, compressed)
    offset, needed = _extent(path, header, limits)
    if compressed:
        if needed > size * DEFLATE_RATIO:
            raise UnreadableImageError(path, f"the header promises {needed:,} bytes, more than {size:,} can inflate to")
        limits.check_volume(path, needed)
        held = min(offset, needed) if header_only else needed
        with open_bytes(path, limits) as file:
            source: Any = io.BytesIO(_inflate(path, file, held))
    else:
        if size < needed:
            raise UnreadableImageError(path, f"is cut off: {size:,} bytes where the header promises {needed:,}")
        # nibabel reads a file as it needs it; of a member the bytes are held by whoever has the archive open.
        source, held = open_bytes(path, limits) if is_member else None, 0
    kind = nibabel.Nifti2Image if header[0] == 540 else nibabel.Nifti1Image
    image = kind.from_stream(source) if source is not None else kind.from_filename(path)
    shape = tuple(int(n) for n in image.shape)
    shape = shape + (1,) * (3 - len(shape))
    affine, affine_source = _affine(image)
    return Volume(
        path=path,
        image=image,
        format="NIfTI-2" if header[0] == 540 else "NIfTI-1",
        shape=shape,
        affine=affine,
        affine_source=affine_source,
        held_bytes=held,
    )


def describe(volume: Volume, axis: str, limits: Limits) -> FileFacts:
    """Facts of the frames along ``axis`` ("" is axial)."""
    cut = _cut(volume, axis)
    slice_mm, row_mm, column_mm = cut.steps
    limits.check_frame(volume.path, cut.rows, cut.columns, 1, 4)
    limits.check_frames(volume.path, cut.frames * volume.volumes)
    dtype = volume.image.get_data_dtype()
    sizes = " x ".join(str(n) for n in volume.shape)
    return FileFacts(
        path=volume.path,
        format=volume.format,
        frames=cut.frames * volume.volumes,
        rows=cut.rows,
        columns=cut.columns,
        colour=dtype.fields is not None,
        bits=_bits(volume.image, dtype),
        label=f"{volume.format} {sizes}",
        transfer_syntax=f"{volume.format}, {dtype.name if dtype.fields is None else 'RGB'}",
        spacing=(row_mm, column_mm),
        positions=[*cut.positions] * volume.volumes,
        orientations=[cut.cosines] * (cut.frames * volume.volumes),
        orientation_assumed=volume.orientation_assumed,
        volumes=volume.volumes,
        slice_spacing=slice_mm,
        axis=cut.axis,
        warnings=_warnings(volume, cut),
    )


def decode(volume: Volume, frame: int, axis: str) -> DecodedFrame:
    """Slice ``frame`` along ``axis``; the slices of a 4-D file follow each other volume by volume."""
    cut = _cut(volume, axis)
    if not 0 <= frame < cut.frames * volume.volumes:
        raise UnreadableImageError(volume.path, f"has no frame {frame + 1}; it has {cut.frames * volume.volumes}")
    which, index = divmod(frame, cut.frames)
    extra = np.unravel_index(which, volume.shape[3:], order="F") if len(volume.shape) > 3 else ()
    given = cut.selection(index)[: len(volume.image.shape)]
    plane = np.asarray(volume.image.dataobj[(*given, *(int(e) for e in extra))])
    if plane.ndim < 2:
        plane = plane.reshape(
            [n for n, chosen in zip(volume.shape[:3], cut.selection(index), strict=True) if isinstance(chosen, slice)]
        )
    plane = cut.upright(plane)
    _, row_mm, column_mm = cut.steps
    provenance = {
        "format": volume.format,
        "decoder": f"nibabel {_nibabel_version()}",
        "transfer_syntax": f"{volume.format}, {volume.image.get_data_dtype().name}",
        "affine": volume.affine_source,
        "axis": cut.axis,
    }
    spacing, letters = (row_mm, column_mm), None if volume.orientation_assumed else edge_letters(cut.cosines)
    if plane.dtype.fields is not None:
        colour = np.ascontiguousarray(np.stack([plane[c] for c in ("R", "G", "B")], axis=-1))
        grey = grey_if_equal(colour) if cut.frames * volume.volumes == 1 else None
        if grey is None:
            return DecodedFrame(colour, spacing=spacing, orientation=letters, provenance=provenance)
        return DecodedFrame(grey, 8, (0.0, 255.0), spacing=spacing, orientation=letters, provenance=provenance)
    if plane.dtype.kind == "c":
        raise UnreadableImageError(volume.path, "complex values cannot be shown")
    bits = _bits(volume.image, volume.image.get_data_dtype())
    return DecodedFrame(
        pixels=np.ascontiguousarray(plane, np.float32),
        bits=bits,
        stored_range=(0.0, 255.0) if bits == 8 else None,
        voi_function="LINEAR_EXACT",
        spacing=spacing,
        orientation=letters,
        provenance=provenance,
    )


def _cut(volume: Volume, axis: str) -> Cut:
    axis = axis or "axial"
    if axis not in AXES:
        raise UnreadableImageError(volume.path, f"axis {axis!r} is not one of {', '.join(AXES)}")
    try:
        return Cut.of(volume.shape, volume.affine, axis)
    except ValueError as error:
        raise UnreadableImageError(volume.path, str(error)) from None


def _affine(image: Any) -> tuple[npt.NDArray[np.float64], str]:
    from nibabel.spatialimages import HeaderDataError

    header = image.header
    for name, stored in (("sform", header.get_sform), ("qform", header.get_qform)):
        code = int(header[f"{name}_code"])
        if code <= 0:
            continue
        try:
            affine = np.asarray(stored(), float)
        except (HeaderDataError, ValueError):
            continue  # a quaternion that is none
        volume = float(np.prod(np.linalg.norm(affine[:3, :3], axis=0)))
        if np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-6 * volume:
            return affine, f"{name} (code {code})"
    # Method 1 of the standard: voxel sizes alone; the orientation is then an assumption, and said to be one.
    return np.asarray(header.get_base_affine(), float), _ASSUMED


def _warnings(volume: Volume, cut: Cut) -> list[str]:
    found: list[str] = []
    if volume.orientation_assumed:
        found.append("neither a valid sform nor qform: orientation assumed")
    if cut.obliquity > 0.5:
        found.append(f"oblique by {cut.obliquity:.0f} degrees: shown along its own axes")
    return found


def _bits(image: Any, dtype: np.dtype[Any]) -> int:
    """8 for bytes shown as they are stored, 0 for floating point or scaled values, else the bits of the type."""
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    if dtype.fields is not None:
        return 8
    if dtype.kind == "f" or (slope, intercept) != (1.0, 0.0):
        return 0
    return 8 if dtype == np.uint8 else 8 * dtype.itemsize


# --- before nibabel sees the file -----------------------------------------------------------------------------------


def is_nifti(head: bytes) -> bool:
    """Whether the first 348 bytes (inflated) are a NIfTI-1 or NIfTI-2 header of a single file."""
    if len(head) < 348:
        return False
    if struct.unpack("<i", head[:4])[0] in (348, 0x5C010000):
        return head[344:347] in (b"n+1", b"ni1")
    return struct.unpack("<i", head[:4])[0] in (540, 0x1C020000) and head[4:7] in (b"n+2", b"ni2")


def _header(path: str, file: BinaryIO, compressed: bool) -> tuple[int, str, bytes]:
    """(348 or 540, byte order, header bytes)."""
    try:
        with gzip.GzipFile(fileobj=file) if compressed else nullcontext(file) as content:
            head = content.read(540)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableImageError(path, f"cannot be inflated ({error})") from None
    if not is_nifti(head):
        raise UnreadableImageError(path, "is no NIfTI file")
    order = "<" if struct.unpack("<i", head[:4])[0] in (348, 540) else ">"
    size = struct.unpack(f"{order}i", head[:4])[0]
    if head[344:347] == b"ni1" or head[4:7] == b"ni2":
        raise UnreadableImageError(path, "is the header of a two-file NIfTI; convert it to one .nii file")
    if len(head) < size:
        raise UnreadableImageError(path, "is cut off in its header")
    return size, order, head


def _extent(path: str, header: tuple[int, str, bytes], limits: Limits) -> tuple[int, int]:
    """Where the voxels begin and end in the (inflated) file, from the header's dimensions, which are checked here."""
    size, order, head = header
    if size == 348:
        dimensions = struct.unpack_from(f"{order}8h", head, 40)
        bits = struct.unpack_from(f"{order}h", head, 72)[0]
        offset = struct.unpack_from(f"{order}f", head, 108)[0]
    else:
        dimensions = struct.unpack_from(f"{order}8q", head, 16)
        bits = struct.unpack_from(f"{order}h", head, 14)[0]
        offset = struct.unpack_from(f"{order}q", head, 168)[0]
    count = dimensions[0]
    shape = dimensions[1 : 1 + count] if 1 <= count <= 7 else ()
    if not shape or any(n < 1 for n in shape):
        raise UnreadableImageError(path, f"the header gives impossible dimensions ({' x '.join(map(str, shape)) or count})")
    if not (math.isfinite(offset) and 0 <= offset < 1 << 40) or bits < 8 or bits > 256:
        raise UnreadableImageError(path, "the header gives an impossible data offset or type")
    voxels = math.prod(shape)
    if voxels * 4 > 64 * limits.volume_bytes:
        raise UnreadableImageError(path, f"the header promises {voxels:,} voxels")
    return int(offset), int(offset) + voxels * bits // 8


def _inflate(path: str, file: BinaryIO, needed: int) -> bytes:
    """The first ``needed`` bytes of the gzip stream; what follows the last voxel is left alone."""
    from isal import igzip

    try:
        with igzip.open(file) as stream:
            data = stream.read(needed)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UnreadableImageError(path, f"cannot be inflated ({error})") from None
    if len(data) < needed:
        raise UnreadableImageError(path, f"is cut off: inflates to {len(data):,} bytes where the header promises {needed:,}")
    return bytes(data)


def _nibabel_version() -> str:
    from importlib.metadata import version

    return version("nibabel")

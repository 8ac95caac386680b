"""What a compressed frame says about its own size, checked against the header before a decoder allocates for either."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading.dicom_file import whole
from medqdeg_desktop.engine.reading.limits import PACKBITS_RATIO

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_RLE = "1.2.840.10008.1.2.5"


def check_codestream(path: str, code: bytes, syntax: str, header: Dataset) -> None:
    """Raises UnreadableImageError where the frame's own dimensions differ from Rows and Columns, or cannot be met."""
    rows, columns = whole(header, "Rows") or 0, whole(header, "Columns") or 0
    samples, allocated = whole(header, "SamplesPerPixel") or 1, whole(header, "BitsAllocated") or 8
    if syntax == _RLE:
        needed = rows * columns * samples * (allocated // 8)
        if len(code) < 64 or needed > (len(code) - 64) * PACKBITS_RATIO:
            raise UnreadableImageError(path, f"{len(code):,} bytes of RLE data cannot hold {columns} x {rows} pixels")
        segments = struct.unpack_from("<L", code)[0]
        if segments != samples * (allocated // 8):
            raise UnreadableImageError(path, f"RLE data have {segments} segments where {samples * (allocated // 8)} are needed")
        return
    size = jpeg_size(code) if code[:2] == b"\xff\xd8" else jpeg2000_size(code)
    if size is not None and size != (rows, columns):
        raise UnreadableImageError(path, f"the compressed image is {size[1]} x {size[0]}, the header says {columns} x {rows}")


def jpeg_size(code: bytes) -> tuple[int, int] | None:
    """(rows, columns) of the first frame header (SOF) of a JPEG or JPEG-LS stream; None where it is left open or absent."""
    at = 2
    while at + 9 <= len(code):
        if code[at] != 0xFF:
            return None
        marker = code[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        length = struct.unpack_from(">H", code, at + 2)[0]
        # SOF0 to SOF15 without DHT, JPG and DAC; SOF55 of JPEG-LS.
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            rows, columns = struct.unpack_from(">HH", code, at + 5)
            return (rows, columns) if rows else None
        at += 2 + length
    return None


def jpeg2000_size(code: bytes) -> tuple[int, int] | None:
    """(rows, columns) of the SIZ segment of a JPEG 2000 codestream, bare or inside a JP2 file; None where absent."""
    at = code.find(b"\xff\x4f\xff\x51", 0, 4096)
    if at < 0 or at + 24 > len(code):
        return None
    width, height, left, top = struct.unpack_from(">LLLL", code, at + 8)
    return height - top, width - left


def jpeg2000_precision(code: bytes) -> int | None:
    """Bits of a value of the first component by the SIZ segment; None where absent."""
    at = code.find(b"\xff\x4f\xff\x51", 0, 4096)
    return None if at < 0 or at + 43 > len(code) else (code[at + 42] & 0x7F) + 1

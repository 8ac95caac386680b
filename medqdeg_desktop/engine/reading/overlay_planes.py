"""DICOM overlay planes (groups 6000 to 60FF): graphics that lie over a picture and are no part of its pixels.

A plane is a bit a pixel in Overlay Data, at an origin that may lie outside the picture (PS3.3 C.9.2), for one frame, some frames
or all of them (C.9.3). Until 2004 a plane could also sit in bits of the pixel words that hold no pixel value (Overlay Bit
Position above 0); these are taken out of uncompressed and RLE words, and said to be left out where a codec came between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.reading.dicom_file import whole

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Mask = npt.NDArray[np.uint8]

#: Elements of a plane's group.
_ROWS, _COLUMNS, _FRAMES, _ORIGIN, _FIRST_FRAME = 0x0010, 0x0011, 0x0015, 0x0050, 0x0051
_BITS_ALLOCATED, _BIT_POSITION, _DATA = 0x0100, 0x0102, 0x3000


@dataclass(frozen=True, slots=True)
class Plane:
    """One plane.

    top, left       where its first bit lies in the picture, counted from 0; may be negative.
    first, frames   the image frames it has bits for, counted from 0; ``frames`` 0: one bitmap for all frames.
    bit             bit of the pixel word that holds it (the retired form), else None.
    data            packed bits, lowest first; empty for the retired form.
    """

    group: int
    rows: int
    columns: int
    top: int
    left: int
    first: int
    frames: int
    bit: int | None
    data: bytes

    def bits(self, frame: int, rows: int, columns: int) -> Mask | None:
        """The part of the plane that lies on frame ``frame`` of ``rows`` x ``columns``: 0 or 1; None where it has none there."""
        index = 0 if self.frames == 0 else frame - self.first
        if index < 0 or index >= max(1, self.frames):
            return None
        mask = np.zeros((rows, columns), np.uint8)
        begin, end = max(0, -self.top), min(self.rows, rows - self.top)
        from_column, to_column = max(0, -self.left), min(self.columns, columns - self.left)
        if begin >= end or from_column >= to_column:
            return mask
        # Frames and rows follow each other without padding, so that they begin at any bit of a byte (PS3.5 8.1.2).
        start = (index * self.rows + begin) * self.columns
        count = (end - begin) * self.columns
        packed = np.frombuffer(self.data, np.uint8)[start // 8 : (start + count + 7) // 8]
        unpacked = np.unpackbits(packed, bitorder="little")[start % 8 : start % 8 + count]
        part = unpacked.reshape(end - begin, self.columns)[:, from_column:to_column]
        mask[self.top + begin : self.top + end, self.left + from_column : self.left + to_column] = part
        return mask


def planes(header: Dataset) -> tuple[list[Plane], list[str]]:
    """The planes of a header, and one sentence for each that is broken and left out."""
    found: list[Plane] = []
    broken: list[str] = []
    for group in sorted({tag.group for tag in header.keys() if 0x6000 <= tag.group <= 0x60FF and tag.group % 2 == 0}):  # noqa: SIM118
        plane = _plane(header, group)
        if isinstance(plane, Plane):
            found.append(plane)
        elif plane:
            broken.append(f"overlay plane {group:04X} is left out: {plane}")
    return found, broken


def overlay(header: Dataset, frame: int, words: npt.NDArray[Any] | None) -> tuple[Mask | None, list[int]]:
    """All planes of one frame over each other, 255 where a bit is set, and their groups; None where the frame has none.

    words   the frame's pixel words with all their bits, for planes of the retired form; None where a codec came between.
    """
    rows, columns = whole(header, "Rows") or 0, whole(header, "Columns") or 0
    mask: Mask | None = None
    groups: list[int] = []
    for plane in planes(header)[0]:
        if plane.bit is None:
            bits = plane.bits(frame, rows, columns)
        elif words is not None and words.shape == (rows, columns) and words.dtype.kind in "iu":
            bits = ((words >> plane.bit) & 1).astype(np.uint8)
        else:
            bits = None
        if bits is not None:
            groups.append(plane.group)
            mask = bits if mask is None else mask | bits
    return (None if mask is None else mask * np.uint8(255)), groups


def pixel_values(words: npt.NDArray[Any], header: Dataset) -> npt.NDArray[Any]:
    """The pixel values in words of which only BitsStored bits below and including HighBit belong to them (PS3.5 8.1.1)."""
    allocated = 8 * words.dtype.itemsize
    stored = whole(header, "BitsStored") or allocated
    high = whole(header, "HighBit")
    high = stored - 1 if high is None else high
    if not 0 < stored <= allocated or not stored - 1 <= high < allocated:
        return words
    # Up to the top and down again: a signed word takes its sign along.
    return (words << (allocated - 1 - high)) >> (allocated - stored)


def _plane(header: Dataset, group: int) -> Plane | str:
    """The plane of ``group``; why it cannot be used; "" where the group holds no plane at all."""
    rows, columns = _whole(header, group, _ROWS), _whole(header, group, _COLUMNS)
    data = _value(header, group, _DATA)
    position = _whole(header, group, _BIT_POSITION) or 0
    # A plane of its own has one bit a pixel, one in the pixel words says how large these are (PS3.5 of 2003, 8.1.2).
    if data is None and (_whole(header, group, _BITS_ALLOCATED) or 1) == 1:
        return "" if rows is None else "it has no data"
    frames = _whole(header, group, _FRAMES)
    first = _whole(header, group, _FIRST_FRAME)
    if data is None:
        allocated = whole(header, "BitsAllocated") or 0
        if position >= allocated or _inside_pixels(header, position):
            return f"it is said to be in bit {position} of the pixels, which holds no overlay"
        return Plane(group, 0, 0, 0, 0, 0, 0, position, b"")
    if not rows or not columns or rows < 0 or columns < 0:
        return f"{rows or 0} rows and {columns or 0} columns"
    count = 1 if frames is None else frames
    if count < 1 or not isinstance(data, bytes) or len(data) * 8 < rows * columns * count:
        return f"its {len(data):,} bytes cannot hold {count} x {rows} x {columns} bits"
    origin = _origin(header, group)
    if origin is None:
        return "its origin is no pair of numbers"
    everywhere = frames is None and first is None
    return Plane(
        group,
        rows,
        columns,
        origin[0] - 1,
        origin[1] - 1,
        (first or 1) - 1,
        0 if everywhere else count,
        None,
        _little_endian(header, group, data),
    )


def _inside_pixels(header: Dataset, bit: int) -> bool:
    stored, high = whole(header, "BitsStored") or 0, whole(header, "HighBit")
    high = stored - 1 if high is None else high
    return high - stored < bit <= high


def _origin(header: Dataset, group: int) -> tuple[int, int] | None:
    value = _value(header, group, _ORIGIN)
    if value is None:
        return 1, 1
    try:
        row, column = (int(v) for v in value)
    except (TypeError, ValueError):
        return None
    return row, column


def _little_endian(header: Dataset, group: int, data: bytes) -> bytes:
    """The packed bits with the low byte of each word first, as all but big endian files have them."""
    big = header.original_encoding[1] is False and header[group, _DATA].VR == "OW"
    return np.frombuffer(data + b"\0" * (len(data) % 2), ">u2").astype("<u2").tobytes() if big else data


def _value(header: Dataset, group: int, element: int) -> Any:
    """As ``dicom_file.element``: what is absent, empty or broken is None."""
    if (group, element) not in header:
        return None
    try:
        value = header[group, element].value
    except Exception:
        return None
    return None if value is None or value in ("", b"") else value


def _whole(header: Dataset, group: int, element: int) -> int | None:
    value = _value(header, group, element)
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None

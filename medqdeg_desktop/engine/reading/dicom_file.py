"""Opening a DICOM file without trusting it: the header up to the pixels, and safe access to single elements.

Deflated files are inflated up to a limit first (pydicom would inflate without one); files without preamble or meta header
are read with the encoding guessed from their first element. Nothing here touches pixels.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import struct
import zlib
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading.archives import open_bytes
from medqdeg_desktop.engine.reading.limits import DEFLATE_RATIO, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

_DEFLATED = "1.2.840.10008.1.2.1.99"
_PIXEL_KEYWORDS = {0x0008: "FloatPixelData", 0x0009: "DoubleFloatPixelData", 0x0010: "PixelData"}
_UNDEFINED = 0xFFFFFFFF
_LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UN", b"UC", b"UR", b"UT", b"SV", b"UV")


@dataclass(slots=True)
class DicomFile:
    """A parsed header and where the pixels lie.

    transfer_syntax     UID of the file as it is on disk.
    pixel_syntax        UID to decode pixels with (explicit little endian for a deflated file).
    pixel_keyword       "PixelData", "FloatPixelData", "DoubleFloatPixelData", or "" where the file has no pixels.
    pixel_offset        of the pixel element's value.
    pixel_length        in bytes; None where undefined (encapsulated).
    inflated            the whole data set of a deflated file, else None.
    """

    path: str
    header: Dataset
    transfer_syntax: str
    pixel_syntax: str
    pixel_keyword: str
    pixel_vr: str
    pixel_offset: int
    pixel_length: int | None
    size: int
    inflated: bytes | None
    guessed: bool
    limits: Limits

    @contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """The bytes, positioned at the pixel element's value."""
        with open_bytes(self.path, self.limits) if self.inflated is None else io.BytesIO(self.inflated) as source:
            source.seek(self.pixel_offset)
            yield source


def open_dicom(path: str, limits: Limits) -> DicomFile:
    """Parses the header of ``path``. Raises UnreadableImageError; other exceptions mean a header beyond repair."""
    from pydicom import dcmread

    with open_bytes(path, limits) as file:
        inflated = None
        syntax = _meta_syntax(file)
        if syntax == _DEFLATED:
            inflated = _inflate(path, limits, file)
        source: IO[bytes] = file if inflated is None else io.BytesIO(inflated)
        source.seek(0)
        header = dcmread(source, stop_before_pixels=True, force=True)
        if inflated is None:
            # Some files lack the preamble and still have the meta group.
            syntax = str(header.file_meta.get("TransferSyntaxUID", "") or "")
        guessed = not syntax
        pixel_syntax = syntax
        if guessed or inflated is not None:
            implicit, little = header.original_encoding
            if implicit is None or little is None:
                raise UnreadableImageError(path, "is no DICOM file")
            pixel_syntax = _native_syntax(bool(implicit), bool(little))
        keyword, vr, offset, length = _pixel_element(source, pixel_syntax)
        size = source.seek(0, os.SEEK_END)
    return DicomFile(
        path, header, syntax or pixel_syntax, pixel_syntax, keyword, vr, offset, length, size, inflated, guessed, limits
    )


def _native_syntax(implicit: bool, little: bool) -> str:
    if implicit:
        return "1.2.840.10008.1.2"
    return "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"


def _meta_syntax(file: IO[bytes]) -> str:
    """TransferSyntaxUID of the meta group ("" where absent); leaves ``file`` behind the group.

    The group is read here as pydicom reads it, element by element and not by its stated length, because pydicom inflates a
    deflated data set without a limit as soon as it has seen this one value.
    """
    file.seek(128 if file.read(132)[128:] == b"DICM" else 0)
    if file.read(4) != b"DICM":
        file.seek(0)
    syntax = ""
    while True:
        start = file.tell()
        head = file.read(8)
        if len(head) < 8 or head[:2] != b"\x02\x00":
            file.seek(start)
            return syntax
        vr, length = head[4:6], int.from_bytes(head[6:8], "little")
        if vr in _LONG_VRS:
            length = int.from_bytes(file.read(4), "little")
        elif not vr.isalpha():
            length = int.from_bytes(head[4:8], "little")  # implicit VR, against the standard
        value = file.read(min(length, 64)) if head[2:4] == b"\x10\x00" else b""
        syntax = value.rstrip(b"\0 ").decode("latin-1") if value else syntax
        file.seek(length - len(value), 1)


def _inflate(path: str, limits: Limits, file: IO[bytes]) -> bytes:
    """The data set of a deflated file, which begins where ``file`` stands, as explicit little endian bytes up to a limit."""
    start = file.tell()
    file.seek(0)
    raw = file.read()
    # The whole data set has to be inflated even to read its header; few deflated files are a tenth of this.
    most = min(limits.frame_bytes // 2, (len(raw) - start) * DEFLATE_RATIO + 64)
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = stream.decompress(raw[start:], most + 1)
    except zlib.error as error:
        raise UnreadableImageError(path, f"deflated data cannot be inflated ({error})") from None
    if len(data) > most or stream.unconsumed_tail:
        raise UnreadableImageError(path, f"inflates to more than {most >> 20:,} MB")
    return data


def _pixel_element(source: IO[bytes], syntax: str) -> tuple[str, str, int, int | None]:
    """(keyword, VR, offset of the value, length) of the pixel element at which header parsing stopped."""
    order = ">" if syntax == "1.2.840.10008.1.2.2" else "<"
    start = source.tell()
    head = source.read(12)
    if len(head) < 8:
        return "", "", start, None
    group, element = struct.unpack(f"{order}HH", head[:4])
    if group != 0x7FE0 or element not in _PIXEL_KEYWORDS:
        return "", "", start, None
    if syntax == "1.2.840.10008.1.2":
        (length,) = struct.unpack(f"{order}L", head[4:8])
        return _PIXEL_KEYWORDS[element], "OW", start + 8, None if length == _UNDEFINED else int(length)
    if len(head) < 12:
        return "", "", start, None
    (length,) = struct.unpack(f"{order}L", head[8:12])
    return _PIXEL_KEYWORDS[element], head[4:6].decode("latin-1"), start + 12, None if length == _UNDEFINED else int(length)


# --- single elements -----------------------------------------------------------------------------------------------


def element(data: Dataset | None, keyword: str) -> Any:
    """The value of ``keyword`` or None: an element that is absent, empty or broken hides no image."""
    if data is None:
        return None
    tag = _tag(keyword)
    if tag not in data.keys():  # noqa: SIM118 (Dataset.__contains__ builds a tag anew each time)
        return None
    try:
        value = data[tag].value
    except Exception:
        return None
    return None if value is None or value == "" or value == [] else value


@cache
def _tag(keyword: str) -> BaseTag:
    from pydicom.datadict import tag_for_keyword
    from pydicom.tag import Tag

    number = tag_for_keyword(keyword)
    assert number is not None, keyword
    return Tag(number)


def text(data: Dataset | None, keyword: str) -> str:
    value = element(data, keyword)
    if value is None:
        return ""
    if not isinstance(value, str) and isinstance(value, Sequence):
        value = value[0] if len(value) else ""
    return " ".join(str(value).split())


def numbers(data: Dataset | None, keyword: str, count: int | None = None) -> tuple[float, ...] | None:
    """All values of ``keyword`` as finite floats, or None (also where there are not ``count`` of them)."""
    value = element(data, keyword)
    if value is None:
        return None
    values = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    try:
        result = tuple(float(v) for v in values)
    except (TypeError, ValueError):
        return None
    if not all(math.isfinite(v) for v in result) or (count is not None and len(result) != count):
        return None
    return result or None


def number(data: Dataset | None, keyword: str) -> float | None:
    values = numbers(data, keyword)
    return values[0] if values else None


def whole(data: Dataset | None, keyword: str) -> int | None:
    value = number(data, keyword)
    return None if value is None else int(value)


def items(data: Dataset | None, keyword: str) -> list[Dataset]:
    value = element(data, keyword)
    return list(value) if value is not None and hasattr(value, "__iter__") and not isinstance(value, str | bytes) else []


def first_item(data: Dataset | None, keyword: str) -> Dataset | None:
    found = items(data, keyword)
    return found[0] if found else None


def functional_group(header: Dataset, frame: int, keyword: str) -> Dataset | None:
    """The macro ``keyword`` of an enhanced object for one frame: its own, else the shared one (PS3.3 C.7.6.16)."""
    per_frame = items(header, "PerFrameFunctionalGroupsSequence")
    if frame < len(per_frame):
        own = first_item(per_frame[frame], keyword)
        if own is not None:
            return own
    return first_item(first_item(header, "SharedFunctionalGroupsSequence"), keyword)


def hashed(identifier: str) -> str:
    """A short key for a unique identifier, which would otherwise lead back to a patient's study."""
    return hashlib.sha256(identifier.encode()).hexdigest()[:16] if identifier else ""

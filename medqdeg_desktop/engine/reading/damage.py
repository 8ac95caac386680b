"""Damage that a decoder repairs without a word: the picture looks whole, and parts of it are made up.

What is cut off is refused by every decoder used here. What was overwritten or lost in the middle is not: a JPEG decoder fills up
with grey, one of JPEG 2000 decodes whatever bits it is given. Most of that is found here in well under the time of decoding: a
JPEG is decoded once more at an eighth of its size, by a library that says aloud what does not fit; of JPEG 2000 the chain of
tile-parts is followed, and byte pairs and runs that no encoder can have written are looked for. A few changed bits that happen to
make another valid stream, and stored or run-length coded pixels, tell nobody that they were changed.
"""

from __future__ import annotations

import os
import re
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import IO

import numpy as np

_SIZ, _COD, _CAP, _SOT, _SOD = 0xFF51, 0xFF52, 0xFF50, 0xFF90, 0xFF93
_SOP, _EPH = 0x91, 0x92
_SOF2, _DHT, _SOS = 0xC2, 0xC4, 0xDA
#: Zeros in a row within a tile-part beyond those of empty packets, which are one zero byte each.
_ZEROS = 64
_LIBJPEG = re.compile(r"Corrupt JPEG data: ([^\n]*)|(Premature end of JPEG file)|(Invalid SOS parameters[^\n]*)")

#: Some encoders fill up to whole words with zeros before the end: nothing of the picture is missing then.
_PADDING = re.compile(r"(\d|1[0-5]) extraneous bytes before marker 0xd9")
_END = b"\xff\xd9"

_lock = threading.Lock()


def damage(code: bytes) -> str:
    """What is wrong with a compressed frame that can be decoded all the same, in a few words; "" where nothing is seen."""
    if code[:2] == b"\xff\xd8":
        return _of_jpeg(code) if _is_dct(code) else ""
    at = code.find(b"\xff\x4f\xff\x51", 0, 4096)
    return _of_jpeg2000(code, at) if at >= 0 else ""


# --- JPEG -----------------------------------------------------------------------------------------------------------


def _is_dct(code: bytes) -> bool:
    """Whether this is 8-bit baseline, extended or progressive JPEG (SOF0 to SOF2), which OpenCV decodes."""
    at = 2
    while at + 9 <= len(code) and code[at] == 0xFF:
        marker = code[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker <= 0xC2 and code[at + 4] == 8
        at += 2 + struct.unpack_from(">H", code, at + 2)[0] if marker != 0xFF else 1
    return False


def _of_jpeg(code: bytes) -> str:
    import cv2

    with overheard() as words:
        small = cv2.imdecode(np.frombuffer(code, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
    wrong = complaint(words)
    padding = _PADDING.fullmatch(wrong)
    if padding and bytes(int(padding[1])) + _END in code:
        wrong = ""
    return wrong or ("the data end too early" if small is None else _zeroed(code))


def _zeroed(code: bytes) -> str:
    """A sector of zeros in baseline data, which decodes as readily as any: into coefficients that are all the same.

    Only where a run of zero bits cannot be blank blocks: the code of zeros alone, the first of a Huffman table, is then another
    symbol than "end of block" and "sixteen zeros" in the table of the first component.
    """
    first_symbols: dict[int, int] = {}
    at = 2
    while at + 4 <= len(code) and code[at] == 0xFF:
        marker, (length,) = code[at + 1], struct.unpack_from(">H", code, at + 2)
        if marker == _DHT:
            table, end = at + 4, at + 2 + length
            while table + 18 <= min(end, len(code)):
                first_symbols[code[table]] = code[table + 17]
                table += 17 + sum(code[table + 1 : table + 17])
        elif marker == _SOF2:
            return ""
        elif marker == _SOS:
            symbol = first_symbols.get(0x10 | (code[at + 6] & 0x0F), 0) if at + 6 < len(code) else 0
            # The first end: what a camera writes behind it (a preview, a film) is no part of this picture.
            start = at + 2 + length
            end = code.find(_END, start)
            blank = symbol in (0x00, 0xF0)
            return "" if blank or code.find(bytes(_ZEROS), start, end) < 0 else "a stretch of zeros is no part of the data"
        at += 2 + length
    return ""


def complaint(words: list[str]) -> str:
    """What libjpeg has found wrong, among what a library has printed."""
    found = _LIBJPEG.search("\n".join(words))
    return next((part.strip() for part in found.groups() if part), "") if found else ""


@cache
def _sheet() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix="medqdeg-")


if hasattr(os, "register_at_fork"):
    # A forked process would write on its parent's sheet: what is wrong with one's picture would be told of the other's.
    os.register_at_fork(after_in_child=_sheet.cache_clear)


@contextmanager
def overheard() -> Iterator[list[str]]:
    """What native libraries print on standard error meanwhile goes into the list, for decoder processes, which print nothing."""
    words: list[str] = []
    with _lock:
        try:
            sheet = _sheet()
            before = os.dup(2)
        except OSError:  # a program without a standard error, or a disk without room: nothing is overheard
            yield words
            return
        try:
            sheet.seek(0)
            sheet.truncate()
            os.dup2(sheet.fileno(), 2)
            yield words
        finally:
            os.dup2(before, 2)
            os.close(before)
            with suppress(OSError):
                sheet.seek(0)
                words.append(sheet.read(1 << 16).decode("utf-8", "replace"))


# --- JPEG 2000 ------------------------------------------------------------------------------------------------------


def _of_jpeg2000(code: bytes, start: int) -> str:
    """Follows the codestream from SOC (``start``) to EOC (ISO/IEC 15444-1, annex A)."""
    try:
        return _followed(code, start)
    except (struct.error, IndexError):
        return "the code stream ends within a marker"


def _followed(code: bytes, start: int) -> str:
    at = start + 2
    tiles = packets = 0
    components, style, high_throughput = 1, 0, False
    while (marker := struct.unpack_from(">H", code, at)[0]) != _SOT:
        (length,) = struct.unpack_from(">H", code, at + 2)
        if marker == _SIZ:
            size, _, tile, first = (struct.unpack_from(">LL", code, at + 6 + 8 * i) for i in range(4))
            if not (tile[0] and tile[1]):
                return "the header gives tiles no size"
            tiles = (-(-(size[0] - first[0]) // tile[0])) * (-(-(size[1] - first[1]) // tile[1]))
            (components,) = struct.unpack_from(">H", code, at + 38)
        elif marker == _COD:
            style, layers, levels = code[at + 4], struct.unpack_from(">H", code, at + 6)[0], code[at + 9]
            # Where precincts have sizes of their own nobody counts packets here.
            packets = 0 if style & 1 else layers * components * (levels + 1)
        elif marker == _CAP:
            high_throughput = True
        elif marker < 0xFF00:
            return "the main header is damaged"
        at += 2 + length
    seen: set[int] = set()
    while at + 12 <= len(code) and struct.unpack_from(">H", code, at)[0] == _SOT:
        tile_number, size_of_part = struct.unpack_from(">HL", code, at + 4)
        end = at + size_of_part if size_of_part else len(code)
        if not size_of_part and not code.rstrip(b"\0\xff").endswith(b"\xff\xd9"):
            return f"the end of tile {tile_number + 1} is missing"
        if end > len(code):
            return f"{end - len(code):,} bytes of tile {tile_number + 1} are missing"
        body = at + 12
        while (marker := struct.unpack_from(">H", code, body)[0]) != _SOD:
            if marker < 0xFF00 or body >= end:
                return f"the header of tile {tile_number + 1} is damaged"
            body += 2 + struct.unpack_from(">H", code, body + 2)[0]
        seen.add(tile_number)
        if not high_throughput and (wrong := _impossible(code, body + 2, end, style, packets)):
            return f"tile {tile_number + 1} of {tiles}: {wrong}"
        at = end
    if len(seen) != tiles:
        return f"{tiles - len(seen):,} of {tiles:,} tiles are missing"
    rest = code[at:].rstrip(b"\0\xff")
    return "" if not rest or rest[:2] == b"\xff\xd9" or at == len(code) else "what follows the last tile is damaged"


def _impossible(code: bytes, start: int, stop: int, style: int, packets: int) -> str:
    """What no encoder writes: a byte above 8F behind FF in packet data (they are stuffed), or zeros without end."""
    data = np.frombuffer(code, np.uint8, stop - start, start)
    # A tile-part of unknown length reaches to the end of the stream: its end marker and padding do not belong to it.
    places = np.flatnonzero(data[:-1] == 0xFF)
    behind = data[places + 1]
    wrong = behind > 0x8F
    if style & 2:
        wrong &= behind != _SOP
    if style & 4:
        wrong &= behind != _EPH
    if wrong.any():
        first = int(places[int(np.argmax(wrong))])
        if bytes(data[first:]).rstrip(b"\0") not in (b"\xff\xd9", b"\xff\xd9\xff"):
            return f"byte {first:,} cannot be part of a code stream"
    if packets and code.find(bytes(packets + _ZEROS), start, stop) >= 0:
        return "a stretch of zeros is no part of a code stream"
    return ""

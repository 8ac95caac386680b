"""What the decoder does on request: describe files, decode one frame, measure a series' range, list a DICOMDIR or an archive.

These functions run in the guarded child process, or in the calling process where that one is itself expendable. Any
exception that is no MedqdegError is turned into an UnreadableImageError here: libraries raise whatever they like on a
broken file.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading import archives
from medqdeg_desktop.engine.reading.facts import DecodedFrame, FileFacts, finite_percentiles, one_line
from medqdeg_desktop.engine.reading.limits import MIB, Limits

T = TypeVar("T")

_PERCENTILE_VALUES = 64 << 20

_RASTER_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+", b"BM")


class Operations:
    """The reading functions with what they remember between requests: the last opened headers and volumes."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._opened: OrderedDict[tuple[str, int, int], Any] = OrderedDict()

    def describe(self, path: str, axis: str = "") -> FileFacts:
        """Facts of one file; UnreadableImageError where it is no image that can be read."""

        def work() -> FileFacts:
            kind = self._kind(path)
            if kind == "slide":
                from medqdeg_desktop.engine.reading import slides

                return slides.describe(self._open(path, kind), axis, self.limits)
            if kind == "raster":
                from medqdeg_desktop.engine.reading import raster

                facts = raster.describe(path, self.limits)
            elif kind == "nifti":
                from medqdeg_desktop.engine.reading import nifti

                return nifti.describe(nifti.open_volume(path, self.limits, header_only=True), axis, self.limits)
            else:
                from medqdeg_desktop.engine.reading import dicom

                facts = dicom.describe(self._open(path, kind), self.limits)
            return facts

        return _refusing(path, work)

    def frame(self, path: str, index: int, axis: str = "") -> DecodedFrame:
        """One decoded frame."""

        def work() -> DecodedFrame:
            kind = self._kind(path)
            if kind == "raster":
                from medqdeg_desktop.engine.reading import raster

                return raster.decode(path, index, self.limits)
            opened = self._open(path, kind)
            if kind == "slide":
                from medqdeg_desktop.engine.reading import slides

                return slides.decode(opened, axis, self.limits)
            if kind == "nifti":
                from medqdeg_desktop.engine.reading import nifti

                return nifti.decode(opened, index, axis)
            from medqdeg_desktop.engine.reading import dicom_pixels

            return dicom_pixels.decode(opened, index, self.limits)

        return _refusing(path, work)

    def percentiles(self, frames: Sequence[tuple[str, int]], axis: str, low: float, high: float) -> tuple[float, float]:
        """The ``low`` and ``high`` percentile over all finite values of ``frames``."""
        values: list[Any] = []
        for path, index in frames:
            frame = self.frame(path, index, axis).pixels.ravel()
            # Exact up to 64 megapixels in all, from then on every n-th value; odd, so that no column is left out throughout.
            step = frame.size * len(frames) // _PERCENTILE_VALUES
            values.append(frame[:: step | 1] if step else frame)
        return finite_percentiles(np.concatenate(values) if len(values) > 1 else values[0], low, high)

    def directory(self, path: str) -> list[str]:
        """Paths of the images that a DICOMDIR names."""
        from medqdeg_desktop.engine.reading import dicomdir

        return _refusing(path, lambda: dicomdir.referenced_files(path, self.limits))

    def members(self, path: str) -> tuple[list[str], list[tuple[str, str]]]:
        """Paths of the files in an archive, and (path, reason) of what is not read."""
        return _refusing(path, lambda: archives.members(path, self.limits))

    def load(self) -> None:
        """Loads what reading DICOM takes, so that the first file need not."""
        import pydicom.pixels.decoders

        from medqdeg_desktop.engine.reading import dicom_pixels

        _loaded = (pydicom.pixels.decoders, dicom_pixels)

    def _kind(self, path: str) -> str:
        return sniff(path, self.limits)

    def _open(self, path: str, kind: str) -> Any:
        key = (path, *archives.status(path))
        if key in self._opened:
            self._opened.move_to_end(key)
            return self._opened[key]
        if kind == "nifti":
            from medqdeg_desktop.engine.reading.nifti import open_volume

            self._forget(64 * MIB)
            opened: Any = open_volume(path, self.limits)
        elif kind == "slide":
            from medqdeg_desktop.engine.reading.slides import open_slide

            opened = open_slide(path)
        else:
            from medqdeg_desktop.engine.reading.dicom_file import open_dicom

            opened = open_dicom(path, self.limits)
        self._opened[key] = opened
        self._forget(self.limits.volume_bytes)
        return opened

    def _forget(self, most_bytes: int) -> None:
        """Drops the files opened longest ago beyond 8 of them or beyond ``most_bytes`` held."""
        while len(self._opened) > 8 or (
            len(self._opened) > 1 and sum(_held_bytes(o) for o in self._opened.values()) > most_bytes
        ):
            self._opened.popitem(last=False)


def _held_bytes(opened: Any) -> int:
    inflated = getattr(opened, "inflated", None)
    return len(inflated) if inflated is not None else int(getattr(opened, "held_bytes", 0))


def sniff(path: str, limits: Limits) -> str:
    """Which of "dicom", "nifti", "raster" and "slide" by content; UnreadableImageError for anything else.

    The name counts for slides alone, whose first file may be a plain picture that only its neighbours make a slide.
    """
    from medqdeg_desktop.engine.reading import slides
    from medqdeg_desktop.engine.reading.nifti import is_nifti

    with archives.open_bytes(path, limits) as file:
        head = file.read(1024)
        if not head:
            raise UnreadableImageError(path, "is empty")
        may_be_slide = slides.may_be_slide(path, head, file)
    is_member = archives.file_of(path) != Path(path)
    is_dicom = head[128:132] == b"DICM"
    if may_be_slide and is_member and not is_dicom:
        raise UnreadableImageError(path, "is a whole slide, which is not read inside an archive: unpack that first")
    if may_be_slide and not is_member and slides.is_slide(path, is_dicom=is_dicom):
        return "slide"
    # First, since the preamble of a DICOM file may hold the header of a TIFF.
    if is_dicom:
        return "dicom"
    if archives.is_archive(head):
        within = "is an archive inside an archive: unpack it first" if is_member else "is an archive: open it by itself"
        raise UnreadableImageError(path, within)
    if head.startswith(_RASTER_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "raster"
    if head[:2] == b"\x1f\x8b":
        try:
            with archives.open_bytes(path, limits) as file, gzip.open(file) as stream:
                inner = stream.read(540)
        except (OSError, EOFError, zlib.error):
            raise UnreadableImageError(path, "is a damaged gzip file") from None
        if is_nifti(inner):
            return "nifti"
        if archives.is_archive(inner):
            raise UnreadableImageError(path, "is a compressed tar, whose files cannot be read in place: unpack it first")
        raise UnreadableImageError(path, "is a gzip file without a NIfTI image in it")
    if is_nifti(head):
        return "nifti"
    if _bare_dicom(head):
        return "dicom"
    raise UnreadableImageError(path, "is no image of a format that is read here")


def _bare_dicom(head: bytes) -> bool:
    """Whether the bytes start like a data set without preamble: a first element of group 0002 or 0008, plausible length."""
    if len(head) < 16:
        return False
    for order in "<>":
        group, number, length = struct.unpack(f"{order}HHL", head[:8])
        if group not in (0x0002, 0x0008) or number > 0x2000:
            continue
        if head[4:6].isalpha() and head[4:6].isupper():
            return True
        if length <= 64:
            return True
    return False


def _damaged(error: OSError) -> str:
    """What a library says of the file; what pydicom calls a missing tag, at a place in hexadecimal, in plain words."""
    words = one_line(error)
    if found := re.search(r"No tag to read at file position ([0-9A-F]+)", words):
        return f"is cut off or damaged: at byte {int(found[1], 16):,} a DICOM element should begin, and none does"
    return words


def _refusing(path: str, work: Callable[[], T]) -> T:
    """The result of ``work``; whatever else a library raises becomes an UnreadableImageError with one line."""
    try:
        return work()
    except UnreadableImageError:
        raise
    except MemoryError:
        raise UnreadableImageError(path, "needs more memory than decoding may use") from None
    except RecursionError:
        raise UnreadableImageError(path, "sequences are nested too deeply") from None
    except OSError as error:
        raise UnreadableImageError(path, error.strerror or _damaged(error) or type(error).__name__) from None
    except Exception as error:
        raise UnreadableImageError(path, f"cannot be read ({one_line(error)})") from None
    except BaseException as error:
        # A panic of a decoder written in Rust is derived from BaseException, and is no reason to end a worker.
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableImageError(path, f"cannot be decoded ({one_line(error)})") from None

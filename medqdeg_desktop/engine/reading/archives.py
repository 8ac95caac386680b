"""ZIP and tar archives, read in place: a member is named ``archive.zip/folder/slice.dcm`` wherever a path is taken.

Nothing is unpacked to the disk. Patients' pictures therefore lie nowhere but where their owner put them, nothing has to be
removed after a crash, no disk fills up, and a name such as ``../../x`` leads to no place at all. A member is inflated as far as
it is read, in the guarded decoder process, never beyond the size that the archive states and the limits allow. Of a compressed
tar no member can be had without inflating all before it: it is refused.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading.limits import DEFLATE_RATIO, MIB, Limits

#: Inflated bytes of members that are kept: a decoder reads the same few again and again.
_KEPT_BYTES = 256 * MIB
_KEPT_ARCHIVES = 2
_CHUNK = 1 << 16
#: The end of a ZIP's list of contents lies this near to the end of the file (76 bytes of a large one, 22 and a remark).
_ZIP_TAIL = 76 + 22 + 0xFFFF
#: A name of a list of contents with all that goes with it; what needs more for each of its entries is no honest list.
_BYTES_AN_ENTRY = 1024
#: What a terminal would act on, or a list show as a row of its own.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def is_archive(head: bytes) -> bool:
    """Whether a file that begins with ``head`` (512 bytes) is a ZIP or a tar."""
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06") or head[257:262] == b"ustar"


def is_archive_file(path: Path) -> bool:
    """Whether the file ``path`` is an archive; a DICOM file may begin with anything. False where it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return False
    return head[128:132] != b"DICM" and is_archive(head)


def file_of(path: str | os.PathLike[str]) -> Path:
    """The file on disk in which ``path`` lies: the archive of a member, else ``path`` itself, whether or not it is there."""
    whole = Path(path)
    if os.path.lexists(whole):
        return whole
    for above in whole.parents:
        if os.path.lexists(above):
            return above if above.is_file() else whole
    return whole


def told(path: str | os.PathLike[str]) -> str:
    """What a person calls ``path``: the name of a file; of a member the archive and its place there."""
    file = file_of(path)
    return Path(path).relative_to(file.parent).as_posix()


def status(path: str) -> tuple[int, int]:
    """(time of the last change, size) of the file in which ``path`` lies."""
    found = file_of(path).stat()
    return found.st_mtime_ns, found.st_size


def open_bytes(path: str, limits: Limits) -> BinaryIO:
    """The bytes of a file, or of a member of an archive. Raises OSError and UnreadableImageError."""
    file = file_of(path)
    if str(file) == str(Path(path)):
        return Path(path).open("rb")
    return _opened(str(file), limits).content(path).reader()


def members(path: str, limits: Limits) -> tuple[list[str], list[tuple[str, str]]]:
    """Paths of the files in an archive, in the order of its names, and (path, reason) of those that are not read.

    Raises UnreadableImageError where the archive itself is damaged, or holds more than the limits allow.
    """
    archive = _opened(path, limits)
    return [str(Path(path, name)) for name in archive.entries], [(str(Path(path, n)), r) for n, r in archive.refused]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A member: its size once inflated, and what gives its bytes from the beginning."""

    size: int
    open: Callable[[], IO[bytes]]


class _Content:
    """The inflated bytes of one member, as far as they have been read."""

    def __init__(self, path: str, entry: _Entry) -> None:
        self.path, self._source = path, entry.open()
        self.size = entry.size
        self._bytes = bytearray()
        self._damage = ""

    @property
    def held(self) -> int:
        return len(self._bytes)

    def reader(self) -> BinaryIO:
        return io.BufferedReader(_Reader(self), _CHUNK)

    def part(self, start: int, stop: int) -> bytearray:
        """Bytes ``start`` to ``stop``; inflates what is not here yet."""
        try:
            if self._damage:
                raise EOFError(self._damage)
            while len(self._bytes) < min(stop, self.size):
                more = self._source.read(_CHUNK)
                if not more:
                    raise EOFError("ends too early")
                self._bytes += more
            if len(self._bytes) == self.size and self._source.read(1):
                raise EOFError("goes on behind its end")
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
            self._damage = str(error)
            raise UnreadableImageError(self.path, f"is damaged inside the archive ({error})") from None
        return self._bytes[start:stop]


class _Reader(io.RawIOBase):
    """A place in a member's content."""

    def __init__(self, content: _Content) -> None:
        self._content, self._at = content, 0
        self.name = content.path  # as every file has one: libraries ask for it

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._content.size}[whence]
        if base + offset < 0:
            raise OSError("seek before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = self._content.part(self._at, self._at + len(buffer))
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


class _Archive:
    """An opened archive: its readable entries by plain name, and the others with the reason."""

    def __init__(self, path: str, entries: Iterator[tuple[str, _Entry | str]], limits: Limits) -> None:
        self._path = path
        self._contents: OrderedDict[str, _Content] = OrderedDict()
        found: dict[str, _Entry] = {}
        refused: dict[str, str] = {}
        for number, (given, entry) in enumerate(entries):
            if number >= limits.entries:
                raise UnreadableImageError(path, f"holds more than {limits.entries:,} entries")
            name = _plain(given)
            if not given and isinstance(entry, str):
                refused[""] = entry  # of the archive itself
            elif name is None:
                # Whoever wrote it wanted it to land somewhere else; its name is told, and leads nowhere.
                refused[_harmless(given)] = "its name leads out of the archive"
            elif _hidden(name):
                continue
            elif _CONTROL.search(name):
                refused[_harmless(given)] = "its name holds control characters, which could pass for lines or commands"
            elif name in found or name in refused:
                found.pop(name, None)
                refused[name] = "the archive holds several entries of this name: which is meant cannot be told"
            elif isinstance(entry, str):
                refused[name] = entry
            elif entry.size > limits.volume_bytes:
                refused[name] = f"would inflate to {entry.size >> 20:,} MB; the limit is {limits.volume_bytes >> 20:,} MB"
            else:
                found[name] = entry
        self.entries = {name: found[name] for name in sorted(found, key=_natural_place)}
        self.refused = list(refused.items())

    def content(self, path: str) -> _Content:
        """The content of the member ``path``; those read last are kept."""
        name = Path(path).relative_to(self._path).as_posix()
        if name in self._contents:
            self._contents.move_to_end(name)
            return self._contents[name]
        if name not in self.entries:
            raise UnreadableImageError(path, dict(self.refused).get(name, "is not in the archive"))
        self._contents[name] = content = _Content(path, self.entries[name])
        while len(self._contents) > 1 and sum(c.held for c in self._contents.values()) > _KEPT_BYTES:
            self._contents.popitem(last=False)
        return content


_archives: OrderedDict[tuple[str, int, int], _Archive] = OrderedDict()
if hasattr(os, "register_at_fork"):
    # A forked process shares the place in an open file with its parent: it opens its own.
    os.register_at_fork(after_in_child=_archives.clear)


def _opened(path: str, limits: Limits) -> _Archive:
    """The archive ``path``, kept open while it is in use: its list is read once."""
    key = (path, *status(path))
    if key not in _archives:
        file = Path(path).open("rb")  # noqa: SIM115 (members are read from it later)
        try:
            _archives[key] = _Archive(path, _list_of(path, file, limits), limits)
        except BaseException:
            file.close()
            raise
        while len(_archives) > _KEPT_ARCHIVES:
            _archives.popitem(last=False)
    _archives.move_to_end(key)
    return _archives[key]


def _list_of(path: str, file: BinaryIO, limits: Limits) -> Iterator[tuple[str, _Entry | str]]:
    head = file.read(512)
    if not is_archive(head):
        raise UnreadableImageError(path, "is no archive")
    file.seek(0)
    return _tar_entries(path, file) if head[257:262] == b"ustar" else _zip_entries(path, file, limits)


# --- ZIP ------------------------------------------------------------------------------------------------------------


def _zip_entries(path: str, file: BinaryIO, limits: Limits) -> Iterator[tuple[str, _Entry | str]]:
    _check_zip_list(path, file, limits)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, UnicodeDecodeError, ValueError, EOFError) as error:
        raise UnreadableImageError(path, f"is a damaged ZIP: its list of contents cannot be read ({error})") from None
    known = archive.infolist()
    _check_overlap(path, known)
    for entry in known:
        if entry.is_dir():
            continue
        # orig_filename is what the archive says; zipfile has cut the other at a NUL.
        yield entry.orig_filename, _why_not_zipped(entry) or _Entry(entry.file_size, _opener(archive, entry))


def _opener(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(entry)


def _why_not_zipped(entry: zipfile.ZipInfo) -> str:
    if entry.flag_bits & 0x1:
        return "is encrypted: unpack the archive with its password first"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a link, which is not followed"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed in a way that is not read here (method {entry.compress_type}): unpack the archive first"
    if entry.file_size > entry.compress_size * DEFLATE_RATIO + 64:
        return f"claims {entry.file_size:,} bytes, more than {entry.compress_size:,} can inflate to"
    return ""


def _check_zip_list(path: str, file: BinaryIO, limits: Limits) -> None:
    """Refuses a ZIP that is cut off (its list comes last), or whose list is too long, before the list is read."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _ZIP_TAIL))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 22 > len(tail):
        raise UnreadableImageError(path, "is a ZIP that is cut off: the list of its contents, which comes last, is not there")
    count, length = struct.unpack_from("<HL", tail, at + 10)
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        # Directly before its locator, where zipfile reads it: the locator's own word for its place may name another.
        wide = tail[max(0, at - 76) : at - 20]
        if len(wide) < 56 or not wide.startswith(b"PK\x06\x06"):
            raise UnreadableImageError(path, "is a damaged ZIP: its list of contents cannot be found")
        count, length = struct.unpack_from("<QQ", wide, 32)
    if count > limits.entries or length > limits.entries * _BYTES_AN_ENTRY:
        raise UnreadableImageError(path, f"holds more than {limits.entries:,} entries")
    file.seek(0)


def _check_overlap(path: str, known: list[zipfile.ZipInfo]) -> None:
    """Entries that share their bytes are how a small ZIP is made to inflate without end; no honest archive has them."""
    end = 0
    for entry in sorted(known, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise UnreadableImageError(path, "its entries overlap: it was made to inflate to far more than it holds")
        end = entry.header_offset + 30 + entry.compress_size


# --- tar ------------------------------------------------------------------------------------------------------------


def _tar_entries(path: str, file: BinaryIO) -> Iterator[tuple[str, _Entry | str]]:
    end = Path(path).stat().st_size
    # What no study file, log or screen could hold of a name in another encoding is replaced.
    archive, damage = tarfile.TarFile(fileobj=file, errors="replace"), ""
    try:
        for member in archive:
            if member.isdir():
                continue
            if member.offset_data + member.size > end:
                yield member.name, "is cut off: the archive ends before it does"
            elif member.issym() or member.islnk():
                yield member.name, "is a link, which is not followed"
            elif not member.isreg() or member.issparse():
                yield member.name, "is no ordinary file"
            else:
                yield member.name, _Entry(member.size, _part_of(file, member.offset_data, member.size))
    except (tarfile.TarError, UnicodeError, ValueError) as error:
        damage = str(error)
    # tarfile takes a damaged header for the end; what truly ends is followed by zeros.
    file.seek(min(archive.offset, end))
    if damage or any(file.read(tarfile.BLOCKSIZE)):
        yield "", f"is cut off or damaged: what follows cannot be read ({damage or 'no header'})"


def _part_of(file: BinaryIO, start: int, size: int) -> Callable[[], IO[bytes]]:
    return lambda: io.BufferedReader(_Part(file, start, size))


class _Part(io.RawIOBase):
    """``size`` bytes of an open file from ``start`` on, read one after the other."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._at, self._end = file, start, start + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._at)
        part = self._file.read(min(len(buffer), self._end - self._at))
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


# --- names ----------------------------------------------------------------------------------------------------------


def _plain(name: str) -> str | None:
    """``name`` with "/" between its parts; None where it is absolute, leads upwards or cannot be a name."""
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if not parts or plain.startswith("/") or plain[1:2] == ":" or ".." in parts or "\0" in name:
        return None
    return "/".join(parts)


def _harmless(name: str) -> str:
    """``name`` as it can be shown at the end of a path: its separators only look like some."""
    shown = "".join(c if c.isprintable() else "?" for c in name[:80])
    return shown.replace("\\", "/").replace("/", "\N{DIVISION SLASH}").replace(":", "\N{RATIO}")


def _hidden(name: str) -> bool:
    """What the system wrote beside the files; a DICOMDIR only repeats what the files say themselves."""
    parts = name.split("/")
    return any(part.startswith(".") for part in parts) or parts[0] == "__MACOSX" or parts[-1].upper() == "DICOMDIR"


def _natural_place(name: str) -> tuple[str, str, int, str]:
    """Folder by folder, in each "2.dcm" before "10.dcm"."""
    folder, _, last = name.rpartition("/")
    return (folder, *natural(last))


def natural(name: str) -> tuple[str, int, str]:
    """Sorts "2.dcm" before "10.dcm"."""
    digits = "".join(c for c in Path(name).stem if c.isdigit())
    stem = "".join(c for c in name if not c.isdigit())
    return stem, int(digits[:18] or 0), name

"""Writing a file so that it is either there whole or not there at all.

The bytes go to a temporary neighbour, are flushed to the disk (fsync), and take the final name in one step (``os.replace``). A
process killed at any moment leaves the old file, the new file, or a neighbour called ``.tmp-*`` that ``clear_leftovers`` removes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: Prefix of files that are being written; no finished file begins so.
TEMPORARY = ".tmp-"


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Writes ``data`` to ``path`` atomically. Raises OSError (with the file's name) as the system gives it."""
    with opened(path) as file:
        file.write(data)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A binary file that becomes ``path`` when the block ends well and vanishes when it does not."""
    # A name of its own keeps two writers of the same file (a retried task, a shard on another host) out of each other's bytes.
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(6)}-{path.name}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            # A person knows the file that was asked for, not its neighbour.
            error.filename, error.filename2 = str(path), None
        raise


def check_file(path: Path) -> None:
    """Raises OSError that names ``path`` where no file can be written there: tried with an empty neighbour, removed at once."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"there is no folder {path.parent}", str(path))
    probe = path.with_name(f"{TEMPORARY}{secrets.token_hex(6)}")
    try:
        probe.open("xb").close()
        probe.unlink()
    except OSError as error:
        error.filename = str(path)
        raise


def check_folder(folder: Path) -> None:
    """Raises OSError that names ``folder`` where it cannot be made or written to; makes nothing of it."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{'is' if there == folder else f'{there} is'} no folder", str(folder))
    try:
        check_file(there / TEMPORARY)
    except OSError as error:
        error.filename = str(folder)
        raise


def replace(source: Path, target: Path) -> None:
    """``os.replace`` that waits for a virus scanner: on Windows a file just written may be held open for a moment."""
    attempts = 20 if os.name == "nt" else 1
    for attempt in range(attempts):
        try:
            source.replace(target)
            return
        except PermissionError:
            if attempt == attempts - 1:
                raise
            time.sleep(0.05)


def clear_leftovers(folder: Path) -> int:
    """Removes what killed writers left in ``folder``; returns how many files."""
    count = 0
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(TEMPORARY):
                with contextlib.suppress(FileNotFoundError):
                    Path(entry.path).unlink()
                    count += 1
    return count

"""One open study file: how SQLite is set up, how transactions begin and end, and how its errors become plain words.

Safety over speed: ``synchronous=FULL``, foreign keys on, ``trusted_schema`` off, write transactions that take the lock first
(``BEGIN IMMEDIATE``), so that two windows on one file wait for each other and never deadlock half-way. WAL is used
only where the linked SQLite has the WAL-reset fix (3.51.3) and the disk is local; otherwise a rollback journal that is
truncated, because FULL syncs a truncated journal but not the unlinking of a deleted one.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from medqdeg_desktop.study.errors import BUSY_SECONDS, NOT_UNDERSTOOD, SQLITE_ERRORS, StudyError, in_plain_words

T = TypeVar("T")

WAL_IS_SOUND = sqlite3.sqlite_version_info >= (3, 51, 3)

_NETWORK_FILE_SYSTEMS = frozenset(
    (
        "9p",
        "afpfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "pvfs2",
        "smb3",
        "smbfs",
        "webdav",
    )
)


def network_file_system(path: Path) -> str:
    """The kind of network file system ``path`` lies on, or "" where the disk is local or the system does not say."""
    if sys.platform == "win32":
        import ctypes

        drive = path.resolve().drive
        remote = drive.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(f"{drive}\\") == 4
        return "network drive" if remote else ""
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    resolved = path.resolve()
    kind, longest = "", -1
    for line in mounts:
        _, point, name, *_ = line.split(" ")
        point = point.encode().decode("unicode_escape")
        if len(point) > longest and resolved.is_relative_to(point):
            kind, longest = name, len(point)
    return kind if kind in _NETWORK_FILE_SYSTEMS else ""


def connect(path: Path, *, read_only: bool = False) -> Database:
    """A set-up connection to the existing file at ``path``; sqlite3.Error where it cannot be opened.

    ``read_only`` refuses every write but, where the file is writable, may still roll back what a killed program left half-done.
    """
    writable = os.access(path, os.W_OK) and os.access(path.resolve().parent, os.W_OK)
    mode = "rw" if writable or not read_only else "ro"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cell_size_check = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            wal = WAL_IS_SOUND and not network_file_system(path)
            connection.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'TRUNCATE'}")
        # Recursive triggers, which sqlite-utils turns on, make INSERT OR REPLACE fire the delete triggers too.
        return Database(connection, execute_plugins=False)
    except BaseException:
        connection.close()
        raise


class StudyFile:
    """An open study file and its transactions. One object may be used from several threads; they take turns."""

    def __init__(self, path: Path, db: Database, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._db = db
        self._turn = threading.RLock()
        self._depth = 0
        self._closed = False

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Database]:
        """The connection for short reads; fetch inside the block, so that no lock is held afterwards."""
        with self._turn:
            if self._closed:
                raise StudyError(f"{self.path}: the study has been closed")
            try:
                yield self._db
            except SQLITE_ERRORS as error:
                raise in_plain_words(self.path, error) from error
            except StudyError as error:
                # What lies below knows records, not files.
                if str(self.path) in str(error):
                    raise
                raise StudyError(f"{self.path}: {error}") from error
            except (UnicodeEncodeError, OverflowError) as error:
                raise StudyError(f"{self.path}: a value cannot be kept: {error}") from error

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[Database]:
        """Reads that all see one moment of the file; writers of other programs wait for the end of the block."""
        with self._reading() as db:
            if db.conn.in_transaction:
                yield db
                return
            db.execute("BEGIN")
            try:
                yield db
            finally:
                if db.conn.in_transaction:
                    db.execute("ROLLBACK")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Database]:
        """A write transaction: all of the block, or nothing of it. Blocks nest; the outermost commits."""
        with self._reading() as db:
            if self.read_only:
                raise StudyError(f"{self.path}: opened for reading only")
            if self._depth:
                yield db
                return
            db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                # A commit that found the file busy leaves its transaction open; a full disk may have closed it already.
                if db.conn.in_transaction:
                    db.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    def _understood(self, convert: Callable[[Any], T], rows: Iterable[Any]) -> list[T]:
        """``rows`` as records; StudyError where a row holds what the program never wrote."""
        try:
            return [convert(row) for row in rows]
        except NOT_UNDERSTOOD as error:
            said = " ".join(str(error).split())
            raise StudyError(
                f"{self.path}: damaged: a record cannot be understood ({said}); `medqdeg study verify` names it"
            ) from error

    @property
    def data_version(self) -> int:
        """A number that changes when another connection has committed to the file: a cue to read again."""
        with self._reading() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Closes the file; what was recorded is on disk already. Closing twice is harmless."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            # A truncating mode leaves an empty journal beside the file; SQLite removes it where nobody else needs it.
            with contextlib.suppress(sqlite3.Error):
                if self._db.execute("PRAGMA journal_mode").fetchone()[0] == "truncate":
                    self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()

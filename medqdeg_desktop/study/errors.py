"""StudyError, and the plain words for what SQLite may report about a study file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from medqdeg_desktop.errors import MedqdegError

BUSY_SECONDS = 10.0

#: What may come out of SQLite: its own errors, and messages or texts of a damaged file that are no UTF-8.
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)

#: What making sense of a damaged row may raise.
NOT_UNDERSTOOD = (ValueError, KeyError, TypeError, IndexError, AttributeError)


class StudyError(MedqdegError):
    """A study file that cannot be opened, read or written, or a record that it refuses; ``str(error)`` is one line."""


_REASONS = {
    sqlite3.SQLITE_BUSY: f"in use by another program (waited {BUSY_SECONDS:.0f} s); nothing was changed, try again",
    sqlite3.SQLITE_LOCKED: "in use by another part of this program; nothing was changed, try again",
    sqlite3.SQLITE_READONLY: "cannot be written: the file, its folder or the disk is read-only",
    sqlite3.SQLITE_FULL: "the disk is full; nothing was changed",
    sqlite3.SQLITE_NOTADB: "not a study file",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: no such file, or no permission to read it and its folder",
    sqlite3.SQLITE_IOERR: "the disk reported an error",
    sqlite3.SQLITE_TOOBIG: "a value is too long to be kept",
    sqlite3.SQLITE_NOMEM: "not enough memory",
}


def in_plain_words(path: Path, error: Exception) -> StudyError:
    """The StudyError that says what ``error`` means for the file at ``path``."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    detail = " ".join(str(error).split())
    if code == sqlite3.SQLITE_CORRUPT or isinstance(error, UnicodeDecodeError):
        reason = f"damaged ({detail}); `medqdeg study verify` says what can still be read, a backup restores the rest"
    elif code == sqlite3.SQLITE_CONSTRAINT:
        reason = f"refused a record: {detail}"
    else:
        reason = _REASONS.get(code, detail)
    return StudyError(f"{path}: {reason}")

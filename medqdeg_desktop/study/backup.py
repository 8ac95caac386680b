"""A consistent copy of a study file while others may be writing to it: SQLite's online backup, never a copy of the live file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from medqdeg_desktop.study.errors import BUSY_SECONDS, SQLITE_ERRORS, StudyError, in_plain_words
from medqdeg_desktop.system import sync_folder


def put_in_place(partial: Path, target: Path) -> None:
    """Gives the finished file ``partial`` the name ``target``, unless something has that name already (StudyError)."""
    try:
        os.link(partial, target)
        partial.unlink()
    except FileExistsError:
        raise StudyError(f"{target}: already exists; it was left as it is") from None
    except OSError:
        # Some file systems know no hard links (exFAT); the check and the rename are then two steps.
        if target.exists():
            raise StudyError(f"{target}: already exists; it was left as it is") from None
        partial.rename(target)
    sync_folder(target.parent)


def copy_study(source: Path, target: Path) -> Path:
    """Copies the study at ``source`` to ``target``, which must not exist; checks the copy before it gets its name.

    Raises StudyError where either cannot be read or written, or where the copy does not pass ``integrity_check``.
    """
    if target.exists():
        raise StudyError(f"{target}: already exists; it was left as it is")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        uri = f"{source.resolve().as_uri()}?mode=ro"
        with (
            contextlib.closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as reading,
            contextlib.closing(sqlite3.connect(partial)) as writing,
        ):
            reading.backup(writing)
            problem = writing.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if problem != "ok":
            raise StudyError(f"{source}: damaged ({problem}); no copy was made")
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        put_in_place(partial, target)
    except SQLITE_ERRORS as error:
        raise in_plain_words(source, error) from error
    except OSError as error:
        raise StudyError(f"{target}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return target

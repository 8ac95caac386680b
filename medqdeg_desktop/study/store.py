"""Study: one SQLite file (``*.medq``) with the readers, images, decisions, profiles, questions, runs and answers of a study.

Every public method is one short transaction (or, for the streaming iterators, one per page): when a method that records
something returns, it is on disk. Errors are StudyError with one line. The schema stands in ``schema``, the chain in ``audit``.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from medqdeg_desktop.study import verification
from medqdeg_desktop.study.backup import copy_study, put_in_place
from medqdeg_desktop.study.connection import connect, network_file_system
from medqdeg_desktop.study.doubles import Doubles
from medqdeg_desktop.study.errors import SQLITE_ERRORS, StudyError, in_plain_words
from medqdeg_desktop.study.frozen_runs import FrozenRuns
from medqdeg_desktop.study.identifiers import now_after, utc_text, uuid7
from medqdeg_desktop.study.migrations import check_version, newest_version, upgrade
from medqdeg_desktop.study.readings import Readings

__all__ = ["Study", "StudyError"]


class Study(Readings, FrozenRuns, Doubles):
    """An open study file. Make one with ``Study.create`` or ``Study.open``; it is its own context manager."""

    @classmethod
    def create(cls, path: Path | str, *, name: str = "") -> Study:
        """A new study at ``path``, called ``name`` (the file's name where empty).

        The file gets its name only when it is complete. Raises StudyError where ``path`` exists or cannot be written.
        """
        path = Path(path)
        if path.exists():
            raise StudyError(f"{path}: already exists; open it, or choose another name")
        if not path.absolute().parent.is_dir():
            raise StudyError(f"{path}: the folder {path.absolute().parent} does not exist")
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            partial.touch()
            with contextlib.closing(connect(partial)) as db:
                upgrade(db, partial, keep_copy=False)
                moment = now_after()
                db.execute(
                    "INSERT INTO study (id, study_id, name, created_at) VALUES (1, ?, ?, ?)",
                    (uuid7(moment), name.strip() or path.stem, utc_text(moment)),
                )
            put_in_place(partial, path)
        except SQLITE_ERRORS as error:
            raise in_plain_words(path, error) from error
        except OSError as error:
            raise StudyError(f"{path}: {error.strerror or error}") from error
        finally:
            for left in ("", "-journal", "-wal", "-shm"):
                partial.with_name(partial.name + left).unlink(missing_ok=True)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False) -> Study:
        """The study at ``path``; an older file is copied beside itself and then brought to the newest schema.

        Raises StudyError where there is no such file, where it is no study, damaged, locked or written by a newer program.
        """
        path = Path(path)
        if path.is_dir():
            raise StudyError(f"{path}: a folder, not a study file")
        if not path.exists():
            raise StudyError(f"{path}: no such study; `medqdeg study create` makes one")
        try:
            db = connect(path, read_only=read_only)
            try:
                version = check_version(db, path)
                if version < newest_version():
                    if read_only:
                        raise StudyError(f"{path}: made by an older version of this program; open it for writing once")
                    upgrade(db, path)
                study = cls(path, db, read_only=read_only)
                study.study_id, study.name, study.created_at = study._identity()
            except BaseException:
                db.close()
                raise
        except SQLITE_ERRORS as error:
            raise in_plain_words(path, error) from error
        return study

    study_id: str
    name: str
    created_at: str

    def _identity(self) -> tuple[str, str, str]:
        with self._reading() as db:
            row = db.execute("SELECT study_id, name, created_at FROM study").fetchone()
        if row is None:
            raise StudyError(f"{self.path}: damaged: the study row is missing")
        return row[0], row[1], row[2]

    def verify(self) -> list[str]:
        """Problems of the file, one line each; an empty list means that everything holds (see ``verification``)."""
        return verification.problems(self)

    def backup(self, target: Path | str) -> Path:
        """A checked copy of the study at ``target``, made while others may go on writing; ``target`` must not exist."""
        return copy_study(self.path, Path(target))

    @property
    def network(self) -> str:
        """The kind of network file system the file lies on, or "": two sites must never share a file this way."""
        return network_file_system(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

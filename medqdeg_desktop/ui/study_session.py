"""The study that the window has open, and the only way to it: work goes to the write thread, its answer comes back to the window.

A decision counts as kept when its future is done, which is after it is on disk; only then does the foot say so.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Signal

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.study.records import Reader
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.hop import Hop

if TYPE_CHECKING:
    from medqdeg_desktop.study.writer import StudyWriter

_log = logging.getLogger(__name__)

T = TypeVar("T")


class StudySession(QObject):
    """One open study at a time, and the reader in front of the screen.

    opened   another study is open; ``path``, ``name`` and ``reader`` are set.
    reader_changed  another person sits in front of the same study.
    kept     a decision is on disk; carries its UTC time as recorded.
    failed   one line; the study or the decision it concerns is named in it.
    """

    opened = Signal()
    reader_changed = Signal()
    kept = Signal(str)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hop = Hop(self)
        self._writer: StudyWriter | None = None
        self._opening: threading.Thread | None = None
        self._ticket = 0
        self.path: Path | None = None
        self.name = ""
        self.reader = ""

    @property
    def is_open(self) -> bool:
        return self._writer is not None

    def open(self, path: Path, reader: str, *, create: bool = False) -> None:
        """Opens ``path`` off this thread, first made if it is missing and ``create`` says so; then ``opened`` or ``failed``."""
        self._ticket += 1
        self._opening = threading.Thread(
            target=self._open_elsewhere, args=(path, reader, create, self._ticket), name="study-open", daemon=True
        )
        self._opening.start()

    def change_reader(self, reader: str) -> None:
        """Another person takes the seat; ``reader_changed`` follows."""
        self.submit(lambda study: study.ensure_reader(reader), self._on_reader_known)

    def submit(self, work: Callable[[Study], T], done: Callable[[T], None], failed: Callable[[str], None] | None = None) -> None:
        """Runs ``work(study)`` on the write thread, ``done(result)`` on this one; a refusal goes to ``failed`` or the banner."""
        if self._writer is None:
            self._tell_failure(failed, self.tr("No study is open; nothing was kept."))
            return
        try:
            future = self._writer.submit(work)
        except MedqdegError as error:
            self._tell_failure(failed, str(error))
            return
        future.add_done_callback(partial(self._on_done_elsewhere, done, failed))

    def close(self) -> None:
        """Waits for what was submitted; the file is closed when this returns."""
        self._ticket += 1
        if self._opening is not None:
            self._opening.join(timeout=10)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._hop.close()

    # -- the other threads ------------------------------------------------------------------------------------

    def _open_elsewhere(self, path: Path, reader: str, create: bool, ticket: int) -> None:
        from medqdeg_desktop.study.writer import StudyWriter

        writer: StudyWriter | None = None
        try:
            if create and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                Study.create(path, name=path.stem).close()
            writer = StudyWriter(path)
            name, pseudonym = writer.submit(lambda study: (study.name, study.ensure_reader(reader).pseudonym)).result()
        except (MedqdegError, OSError) as error:
            if writer is not None:
                writer.close()
            text = str(error) if isinstance(error, MedqdegError) else f"{path}: {error.strerror or error}"
            self._hop.post(partial(self.failed.emit, text))
            return
        self._hop.post(partial(self._on_opened, writer, path, name, pseudonym, ticket))

    def _on_done_elsewhere(self, done: Callable[[T], None], failed: Callable[[str], None] | None, future: Future[T]) -> None:
        error = future.exception()
        if error is None:
            self._hop.post(partial(done, future.result()))
            return
        if not isinstance(error, MedqdegError):
            _log.error("work on the study failed", exc_info=error)
        text = str(error) if isinstance(error, MedqdegError) else f"{self.path}: {type(error).__name__}: {error}"
        self._hop.post(partial(self._tell_failure, failed, text))

    # -- back on the window's thread --------------------------------------------------------------------------

    def _on_opened(self, writer: StudyWriter, path: Path, name: str, reader: str, ticket: int) -> None:
        if ticket != self._ticket:
            writer.close()
            return
        if self._writer is not None:
            self._writer.close()
        self._writer = writer
        self.path, self.name, self.reader = path, name, reader
        self.opened.emit()

    def _on_reader_known(self, reader: Reader) -> None:
        self.reader = reader.pseudonym
        self.reader_changed.emit()

    def _tell_failure(self, failed: Callable[[str], None] | None, text: str) -> None:
        (failed or self.failed.emit)(text)


def local_clock(at: str) -> str:
    """UTC ISO text as HH:MM:SS of this machine's time; empty for empty."""
    if not at:
        return ""
    return datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone().strftime("%H:%M:%S")

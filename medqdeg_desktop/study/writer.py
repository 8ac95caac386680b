"""StudyWriter: the one thread of a window that writes to the study, fed by a queue.

Work is done in the order in which it was submitted, each piece in its own transaction; its future is done when it is on disk.
Callbacks added to a future run on the write thread: a window hops to its own thread by a queued signal.
"""

from __future__ import annotations

import atexit
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from medqdeg_desktop.study.errors import StudyError
from medqdeg_desktop.study.store import Study

T = TypeVar("T")
_Work = tuple[Callable[[Study], Any], "Future[Any]"]


class StudyWriter:
    """Opens the study at ``path`` on a thread of its own; StudyError where it cannot be opened."""

    def __init__(self, path: Path | str) -> None:
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        opened: Future[str] = Future()
        # A daemon that is joined at exit: work that was submitted is done even where nobody called close.
        self._thread = threading.Thread(target=self._write, args=(Path(path), opened), name="study-writer", daemon=True)
        self._thread.start()
        try:
            self.study_id = opened.result()
        except BaseException:
            self._closed = True
            raise
        self.path = Path(path)
        atexit.register(self.close)

    def submit(self, work: Callable[[Study], T]) -> Future[T]:
        """Queues ``work(study)``; its result, or what it raised, arrives in the future. StudyError once closed."""
        future: Future[T] = Future()
        with self._closing:
            if self._closed:
                raise StudyError(f"{self.path}: the study has been closed; nothing was recorded")
            self._queue.put((work, future))
        return future

    def flush(self, timeout: float | None = None) -> None:
        """Returns when everything submitted before is done; TimeoutError after ``timeout`` seconds."""
        self.submit(lambda study: None).result(timeout)

    def close(self) -> None:
        """Finishes what was submitted, then closes the file. Closing twice is harmless."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()
        atexit.unregister(self.close)

    def _write(self, path: Path, opened: Future[str]) -> None:
        try:
            study = Study.open(path)
        except BaseException as error:
            opened.set_exception(error)
            return
        with study:
            opened.set_result(study.study_id)
            while (entry := self._queue.get()) is not None:
                work, future = entry
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    future.set_result(work(study))
                except BaseException as error:
                    future.set_exception(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

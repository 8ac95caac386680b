"""Reading and computing off the window's thread, where the study's write thread is not the place for it.

Work of one topic is latest-wins: what an earlier request of the topic still brings is dropped, and what waits is not begun.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QObject

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.ui.hop import Hop

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Background(QObject):
    """A few threads; answers come back on the window's thread."""

    def __init__(self, parent: QObject | None = None, *, threads: int = 1) -> None:
        super().__init__(parent)
        self._hop = Hop(self)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="background")
        self._newest: dict[str, int] = {}
        self._open = True

    def run(
        self, topic: str, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[str], None] | None = None
    ) -> Callable[[], bool]:
        """``done(work())``, or ``failed`` with one line; returns a callable that says whether the request still stands."""
        ticket = self._newest.get(topic, 0) + 1
        self._newest[topic] = ticket
        stands = partial(self._stands, topic, ticket)
        if self._open:
            self._pool.submit(self._work, work, done, failed, stands)
        return stands

    def drop(self, topic: str) -> None:
        """What was asked for is not wanted any more."""
        self._newest[topic] = self._newest.get(topic, 0) + 1

    def close(self) -> None:
        """Nothing comes back after this; what runs ends by itself."""
        self._open = False
        self._newest = dict.fromkeys(self._newest, -1)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._hop.close()

    def _stands(self, topic: str, ticket: int) -> bool:
        return self._newest.get(topic) == ticket

    def _work(
        self,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[str], None] | None,
        stands: Callable[[], bool],
    ) -> None:
        if not stands():
            return
        try:
            result = work()
        except (MedqdegError, OSError) as error:
            text = str(error) if isinstance(error, MedqdegError) else f"{error.filename or ''}: {error.strerror or error}"
            self._hop.post(partial(self._answer, failed, text, stands))
        except Exception as error:
            _log.exception("background work failed")
            self._hop.post(partial(self._answer, failed, f"{type(error).__name__}: {error}", stands))
        else:
            self._hop.post(partial(self._answer, done, result, stands))

    def _answer(self, call: Callable[[T], None] | None, value: T, stands: Callable[[], bool]) -> None:
        if call is not None and stands():
            call(value)

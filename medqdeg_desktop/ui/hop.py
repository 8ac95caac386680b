"""The one way back to the window's thread: a callable is posted from any thread and runs there, in order.

A queued signal on a QObject that lives as long as its window is what Qt guarantees to be safe; pools, the compute thread and the
study's writer therefore know only ``Hop.post`` and never touch a widget.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal, Slot

_log = logging.getLogger(__name__)


class Hop(QObject):
    """Runs posted callables on the thread that made it, until ``close``."""

    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = True
        self._posted.connect(self._on_posted, Qt.ConnectionType.QueuedConnection)

    def post(self, call: Callable[[], None]) -> None:
        """From any thread; dropped without a word once the window has closed."""
        if self._open:
            try:
                self._posted.emit(call)
            except RuntimeError:  # the window went while a pool thread was on its way here
                _log.debug("posted after the window had closed")

    def close(self) -> None:
        self._open = False

    @Slot(object)
    def _on_posted(self, call: Callable[[], None]) -> None:
        if self._open:
            call()

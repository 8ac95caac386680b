"""Python's cycle collector, run on the window's thread alone.

Left to itself it runs on whichever thread allocates, and a widget that is part of a cycle would then be destroyed on the compute
or decode thread, which crashes Qt. It is switched off and run from a timer instead; what lives since the start is frozen, so
that a full pass stays short.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_EVERY_MS = 1000


def keep_for_good() -> None:
    """What is alive now is not looked through any more; it is still freed when nobody refers to it.

    Called when something large has come that stays (ten thousand items), which the collector would otherwise walk through on the
    window's thread time and again.
    """
    gc.freeze()


class WindowThreadCollector(QObject):
    """Collects while it lives; ``close`` gives the collector back."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thresholds = gc.get_threshold()
        gc.disable()
        gc.freeze()
        self._timer = QTimer(self, interval=_EVERY_MS)
        self._timer.timeout.connect(self._on_timer)
        self._timer.start()

    def close(self) -> None:
        self._timer.stop()
        gc.unfreeze()
        gc.enable()

    def _on_timer(self) -> None:
        counts = gc.get_count()
        # The oldest generation whose turn it is, as the collector itself would choose.
        for generation in (2, 1, 0):
            if counts[generation] > self._thresholds[generation]:
                gc.collect(generation)
                return

"""How many calls may be under way, and how long to wait before asking again.

Concurrency adapts by additive increase and multiplicative decrease: each success adds a little, a server that says it is
overloaded halves it, at most once in the time that the calls then under way need to come back. Waiting grows exponentially
with full jitter; a server's own Retry-After comes first.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MAX_ATTEMPTS = 6
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
#: A server that asks for more than this is not coming back within the run.
LONGEST_RETRY_AFTER = 600.0


class AdaptiveLimit:
    """A semaphore whose size follows the server's state."""

    def __init__(self, start: int, most: int) -> None:
        self._limit = float(start)
        self._most = most
        self._active = 0
        self._decreased_at = -1.0
        self._changed = asyncio.Condition()

    @property
    def size(self) -> int:
        """Calls allowed at once now."""
        return max(1, int(self._limit))

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Holds one of the allowed calls."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._active < self.size)
            self._active += 1
        try:
            yield
        finally:
            self._active -= 1
            async with self._changed:
                self._changed.notify_all()

    def succeeded(self) -> None:
        self._limit = min(float(self._most), self._limit + 1.0 / self._limit)

    def congested(self, began: float) -> None:
        """Halves the limit, unless the call that began at ``began`` (monotonic) was sent before the last halving."""
        if began > self._decreased_at:
            self._decreased_at = time.monotonic()
            self._limit = max(1.0, self._limit / 2.0)


def wait_before(attempt: int, retry_after: float | None) -> float:
    """Seconds to wait before attempt number ``attempt`` (2, 3, ...)."""
    if retry_after is not None:
        return max(0.0, retry_after)
    return random.uniform(0.5, 1.0) * min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (attempt - 2))

"""Which requests share a batch: those of like length, so that little of a batch is padding.

The longest of a window come first, so that a batch that does not fit in memory shows at once and not after an hour. Answers do
not depend on the order: each trial has its own seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from medqdeg_desktop.eval.backends.base import Request
from medqdeg_desktop.eval.plan import Asked

#: Requests that are sorted at a time; a set of any size passes through as much memory as these take.
WINDOW = 4096


def by_length(asked: Iterator[Asked], length: Callable[[Request], int], window: int = WINDOW) -> Iterator[Asked]:
    """``asked`` in windows, each sorted by descending ``length`` (tokens); requests for as many trials stay together."""
    while together := list(islice(asked, window)):
        together.sort(key=lambda one: (-len(one.request.trials), -length(one.request)))
        yield from together

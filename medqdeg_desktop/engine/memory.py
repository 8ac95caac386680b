"""Memory that one picture has used is kept for the next.

A step of the slider makes a dozen arrays of a few megabytes and drops them again. The C library of most Linux systems gives each
of them back to the system and asks for it anew, which then clears it page by page: half of the time of a step that moves a frame
(measured, 512 x 512). Told to keep what was freed, it does not. On other systems nothing is changed.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Final

# Numbers of glibc's malloc.h.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8

_KEPT: Final = 256 * 2**20
"""Free bytes at the end of the heap from which they are given back."""
_MAPPED_FROM: Final = 32 * 2**20
"""Arrays of this size and more are still mapped on their own; glibc allows no larger value."""


@cache
def keep_freed_memory() -> bool:
    """Asks glibc's malloc to keep freed memory; False where there is no glibc. Call it before threads are started.

    Threads share one arena: those of their own are heaps of 64 MB that are dropped whole as soon as they are empty.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL(None)
        mallopt, _ = library.mallopt, library.gnu_get_libc_version
    except (AttributeError, OSError):
        return False
    settings = ((_ARENA_MAX, 1), (_TRIM_THRESHOLD, _KEPT), (_MMAP_THRESHOLD, _MAPPED_FROM))
    accepted = [mallopt(name, value) == 1 for name, value in settings]
    return all(accepted)

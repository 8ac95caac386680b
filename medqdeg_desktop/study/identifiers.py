"""Identifiers, times and canonical text: what makes records of two sites comparable byte by byte.

UUIDv7 follows RFC 9562 section 5.7 with the sub-millisecond fraction of method 3 (section 6.2), so that identifiers made by
one process sort in the order of their times.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from medqdeg_desktop.study.errors import StudyError


def utc_text(moment: datetime) -> str:
    """``moment`` as ISO 8601 UTC with microseconds and ``Z``: fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now_after(earlier: str = "") -> datetime:
    """The present, or one microsecond after ``earlier`` where the clock has been set back: order is never lost."""
    now = datetime.now(UTC)
    if not earlier:
        return now
    try:
        return max(now, datetime.fromisoformat(earlier) + timedelta(microseconds=1))
    except (ValueError, TypeError):
        raise StudyError(f"damaged: an event has the time {earlier!r}; `medqdeg study verify` names it") from None


def uuid7(moment: datetime) -> str:
    """A UUIDv7 for ``moment``: 48 bits of milliseconds, 12 bits of their fraction, 62 random bits."""
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    milliseconds, rest = divmod(microseconds, 1000)
    fraction = rest * 4096 // 1000
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def _plain(value: Any) -> Any:
    # NumPy scalars come with settings and answers; ``item`` turns them into the Python number of equal value.
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def canonical_json(value: Any) -> str:
    """``value`` as JSON with sorted keys, no spaces and shortest round-trip numbers.

    Raises StudyError for NaN, infinity and anything that JSON cannot hold.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise StudyError(f"a value cannot be kept: {error}") from None


def sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def storable_text(text: str) -> str:
    """``text`` with surrogate pairs joined and lone surrogates, which no UTF-8 can hold, as U+FFFD.

    They come out of servers that cut an escaped character in two, and of names of files in another encoding.
    """
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

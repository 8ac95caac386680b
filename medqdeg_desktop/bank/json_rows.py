"""Rows of a JSON file, one at a time: JSON lines or one list, told by the first character. No file lies in memory whole."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.errors import BankError

_BLOCK = 1 << 20


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | RowError]]:
    """(number, row) of every row of ``path``; a row that is no object is the RowError that says so.

    The number is the line's in JSON lines and the element's in a list, from 1. BankError where a list breaks off.
    """
    if is_list(path):
        for number, value in enumerate(elements(path), 1):
            try:
                yield number, _sound(value)
            except RowError as error:
                yield number, error
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if raw.strip():
                try:
                    yield number, parsed(raw)
                except RowError as error:
                    yield number, error


def first(path: Path) -> dict[str, Any]:
    """The first row of ``path`` that is an object, to tell the layout by; empty where the beginning holds none."""
    try:
        for _, row in zip(range(20), (row for _, row in rows(path)), strict=False):
            if isinstance(row, dict):
                return row
    except (BankError, UnicodeDecodeError):
        # The importer says what is wrong with the file.
        return {}
    return {}


def is_list(path: Path) -> bool:
    """Whether ``path`` is a ``.json`` file that begins as a list."""
    with path.open("rb") as file:
        return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[") and path.suffix.casefold() == ".json"


def elements(path: Path) -> Iterator[Any]:
    """The elements of a JSON list, read in blocks; an object that repeats a key is a ``_Repeated``.

    BankError where ``path`` holds no list, breaks off, is no UTF-8 text or nests deeper than can be read.
    """
    try:
        yield from _elements(path)
    except UnicodeDecodeError as error:
        raise BankError(f"{path}: no UTF-8 text at byte {error.start:,} of a block") from None
    except RecursionError:
        raise BankError(f"{path}: a value of the JSON list is nested too deep") from None


def _elements(path: Path) -> Iterator[Any]:
    decoder = json.JSONDecoder(object_pairs_hook=_marking_repeats)
    with path.open(encoding="utf-8-sig") as stream:
        buffer, at = stream.read(_BLOCK).lstrip(), 1
        if not buffer.startswith("["):
            raise BankError(f"{path}: no JSON list")
        while True:
            while at < len(buffer) and buffer[at] in ", \t\r\n":
                at += 1
            if at < len(buffer) and buffer[at] == "]":
                return
            try:
                if at >= len(buffer):
                    raise ValueError
                value, at = decoder.raw_decode(buffer, at)
            except ValueError:
                block = stream.read(_BLOCK)
                if not block:
                    raise BankError(f"{path}: the JSON list breaks off or is damaged") from None
                buffer, at = buffer[at:] + block, 0
                continue
            yield value


def parsed(raw: bytes) -> dict[str, Any]:
    """The object on one line; RowError where it is none, repeats a key or holds NaN."""
    try:
        row = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_constant, object_pairs_hook=_without_repeats)
    except UnicodeDecodeError:
        raise RowError("no UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise RowError(f"no JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise RowError("no JSON that can be read: nested too deep") from None
    if not isinstance(row, dict):
        raise RowError("no JSON object")
    return row


class _Repeated(dict[str, Any]):
    """An object of a list that repeats the key ``key``. The decoder must get past it, so it is refused once it is read."""

    def __init__(self, pairs: list[tuple[str, Any]], key: str) -> None:
        super().__init__(pairs)
        self.key = key


def _sound(value: Any) -> dict[str, Any]:
    """``value`` where it is an object without repeated keys and without NaN, as on a line of its own; else RowError."""
    if not isinstance(value, dict):
        raise RowError("no JSON object")
    waiting: list[Any] = [value]
    while waiting:
        match waiting.pop():
            case _Repeated(key=key):
                raise RowError(f"key {key!r} stands twice")
            case dict() as inner:
                waiting += inner.values()
            case list() as inner:
                waiting += inner
            case float() as number if not math.isfinite(number):
                raise RowError(f"{'NaN' if math.isnan(number) else 'Infinity'} is no JSON value")
    return value


def _no_constant(name: str) -> NoReturn:
    raise RowError(f"{name} is no JSON value")


def _marking_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        return _Repeated(pairs, next(key for i, (key, _) in enumerate(pairs) if key in [k for k, _ in pairs[:i]]))
    return result


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = _marking_repeats(pairs)
    if isinstance(result, _Repeated):
        raise RowError(f"key {result.key!r} stands twice")
    return result

"""Rows of a JSON file, one at a time: JSON lines or one list, told by the first character. No file lies in memory whole."""

from __future__ import annotations

import json
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
            yield number, value if isinstance(value, dict) else RowError("no JSON object")
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
    """The elements of a JSON list, read in blocks. BankError where ``path`` holds no list or it breaks off."""
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8-sig") as stream:
        buffer, at, ended = stream.read(_BLOCK).lstrip(), 1, False
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
                block = "" if ended else stream.read(_BLOCK)
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


def _no_constant(name: str) -> NoReturn:
    raise RowError(f"{name} is no JSON value")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        repeated = next(key for i, (key, _) in enumerate(pairs) if key in [k for k, _ in pairs[:i]])
        raise RowError(f"key {repeated!r} stands twice")
    return result

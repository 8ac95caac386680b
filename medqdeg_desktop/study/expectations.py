"""What the parts of a record that came from elsewhere must be; ValueError says which is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def expect_texts(line: Mapping[str, Any], *names: str) -> None:
    for name in names:
        expect(isinstance(line[name], str), f"{name} is no text")


def expect_records(**named: object) -> None:
    for name, value in named.items():
        expect(isinstance(value, dict), f"{name} is no record")

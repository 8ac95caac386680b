"""The level that a published file means: its spellings are not documented, so every variant met is read and reported."""

from __future__ import annotations

from typing import Final

from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.taxonomy import Level

_SPELLINGS: Final = {
    Level.L0: ("l0", "level0", "severity0", "0", "none", "good", "clean", "original", "no", "nan", "null"),
    Level.L1: ("l1", "level1", "severity1", "1", "mild", "moderate", "light", "slight", "low"),
    Level.L2: ("l2", "level2", "severity2", "2", "severe", "heavy", "strong", "high"),
}
_LEVELS: Final = {spelling: level for level, spellings in _SPELLINGS.items() for spelling in spellings}


def level_of(severity: str, degradation: str) -> Level:
    """The level that the cells ``degradation_severity`` and ``degradation_type`` of a row mean.

    Both empty is the clean picture. RowError for a spelling that is not known, and where one cell says clean and the other
    does not: such a row would count for the wrong level.
    """
    key = "".join(c for c in severity.casefold() if c.isalnum())
    if key.endswith("0") and key[:-1].isdecimal():
        # A table that passed through floating point: "1.0".
        key = key[:-1]
    named = "".join(c for c in degradation.casefold() if c.isalnum())
    clean = _LEVELS.get(named) is Level.L0 or not named
    level = _LEVELS.get(key) if key else (Level.L0 if clean else None)
    if level is None:
        raise RowError(f"degradation_severity {severity!r} is none of the levels" if key else "degradation_severity is missing")
    if (level is Level.L0) != clean:
        raise RowError(f"severity {severity!r} contradicts degradation_type {degradation!r}")
    return level

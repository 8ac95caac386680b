"""What every importer checks of a row, whatever its layout: modality, options, answer, images. A failed check is a
``RowError``.
"""

from __future__ import annotations

import math
import string
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from medqdeg_desktop.engine.reading.archives import file_of
from medqdeg_desktop.taxonomy import Modality, modality_of


class RowError(ValueError):
    """Why one row cannot be used, in words; the importer turns it into a ``Rejected``."""


def text(row: Mapping[str, Any], key: str, *, needed: bool = False) -> str:
    """``row[key]`` as stripped text; numbers become text, absent and null become "" (or a RowError when ``needed``)."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise RowError(f"{key} is no text")
    if isinstance(value, float) and not math.isfinite(value):
        raise RowError(f"{key} is not a number that can be written")
    result = "" if value is None else str(value).strip()
    if needed and not result:
        raise RowError(f"{key} is missing")
    return result


def modality(value: str) -> Modality:
    found = modality_of(value)
    if found is None:
        raise RowError(f"unknown modality {value!r}" if value else "modality is missing")
    return found


def options(value: Any) -> dict[str, str]:
    """Letter -> text from a mapping or a list. Words such as "None", "NA" or "nan" are options like any other.

    RowError unless there are two or more, the letters run from A without a gap, and every text says something.
    """
    if isinstance(value, list):
        value = dict(zip(string.ascii_uppercase, value, strict=False))
    if not isinstance(value, dict):
        raise RowError("options are missing" if value is None else "options are neither a mapping nor a list")
    result: dict[str, str] = {}
    for key, option in value.items():
        letter = str(key).strip().upper()
        if letter in result:
            raise RowError(f"option {letter} stands twice")
        if option is None or isinstance(option, bool | list | dict):
            raise RowError(f"option {letter} is no text")
        result[letter] = str(option).strip()
        if not result[letter]:
            raise RowError(f"option {letter} is empty")
    expected = list(string.ascii_uppercase[: len(result)])
    if len(result) < 2:
        raise RowError("fewer than two options")
    if sorted(result) != expected:
        raise RowError(f"options are lettered {', '.join(sorted(result))}, not {', '.join(expected)}")
    return {letter: result[letter] for letter in expected}


def answer_letter(value: str, offered: Mapping[str, str]) -> str:
    """The letter ``value`` in capitals; RowError when it is not offered."""
    letter = value.strip().upper()
    if letter not in offered:
        raise RowError(f"answer {value!r} is not one of {', '.join(offered)}" if value else "answer is missing")
    return letter


def answer_by_text(value: str, offered: Mapping[str, str]) -> str:
    """The letter of the option whose text is ``value`` (case and spaces aside); RowError when none or several are."""
    wanted = " ".join(value.casefold().split())
    letters = [letter for letter, option in offered.items() if " ".join(option.casefold().split()) == wanted]
    if len(letters) == 1:
        return letters[0]
    if not value:
        raise RowError("answer is missing")
    raise RowError(f"answer {value!r} is {'several options' if letters else 'none of the options'}")


def images(names: Iterable[Any], folder: Path) -> tuple[str, ...]:
    """Absolute paths of ``names`` seen from ``folder``; RowError naming the first that is not there."""
    found = []
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise RowError("an image has no name")
        path = (folder / name).resolve()
        if path.is_dir():
            raise RowError(f"image {name} is a folder; an item names one file")
        # A member of an archive is there as far as its archive is; what is in that, reading it tells.
        if not file_of(path).is_file():
            raise RowError(f"image {name} is not there")
        found.append(str(path))
    if not found:
        raise RowError("no image")
    return tuple(found)


def window(value: Any) -> tuple[float, float] | None:
    """(center, width) from a list of two numbers; None where absent."""
    if value is None or value == "":
        return None
    if isinstance(value, list) and len(value) == 2 and all(_is_number(v) for v in value) and value[1] > 0:
        return (float(value[0]), float(value[1]))
    raise RowError("window is not [center, width] with a width above zero")


def frame(value: Any) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise RowError(f"frame {value!r} is no whole number from 0")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

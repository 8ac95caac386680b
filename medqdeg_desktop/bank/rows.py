"""One line of ``metadata.jsonl``: its fields, their order and their types.

Every value is a string or a number and never null, so that Arrow, CSV and TSV readers see one type a column. What is absent
is ``""``; ``parameters``, ``window`` ("[center, width]") and ``range`` ("[low, high]") are JSON strings; ``seed`` is a decimal
string because it has 128 bits.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from medqdeg_desktop.bank.errors import BankError

_BEFORE_OPTIONS: Final = (
    "file_name",
    "item_id",
    "pair_id",
    "image_index",
    "image_count",
    "source",
    "source_id",
    "modality",
    "capability",
    "task",
    "skill",
    "level",
    "degradation",
    "published_type",
    "category",
    "severity",
    "parameters",
    "seed",
    "question",
)
_AFTER_OPTIONS: Final = (
    "answer",
    "frame",
    "window",
    "range",
    "width",
    "height",
    "source_sha256",
    "pixel_sha256",
    "sha256",
    "profile",
    "profile_status",
    "licence",
)

#: Letters that every line has; F, G, ... follow after the last field on lines that need them.
LETTERS: Final = ("A", "B", "C", "D", "E")
FIELDS: Final = (*_BEFORE_OPTIONS, *LETTERS, *_AFTER_OPTIONS)

_NUMBERS: Final[dict[str, int | float]] = {
    "image_index": 0,
    "image_count": 1,
    "severity": 0.0,
    "frame": 0,
    "width": 0,
    "height": 0,
}


def row(options: dict[str, str], **values: Any) -> dict[str, Any]:
    """A complete line in the published order from ``options`` (letter to text) and the other fields by name.

    Fields not named are absent. BankError for a name that is no field and for a value that is null.
    """
    line: dict[str, Any] = {name: _NUMBERS.get(name, "") for name in FIELDS}
    line["parameters"] = "{}"
    for name, value in values.items():
        if name not in line or name in LETTERS:
            raise BankError(f"{name}: no field of metadata.jsonl")
        if value is None:
            raise BankError(f"{name}: null is not written to metadata.jsonl")
        line[name] = value
    return line | dict(sorted(options.items()))


def to_json(line: dict[str, Any]) -> str:
    """One line of text without its end; NaN and infinity are refused, for they are no JSON."""
    return json.dumps(line, ensure_ascii=False, allow_nan=False)


def options_of(line: dict[str, Any]) -> dict[str, str]:
    """The options that a line offers, letter to text, in order."""
    return {k: str(v) for k, v in sorted(line.items()) if len(k) == 1 and "A" <= k <= "Z" and v != ""}


def pair_id(question: str, options: dict[str, str], source_sha256: list[str]) -> str:
    """Name of a question about clean images: all levels, types and images of it share this id (clusters in statistics)."""
    text = json.dumps([question, sorted(options.items()), source_sha256], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:20]

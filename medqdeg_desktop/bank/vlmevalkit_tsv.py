"""VLMEvalKit TSV as GMAI-MMBench, MedQ-DEG-Bench and MedQ-Bench publish it: a header, then a question a line with its image
in base64.

Read as a stream (the published file has 9 GB). Images are written once, under their hash, to a folder beside the study.
Traps met here: an image cell of at most 64 characters is the ``index`` of the row whose image it shares; a cell may hold a
list of images; option cells "None" and "NA" are options; an answer may be a letter or an index from 0; column names in any
case. Rows that are degraded already (MedQ-DEG-Bench ``simulate``) are no clean items and are rejected by name.
"""

from __future__ import annotations

import ast
import base64
import binascii
import csv
import hashlib
import string
import sys
from collections.abc import Iterator
from pathlib import Path

from medqdeg_desktop.bank import checks, skills
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.importing import Rejected
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.study.records import Item

_SHARED_CELL = 64
_CLEAN = {"", "l0", "0", "none", "good", "clean"}
_SUFFIXES = ((b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"), (b"BM", ".bmp"))


def read(path: Path, source: str, extracted: Path) -> Iterator[Item | Rejected]:
    """Items of ``path`` a row at a time; ``Rejected.row`` counts rows after the header from 1."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    folder = extracted / path.stem
    by_index: dict[str, tuple[str, ...]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, delimiter="\t")
        header = [name.strip() for name in next(lines, [])]
        # Option columns are capital letters; every other name is taken in any case.
        names = [n if len(n) == 1 else n.casefold() for n in header]
        for needed in ("index", "question", "answer"):
            if needed not in names:
                raise BankError(f"{path}: no column {needed!r} in the first line")
        number = 0
        while True:
            number += 1
            try:
                cells = next(lines)
            except StopIteration:
                return
            except csv.Error as error:
                yield Rejected(number, "", f"no TSV row: {error}")
                continue
            row = dict(zip(names, cells, strict=False))
            name = row.get("index", "").strip()
            try:
                if len(cells) != len(names):
                    raise RowError(f"{len(cells)} cells where the header has {len(names)}")
                yield _item(row, source or row.get("source", "") or path.stem, path.parent, folder, by_index)
            except RowError as error:
                yield Rejected(number, name, str(error))


def _item(row: dict[str, str], source: str, beside: Path, folder: Path, by_index: dict[str, tuple[str, ...]]) -> Item:
    index = checks.text(row, "index", needed=True)
    images = _images(row, beside, folder, by_index)
    by_index[index] = images
    severity = row.get("degradation_severity", "").strip()
    if severity.casefold() not in _CLEAN:
        raise RowError(f"degraded already ({row.get('degradation_type', '')} {severity}): only clean rows become items")
    offered = checks.options({letter: row[letter] for letter in string.ascii_uppercase if row.get(letter, "").strip()})
    label = row.get("clinical vqa task", "").strip() or row.get("category", "").strip()
    place = skills.place(source, label, row.get("task", ""))
    return Item(
        item_id=f"{source}/{index}",
        source=source,
        source_id=index,
        modality=checks.modality(checks.text(row, "modality", needed=True)),
        question=checks.text(row, "question", needed=True),
        options=offered,
        answer=_answer(checks.text(row, "answer", needed=True), offered),
        images=images,
        capability=place.capability,
        task=place.task if place.mapped else label,
        skill=place.skill if place.mapped else "",
    )


def _answer(value: str, offered: dict[str, str]) -> str:
    if value.isdigit() and int(value) < len(offered):
        return list(offered)[int(value)]
    return checks.answer_letter(value, offered)


def _images(row: dict[str, str], beside: Path, folder: Path, by_index: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    cell = row.get("image", "").strip()
    if not cell:
        return checks.images(_listed(row.get("image_path", "").strip()), beside)
    if len(cell) <= _SHARED_CELL and not cell.startswith("["):
        if cell not in by_index:
            raise RowError(f"shares the image of row {cell!r}, which has none above it")
        return by_index[cell]
    return tuple(_extracted(text, folder) for text in _listed(cell))


def _listed(cell: str) -> list[str]:
    """The cell itself, or the strings of a list written as Python or JSON writes it."""
    if not cell.startswith("["):
        return [cell] if cell else []
    try:
        values = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise RowError("the list of images is damaged") from None
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise RowError("the list of images holds something that is no text")
    return values


def _extracted(text: str, folder: Path) -> str:
    """Path of the image that base64 ``text`` holds, written under its hash where it is not there yet."""
    try:
        data = base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError):
        raise RowError("the image is no base64") from None
    suffix = next((end for magic, end in _SUFFIXES if data.startswith(magic)), "")
    if not suffix:
        raise RowError("the image is neither PNG, JPEG, TIFF nor BMP")
    path = folder / f"{hashlib.sha256(data).hexdigest()[:32]}{suffix}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, data)
    return str(path)

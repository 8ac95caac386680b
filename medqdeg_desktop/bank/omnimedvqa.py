"""OmniMedVQA: ``QA_information/{Open-access,Restricted-access}/*.json`` beside ``Images/``; each file is one JSON list.

Traps of the published files, all met here: the answer is a text that must be matched to an option; two to four options
whose missing keys are absent, not null; ``modality`` in place of ``modality_type`` in one file; spellings such as "X_Ray."
and "x_ray."; image paths relative to some folder above the file. The restricted part ships paths without images: such rows
are reported.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medqdeg_desktop.bank import checks, skills
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.importing import Rejected
from medqdeg_desktop.study.records import Item

_SOURCE = "OmniMedVQA"
_OPTION_KEYS = {f"option_{letter}": letter for letter in "ABCDEFGH"}
_BLOCK = 1 << 20


def read(path: Path, source: str, extracted: Path) -> Iterator[Item | Rejected]:
    """Items of one JSON file, or of every JSON file below ``QA_information`` of a folder, in the order of their names."""
    files = [path] if path.is_file() else _files(path)
    for file in files:
        roots = _Roots(file)
        for number, row in enumerate(_records(file), 1):
            name = ""
            try:
                if not isinstance(row, dict):
                    raise RowError("no JSON object")
                name = checks.text(row, "question_id", needed=True)
                yield _item(row, roots, source or _SOURCE)
            except RowError as error:
                yield Rejected(number, name, str(error), file.name)


def _item(row: dict[str, Any], roots: _Roots, source: str) -> Item:
    offered = checks.options({letter: row[key] for key, letter in _OPTION_KEYS.items() if row.get(key) not in (None, "")})
    label = checks.text(row, "question_type")
    place = skills.place(source, label)
    name = checks.text(row, "question_id", needed=True)
    dataset = checks.text(row, "dataset")
    return Item(
        item_id=f"{source}/{name}",
        source=source,
        source_id=f"{dataset}/{name}" if dataset else name,
        modality=checks.modality(checks.text(row, "modality_type") or checks.text(row, "modality")),
        question=checks.text(row, "question", needed=True),
        options=offered,
        answer=checks.answer_by_text(checks.text(row, "gt_answer"), offered),
        images=(roots.find(checks.text(row, "image_path", needed=True)),),
        capability=place.capability,
        task=place.task if place.mapped else label,
        skill=place.skill if place.mapped else "",
    )


def _files(folder: Path) -> list[Path]:
    below = folder / "QA_information" if (folder / "QA_information").is_dir() else folder
    files = sorted(p for p in below.rglob("*.json") if p.is_file())
    if not files:
        raise BankError(f"{folder}: no .json file with questions below it")
    return files


class _Roots:
    """Finds images from the folder that their paths start from: the file's own or one above it, remembered once met."""

    def __init__(self, file: Path) -> None:
        self._folders = list(file.resolve().parents)[:4]

    def find(self, name: str) -> str:
        for folder in self._folders:
            path = f"{folder}{os.sep}{name}"
            if os.path.isfile(path):  # noqa: PTH113 - 128,000 rows: a Path for each costs more than the system call
                if folder is not self._folders[0]:
                    self._folders.remove(folder)
                    self._folders.insert(0, folder)
                return os.path.normpath(path)
        raise RowError(f"image {name} is not there")


def _records(file: Path) -> Iterator[Any]:
    """The elements of a JSON list, read in blocks so that a large file never lies in memory whole."""
    decoder = json.JSONDecoder()
    with file.open(encoding="utf-8-sig") as stream:
        buffer, at, ended = stream.read(_BLOCK).lstrip(), 1, False
        if not buffer.startswith("["):
            raise BankError(f"{file}: no JSON list")
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
                    raise BankError(f"{file}: the JSON list breaks off or is damaged") from None
                buffer, at = buffer[at:] + block, 0
                continue
            yield value

"""OmniMedVQA: ``QA_information/{Open-access,Restricted-access}/*.json`` beside ``Images/``; each file is one JSON list.

Traps of the published files, all met here: the answer is a text that must be matched to an option; two to four options
whose missing keys are absent, not null; ``modality`` in place of ``modality_type`` in one file; keys of options spelt
otherwise ("Option_C"), which would take an option away unseen; options that the question lists once more; spellings such as
"X_Ray." and "x_ray."; image paths relative to some folder above the file. The restricted part ships paths without images:
such rows are reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medqdeg_desktop.bank import checks, json_rows, skills
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.image_folders import ImageFolders
from medqdeg_desktop.bank.importing import Rejected, Wanted
from medqdeg_desktop.bank.wording import without_options
from medqdeg_desktop.study.records import Item

_SOURCE = "OmniMedVQA"
_OPTION_KEY = re.compile(r"\W*(?:option|opt|choice)[\W_]*([a-h])\W*", re.IGNORECASE)


def read(path: Path, wanted: Wanted) -> Iterator[Item | Rejected]:
    """Items of one JSON file, or of every JSON file below ``QA_information`` of a folder, in the order of their names."""
    files = [path] if path.is_file() else _files(path)
    for file in files:
        folders = ImageFolders(file)
        for number, row in json_rows.rows(file):
            name = ""
            try:
                if isinstance(row, RowError):
                    raise row
                name = checks.text(row, "question_id", needed=True)
                yield _item(row, folders, wanted)
            except RowError as error:
                yield Rejected(number, name, str(error), file.name)


def _item(row: dict[str, Any], folders: ImageFolders, wanted: Wanted) -> Item:
    source = wanted.source or _SOURCE
    offered = checks.options(_options(row, wanted))
    asked = checks.text(row, "question", needed=True)
    question = without_options(asked, offered)
    if question != asked:
        wanted.noted["options that the question listed once more were taken out of it"] += 1
    label = checks.text(row, "question_type")
    place = skills.place(source, label)
    name = checks.text(row, "question_id", needed=True)
    dataset = checks.text(row, "dataset")
    return Item(
        item_id=f"{source}/{name}",
        source=source,
        source_id=f"{dataset}/{name}" if dataset else name,
        modality=checks.modality(checks.text(row, "modality_type") or checks.text(row, "modality")),
        question=question,
        options=offered,
        answer=checks.answer_by_text(checks.text(row, "gt_answer"), offered),
        images=(folders.find(checks.text(row, "image_path", needed=True)),),
        capability=place.capability,
        task=place.task if place.mapped else label,
        skill=place.skill if place.mapped else "",
    )


def _options(row: dict[str, Any], wanted: Wanted) -> dict[str, Any]:
    """Letter -> text of the options that are there, in the order of their letters."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        match = _OPTION_KEY.fullmatch(key)
        if match is None or value in (None, ""):
            continue
        letter = match[1].upper()
        if letter in found:
            raise RowError(f"option {letter} stands twice")
        if key != f"option_{letter}":
            wanted.noted[f"key {key!r} read as option_{letter}"] += 1
        found[letter] = value
    return dict(sorted(found.items()))


def _files(folder: Path) -> list[Path]:
    below = folder / "QA_information" if (folder / "QA_information").is_dir() else folder
    files = sorted(p for p in below.rglob("*.json") if p.is_file())
    if not files:
        raise BankError(f"{folder}: no .json file with questions below it")
    return files

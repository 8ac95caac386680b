"""OmniMedVQA: ``QA_information/{Open-access,Restricted-access}/*.json`` beside ``Images/``; each file is one JSON list.

Traps of the published files, all met here: the answer is a text that must be matched to an option; two to four options
whose missing keys are absent, not null; ``modality`` in place of ``modality_type`` in one file; spellings such as "X_Ray."
and "x_ray."; image paths relative to some folder above the file. The restricted part ships paths without images: such rows
are reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medqdeg_desktop.bank import checks, json_rows, skills
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.image_folders import ImageFolders
from medqdeg_desktop.bank.importing import Rejected, Wanted
from medqdeg_desktop.study.records import Item

_SOURCE = "OmniMedVQA"
_OPTION_KEYS = {f"option_{letter}": letter for letter in "ABCDEFGH"}


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
                yield _item(row, folders, wanted.source or _SOURCE)
            except RowError as error:
                yield Rejected(number, name, str(error), file.name)


def _item(row: dict[str, Any], folders: ImageFolders, source: str) -> Item:
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
        images=(folders.find(checks.text(row, "image_path", needed=True)),),
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

"""MedXpertQA-MM in both published shapes: JSON lines with images in a folder beside them.

On GitHub ``options`` is a list of letter and content, ``label`` a list and ``images`` a list of objects; on Hugging Face
they are a mapping, a letter and a list of file names. Traps met here: the question lists its options once more (they are
taken out); several images a question; images.zip is published apart, so images may be missing. No shape states a modality:
it is taken from a list by id, else from the words of the question where they name exactly one; other rows are rejected by
name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.bank import checks, json_rows, skills
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.image_folders import ImageFolders
from medqdeg_desktop.bank.importing import Rejected, Wanted
from medqdeg_desktop.bank.wording import modality_named, without_options
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import Modality

SOURCE: Final = "MedXpertQA"
FILES: Final = ("MM/test.jsonl", "MM/dev.jsonl", "MM/train.jsonl")


def read(path: Path, wanted: Wanted) -> Iterator[Item | Rejected]:
    """Items of one file, or of those of ``FILES`` that the folder ``path`` holds.

    ``Rejected.row`` is the line number in the file that it names.
    """
    for file in [path] if path.is_file() else [path / name for name in FILES if (path / name).is_file()]:
        folders = ImageFolders(file, ("images", "MM/images"))
        for number, row in json_rows.rows(file):
            name = ""
            try:
                if isinstance(row, RowError):
                    raise row
                name = checks.text(row, "id", needed=True)
                yield _item(row, folders, wanted)
            except RowError as error:
                yield Rejected(number, name, str(error), file.name)


def _item(row: dict[str, Any], folders: ImageFolders, wanted: Wanted) -> Item:
    source = wanted.source or SOURCE
    name = checks.text(row, "id", needed=True)
    offered = checks.options(_options(row.get("options")))
    asked = checks.text(row, "question", needed=True)
    question = without_options(asked, offered)
    if question != asked:
        wanted.noted["options that the question listed once more were taken out of it"] += 1
    label = "-".join(filter(None, (checks.text(row, "medical_task"), checks.text(row, "question_type"))))
    place = skills.place(source, label)
    images = _images(row.get("images"))
    if not images:
        raise RowError("no image: a question of the text part")
    return Item(
        item_id=f"{source}/{name}",
        source=source,
        source_id=name,
        modality=_modality(name, question, wanted),
        question=question,
        options=offered,
        answer=checks.answer_letter(_label(row.get("label")), offered),
        images=tuple(folders.find(image) for image in images),
        capability=place.capability,
        task=place.task if place.mapped else label,
        skill=place.skill if place.mapped else "",
        licence="MIT",
        public=True,
    )


def _options(value: Any) -> Any:
    """A mapping of letters from either shape; keys that a table format filled up with null are no options."""
    if isinstance(value, list) and all(isinstance(option, dict) for option in value):
        letters = [str(option.get("letter")) for option in value]
        if len(set(letters)) < len(letters):
            raise RowError(f"option {next(x for x in letters if letters.count(x) > 1)} stands twice")
        return {letter: option.get("content") for letter, option in zip(letters, value, strict=True)}
    return {letter: text for letter, text in value.items() if text is not None} if isinstance(value, dict) else value


def _label(value: Any) -> str:
    if isinstance(value, list):
        if len(value) != 1:
            raise RowError(f"{len(value)} answers where one is asked for")
        value = value[0]
    if not isinstance(value, str):
        raise RowError("label is no letter")
    return value


def _images(value: Any) -> list[str]:
    if not isinstance(value, list | None):
        raise RowError("images is no list")
    names = [entry.get("image_path") if isinstance(entry, dict) else entry for entry in value or ()]
    if not all(isinstance(name, str) and name for name in names):
        raise RowError("an image has no name")
    return [str(name) for name in names]


def _modality(name: str, question: str, wanted: Wanted) -> Modality:
    given = wanted.modalities.get(name)
    found = given or modality_named(question)
    if found is None:
        raise RowError("the source states no modality, and the question names none or several; give it with --modalities")
    if not given:
        wanted.noted["modality taken from the words of the question"] += 1
    return found

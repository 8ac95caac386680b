"""SLAKE: ``train.json``, ``validate.json`` and ``test.json`` (each one list) beside ``imgs/xmlabN/source.jpg``.

Closed questions with yes, no or one of two named words become items; open ones have nothing to choose from and are rejected
by name. The Chinese half asks the same questions again (``q_lang``) and is left out with that reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.bank import checks, json_rows, skills
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.image_folders import ImageFolders
from medqdeg_desktop.bank.importing import Rejected, Wanted
from medqdeg_desktop.bank.wording import closed_options
from medqdeg_desktop.study.records import Item

SOURCE: Final = "SLAKE"
FILES: Final = ("train.json", "validate.json", "test.json")


def read(path: Path, wanted: Wanted) -> Iterator[Item | Rejected]:
    """Items of one file, or of those of ``FILES`` that the folder ``path`` holds.

    ``Rejected.row`` is the element's number in the file that it names.
    """
    for file in [path] if path.is_file() else [path / name for name in FILES if (path / name).is_file()]:
        folders = ImageFolders(file, ("imgs",))
        for number, row in json_rows.rows(file):
            name = ""
            try:
                if isinstance(row, RowError):
                    raise row
                name = checks.text(row, "qid", needed=True)
                yield _item(row, folders, wanted.source or SOURCE)
            except RowError as error:
                yield Rejected(number, name, str(error), file.name)


def _item(row: dict[str, Any], folders: ImageFolders, source: str) -> Item:
    language = checks.text(row, "q_lang")
    if language not in ("", "en"):
        raise RowError(f"question in language {language!r}; the English one is imported")
    question = checks.text(row, "question", needed=True)
    offered, answer = closed_options(question, checks.text(row, "answer", needed=True))
    label = checks.text(row, "content_type")
    place = skills.place(source, label)
    name = checks.text(row, "qid", needed=True)
    return Item(
        item_id=f"{source}/{name}",
        source=source,
        source_id=name,
        modality=checks.modality(checks.text(row, "modality")),
        question=question,
        options=offered,
        answer=answer,
        images=(folders.find(checks.text(row, "img_name", needed=True)),),
        capability=place.capability,
        task=place.task if place.mapped else label,
        skill=place.skill if place.mapped else "",
        licence="CC BY 4.0",
        public=True,
    )

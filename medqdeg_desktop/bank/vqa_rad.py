"""VQA-RAD: ``VQA_RAD Dataset Public.json`` (one list) beside ``VQA_RAD Image Folder/``, or its rows as JSON lines.

Traps met here: an answer may be a number; ``answer_type`` and ``question_type`` come with blanks and in combinations
("PRES, POS"); the same question stands there rephrased (``phrase_type``). The file names an organ and no modality: chests
are radiographs and abdomens CT (Lau et al. 2018), heads are CT or MRI, so that their modality is taken from a list by id or
from the words of the question.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.bank import checks, json_rows, skills
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.image_folders import ImageFolders
from medqdeg_desktop.bank.importing import Rejected, Wanted
from medqdeg_desktop.bank.wording import closed_options, modality_named
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import Modality

SOURCE: Final = "VQA-RAD"
FILES: Final = ("VQA_RAD Dataset Public.json",)
_ORGANS: Final = {"CHEST": Modality.XRAY, "ABD": Modality.CT}


def read(path: Path, wanted: Wanted) -> Iterator[Item | Rejected]:
    """Items of one file, or of those of ``FILES`` that the folder ``path`` holds.

    ``Rejected.row`` is the row's number in the file that it names.
    """
    for file in [path] if path.is_file() else [path / name for name in FILES if (path / name).is_file()]:
        folders = ImageFolders(file, ("VQA_RAD Image Folder", "images"))
        for number, row in json_rows.rows(file):
            name = ""
            try:
                if isinstance(row, RowError):
                    raise row
                # Rows that were published again as plain lines have no qid: their number in a split names them.
                name = checks.text(row, "qid") or "-".join(filter(None, (checks.text(row, "split"), checks.text(row, "row"))))
                yield _item(row, name or str(number), folders, wanted)
            except RowError as error:
                yield Rejected(number, name, str(error), file.name)


def _item(row: dict[str, Any], name: str, folders: ImageFolders, wanted: Wanted) -> Item:
    source = wanted.source or SOURCE
    question = checks.text(row, "question", needed=True)
    offered, answer = closed_options(question, checks.text(row, "answer", needed=True))
    label = checks.text(row, "question_type").partition(",")[0].strip()
    place = skills.place(source, label)
    image = checks.text(row, "image_name") or checks.text(row, "image", needed=True)
    return Item(
        item_id=f"{source}/{name}",
        source=source,
        source_id=name,
        modality=_modality(row, name, question, wanted),
        question=question,
        options=offered,
        answer=answer,
        images=(folders.find(image),),
        capability=place.capability,
        task=place.task if place.mapped else label,
        skill=place.skill if place.mapped else "",
        patient=checks.text(row, "image_case_url"),
        licence="CC0 1.0",
        public=True,
    )


def _modality(row: dict[str, Any], name: str, question: str, wanted: Wanted) -> Modality:
    given = wanted.modalities.get(name)
    if given:
        return given
    organ = checks.text(row, "image_organ").upper()
    if organ in _ORGANS:
        wanted.noted[f"{organ}: {_ORGANS[organ]}, as the publication says"] += 1
        return _ORGANS[organ]
    named = modality_named(question)
    if named is None:
        raise RowError(f"modality is not stated ({organ or 'no organ'}: CT or MRI?); give it with --modalities")
    wanted.noted["modality taken from the words of the question"] += 1
    return named

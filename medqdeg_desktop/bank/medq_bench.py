"""MedQ-Bench: questions about the quality of a picture, in three kinds of TSV.

``medqbench_QA_*`` holds multiple choice (read by ``vlmevalkit_tsv``); ``medqbench_description_*`` a picture with a
description that ends in good, usable or reject; ``medqbench_paired_description_*`` two pictures with a description that
says which is better. The two description files become questions on what their last sentence concludes, with the whole text
kept as the item's ``description``; a row whose conclusion cannot be told is rejected by name, not guessed.

All ask what a degradation changes: such items are told by their ``question_type`` and are never drawn with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from medqdeg_desktop.bank import checks, skills, tsv_rows
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.importing import Rejected, Wanted
from medqdeg_desktop.bank.wording import modality_named
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import Modality

SOURCE: Final = "MedQ-Bench"
SKILL: Final = "Image Quality Grading"

_GRADES: Final = {"A": "Good", "B": "Usable", "C": "Reject"}
_GRADE = re.compile(r"\b(good|usable|reject)(?:ed)?\b", re.IGNORECASE)
_WHICH: Final = {"A": "The first image", "B": "The second image"}
_FIRST, _SECOND = r"(?:first|former|left)\s+image|image\s*(?:a|1)\b", r"(?:second|latter|right)\s+image|image\s*(?:b|2)\b"
_IMAGE = re.compile(rf"\b(?:the\s+)?(?:(?P<A>{_FIRST})|(?P<B>{_SECOND}))", re.IGNORECASE)
_BETTER = re.compile(r"\b(?:better|superior|higher|preferable)\b", re.IGNORECASE)
_WORSE = re.compile(r"\b(?:worse|inferior|lower|poorer)\b", re.IGNORECASE)
_GRADE_QUESTION: Final = "How would you rate the overall quality of this image?"
_WHICH_QUESTION: Final = "Which of the two images has the better overall quality?"


def is_quality_file(path: Path) -> bool:
    """Whether ``path`` is one of the published multiple-choice files, told by its name."""
    return path.stem.casefold().startswith("medqbench")


def question_type(row: Mapping[str, str], offered: Mapping[str, str]) -> str:
    """``yes-or-no``, ``what`` or ``how``: the row's own where it states one, else told by its options and first word."""
    stated = "-".join(row.get("question_type", "").casefold().replace("/", "-or-").split())
    if stated:
        return stated
    if {text.casefold() for text in offered.values()} == {"yes", "no"}:
        return "yes-or-no"
    return "how" if row.get("question", "").strip().casefold().startswith("how") else "what"


def read(path: Path, wanted: Wanted) -> Iterator[Item | Rejected]:
    """Items of a description file, a row at a time; ``Rejected.row`` counts rows after the header from 1."""
    cells = tsv_rows.ImageCells(path, wanted.extracted / path.stem)
    paired = "paired" in path.stem.casefold() or "image_a" in tsv_rows.header(path)
    for number, row in tsv_rows.rows(path, ("index", "description")):
        name = "" if isinstance(row, RowError) else row["index"].strip()
        try:
            if isinstance(row, RowError):
                raise row
            yield _item(row, cells, paired, wanted)
        except RowError as error:
            yield Rejected(number, name, str(error))


def grade(description: str) -> str:
    """The letter of the grade that the last sentence of ``description`` gives; RowError where it gives none or several."""
    found = {match[1].casefold() for match in _GRADE.finditer(_last_sentence(description))}
    if len(found) != 1:
        raise RowError("the description does not end in one of good, usable, reject")
    return {"good": "A", "usable": "B", "reject": "C"}[found.pop()]


def better(description: str) -> str:
    """``A`` or ``B``: the image that the last sentence of ``description`` finds better; RowError where it cannot be told."""
    sentence = _last_sentence(description)
    named = [match.lastgroup for match in _IMAGE.finditer(sentence)]
    prefers, blames = bool(_BETTER.search(sentence)), bool(_WORSE.search(sentence))
    if not named or named[0] is None or prefers == blames:
        raise RowError("the description does not end in which image is better")
    if prefers:
        return named[0]
    return "B" if named[0] == "A" else "A"


def _item(row: dict[str, str], cells: tsv_rows.ImageCells, paired: bool, wanted: Wanted) -> Item:
    index = checks.text(row, "index", needed=True)
    description = checks.text(row, "description", needed=True)
    source = wanted.source or SOURCE
    if not paired:
        images = cells.of(row)
    elif row.get("image_a", "").strip():
        images = (*cells.of(row, "image_a"), *cells.of(row, "image_b"))
    else:
        images = cells.of(row)
    if len(images) != (2 if paired else 1):
        raise RowError(f"{len(images)} images where a {'comparison has two' if paired else 'description has one'}")
    place = skills.place(source, SKILL)
    return Item(
        item_id=f"{source}/{'paired' if paired else 'description'}/{index}",
        source=source,
        source_id=index,
        modality=_modality(row, description, wanted),
        question=_WHICH_QUESTION if paired else _GRADE_QUESTION,
        options=dict(_WHICH if paired else _GRADES),
        answer=better(description) if paired else grade(description),
        images=images,
        capability=place.capability,
        task=place.task,
        skill=place.skill,
        question_type="comparison" if paired else "description",
        description=description,
    )


def _modality(row: dict[str, str], description: str, wanted: Wanted) -> Modality:
    if row.get("modality", "").strip():
        return checks.modality(row["modality"].strip())
    given = wanted.modalities.get(row["index"].strip())
    named = given or modality_named(description)
    if named is None:
        raise RowError("modality is not stated, and the description does not name one; give it with --modalities")
    if not given:
        wanted.noted["modality taken from the words of the description"] += 1
    return named


def _last_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s+", text.strip())[-1]

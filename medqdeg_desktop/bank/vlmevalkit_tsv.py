"""VLMEvalKit TSV as GMAI-MMBench, MedQ-DEG-Bench and MedQ-Bench publish it: a header, then a question a line with its image
in base64.

Traps met here, besides those of ``tsv_rows``: option cells "None" and "NA" are options; an answer may be a letter or an
index from 0; the question may list its options once more. Rows that are degraded already (MedQ-DEG-Bench ``simulate``) are
no clean items and are rejected by name; ``published_set`` makes a dataset of them. MedQ-Bench asks about the quality of
the picture itself, so its items are marked as such and never drawn with a degradation.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path

from medqdeg_desktop.bank import checks, medq_bench, skills, tsv_rows
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.importing import Rejected, Wanted
from medqdeg_desktop.bank.published_levels import level_of
from medqdeg_desktop.bank.wording import without_options
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import Level

NEEDED = ("index", "question", "answer")


def read(path: Path, wanted: Wanted) -> Iterator[Item | Rejected]:
    """Items of ``path`` a row at a time; ``Rejected.row`` counts rows after the header from 1."""
    cells = tsv_rows.ImageCells(path, wanted.extracted / path.stem)
    quality = medq_bench.is_quality_file(path)
    for number, row in tsv_rows.rows(path, NEEDED):
        name = "" if isinstance(row, RowError) else row["index"].strip()
        try:
            if isinstance(row, RowError):
                raise row
            # Rows below may share the image of one that is itself rejected.
            images = cells.of(row)
            source = wanted.source or row.get("source", "").strip() or (medq_bench.SOURCE if quality else path.stem)
            item = _item(row, source, images, quality)
            if item.question != row["question"].strip():
                wanted.noted["options that the question listed once more were taken out of it"] += 1
            yield item
        except RowError as error:
            yield Rejected(number, name, str(error))


def offered_in(row: dict[str, str]) -> dict[str, str]:
    """The options of a row, letter to text; an empty cell is no option, "None" is one."""
    return checks.options({letter: row[letter] for letter in string.ascii_uppercase if row.get(letter, "").strip()})


def _item(row: dict[str, str], source: str, images: tuple[str, ...], quality: bool) -> Item:
    index = checks.text(row, "index", needed=True)
    degradation, severity = row.get("degradation_type", "").strip(), row.get("degradation_severity", "").strip()
    if level_of(severity, degradation) is not Level.L0:
        raise RowError(f"degraded already ({degradation} {severity}): `medqdeg bank adopt` makes a dataset of such rows")
    offered = offered_in(row)
    label = row.get("clinical vqa task", "").strip() or row.get("category", "").strip()
    if quality:
        label = medq_bench.SKILL
    place = skills.place(source, label, row.get("task", ""))
    return Item(
        item_id=f"{source}/{index}",
        source=source,
        source_id=index,
        modality=checks.modality(checks.text(row, "modality", needed=True)),
        question=without_options(checks.text(row, "question", needed=True), offered),
        options=offered,
        answer=tsv_rows.answer(checks.text(row, "answer", needed=True), offered),
        images=images,
        capability=place.capability,
        task=place.task if place.mapped else label,
        skill=place.skill if place.mapped else "",
        question_type=medq_bench.question_type(row, offered) if quality else "",
    )

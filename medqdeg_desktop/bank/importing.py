"""Bringing items into a study: the importer that knows a file's layout, and the report of what came in and what did not.

An importer is a generator over a path that yields an ``Item`` for each row it understands and a ``Rejected`` for each that
it does not; it never holds the file. Nothing is lost silently: rows read = items + rejected rows, and labels that no skill
matches are listed.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from medqdeg_desktop.bank import skills
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.records import Item, ItemCounts
from medqdeg_desktop.taxonomy import Modality, modality_of


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was left out: where it stands (line or record number, from 1), what it calls itself, and why."""

    row: int
    name: str
    reason: str
    file: str = ""

    def __str__(self) -> str:
        where = f"{self.file} row {self.row}" if self.file else f"row {self.row}"
        return f"{where}{f' ({self.name})' if self.name else ''}: {self.reason}"


@dataclass(frozen=True)
class Wanted:
    """What an importer is told besides the path.

    source      recorded on items whose rows name no source of their own; "" leaves the importer its own name.
    extracted   folder for images that a file carries inside itself.
    modalities  modality by the source's own id, for sources that do not state it.
    noted       what the importer read into the rows beyond their letter, counted, for the report.
    """

    source: str
    extracted: Path
    modalities: Mapping[str, Modality] = field(default_factory=dict)
    noted: Counter[str] = field(default_factory=Counter)


Importer = Callable[[Path, Wanted], Iterator[Item | Rejected]]


class ItemStore(Protocol):
    """What an import needs of a study."""

    @property
    def path(self) -> Path: ...

    def add_items(self, items: Iterable[Item]) -> ItemCounts: ...


@dataclass
class ImportReport:
    """What an import did. ``cells`` counts items by (modality, task, skill); ``unmapped``, labels that no skill matches;
    ``noted``, rows by what was read into them beyond their letter."""

    layout: str
    rows: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    cells: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    added: int = 0
    updated: int = 0
    unchanged: int = 0

    @property
    def accepted(self) -> int:
        return self.rows - len(self.rejected)

    def lines(self) -> Iterator[str]:
        """The report as text, the summary first."""
        yield (
            f"{self.rows:,} rows ({self.layout}): {self.added:,} added, {self.updated:,} updated, "
            f"{self.unchanged:,} unchanged, {len(self.rejected):,} rejected"
        )
        for (modality, task, skill), count in sorted(self.cells.items()):
            yield f"  {count:7,}  {modality} . {task or 'no task'} . {skill or 'no skill'}"
        for note, count in sorted(self.noted.items()):
            yield f"  {note} ({count:,} rows)"
        for label, count in sorted(self.unmapped.items()):
            near = skills.suggestion(label)
            yield f"  no skill for label {label!r} ({count:,} items){f'; nearest: {near}' if near else ''}"


def import_items(
    study: ItemStore,
    path: Path,
    *,
    source: str = "",
    modalities: Mapping[str, Modality] | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Adds the items of ``path`` to ``study``; rows that cannot be used are reported and the rest comes in.

    source      recorded on items whose rows name no source of their own.
    modalities  modality by the source's own id, for sources that do not state it (MedXpertQA, VQA-RAD).
    Raises BankError when ``path`` is in no known layout or has not one usable row.
    """
    skills.reload()
    layout, importer = importer_for(path)
    wanted = Wanted(source, Path(study.path).absolute().with_suffix(".images"), modalities or {})
    report = ImportReport(layout, noted=wanted.noted)

    def accepted() -> Iterator[Item]:
        seen: dict[str, int] = {}
        noted: Counter[str] = Counter()
        for number, entry in enumerate(importer(path, wanted), 1):
            report.rows += 1
            if isinstance(entry, Item) and entry.item_id in seen:
                entry = Rejected(number, entry.item_id, f"the id stands on row {seen[entry.item_id]} already")
            if isinstance(entry, Rejected):
                # What was read into a row that then falls out is no part of the report.
                wanted.noted.clear()
                wanted.noted.update(noted)
                report.rejected.append(entry)
                if progress:
                    progress.problem(str(path), str(entry))
                continue
            seen[entry.item_id] = number
            noted.update(wanted.noted - noted)
            place = skills.place(entry.source, entry.skill, entry.task, entry.capability)
            if not place.mapped:
                report.unmapped[entry.skill or entry.task] += 1
            report.cells[str(entry.modality), entry.task, entry.skill] += 1
            if progress and number % 500 == 0:
                progress.update(number, number)
            yield entry

    counts = study.add_items(accepted())
    if report.rows == 0:
        raise BankError(f"{path}: no rows")
    report.added, report.updated, report.unchanged = counts
    if progress:
        progress.finish(
            rows=report.rows,
            added=report.added,
            updated=report.updated,
            unchanged=report.unchanged,
            rejected=len(report.rejected),
            unmapped=len(report.unmapped),
        )
    return report


def modalities_listed(path: Path) -> dict[str, Modality]:
    """Source id -> modality from a CSV with the columns ``id`` and ``modality``; BankError names a line that cannot be used."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            if not {"id", "modality"} <= set(table.fieldnames or ()):
                raise BankError(f"{path}: no columns id and modality in the first line")
            found: dict[str, Modality] = {}
            for line in table:
                modality = modality_of(line["modality"] or "")
                if modality is None or not line["id"]:
                    raise BankError(f"{path} line {table.line_num}: {line['modality']!r} is no modality of an id")
                found[line["id"].strip()] = modality
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BankError(f"{path}: cannot be read ({error})") from None
    return found


def importer_for(path: Path) -> tuple[str, Importer]:
    """(name of the layout, its importer) for ``path``, told by its name and its beginning; BankError where nothing fits."""
    from medqdeg_desktop.bank import layouts

    return layouts.importer_for(path)

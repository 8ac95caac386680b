"""Bringing items into a study: the importer that knows a file's layout, and the report of what came in and what did not.

An importer is a generator over a path that yields an ``Item`` for each row it understands and a ``Rejected`` for each that
it does not; it never holds the file. Nothing is lost silently: rows read = items + rejected rows, and labels that no skill
matches are listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from medqdeg_desktop.bank import skills
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.records import Item, ItemCounts


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


#: (path, source, folder for images that the file carries inside itself) -> items and rejected rows.
Importer = Callable[[Path, str, Path], Iterator[Item | Rejected]]


class ItemStore(Protocol):
    """What an import needs of a study."""

    @property
    def path(self) -> Path: ...

    def add_items(self, items: Iterable[Item]) -> ItemCounts: ...


@dataclass
class ImportReport:
    """What an import did. ``cells`` counts items by (modality, task, skill); ``unmapped`` counts labels that no skill matches."""

    layout: str
    rows: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    cells: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
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
        for label, count in sorted(self.unmapped.items()):
            near = skills.suggestion(label)
            yield f"  no skill for label {label!r} ({count:,} items){f'; nearest: {near}' if near else ''}"


def import_items(study: ItemStore, path: Path, *, source: str = "", progress: Progress | None = None) -> ImportReport:
    """Adds the items of ``path`` to ``study``; rows that cannot be used are reported and the rest comes in.

    source   recorded on items whose rows name no source of their own.
    Raises BankError when ``path`` is in no known layout or has not one usable row.
    """
    layout, importer = importer_for(path)
    extracted = Path(study.path).absolute().with_suffix(".images")
    report = ImportReport(layout)

    def accepted() -> Iterator[Item]:
        seen: dict[str, int] = {}
        for number, entry in enumerate(importer(path, source, extracted), 1):
            report.rows += 1
            if isinstance(entry, Item) and entry.item_id in seen:
                entry = Rejected(number, entry.item_id, f"the id stands on row {seen[entry.item_id]} already")
            if isinstance(entry, Rejected):
                report.rejected.append(entry)
                if progress:
                    progress.problem(str(path), str(entry))
                continue
            seen[entry.item_id] = number
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
        )
    return report


def importer_for(path: Path) -> tuple[str, Importer]:
    """(name of the layout, its importer) for ``path``, told by its name and its beginning; BankError where nothing fits."""
    from medqdeg_desktop.bank import item_lines, omnimedvqa, vlmevalkit_tsv

    if not path.exists():
        raise BankError(f"{path}: no such file or folder")
    if path.is_dir() or path.suffix.casefold() == ".json":
        return "OmniMedVQA", omnimedvqa.read
    if path.suffix.casefold() in (".tsv", ".tab"):
        return "VLMEvalKit TSV", vlmevalkit_tsv.read
    if path.suffix.casefold() in (".jsonl", ".ndjson"):
        return "item lines", item_lines.read
    raise BankError(f"{path}: items come as .jsonl (item lines), .tsv (VLMEvalKit) or .json or a folder (OmniMedVQA)")

"""Review decisions as a table with their audit trail, those taken back included: a row a degradation of a decision on an item, a
row an item of a decision on doubles."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.bank.review import REASONS
from medqdeg_desktop.csv_text import cell
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.study.records import Event
from medqdeg_desktop.study.store import Study

COLUMNS: Final = (
    "item_id",
    "version",
    "stage",
    "reader",
    "at",
    "type",
    "verdict",
    "reason",
    "reason_words",
    "seconds",
    "seed",
    "taken_back_at",
    "event_id",
    "previous_hash",
    "hash",
)


def export_decisions(study: Study, target: Path) -> int:
    """Writes every decision to the CSV file ``target``, oldest first, and returns the number of rows.

    ``hash`` and ``previous_hash`` are those of the study's chain, so that a row can be held against the file it came from.
    """
    names = {reader.reader_id: reader.pseudonym for reader in study.readers()}
    events = list(reversed(study.events()))
    undone = {event.undoes: event.at for event in events if event.undoes}
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    count = 0
    for event in events:
        who = (cell(names.get(event.reader, event.reader)), event.at)
        chain = (undone.get(event.event_id, ""), event.event_id, event.previous_hash, event.hash)
        for item, said in _rows(event):
            table.writerow((*map(cell, item[:1]), *item[1:], *who, *map(cell, said), *chain))
            count += 1
    atomic.write_bytes(target, text.getvalue().encode())
    return count


def _rows(event: Event) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """(item, version, stage) and (type, verdict, reason, its words, seconds, seed) of what ``event`` decides."""
    said = event.payload
    if event.kind == "item_reviewed":
        for name, mark in sorted(said["marks"].items()):
            words = ("remove", mark, REASONS[mark]) if mark else ("keep", "", "")
            yield (said["item"], said["version"], said["stage"]), (name, *words, said["seconds"], said["seed"])
    elif event.kind == "doubles_judged":
        for item_id, version in said["items"].items():
            verdict = "kept apart"
            if said["kept"]:
                verdict = "stays" if item_id == said["kept"] else f"merged into {said['kept']}"
            yield (item_id, version, "doubles"), ("", verdict, "", said["why"], "", "")

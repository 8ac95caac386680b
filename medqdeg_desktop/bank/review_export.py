"""Review decisions as a table with their audit trail: a row a degradation of a decision, those taken back included."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Final

from medqdeg_desktop.bank.review import REASONS
from medqdeg_desktop.engine import atomic
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
        if event.kind != "item_reviewed":
            continue
        said = event.payload
        for name, mark in sorted(said["marks"].items()):
            table.writerow(
                (
                    _plain(said["item"]),
                    said["version"],
                    said["stage"],
                    _plain(names.get(event.reader, event.reader)),
                    event.at,
                    name,
                    "remove" if mark else "keep",
                    mark or "",
                    REASONS[mark] if mark else "",
                    said["seconds"],
                    said["seed"],
                    undone.get(event.event_id, ""),
                    event.event_id,
                    event.previous_hash,
                    event.hash,
                )
            )
            count += 1
    atomic.write_bytes(target, text.getvalue().encode())
    return count


def _plain(text: str) -> str:
    """``text`` so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text

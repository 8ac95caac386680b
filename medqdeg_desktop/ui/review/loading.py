"""What Review reads of a study off the window's thread: the queue of the reader, the levels, how it goes, a dispute. Qt-free."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medqdeg_desktop.bank.levels import LevelTable
from medqdeg_desktop.bank.review import Dashboard, dashboard
from medqdeg_desktop.bank.review_queue import Entry, queue, queue_order
from medqdeg_desktop.bank.reviewed_draw import level_table
from medqdeg_desktop.study.records import Review, ReviewSetup
from medqdeg_desktop.study.store import Study


@dataclass(frozen=True, slots=True)
class Loaded:
    """The queue in its order, what is under review, and the reader's own decisions by time (for undo and for looking back)."""

    entries: list[Entry]
    setup: ReviewSetup
    levels: LevelTable
    own: list[Review]
    items: int


def load(path: Path, reader: str) -> Loaded:
    """Reads the queue of ``reader``; waits for the disk."""
    with Study.open(path, read_only=True) as study:
        entries = [entry for page in queue(study, reader) for entry in page]
        entries.sort(key=queue_order)
        setup = study.review_setup()
        known = {one.pseudonym for one in study.readers()}
        own = [r for r in study.own_reviews(reader) if r.seed == setup.seed] if reader in known else []
        return Loaded(entries, setup, level_table(study), own, study.item_count())


def load_dashboard(path: Path, reader: str) -> Dashboard:
    with Study.open(path, read_only=True) as study:
        return dashboard(study, reader)


@dataclass(frozen=True, slots=True)
class Dispute:
    """What the two sides said of each degradation, by the pseudonym of who said it."""

    item_id: str
    sides: dict[str, dict[str, int]]


def load_dispute(path: Path, item_id: str, reader: str) -> Dispute:
    """The decisions that ``reader`` is to settle; StudyError for who has decided on the item."""
    with Study.open(path, read_only=True) as study:
        names = {known.reader_id: known.pseudonym for known in study.readers()}
        seed = study.review_setup().seed
        reviews = [r for r in study.decisions_to_settle(item_id, reader) if r.seed == seed]
        return Dispute(item_id, {names.get(r.reader, r.reader): r.marks for r in reviews})

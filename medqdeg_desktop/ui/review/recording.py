"""What Review gives to the study's write thread, and what comes back: the item as the reader may see it afterwards. Qt-free."""

from __future__ import annotations

from dataclasses import replace

from medqdeg_desktop.bank import review as rules
from medqdeg_desktop.bank.review_queue import Entry, may_settle, seen_by
from medqdeg_desktop.bank.review_queue import claim as take
from medqdeg_desktop.study.records import Item, ItemNote, Review
from medqdeg_desktop.study.store import Study


def decide(review: Review, entry: Entry, study: Study) -> tuple[Review, Entry]:
    """Records ``review``; on disk when this returns."""
    kept = rules.decide(study, review)
    return kept, _seen(study, entry, kept.reader)


def take_back(review: Review, reader: str, entry: Entry | None, study: Study) -> tuple[Review, Entry | None]:
    """Undoes ``review``; the item is None where it is not in the queue any more."""
    undone = rules.take_back(study, review.event_id, reader)
    return undone, None if entry is None else _seen(study, entry, undone.reader)


def edit(changed: Item, reader: str, reason: str, entry: Entry, study: Study) -> tuple[str, Entry]:
    """Keeps a new version of an item; returns when that was, and the item with nothing decided on it."""
    study.edit_item(changed, reader, reason)
    seen = _seen(study, entry, study.ensure_reader(reader).reader_id)
    return study.events(1)[0].at, replace(seen, flagged=False)


def note(told: ItemNote, entry: Entry, study: Study) -> tuple[str, Entry]:
    """Keeps a flag or a comment."""
    return study.note_item(told).at, replace(entry, flagged=told.flagged)


def claim(item_id: str, reader: str, holder: str, study: Study) -> bool:
    """Takes the item for the window ``holder``; False where it is open in another one."""
    return take(study, item_id, reader, holder)


def _seen(study: Study, entry: Entry, reader_id: str) -> Entry:
    reviews = rules.current_reviews(study, entry.item_id)
    return seen_by(reader_id, entry, reviews, study.review_setup().decisions, settles=may_settle(study, reader_id))

"""The queue of one reader: which items, in which order, what each tells, and who is at work on what."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from medqdeg_desktop.bank.review import State, current_reviews, known_reader, outcome
from medqdeg_desktop.bank.reviewed_draw import draw_under_review, judged_in
from medqdeg_desktop.study.records import Review
from medqdeg_desktop.study.reviews import SETTLES
from medqdeg_desktop.study.store import Study

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """An item in the queue of one reader, who is told of others' decisions only what tells nothing of their content.

    state   OPEN until the reader has decided (CONFLICT where they may settle it); then the item's own.
    mine    the reader has decided on it, or settled it.
    gold    the reader has laid down its gold decision.
    """

    item_id: str
    modality: str
    skill: str
    types: tuple[str, ...]
    state: State = State.OPEN
    mine: bool = False
    gold: bool = False
    flagged: bool = False
    begun: bool = False


def queue(study: Study, reader: str) -> Iterator[list[Entry]]:
    """The queue of ``reader`` in pages: every item with a draw that is no draft and no merged double; ``queue_order`` sorts them.

    Items that colleagues have begun come in no other place than the rest, and gold items look like any other.
    """
    setup = study.review_setup()
    drawn = draw_under_review(study)
    merged = study.merged_items()
    reader_id = study.ensure_reader(reader).reader_id if not study.read_only else known_reader(study, reader)
    settles = may_settle(study, reader_id)
    by_item: dict[str, list[Review]] = defaultdict(list)
    for review in current_reviews(study):
        by_item[review.item_id].append(review)
    flags = {note.item_id: note.flagged for note in study.notes()}
    items = study.items()
    while page := list(islice(items, _PAGE)):
        entries = []
        for item in page:
            types = () if item.draft or item.item_id in merged else judged_in(setup, drawn(item))
            if types:
                entry = Entry(item.item_id, str(item.modality), item.skill or item.task, types)
                entry = seen_by(reader_id, entry, by_item.get(item.item_id, ()), setup.decisions, settles=settles)
                entries.append(replace(entry, flagged=flags.get(item.item_id, False)))
        yield entries


def may_settle(study: Study, reader_id: str) -> bool:
    """Whether the reader has the role of who settles what others disagree on."""
    return any(known.reader_id == reader_id and known.role == SETTLES for known in study.readers())


def seen_by(reader_id: str, entry: Entry, reviews: Sequence[Review], needed: int, *, settles: bool) -> Entry:
    """``entry`` as the reader may see it after ``reviews``: a dispute only who may settle it (or is a party to it)."""
    own = [r for r in reviews if r.reader == reader_id]
    mine = any(r.stage in ("blind", "settled") for r in own)
    state = outcome(reviews, needed).state
    if not mine and not (settles and state is State.CONFLICT):
        state = State.OPEN
    gold = any(r.stage == "gold" for r in own)
    return replace(entry, state=state, mine=mine, gold=gold, begun=bool(reviews))


def queue_order(entry: Entry) -> tuple[str, str]:
    """Modality by modality, as readers like to work; shuffled inside, so that neighbours from one source do not come in a row."""
    return entry.modality, hashlib.sha256(entry.item_id.encode()).hexdigest()


# -- who is at work on what ---------------------------------------------------------------------------------------

#: How long an item stays taken without a sign of life from its window.
CLAIM_SECONDS: Final = 900.0


def claim(study: Study, item_id: str, reader: str, holder: str) -> bool:
    """Takes an item for one window of ``reader``, and gives back what that window had; False where it is taken.

    As many readers may be at work on an item as blind decisions are wanted; a dispute is settled by one at a time.
    """
    with study.together():
        reader_id = study.ensure_reader(reader).reader_id
        needed = study.review_setup().decisions
        reviews = current_reviews(study, item_id)
        others = {r.reader for r in reviews if r.stage == "blind" and r.reader != reader_id}
        places = 1 if outcome(reviews, needed).state is State.CONFLICT else max(1, needed - len(others))
        study.release_claims(holder, but=item_id)
        return study.claim_item(item_id, reader_id, holder, places=places, seconds=CLAIM_SECONDS)

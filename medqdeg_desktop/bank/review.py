"""Review of drawn items: what the decisions of several people add up to, in which order items come, and how well people agree.

A decision keeps or removes each degradation that was drawn for an item; removing one removes both its levels. Blind decisions of
different people that agree on every degradation settle an item: it is accepted with what they keep, or removed where they keep
nothing. Where they disagree, a person who has not decided on the item settles it. A change of the wording makes a new version,
on which nobody has decided yet.
"""

from __future__ import annotations

import hashlib
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Final

from medqdeg_desktop.bank.drawing import allowed_types, draw_uniform
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.levels import LevelTable
from medqdeg_desktop.calibration.profiles import load_default_profile
from medqdeg_desktop.statistics.agreement import Agreement, fleiss_kappa
from medqdeg_desktop.study.items import Verdict
from medqdeg_desktop.study.records import Item, Review, ReviewSetup
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality

#: Why a degradation is taken out of an item: the five must-delete reasons of MedQ-Deg's own review, in their order.
REASONS: Final[dict[int, str]] = {
    1: "The original is of poor quality",
    2: "The modality is not one of the list",
    3: "L2 is degraded too far: nothing can be told",
    4: "L2 is not degraded enough: still easy",
    5: "The degradation makes no sense here",
}

#: Blind decisions that a release needs.
RELEASE_DECISIONS: Final = 3

_PAGE = 500
_PACE_OVER = 20


class State(StrEnum):
    """Where an item stands."""

    OPEN = "open"
    CONFLICT = "conflict"
    ACCEPTED = "accepted"
    REMOVED = "removed"


_VERDICTS: Final[dict[State, Verdict]] = {State.ACCEPTED: "accepted", State.REMOVED: "removed"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the decisions on an item add up to. ``disputed`` are the types on which blind decisions differ."""

    state: State = State.OPEN
    kept: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    disputed: frozenset[str] = frozenset()


def outcome(reviews: Iterable[Review], needed: int) -> Outcome:
    """The outcome of the current decisions on one item, of which ``needed`` must be blind ones."""
    reviews = list(reviews)
    settled = [r for r in reviews if r.stage == "settled"]
    blind = [r for r in reviews if r.stage == "blind"]
    if settled:
        ruling = [settled[-1]]
    elif len({r.reader for r in blind}) >= needed:
        ruling = blind
    else:
        return Outcome()
    types = {name for review in ruling for name in review.marks}
    keeps = {name: {review.marks.get(name) == 0 for review in ruling} for name in types}
    disputed = frozenset(name for name, said in keeps.items() if len(said) > 1)
    kept = frozenset(name for name, said in keeps.items() if said == {True})
    removed = frozenset(types - kept - disputed)
    if disputed:
        return Outcome(State.CONFLICT, kept, removed, disputed)
    return Outcome(State.ACCEPTED if kept else State.REMOVED, kept, removed)


def current_reviews(study: Study, item_id: str | None = None) -> list[Review]:
    """The decisions that count, on one item or on all: those on the draw that is under review now."""
    seed = study.review_setup().seed
    return [review for review in study.reviews(item_id) if review.seed == seed]


def outcomes(study: Study) -> dict[str, Outcome]:
    """The outcome of every item that somebody has decided on."""
    needed = study.review_setup().decisions
    by_item: dict[str, list[Review]] = defaultdict(list)
    for review in current_reviews(study):
        by_item[review.item_id].append(review)
    return {item_id: outcome(reviews, needed) for item_id, reviews in by_item.items()}


# -- recording ----------------------------------------------------------------------------------------------------


def decide(study: Study, review: Review) -> Review:
    """Records ``review`` and what follows from it for the item's state, together; on disk when this returns.

    Raises BankError where a blind decision comes from who has settled or where a disagreement is settled by who has decided.
    """
    with study.together():
        reader = study.ensure_reader(review.reader, "curator").reader_id
        review = replace(review, reader=reader, seed=study.review_setup().seed)
        standing = current_reviews(study, review.item_id)
        if review.stage == "settled":
            study.decisions_to_settle(review.item_id, reader)
            if outcome((r for r in standing if r.stage != "settled"), study.review_setup().decisions).state is not State.CONFLICT:
                raise BankError(f"{study.path}: nobody disagrees on {review.item_id}; there is nothing to settle")
        elif review.stage == "blind" and any(r.stage == "settled" and r.reader == reader for r in standing):
            raise BankError(f"{study.path}: {review.item_id} was settled by this person, whose decision is not blind any more")
        kept = study.record_review(review)
        _follow(study, review.item_id, reader)
    return kept


def take_back(study: Study, event_id: str, reader: str) -> Review:
    """Undoes a decision of ``reader`` and what followed from it for the item's state."""
    with study.together():
        undone = study.undo_review(event_id, reader)
        _follow(study, undone.item_id, undone.reader)
    return undone


def _follow(study: Study, item_id: str, reader: str) -> None:
    """Brings the item's state to what its decisions say, where it differs, by a judgement of its own in the chain."""
    found = outcome(current_reviews(study, item_id), study.review_setup().decisions)
    wanted: Verdict = _VERDICTS.get(found.state, "imported")
    item = study.item(item_id)
    if item is None or item.state == wanted:
        return
    reason = "every degradation was removed in review" if wanted == "removed" else f"review: {found.state}"
    study.judge_items([item_id], wanted, reader, reason)


# -- the draw -----------------------------------------------------------------------------------------------------


def level_table(study: Study) -> LevelTable:
    """The levels that pictures are rendered with, in the review as in ``generate``."""
    return LevelTable(study.newest_profile(), load_default_profile())


def drawn_under(setup: ReviewSetup, levels: LevelTable) -> Callable[[Item], tuple[str, ...]]:
    """The types that ``generate`` draws for an item with the seed under review."""
    suited: dict[Modality, tuple[str, ...]] = {}

    def drawn(item: Item) -> tuple[str, ...]:
        if item.modality not in suited:
            suited[item.modality] = levels.types_for(item.modality, calibrated_only=setup.release)
        return draw_uniform(setup.seed, item.item_id, allowed_types(item, suited[item.modality]))

    return drawn


def removed_types(study: Study) -> dict[str, frozenset[str]]:
    """By item id the types that the review has taken out."""
    return {item_id: found.removed for item_id, found in outcomes(study).items() if found.removed}


def check_reviewed_draw(study: Study, seed: int) -> None:
    """Raises BankError where items were reviewed, but not (all of) the draw that a release with ``seed`` would make.

    A study in which nothing was ever reviewed passes: its items may have been accepted as a whole.
    """
    setup = study.review_setup()
    if not any(True for _ in study.reviews()):
        return
    if setup.seed != seed:
        raise BankError(
            f"{study.path}: the draw of seed {setup.seed} was reviewed; a release needs --seed {setup.seed}, not {seed}"
        )
    if not setup.release or setup.decisions < RELEASE_DECISIONS:
        raise BankError(
            f"{study.path}: a release needs {RELEASE_DECISIONS} blind decisions an item on its own draw; "
            f"`medqdeg bank review {study.path.name} --release --seed {seed}` asks for them"
        )
    found = outcomes(study)
    for item in study.items():
        if item.state != "removed" and not item.draft and found.get(item.item_id, Outcome()).state is not State.ACCEPTED:
            raise BankError(f"{study.path}: a release takes reviewed items only; {item.item_id} is {_standing(found, item)}")


def _standing(found: dict[str, Outcome], item: Item) -> str:
    return "in dispute" if found.get(item.item_id, Outcome()).state is State.CONFLICT else "not decided under this draw"


# -- the queue ----------------------------------------------------------------------------------------------------


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
    """The queue of ``reader`` in pages: every item with a draw that is no draft; ``queue_order`` sorts them.

    Items that colleagues have begun come in no other place than the rest, and gold items look like any other.
    """
    setup = study.review_setup()
    drawn = drawn_under(setup, level_table(study))
    reader_id = study.ensure_reader(reader).reader_id if not study.read_only else _known_reader(study, reader)
    by_item: dict[str, list[Review]] = defaultdict(list)
    for review in current_reviews(study):
        by_item[review.item_id].append(review)
    flags = {note.item_id: note.flagged for note in study.notes()}
    items = study.items()
    while page := list(islice(items, _PAGE)):
        entries = []
        for item in page:
            types = () if item.draft else drawn(item)
            if types:
                entry = Entry(item.item_id, str(item.modality), item.skill or item.task, types)
                entry = seen_by(reader_id, entry, by_item.get(item.item_id, ()), setup.decisions)
                entries.append(replace(entry, flagged=flags.get(item.item_id, False)))
        yield entries


def seen_by(reader_id: str, entry: Entry, reviews: Sequence[Review], needed: int) -> Entry:
    """``entry`` as the reader may see it after ``reviews``."""
    own = [r for r in reviews if r.reader == reader_id]
    mine = any(r.stage in ("blind", "settled") for r in own)
    state = outcome(reviews, needed).state
    if not mine and state is not State.CONFLICT:
        state = State.OPEN
    gold = any(r.stage == "gold" for r in own)
    return replace(entry, state=state, mine=mine, gold=gold, begun=bool(reviews))


def queue_order(entry: Entry) -> tuple[str, str]:
    """Modality by modality, as readers like to work; shuffled inside, so that neighbours from one source do not come in a row."""
    return entry.modality, hashlib.sha256(entry.item_id.encode()).hexdigest()


def _known_reader(study: Study, reader: str) -> str:
    for known in study.readers():
        if reader.casefold() in (known.pseudonym.casefold(), known.reader_id):
            return known.reader_id
    return ""


# -- how it goes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dashboard:
    """How the review goes: items by state, the reader's own count, pace in seconds an item, agreement, and hits on gold."""

    states: dict[str, int]
    mine: int = 0
    pace: float | None = None
    agreement: Agreement | None = None
    gold_hits: int = 0
    gold_marks: int = 0

    @property
    def accepted_share(self) -> float | None:
        """Of the items that are decided, the accepted ones."""
        decided = self.states.get("accepted", 0) + self.states.get("removed", 0)
        return self.states.get("accepted", 0) / decided if decided else None


def dashboard(study: Study, reader: str, *, replicates: int = 1000) -> Dashboard:
    """The dashboard of ``reader``: agreement over the degradations of all items with two or more blind decisions."""
    reader_id = _known_reader(study, reader)
    needed = study.review_setup().decisions
    by_item: dict[str, list[Review]] = defaultdict(list)
    own: list[Review] = []
    for review in current_reviews(study):
        by_item[review.item_id].append(review)
        if review.reader == reader_id and review.stage == "blind":
            own.append(review)
    states: dict[str, int] = defaultdict(int)
    for reviews in by_item.values():
        states[str(outcome(reviews, needed).state)] += 1
    pace = [r.seconds for r in own[-_PACE_OVER:] if r.seconds > 0]
    hits, marks = gold_hits(own, by_item)
    return Dashboard(
        states=dict(states),
        mine=len(own),
        pace=statistics.median(pace) if pace else None,
        agreement=agreement(by_item, replicates=replicates),
        gold_hits=hits,
        gold_marks=marks,
    )


def agreement(by_item: dict[str, list[Review]], *, replicates: int = 1000) -> Agreement | None:
    """Fleiss' kappa of keep against remove over (item, type), items as clusters; None before two people have met on anything."""
    counts: list[tuple[int, int]] = []
    clusters: list[int] = []
    for number, reviews in enumerate(by_item.values()):
        marks: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for review in reviews:
            if review.stage == "blind":
                for name, mark in review.marks.items():
                    marks[name][mark != 0] += 1
        for kept, removed in marks.values():
            if kept + removed >= 2:
                counts.append((kept, removed))
                clusters.append(number)
    return fleiss_kappa(counts, clusters=clusters, replicates=replicates) if counts else None


def gold_hits(own: Sequence[Review], by_item: dict[str, list[Review]]) -> tuple[int, int]:
    """(degradations judged as the gold decision has them, degradations with a gold decision) among a reader's decisions."""
    hits = marks = 0
    for review in own:
        for gold in by_item[review.item_id]:
            if gold.stage == "gold" and gold.reader != review.reader:
                shared = gold.marks.keys() & review.marks.keys()
                marks += len(shared)
                hits += sum((gold.marks[name] == 0) == (review.marks[name] == 0) for name in shared)
    return hits, marks


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

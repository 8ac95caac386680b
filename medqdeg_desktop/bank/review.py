"""Review of drawn items: what the decisions of several people add up to, and how well people agree.

A decision keeps or removes each degradation that was drawn for an item; removing one removes both its levels. Blind decisions of
different people that agree on every degradation settle an item: it is accepted with what they keep, or removed where they keep
nothing. Where they disagree, an adjudicator who has not decided on the item settles it. A change of the wording makes a new
version, on which nobody has decided yet.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from typing import Final

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.statistics.agreement import Agreement, fleiss_kappa, weighted_kappa
from medqdeg_desktop.study.items import Verdict
from medqdeg_desktop.study.records import Review
from medqdeg_desktop.study.reviews import CLEAN
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME

#: Why a degradation is taken out of an item: the five must-delete reasons of MedQ-Deg's own review, in their order.
REASONS: Final[dict[int, str]] = {
    1: "The original is of poor quality",
    2: "The modality is not one of the list",
    3: "L2 is degraded too far: nothing can be told",
    4: "L2 is not degraded enough: still easy",
    5: "The degradation makes no sense here",
}


def label_of(name: str) -> str:
    """What is judged, in words: a degradation, or the picture itself."""
    return "Original" if name == CLEAN else DEGRADATION_BY_NAME[name].label


#: Blind decisions that a release needs.
RELEASE_DECISIONS: Final = 3

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

    Raises BankError where a blind decision comes from who has settled, and StudyError where a disagreement is settled by who has
    decided on the item or is no adjudicator.
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


def follow_bundle(study: Study, item_ids: Iterable[str]) -> None:
    """Brings questions to what their decisions say after some of other sites were taken in.

    Each judgement is signed by who decided last, whichever site that was.
    """
    with study.together():
        for item_id in sorted(item_ids):
            decided = current_reviews(study, item_id)
            if decided:
                _follow(study, item_id, max(decided, key=lambda r: (r.at, r.event_id)).reader)


def _follow(study: Study, item_id: str, reader: str) -> None:
    """Brings the item's state to what its decisions say, where it differs, by a judgement of its own in the chain."""
    found = outcome(current_reviews(study, item_id), study.review_setup().decisions)
    wanted: Verdict = _VERDICTS.get(found.state, "imported")
    item = study.item(item_id)
    if item is None or item.state == wanted or item_id in study.merged_items():
        return
    reason = "every degradation was removed in review" if wanted == "removed" else f"review: {found.state}"
    study.judge_items([item_id], wanted, reader, reason)


# -- how it goes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dashboard:
    """How the review goes: items by state, the reader's own count, pace in seconds an item, agreement, and hits on gold.

    ``agreement`` is on single degradations, ``on_items`` on whether an item is kept whole, in part or not at all.
    """

    states: dict[str, int]
    mine: int = 0
    pace: float | None = None
    agreement: Agreement | None = None
    on_items: Agreement | None = None
    gold_hits: int = 0
    gold_marks: int = 0

    @property
    def accepted_share(self) -> float | None:
        """Of the items that are decided, the accepted ones."""
        decided = self.states.get("accepted", 0) + self.states.get("removed", 0)
        return self.states.get("accepted", 0) / decided if decided else None


def dashboard(study: Study, reader: str, *, replicates: int = 1000) -> Dashboard:
    """The dashboard of ``reader``: agreement over the degradations of all items with two or more blind decisions."""
    reader_id = known_reader(study, reader)
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
        on_items=agreement_on_items(by_item, replicates=replicates),
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


def agreement_on_items(by_item: dict[str, list[Review]], *, replicates: int = 1000) -> Agreement | None:
    """Linearly weighted kappa of what is left of an item: all degradations, some, none; None before two people have met.

    Subjects are pairs of people on an item, in the order of their ids; items are the clusters. With two people in all it is
    Cohen's kappa of these two.
    """
    pairs: list[tuple[int, int]] = []
    clusters: list[int] = []
    for number, reviews in enumerate(by_item.values()):
        blind = sorted((r for r in reviews if r.stage == "blind" and r.marks), key=lambda r: r.reader)
        for first, second in combinations(blind, 2):
            pairs.append((_left_of(first), _left_of(second)))
            clusters.append(number)
    if not pairs:
        return None
    one, other = zip(*pairs, strict=True)
    return weighted_kappa(one, other, 3, weighting="linear", clusters=clusters, replicates=replicates)


def _left_of(review: Review) -> int:
    """0 where every degradation was kept, 1 where some were, 2 where none was."""
    removed = sum(mark != 0 for mark in review.marks.values())
    return 0 if not removed else 1 if removed < len(review.marks) else 2


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


def known_reader(study: Study, reader: str) -> str:
    """The id of who is called ``reader`` in any case, or ""."""
    for known in study.readers():
        if reader.casefold() in (known.pseudonym.casefold(), known.reader_id):
            return known.reader_id
    return ""

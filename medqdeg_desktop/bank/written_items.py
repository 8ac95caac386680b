"""The questions that people wrote in a study, as a list: whose they are, on which picture, and how far they have come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from medqdeg_desktop.bank.doubts import KnownQuestions, Place, place_of
from medqdeg_desktop.bank.writing import SOURCE, Draft, WritingStore, draft_of
from medqdeg_desktop.study.records import Item, Review


class Standing(StrEnum):
    """How far a written question has come. Of a review only that it has begun is told, never what was decided."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in review"
    ACCEPTED = "accepted"
    REMOVED = "removed"


_DECIDED = {"accepted": Standing.ACCEPTED, "removed": Standing.REMOVED}


class ListedStore(WritingStore, Protocol):
    """What the list needs of a study."""

    def items_written(self) -> dict[str, tuple[str, str]]: ...
    def reviews(self, item_id: str | None = None) -> list[Review]: ...


@dataclass(frozen=True, slots=True)
class Written:
    """A written question as it stands. ``by`` is the pseudonym of who began it, ``at`` when it was last changed."""

    draft: Draft
    standing: Standing
    by: str = ""
    at: str = ""

    @property
    def item_id(self) -> str:
        return self.draft.item_id

    @property
    def places(self) -> Place:
        return place_of(self.draft.pictures)


@dataclass(frozen=True, slots=True)
class Book:
    """What is known of a study's questions when writing begins: the written ones, the oldest first, and what all of them ask."""

    written: tuple[Written, ...]
    known: KnownQuestions


def read_book(study: ListedStore) -> Book:
    """The book of a study; reads every question once."""
    authors = study.items_written()
    begun = {review.item_id for review in study.reviews()}
    found: list[Written] = []

    def passing(items: Iterable[Item]) -> Iterable[Item]:
        for item in items:
            if item.source == SOURCE:
                found.append(as_written(item, *authors.get(item.item_id, ("", "")), begun=item.item_id in begun))
            yield item

    known = KnownQuestions(passing(study.items()))
    # Identifiers ascend with time.
    return Book(tuple(sorted(found, key=lambda one: one.item_id)), known)


def as_written(item: Item, by: str, at: str, *, begun: bool = False) -> Written:
    """``item`` as the list shows it; ``begun``: somebody has decided on this version in review."""
    standing = _DECIDED.get(item.state)
    if standing is None:
        standing = Standing.DRAFT if item.draft else Standing.IN_REVIEW if begun else Standing.SUBMITTED
    return Written(draft_of(item), standing, by, at)

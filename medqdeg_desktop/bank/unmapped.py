"""Labels of a source that no skill matches: who counts them, what is suggested, and what happens once a person has decided.

The decision goes two ways at once: the questions with that label get their skill as new versions, and the site's table learns
the label, so that the next import, of the same file or another, finds it by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from medqdeg_desktop.bank import skills
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.wording import normalised
from medqdeg_desktop.study.records import Item, ItemCounts, Review
from medqdeg_desktop.taxonomy import TASK_OF_SKILL

#: Questions shown as examples of a label.
_EXAMPLES = 3
#: Questions of a label that are looked at for examples that differ.
_LOOKED_AT = 50


class ItemStore(Protocol):
    """What assigning needs of a study."""

    def add_items(self, items: Iterable[Item], by: str = "", reason: str = "") -> ItemCounts: ...
    def items(self, *, source: str | None = None) -> Iterator[Item]: ...
    def reviews(self, item_id: str | None = None) -> list[Review]: ...


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A label of a source without a skill. ``reviewed`` of its ``items`` were decided on already: they would be asked again."""

    source: str
    label: str
    items: int
    reviewed: int
    suggestion: str
    examples: tuple[str, ...]


def label_of(item: Item) -> str:
    """The source's label of an item that has no published skill; "" where it has one, or no label at all."""
    if item.skill in TASK_OF_SKILL:
        return ""
    return item.skill or ("" if skills.place(item.source, "", item.task).mapped else item.task)


def unmapped_labels(study: ItemStore) -> list[Unmapped]:
    """The labels that wait for a person, those of most questions first; reads every question once."""
    counts: Counter[tuple[str, str]] = Counter()
    decided: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], dict[str, str]] = {}
    reviewed = {review.item_id for review in study.reviews()}
    for item in study.items():
        label = "" if item.draft or item.state == "removed" else label_of(item)
        if not label:
            continue
        key = item.source, label
        counts[key] += 1
        decided[key] += item.item_id in reviewed or item.state == "accepted"
        shown = examples.setdefault(key, {})
        if len(shown) < _EXAMPLES and counts[key] <= _LOOKED_AT:
            shown.setdefault(normalised(item.question), item.question)
    return [
        Unmapped(source, label, count, decided[source, label], skills.suggestion(label), tuple(examples[source, label].values()))
        for (source, label), count in counts.most_common()
    ]


def assign(study: ItemStore, assigned: Mapping[tuple[str, str], str], by: str) -> int:
    """Gives every question with one of the labels (source, label) its skill, and tells the site's table; how many changed.

    The questions change first: where that fails, the table has not learned what the study does not say. Raises BankError for a
    skill that is none of the thirty.
    """
    for skill in assigned.values():
        if skill not in TASK_OF_SKILL:
            raise BankError(f"skill {skill!r} is none of the thirty")
    changed = 0
    for (source, label), skill in assigned.items():
        task = TASK_OF_SKILL[skill]
        # A new version of a removed question would be back in the set.
        there = (item for item in study.items(source=source) if not item.draft and item.state != "removed")
        of_label = [item for item in there if label_of(item) == label]
        placed = (replace(item, capability=str(task.capability), task=task.name, skill=skill) for item in of_label)
        changed += study.add_items(placed, by, f"{label} of {source} is {skill}").updated
    skills.write_site_lines(assigned)
    return changed

"""What makes a question look wrong without making it unusable: told to whoever writes it, never a reason to refuse it.

A question whose words give its answer away, or that another one asks already, measures nothing; but only a person can tell a
mistake from a matter of the field.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from medqdeg_desktop.bank.region import mark_key
from medqdeg_desktop.bank.views import View, views
from medqdeg_desktop.bank.wording import as_asked, modality_named, normalised
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import Modality

_MARK = re.compile(
    r"\b(?:marked|outlined|encircled|circled|highlighted|annotated|delineated|bounding box|contour(?:ed)?|arrow(?:head)?s?"
    r"|(?:red|green|blue|yellow|white) (?:box|circle|ellipse|outline|contour|mark))\b",
    re.IGNORECASE,
)
#: How alike, of 1, two wordings are that a person should compare.
_NEAR_WORDING: Final = 0.9
#: An answer this many times as long as every other option is often told by its length alone.
_TOO_LONG: Final = 3
_SHORT: Final = 24

Place = tuple[tuple[str, int | None, str], ...]


def place_of(pictures: Iterable[View]) -> Place:
    """Which frames of which files: the same under any window."""
    return tuple((view.path, view.frame, view.axis) for view in pictures)


def asks_for_a_mark(question: str) -> bool:
    """Whether the words point at something that is drawn on the picture."""
    return bool(_MARK.search(question))


def about_wording(question: str, offered: Mapping[str, str], answer: str, modality: Modality) -> list[str]:
    """Doubts that the words alone raise; ``answer`` is a letter of ``offered`` or anything else."""
    found = []
    named = modality_named(question)
    if named is not None and named is not modality:
        found.append(f"the question speaks of {named}, the picture is {modality}")
    right = offered.get(answer, "")
    others = [text for letter, text in offered.items() if letter != answer]
    if right and _says(question, right) and not any(_says(question, text) for text in others):
        found.append(f"the question names its answer, {right!r}")
    if right and others and len(right) > _SHORT and len(right) > _TOO_LONG * max(map(len, others)):
        found.append("the answer is far longer than every other option: its length gives it away")
    return found


class KnownQuestions:
    """The questions of a study by what they ask and of which picture; grows with what is written meanwhile."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._asked: dict[int, list[str]] = defaultdict(list)
        self._on: dict[tuple[Place, str], dict[str, str]] = defaultdict(dict)
        self._known: dict[str, tuple[int, tuple[Place, str]]] = {}
        for item in items:
            self.note(item)

    def note(self, item: Item) -> None:
        """Takes ``item`` in as it stands; a draft counts like any other, a removed question does not."""
        if item.item_id in self._known:
            words, place = self._known.pop(item.item_id)
            self._asked[words].remove(item.item_id)
            self._on[place].pop(item.item_id, None)
        if item.state == "removed" or not normalised(item.question):
            return
        words = hash(as_asked(item.question, [text for text in item.options.values() if text.strip()]))
        place = place_of(views(item)), mark_key(item.region)
        self._known[item.item_id] = words, place
        self._asked[words].append(item.item_id)
        self._on[place][item.item_id] = item.question

    def doubts(
        self,
        item_id: str,
        question: str,
        offered: Mapping[str, str],
        pictures: tuple[View, ...],
        region: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Whether another question asks the same of the same picture and marked region, or nearly the same."""
        if not normalised(question):
            return []
        here = self._on.get((place_of(pictures), mark_key(region)), {})
        same = set(self._asked.get(hash(as_asked(question, offered.values())), ())) - {item_id}
        twin = next((other for other in here if other in same), "")
        if twin:
            return [f"{_named(twin)} asks the same of this picture"]
        said = normalised(question)
        for other, words in here.items():
            if other != item_id:
                matcher = difflib.SequenceMatcher(None, said, normalised(words))
                if matcher.real_quick_ratio() >= _NEAR_WORDING and matcher.ratio() >= _NEAR_WORDING:
                    return [f"{_named(other)} asks nearly the same of this picture"]
        return []


def _named(item_id: str) -> str:
    """An item by its name where it has one that says something: those written here are only numbered."""
    return "another question written here" if item_id.startswith("written/") else f"question {item_id}"


def _says(question: str, text: str) -> bool:
    """Whether the words of ``text`` stand in ``question`` in their order, and are more than a letter or a number."""
    words = normalised(text)
    return len(words) > 2 and f" {words} " in f" {normalised(question)} "

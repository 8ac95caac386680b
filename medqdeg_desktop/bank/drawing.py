"""Which degradations an item gets under the rule ``uniform``, and which questions must not have their geometry changed.

One to three types, each number equally likely, without replacement and with equal chance, from the modality's list. The draw is
seeded by (set seed, item), so that it depends on no other item, no order and no worker.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from medqdeg_desktop.engine.seeding import generator, realisation_seed
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import GEOMETRY_CHANGING

MOST_TYPES: Final = 3

# A question that speaks of side, place or direction; turning or shifting the picture would change its answer.
_POSITION_ASKED = re.compile(
    r"\b(left|right|laterality|lateral|medial|bilateral|unilateral|ipsilateral|contralateral|which side|side of|"
    r"where|locat\w+|position\w*|quadrant\w*|lobe|orientat\w+|direction|rotat\w+|clockwise|upright|tilted|"
    r"upper|lower|superior|inferior|anterior|posterior|top|bottom|above|below|proximal|distal)\b",
    re.IGNORECASE,
)
# Options that can be told apart only by side or place: at least one word of each column among them.
_OPPOSITES = tuple(
    (re.compile(rf"\b{a}\b", re.IGNORECASE), re.compile(rf"\b{b}\b", re.IGNORECASE))
    for a, b in (
        ("left", "right"),
        ("upper", "lower"),
        ("superior", "inferior"),
        ("anterior", "posterior"),
        ("medial", "lateral"),
        ("top", "bottom"),
        ("unilateral", "bilateral"),
    )
)
_POSITION_SKILLS = re.compile(r"lateral|locali[sz]ation|orientation|position", re.IGNORECASE)


def asks_for_position(item: Item) -> bool:
    """Whether the question is on side or position, told by its words, its options and its skill (design 6)."""
    if _POSITION_ASKED.search(item.question) or _POSITION_SKILLS.search(f"{item.skill} {item.task}"):
        return True
    texts = " / ".join(item.options.values())
    return any(one.search(texts) and other.search(texts) for one, other in _OPPOSITES)


def asks_for_quality(item: Item) -> bool:
    """Whether the question is on the quality of the picture itself: a degradation would change its answer."""
    return bool(item.question_type)


def keeps_still(item: Item, *, marked: bool = False) -> bool:
    """Whether anatomy must stay where it is: for a question on position, and under a region that is drawn afterwards."""
    return asks_for_position(item) or (marked and item.region is not None)


def allowed_types(item: Item, types: Sequence[str], *, marked: bool = False) -> tuple[str, ...]:
    """``types`` of the item's modality without those that would change what the question asks for.

    marked   regions are drawn on the finished pictures, where moved anatomy would lie beside them.
    """
    if asks_for_quality(item):
        return ()
    if keeps_still(item, marked=marked):
        return tuple(name for name in types if name not in GEOMETRY_CHANGING)
    return tuple(types)


def draw_uniform(set_seed: int, item_id: str, types: Sequence[str]) -> tuple[str, ...]:
    """One to three of ``types`` (as many as there are, if fewer), in the order of ``types``."""
    if not types:
        return ()
    numbers = generator(realisation_seed(set_seed, item_id, ""), "draw")
    count = min(int(numbers.integers(1, MOST_TYPES + 1)), len(types))
    chosen = set(numbers.permutation(len(types))[:count].tolist())
    return tuple(name for i, name in enumerate(types) if i in chosen)

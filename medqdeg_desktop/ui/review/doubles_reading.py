"""What the screen for doubles reads off the window's thread: groups with what was decided, a pair with its pictures. Qt-free."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from medqdeg_desktop.bank import doubles
from medqdeg_desktop.bank.deduplication import Duplicate, difference_hash
from medqdeg_desktop.bank.doubles import Standing
from medqdeg_desktop.bank.views import read, views
from medqdeg_desktop.bank.wording import as_asked
from medqdeg_desktop.bank.writing import SOURCE as WRITTEN
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Pixels, pixel_sha256
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.study.records import DoubleDecision, Item
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.review.render_ahead import framed

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Groups:
    """The last search (None: there was none), what has been decided, the reader's own decisions, oldest first, and whether
    questions have come or changed since the search; ``asked``, the questions of items that were written here, by id."""

    found: tuple[Duplicate, ...] | None
    standing: Standing
    own: tuple[DoubleDecision, ...]
    outdated: bool
    asked: dict[str, str]


@dataclass(frozen=True, slots=True)
class Side:
    """One question of a pair with its pictures as the set shows them; ``problem`` says why there are none."""

    item: Item
    images: tuple[MedicalImage, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions beside each other, and how far their words and their pictures are from each other, said in words.

    ``versions`` are those that are shown: a decision is on them alone.
    """

    left: Side
    right: Side
    words: str
    pictures: str
    versions: dict[str, int]

    @property
    def ids(self) -> tuple[str, str]:
        return self.left.item.item_id, self.right.item.item_id


def load_groups(path: Path, reader: str) -> Groups:
    """Reads the last search and the decisions; waits for the disk."""
    with Study.open(path, read_only=True) as study:
        last = doubles.last_search(path)
        groups = last.groups if last is not None else ()
        known = {one.reader_id for one in study.readers() if one.pseudonym == reader}
        own = tuple(one for one in study.doubles() if one.reader in known)
        outdated = last is not None and last.versions != study.item_version_count()
        written = {item_id for group in groups for item_id in group.items if _is_written(item_id)}
        asked = (
            {item.item_id: item.question for item in study.items(source=WRITTEN) if item.item_id in written} if written else {}
        )
        return Groups(last.groups if last is not None else None, doubles.standing(study, groups), own, outdated, asked)


def _is_written(item_id: str) -> bool:
    return item_id.startswith(f"{WRITTEN}/")


def readable(item_id: str) -> str:
    """An item by its name; one that was written here has only a long number, whose end tells it from the others."""
    return f"written here, {item_id[-6:]}" if _is_written(item_id) else item_id


def load_pair(path: Path, ids: tuple[str, str]) -> Pair:
    """Reads two questions and decodes their pictures; a picture that cannot be read is said, not raised."""
    with Study.open(path, read_only=True) as study:
        # The version first: where the words change in between, it is the older one, and a decision on it is refused.
        versions = {item_id: study.item_version(item_id) for item_id in ids}
        found = [study.item(item_id) for item_id in ids]
    sides = [_side(item, item_id, path) for item, item_id in zip(found, ids, strict=True)]
    return Pair(sides[0], sides[1], _wording(sides[0].item, sides[1].item), _distance(sides[0], sides[1]), versions)


def _side(item: Item | None, item_id: str, path: Path) -> Side:
    if item is None:
        raise MedqdegError(f"{path}: no item {item_id!r}")
    try:
        return Side(item, tuple(framed(read(view), view) for view in views(item)))
    except (MedqdegError, OSError) as error:
        return Side(item, problem=str(error))


def _wording(left: Item, right: Item) -> str:
    """How alike questions and options read, by letters, without case and marks."""
    one, other = (as_asked(item.question, item.options.values()) for item in (left, right))
    if one == other:
        return "same words"
    return f"wording {difflib.SequenceMatcher(None, one, other, autojunk=False).ratio():.0%} alike"


def _distance(left: Side, right: Side) -> str:
    """How the pictures differ: not at all in their pixels, in so many of 64 bits of their look, or in number."""
    if left.problem or right.problem:
        return ""
    if len(left.images) != len(right.images):
        return f"{len(left.images)} and {len(right.images)} pictures"
    shown: list[tuple[Pixels, Pixels]] = [
        (to_display(one), to_display(other)) for one, other in zip(left.images, right.images, strict=True)
    ]
    if all(one.shape == other.shape and pixel_sha256(one) == pixel_sha256(other) for one, other in shown):
        return "the same pixels"
    bits = max((difference_hash(one) ^ difference_hash(other)).bit_count() for one, other in shown)
    sizes = {(image.shape[1], image.shape[0]) for image in (*left.images, *right.images)}
    scaled = f", {' and '.join(f'{w} x {h}' for w, h in sorted(sizes))} pixels" if len(sizes) > 1 else ""
    return f"other pixels, looks differ in {bits} of 64 bits{scaled}"


# -- words --------------------------------------------------------------------------------------------------------


def marked_words(text: str, other: str) -> str:
    """``text`` as HTML in which the words that ``other`` does not have in this place are marked."""
    here, there = _WORDS.findall(text), _WORDS.findall(other)
    matcher = difflib.SequenceMatcher(None, [w.casefold() for w in here], [w.casefold() for w in there], autojunk=False)
    parts = []
    for kind, first, end, _, _ in matcher.get_opcodes():
        words = escape("".join(here[first:end]))
        if kind != "equal" and words.strip():
            words = f'<span style="background-color:{t.MARKED}">{words}</span>'
        parts.append(words)
    return "".join(parts)


def marked_options(item: Item, other: Item) -> str:
    """The options of ``item``, one a line, the answer ticked, what differs from the other's option of that letter marked."""
    lines = []
    for letter, text in item.options.items():
        tick = "✓" if letter == item.answer else "&nbsp;"
        words = marked_words(text, other.options.get(letter, ""))
        lines.append(f"<tr><td width=16>{tick}</td><td width=18>{escape(letter)}</td><td>{words}</td></tr>")
    return f"<table cellspacing=0 cellpadding=0>{''.join(lines)}</table>"


def answers_differ(pair: Pair) -> bool:
    """Whether the two say different things are right: one of them is wrong, whatever else they share."""
    left, right = pair.left.item, pair.right.item
    said = [item.options.get(item.answer, "").strip().casefold() for item in (left, right)]
    return said[0] != said[1]

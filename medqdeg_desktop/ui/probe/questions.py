"""Questions for the live probe: items about the picture in front, questions that fit its modality, or typed ones. Qt-free."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.samples import questions
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality

#: More options than a model is ever offered; a pasted text is not a question.
MOST_OPTIONS = 10


class TypedQuestionError(MedqdegError):
    """A typed question that cannot be asked, in one line."""


@dataclass(frozen=True, slots=True)
class ProbeQuestion:
    """``options``: (letter, text) in the order shown, none for an open question; ``answer``: the right letter, "" where unknown.

    ``window`` is the item's (center, width), None for the image's own. ``origin`` is the item's id, "sample", "fits" or "typed".
    """

    text: str
    options: tuple[tuple[str, str], ...]
    answer: str = ""
    window: tuple[float, float] | None = None
    origin: str = "typed"

    @property
    def can_be_asked(self) -> bool:
        return len(self.options) >= 2

    @property
    def letters(self) -> tuple[str, ...]:
        return tuple(letter for letter, _ in self.options)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the frame in front lies: what an item's image is compared with."""

    path: str
    frame: int
    axis: str
    only: bool

    def is_of(self, path: str, frame: int | None, axis: str) -> bool:
        """Whether an item about ``frame`` of ``path`` is about this frame; without a frame only the only one is meant."""
        if Path(path).name != Path(self.path).name or (axis or "axial") != (self.axis or "axial"):
            return False
        if frame != self.frame and not (frame is None and self.only):
            return False
        return path == self.path or os.path.realpath(path) == os.path.realpath(self.path)


def about(study: Path | None, samples: Path, place: Place, modality: Modality | None) -> list[ProbeQuestion]:
    """Questions to choose from, items of the study first. Reads the study; never for the window's thread."""
    found = [*(_items(study, place, modality) if study is not None else ()), *_samples(samples, place)]
    # An item about the very picture knows its answer; the same words without it would only stand beside it.
    asked = {question.text for question in found}
    return [*found, *(question for question in fitting(modality) if question.text not in asked)]


def _items(study: Path, place: Place, modality: Modality | None) -> Iterator[ProbeQuestion]:
    with Study.open(study, read_only=True) as opened:
        for item in opened.items(modality=modality):
            # A question about two pictures is not a question about this one.
            if (
                len(item.images) == 1
                and item.state != "removed"
                and not item.draft
                and place.is_of(item.images[0], item.frame, item.axis)
            ):
                yield _of_item(item)


def _of_item(item: Item) -> ProbeQuestion:
    return ProbeQuestion(item.question, tuple(item.options.items()), item.answer, item.window, item.item_id)


def _samples(folder: Path, place: Place) -> Iterator[ProbeQuestion]:
    """Items of the sample study that are about this frame, whether or not a study holds them."""
    file = folder / "items.jsonl"
    if not Path(place.path).is_relative_to(folder) or not file.is_file():
        return
    for text in file.read_text("utf-8").splitlines():
        line = json.loads(text)
        if place.is_of(str(folder / line["image"]), line.get("frame"), line.get("axis", "")):
            yield ProbeQuestion(line["question"], tuple(line["options"].items()), line["answer"], None, "sample")


def fitting(modality: Modality | None) -> list[ProbeQuestion]:
    """Questions that any picture of ``modality`` can be asked. Only the modality itself is known to be right."""
    if modality is None:
        names = questions.MODALITY_NAMES[:5]
        return [ProbeQuestion(questions.MODALITY_QUESTION, tuple(zip("ABCDE", names, strict=True)), origin="fits")]
    made = []
    for question in questions.that_fit(modality):
        options, answer = question.arranged(generator(0, f"probe {modality} {question.text}"))
        known = answer if question.kind == "modality" else ""
        if question.kind in ("presence", "count"):
            # Yes before no, and numbers in their order.
            texts = sorted(options.values(), key=lambda text: (text != "Yes", text))
            options = dict(zip(options, texts, strict=True))
        made.append(ProbeQuestion(question.text, tuple(options.items()), known, None, "fits"))
    return made


def typed(question: str, options: str) -> ProbeQuestion:
    """A question as typed: one option a line, a ``*`` before the right one. TypedQuestionError says what is missing."""
    text = " ".join(question.split())
    lines = [line.strip() for line in options.splitlines() if line.strip()]
    if not text:
        raise TypedQuestionError("Type a question")
    if not 2 <= len(lines) <= MOST_OPTIONS:
        raise TypedQuestionError(f"Between 2 and {MOST_OPTIONS} options are needed, one a line; there are {len(lines)}")
    right = [k for k, line in enumerate(lines) if line.startswith("*")]
    if len(right) > 1:
        raise TypedQuestionError("Only one option can be the right one (*)")
    texts = [line.removeprefix("*").strip() for line in lines]
    if not all(texts):
        raise TypedQuestionError("An option is empty")
    if twice := _first_double(texts):
        raise TypedQuestionError(f"Two options read {twice!r}")
    letters = [chr(ord("A") + k) for k in range(len(texts))]
    return ProbeQuestion(text, tuple(zip(letters, texts, strict=True)), letters[right[0]] if right else "")


def _first_double(texts: Iterable[str]) -> str:
    seen: set[str] = set()
    for text in texts:
        if text.casefold() in seen:
            return text
        seen.add(text.casefold())
    return ""

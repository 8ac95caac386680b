"""Questions written from an open study: a frame as it is shown, a question, options and answer, a skill and a region.

A draft is kept exactly as it was typed, each saving a version of its own with who typed it, and takes no part in sets or
review. Submitting it checks it like an imported row and makes it an item like any other; taking it up again makes it a draft
anew. So a site makes its own set from its own images without touching a file. Nothing here knows a window.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from medqdeg_desktop.bank import checks, doubts, region, skills
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.views import View, others_of, views
from medqdeg_desktop.bank.wording import normalised, without_options
from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.engine.reading.archives import file_of
from medqdeg_desktop.study.identifiers import now_after, uuid7
from medqdeg_desktop.study.items import Verdict
from medqdeg_desktop.study.records import Event, Item, ItemCounts
from medqdeg_desktop.taxonomy import TASK_OF_SKILL, Modality

SOURCE: Final = "written"
FEWEST_OPTIONS: Final = 2
MOST_OPTIONS: Final = 8
_BLANK: Final = ("", "", "", "")


class WritingStore(Protocol):
    """What writing needs of a study."""

    def together(self) -> AbstractContextManager[None]: ...
    def add_items(self, items: list[Item], by: str = "", reason: str = "") -> ItemCounts: ...
    def item(self, item_id: str) -> Item | None: ...
    def items(self, *, source: str | None = None) -> Iterator[Item]: ...
    def item_versions(self, item_id: str) -> list[Item]: ...
    def judge_items(self, ids: Iterable[str], verdict: Verdict, by: str, reason: str = "") -> Event: ...


@dataclass(frozen=True, slots=True)
class Draft:
    """A question as far as it has been typed: nothing is trimmed, completed or refused.

    ``options`` are texts in the order of their letters, empty ones included; ``answer`` is a letter or "". ``window`` is the
    (center, width) that the frame was shown with when the question was begun, None where it was shown as the file says (colour,
    VOI LUT); ``value_range`` is that of the series it was chosen from; ``image`` is the absolute path of the file. ``others``
    are further pictures that the question compares. ``region`` as in ``bank.region``.
    """

    item_id: str
    image: str
    modality: Modality
    frame: int | None = None
    axis: str = ""
    window: tuple[float, float] | None = None
    question: str = ""
    options: tuple[str, ...] = _BLANK
    answer: str = ""
    skill: str = ""
    region: dict[str, Any] | None = None
    patient: str = ""
    licence: str = ""
    public: bool = False
    value_range: tuple[float, float] | None = None
    others: tuple[View, ...] = ()

    @property
    def pictures(self) -> tuple[View, ...]:
        """All pictures in their order."""
        first = View(self.image, self.modality, self.frame, self.axis, self.window, self.value_range)
        return (first, *self.others)

    def on(self, pictures: tuple[View, ...]) -> Draft:
        """The same words on other pictures."""
        first = pictures[0]
        return replace(
            self,
            image=first.path,
            modality=first.modality,
            frame=first.frame,
            axis=first.axis,
            window=first.window,
            value_range=first.value_range,
            others=pictures[1:],
        )


def shown(image: MedicalImage, path: Path, *, frame: int | None = None, axis: str = "", window: Window | None = None) -> View:
    """The frame ``image`` of ``path`` as it is shown: through ``window``, or, where None, as the file says.

    frame   its number as ``read_image`` counts it, where that is not ``image.frame``.
    Raises BankError where the image's modality is not known: a degradation could not be chosen for it.
    """
    if image.modality is None:
        raise BankError(f"{path}: the modality is not known; open the file as one of {', '.join(Modality)}")
    used = None if image.is_rgb or (window is None and image.voi_lut is not None) else window or image.window
    frozen = (float(used.center), float(used.width)) if used else None
    low, high = image.value_range
    spread = None if image.is_rgb else (float(low), float(high))
    return View(str(path.absolute()), image.modality, image.frame if frame is None else frame, axis, frozen, spread)


def begin(
    image: MedicalImage,
    path: Path,
    *,
    frame: int | None = None,
    axis: str = "",
    window: Window | None = None,
    patient: str = "",
) -> Draft:
    """A blank draft on a picture, frozen as it is ``shown``."""
    return begin_on(shown(image, path, frame=frame, axis=axis, window=window), patient=patient)


def begin_on(*pictures: View, patient: str = "") -> Draft:
    """A blank draft on ``pictures``."""
    item_id = f"{SOURCE}/{uuid7(now_after())}"
    return Draft(item_id, pictures[0].path, pictures[0].modality, patient=patient).on(pictures)


def following(draft: Draft, pictures: tuple[View, ...], *, question: bool = False, options: bool = True) -> Draft:
    """The blank draft after ``draft``: its skill, its options where wanted, its question where wanted; the answer is open."""
    blank = begin_on(*pictures, patient=draft.patient)
    return replace(
        blank,
        question=draft.question if question else "",
        options=draft.options if options else _BLANK,
        skill=draft.skill,
        licence=draft.licence,
        public=draft.public,
    )


def save(study: WritingStore, draft: Draft, by: str) -> bool:
    """Keeps ``draft`` as it is typed; a new version by ``by``. False where the study holds just this already.

    Raises BankError where the item was submitted meanwhile: ``take_up`` makes it a draft again.
    """
    # Another window may submit it between the look and the writing.
    with study.together():
        standing = study.item(draft.item_id)
        if standing is not None and not standing.draft:
            raise BankError(f"{draft.item_id}: was submitted already; take it up again to change it")
        return study.add_items([_item(draft)], by, "draft").unchanged == 0


def drafts(study: WritingStore) -> Iterator[Draft]:
    """The drafts of a study as they stand, the oldest first."""
    return (draft_of(item) for item in study.items(source=SOURCE) if item.draft and item.state != "removed")


def versions(study: WritingStore, item_id: str) -> list[Draft]:
    """Every version of a written item as it was typed or submitted, oldest first."""
    return [draft_of(item) for item in study.item_versions(item_id)]


def problems(draft: Draft, shape: tuple[int, ...] | None = None) -> list[str]:
    """What ``draft`` still lacks, in words; empty when it can be submitted.

    shape   of the frame's pixels where it is at hand, so that a region outside it is told.
    """
    found = []
    offered: dict[str, str] = {}
    if not draft.question.strip():
        found.append("the question is missing")
    try:
        offered = checks.options(_filled(draft.options))
    except RowError as error:
        found.append(str(error))
    said = [normalised(text) or text for text in offered.values()]
    repeated = [text for n, text in enumerate(offered.values()) if said[n] in said[:n]]
    if repeated:
        found.append(f"option {repeated[0]!r} stands twice")
    if len(offered) > MOST_OPTIONS:
        found.append(f"{len(offered)} options are more than {MOST_OPTIONS}")
    if offered:
        try:
            without_options(draft.question, offered)
        except RowError as error:
            found.append(str(error))
        try:
            checks.answer_letter(draft.answer, offered)
        except RowError as error:
            found.append(str(error))
    if not draft.skill.strip():
        found.append("the skill is missing")
    elif draft.skill not in TASK_OF_SKILL:
        near = skills.suggestion(draft.skill)
        found.append(f"skill {draft.skill!r} is none of the thirty{f'; nearest: {near}' if near else ''}")
    if draft.region is not None:
        if wrong := region.problem(draft.region, shape):
            found.append(wrong)
        elif int(draft.region.get("image", 0)) >= len(draft.pictures):
            found.append("the region lies on a picture that the question does not have")
    if draft.others and any(view.modality is not draft.modality for view in draft.others):
        found.append("the pictures are of different modalities: they could not be degraded alike")
    missing = next((view.path for view in draft.pictures if not file_of(view.path).exists()), "")
    if missing:
        found.append(f"image {missing} is not there")
    return found


def doubts_about(draft: Draft, known: doubts.KnownQuestions | None = None) -> list[str]:
    """What does not keep ``draft`` from being submitted, yet deserves a second look; ``known`` tells duplicates."""
    texts = tuple(text.strip() for text in _filled(draft.options))
    offered = dict(zip(string.ascii_uppercase, texts, strict=False))
    found = doubts.about_wording(draft.question, offered, draft.answer.strip().upper(), draft.modality)
    if draft.region is None and doubts.asks_for_a_mark(draft.question):
        found.append("the question speaks of a mark, and no region is drawn")
    if known is not None:
        found += known.doubts(draft.item_id, draft.question, offered, draft.pictures, draft.region)
    return found


def submit(study: WritingStore, draft: Draft, by: str, shape: tuple[int, ...] | None = None) -> Item:
    """Makes ``draft`` an item that takes part in review and sets; the version before stays in the study.

    Raises BankError naming the first thing that it lacks.
    """
    wrong = problems(draft, shape)
    if wrong:
        raise BankError(f"{draft.item_id}: {wrong[0]}{f' (and {len(wrong) - 1} more)' if len(wrong) > 1 else ''}")
    offered = checks.options(_filled(draft.options))
    place = skills.place(SOURCE, draft.skill)
    item = replace(
        _item(draft),
        question=without_options(draft.question.strip(), offered),
        options=offered,
        answer=checks.answer_letter(draft.answer, offered),
        capability=place.capability,
        task=place.task,
        skill=place.skill,
        draft=False,
    )
    study.add_items([item], by, "submitted")
    return item


def take_up(study: WritingStore, item_id: str, by: str) -> Draft:
    """Makes a submitted item a draft again, so that it leaves sets and review until it is submitted anew."""
    with study.together():
        item = study.item(item_id)
        if item is None or item.source != SOURCE:
            raise BankError(f"{item_id}: no item that was written in this study")
        if not item.draft:
            study.add_items([replace(item, draft=True)], by, "taken up again")
        elif item.state == "removed":
            study.judge_items([item_id], "imported", by, "taken up again")
    return draft_of(item)


def discard(study: WritingStore, item_id: str, by: str) -> None:
    """Takes a draft out of the list; every version of it stays in the study, and ``take_up`` brings it back."""
    with study.together():
        item = study.item(item_id)
        if item is None or item.source != SOURCE or not item.draft:
            raise BankError(f"{item_id}: no draft that was written in this study")
        if item.state != "removed":
            study.judge_items([item_id], "removed", by, "discarded while it was a draft")


def draft_of(item: Item) -> Draft:
    """The draft that ``item`` keeps."""
    return Draft(
        item_id=item.item_id,
        image=item.images[0],
        modality=item.modality,
        frame=item.frame,
        axis=item.axis,
        window=item.window,
        question=item.question,
        options=tuple(item.options.values()),
        answer=item.answer,
        skill=item.skill,
        region=item.region,
        patient=item.patient,
        licence=item.licence,
        public=item.public,
        value_range=item.value_range,
        others=views(item)[1:],
    )


def _item(draft: Draft) -> Item:
    """The item that keeps ``draft`` letter by letter."""
    return Item(
        item_id=draft.item_id,
        source=SOURCE,
        source_id=draft.item_id.removeprefix(f"{SOURCE}/"),
        modality=draft.modality,
        question=draft.question,
        options=dict(zip(string.ascii_uppercase, draft.options, strict=False)),
        answer=draft.answer,
        images=tuple(view.path for view in draft.pictures),
        skill=draft.skill,
        frame=draft.frame,
        axis=draft.axis,
        window=draft.window,
        region=draft.region,
        patient=draft.patient,
        licence=draft.licence,
        public=draft.public,
        draft=True,
        value_range=draft.value_range,
        others=others_of(draft.pictures),
    )


def _filled(options: tuple[str, ...]) -> list[str]:
    """The options without the empty ones at the end; one that is empty in between is an error of its own."""
    filled = list(options)
    while filled and not filled[-1].strip():
        filled.pop()
    return filled

"""The question being written: kept as it is typed, checked while it is typed, submitted, and followed by the next one.

A question follows the picture on the screen until it is touched; the first letter, or the first stroke of a region, freezes the
frame and its window. It reaches the study at most two seconds after that, by the study's write thread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from medqdeg_desktop.bank import doubts, writing
from medqdeg_desktop.bank.views import View
from medqdeg_desktop.bank.writing import Draft
from medqdeg_desktop.bank.written_items import Book, Standing, Written, as_written, read_book
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.study_session import StudySession

_SETTLE_MS = 400
_LONGEST_S = 2.0
_CHECK_MS = 150


@dataclass(frozen=True, slots=True)
class Words:
    """What the fields of the form say."""

    question: str
    options: tuple[str, ...]
    answer: str
    skill: str


@dataclass(slots=True)
class Template:
    """What the next question takes over from the one before, besides its skill."""

    options: bool = True
    question: bool = False


class WritingDesk(QObject):
    """``replaced``: another question is in front. ``retold``: its pictures, region, standing or list changed. ``checked``: what
    it lacks and what is doubtful about it. ``listed``: the list of written questions changed."""

    replaced = Signal()
    retold = Signal()
    checked = Signal(object, object)
    listed = Signal()
    said = Signal(str)
    warned = Signal(str)

    def __init__(self, session: StudySession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._background = Background(self)
        self.template = Template()
        self.draft: Draft | None = None
        self.frozen = False
        self.standing = Standing.DRAFT
        self.written: dict[str, Written] = {}
        self._known = doubts.KnownQuestions()
        self._on_screen: View | None = None
        self._patient = ""
        self._by = ""
        self._unsaved = False
        # Drafts that the study refused (in use, disk full) after another question came to the front, with who typed them.
        self._refused: dict[str, tuple[Draft, str]] = {}
        # What came to stand while the list was being read.
        self._meanwhile: dict[str, tuple[Written, Item]] = {}
        self._typed_since = 0.0
        self._sitting = 0
        self._save_timer = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._save_timer.timeout.connect(self.save)
        self._check_timer = QTimer(self, singleShot=True, interval=_CHECK_MS)
        self._check_timer.timeout.connect(self._check)

    # -- the study --------------------------------------------------------------------------------------------

    def reload(self, *, forget: bool = False) -> None:
        """Reads the written questions anew; with ``forget`` another study or reader has come: nothing stays on the desk."""
        if forget:
            self._sitting += 1
            self._save_timer.stop()
            self.written, self._known, self._unsaved, self._refused = {}, doubts.KnownQuestions(), False, {}
            self.draft, self.frozen = None, False
            self.listed.emit()
            self._begin()
        self._meanwhile = {}
        if self._session.path is not None:
            self._background.run(
                "book", partial(_read, self._session.path), partial(self._on_book, self._sitting), self.warned.emit
            )

    def close(self) -> None:
        self.save()
        self._save_timer.stop()
        self._check_timer.stop()
        self._background.close()

    def _on_book(self, sitting: int, book: Book) -> None:
        if sitting != self._sitting:
            return
        # What was written while the list was being read is newer than the list.
        newer = {item_id: one for item_id, (one, _) in self._meanwhile.items()}
        self.written = {one.item_id: one for one in book.written} | newer
        self._known = book.known
        for _, item in self._meanwhile.values():
            self._known.note(item)
        self.listed.emit()
        self._check_soon()

    # -- the picture ------------------------------------------------------------------------------------------

    def show_picture(self, view: View | None, patient: str = "") -> None:
        """What is on the screen now; a question that nobody has touched follows it."""
        self._on_screen, self._patient = view, patient
        if view is None or self.frozen:
            self.retold.emit()
        elif self.draft is None:
            self._begin()
        elif self.draft.pictures != (view,):
            self.draft = replace(self.draft.on((view,)), patient=patient)
            self.retold.emit()
            self._check_soon()

    @property
    def picture_number(self) -> int | None:
        """Which of the question's pictures is on the screen, from 0; None: another one."""
        if self.draft is None or self._on_screen is None:
            return None
        places = doubts.place_of(self.draft.pictures)
        shown = doubts.place_of((self._on_screen,))[0]
        return places.index(shown) if shown in places else None

    @property
    def exactly_shown(self) -> bool:
        """Whether the screen shows the picture in the window that is frozen for the question."""
        number = self.picture_number
        return number is not None and self.draft is not None and self.draft.pictures[number] == self._on_screen

    def take_picture(self) -> None:
        """The question is about what is on the screen now, in its window; a region on another frame goes."""
        if self.draft is None or self._on_screen is None or not self.editable:
            return
        number = self.picture_number or 0
        kept = self.picture_number is not None
        pictures = list(self.draft.pictures)
        pictures[number] = self._on_screen
        region = self.draft.region
        if region is not None and not kept and int(region.get("image", 0)) == number:
            region = None
            self.said.emit(self.tr("The region stayed with the other picture: draw it anew"))
        self._change(replace(self.draft.on(tuple(pictures)), region=region, patient=self._patient or self.draft.patient))

    def add_picture(self) -> None:
        """The question compares the picture on the screen with those that it has."""
        if self.draft is None or self._on_screen is None or not self.editable:
            return
        if self.frozen and self.picture_number is not None:
            self.said.emit(self.tr("The question has this picture already: go to the other one first"))
        elif not self.frozen:
            self._change(self.draft)
            self.said.emit(self.tr("First picture taken; go to the other one and add it"))
        elif self._on_screen.modality is not self.draft.modality:
            self.said.emit(self.tr("Only pictures of one modality are degraded alike"))
        else:
            self._change(self.draft.on((*self.draft.pictures, self._on_screen)))

    def drop_picture(self, number: int) -> None:
        """Takes one of several pictures out, with the region on it."""
        if self.draft is None or len(self.draft.pictures) < 2 or not self.editable:
            return
        pictures = tuple(view for n, view in enumerate(self.draft.pictures) if n != number)
        region = self.draft.region
        if region is not None:
            on = int(region.get("image", 0))
            region = None if on == number else region | {"image": on - (on > number)}
        self._change(replace(self.draft.on(pictures), region=region))

    # -- typing -----------------------------------------------------------------------------------------------

    @property
    def editable(self) -> bool:
        return self.standing is Standing.DRAFT and self._session.is_open

    def type(self, words: Words) -> None:
        """The fields say something else."""
        if self.draft is not None and self.editable:
            draft = self.draft
            same = (draft.question, draft.options, draft.answer, draft.skill)
            if same != (words.question, words.options, words.answer, words.skill):
                self._change(
                    replace(draft, question=words.question, options=words.options, answer=words.answer, skill=words.skill),
                    typed=True,
                )

    def set_region(self, region: dict[str, Any] | None) -> None:
        if self.draft is not None and self.editable and region != self.draft.region:
            self._change(replace(self.draft, region=region))

    def _change(self, draft: Draft, *, typed: bool = False) -> None:
        was_frozen = self.frozen
        self.draft, self.frozen = draft, True
        self._by = self._session.reader
        if not self._unsaved:
            self._typed_since = monotonic()
        self._unsaved = True
        # Every pause is a version; without one the newest words still reach the disk.
        if not (self._save_timer.isActive() and monotonic() - self._typed_since > _LONGEST_S):
            self._save_timer.start()
        self._check_soon()
        if not typed or not was_frozen:
            self.retold.emit()

    def save(self) -> None:
        """Gives what is not on disk yet to the study's write thread, also what it has refused before."""
        self._save_timer.stop()
        wanted, self._refused = self._refused, {}
        if self._unsaved and self.draft is not None:
            wanted[self.draft.item_id] = self.draft, self._by
            self._unsaved = False
        for draft, by in wanted.values():
            self._session.submit(
                partial(_save, draft=draft, by=by),
                partial(self._on_saved, self._sitting),
                partial(self._on_unsaved, self._session.path, draft, by),
            )

    def _on_saved(self, sitting: int, kept: tuple[Item, str]) -> None:
        item, at = kept
        self._session.kept.emit(at)
        if sitting == self._sitting:
            self._note(item, at)

    def _on_unsaved(self, study: Path | None, draft: Draft, by: str, text: str) -> None:
        """Nothing typed is given up: it goes to the study again with whatever is saved next, as long as the same one is open."""
        if self.draft is not None and self.draft.item_id == draft.item_id:
            self._unsaved = True
        elif self._session.path == study:
            self._refused.setdefault(draft.item_id, (draft, by))
        self.warned.emit(text)

    def _note(self, item: Item, at: str) -> None:
        before = self.written.get(item.item_id)
        noted = as_written(item, before.by if before else self._session.reader, at)
        self.written[item.item_id] = noted
        self._meanwhile[item.item_id] = noted, item
        self._background.run(f"note {item.item_id}", partial(self._known.note, item), lambda _done: None)
        self.listed.emit()

    # -- checking ---------------------------------------------------------------------------------------------

    def _check_soon(self) -> None:
        if not self._check_timer.isActive():
            self._check_timer.start()

    def _check(self) -> None:
        if self.draft is not None:
            self._background.run("check", partial(_checked, self.draft, self._known), self._on_checked, self.warned.emit)

    def _on_checked(self, found: tuple[Draft, list[str], list[str]]) -> None:
        draft, lacking, doubtful = found
        if draft is self.draft:
            self.checked.emit(lacking, doubtful)

    # -- what is done with a question -------------------------------------------------------------------------

    def submit(self) -> None:
        """Submits the question and begins the next; one that lacks something says so and stays."""
        draft = self.draft
        if draft is None or not self.editable:
            return
        lacking = writing.problems(draft)
        if lacking:
            self.checked.emit(lacking, writing.doubts_about(draft))
            self.said.emit(self.tr("Not yet: {0}").format(lacking[0]))
            return
        self._save_timer.stop()
        self._unsaved = False
        by = self._session.reader
        done = partial(self._on_submitted, self._sitting)
        refused = partial(self._on_not_submitted, self._session.path, self._sitting, draft, by)
        self._session.submit(lambda study: _submit(study, draft, by), done, refused)
        self._begin(after=draft)

    def _on_submitted(self, sitting: int, kept: tuple[Item, str]) -> None:
        item, at = kept
        self._session.kept.emit(at)
        if sitting == self._sitting:
            self._note(item, at)
            mine = sum(one.standing is not Standing.DRAFT for one in self.written.values())
            self.said.emit(self.tr("Submitted; {0:n} written in this study so far").format(mine))

    def _on_not_submitted(self, study: Path | None, sitting: int, draft: Draft, by: str, text: str) -> None:
        """The study refused it: it comes back as it was, unless another reader sits here now."""
        if sitting != self._sitting:
            self._on_unsaved(study, draft, by, text)
            return
        self.save()
        self.draft, self.frozen, self.standing = draft, True, Standing.DRAFT
        self._unsaved, self._by = True, by
        self.replaced.emit()
        self.warned.emit(text)

    def begin(self) -> None:
        """Another question on what is on the screen; the one before stays a draft."""
        self.save()
        self._begin(after=self.draft)

    def _begin(self, after: Draft | None = None) -> None:
        view = self._on_screen
        self.standing, self.frozen = Standing.DRAFT, False
        if view is None:
            self.draft = None
        elif after is None:
            self.draft = writing.begin_on(view, patient=self._patient)
        else:
            template = self.template
            begun = writing.following(after, (view,), question=template.question, options=template.options)
            self.draft = replace(begun, patient=self._patient)
        self.replaced.emit()
        self._check_soon()

    def open(self, item_id: str) -> None:
        """A question of the list comes to the front as it stands."""
        found = self.written.get(item_id)
        if found is None or (self.draft is not None and self.draft.item_id == item_id):
            return
        refused = self._refused.pop(item_id, None)
        self.save()
        self.draft, self.frozen, self.standing = found.draft, True, found.standing
        if refused is not None:
            self.draft, self._by = refused
            self._unsaved = True
        self.replaced.emit()
        self._check_soon()

    def take_up(self) -> None:
        """Makes the submitted question in front a draft again."""
        if self.draft is None or self.standing is Standing.DRAFT:
            return
        item_id, by = self.draft.item_id, self._session.reader
        self._session.submit(
            lambda study: _take_up(study, item_id, by), partial(self._on_taken_up, self._sitting), self.warned.emit
        )

    def _on_taken_up(self, sitting: int, kept: tuple[Item, str]) -> None:
        item, at = kept
        self._session.kept.emit(at)
        if sitting != self._sitting:
            return
        self._note(item, at)
        if self.draft is not None and self.draft.item_id == item.item_id:
            self.draft, self.standing = self.written[item.item_id].draft, Standing.DRAFT
            self.replaced.emit()

    def discard(self) -> None:
        """Removes the draft in front; its versions stay in the study."""
        draft = self.draft
        if draft is None or not self.editable:
            return
        self._save_timer.stop()
        if draft.item_id in self.written or self._unsaved:
            self.save()
            by = self._session.reader
            self._session.submit(
                lambda study: _discard(study, draft.item_id, by), partial(self._on_saved, self._sitting), self.warned.emit
            )
        self._unsaved = False
        self._begin()


def _read(path: Any) -> Book:
    with Study.open(path, read_only=True) as study:
        return read_book(study)


def _save(study: Study, draft: Draft, by: str) -> tuple[Item, str]:
    writing.save(study, draft, by)
    return _stands(study, draft.item_id)


def _submit(study: Study, draft: Draft, by: str) -> tuple[Item, str]:
    writing.submit(study, draft, by)
    return _stands(study, draft.item_id)


def _take_up(study: Study, item_id: str, by: str) -> tuple[Item, str]:
    writing.take_up(study, item_id, by)
    return _stands(study, item_id)


def _discard(study: Study, item_id: str, by: str) -> tuple[Item, str]:
    writing.discard(study, item_id, by)
    return _stands(study, item_id)


def _stands(study: Study, item_id: str) -> tuple[Item, str]:
    item = study.item(item_id)
    assert item is not None
    return item, study.events(1)[0].at


def _checked(draft: Draft, known: doubts.KnownQuestions) -> tuple[Draft, list[str], list[str]]:
    return draft, writing.problems(draft), writing.doubts_about(draft, known)

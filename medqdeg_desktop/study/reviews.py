"""Review of drawn items: decisions per degradation, notes, edits of the wording, and who is at work on which item.

What the decisions of several people add up to is not told here (see ``bank.review``); this part keeps them, each with its event.
A reader is given their own decisions; those of others only through ``decisions_to_settle``, which refuses who has decided blind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sqlite_utils import Database

from medqdeg_desktop.study import audit
from medqdeg_desktop.study.errors import StudyError
from medqdeg_desktop.study.expectations import expect, expect_texts
from medqdeg_desktop.study.identifiers import now_after, utc_text
from medqdeg_desktop.study.items import Items
from medqdeg_desktop.study.records import Event, Item, ItemNote, Review, ReviewSetup
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME

#: Numbers of removal reasons; their words stand in ``bank.review``.
_REASONS = range(1, 6)
_STAGES = ("blind", "settled", "gold")
#: What is judged of an item that has no degradation (it asks about the quality of the picture itself): the picture as it is.
CLEAN = "clean"
#: The role of who settles what others disagree on.
SETTLES = "adjudicator"


class Reviews(Items):
    """The part of a study that curators make."""

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Everything that is recorded inside is on disk together when the block ends, or not at all."""
        with self._writing():
            yield

    # -- what is reviewed -------------------------------------------------------------------------------------

    def open_review(self, setup: ReviewSetup, by: str) -> ReviewSetup:
        """Fixes the draw under review and the number of blind decisions; opening the same again writes nothing."""
        if setup.decisions < 1:
            raise StudyError(f"{self.path}: an item needs at least one decision, not {setup.decisions}")
        if self._newest_setup() == setup:
            return setup
        standing = self.review_setup()
        if (standing.release, standing.rule) != (setup.release, setup.rule) and any(r.seed == setup.seed for r in self.reviews()):
            kind = "a release" if standing.release else "a set"
            rule = f" and rule {standing.rule}" if standing.rule != setup.rule else ""
            raise StudyError(f"{self.path}: the draw of {kind} with seed {setup.seed}{rule} is under review; take another seed")
        with self._writing() as db:
            person = self.ensure_reader(by, "curator")
            payload: dict[str, Any] = {"seed": str(setup.seed), "decisions": setup.decisions, "release": setup.release}
            # What came later stands only where it says something else than before.
            payload |= {"rule": setup.rule} if setup.rule != ReviewSetup().rule else {}
            audit.append_event(db, "review_opened", payload, reader=person.reader_id)
        return setup

    def review_setup(self) -> ReviewSetup:
        """The draw under review; without one, that of ``generate`` as it comes and two decisions."""
        return self._newest_setup() or ReviewSetup()

    def _newest_setup(self) -> ReviewSetup | None:
        found = self._events("WHERE kind = 'review_opened' ORDER BY seq DESC LIMIT 1")
        said = [e.payload for e in found]
        if not said:
            return None
        rule = said[0].get("rule", ReviewSetup().rule)
        return ReviewSetup(int(said[0]["seed"]), said[0]["decisions"], bool(said[0]["release"]), rule)

    # -- decisions --------------------------------------------------------------------------------------------

    def record_review(self, review: Review) -> Review:
        """Records a decision on the item's current version (or the one named, if it still is); on disk when this returns."""
        _check_review(review, str(self.path))
        with self._writing() as db:
            reader = self._reader_id(db, review.reader)
            version = self._current_version(db, review.item_id, review.version)
            payload = {
                "item": review.item_id,
                "version": version,
                "stage": review.stage,
                "marks": review.marks,
                "seed": str(review.seed),
                "seconds": round(float(review.seconds), 3),
            }
            event = audit.append_event(db, "item_reviewed", payload, reader=reader)
            row = (event.event_id, review.item_id, version, reader, review.stage)
            db.execute("INSERT INTO item_reviews VALUES (?, ?, ?, ?, ?)", row)
            db.execute("DELETE FROM review_claims WHERE item_id = ? AND reader_id = ?", (review.item_id, reader))
        return _review(event)

    def reviews(self, item_id: str | None = None) -> list[Review]:
        """Decisions that count on current versions: the newest of each reader, of the adjudicator, and the gold one.

        For the program's own rules and statistics; what a person is shown comes from ``own_reviews`` and ``decisions_to_settle``.
        """
        if item_id is None:
            return self._reviews("", ())
        return self._reviews("WHERE item_id = ?", (item_id,))

    def own_reviews(self, reader: str) -> list[Review]:
        """The decisions of one reader that count, of any stage."""
        with self._reading() as db:
            reader_id = self._reader_id(db, reader)
        return self._reviews("WHERE reader_id = ?", (reader_id,))

    def decisions_to_settle(self, item_id: str, reader: str) -> list[Review]:
        """The blind decisions on an item, for the person who is to settle it.

        Raises StudyError for who is no adjudicator, and for who has decided on the item: nobody judges their own case, and
        nobody learns what a colleague decided by asking before or after deciding.
        """
        with self._reading() as db:
            reader_id = self._reader_id(db, reader)
        blind = self._reviews("WHERE item_id = ? AND stage = 'blind'", (item_id,))
        if any(r.reader == reader_id for r in blind):
            raise StudyError(f"{self.path}: {item_id} is settled by a person who has not decided on it before")
        known = next(r for r in self.readers() if r.reader_id == reader_id)
        if known.role != SETTLES:
            raise StudyError(
                f"{self.path}: {item_id} is settled by an adjudicator, and {known.pseudonym} is a {known.role} here; "
                "`medqdeg bank review --adjudicator NAME --by NAME` gives the role"
            )
        return blind

    def undo_review(self, event_id: str, reader: str) -> Review:
        """Takes back a decision of ``reader``; returns it. StudyError where it is somebody else's or was taken back."""
        with self._writing() as db:
            found = self._understood(_review, self._events("WHERE kind = 'item_reviewed' AND event_id = ?", (event_id,)))
            if not found or found[0].reader != self._reader_id(db, reader):
                raise StudyError(f"{self.path}: {event_id} is no decision of {reader!r}")
            self.undo(event_id, reader)
        return found[0]

    def _reviews(self, where: str, values: tuple[Any, ...]) -> list[Review]:
        events = self._events(
            f"WHERE event_id IN (SELECT event_id FROM current_reviews {where}) ORDER BY at, event_id",
            values,
        )
        return self._understood(_review, events)

    # -- notes and edits --------------------------------------------------------------------------------------

    def note_item(self, note: ItemNote) -> ItemNote:
        """Flags an item, takes the flag back, or comments on it."""
        with self._writing() as db:
            reader = self._reader_id(db, note.reader)
            version = self._current_version(db, note.item_id, note.version)
            payload = {"item": note.item_id, "version": version, "flagged": note.flagged, "comment": note.comment}
            event = audit.append_event(db, "item_noted", payload, reader=reader)
            db.execute("INSERT INTO item_notes VALUES (?, ?, ?)", (event.event_id, note.item_id, version))
        return _note(event)

    def notes(self, item_id: str | None = None) -> list[ItemNote]:
        """Notes on current versions that were not taken back, oldest first."""
        one = "" if item_id is None else "AND n.item_id = ?"
        events = self._events(
            "WHERE event_id IN (SELECT n.event_id FROM item_notes n JOIN items i ON i.item_id = n.item_id AND"
            f" i.version = n.version WHERE 1 {one}) AND event_id NOT IN (SELECT undoes FROM events WHERE undoes IS NOT NULL)"
            " ORDER BY at, event_id",
            () if item_id is None else (item_id,),
        )
        return self._understood(_note, events)

    def notes_for(self, item_id: str, reader: str) -> list[ItemNote]:
        """Notes on an item as ``reader`` may read them: what colleagues wrote is withheld until the reader has decided.

        A comment often says what its writer decided. Flags are shown; the words of others are "" before one's own decision.
        """
        with self._reading() as db:
            known = db.execute("SELECT reader_id FROM readers WHERE reader_id = ?1 OR pseudonym = ?1", (reader,)).fetchone()
        reader_id = known[0] if known else ""
        decided = any(r.reader == reader_id and r.stage != "gold" for r in self.reviews(item_id))
        return [n if decided or n.reader == reader_id else replace(n, comment="") for n in self.notes(item_id)]

    def edit_item(self, changed: Item, by: str, reason: str) -> Item:
        """A new version of an item with another wording; earlier decisions, clearances and notes stay with the version before.

        Raises StudyError where the item is unknown, unchanged, or the edit has no reason.
        """
        if not reason.strip():
            raise StudyError(f"{self.path}: an edit of {changed.item_id} needs a reason")
        with self._writing() as db:
            before = self._current_version(db, changed.item_id, 0)
            person = self.ensure_reader(by, "curator")
            if self.add_items([changed]).updated != 1:
                raise StudyError(f"{self.path}: {changed.item_id} says this already; nothing was changed")
            after = self._current_version(db, changed.item_id, 0)
            payload = {"item": changed.item_id, "from": before, "to": after}
            audit.append_event(db, "item_edited", payload, reader=person.reader_id, reason=reason)
        kept = self.item(changed.item_id)
        assert kept is not None
        return kept

    def item_version(self, item_id: str) -> int:
        """The number of the current version of an item."""
        with self._reading() as db:
            return self._current_version(db, item_id, 0)

    def _current_version(self, db: Database, item_id: str, named: int) -> int:
        row = db.execute("SELECT version FROM items WHERE item_id = ?", (item_id,)).fetchone()
        if row is None:
            raise StudyError(f"{self.path}: no item {item_id!r}")
        if named and row[0] != named:
            raise StudyError(f"{self.path}: {item_id} has been edited meanwhile; look at its new wording and decide again")
        return int(row[0])

    # -- who is at work on what -------------------------------------------------------------------------------

    def claim_item(self, item_id: str, reader: str, holder: str, *, places: int, seconds: float) -> bool:
        """Takes an item for ``seconds``, so that two windows do not meet on it; renews a claim that ``holder`` has.

        holder   one window of one program.
        places   how many readers may be at work on the item at once (blind decisions that are still wanted).

        False where the reader has it open in another window, or where as many others are at work on it as it has places.
        """
        with self._writing() as db:
            reader_id = self._reader_id(db, reader)
            moment = now_after()
            now, until = utc_text(moment), utc_text(moment + timedelta(seconds=seconds))
            db.execute("DELETE FROM review_claims WHERE until <= ?", (now,))
            rows = db.execute("SELECT reader_id, holder FROM review_claims WHERE item_id = ?", (item_id,)).fetchall()
            if any(other == reader_id and window != holder for other, window in rows):
                return False
            if sum(other != reader_id for other, _ in rows) >= places:
                return False
            db.execute(
                "INSERT INTO review_claims VALUES (?, ?, ?, ?)"
                " ON CONFLICT (item_id, reader_id) DO UPDATE SET holder = excluded.holder, until = excluded.until",
                (item_id, reader_id, holder, until),
            )
        return True

    def release_claims(self, holder: str, *, but: str = "") -> None:
        """Gives back what ``holder`` has taken, save the item ``but``."""
        with self._writing() as db:
            db.execute("DELETE FROM review_claims WHERE holder = ? AND item_id <> ?", (holder, but))


def _review(event: Event) -> Review:
    said = event.payload
    return Review(
        reader=event.reader,
        item_id=said["item"],
        marks={str(name): int(mark) for name, mark in said["marks"].items()},
        stage=said["stage"],
        version=said["version"],
        seed=int(said["seed"]),
        seconds=float(said["seconds"]),
        event_id=event.event_id,
        at=event.at,
    )


def _note(event: Event) -> ItemNote:
    said = event.payload
    return ItemNote(event.reader, said["item"], bool(said["flagged"]), said["comment"], said["version"], event.event_id, event.at)


def _check_review(review: Review, where: str) -> None:
    if review.stage not in _STAGES:
        raise StudyError(f"{where}: a decision is blind, settled or gold, not {review.stage!r}")
    if not review.marks:
        raise StudyError(f"{where}: a decision on {review.item_id} says nothing of any degradation")
    for name, mark in review.marks.items():
        if name not in DEGRADATION_BY_NAME and name != CLEAN:
            raise StudyError(f"{where}: unknown degradation type {name!r}")
        if mark != 0 and mark not in _REASONS:
            raise StudyError(f"{where}: {mark} is no reason to remove {name}; reasons are 1 to 5, 0 keeps it")


def _understand_review(event: Event) -> None:
    _understand_version(event)
    _check_review(_review(event), "the decision")


def _understand_note(event: Event) -> None:
    _understand_version(event)
    expect_texts(event.payload, "comment")
    _note(event)


def _understand_version(event: Event) -> None:
    expect_texts(event.payload, "item")
    expect(type(event.payload["version"]) is int, "version is no number")


#: By kind: raises StudyError or one of ``NOT_UNDERSTOOD`` for an event of another study that this program would not have written.
UNDERSTOOD: Final[dict[str, Callable[[Event], object]]] = {"item_reviewed": _understand_review, "item_noted": _understand_note}

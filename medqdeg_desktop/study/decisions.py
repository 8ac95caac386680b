"""Readers, images and their decisions: L0 confirmations and L1/L2 settings, taken back by compensating events."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from sqlite_utils import Database

from medqdeg_desktop.study import audit
from medqdeg_desktop.study.connection import StudyFile
from medqdeg_desktop.study.errors import StudyError
from medqdeg_desktop.study.expectations import expect_records
from medqdeg_desktop.study.identifiers import canonical_json, now_after, storable_text, utc_text, uuid7
from medqdeg_desktop.study.records import CleanDecision, Event, ImageRecord, Reader, Setting
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Level, Modality

_TAKEN_BACK = ("clean", "setting", "items_cleared", "item_judged", "item_reviewed", "item_noted", "doubles_judged")
_ROLES = ("reader", "curator", "adjudicator", "chair")


class Decisions(StudyFile):
    """The part of a study that readers make."""

    def ensure_reader(self, pseudonym: str, role: str = "reader") -> Reader:
        """The reader called ``pseudonym`` (any case), added with ``role`` where new; an existing reader keeps their role."""
        pseudonym = " ".join(pseudonym.split())
        if not pseudonym:
            raise StudyError(f"{self.path}: a reader needs a pseudonym")
        if role not in _ROLES:
            raise StudyError(f"{self.path}: role {role!r} is not one of {', '.join(_ROLES)}")
        with self._reading() as db:
            known = _find_reader(db, pseudonym)
        if known:
            return known
        with self._writing() as db:
            known = _find_reader(db, pseudonym)
            return known or _add_reader(db, pseudonym, role)

    def readers(self) -> list[Reader]:
        """All readers, in the order in which they joined."""
        with self._reading() as db:
            rows = db.execute("SELECT reader_id, pseudonym, role FROM current_readers ORDER BY added_at, reader_id").fetchall()
        return [Reader(*row) for row in rows]

    def give_role(self, reader: str, role: str, by: str, reason: str = "") -> Reader:
        """Gives ``reader`` (added where new) another role; who has it already keeps it and nothing is written."""
        with self._writing() as db:
            person = self.ensure_reader(reader, role)
            if person.role == role:
                return person
            giver = self.ensure_reader(by, "chair").reader_id
            payload = {"reader_id": person.reader_id, "role": role}
            event = audit.append_event(db, "role_given", payload, reader=giver, reason=reason)
            db.execute("INSERT INTO reader_roles VALUES (?, ?, ?)", (event.event_id, person.reader_id, role))
        return replace(person, role=role)

    def _reader_id(self, db: Database, reader: str) -> str:
        known = _find_reader(db, reader)
        if known is None:
            raise StudyError(f"{self.path}: no reader {reader!r}")
        return known.reader_id

    def record_image(self, image: ImageRecord) -> None:
        """Keeps what is known of an image, or brings it up to date; recording the same again writes nothing."""
        if not image.image_id:
            raise StudyError(f"{self.path}: an image needs the hash of its pixels as its id")
        image = replace(image, path=storable_text(image.path))
        if self._has_image(image):
            return
        row = (
            image.image_id,
            str(image.modality or ""),
            image.alias,
            image.path,
            image.frame,
            canonical_json(image.facts),
        )
        with self._writing() as db:
            db.execute(
                "INSERT INTO images (image_id, modality, alias, path, frame, facts) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (image_id) DO UPDATE SET modality = excluded.modality, alias = excluded.alias,"
                " path = excluded.path, frame = excluded.frame, facts = excluded.facts",
                row,
            )

    def _has_image(self, image: ImageRecord) -> bool:
        known = self.image(image.image_id)
        return (
            known is not None
            and replace(known, facts={}) == replace(image, facts={})
            and (canonical_json(known.facts) == canonical_json(image.facts))
        )

    def image(self, image_id: str) -> ImageRecord | None:
        found = self._images("WHERE image_id = ?", (image_id,))
        return found[0] if found else None

    def images(self) -> list[ImageRecord]:
        """All images that were recorded, by alias."""
        return self._images("ORDER BY alias, frame, image_id", ())

    def _images(self, where: str, values: tuple[Any, ...]) -> list[ImageRecord]:
        with self._reading() as db:
            rows = db.execute(f"SELECT image_id, modality, alias, path, frame, facts FROM images {where}", values).fetchall()
        return self._understood(_image, rows)

    def decide_clean(self, decision: CleanDecision) -> CleanDecision:
        """Records an L0 decision; the newest of a reader on an image counts. A rejection needs a reason (StudyError)."""
        if decision.verdict not in ("diagnostic", "rejected"):
            raise StudyError(f"{self.path}: verdict {decision.verdict!r} is neither diagnostic nor rejected")
        if decision.verdict == "rejected" and not decision.reason.strip():
            raise StudyError(f"{self.path}: rejecting a clean picture needs a reason")
        payload = {"frame": decision.frame, "window": decision.window, "verdict": decision.verdict}
        with self._writing() as db:
            self._check_image(db, decision.image_id)
            reader = self._reader_id(db, decision.reader)
            event = audit.append_event(db, "clean", payload, reader=reader, reason=decision.reason, image_id=decision.image_id)
        return _clean_decision(event)

    def clean_decisions(self, reader: str | None = None) -> list[CleanDecision]:
        """Current L0 decisions: the newest of each reader on each image that was not taken back."""
        return self._understood(_clean_decision, self._current("clean", "current_clean_decisions", reader))

    def set_level(self, setting: Setting) -> Setting:
        """Records that ``setting.severity`` is L1 or L2; on disk when this returns. The returned setting has its id and time."""
        _check_setting(setting, str(self.path))
        with self._writing() as db:
            if setting.image_id:
                self._check_image(db, setting.image_id)
            reader = self._reader_id(db, setting.reader)
            event = audit.append_event(db, "setting", _setting_payload(setting), reader=reader, image_id=setting.image_id)
        return _setting(event)

    def settings(self, reader: str | None = None) -> list[Setting]:
        """Current settings: the newest per (reader, image, type, modality, level) that was not taken back, oldest first."""
        return self._understood(_setting, self._current("setting", "current_settings", reader))

    def setting_history(self) -> list[Setting]:
        """Every setting ever made, taken back or not, in the order of the chain."""
        return self._understood(_setting, self._events("WHERE kind = 'setting' ORDER BY seq"))

    def setting(self, event_id: str) -> Setting | None:
        """The setting recorded as ``event_id``, also where it was taken back or replaced since."""
        found = self._understood(_setting, self._events("WHERE kind = 'setting' AND event_id = ?", (event_id,)))
        return found[0] if found else None

    def undo(self, event_id: str, reader: str, reason: str = "") -> Event:
        """Takes back the decision ``event_id`` by a compensating event; what counted before it counts again.

        Raises StudyError where there is no such decision, or where it has been taken back already.
        """
        with self._writing() as db:
            found = self._events("WHERE event_id = ?", (event_id,))
            if not found:
                raise StudyError(f"{self.path}: no event {event_id}")
            if found[0].kind not in _TAKEN_BACK:
                raise StudyError(f"{self.path}: event {event_id} ({found[0].kind}) cannot be taken back")
            if db.execute("SELECT 1 FROM events WHERE undoes = ?", (event_id,)).fetchone():
                raise StudyError(f"{self.path}: event {event_id} has been taken back already")
            return audit.append_event(
                db, "undo", {"kind": found[0].kind}, reader=self._reader_id(db, reader), reason=reason, undoes=event_id
            )

    def events(self, limit: int | None = None) -> list[Event]:
        """The audit chain, newest first; at most ``limit`` events."""
        return self._events("ORDER BY seq DESC LIMIT ?", (-1 if limit is None else limit,))

    def _events(self, where: str, values: tuple[Any, ...] = ()) -> list[Event]:
        with self._reading() as db:
            rows = audit.event_rows(db, where, values)
        return self._understood(audit.event_of, rows)

    def _current(self, kind: str, view: str, reader: str | None) -> list[Event]:
        with self._reading() as db:
            condition = "" if reader is None else "AND reader_id = ?"
            values = () if reader is None else (self._reader_id(db, reader),)
        return self._events(
            f"WHERE kind = '{kind}' AND event_id IN (SELECT event_id FROM {view}) {condition} ORDER BY at, event_id", values
        )

    def _check_image(self, db: Database, image_id: str) -> None:
        if not db.execute("SELECT 1 FROM images WHERE image_id = ?", (image_id,)).fetchone():
            raise StudyError(f"{self.path}: image {image_id!r} has not been recorded")


def _image(row: tuple[Any, ...]) -> ImageRecord:
    image_id, modality, alias, path, frame, facts = row
    return ImageRecord(image_id, Modality(modality) if modality else None, alias, path, frame, json.loads(facts))


def _find_reader(db: Database, name: str) -> Reader | None:
    row = db.execute(
        "SELECT reader_id, pseudonym, role FROM current_readers WHERE reader_id = ? OR pseudonym = ?", (name, name)
    ).fetchone()
    return Reader(*row) if row else None


def _add_reader(db: Database, pseudonym: str, role: str) -> Reader:
    (study_id,) = db.execute("SELECT study_id FROM study").fetchone()
    moment = now_after()
    reader = Reader(uuid7(moment), pseudonym, role)
    add_known_reader(db, reader, study_id, utc_text(moment))
    audit.append_event(
        db,
        "reader_added",
        {"reader_id": reader.reader_id, "pseudonym": pseudonym, "role": role},
        reader=reader.reader_id,
    )
    return reader


def add_known_reader(db: Database, reader: Reader, origin: str, added_at: str) -> None:
    """Keeps a reader whose id is given (it may come from the study ``origin`` at another site)."""
    db.execute(
        "INSERT INTO readers (reader_id, pseudonym, role, origin, added_at) VALUES (?, ?, ?, ?, ?)",
        (reader.reader_id, reader.pseudonym, reader.role, origin, added_at),
    )


def _check_setting(setting: Setting, where: str) -> None:
    if setting.type not in DEGRADATION_BY_NAME:
        raise StudyError(f"{where}: unknown degradation type {setting.type!r}")
    if setting.level not in (Level.L1, Level.L2):
        raise StudyError(f"{where}: {setting.level} is not set by a severity; L1 and L2 are")
    if not 0 <= setting.severity <= 1:
        raise StudyError(f"{where}: severity {setting.severity} is outside 0 to 1")
    if setting.severity == 0 and not setting.custom:
        raise StudyError(f"{where}: severity 0 is the original; {setting.level} needs a stronger one")


def _setting_payload(setting: Setting) -> dict[str, Any]:
    return {
        "type": DEGRADATION_BY_NAME[setting.type].name,
        "modality": str(setting.modality),
        "level": str(setting.level),
        "severity": float(setting.severity),
        "path_version": setting.path_version,
        "parameters": setting.parameters,
        "custom": setting.custom,
        # JSON numbers of other programs have 53 bits; a seed has up to 128.
        "seed": str(setting.seed),
        "frame": setting.frame,
        "window": setting.window,
        "value_range": setting.value_range,
        "render_sha256": setting.render_sha256,
        "provenance": setting.provenance,
    }


def _pair(values: list[float] | None) -> tuple[float, float] | None:
    return None if values is None else (values[0], values[1])


def _setting(event: Event) -> Setting:
    p = event.payload
    return Setting(
        reader=event.reader,
        type=p["type"],
        modality=Modality(p["modality"]),
        level=Level(p["level"]),
        severity=float(p["severity"]),
        path_version=p["path_version"],
        parameters=p["parameters"],
        custom=p["custom"],
        seed=int(p["seed"]),
        image_id=event.image_id,
        frame=p["frame"],
        window=_pair(p["window"]),
        value_range=(p["value_range"][0], p["value_range"][1]),
        render_sha256=p["render_sha256"],
        provenance=p["provenance"],
        event_id=event.event_id,
        at=event.at,
    )


def _clean_decision(event: Event) -> CleanDecision:
    p = event.payload
    return CleanDecision(
        reader=event.reader,
        image_id=event.image_id,
        frame=p["frame"],
        window=_pair(p["window"]),
        verdict=p["verdict"],
        reason=event.reason,
        event_id=event.event_id,
        at=event.at,
    )


def _understand_setting(event: Event) -> None:
    setting = _setting(event)
    _check_setting(setting, setting.type)
    expect_records(parameters=setting.parameters, provenance=setting.provenance)


#: By kind: raises StudyError or one of ``NOT_UNDERSTOOD`` for an event of another study that this program would not have written.
UNDERSTOOD: Final[dict[str, Callable[[Event], object]]] = {"clean": _clean_decision, "setting": _understand_setting}

"""The reader protocol in the study file: protocols, sessions, trials, locks, proposals and signatures.

Every answer is an event of its own, on disk before the next trial appears; an index makes a second answer to the same trial
impossible. What colleagues answered is withheld here, in the query layer, until one's own part of the stage is locked:

* a reader of the panel (anyone with a session or an answer) reads a stage's answers of those who have locked it after locking it
  too, and a colleague's vote after voting on the same level;
* a person outside the panel (a chair) reads them when as many readers as the protocol asks for have locked or voted;
* L0 decisions made in a trial are withheld with its answer, and nobody signs levels before the panel has locked its readings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlite_utils import Database

from medqdeg_desktop.study import audit
from medqdeg_desktop.study.decisions import Decisions
from medqdeg_desktop.study.errors import StudyError
from medqdeg_desktop.study.expectations import expect, expect_records, expect_texts
from medqdeg_desktop.study.identifiers import canonical_json, sha256_text
from medqdeg_desktop.study.records import CleanDecision, Event, ImageRecord

VOTE = "vote"
#: The stage in which levels are set.
_ADJUST = "adjust"


@dataclass(frozen=True, slots=True)
class FixedProtocol:
    """A protocol as fixed for good; ``protocol_id`` is the SHA-256 of the canonical JSON of ``body``."""

    protocol_id: str
    body: dict[str, Any]
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Session:
    """A reader's sitting. ``facts`` holds display, ambient note and software; ``session_id`` is the event that opened it."""

    session_id: str
    protocol_id: str
    reader: str
    stage: str
    at: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialAnswer:
    """One decision of a protocol.

    ``key`` names the trial within its stage; ``verdict`` is set, cannot_set, diagnostic, rejected, rated, first or second;
    ``severity`` is what was set, or what was shown where the trial asks for a rating; ``detail`` holds all the rest: start,
    slider events, seconds, flickers, parameters, seed, hash of what was shown, rating, display. ``ordinal`` counts within the
    session. ``event_id`` and ``at`` are given by the study.
    """

    reader: str
    protocol_id: str
    stage: str
    key: str
    session: str
    ordinal: int
    verdict: str
    type: str = ""
    modality: str = ""
    level: str = ""
    severity: float | None = None
    image_id: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    event_id: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """A person stands for the levels of a cell, or for leaving it out (``decision``: accepted or excluded), and says why."""

    reader: str
    protocol_id: str
    type: str
    modality: str
    decision: str
    levels: dict[str, float]
    reason: str
    event_id: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class FixedProposal:
    """Levels proposed for blind verification: the same for every reader and site."""

    protocol_id: str
    body: dict[str, Any]
    at: str


class Readings(Decisions):
    """The part of a study that the reader protocol makes."""

    def fix_protocol(self, body: dict[str, Any], by: str) -> FixedProtocol:
        """Fixes a protocol for good; fixing the same again returns what stands."""
        if not isinstance(body.get("readers"), int) or body["readers"] < 1:
            raise StudyError(f"{self.path}: a protocol needs the number of its readers")
        protocol_id = sha256_text(canonical_json(body))
        with self._writing() as db:
            for standing in self.protocols():
                if standing.protocol_id == protocol_id:
                    return standing
                if (standing.body.get("name"), standing.body.get("version")) == (body.get("name"), body.get("version")):
                    raise StudyError(
                        f"{self.path}: protocol {body.get('name')} {body.get('version')} is fixed with other content; "
                        "choose a new version"
                    )
            chair = self.ensure_reader(by, "chair")
            event = audit.append_event(db, "protocol_fixed", {"protocol": protocol_id, "body": body}, reader=chair.reader_id)
        return _protocol(event)

    def protocols(self) -> list[FixedProtocol]:
        """Fixed protocols, oldest first; one that came from several sites is listed once."""
        found = self._understood(_protocol, self._events("WHERE kind = 'protocol_fixed' ORDER BY at, event_id"))
        return list({p.protocol_id: p for p in reversed(found)}.values())[::-1]

    def protocol(self, protocol_id: str) -> FixedProtocol:
        for found in self.protocols():
            if found.protocol_id == protocol_id:
                return found
        raise StudyError(f"{self.path}: no protocol {protocol_id[:12]!r}")

    def open_session(self, protocol_id: str, reader: str, stage: str, facts: dict[str, Any] | None = None) -> Session:
        """A reader sits down; StudyError where their part of the stage is locked."""
        self.protocol(protocol_id)
        with self._writing() as db:
            reader_id = self._reader_id(db, reader)
            self._refuse_locked(db, protocol_id, stage, reader_id)
            payload = {"protocol": protocol_id, "stage": stage, "facts": facts or {}}
            return _session(audit.append_event(db, "session_opened", payload, reader=reader_id))

    def sessions(self, protocol_id: str) -> list[Session]:
        """Sessions of all readers: when and on what display, never what was decided."""
        found = self._understood(_session, self._events("WHERE kind = 'session_opened' ORDER BY at, event_id"))
        return [s for s in found if s.protocol_id == protocol_id]

    def record_images(self, images: Iterable[ImageRecord]) -> None:
        """``record_image`` for several, in one transaction."""
        with self._writing():
            for image in images:
                self.record_image(image)

    def answer_trial(
        self, answer: TrialAnswer, *, image: ImageRecord | None = None, clean: CleanDecision | None = None
    ) -> TrialAnswer:
        """Keeps one answer for good, with the L0 decision that it makes; all of it or nothing.

        Raises StudyError where the reader has answered this trial before or has locked the stage.
        """
        with self._writing() as db:
            reader_id = self._reader_id(db, answer.reader)
            self._refuse_locked(db, answer.protocol_id, answer.stage, reader_id)
            if image is not None:
                self.record_image(image)
            if answer.image_id:
                self._check_image(db, answer.image_id)
            trial = _trial(answer.protocol_id, answer.stage, answer.key)
            if db.execute("SELECT 1 FROM events WHERE reader_id = ? AND trial = ?", (reader_id, trial)).fetchone():
                raise StudyError(f"{self.path}: trial {answer.key} has been answered; it is asked once")
            if clean is not None:
                self.decide_clean(clean)
            event = audit.append_event(
                db, "trial_answered", _payload(answer, trial), reader=reader_id, reason=answer.reason, image_id=answer.image_id
            )
        return _answer(event)

    def trials(self, protocol_id: str, viewer: str, stage: str = "") -> list[TrialAnswer]:
        """Answers that ``viewer`` (id or pseudonym) may read, in the order of their times: see the head of this module."""
        with self._snapshot() as db:
            viewer_id = self._reader_id(db, viewer)
            events = self._trial_events(db, protocol_id, stage)
            readable = self._readable(db, protocol_id, viewer_id, events)
        return self._understood(_answer, [e for e in events if readable(e)])

    def trial_answer(self, event_id: str) -> TrialAnswer | None:
        """The answer recorded as ``event_id``; None where there is no such answer or the panel has not closed its stage yet."""
        with self._snapshot() as db:
            found = self._events("WHERE kind = 'trial_answered' AND event_id = ?", (event_id,))
            if not found:
                return None
            protocol_id = str(found[0].payload["protocol"])
            readable = self._readable(db, protocol_id, "", self._trial_events(db, protocol_id, ""))
        answers = self._understood(_answer, [e for e in found if readable(e)])
        return answers[0] if answers else None

    def trial_counts(self, protocol_id: str) -> dict[tuple[str, str], int]:
        """How many trials each reader has answered, by (reader id, stage)."""
        counts: dict[tuple[str, str], int] = {}
        with self._snapshot() as db:
            for event in self._trial_events(db, protocol_id, ""):
                key = (event.reader, str(event.payload["stage"]))
                counts[key] = counts.get(key, 0) + 1
        return counts

    def lock_stage(self, protocol_id: str, reader: str, stage: str) -> None:
        """The reader's part of ``stage`` is closed; locking again changes nothing."""
        with self._writing() as db:
            reader_id = self._reader_id(db, reader)
            if (reader_id, stage) in self.locks(protocol_id):
                return
            audit.append_event(db, "stage_locked", {"protocol": protocol_id, "stage": stage}, reader=reader_id)

    def locks(self, protocol_id: str) -> set[tuple[str, str]]:
        """(reader id, stage) of every lock."""
        return {
            (e.reader, e.payload["stage"])
            for e in self._events("WHERE kind = 'stage_locked' ORDER BY seq")
            if e.payload["protocol"] == protocol_id
        }

    def fix_proposal(self, protocol_id: str, body: dict[str, Any], by: str) -> FixedProposal:
        """Fixes the levels for blind verification; the first that was fixed stands."""
        with self._writing() as db:
            standing = self.proposal(protocol_id)
            if standing is not None:
                if canonical_json(standing.body) != canonical_json(body):
                    raise StudyError(f"{self.path}: other levels have been proposed for verification already")
                return standing
            chair = self.ensure_reader(by, "chair")
            return _proposal(
                audit.append_event(db, "proposal_fixed", {"protocol": protocol_id, "body": body}, reader=chair.reader_id)
            )

    def proposal(self, protocol_id: str) -> FixedProposal | None:
        found = self._understood(_proposal, self._events("WHERE kind = 'proposal_fixed' ORDER BY at, event_id"))
        return next((p for p in found if p.protocol_id == protocol_id), None)

    def sign(self, signature: Signature) -> Signature:
        """Keeps a signature; the newest of a person on a cell counts. StudyError without a reason."""
        if not signature.reason.strip():
            raise StudyError(f"{self.path}: signing {signature.type} on {signature.modality} needs a reason")
        if signature.decision not in ("accepted", "excluded"):
            raise StudyError(f"{self.path}: decision {signature.decision!r} is neither accepted nor excluded")
        payload = {
            "protocol": signature.protocol_id,
            "type": signature.type,
            "modality": signature.modality,
            "verdict": signature.decision,
            "levels": signature.levels,
        }
        with self._writing() as db:
            reader_id = self._reader_id(db, signature.reader)
            needed = self.protocol(signature.protocol_id).body["readers"]
            locked = sum(stage == _ADJUST for _, stage in self.locks(signature.protocol_id))
            if locked < needed:
                raise StudyError(
                    f"{self.path}: {locked} of {needed} readers have locked their readings; signing comes after that"
                )
            return _signature(audit.append_event(db, "consensus_signed", payload, reader=reader_id, reason=signature.reason))

    def signatures(self, protocol_id: str) -> list[Signature]:
        """The newest signature of each person on each cell."""
        found = self._understood(_signature, self._events("WHERE kind = 'consensus_signed' ORDER BY at, event_id"))
        return list({(s.reader, s.type, s.modality): s for s in found if s.protocol_id == protocol_id}.values())

    def events(self, limit: int | None = None, viewer: str = "") -> list[Event]:
        """The audit chain, newest first; what a trial was answered with is withheld from who may not read it yet."""
        found = self._events("ORDER BY seq DESC LIMIT ?", (-1 if limit is None else limit,))
        allowed: set[str] = set()
        asked = {e.payload["protocol"] for e in found if e.kind == "trial_answered"}
        with self._snapshot() as db:
            viewer_id = self._reader_id(db, viewer) if viewer else ""
            for protocol_id in asked:
                events = self._trial_events(db, protocol_id, "")
                readable = self._readable(db, protocol_id, viewer_id, events)
                allowed |= {e.event_id for e in events if readable(e)}
            blind = self._blind_clean(db, viewer_id)
        hidden = {e.event_id for e in found if e.kind == "trial_answered"} - allowed
        hidden |= {e.event_id for e in found if e.kind == "clean" and (e.reader, e.image_id) in blind}
        return [_withheld(e) if e.event_id in hidden else e for e in found]

    def clean_decisions(self, reader: str | None = None) -> list[CleanDecision]:
        """``Decisions.clean_decisions``; those of all readers without what was decided in trials that are still blind."""
        found = super().clean_decisions(reader)
        if reader is not None or not found:
            return found
        with self._snapshot() as db:
            blind = self._blind_clean(db, "")
        return [d for d in found if (d.reader, d.image_id) not in blind]

    # -- inside -----------------------------------------------------------------------------------------------

    def _trial_events(self, db: Database, protocol_id: str, stage: str) -> list[Event]:
        prefix = f"{protocol_id}/{stage}" if stage else protocol_id
        # "0" is the character after "/": all that begins with the prefix and a slash.
        rows = audit.event_rows(
            db, "WHERE kind = 'trial_answered' AND trial >= ? AND trial < ? ORDER BY at, event_id", (f"{prefix}/", f"{prefix}0")
        )
        return self._understood(audit.event_of, rows)

    def _blind_clean(self, db: Database, viewer_id: str) -> set[tuple[str, str]]:
        """(reader, image) of L0 decisions that ``viewer_id`` may not read yet."""
        rows = audit.event_rows(db, "WHERE kind = 'trial_answered' AND trial LIKE '%/clean|%' ORDER BY seq")
        events = self._understood(audit.event_of, rows)
        hidden = set()
        for protocol_id in {str(e.payload["protocol"]) for e in events}:
            own = [e for e in events if e.payload["protocol"] == protocol_id]
            readable = self._readable(db, protocol_id, viewer_id, own)
            hidden |= {(e.reader, e.image_id) for e in own if not readable(e)}
        return hidden

    def _readable(self, db: Database, protocol_id: str, viewer_id: str, events: list[Event]) -> _Readable:
        protocol = next((p for p in self.protocols() if p.protocol_id == protocol_id), None)
        needed = int(protocol.body["readers"]) if protocol is not None else 1 << 30
        answering = db.execute(
            "SELECT DISTINCT reader_id FROM events WHERE kind = 'trial_answered' AND trial >= ? AND trial < ?",
            (f"{protocol_id}/", f"{protocol_id}0"),
        )
        panel = {s.reader for s in self.sessions(protocol_id)} | {reader for (reader,) in answering}
        votes: dict[str, set[str]] = {}
        for event in events:
            votes.setdefault(event.payload["trial"], set()).add(event.reader)
        return _Readable(viewer_id, viewer_id in panel, needed, self.locks(protocol_id), votes)

    def _refuse_locked(self, db: Database, protocol_id: str, stage: str, reader_id: str) -> None:
        if (reader_id, stage) in self.locks(protocol_id):
            raise StudyError(f"{self.path}: this reader has locked stage {stage}; nothing of it changes any more")


@dataclass(frozen=True, slots=True)
class _Readable:
    """Whether one person may read an answer; ``votes`` maps a trial to the readers who answered it."""

    viewer: str
    in_panel: bool
    needed: int
    locks: set[tuple[str, str]]
    votes: dict[str, set[str]]

    def __call__(self, event: Event) -> bool:
        if event.reader == self.viewer:
            return True
        stage, trial = event.payload["stage"], event.payload["trial"]
        closed = self.votes[trial] if stage.startswith(VOTE) else {reader for reader, s in self.locks if s == stage}
        return event.reader in closed and (self.viewer in closed if self.in_panel else len(closed) >= self.needed)


def _trial(protocol_id: str, stage: str, key: str) -> str:
    return f"{protocol_id}/{stage}/{key}"


def _payload(answer: TrialAnswer, trial: str) -> dict[str, Any]:
    return {
        "protocol": answer.protocol_id,
        "stage": answer.stage,
        "key": answer.key,
        "trial": trial,
        "session": answer.session,
        "ordinal": answer.ordinal,
        "verdict": answer.verdict,
        "type": answer.type or None,
        "modality": answer.modality or None,
        "level": answer.level or None,
        "severity": answer.severity,
        "detail": answer.detail,
    }


def _answer(event: Event) -> TrialAnswer:
    p = event.payload
    return TrialAnswer(
        reader=event.reader,
        protocol_id=p["protocol"],
        stage=p["stage"],
        key=p["key"],
        session=p["session"],
        ordinal=p["ordinal"],
        verdict=p["verdict"],
        type=p["type"] or "",
        modality=p["modality"] or "",
        level=p["level"] or "",
        severity=p["severity"],
        image_id=event.image_id,
        detail=p["detail"],
        reason=event.reason,
        event_id=event.event_id,
        at=event.at,
    )


def _withheld(event: Event) -> Event:
    p = event.payload
    said = {key: p[key] for key in ("protocol", "stage", "session", "ordinal") if key in p} | {"withheld": True}
    return Event(
        event.seq, event.event_id, event.kind, event.reader, event.at, "", "", event.undoes, said, event.origin,
        event.previous_hash, event.hash,
    )  # fmt: skip


def _protocol(event: Event) -> FixedProtocol:
    return FixedProtocol(event.payload["protocol"], event.payload["body"], event.reader, event.at)


def _proposal(event: Event) -> FixedProposal:
    return FixedProposal(event.payload["protocol"], event.payload["body"], event.at)


def _session(event: Event) -> Session:
    p = event.payload
    return Session(event.event_id, p["protocol"], event.reader, p["stage"], event.at, p["facts"])


def _signature(event: Event) -> Signature:
    p = event.payload
    return Signature(
        event.reader, p["protocol"], p["type"], p["modality"], p["verdict"], p["levels"], event.reason, event.event_id, event.at
    )


def _understand_protocol(event: Event) -> None:
    fixed = _protocol(event)
    expect_records(body=fixed.body)
    expect(isinstance(fixed.body["readers"], int), "a protocol needs the number of its readers")
    expect(fixed.protocol_id == sha256_text(canonical_json(fixed.body)), "the protocol is not the one that its identifier names")


def _understand_answer(event: Event) -> None:
    answer = _answer(event)
    expect_records(detail=answer.detail)
    expect_texts(event.payload, "session", "verdict")
    expect(isinstance(answer.ordinal, int), "ordinal is no number")
    named = _trial(answer.protocol_id, answer.stage, answer.key)
    expect(event.payload["trial"] == named, "the trial is not named by its protocol, stage and key")


#: By kind: raises one of ``NOT_UNDERSTOOD`` for an event of another study that this program would not have written.
UNDERSTOOD: Final[dict[str, Callable[[Event], object]]] = {
    "protocol_fixed": _understand_protocol,
    "session_opened": lambda event: expect_records(facts=_session(event).facts),
    "trial_answered": _understand_answer,
    "stage_locked": lambda event: expect_texts(event.payload, "protocol", "stage"),
    "proposal_fixed": lambda event: expect_records(body=_proposal(event).body),
    "consensus_signed": lambda event: expect_records(levels=_signature(event).levels),
}

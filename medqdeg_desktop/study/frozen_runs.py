"""Runs that are closed for good: no further answer, no other reading of a reply; the database itself refuses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlite_utils import Database

from medqdeg_desktop.study import audit
from medqdeg_desktop.study.answers import Answers
from medqdeg_desktop.study.errors import StudyError
from medqdeg_desktop.study.identifiers import canonical_json, now_after, utc_text
from medqdeg_desktop.study.records import Run


@dataclass(frozen=True, slots=True)
class Freezing:
    """How a run was closed: by whom (pseudonym), when, why, and with how many answers under which hash."""

    by: str
    at: str
    reason: str
    answers: int
    sha256: str


class FrozenRuns(Answers):
    """The part of a study that closes runs, and makes new ones out of closed ones."""

    def freezings(self) -> dict[str, Freezing]:
        """By run id, how each frozen run was closed."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT e.payload, coalesce(r.pseudonym, ''), e.at, e.reason FROM events e"
                " LEFT JOIN readers r ON r.reader_id = e.reader_id WHERE e.kind = 'run_frozen' ORDER BY e.seq"
            ).fetchall()
        said = [(json.loads(payload), who, at, reason) for payload, who, at, reason in rows]
        return {told["run_id"]: Freezing(who, at, reason, told["answers"], told["sha256"]) for told, who, at, reason in said}

    def freeze_run(self, run_id: str, by: str, reason: str = "") -> Run:
        """Closes the run as it stands: one event with the number of its answers and the hash over all of them.

        Freezing again changes nothing. Raises StudyError for an unknown run and for one without answers.
        """
        with self._writing() as db:
            key = self._run_key(run_id)
            run = self.run(run_id)
            assert run is not None
            if run.frozen_at:
                return run
            total, failed = self.answers_standing(run_id)
            if total == failed:
                raise StudyError(f"{self.path}: run {run.label} has no answers to freeze")
            person = self.ensure_reader(by, "curator")
            said = {"run_id": run_id, "answers": total, "failed": failed, "sha256": answers_digest(db, key)}
            audit.append_event(db, "run_frozen", said, reader=person.reader_id, reason=reason)
            frozen = replace(run, frozen_at=utc_text(now_after()))
            db.execute("UPDATE runs SET frozen_at = ? WHERE run_key = ?", (frozen.frozen_at, key))
        return frozen

    def copy_run(self, run_id: str, new: Run) -> Run:
        """``new`` with all answers of ``run_id``, open for being read again; returned as it stands where it stands already."""
        with self._writing() as db:
            standing = self.run(new.run_id)
            if standing is not None:
                return standing
            source, origin = self._run_key(run_id), self.run(run_id)
            assert origin is not None
            made = self.start_run(new)
            target = self._run_key(new.run_id)
            columns = "file_name, trial, status, choice, confidence, probabilities, raw, error, detail, at"
            db.execute(
                f"INSERT INTO answers (run_key, {columns}) SELECT ?, {columns} FROM answers WHERE run_key = ?", (target, source)
            )
            db.execute("UPDATE runs SET finished_at = ? WHERE run_key = ?", (origin.finished_at, target))
        return replace(made, finished_at=origin.finished_at)


def answers_digest(db: Database, run_key: int) -> str:
    """SHA-256 over every answer of a run, by file name and trial."""
    digest = hashlib.sha256()
    rows = db.execute(
        "SELECT file_name, trial, raw, choice, status, probabilities, confidence, error, detail FROM answers"
        " WHERE run_key = ? ORDER BY file_name, trial",
        (run_key,),
    )
    for row in rows:
        digest.update(canonical_json(list(row)).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def frozen_run_problems(db: Database) -> Iterator[str]:
    """Where a frozen run is not what its event says."""
    said = {}
    for (payload,) in db.execute("SELECT payload FROM events WHERE kind = 'run_frozen'"):
        event = json.loads(payload)
        said[event["run_id"]] = event["sha256"]
    for run_id, key, frozen_at in db.execute("SELECT run_id, run_key, frozen_at FROM runs").fetchall():
        if bool(frozen_at) != (run_id in said):
            yield f"run {run_id}: {'no event says that it was frozen' if frozen_at else 'an event says that it was frozen'}"
        elif frozen_at and answers_digest(db, key) != said[run_id]:
            yield f"run {run_id}: its answers are not those that were frozen"

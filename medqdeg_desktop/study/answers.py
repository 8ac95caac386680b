"""Runs of models and their answers: appended in groups, raw replies kept for good, resumed by what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from medqdeg_desktop.study import audit
from medqdeg_desktop.study.errors import StudyError
from medqdeg_desktop.study.identifiers import canonical_json, now_after, storable_text, utc_text
from medqdeg_desktop.study.items import Items
from medqdeg_desktop.study.records import Answer, Run
from medqdeg_desktop.study.run_names import told_apart

_PAGE = 2000
_RUN = (
    "run_id, model, label, mode, trials, dataset_sha256, dataset_path, settings, started_at, finished_at, random_weights, "
    "parser, spec, frozen_at"
)
_ANSWER = "file_name, trial, raw, choice, status, probabilities, confidence, error, detail"


class Answers(Items):
    """The part of a study that models make."""

    def start_run(self, run: Run) -> Run:
        """Records ``run``, or returns the run that stands under its id, reopened, with the dataset's present path.

        Raises StudyError where the run that stands has another model, mode, number of trials, dataset or settings, or is frozen.
        """
        settings = canonical_json(run.settings)
        with self._writing() as db:
            standing = self.run(run.run_id)
            if standing is not None:
                for what in ("model", "mode", "trials", "dataset_sha256"):
                    if getattr(standing, what) != getattr(run, what):
                        raise StudyError(f"{self.path}: run {run.run_id} stands with another {what.replace('_', ' ')}")
                if canonical_json(standing.settings) != settings:
                    raise StudyError(f"{self.path}: run {run.run_id} stands with other settings")
                if standing.frozen_at:
                    raise StudyError(f"{self.path}: run {standing.label} is frozen since {standing.frozen_at}")
                again = replace(standing, dataset_path=run.dataset_path, finished_at="", spec=run.spec or standing.spec)
                db.execute(
                    "UPDATE runs SET dataset_path = ?, finished_at = '', spec = ? WHERE run_id = ?",
                    (again.dataset_path, again.spec, again.run_id),
                )
                return again
            started = replace(
                run,
                started_at=utc_text(now_after()),
                finished_at="",
                frozen_at="",
                parser=run.parser or str(run.settings.get("parser", "")),
            )
            db.execute(
                f"INSERT INTO runs ({_RUN}) VALUES ({', '.join('?' * 14)})",
                (
                    started.run_id,
                    started.model,
                    started.label,
                    started.mode,
                    started.trials,
                    started.dataset_sha256,
                    started.dataset_path,
                    settings,
                    started.started_at,
                    "",
                    int(started.random_weights),
                    started.parser,
                    started.spec,
                    "",
                ),
            )
        return started

    def finish_run(self, run_id: str) -> Run:
        """Records that nothing is missing from the run any more."""
        with self._writing() as db:
            self._run_key(run_id)
            db.execute("UPDATE runs SET finished_at = ? WHERE run_id = ?", (utc_text(now_after()), run_id))
            run = self.run(run_id)
        assert run is not None
        return run

    def runs(self) -> list[Run]:
        """All runs in the order in which they were started, told apart from one another by their notes."""
        return told_apart(self._runs("ORDER BY run_key", ()))

    def answered_runs(self) -> list[Run]:
        """Runs with at least one answer that did not fail, named as among all runs."""
        with self._reading() as db:
            answered = {
                run_id
                for (run_id,) in db.execute(
                    "SELECT run_id FROM runs WHERE EXISTS"
                    " (SELECT 1 FROM answers WHERE answers.run_key = runs.run_key AND status <> 'failed')"
                )
            }
        return [run for run in self.runs() if run.run_id in answered]

    def run(self, run_id: str) -> Run | None:
        """The run alone, without notes."""
        found = self._runs("WHERE run_id = ?", (run_id,))
        return found[0] if found else None

    def append_answers(self, run_id: str, answers: Sequence[Answer]) -> int:
        """Appends ``answers`` in one transaction; on disk when this returns. Returns how many were kept.

        A failed answer is replaced by whatever comes later. Any other answer stands: a second one for the same
        (file name, trial), for example from a second program on the same run, is not kept.
        """
        at = utc_text(now_after())
        rows = [
            (
                a.file_name,
                a.trial,
                storable_text(a.raw),
                a.choice,
                a.status,
                None if a.probabilities is None else canonical_json(a.probabilities),
                None if a.confidence is None else float(a.confidence),
                storable_text(a.error),
                canonical_json(a.detail),
                at,
            )
            for a in answers
        ]
        with self._writing() as db:
            key = self._run_key(run_id)
            before = db.conn.total_changes
            db.conn.executemany(
                f"INSERT INTO answers (run_key, {_ANSWER}, at) VALUES ({key}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (run_key, file_name, trial) DO UPDATE SET raw = excluded.raw, choice = excluded.choice,"
                " status = excluded.status, probabilities = excluded.probabilities, confidence = excluded.confidence,"
                " error = excluded.error, detail = excluded.detail, at = excluded.at WHERE answers.status = 'failed'",
                rows,
            )
            return db.conn.total_changes - before

    def answered_keys(self, run_id: str) -> set[tuple[str, int]]:
        """(file name, trial) of every answer of the run that did not fail: what a resumed run need not ask again."""
        with self._reading() as db:
            key = self._run_key(run_id)
            # Both scans read an index only; looking at the status of every row would read all replies.
            done = set(db.execute("SELECT file_name, trial FROM answers WHERE run_key = ?", (key,)))
            done.difference_update(
                db.execute("SELECT file_name, trial FROM answers WHERE run_key = ? AND status = 'failed'", (key,))
            )
        return done

    def answers_standing(self, run_id: str) -> tuple[int, int]:
        """(Answers of the run, failed ones among them), counted in milliseconds from the indices alone."""
        with self._reading() as db:
            key = self._run_key(run_id)
            (total,) = db.execute("SELECT count(*) FROM answers WHERE run_key = ?", (key,)).fetchone()
            (failed,) = db.execute("SELECT count(*) FROM answers WHERE run_key = ? AND status = 'failed'", (key,)).fetchone()
        return int(total), int(failed)

    def answer_counts(self, run_id: str) -> dict[str, int]:
        """Number of answers of the run by status."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT status, count(*) FROM answers WHERE run_key = ? GROUP BY status", (self._run_key(run_id),)
            ).fetchall()
        return dict(rows)

    def failures(self, run_id: str) -> dict[str, int]:
        """Failed answers of the run by kind (what stands before the colon of their error), most frequent first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT substr(error, 1, instr(error || ':', ':') - 1) AS kind, count(*) FROM answers"
                " WHERE run_key = ? AND status = 'failed' GROUP BY kind ORDER BY count(*) DESC, kind",
                (self._run_key(run_id),),
            ).fetchall()
        return dict(rows)

    def last_failure(self, run_id: str) -> str:
        """Why the newest failed answer of the run failed, in one line; "" where none stands."""
        with self._reading() as db:
            row = db.execute(
                "SELECT error FROM answers WHERE run_key = ? AND status = 'failed' ORDER BY at DESC, file_name LIMIT 1",
                (self._run_key(run_id),),
            ).fetchone()
        return str(row[0]) if row else ""

    def answers(self, run_id: str) -> Iterator[Answer]:
        """Answers of the run by (file name, trial), streamed in pages: no lock is held between two answers."""
        last: tuple[str, int] = ("", -1)
        while True:
            with self._reading() as db:
                rows = db.execute(
                    f"SELECT {_ANSWER} FROM answers WHERE run_key = ? AND (file_name, trial) > (?, ?)"
                    f" ORDER BY file_name, trial LIMIT {_PAGE}",
                    (self._run_key(run_id), *last),
                ).fetchall()
            yield from self._understood(_answer, rows)
            if len(rows) < _PAGE:
                return
            last = (rows[-1][0], rows[-1][1])

    def answers_to(self, run_id: str, file_name: str) -> list[Answer]:
        """Every trial of one image of the run, in order."""
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_ANSWER} FROM answers WHERE run_key = ? AND file_name = ? ORDER BY trial",
                (self._run_key(run_id), file_name),
            ).fetchall()
        return list(self._understood(_answer, rows))

    def vote_counts(self, run_id: str) -> list[tuple[str, str, int, float, int]]:
        """Votes of the run without its failed answers: (file name, choice, answers, sum of stated confidences, how many state
        one), a row for each image and choice, "" being what could not be read. Counted by SQLite, several times faster than
        reading the answers."""
        with self._reading() as db:
            return db.execute(
                "SELECT file_name, choice, count(*), total(confidence), count(confidence) FROM answers"
                " WHERE run_key = ? AND status <> 'failed' GROUP BY file_name, choice",
                (self._run_key(run_id),),
            ).fetchall()

    def option_probabilities(self, run_id: str) -> Iterator[tuple[str, dict[str, float]]]:
        """(File name, option probabilities) of each pass of an exact run."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT file_name, probabilities FROM answers"
                " WHERE run_key = ? AND status <> 'failed' AND probabilities IS NOT NULL ORDER BY file_name, trial",
                (self._run_key(run_id),),
            ).fetchall()
        return ((file_name, json.loads(text)) for file_name, text in rows)

    def replace_choices(self, run_id: str, answers: Iterable[Answer], *, parser: str) -> int:
        """Keeps what ``parser`` (its version) makes of the run's stored replies: choice, status and confidence.

        One transaction, with one event in the chain where anything changed. Replies, failed answers and answers that are not
        given stay as they are. Returns how many answers changed.
        """
        with self._writing() as db:
            key = self._run_key(run_id)
            run = self.run(run_id)
            assert run is not None
            before = db.conn.total_changes
            db.conn.executemany(
                "UPDATE answers SET choice = ?1, status = ?2, confidence = ?3 WHERE run_key = ?4 AND file_name = ?5"
                " AND trial = ?6 AND status <> 'failed' AND (choice, status, confidence) IS NOT (?1, ?2, ?3)",
                ((a.choice, a.status, a.confidence, key, a.file_name, a.trial) for a in answers if a.status != "failed"),
            )
            changed = db.conn.total_changes - before
            if changed or parser != run.parser:
                db.execute("UPDATE runs SET parser = ? WHERE run_key = ?", (parser, key))
                said = {"run_id": run_id, "parser": parser, "previous_parser": run.parser, "changed": changed}
                audit.append_event(db, "rescored", said)
        return changed

    def _runs(self, where: str, values: tuple[Any, ...]) -> list[Run]:
        with self._reading() as db:
            rows = db.execute(f"SELECT {_RUN} FROM runs {where}", values).fetchall()
        return self._understood(_run, rows)

    def _run_key(self, run_id: str) -> int:
        with self._reading() as db:
            row = db.execute("SELECT run_key FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        if row is None:
            raise StudyError(f"{self.path}: no run {run_id!r}")
        return int(row[0])


def _run(row: tuple[Any, ...]) -> Run:
    return Run(
        run_id=row[0],
        model=row[1],
        label=row[2],
        mode=row[3],
        trials=row[4],
        dataset_sha256=row[5],
        dataset_path=row[6],
        settings=json.loads(row[7]),
        started_at=row[8],
        finished_at=row[9],
        random_weights=bool(row[10]),
        parser=row[11],
        spec=row[12],
        frozen_at=row[13],
    )


def _answer(row: tuple[Any, ...]) -> Answer:
    file_name, trial, raw, choice, status, probabilities, confidence, error, detail = row
    return Answer(
        file_name=file_name,
        trial=trial,
        raw=raw,
        choice=choice,
        status=status,
        probabilities=None if probabilities is None else json.loads(probabilities),
        confidence=confidence,
        error=error,
        detail=json.loads(detail),
    )

"""Runs in the making: commands become jobs, jobs meet their runs in the study, and what was asked for is remembered."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.evaluate.state import Ask, RunRow, StandingRun, merged, read_runs, sets_beside
from medqdeg_desktop.ui.jobs import Job, Jobs, JobState

LANE = "evaluate"


class RunBook(QObject):
    """The rows of the list of runs of one study.

    changed     rows came, went, or became others.
    progressed  a RunRow's job told something.
    ended       a RunRow's job has ended.
    failed      the study cannot be read: one line.
    """

    changed = Signal()
    progressed = Signal(object)
    ended = Signal(object)
    failed = Signal(str)

    def __init__(self, jobs: Jobs, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._background = background
        self._remembered: dict[str, dict[str, list[Any]]] = {}
        #: Ids of runs without answers that were taken off the list.
        self._off: set[str] = set()
        self.study: Path | None = None
        self.rows: list[RunRow] = []
        #: Folders of the sets that were generated beside the study.
        self.sets: list[str] = []
        self.loaded = False

    # -- the study ---------------------------------------------------------------------------------------------

    def open(self, study: Path) -> None:
        """Another study: its runs, and what was asked for in it before."""
        if self.study != study:
            self._remember()
            self.study, self.loaded = study, False
            known = self._remembered.get(str(study), {})
            self._off = {str(run_id) for run_id in known.get("off", [])}
            self.rows = [row for row in map(_remembered, known.get("asks", [])) if row is not None]
        self.read()

    def read(self) -> None:
        if self.study is not None:
            self._background.run("runs", partial(_read, self.study), self._on_read, self.failed.emit)

    def _on_read(self, found: tuple[list[StandingRun], list[str]]) -> None:
        standing, self.sets = found
        self.loaded = True
        self.rows = merged(standing, self.rows, self._off)
        self.changed.emit()

    # -- what is asked for -------------------------------------------------------------------------------------

    def ask(self, ask: Ask) -> RunRow:
        """Queues a model; a row that this goes on with takes it up."""
        row = next((r for r in self.rows if r.ask == ask or (r.standing and ask.matches(r.standing.run))), None)
        if row is None:
            row = RunRow()
            self.rows.append(row)
        row.ask = ask
        if not row.active:
            self._start(row, ask)
        self.changed.emit()
        return row

    def go_on(self, row: RunRow) -> bool:
        """Runs the row's command again; False where nobody knows it any more."""
        command = row.command
        if command is None:
            return False
        row.ask = command
        if not row.active:
            self._start(row, command)
            self.changed.emit()
        return True

    def stop(self, row: RunRow) -> None:
        if row.job is not None:
            row.job.stop()

    def drop(self, row: RunRow) -> None:
        """Takes a run without answers, or a command that left nothing in the study, off the list; the study keeps the run."""
        if row in self.rows and not row.answered and not row.active:
            self.rows.remove(row)
            if row.run_id:
                self._off.add(row.run_id)
            self.changed.emit()

    def _start(self, row: RunRow, ask: Ask) -> None:
        assert self.study is not None
        row.failed_with = ""
        self._off.discard(row.run_id)
        row.job = Job(self.tr("asking {0}").format(ask.label), ask.arguments(self.study), lane=LANE, subject=ask)
        row.job.progressed.connect(partial(self.progressed.emit, row))
        row.job.changed.connect(partial(self.progressed.emit, row))
        row.job.ended.connect(partial(self._on_ended, row))
        self._jobs.add(row.job)

    def _on_ended(self, row: RunRow) -> None:
        if row.job is not None and row.job.state is not JobState.FAILED:
            # From now on the study says what stands, not the last line of the job.
            row.job.progress = {}
        self.read()
        self.ended.emit(row)

    # -- remembered between starts -----------------------------------------------------------------------------

    def _remember(self) -> None:
        if self.study is not None:
            open_ = [row for row in self.rows if row.ask is not None and row.state != "done"]
            asks = [row.ask.kept() | {"error": row.error} for row in open_ if row.ask is not None]
            self._remembered[str(self.study)] = {"asks": asks, "off": sorted(self._off)}

    def save_state(self) -> dict[str, Any]:
        self._remember()
        return {study: known for study, known in self._remembered.items() if any(known.values())}

    def restore_state(self, state: object) -> None:
        if isinstance(state, dict):
            lists = {study: known for study, known in state.items() if isinstance(known, dict)}
            self._remembered = {
                str(study): {name: list(known[name]) for name in ("asks", "off") if isinstance(known.get(name), list)}
                for study, known in lists.items()
            }


def _remembered(value: Any) -> RunRow | None:
    """What ``RunBook`` kept of a row; None for anything else."""
    if not isinstance(value, dict):
        return None
    ask = Ask.remembered({name: part for name, part in value.items() if name != "error"})
    return None if ask is None else RunRow(ask=ask, failed_with=str(value.get("error", "")))


def _read(study: Path) -> tuple[list[StandingRun], list[str]]:
    return read_runs(study), sets_beside(study)

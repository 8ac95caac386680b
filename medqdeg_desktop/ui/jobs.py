"""Long work outside the window: the program's own commands as child processes that tell where they stand in JSON lines.

Stop is SIGTERM, then a kill; going on is the same command again, because every command keeps what it has finished. Jobs belong to
the window, not to a workspace: the foot shows them wherever the reader is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

_GRACE_MS: Final = 8000
_MOST_PROBLEMS: Final = 2000


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


#: States in which a job has ended.
ENDED: Final = frozenset({JobState.DONE, JobState.STOPPED, JobState.FAILED})


class Job(QObject):
    """One command. ``lane`` jobs run one after the other; "" runs at once.

    changed        the state is another one.
    progressed     a progress line came; ``progress`` holds it.
    problem_found  where, reason: something was left out and work goes on.
    noted          where, text: something worth knowing. ``log`` holds notes and problems in the order in which they came.
    ended          done, stopped or failed; ``error`` is the one line of a failure, ``output`` what the command printed.

    ``given`` is what the command reads on its standard input; it is forgotten as soon as it is handed over.
    """

    changed = Signal()
    progressed = Signal()
    problem_found = Signal(str, str)
    noted = Signal(str, str)
    ended = Signal()

    def __init__(
        self,
        title: str,
        arguments: Sequence[str],
        *,
        lane: str = "",
        tells: bool = True,
        subject: Any = None,
        shown: bool = True,
        given: bytes = b"",
    ) -> None:
        super().__init__()
        self.title = title
        self.arguments = tuple(arguments)
        self.lane = lane
        self.tells = tells
        self.subject = subject
        self.shown = shown
        self.state = JobState.WAITING
        self.progress: dict[str, Any] = {}
        self.result: dict[str, Any] = {}
        self.problems: list[tuple[str, str]] = []
        self.problem_count = 0
        self.log: list[tuple[str, str]] = []
        self.output = ""
        self.error = ""
        self._given = given
        self._said: list[str] = []
        self._rest = b""
        self._fresh = False
        self._process = QProcess(self)
        self._process.setProgram(sys.executable)
        progress = ["--progress", "json"] if tells else []
        self._process.setArguments(["-m", "medqdeg_desktop", *self.arguments, *progress])
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUTF8", "1")
        self._process.setProcessEnvironment(environment)
        self._process.readyReadStandardError.connect(self._on_told)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self._grace = QTimer(self, singleShot=True, interval=_GRACE_MS)
        self._grace.timeout.connect(self._process.kill)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def done(self) -> int:
        return int(self.progress.get("done") or 0)

    @property
    def total(self) -> int:
        return int(self.progress.get("total") or 0)

    @property
    def share(self) -> float:
        """Of the work, 0 to 1; 0 while nothing is known."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def again(self) -> Job:
        """The same command, to go on where this one stopped."""
        return Job(self.title, self.arguments, lane=self.lane, tells=self.tells, subject=self.subject, shown=self.shown)

    def start(self) -> None:
        self._become(JobState.RUNNING)
        self._process.start()
        given, self._given = self._given, b""
        if self._process.state() is QProcess.ProcessState.NotRunning:
            return
        self._process.write(given)
        # Nothing more comes: a command that asks for something meets the end of its input instead of waiting for ever.
        self._process.closeWriteChannel()

    def stop(self) -> None:
        """Ends the command gently, then by force; what it has finished stays."""
        if self.state is JobState.WAITING:
            self._become(JobState.STOPPED)
            self.ended.emit()
        elif self.state is JobState.RUNNING:
            self._become(JobState.STOPPING)
            if sys.platform == "win32":
                # A program without a console window cannot be asked there; every command bears to be killed.
                self._process.kill()
            else:
                self._process.terminate()
                self._grace.start()

    def stop_now(self) -> None:
        """Stops and waits for the end; for when the window closes."""
        self.stop()
        if self._process.state() is not QProcess.ProcessState.NotRunning and not self._process.waitForFinished(3000):
            self._process.kill()
            self._process.waitForFinished(3000)

    def words(self) -> str:
        """One line for the foot."""
        if self.state is JobState.STOPPING:
            return self.tr("{0}: stopping").format(self.title)
        if not self.total:
            return self.title
        left = self.progress.get("seconds_left")
        text = f"{self.title} {self.done:,}/{self.total:,}"
        return f"{text}  {self.tr('{0} left').format(duration_words(left))}" if left else text

    # -- the child ---------------------------------------------------------------------------------------------

    def _on_told(self) -> None:
        *lines, self._rest = (self._rest + bytes(self._process.readAllStandardError().data())).split(b"\n")
        for line in lines:
            self._hear(line.decode("utf-8", "replace").rstrip())
        if self._fresh:
            self._fresh = False
            self.progressed.emit()

    def _hear(self, line: str) -> None:
        told: Any = None
        if line.startswith("{"):
            try:
                told = json.loads(line)
            except ValueError:
                told = None
        if not isinstance(told, dict) or "event" not in told:
            if line:
                self._said = [*self._said[-49:], line]
            return
        match told["event"]:
            case "progress":
                self.progress, self._fresh = told, True
            case "problem":
                self.problem_count += 1
                where, reason = str(told.get("where", "")), str(told.get("reason", ""))
                if len(self.problems) < _MOST_PROBLEMS:
                    self.problems.append((where, reason))
                    self.log.append((where, reason))
                self.problem_found.emit(where, reason)
            case "note":
                where, text = str(told.get("where", "")), str(told.get("text", ""))
                if len(self.log) - len(self.problems) < _MOST_PROBLEMS:
                    self.log.append((self.tr("Note"), text))
                self.noted.emit(where, text)
            case "finish":
                self.result = told

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._grace.stop()
        self._on_told()
        if self._rest:
            self._hear(self._rest.decode("utf-8", "replace").rstrip())
            self._rest = b""
        self.output = bytes(self._process.readAllStandardOutput().data()).decode("utf-8", "replace")
        if self.state is JobState.STOPPING and (code != 0 or status is QProcess.ExitStatus.CrashExit):
            self._end(JobState.STOPPED)
        elif code == 0 and status is QProcess.ExitStatus.NormalExit:
            self._end(JobState.DONE)
        else:
            self.error = self._reason(code, status)
            self._end(JobState.FAILED)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self.error = self.tr("{0} cannot be started: {1}").format(sys.executable, self._process.errorString())
            self._end(JobState.FAILED)

    def _reason(self, code: int, status: QProcess.ExitStatus) -> str:
        for line in reversed(self._said):
            for mark in ("medqdeg: ", "Error: "):
                if line.startswith(mark):
                    return line.removeprefix(mark)
        last = f": {self._said[-1]}" if self._said else ""
        if status is QProcess.ExitStatus.CrashExit:
            return self.tr("{0} was killed (by the system or another program){1}").format(self.title, last)
        return self.tr("{0} ended with exit status {1}{2}").format(self.title, code, last)

    def _become(self, state: JobState) -> None:
        self.state = state
        self.changed.emit()

    def _end(self, state: JobState) -> None:
        self._become(state)
        self.ended.emit()


class Jobs(QObject):
    """All jobs of a window.

    told     the line for the foot; empty when nothing runs.
    changed  a job was added, started or ended.
    """

    told = Signal(str)
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.jobs: list[Job] = []

    @property
    def active(self) -> list[Job]:
        """Jobs that have not ended, in the order in which they were added."""
        return [job for job in self.jobs if not job.has_ended]

    def add(self, job: Job) -> Job:
        """Takes ``job`` and starts it as soon as its lane is free."""
        job.setParent(self)
        # What has ended lives on only where a workspace still shows it.
        for old in self.jobs:
            if old.has_ended:
                old.setParent(None)
        self.jobs = [*self.active, job]
        job.progressed.connect(self._tell)
        job.changed.connect(self._tell)
        job.ended.connect(self._on_ended)
        self._start_what_can()
        self.changed.emit()
        return job

    def stop_shown(self) -> None:
        """Stop beside the line in the foot."""
        front = self._front()
        if front is not None:
            front.stop()

    def stop_all(self) -> None:
        """Ends every job and waits; for when the window closes."""
        for job in reversed(self.active):
            job.blockSignals(True)
            job.stop_now()
            job.blockSignals(False)
            if not job.has_ended:
                job.state = JobState.STOPPED

    def may_close(self, window: QWidget) -> bool:
        """Whether the window may close: asks when a job runs, and stops the jobs when told so."""
        shown = [job for job in self.active if job.shown]
        if shown:
            box = QMessageBox(window)
            box.setObjectName("close_question")
            box.setIcon(QMessageBox.Icon.Question)
            box.setWindowTitle(self.tr("Work is going on"))
            box.setText("\n".join(job.words() for job in shown))
            box.setInformativeText(
                self.tr("What is finished is kept. The same work goes on from there when it is started again.")
            )
            stop = box.addButton(self.tr("Stop and close"), QMessageBox.ButtonRole.DestructiveRole)
            keep = box.addButton(self.tr("Keep working"), QMessageBox.ButtonRole.RejectRole)
            box.setDefaultButton(keep)
            box.setEscapeButton(keep)
            box.exec()
            if box.clickedButton() is not stop:
                return False
        self.stop_all()
        return True

    def _start_what_can(self) -> None:
        for job in self.jobs:
            if job.state is JobState.WAITING and not (job.lane and self._busy(job.lane)):
                job.start()

    def _busy(self, lane: str) -> bool:
        return any(job.lane == lane and job.state in (JobState.RUNNING, JobState.STOPPING) for job in self.jobs)

    def _on_ended(self) -> None:
        self._start_what_can()
        self._tell()
        self.changed.emit()

    def _front(self) -> Job | None:
        running = [job for job in self.active if job.shown and job.state is not JobState.WAITING]
        return running[0] if running else None

    def _tell(self) -> None:
        front = self._front()
        if front is None:
            self.told.emit("")
            return
        more = sum(job.shown for job in self.active) - 1
        self.told.emit(f"{front.words()}{self.tr('   +{0} more').format(more) if more else ''}")


def jobs_of(session: QObject) -> Jobs:
    """The jobs of the window that ``session`` belongs to."""
    found = session.findChild(Jobs)
    return found if isinstance(found, Jobs) else Jobs(session)


def duration_words(seconds: float | None) -> str:
    """``40 s``, ``3 min``, ``1.5 h``."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

"""A set in the making: rate, time left, the last pictures, what was left out and why; then what can be done with it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.generate.filmstrip import Filmstrip
from medqdeg_desktop.ui.jobs import Job, JobState, duration_words
from medqdeg_desktop.ui.labels import Quantity, label, set_role
from medqdeg_desktop.ui.problem_list import ProblemList


class RunPage(QWidget):
    """Follows one job. Signals say what was asked for: stop, go on, another plan, and what comes after."""

    stopped = Signal()
    continued = Signal()
    closed = Signal()
    evaluate_clicked = Signal()
    folder_clicked = Signal()
    verify_clicked = Signal()

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.job: Job | None = None
        self._folder = Path()
        self.headline = label(role="title")
        self.detail = label(role="muted", wraps=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.done = Quantity(self.tr("Images"))
        self.rate = Quantity(self.tr("Rate"))
        self.left = Quantity(self.tr("Time left"))
        self.left_out = Quantity(self.tr("Problems"))
        self.strip = Filmstrip(background)
        self.problems = ProblemList()
        self.stop = QPushButton(self.tr("Stop"))
        self.go_on = QPushButton(self.tr("Continue"))
        self.evaluate = QPushButton(self.tr("Evaluate it"))
        self.open_folder = QPushButton(self.tr("Open the folder"))
        self.verify = QPushButton(self.tr("Verify"))
        self.back = QPushButton(self.tr("Another set"))
        for button in (self.go_on, self.evaluate):
            button.setProperty("role", "primary")
        self.stop.clicked.connect(self.stopped)
        self.go_on.clicked.connect(self.continued)
        self.evaluate.clicked.connect(self.evaluate_clicked)
        self.open_folder.clicked.connect(self.folder_clicked)
        self.verify.clicked.connect(self.verify_clicked)
        self.back.clicked.connect(self.closed)
        numbers = QHBoxLayout()
        numbers.setSpacing(40)
        for quantity in (self.done, self.rate, self.left, self.left_out):
            numbers.addWidget(quantity)
        numbers.addStretch(1)
        numbers.addWidget(self.stop)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.go_on, self.evaluate, self.open_folder, self.verify, self.back):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self._problem_head = label(role="section")
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(12)
        column.addWidget(self.headline)
        column.addWidget(self.detail)
        column.addWidget(self.bar)
        column.addLayout(numbers)
        column.addLayout(buttons)
        column.addSpacing(4)
        column.addWidget(label(self.tr("Last pictures"), "section"))
        column.addWidget(self.strip)
        column.addWidget(self._problem_head)
        column.addWidget(self.problems, 1)
        column.addStretch(0)

    def follow(self, job: Job, folder: Path) -> None:
        """Shows ``job`` from now on; ``folder`` is where its set goes to."""
        if folder != self._folder:
            self.strip.clear()
        if self.job is not None:
            self.job.progressed.disconnect(self._on_progressed)
            self.job.problem_found.disconnect(self._on_logged)
            self.job.noted.disconnect(self._on_logged)
            self.job.changed.disconnect(self._on_changed)
        self.job, self._folder = job, folder
        self.problems.show_rows(job.log)
        job.progressed.connect(self._on_progressed)
        job.problem_found.connect(self._on_logged)
        job.noted.connect(self._on_logged)
        job.changed.connect(self._on_changed)
        for quantity in (self.rate, self.left):
            quantity.tell("–")
        self._on_progressed()
        self._on_changed()

    def tell(self, text: str, role: str = "muted") -> None:
        """A line under the headline, such as what verifying found."""
        self.detail.setText(text)
        set_role(self.detail, role)

    def _on_progressed(self) -> None:
        job = self.job
        if job is None:
            return
        self.bar.setValue(round(1000 * job.share))
        self.done.tell(f"{job.done:,} / {job.total:,}" if job.total else "–")
        rate = job.progress.get("rate") or 0.0
        if rate:
            self.rate.tell(self.tr("{0:.0f} a second").format(rate) if rate >= 2 else self.tr("{0:.1f} a second").format(rate))
        if job.progress.get("seconds_left") is not None:
            self.left.tell(duration_words(job.progress["seconds_left"]))
        self.strip.show_last(self._folder, str(job.progress.get("last") or ""))

    def _on_logged(self) -> None:
        """A note or a problem came."""
        if self.job is not None:
            for entry in self.job.log[self.problems.count() :]:
                self.problems.add(*entry)
        self._show_problem_count()

    def _on_changed(self) -> None:
        job = self.job
        if job is None:
            return
        ended, state = job.has_ended, job.state
        self.headline.setText(
            {
                JobState.WAITING: self.tr("Waiting for the set before it"),
                JobState.RUNNING: self.tr("Generating into {0}").format(self._folder.name),
                JobState.STOPPING: self.tr("Stopping"),
                JobState.DONE: self.tr("The set is finished"),
                JobState.STOPPED: self.tr("Stopped"),
                JobState.FAILED: self.tr("The set is not finished"),
            }[state]
        )
        done = job.result.get("images")
        if state is JobState.DONE:
            self.tell(
                self.tr("{0:,} images of {1:,} questions in {2}, {3:,} rendered now.").format(
                    done or job.done, job.result.get("items", 0), self._folder, job.result.get("rendered", 0)
                )
            )
            self.done.tell(f"{done or job.done:,}")
            self.left.tell("–")
            self.bar.setValue(1000)
        elif state is JobState.FAILED:
            self.tell(job.error, "error")
        elif state is JobState.STOPPED:
            self.tell(self.tr("What is finished is kept in {0}; Continue goes on from there.").format(self._folder))
            self.left.tell("–")
        else:
            self.tell(str(self._folder))
        self.stop.setVisible(not ended)
        self.stop.setEnabled(state is not JobState.STOPPING)
        self.go_on.setVisible(state in (JobState.STOPPED, JobState.FAILED))
        self.go_on.setText(self.tr("Continue") if state is JobState.STOPPED else self.tr("Try again"))
        self.evaluate.setVisible(state is JobState.DONE)
        self.verify.setVisible(state is JobState.DONE)
        self.open_folder.setVisible(ended)
        self.back.setVisible(ended)
        self._show_problem_count()

    def _show_problem_count(self) -> None:
        count = self.job.problem_count if self.job is not None else 0
        self.left_out.tell(f"{count:,}")
        log = self.job.log if self.job is not None else []
        self._problem_head.setText(self.tr("Problems") if count == len(log) > 0 else self.tr("Log") if log else "")
        self.problems.setVisible(bool(log))

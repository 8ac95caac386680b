"""Jobs: real commands as child processes, what they tell, how they are stopped, and that a closing window asks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evaluated import Evaluated, write_items
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.generate.run_page import RunPage
from medqdeg_desktop.ui.jobs import Job, Jobs, JobState, duration_words, jobs_of


@pytest.fixture
def jobs(qapp: QApplication) -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.stop_all()


def ended(qtbot: QtBot, job: Job, timeout: int = 30_000) -> Job:
    qtbot.waitUntil(lambda: job.has_ended, timeout=timeout)
    return job


LongJob = Callable[..., Job]


@pytest.fixture
def long_job(evaluated: Evaluated, tmp_path: Path, slow_model: str) -> LongJob:
    """Makes jobs of ten seconds and more, on a study of the test's own."""
    study = evaluated.copy_of_study(tmp_path)

    def make(trials: int = 5) -> Job:
        arguments = ["evaluate", str(evaluated.dataset), "--study", str(study), "--model", slow_model, "--trials", str(trials)]
        return Job("asking", arguments, lane="evaluate", subject=study)

    return make


def running(qtbot: QtBot, job: Job) -> None:
    qtbot.waitUntil(lambda: job.done > 0, timeout=20_000)


def test_a_job_tells_its_progress_its_figures_and_its_end(qtbot: QtBot, jobs: Jobs, evaluated: Evaluated) -> None:
    job = Job("verifying", ["verify", str(evaluated.dataset)])
    told: list[int] = []
    job.progressed.connect(lambda: told.append(job.done))
    jobs.add(job)
    ended(qtbot, job)
    assert job.state is JobState.DONE
    assert told and job.done == job.total > 0
    assert "images as recorded" in job.output


def test_a_command_that_fails_gives_its_one_line(qtbot: QtBot, jobs: Jobs, tmp_path: Path) -> None:
    job = ended(qtbot, jobs.add(Job("verifying", ["verify", str(tmp_path / "nowhere")])))
    assert job.state is JobState.FAILED
    assert job.error == f"{tmp_path / 'nowhere'}: no such folder"
    usage = ended(qtbot, jobs.add(Job("verifying", ["verify"])))
    assert usage.state is JobState.FAILED and "DIR" in usage.error


def test_rows_that_were_left_out_are_kept_with_their_reason(qtbot: QtBot, jobs: Jobs, tmp_path: Path) -> None:
    items = write_items(tmp_path / "pictures", 3)
    items.write_text(items.read_text("utf-8") + '{"id": "bad"}\n', "utf-8")
    Study.create(tmp_path / "new.medq", name="New").close()
    job = ended(qtbot, jobs.add(Job("importing", ["bank", "import", str(tmp_path / "new.medq"), str(items)])))
    assert job.state is JobState.DONE
    assert job.problem_count == 1 and "row 4" in job.problems[0][1]
    assert job.result["added"] == 3 and job.result["rejected"] == 1


def test_stop_ends_a_run_gently_and_running_it_again_goes_on(qtbot: QtBot, jobs: Jobs, long_job: LongJob) -> None:
    job = jobs.add(long_job())
    running(qtbot, job)
    job.stop()
    assert job.state is JobState.STOPPING
    ended(qtbot, job)
    assert job.state is JobState.STOPPED and job.error == ""
    with Study.open(job.subject, read_only=True) as opened:
        run = next(run for run in opened.runs() if run.trials == 5)
        kept = len(opened.answered_keys(run.run_id))
    assert kept > 0 and run.finished_at == ""
    again = jobs.add(job.again())
    running(qtbot, again)
    assert again.done >= kept
    again.stop()
    ended(qtbot, again)


def test_jobs_of_a_lane_wait_for_one_another_and_a_waiting_one_is_stopped_at_once(
    qtbot: QtBot, jobs: Jobs, long_job: LongJob
) -> None:
    first, second = jobs.add(long_job()), jobs.add(long_job(6))
    other = jobs.add(Job("verifying", ["doctor"], tells=False, lane="verify"))
    assert (first.state, second.state, other.state) == (JobState.RUNNING, JobState.WAITING, JobState.RUNNING)
    running(qtbot, first)
    third = jobs.add(long_job(7))
    third.stop()
    assert third.state is JobState.STOPPED
    first.stop()
    ended(qtbot, first)
    assert second.state is JobState.RUNNING
    running(qtbot, second)
    second.stop()
    ended(qtbot, second)
    ended(qtbot, other)


def test_the_foot_is_told_the_running_job_and_how_many_wait(qtbot: QtBot, jobs: Jobs, long_job: LongJob) -> None:
    told: list[str] = []
    jobs.told.connect(told.append)
    first = jobs.add(long_job())
    second = jobs.add(long_job(6))
    running(qtbot, first)
    qtbot.waitUntil(lambda: any("left" in line and line.endswith("+1 more") for line in told), timeout=10_000)
    assert any(f"/{first.total:,}" in line for line in told)
    second.stop()
    jobs.stop_shown()
    ended(qtbot, first)
    assert told[-1] == ""


def test_a_command_killed_from_outside_counts_as_failed(qtbot: QtBot, jobs: Jobs, long_job: LongJob) -> None:
    job = jobs.add(long_job())
    running(qtbot, job)
    job._process.kill()
    ended(qtbot, job)
    assert job.state is JobState.FAILED and "was killed" in job.error


def test_a_program_that_cannot_start_says_so(qtbot: QtBot, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    job = ended(qtbot, jobs.add(Job("verifying", ["verify", "x"])))
    assert job.state is JobState.FAILED and "/nowhere/python cannot be started" in job.error


@pytest.mark.parametrize(("answer", "closes"), [("Keep working", False), ("Stop and close", True)])
def test_closing_asks_while_a_job_runs(qtbot: QtBot, jobs: Jobs, long_job: LongJob, answer: str, closes: bool) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    job = jobs.add(long_job())
    running(qtbot, job)

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox) and "asking" in box.text()
        next(button for button in box.findChildren(QPushButton) if button.text() == answer).click()

    QTimer.singleShot(300, press)
    assert jobs.may_close(window) is closes
    assert job.has_ended is closes
    jobs.stop_all()
    assert job.has_ended


def test_nothing_is_asked_when_nothing_runs_or_only_a_check(
    qtbot: QtBot, jobs: Jobs, evaluated: Evaluated, tmp_path: Path
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    assert jobs.may_close(window)
    study = evaluated.copy_of_study(tmp_path)
    arguments = ["generate", str(study), "--out", str(tmp_path / "out"), "--dry-run"]
    check = jobs.add(Job("planning", arguments, tells=False, shown=False))
    assert jobs.may_close(window)
    assert check.has_ended


@pytest.mark.timeout(60)
def test_stopping_everything_ends_jobs_that_would_go_on_for_minutes(qtbot: QtBot, jobs: Jobs, long_job: LongJob) -> None:
    first, second = jobs.add(long_job()), jobs.add(long_job(6))
    running(qtbot, first)
    jobs.stop_all()
    assert first.has_ended and second.has_ended
    assert not jobs.active


def test_a_window_has_one_list_of_jobs(qapp: QApplication) -> None:
    session = QObject()
    assert jobs_of(session) is jobs_of(session)


@pytest.mark.parametrize(("seconds", "words"), [(None, "–"), (0.4, "0 s"), (89, "89 s"), (180, "3 min"), (5400, "1.5 h")])
def test_durations_are_said_in_the_unit_that_fits(seconds: float | None, words: str) -> None:
    assert duration_words(seconds) == words


def test_notes_and_problems_stand_in_one_log_in_the_order_in_which_they_came(
    qtbot: QtBot, jobs: Jobs, evaluated: Evaluated, tmp_path: Path
) -> None:
    # Every question on its one type: more than the shares of the publication can be met, and the plan says so.
    study = evaluated.copy_of_study(tmp_path)
    page = RunPage(Background())
    qtbot.addWidget(page)
    arguments = ["generate", str(study), "--out", str(tmp_path / "set"), "--rule", "published", "--workers", "1"]
    job = Job("generating", arguments)
    page.follow(job, tmp_path / "set")
    noted: list[str] = []
    job.noted.connect(lambda where, text: noted.append(text))
    ended(qtbot, jobs.add(job), 60_000)
    assert job.state is JobState.DONE, job.error
    assert noted and job.log == [("Note", text) for text in noted] and job.problem_count == 0
    assert page.problems.isVisibleTo(page) and page.problems.count() == len(noted)


def test_what_is_given_to_a_command_reaches_its_input_and_is_kept_nowhere(
    qtbot: QtBot, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    empty = ended(qtbot, jobs.add(Job("storing", ["keys", "set", "one.example"], tells=False)))
    assert empty.error == "the key of one.example is empty"
    given = ended(qtbot, jobs.add(Job("storing", ["keys", "set", "one.example"], tells=False, given=b"a-key-of-some-length")))
    assert "switched off" in given.error and "a-key" not in repr(vars(given))

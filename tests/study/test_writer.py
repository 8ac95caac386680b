"""The write thread, two programs on one study, and kill -9 at any moment."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest
from study_records import make_answer, make_run, make_setting

from medqdeg_desktop.study.records import Setting
from medqdeg_desktop.study.store import Study, StudyError
from medqdeg_desktop.study.writer import StudyWriter

HERE = Path(__file__).parent


def test_work_is_done_in_order_on_one_other_thread_and_is_on_disk_when_its_future_is_done(study: Study) -> None:
    threads: set[int] = set()

    def decide(severity: float) -> Future[Setting]:
        def work(opened: Study) -> Setting:
            threads.add(threading.get_ident())
            return opened.set_level(make_setting(severity=severity))

        return writer.submit(work)

    with StudyWriter(study.path) as writer:
        futures = [decide(n / 100) for n in range(1, 51)]
        writer.flush(30)
        assert all(future.done() for future in futures)
        assert [s.severity for s in study.setting_history()] == [n / 100 for n in range(1, 51)]
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_what_goes_wrong_arrives_in_the_future_and_work_goes_on(study: Study) -> None:
    with StudyWriter(study.path) as writer:
        refused = writer.submit(lambda opened: opened.set_level(make_setting("nobody")))
        kept = writer.submit(lambda opened: opened.set_level(make_setting()))
        with pytest.raises(StudyError, match="no reader 'nobody'"):
            refused.result(30)
        assert kept.result(30) == study.settings()[0]


def test_closing_finishes_what_was_submitted_and_refuses_more(study: Study) -> None:
    writer = StudyWriter(study.path)
    futures = [writer.submit(lambda opened: opened.set_level(make_setting())) for _ in range(20)]
    writer.close()
    writer.close()
    assert all(future.exception() is None for future in futures)
    assert len(study.setting_history()) == 20
    with pytest.raises(StudyError, match="has been closed; nothing was recorded"):
        writer.submit(lambda opened: None)


def test_work_cancelled_before_its_turn_is_not_done(study: Study) -> None:
    gate = threading.Event()
    with StudyWriter(study.path) as writer:
        writer.submit(lambda opened: gate.wait(30))
        waiting = writer.submit(lambda opened: opened.set_level(make_setting()))
        assert waiting.cancel()
        gate.set()
    assert study.settings() == []


def test_a_study_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no such study"):
        StudyWriter(tmp_path / "gone.medq")


def test_work_left_in_the_queue_is_done_before_a_program_ends(study: Study) -> None:
    program = (
        "import sys; from study_records import make_setting; from medqdeg_desktop.study.writer import StudyWriter\n"
        "writer = StudyWriter(sys.argv[1])\n"
        "for _ in range(30): writer.submit(lambda study: study.set_level(make_setting()))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(study.path)], cwd=HERE, check=True, timeout=60)
    assert len(study.setting_history()) == 30


def test_reading_goes_on_while_another_connection_writes(study: Study) -> None:
    with StudyWriter(study.path) as writer:
        for _ in range(5):
            writer.submit(lambda opened: opened.set_level(make_setting()))
        before = study.data_version
        deadline = time.monotonic() + 30
        while len(study.setting_history()) < 5:
            assert time.monotonic() < deadline
        writer.flush(30)
        writer.submit(lambda opened: opened.set_level(make_setting())).result(30)
        assert study.data_version != before, "a second window sees that there is something new"


def _deciding(path: Path, reader: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "deciding_process.py"), str(path), reader], stdout=subprocess.PIPE, text=True
    )


def _kill_after(process: subprocess.Popen[str], lines: int, pause: float) -> list[str]:
    """The lines that ``process`` printed before it was killed ``pause`` seconds after its ``lines``-th."""
    assert process.stdout is not None
    printed = [process.stdout.readline() for _ in range(lines)]
    time.sleep(pause)
    process.kill()
    printed += process.stdout.readlines()
    process.wait()
    return [line.strip() for line in printed if line.endswith("\n")]


def _check(study: Study, printed: list[str]) -> None:
    settings = {s.event_id for s in study.setting_history()}
    answered = study.answered_keys("run-1")
    for line in printed:
        what, identity = line.split()
        if what == "setting":
            assert identity in settings, "a decision that was confirmed is lost"
        else:
            assert {(identity, trial) for trial in range(3)} <= answered, "answers that were committed are lost"
    assert len(answered) % 3 == 0, "a group of answers is kept whole or not at all"
    assert study.verify() == []


def test_killed_at_random_moments_nothing_confirmed_is_lost(study: Study) -> None:
    study.start_run(make_run())
    study.close()
    chance = random.Random(7)
    printed: list[str] = []
    for round_number in range(15):
        with Study.open(study.path) as opened:
            opened.ensure_reader(f"K{round_number}")
        process = _deciding(study.path, f"K{round_number}")
        printed += _kill_after(process, chance.randrange(1, 20), chance.uniform(0, 0.02))
        with Study.open(study.path) as opened:
            _check(opened, printed)
    assert len(printed) > 60


def test_two_programs_and_this_one_write_together_and_lose_or_double_nothing(study: Study) -> None:
    study.start_run(make_run())
    for reader in ("P1", "P2"):
        study.ensure_reader(reader)
    processes = [_deciding(study.path, reader) for reader in ("P1", "P2")]
    mine = [study.set_level(make_setting(severity=n / 100)).event_id for n in range(1, 30)]
    study.append_answers("run-1", [make_answer("mine.png", trial) for trial in range(3)])
    printed = [line for process in processes for line in _kill_after(process, 20, 0)]
    _check(study, [*printed, *(f"setting {event_id}" for event_id in mine), "answer mine.png"])
    history = [s.event_id for s in study.setting_history()]
    assert len(history) == len(set(history))

"""Every fault that a server may have: nothing is lost, nothing doubled, nothing asked for ever."""

from __future__ import annotations

import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import pacing
from medqdeg_desktop.eval.backends import http
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.questions import questions
from tests.eval.made_datasets import make_dataset
from tests.eval.scripted_server import Json, Say, ScriptedServer, chat, error
from tests.eval.test_servers import answers, run


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "FIRST_WAIT", 0.005)
    monkeypatch.setattr(pacing, "LONGEST_WAIT", 0.05)


FAULTS = {
    "429 with Retry-After": lambda: error(429, "slow down", Retry_After="0.01"),
    "429 with a date": lambda: error(429, "slow down", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
    "500": lambda: error(500, "oops"),
    "503": lambda: error(503, "overloaded"),
    "529": lambda: error(529, "overloaded"),
    "cut": lambda: Say(chat("A").body, cut=True),
    "wrong JSON": lambda: Say("{'not': json"),
    "no object": lambda: Say("[1, 2]"),
    "empty choices": lambda: Say({"choices": []}),
    "no choices": lambda: Say({"hello": "world"}),
    "choice without message": lambda: Say({"choices": [{"index": 0}]}),
    "slow": lambda: Say(chat("A").body, wait=0.6),
    "drip": lambda: Say(chat("A").body, drip=0.02),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_passing_costs_nothing_but_time(
    fault: str, dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_TIMEOUT", httpx.Timeout(0.4))
    monkeypatch.setattr(http, "_LONGEST_CALL", 0.8)
    with ScriptedServer(lambda body, n: FAULTS[fault]() if n % 3 == 0 else chat(*["A"] * body.get("n", 1))) as server:
        outcome = run(server, dataset, study_path)
    kept = answers(study_path, outcome)
    assert len({(a.file_name, a.trial) for a in kept}) == len(kept) == outcome.total == 36
    assert {a.status for a in kept} == {"ok"}
    assert outcome.failed == 0


def test_a_server_that_says_when_to_come_back_is_asked_then_and_another_ever_later(
    dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, waits = pacing.wait_before, list[tuple[float | None, float]]()

    def noted(attempt: int, retry_after: float | None) -> float:
        waits.append((retry_after, real(attempt, retry_after)))
        return 0.0

    monkeypatch.setattr(pacing, "wait_before", noted)
    monkeypatch.setattr(pacing, "FIRST_WAIT", 1.0)
    monkeypatch.setattr(pacing, "LONGEST_WAIT", 60.0)
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    said = [error(429, "slow down", Retry_After="7.5"), error(503, "busy", Retry_After=later)]
    said += [error(500, "oops"), error(500, "oops"), error(500, "oops")]
    with ScriptedServer(lambda body, n: said[n] if n < len(said) else chat("A")) as server:
        outcome = run(server, dataset, study_path, EvaluateOptions(trials=1, concurrency=1))
    assert (outcome.answered, outcome.failed) == (12, 0)
    assert waits[0] == (7.5, 7.5)
    assert waits[1][1] == waits[1][0] == pytest.approx(99, abs=2)
    # Without a wish the wait doubles from attempt to attempt: 4, 8 and 16 s at most, half of that at least.
    assert [asked for asked, _ in waits[2:]] == [None, None, None]
    assert all(most / 2 <= wait <= most for (_, wait), most in zip(waits[2:], (4, 8, 16), strict=True))


def test_a_server_that_wants_to_be_left_alone_for_long_ends_the_run_at_once(dataset: Dataset, study_path: Path) -> None:
    with (
        ScriptedServer(lambda body, n: error(429, "come back tomorrow", Retry_After="86400")) as server,
        pytest.raises(MedqdegError, match="asks to come back in 86400 s; run the same command again then"),
    ):
        run(server, dataset, study_path, EvaluateOptions(trials=1, concurrency=1))
    assert len(server.seen) == 1


@pytest.mark.slow
def test_a_thousand_mixed_faults_lose_and_double_nothing(
    tmp_path: Path, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_TIMEOUT", httpx.Timeout(0.5))
    monkeypatch.setattr(http, "_LONGEST_CALL", 1.0)
    # Two calls of three fail; with six attempts some questions are given up, which the next run repairs.
    monkeypatch.setattr(pacing, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(pacing, "LONGEST_WAIT", 0.01)
    dataset = make_dataset(tmp_path / "many", items=100, kinds=("gaussian_noise", "low_resolution"))
    rare = {"429 with a date", "503", "529"}
    kinds = [fault for name, fault in FAULTS.items() if name not in {"slow", "drip", *rare}] * 10
    kinds += [FAULTS[name] for name in sorted(rare)] * 2 + [FAULTS["slow"], FAULTS["drip"]]
    rng, lock, faults = random.Random(3), threading.Lock(), Counter[str]()

    def script(body: Json, n: int) -> Say:
        with lock:
            if rng.random() < 0.66:
                faults["sent"] += 1
                return rng.choice(kinds)()
            kind = rng.random()
        if kind < 0.05:
            return error(400, "The response was filtered due to the prompt triggering the content management policy")
        if kind < 0.1:
            return chat("I'm sorry, I cannot help with that.")
        return chat(*["A", "B", "C"][: body.get("n", 1)])

    outcome = None
    with ScriptedServer(script) as server:
        for _ in range(20):
            outcome = run(server, dataset, study_path, EvaluateOptions(trials=3, concurrency=32))
            if outcome.answered == outcome.total:
                break
    assert outcome is not None
    assert faults["sent"] >= 1000
    kept = answers(study_path, outcome)
    wanted = {(q.key, t) for q in questions(dataset) for t in range(3)}
    assert sorted((a.file_name, a.trial) for a in kept) == sorted(wanted)
    assert all(a.status in {"ok", "refused"} for a in kept)
    assert len(server.seen) < 10 * len(wanted)

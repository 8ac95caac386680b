"""The live probe: a model in a process of its own that answers the newest picture and forgets the ones before."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medqdeg_desktop.engine import png
from medqdeg_desktop.eval.probe import LIVE, Mailbox, Probe
from medqdeg_desktop.statistics.votes import expected_confidence

OPTIONS = {"A": "Fracture", "B": "Pneumothorax", "C": "Normal"}
QUESTION = "What does this picture show?"


def picture(seed: int) -> bytes:
    return png.encode(np.random.default_rng(seed).integers(0, 256, (56, 64), dtype=np.uint8))


def test_a_newer_request_takes_the_place_of_the_one_in_its_slot() -> None:
    box = Mailbox()
    for number in range(5):
        box.put({"id": number})
    assert [line["id"] for line in box.take()] == [4]


def test_the_live_slot_is_served_before_points_of_a_curve() -> None:
    box = Mailbox()
    for number in range(6):
        box.put({"id": number, "slot": f"s{number}"})
    box.put({"id": 9})
    assert [line["id"] for line in box.take()] == [9]
    assert [line["id"] for line in box.take()] == [0, 1, 2, 3]
    box.forget()
    box.put({"id": 11, "slot": "s5"})
    assert [line["id"] for line in box.take()] == [11]


def test_a_waiting_reader_wakes_for_a_request_and_for_the_end() -> None:
    box = Mailbox()
    taken: list[Any] = []

    def read() -> None:
        while batch := box.take():
            taken.extend(line["id"] for line in batch)

    reader = threading.Thread(target=read)
    reader.start()
    box.put({"id": 1})
    deadline = time.monotonic() + 10
    while not taken and time.monotonic() < deadline:
        time.sleep(0.001)
    box.close()
    reader.join(10)
    assert not reader.is_alive() and taken == [1]


class Heard:
    """Lines that a probe said, and waiting for one of them."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self._changed = threading.Condition()

    def __call__(self, line: dict[str, Any]) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def wait(self, wanted: Callable[[dict[str, Any]], bool], timeout: float = 90.0) -> dict[str, Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(wanted, self.lines)), timeout), self.lines
            return next(filter(wanted, self.lines))


needs_model = pytest.mark.local_model


@pytest.fixture(scope="module")
def probe(tiny_models: dict[str, Path]) -> Iterator[tuple[Probe, Heard]]:
    heard = Heard()
    opened = Probe(tiny_models["llava"], heard)
    heard.wait(lambda line: "ready" in line)
    yield opened, heard
    opened.close(timeout=60)
    assert heard.wait(lambda line: "ended" in line) == {"ended": 0, "error": ""}


@needs_model
def test_answers_are_those_of_an_evaluation_in_exact_mode(
    probe: tuple[Probe, Heard], tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    import asyncio

    from medqdeg_desktop.eval.backends.base import Decoding, Request
    from medqdeg_desktop.eval.backends.local import LocalBackend
    from medqdeg_desktop.eval.prompts import prompt_text
    from medqdeg_desktop.eval.questions import Question, QuestionImage

    asked, heard = probe
    number = asked.ask(picture(1), QUESTION, OPTIONS)
    answer = heard.wait(lambda line: line.get("id") == number)
    file = tmp_path / "picture.png"
    file.write_bytes(picture(1))
    question = Question("k", "k", "L0", QUESTION, OPTIONS, "A", (QuestionImage(file, "", 64, 56),))
    backend = LocalBackend(tiny_models["llava"], Decoding("option"), "run")
    request = Request(question, prompt_text(QUESTION, OPTIONS), OPTIONS, (0,))
    ((reply,),) = asyncio.run(backend.answer([request]))
    asyncio.run(backend.close())
    assert answer["p"] == pytest.approx(reply.probabilities, abs=1e-6)
    assert answer["top"] == reply.text
    assert answer["confidence"] == pytest.approx(float(expected_confidence([list(answer["p"].values())], 10)[0]), abs=1e-12)
    assert answer["slot"] == LIVE and 0 < answer["seconds"] < 60


@needs_model
def test_of_a_burst_the_last_is_answered_and_most_of_the_others_never(probe: tuple[Probe, Heard]) -> None:
    asked, heard = probe
    before = len(heard.lines)
    numbers = [asked.ask(picture(seed), QUESTION, OPTIONS) for seed in range(200)]
    heard.wait(lambda line: line.get("id") == numbers[-1])
    answered = [line["id"] for line in heard.lines[before:]]
    assert answered == sorted(answered) and answered[-1] == numbers[-1]
    assert len(answered) < len(numbers)


@needs_model
def test_every_point_of_a_curve_is_answered(probe: tuple[Probe, Heard]) -> None:
    asked, heard = probe
    numbers = {asked.ask(picture(k), QUESTION, OPTIONS, slot=f"s={k / 10}") for k in range(10)}
    for number in numbers:
        assert heard.wait(lambda line, n=number: line.get("id") == n)["slot"].startswith("s=")


@needs_model
def test_a_request_that_cannot_be_read_is_told_and_the_next_is_answered(probe: tuple[Probe, Heard]) -> None:
    asked, heard = probe
    wrong = asked.ask(b"no picture", QUESTION, OPTIONS, slot="one")
    alone = asked.ask(picture(1), QUESTION, {"A": "only"}, slot="two")
    right = asked.ask(picture(1), QUESTION, OPTIONS, slot="three")
    assert "UnidentifiedImageError" in heard.wait(lambda line: line.get("id") == wrong)["error"]
    assert "two options" in heard.wait(lambda line: line.get("id") == alone)["error"]
    assert "p" in heard.wait(lambda line: line.get("id") == right)


@needs_model
def test_a_folder_without_a_model_ends_the_process_with_its_reason(tmp_path: Path) -> None:
    heard = Heard()
    probe = Probe(tmp_path, heard)
    ended = heard.wait(lambda line: "ended" in line)
    probe.close()
    assert ended["ended"] == 1 and "config.json is missing" in ended["error"]


@needs_model
def test_a_file_can_be_named_instead_of_sent_and_broken_lines_are_told(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "p.png"
    file.write_bytes(picture(3))
    named = {"id": 1, "slot": "a", "path": str(file), "question": QUESTION, "options": OPTIONS}
    sent = {"id": 2, "slot": "b", "png": base64.b64encode(picture(3)).decode(), "question": QUESTION, "options": OPTIONS}
    with subprocess.Popen(
        [sys.executable, "-m", "medqdeg_desktop.eval.probe", str(tiny_models["llava"])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"this is no JSON\n{json.dumps(named)}\n{json.dumps(sent)}\n")
        process.stdin.flush()
        lines = [json.loads(process.stdout.readline()) for _ in range(4)]
        process.stdin.close()
    answers = {line["id"]: line["p"] for line in lines if "p" in line}
    assert answers[1] == pytest.approx(answers[2], abs=1e-6)
    assert any(line.get("error") == "a line that is no JSON" for line in lines)


def test_what_a_model_prints_never_stands_between_the_answers(tmp_path: Path) -> None:
    noisy = (
        "import sys, medqdeg_desktop.eval.probe as probe\n"
        "def serve(folder, lines, out, **options):\n"
        "    print('loading', end='')\n"
        "    probe._say(out, {'ready': folder.name})\n"
        "    print('done')\n"
        "probe.serve = serve\n"
        "probe.main()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", noisy, str(tmp_path)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == {"ready": tmp_path.name}
    assert "loading" in run.stderr and "done" in run.stderr

"""Baselines, resume, rescoring, and kill -9 in the middle of a run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.cli import group
from medqdeg_desktop.eval import parsing, rescoring
from medqdeg_desktop.eval.parsing import Parsed
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.questions import QuestionError, questions
from medqdeg_desktop.eval.rescoring import rescore
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.statistics.votes import uniform_confidence, vote_confidence
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.made_datasets import make_dataset
from tests.eval.scripted_server import Json, Say, ScriptedServer, chat

UNIFORM = parse_spec("baseline:uniform")


def kept(study: Path, run_id: str) -> list[Answer]:
    with Study.open(study, read_only=True) as opened:
        return list(opened.answers(run_id))


def test_the_uniform_baseline_guesses_evenly_and_repeats_itself_exactly(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=60)
    options = EvaluateOptions(trials=10)
    outcome = evaluate(dataset.folder, study_path, UNIFORM, options, Progress("evaluate"))
    answers = kept(study_path, outcome.run.run_id)
    assert len(answers) == 60 * 3 * 10
    share = Counter(a.choice for a in answers)
    assert all(abs(share[letter] / 1800 - 0.25) < 4 * (0.25 * 0.75 / 1800) ** 0.5 for letter in "ABCD")
    votes: dict[str, Counter[str]] = {}
    for answer in answers:
        votes.setdefault(answer.file_name, Counter())[answer.choice] += 1
    c = vote_confidence([[v[letter] for letter in "ABCD"] for v in votes.values()])
    assert abs(c.mean() - uniform_confidence([4], 10)[0]) < 4 * c.std() / len(c) ** 0.5
    again = tmp_path / "again.medq"
    Study.create(again, name="again").close()
    second = evaluate(dataset.folder, again, UNIFORM, options, Progress("evaluate"))
    assert second.run.run_id == outcome.run.run_id
    assert [(a.file_name, a.trial, a.choice) for a in kept(again, second.run.run_id)] == [
        (a.file_name, a.trial, a.choice) for a in answers
    ]


def test_the_prior_baseline_knows_how_often_each_letter_is_right(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=5, choices=4)  # answers A B C D A
    outcome = evaluate(
        dataset.folder, study_path, parse_spec("baseline:prior"), EvaluateOptions(mode="option"), Progress("evaluate")
    )
    for answer in kept(study_path, outcome.run.run_id):
        assert answer.probabilities == pytest.approx({"A": 0.4, "B": 0.2, "C": 0.2, "D": 0.2})
        assert answer.choice == "A"


def test_exact_mode_can_average_over_all_rotations(dataset: Dataset, study_path: Path) -> None:
    options = EvaluateOptions(mode="option", rotate_options=True)
    outcome = evaluate(dataset.folder, study_path, parse_spec("baseline:prior"), options, Progress("evaluate"))
    assert outcome.answered == 12 * 4


def test_other_settings_are_another_run_and_the_same_settings_the_same(dataset: Dataset, study_path: Path) -> None:
    variants = [
        EvaluateOptions(trials=3),
        EvaluateOptions(trials=4),
        EvaluateOptions(trials=3, temperature=0.5),
        EvaluateOptions(mode="option"),
        EvaluateOptions(trials=3, text_only=True),
        EvaluateOptions(trials=3, max_tokens=65),
    ]
    ids = [evaluate(dataset.folder, study_path, UNIFORM, o, Progress("evaluate")).run.run_id for o in variants]
    assert len(set(ids)) == len(variants)
    same = EvaluateOptions(trials=3, concurrency=3, batch_size=2)
    assert evaluate(dataset.folder, study_path, UNIFORM, same, Progress("evaluate")).run.run_id == ids[0]


def test_a_finished_run_is_never_touched_again(dataset: Dataset, study_path: Path) -> None:
    first = evaluate(dataset.folder, study_path, UNIFORM, EvaluateOptions(trials=3), Progress("evaluate"))
    assert first.run.finished_at
    before = kept(study_path, first.run.run_id)
    again = evaluate(dataset.folder, study_path, UNIFORM, EvaluateOptions(trials=3), Progress("evaluate"))
    assert again.run == first.run
    assert (again.answered, again.reused) == (36, 36)
    part = evaluate(dataset.folder, study_path, UNIFORM, EvaluateOptions(trials=3, limit=1), Progress("evaluate"))
    assert part.run == first.run
    assert kept(study_path, first.run.run_id) == before
    with Study.open(study_path) as study:
        assert study.runs() == [first.run]


def test_questions_that_are_none_are_named(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=2, images=2, kinds=())
    lines = (dataset.folder / "metadata.jsonl").read_text().splitlines()

    def refused(changed: list[str]) -> str:
        (dataset.folder / "metadata.jsonl").write_text("\n".join(changed) + "\n")
        with pytest.raises(QuestionError) as caught:
            evaluate(dataset.folder, study_path, UNIFORM, EvaluateOptions(trials=3), Progress("evaluate"))
        return str(caught.value)

    assert "2 images, 1 are here" in refused(lines[:1] + lines[2:])
    assert "is none of its options" in refused([json.dumps(json.loads(line) | {"answer": "E"}) for line in lines])
    one = dict.fromkeys("BCDE", "")
    assert "at least two options" in refused([json.dumps(json.loads(line) | one) for line in lines])


def test_rescoring_reads_replies_again_and_asks_nobody(
    dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(lambda body, n: chat("C.", "refuse", finish="stop")) as server:
        spec = parse_spec(f"openai:m@{server.url}")
        outcome = evaluate(
            dataset.folder, study_path, spec, EvaluateOptions(trials=2, rotate_options=False), Progress("evaluate")
        )
    asked = len(server.seen)
    before = kept(study_path, outcome.run.run_id)

    def newer(reply: str, options: dict[str, str]) -> Parsed:
        return Parsed("D", "ok", "new rule") if reply == "refuse" else parsing.parse(reply, options)

    monkeypatch.setattr(rescoring, "parse", newer)
    monkeypatch.setattr(rescoring, "PARSER_VERSION", "2")
    done = rescore(study_path, Progress("rescore"))
    after = kept(study_path, outcome.run.run_id)
    assert (done.runs, done.answers, done.changed) == (1, 24, 12)
    assert Counter(a.choice for a in after) == {"C": 12, "D": 12}
    assert [a.raw for a in after] == [a.raw for a in before]
    assert len(server.seen) == asked
    with Study.open(study_path) as study:
        assert study.runs()[0].parser == "2"
    assert rescore(study_path, Progress("rescore")).changed == 0


def test_rescoring_turns_rotated_letters_back(dataset: Dataset, study_path: Path) -> None:
    with ScriptedServer(lambda body, n: chat("B")) as server:
        options = EvaluateOptions(trials=4, rotate_options=True)
        outcome = evaluate(dataset.folder, study_path, parse_spec(f"openai:m@{server.url}"), options, Progress("evaluate"))
    before = kept(study_path, outcome.run.run_id)
    assert len({a.choice for a in before}) == 4
    assert rescore(study_path, Progress("rescore")).changed == 0
    assert kept(study_path, outcome.run.run_id) == before


def test_a_run_made_with_an_older_parser_is_read_again_when_it_goes_on(
    dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(dataset.folder, study_path, UNIFORM, EvaluateOptions(trials=3, limit=2), Progress("evaluate"))
    with Study.open(study_path) as study:
        run = study.runs()[0]
        spoiled = [replace(a, choice="", status="unparsed") for a in study.answers(run.run_id)]
        study.replace_choices(run.run_id, spoiled, parser="0")
    outcome = evaluate(dataset.folder, study_path, UNIFORM, EvaluateOptions(trials=3), Progress("evaluate"))
    assert all(a.choice == a.raw for a in kept(study_path, outcome.run.run_id))


def test_runs_whose_dataset_is_gone_are_named_and_left(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=1)
    evaluate(dataset.folder, study_path, UNIFORM, EvaluateOptions(trials=3), Progress("evaluate"))
    dataset.folder.rename(tmp_path / "moved")
    result = CliRunner().invoke(group, ["rescore", str(study_path)])
    assert result.exit_code == 0
    assert "no such folder" in result.output
    assert "0 replies of 0 runs" in result.output


def command(dataset: Dataset, study: Path, url: str) -> list[str]:
    program = "from medqdeg_desktop.cli import main; main()"
    spec = f"openai:m@{url}"
    return [
        sys.executable,
        "-c",
        program,
        "evaluate",
        str(dataset.folder),
        "--trials",
        "3",
        "--study",
        str(study),
        "--model",
        spec,
        "--progress",
        "json",
    ]


@pytest.mark.slow
def test_kill_9_in_the_middle_loses_nothing_committed_and_doubles_nothing(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=40)
    rng = random.Random(2)

    def slow(body: Json, n: int) -> Say:
        return replace(chat(*["A", "C", "D"][: body.get("n", 1)]), wait=0.03)

    wanted = {(q.key, t) for q in questions(dataset) for t in range(3)}
    with ScriptedServer(slow) as server:
        said, committed = 0, 0
        for _ in range(4):
            process = subprocess.Popen(command(dataset, study_path, server.url), stderr=subprocess.PIPE, text=True)
            assert process.stderr is not None
            deadline = time.monotonic() + rng.uniform(0.0, 0.25)
            for line in process.stderr:
                event = json.loads(line)
                if event["event"] == "progress":
                    said = max(said, event["done"])
                    if event["done"] > committed and time.monotonic() > deadline:
                        break
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process.stderr.close()
            with Study.open(study_path) as study:
                assert study.verify() == []
                standing = [(a.file_name, a.trial) for run in study.runs() for a in study.answers(run.run_id)]
            assert len(set(standing)) == len(standing) >= said, "what progress said was done is on disk"
            committed = len(standing)
            if committed == len(wanted):
                break
        finished = subprocess.run(command(dataset, study_path, server.url), capture_output=True, text=True, check=True)
    last = json.loads(finished.stderr.splitlines()[-1])
    assert (last["event"], last["answered"], last["reused"]) == ("finish", len(wanted), committed)
    with Study.open(study_path) as study:
        (run,) = study.runs()
        answers = list(study.answers(run.run_id))
    assert sorted((a.file_name, a.trial) for a in answers) == sorted(wanted)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_stop_commits_what_came_and_ends_with_130(stop: signal.Signals, tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=40)
    started = threading.Event()

    def slow(body: Json, n: int) -> Say:
        if n > 20:
            started.set()
        return replace(chat(*["A"] * body.get("n", 1)), wait=0.02 if n <= 20 else 0.5)

    with ScriptedServer(slow) as server:
        process = subprocess.Popen(
            command(dataset, study_path, server.url),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # A test run in the background ignores the keyboard's signal, and its children would inherit that.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        assert started.wait(60)
        process.send_signal(stop)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    with Study.open(study_path) as study:
        (run,) = study.runs()
        assert 0 < len(list(study.answers(run.run_id))) < 360
        assert study.verify() == []


def test_the_command_line_says_what_stands_and_what_is_wrong(dataset: Dataset, study_path: Path) -> None:
    runner = CliRunner()
    arguments = ["evaluate", str(dataset.folder), "--study", str(study_path), "--trials", "3", "--model"]
    done = runner.invoke(group, [*arguments, "baseline:uniform", "--limit", "2", "--progress", "none"])
    assert done.exit_code == 0, done.output
    assert "18 of 18 answers stand" in done.output
    for wrong, reason in (("nonsense", "is no model"), ("local:/nowhere", "no such folder")):
        failed = runner.invoke(group, [*arguments, wrong])
        assert failed.exit_code == 1
        assert reason in str(failed.exception)
    assert runner.invoke(group, [*arguments, "baseline:uniform", "--confidence", "guess"]).exit_code == 2
    assert runner.invoke(group, ["evaluate", "--help"]).output.count("Example: medqdeg evaluate") == 1


def test_answers_that_failed_make_the_command_fail(dataset: Dataset, study_path: Path) -> None:
    from tests.eval.scripted_server import error

    with ScriptedServer(lambda body, n: error(400, "no")) as server:
        finished = subprocess.run(command(dataset, study_path, server.url), capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert finished.stderr.splitlines()[-1].startswith("medqdeg: m: 36 answers failed; the same command again")


def test_progress_tells_levels_for_a_live_panel(dataset: Dataset, study_path: Path) -> None:
    result = CliRunner().invoke(
        group,
        [
            *("evaluate", str(dataset.folder), "--study", str(study_path), "--trials", "3"),
            *("--model", "baseline:uniform", "--progress", "json"),
        ],
    )
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert events[-1]["event"] == "finish"
    assert {level: told["answered"] for level, told in events[-1]["levels"].items()} == {"L0": 12, "L1": 12, "L2": 12}
    assert events[-1]["failures"] == {}

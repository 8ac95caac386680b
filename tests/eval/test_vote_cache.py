"""Kept votes are those of the study, are dropped when the study changed, and never stand in anybody's way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.eval import vote_cache
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.eval.tables import load, results_of
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.answered import add_run, question_set, says


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(vote_cache, "WORTH_KEEPING", 1)
    monkeypatch.setattr(vote_cache, "_folder", lambda: tmp_path / "cache" / "votes")
    return tmp_path / "cache" / "votes"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Labels of the runs that were counted from their answers."""
    seen: list[str] = []
    real = vote_cache.count_votes

    def counting(study: Study, run: Any, table: Any) -> Any:
        seen.append(run.label)
        return real(study, run, table)

    monkeypatch.setattr(vote_cache, "count_votes", counting)
    return seen


def made(tmp_path: Path) -> Study:
    study = Study.create(tmp_path / "study.medq", name="kept")
    dataset = question_set(tmp_path / "set")
    rng = np.random.default_rng(0)
    for label in ("one", "two"):
        add_run(study, dataset, lambda row, trial: says("ABCD"[rng.integers(4)], row, trial), label=label, trials=4)
    return study


def test_a_second_load_counts_nothing_and_gives_the_same_numbers(tmp_path: Path, cache: Path, counted: list[str]) -> None:
    with made(tmp_path) as study:
        first = results_of(load(study), replicates=200)
        assert counted == ["one", "two"]
        assert len(list(cache.glob("*.npz"))) == 2
        assert results_of(load(study), replicates=200) == first
    assert counted == ["one", "two"]


@pytest.mark.parametrize(("mode", "rotate"), [("option", False), ("option", True), ("vote", True)])
def test_probabilities_and_places_are_kept_as_well(
    mode: Any, rotate: bool, cache: Path, counted: list[str], dataset: Dataset, study_path: Path
) -> None:
    options = EvaluateOptions(mode=mode, rotate_options=rotate)
    evaluate(dataset.folder, study_path, parse_spec("baseline:prior"), options, Progress("evaluate"))
    with Study.open(study_path, read_only=True) as study:
        first, second = (results_of(load(study), replicates=200) for _ in range(2))
    assert first == second
    assert len(counted) == 1
    assert (first["models"][0]["position"] is not None) == rotate


def test_a_run_that_was_read_again_or_got_more_answers_is_counted_anew(tmp_path: Path, cache: Path, counted: list[str]) -> None:
    with made(tmp_path) as study:
        before = results_of(load(study), replicates=200)
        run = study.runs()[0]
        study.replace_choices(run.run_id, [replace(a, choice="A") for a in study.answers(run.run_id)], parser="newer")
        after = results_of(load(study), replicates=200)
        assert counted == ["one", "two", "one"]
        assert after["models"][0]["levels"][0]["accuracy"] == 0.25
        ones, others = ([cell["accuracy"] for cell in found["models"][1]["levels"]] for found in (before, after))
        assert ones == others
        name = next(study.answers(run.run_id)).file_name
        study.append_answers(run.run_id, [Answer(name, 99, "A", "A", "ok")])
        load(study)
        assert counted == ["one", "two", "one", "one"]


def test_a_spoiled_file_and_a_folder_that_cannot_be_written_only_cost_time(
    tmp_path: Path, cache: Path, counted: list[str]
) -> None:
    with made(tmp_path) as study:
        first = results_of(load(study), replicates=200)
        for file, content in zip(cache.glob("*.npz"), (b"", b"PK\x03\x04 not an archive"), strict=True):
            file.write_bytes(content)
        assert results_of(load(study), replicates=200) == first
        for file in cache.glob("*.npz"):
            file.unlink()
        cache.rmdir()
        cache.write_text("in the way")
        assert results_of(load(study), replicates=200) == first
    assert counted == ["one", "two"] * 3


def test_the_folder_does_not_grow_for_ever(
    tmp_path: Path, cache: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vote_cache, "_MOST_FILES", 1)
    with made(tmp_path) as study:
        load(study)
    assert len(list(cache.iterdir())) == 1


def test_an_unfinished_run_is_not_kept(tmp_path: Path, cache: Path, counted: list[str]) -> None:
    with made(tmp_path) as study:
        for run in study.runs():
            study.start_run(run)
        load(study)
    assert not cache.exists()

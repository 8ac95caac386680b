"""Paired differences of models, words alone beside images, preference for a place: hand counts, closed forms, real runs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from medqdeg_desktop.eval.comparison_charts import difference_matrix
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.report import write_report
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.eval.tables import results, results_of
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.statistics.multiplicity import holm
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.answered import Row, add_run, question_set, says, wrong
from tests.eval.forty_models import forty_models
from tests.eval.made_datasets import make_dataset
from tests.eval.scripted_server import Json, Say, ScriptedServer, asked_for, chat


@pytest.fixture
def study(tmp_path: Path) -> Any:
    with Study.create(tmp_path / "compared.medq", name="compared") as opened:
        yield opened


def test_the_difference_is_over_the_questions_that_both_answered(tmp_path: Path, study: Study) -> None:
    dataset = question_set(tmp_path / "set", questions=40, types=("gaussian_noise",))
    rng = np.random.default_rng(4)
    luck = {(f"q{q:03d}", level): rng.random() for q in range(40) for level in ("L0", "L1", "L2")}

    def knowing(share: float, until: int = 40) -> Any:
        def answering(row: Row, trial: int) -> Answer:
            if int(row["item_id"][1:]) >= until:
                return Answer(row["file_name"], trial, "", "", "failed", error="timeout")
            right = luck[row["item_id"], row["level"]] < share
            return says(row["answer"] if right else wrong(row), row, trial)

        return answering

    strong = add_run(study, dataset, knowing(0.8), label="strong", trials=1)
    weak = add_run(study, dataset, knowing(0.5), label="weak", trials=1)
    part = add_run(study, dataset, knowing(0.5, until=25), label="part", trials=1)
    found = results(study, replicates=2000)["model_differences"]
    assert len(found) == 3 * 3
    for pair in found:
        if (pair["first"], pair["second"]) != (strong.run_id, weak.run_id):
            assert part.run_id in (pair["first"], pair["second"])
            assert pair["n"] == pair["n_clusters"] == 25
            continue
        values = np.array([luck[f"q{q:03d}", pair["level"]] for q in range(40)])
        differences = (values < 0.8).astype(float) - (values < 0.5)
        assert pair["n"] == 40
        assert pair["difference"] == pytest.approx(differences.mean())
        low, high = pair["difference_ci"]
        assert low < differences.mean() < high
        # With one question a cluster the bootstrap is that of a mean of 40 values.
        half = stats.t.ppf(0.975, 39) * differences.std(ddof=1) / 40**0.5
        assert (high - low) / 2 == pytest.approx(half, rel=0.12)
    assert [pair["p_holm"] for pair in found] == pytest.approx(list(holm([pair["p"] for pair in found])))
    same = [pair for pair in found if {pair["first"], pair["second"]} == {weak.run_id, part.run_id}]
    assert [pair["difference"] for pair in same] == [0, 0, 0]


def test_an_unfinished_run_has_the_interval_of_its_own_questions(tmp_path: Path, study: Study) -> None:
    dataset = question_set(tmp_path / "set", questions=30, types=("gaussian_noise",))

    def only(until: int, letter: str) -> Any:
        def answering(row: Row, trial: int) -> Answer:
            if int(row["item_id"][1:]) >= until:
                return Answer(row["file_name"], trial, "", "", "failed", error="timeout")
            return says(letter, row, trial)

        return answering

    add_run(study, dataset, only(30, "A"), label="a", trials=1)
    add_run(study, dataset, only(20, "B"), label="b", trials=1)
    add_run(study, dataset, only(20, "A"), label="short a", trials=1)
    found = {(p["first_label"], p["second_label"], p["level"]): p for p in results(study, replicates=500)["model_differences"]}
    # The same answers on the same twenty questions: one pair is counted apart, the other from shared sums.
    long, short = found["a", "b", "L0"], found["b", "short a", "L0"]
    assert long["difference"] == pytest.approx(-short["difference"])
    assert long["difference_ci"] == pytest.approx([-short["difference_ci"][1], -short["difference_ci"][0]], abs=1e-6)


def test_words_alone_stand_beside_the_run_with_images(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=16)
    right = {f"What does picture {i}": "ABCD"[i % 4] for i in range(16)}

    def script(body: Json, n: int) -> Say:
        letter = right[" ".join(asked_for(body).split()[:4])]
        return chat(letter if len(body["messages"][0]["content"]) == 2 else "A")

    with ScriptedServer(script) as server:
        spec = parse_spec(f"openai:m@{server.url}")
        for blind in (True, False):
            evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=1, text_only=blind), Progress("evaluate"))
    files = write_report(study_path, tmp_path / "out", replicates=300)
    with Study.open(study_path, read_only=True) as opened:
        found = results(opened, replicates=300)["language_prior"]
    assert [(row["level"], row["label"], row["accuracy"], row["text_only_accuracy"]) for row in found] == [
        (level, "m", 1.0, 0.25) for level in ("L0", "L1", "L2")
    ]
    assert all(row["gain"] == 0.75 and row["gain_ci"][0] < 0.75 < row["gain_ci"][1] for row in found)
    assert "What do the words alone answer?" in files["html"].read_text(encoding="utf-8")
    with files["language_prior"].open(encoding="utf-8", newline="") as file:
        assert [float(row["gain"]) for row in csv.DictReader(file)] == [0.75] * 3


@pytest.mark.parametrize("mode", ["vote", "option"])
def test_a_model_that_prefers_the_second_place_is_seen_through_rotated_options(
    mode: Any, tmp_path: Path, study_path: Path
) -> None:
    dataset = make_dataset(tmp_path / "set", items=24, kinds=())
    logprobs = {"content": [{"token": "B", "top_logprobs": [{"token": c, "logprob": float(np.log(p))} for c, p in
                zip("ABCD", (0.2, 0.4, 0.2, 0.2), strict=True)]}]}  # fmt: skip
    letters = "ABBCD"

    def script(body: Json, n: int) -> Say:
        return chat("B", logprobs=logprobs) if mode == "option" else chat(letters[n % 5])

    with ScriptedServer(script) as server:
        options = EvaluateOptions(mode=mode, trials=20 if mode == "vote" else None, rotate_options=True, concurrency=1)
        evaluate(dataset.folder, study_path, parse_spec(f"openai:m@{server.url}"), options, Progress("evaluate"))
    files = write_report(study_path, tmp_path / "out", replicates=500)
    with Study.open(study_path, read_only=True) as opened:
        found = results(opened, replicates=500)["models"][0]["position"]
    assert [place["place"] for place in found["places"]] == list("ABCD")
    assert [place["right"] for place in found["places"]] == pytest.approx([0.25] * 4)
    assert [place["chosen"] for place in found["places"]] == pytest.approx([0.2, 0.4, 0.2, 0.2])
    assert found["places"][1]["preference"] == pytest.approx(0.15)
    assert found["places"][1]["preference_ci"][0] > 0
    assert found["bias"] == pytest.approx(0.15)
    if mode == "option":
        assert [place["accuracy"] for place in found["places"]] == pytest.approx([0.2, 0.4, 0.2, 0.2])
    assert "Does the place of an option matter?" in files["html"].read_text(encoding="utf-8")
    assert "position_bias" in files


def test_a_model_that_knows_or_guesses_evenly_prefers_no_place(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=60, kinds=())
    options = EvaluateOptions(trials=8, rotate_options=True)
    evaluate(dataset.folder, study_path, parse_spec("baseline:uniform"), options, Progress("evaluate"))
    with Study.open(study_path, read_only=True) as opened:
        found = results(opened, replicates=500)["models"][0]["position"]
    for place in found["places"]:
        assert abs(place["preference"]) < 4 * (0.25 * 0.75 / 480) ** 0.5


def test_short_names_stand_whole_beside_the_matrix_of_all_pairs() -> None:
    found = results_of(forty_models(8), replicates=0, parts=("comparisons",))
    names = [text for _, text in difference_matrix(found, "L2").panels[0].y.ticks]
    assert sorted(names) == sorted(f"model {i}  {place}" for i, place in zip(range(8), range(1, 9), strict=True))

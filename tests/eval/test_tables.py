"""``results.json`` from real studies, against closed forms, hand counts and scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.stats import entropy
from sklearn.metrics import brier_score_loss, roc_auc_score

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.report import write_report
from medqdeg_desktop.eval.tables import load, reliability, results, results_of
from medqdeg_desktop.statistics.multiplicity import holm
from medqdeg_desktop.statistics.votes import expected_confidence, uniform_confidence
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.answered import Row, add_run, items_with_patients, mumbles, question_set, right_below, says, wrong
from tests.eval.forty_models import forty_models

LEVEL_KEYS = {
    "level", "n", "n_clusters", "accuracy", "accuracy_ci", "majority_accuracy", "confidence", "confidence_ci",
    "calibration_shift", "calibration_shift_ci", "unparsed_rate", "matched_l0", "uniform_confidence", "top_confidence",
    "ece", "brier", "auroc", "mde", "confidence_unparsed_dropped", "confidence_unparsed_own_class",
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return question_set(tmp_path_factory.mktemp("set") / "set", questions=12, per_image=2)


@pytest.fixture
def study(tmp_path: Path) -> Any:
    with Study.create(tmp_path / "study.medq", name="tables") as opened:
        yield opened


def level_of(found: dict[str, Any], level: str, model: int = 0) -> dict[str, Any]:
    return next(cell for cell in found["models"][model]["levels"] if cell["level"] == level)


def test_the_shape_is_that_of_the_contract_and_plain_json(study: Study, dataset: Dataset) -> None:
    add_run(study, dataset, right_below(0.7))
    found = results(study, replicates=200, seed=4)
    assert found["dataset_sha256"] == dataset.sha256
    assert (found["seed"], found["replicates"]) == (4, 200)
    model = found["models"][0]
    assert {"model", "label", "mode", "trials", "levels", "by", "intra_model_dke"} <= set(model)
    assert [cell["level"] for cell in model["levels"]] == ["L0", "L1", "L2"]
    assert all(set(cell) == LEVEL_KEYS for cell in model["levels"])
    assert list(model["by"]) == ["category", "type", "modality", "task", "skill"]
    assert all(set(cell) == LEVEL_KEYS | {"name"} for cells in model["by"].values() for cell in cells)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_votes_give_the_papers_numbers(study: Study, dataset: Dataset) -> None:
    add_run(study, dataset, right_below(0.7))
    cell = level_of(results(study, replicates=200), "L1")
    confidence = 1 + (0.7 * np.log(0.7) + 0.3 * np.log(0.3)) / np.log(4)
    assert (cell["n"], cell["n_clusters"]) == (24, 6)
    assert cell["accuracy"] == pytest.approx(0.7)
    assert cell["majority_accuracy"] == 1
    assert cell["confidence"] == pytest.approx(confidence)
    assert cell["calibration_shift"] == pytest.approx(confidence - 0.7)
    assert cell["top_confidence"] == pytest.approx(0.7)
    assert cell["ece"] == pytest.approx(0.3)
    assert cell["brier"] == pytest.approx(0.09)
    assert cell["auroc"] is None
    assert cell["uniform_confidence"] == pytest.approx(uniform_confidence([4], 10)[0])
    assert cell["matched_l0"]["accuracy_difference"] == pytest.approx(0)


def test_sampled_answers_agree_with_the_closed_forms_of_their_probabilities(tmp_path: Path, study: Study) -> None:
    large = question_set(tmp_path / "large", questions=300, types=("gaussian_noise",))
    rng = np.random.default_rng(11)
    p = {"L0": (0.8, 0.1, 0.05, 0.05), "L1": (0.6, 0.2, 0.1, 0.1), "L2": (0.4, 0.3, 0.2, 0.1)}

    def sampled(row: Row, trial: int) -> Answer:
        first = "ABCD".index(row["answer"])
        return says("ABCD"[(first + int(rng.choice(4, p=p[row["level"]]))) % 4], row, trial)

    for trials in (3, 10):
        add_run(study, large, sampled, label=f"T{trials}", trials=trials)
    found = results(study, replicates=500)
    for model in found["models"]:
        for cell in model["levels"]:
            expected = expected_confidence([p[cell["level"]]], model["trials"])[0]
            assert cell["accuracy"] == pytest.approx(p[cell["level"]][0], abs=0.07)
            assert cell["confidence"] == pytest.approx(expected, abs=0.06)
            assert cell["accuracy_ci"][0] <= cell["accuracy"] <= cell["accuracy_ci"][1]


def test_exact_mode_gives_the_closed_forms_themselves(study: Study, dataset: Dataset) -> None:
    p = {"A": 0.5, "B": 0.3, "C": 0.1, "D": 0.1}

    def exact(row: Row, trial: int) -> Answer:
        return Answer(row["file_name"], trial, "", "A", "ok", probabilities=p)

    add_run(study, dataset, exact, mode="option", trials=3, asked=1)
    cell = level_of(results(study, replicates=200), "L0")
    assert cell["accuracy"] == pytest.approx(np.mean([0.5, 0.3, 0.1, 0.1]))
    assert cell["confidence"] == pytest.approx(expected_confidence([[0.5, 0.3, 0.1, 0.1]], 3)[0])
    assert cell["majority_accuracy"] == pytest.approx(0.25)
    assert cell["top_confidence"] == pytest.approx(0.5)


def test_verbal_mode_takes_stated_confidence_and_leaves_out_what_was_not_stated(study: Study, dataset: Dataset) -> None:
    def stated(row: Row, trial: int) -> Answer:
        sure = None if row["item_id"] == "q000" else 0.9
        letter = row["answer"] if row["item_id"] > "q005" else wrong(row)
        return Answer(row["file_name"], trial, "", letter, "ok", confidence=sure)

    add_run(study, dataset, stated, mode="verbal", trials=1)
    cell = level_of(results(study, replicates=200), "L0")
    assert cell["accuracy"] == pytest.approx(0.5)
    assert cell["confidence"] == pytest.approx(0.9)
    assert cell["calibration_shift"] == pytest.approx(0.9 - 6 / 11)
    assert cell["uniform_confidence"] == pytest.approx(0.25)


def test_refusing_everything_is_wrong_without_confidence(study: Study, dataset: Dataset) -> None:
    add_run(study, dataset, mumbles, trials=3)
    cell = level_of(results(study, replicates=200), "L2")
    assert (cell["accuracy"], cell["confidence"], cell["unparsed_rate"], cell["majority_accuracy"]) == (0, 0, 1, 0)
    assert cell["accuracy_ci"] == pytest.approx([0, 0.4593], abs=1e-3)
    assert cell["confidence_unparsed_dropped"] is None
    assert cell["confidence_unparsed_own_class"] == 1


def test_brier_and_auroc_agree_with_scikit_learn(study: Study, dataset: Dataset) -> None:
    rng = np.random.default_rng(3)
    votes: dict[str, list[str]] = {}

    def sampled(row: Row, trial: int) -> Answer:
        letter = "ABCD"[rng.choice(4, p=(0.4, 0.3, 0.2, 0.1))]
        votes.setdefault(row["file_name"], []).append(letter)
        return says(letter, row, trial)

    add_run(study, dataset, sampled, trials=9)
    top, outcome, weight = [], [], []
    for row in dataset.rows():
        if row["level"] == "L1":
            counts = np.array([votes[row["file_name"]].count(letter) for letter in "ABCD"])
            tied = np.flatnonzero(counts == counts.max())
            hit = float("ABCD".index(row["answer"]) in tied) / len(tied)
            top += [counts.max() / 9] * 2
            outcome += [1, 0]
            weight += [hit, 1 - hit]
    cell = level_of(results(study, replicates=200), "L1")
    assert cell["brier"] == pytest.approx(brier_score_loss(outcome, top, sample_weight=weight))
    assert cell["auroc"] == pytest.approx(roc_auc_score(outcome, top, sample_weight=weight))


def test_the_matched_baseline_is_the_same_question_at_l0(study: Study, dataset: Dataset) -> None:
    def answering(row: Row, trial: int) -> Answer:
        # Right on the clean pictures of the first six questions, wrong once they are degraded.
        fine = row["item_id"] < "q006" and row["level"] == "L0"
        return says(row["answer"] if fine else wrong(row), row, trial)

    add_run(study, dataset, answering, trials=1)
    match = level_of(results(study, replicates=400), "L2")["matched_l0"]
    assert match["n"] == 24
    assert match["n_clusters"] == 6
    assert match["accuracy"] == pytest.approx(0.5)
    assert match["accuracy_difference"] == pytest.approx(-0.5)
    low, high = match["accuracy_difference_ci"]
    assert low < -0.5 < high
    assert match["p_holm"] >= match["p"]


def test_each_cell_says_what_change_it_could_show_and_tests_are_adjusted_over_all_that_stand_together(
    study: Study, dataset: Dataset
) -> None:
    rng = np.random.default_rng(8)
    share = {"L0": 0.9, "L1": 0.7, "L2": 0.4}
    right = {row["file_name"]: float(rng.random() < share[row["level"]]) for row in dataset.rows()}
    for label in ("one", "other"):
        add_run(
            study, dataset, lambda r, t: says(r["answer"] if right[r["file_name"]] else wrong(r), r, t), trials=1, label=label
        )
    found = results(study, replicates=300)
    clean = {row["item_id"]: right[row["file_name"]] for row in dataset.rows() if row["level"] == "L0"}
    for cell in [*found["models"][0]["levels"], *found["models"][1]["by"]["type"]]:
        rows = [row for row in dataset.rows() if row["level"] == cell["level"]]
        rows = [row for row in rows if not cell.get("name") or row["degradation"] == cell["name"]]
        # Against the clean question; at L0 against a fixed value, the mean itself.
        beside = clean if cell["level"] != "L0" else dict.fromkeys(clean, cell["accuracy"])
        sums: dict[str, list[float]] = {"up": [1.0], "down": [-1.0]}  # the two pseudo-clusters
        for row in rows:
            sums.setdefault(row["source_sha256"], []).append(right[row["file_name"]] - beside[row["item_id"]])
        n, c = sum(map(len, sums.values())), len(sums)
        mean = sum(map(sum, sums.values())) / n
        error = (sum((sum(d) - mean * len(d)) ** 2 for d in sums.values()) * c / (c - 1)) ** 0.5 / n
        assert cell["mde"] == pytest.approx((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * error, rel=1e-9)
        if cell["level"] != "L0":
            assert cell["matched_l0"]["p"] == pytest.approx(2 * stats.t.sf(abs(mean / error), c - 3), rel=1e-9)
    for cells in ([m["levels"] for m in found["models"]], [m["by"]["type"] for m in found["models"]]):
        tested = [cell["matched_l0"] for model in cells for cell in model if cell["matched_l0"]]
        assert [match["p_holm"] for match in tested] == pytest.approx(list(holm([match["p"] for match in tested])))


def test_the_cliff_is_the_second_step_minus_the_first(study: Study, dataset: Dataset) -> None:
    # One in twelve is lost at L1, and half of the questions at L2.
    lost = {"L0": 0, "L1": 1, "L2": 6}

    def answering(row: Row, trial: int) -> Answer:
        return says(wrong(row) if int(row["item_id"][1:]) < lost[row["level"]] else row["answer"], row, trial)

    add_run(study, dataset, answering, trials=1)
    cliff = results(study, replicates=1000)["models"][0]["cliff"]
    assert (cliff["first_step"], cliff["second_step"]) == pytest.approx((-1 / 12, -5 / 12))
    assert cliff["second_difference"] == pytest.approx(-4 / 12)
    low, high = cliff["second_difference_ci"]
    assert low < -4 / 12 < high


def test_types_and_modalities_are_cut_as_the_rows_say(study: Study, dataset: Dataset) -> None:
    def answering(row: Row, trial: int) -> Answer:
        return says(row["answer"] if row["degradation"] != "motion_blur" else wrong(row), row, trial)

    add_run(study, dataset, answering, trials=2)
    by = results(study, replicates=200)["models"][0]["by"]
    types = {(cell["name"], cell["level"]): cell["accuracy"] for cell in by["type"]}
    assert types == {
        ("gaussian_noise", "L1"): 1, ("gaussian_noise", "L2"): 1, ("motion_blur", "L1"): 0, ("motion_blur", "L2"): 0,
    }  # fmt: skip
    assert {cell["name"]: cell["n"] for cell in by["modality"] if cell["level"] == "L0"} == {"CT": 4, "MRI": 4, "X-ray": 4}


def test_a_filter_by_type_keeps_the_clean_baseline_and_an_unknown_name_is_refused(study: Study, dataset: Dataset) -> None:
    add_run(study, dataset, right_below(0.7))
    found = results(study, replicates=200, filters={"type": ["motion_blur"], "modality": ["CT"]})
    assert [cell["n"] for cell in found["models"][0]["levels"]] == [4, 4, 4]
    assert found["clusters"] == 4
    with pytest.raises(MedqdegError, match="the dataset has no 'PET'"):
        results(study, replicates=200, filters={"modality": ["PET"]})


def test_patients_are_clusters_where_they_are_known(study: Study, dataset: Dataset) -> None:
    add_run(study, dataset, right_below(0.7))
    assert level_of(results(study, replicates=200), "L0")["n_clusters"] == 6
    study.add_items(items_with_patients(dataset, lambda item: f"patient-{int(item[1:]) // 4}"))
    assert level_of(results(study, replicates=200), "L0")["n_clusters"] == 3


def test_further_images_of_a_question_are_not_further_questions(tmp_path: Path, study: Study) -> None:
    pairs = question_set(tmp_path / "pairs", questions=3, images=2)
    add_run(study, pairs, right_below(1.0), trials=1)
    assert [cell["n"] for cell in results(study, replicates=200)["models"][0]["levels"]] == [3, 6, 6]


def test_failed_trials_do_not_count_and_an_unfinished_run_shows_what_it_has(study: Study, dataset: Dataset) -> None:
    def answering(row: Row, trial: int) -> Answer:
        if row["item_id"] >= "q004":
            return Answer(row["file_name"], trial, "", "", "failed", error="timeout")
        return says(row["answer"], row, trial)

    add_run(study, dataset, answering, trials=2)
    add_run(study, dataset, right_below(0.7), label="complete")
    found = results(study, replicates=200)
    assert [cell["n"] for cell in found["models"][0]["levels"]] == [4, 8, 8]
    assert [cell["n"] for cell in found["models"][1]["levels"]] == [12, 24, 24]
    assert level_of(found, "L0")["accuracy"] == 1


def test_the_probability_of_equation_five_is_the_share_of_resampled_images_in_which_it_holds(
    study: Study, dataset: Dataset
) -> None:
    rng = np.random.default_rng(7)
    share = {"L0": 0.75, "L1": 0.6, "L2": 0.6}

    def answering(row: Row, trial: int) -> Answer:
        return says(row["answer"] if rng.random() < share[row["level"]] else wrong(row), row, trial)

    run = add_run(study, dataset, answering, trials=4)
    analysis = load(study)
    found = results_of(analysis, replicates=400, seed=3)["models"][0]["intra_model_dke"]
    votes: dict[str, list[str]] = {}
    for answer in study.answers(run.run_id):
        votes.setdefault(answer.file_name, []).append(answer.choice)
    rows = list(dataset.rows())
    images = sorted({row["source_sha256"] for row in rows})
    counts = analysis.weights(400, 3).counts
    assert counts.shape[0] == len(images) == 6
    held = 0
    for drawn in counts.T:
        # The resampled data set, row by row, and the published formulas on it.
        taken = [row for row in rows for _ in range(int(drawn[images.index(row["source_sha256"])]))]
        told = {}
        for level in ("L0", "L2"):
            replies = [(row["answer"], votes[row["file_name"]]) for row in taken if row["level"] == level]
            accuracy = np.mean([np.mean([letter == right for letter in said]) for right, said in replies])
            sure = np.mean([1 - entropy([said.count(letter) for letter in "ABCD"]) / np.log(4) for _, said in replies])
            told[level] = accuracy, sure - accuracy
        held += told["L0"][0] > told["L2"][0] and told["L0"][1] <= told["L2"][1]
    assert found["probability"] == pytest.approx(held / 400, abs=0.005)
    assert 0.05 < found["probability"] < 0.95


def test_equation_six_compares_runs_of_one_mode_and_number_of_trials_only(study: Study, dataset: Dataset) -> None:
    add_run(study, dataset, right_below(0.9), label="strong")
    add_run(study, dataset, right_below(0.4), label="weak")
    add_run(study, dataset, right_below(1.0), label="other", trials=3)
    found = results(study, replicates=200)
    (group,) = found["inter_model_dke"]
    assert (group["mode"], group["trials"]) == ("vote", 10)
    cell = group["levels"]["L2"]
    assert cell["models"] == ["strong", "weak"]
    (pair,) = cell["pairs"]
    assert pair["weaker"] == "run-weak-vote-10"
    # C of a 4:6 split is lower than that of 9:1, yet stands further above its accuracy.
    assert pair["holds"] is True
    assert pair["probability"] == 1


def test_the_same_seed_gives_the_same_numbers_and_another_seed_other_intervals(study: Study, dataset: Dataset) -> None:
    rng = np.random.default_rng(0)
    add_run(study, dataset, lambda row, trial: says("ABCD"[rng.integers(4)], row, trial), trials=3)
    analysis = load(study)
    first = results_of(analysis, replicates=300, seed=1)
    assert results_of(analysis, replicates=300, seed=1) == first
    other = results_of(analysis, replicates=300, seed=2)
    assert level_of(other, "L1")["accuracy"] == level_of(first, "L1")["accuracy"]
    assert level_of(other, "L1")["accuracy_ci"] != level_of(first, "L1")["accuracy_ci"]


def test_a_study_without_runs_or_answers_says_so(study: Study, dataset: Dataset) -> None:
    with pytest.raises(MedqdegError, match="no runs; start one"):
        results(study)
    add_run(study, dataset, right_below(0.5), asked=0)
    with pytest.raises(MedqdegError, match="no run has answers"):
        results(study)


def test_unknown_runs_and_runs_on_different_sets_are_refused(tmp_path: Path, study: Study, dataset: Dataset) -> None:
    first = add_run(study, dataset, right_below(0.5))
    other = add_run(study, question_set(tmp_path / "other", questions=2), right_below(0.5), label="other")
    with pytest.raises(MedqdegError, match="no run nowhere"):
        results(study, run_ids=["nowhere"])
    with pytest.raises(MedqdegError, match="different datasets"):
        results(study, run_ids=[first.run_id, other.run_id])
    assert results(study, replicates=200)["models"][0]["label"] == "other"
    assert results(study, replicates=200, run_ids=[first.run_id])["models"][0]["label"] == "model"


def test_a_dataset_that_changed_after_the_run_is_refused(tmp_path: Path, study: Study) -> None:
    changing = question_set(tmp_path / "changing", questions=2)
    add_run(study, changing, right_below(0.5))
    with (changing.folder / "metadata.jsonl").open("a") as file:
        file.write(json.dumps({**next(changing.rows()), "file_name": "images/new.png"}) + "\n")
    with pytest.raises(MedqdegError, match="has changed since run model"):
        results(study)


def test_a_dataset_that_moved_is_found_where_a_later_run_names_it(tmp_path: Path, study: Study) -> None:
    first = question_set(tmp_path / "first", questions=3)
    add_run(study, first, right_below(0.5), label="early")
    first.folder.rename(tmp_path / "second")
    moved = Dataset.open(tmp_path / "second")
    add_run(study, moved, right_below(0.5), label="late")
    assert [model["label"] for model in results(study, replicates=200)["models"]] == ["early", "late"]
    moved.folder.rename(tmp_path / "third")
    with pytest.raises(MedqdegError, match="second: no such folder"):
        results(study)


def test_only_the_dimensions_asked_for_are_broken_down(study: Study, dataset: Dataset) -> None:
    add_run(study, dataset, right_below(0.5))
    by = results_of(load(study), replicates=200, parts=["type"])["models"][0]["by"]
    assert {name for name, cells in by.items() if cells} == {"type"}


def test_too_few_replicates_are_refused(study: Study, dataset: Dataset) -> None:
    add_run(study, dataset, right_below(0.5))
    with pytest.raises(MedqdegError, match="too few"):
        results(study, replicates=10)


def test_exact_mode_without_probabilities_is_refused_by_name(study: Study, dataset: Dataset) -> None:
    add_run(study, dataset, right_below(0.5), label="bare", mode="option")
    with pytest.raises(MedqdegError, match=r"run bare: no .* exact mode has nothing"):
        results(study, replicates=200)


def test_reliability_bins_hold_every_answered_question_with_its_interval(study: Study, dataset: Dataset) -> None:
    rng = np.random.default_rng(5)
    run = add_run(study, dataset, lambda row, trial: says("ABCD"[rng.integers(3)], row, trial), trials=5)
    found = reliability(load(study), run.run_id, replicates=300)
    assert [level["level"] for level in found["levels"]] == ["L0", "L1", "L2"]
    for level, expected in zip(found["levels"], results(study, replicates=200)["models"][0]["levels"], strict=True):
        assert sum(entry["n"] for entry in level["bins"]) == level["n"] == expected["n"]
        assert level["ece"] == pytest.approx(expected["ece"])
        for entry in level["bins"]:
            if entry["accuracy_ci"]:
                assert entry["accuracy_ci"][0] <= entry["accuracy"] <= entry["accuracy_ci"][1]
    with pytest.raises(MedqdegError, match="no run nowhere"):
        reliability(load(study), "nowhere")


def test_the_types_of_forty_models_add_up_to_their_levels_and_lie_within_their_intervals() -> None:
    analysis = forty_models()
    assert len(analysis.table) == 24_894
    chosen = {"modality": ["CT", "MRI"]}
    cells = analysis.cells("type", chosen)
    estimates = [analysis.estimates(cell) for cell in cells]
    levels = [cell for cell in analysis.cells("level", chosen) if cell.level > 0]
    assert len(levels) == 2
    for level in levels:
        whole = analysis.estimates(level)
        parts = [e for cell, e in zip(cells, estimates, strict=True) if cell.level == level.level]
        assert (sum(e.n for e in parts) == whole.n).all()
        assert sum(e.n * e.accuracy for e in parts) / whole.n == pytest.approx(whole.accuracy)
    weights = analysis.weights(300, 0)
    for cell, estimate in zip(cells, estimates, strict=True):
        interval = analysis.intervals(cell, estimate, analysis.replicates(cell, weights)).accuracy
        assert (interval[:, 0] < estimate.accuracy).all() and (estimate.accuracy < interval[:, 1]).all()


def test_a_model_that_never_states_a_confidence_has_an_accuracy_and_does_not_hold_up_the_others(tmp_path: Path) -> None:
    dataset = question_set(tmp_path / "set")
    with Study.create(tmp_path / "study.medq", name="silent") as study:
        add_run(study, dataset, right_below(0.7), label="voting")
        add_run(study, dataset, right_below(1.0), label="silent", mode="verbal", trials=1)
        voting, silent = results(study, replicates=200)["models"]
    assert voting["levels"][0]["confidence"] is not None
    assert [cell["accuracy"] for cell in silent["levels"]] == [1.0, 1.0, 1.0]
    for cell in silent["levels"]:
        assert (cell["confidence"], cell["calibration_shift"], cell["ece"], cell["auroc"]) == (None, None, None, None)
    assert "three_panel.svg" in write_report(tmp_path / "study.medq", tmp_path / "out", replicates=200), "charts leave a gap"

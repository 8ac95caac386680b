"""Intervals of ``results.json`` hold the truth as often as they say, from answers in a study to the number that is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from medqdeg_desktop.eval.analysis import Analysis
from medqdeg_desktop.eval.tables import load, results_of
from medqdeg_desktop.statistics.bootstrap import expanded_tail
from medqdeg_desktop.statistics.votes import agreement
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.answered import Row, add_run, question_set, says, wrong
from tests.eval.clustered_runs import coverage, of_independent_answers, simulated

RUNS, IMAGES, TRIALS = 160, 24, 2


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    return simulated(tmp_path_factory.mktemp("coverage"), runs=RUNS, images=IMAGES, trials=TRIALS, seed=11)


#: Fewer hits than this have a chance below 1 in 10,000 for each interval that covers 93 %.
FEWEST = int(stats.binom.ppf(1e-4, RUNS, 0.93))


def test_accuracy_confidence_shift_and_their_changes_are_covered_as_often_as_the_intervals_say(analysis: Analysis) -> None:
    found = coverage(analysis, TRIALS)
    assert len(found) == 3 * 3 + 2 * 2
    assert {key: one.hits for key, one in found.items() if one.hits < FEWEST} == {}
    # Nor are they wide for safety's sake: that would hide what a study could have told.
    assert sum(one.hits for one in found.values()) < 0.985 * RUNS * len(found)
    # The estimates are right on average, to four standard errors of their mean.
    for key, one in found.items():
        assert abs(one.off) < 4 * one.width / (2 * 1.96) / RUNS**0.5, key


def test_intervals_that_take_the_answers_of_an_image_as_independent_would_fail_this_test(analysis: Analysis) -> None:
    found = coverage(of_independent_answers(analysis), TRIALS)
    assert all(found["accuracy", level].hits < FEWEST for level in ("L0", "L1"))


def test_intervals_are_those_of_scipy_with_clean_images_as_what_is_drawn(tmp_path: Path) -> None:
    images, trials = 40, 10
    rng = np.random.default_rng(3)
    # One image in ten has many questions, and those are hard: sums and sizes are lopsided together.
    hard = np.arange(images) % 10 == 0
    image_of = np.repeat(np.arange(images), np.where(hard, 12, rng.integers(1, 4, images)))
    right = rng.binomial(trials, np.where(hard[image_of], 0.4, 0.97))

    def answering(row: Row, trial: int) -> Answer:
        return says(row["answer"] if trial < right[int(row["item_id"][1:])] else wrong(row), row, trial)

    questions = question_set(tmp_path / "set", questions=len(image_of), types=(), image_of=image_of.tolist())
    with Study.create(tmp_path / "study.medq", name="lopsided") as study:
        add_run(study, questions, answering, trials=trials)
        (cell,) = results_of(load(study), replicates=10_000, parts=())["models"][0]["levels"]
    share = right / trials
    confidence = agreement(np.column_stack([share, 1 - share, 0 * share, 0 * share]))
    sizes = np.bincount(image_of)
    for name, values in (("accuracy", share), ("confidence", confidence), ("calibration_shift", confidence - share)):
        found = {
            method: stats.bootstrap(
                (np.bincount(image_of, values), sizes),
                lambda sums, n, axis: sums.sum(axis) / n.sum(axis),
                paired=True,
                method=method,
                n_resamples=20_000,
                confidence_level=1 - 2 * expanded_tail(images),
                rng=np.random.default_rng(5),
            ).confidence_interval
            for method in ("BCa", "percentile")
        }
        width = found["BCa"].high - found["BCa"].low
        assert cell[f"{name}_ci"] == pytest.approx(list(found["BCa"]), abs=0.03 * width), name
        assert cell[f"{name}_ci"] != pytest.approx(list(found["percentile"]), abs=0.05 * width), name

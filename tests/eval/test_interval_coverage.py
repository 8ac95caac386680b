"""Intervals of ``results.json`` hold the truth as often as they say, from answers in a study to the number that is read."""

from __future__ import annotations

import pytest
from scipy import stats

from medqdeg_desktop.eval.analysis import Analysis
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

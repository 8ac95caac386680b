"""Vote confidence against enumeration, simulation and the published definition."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medqdeg_desktop.eval.confidence import (
    expected_vote_confidence,
    limit_confidence,
    uniform_confidence,
    vote_confidence,
)


def by_definition(votes: list[float]) -> float:
    total = sum(votes)
    shares = [v / total for v in votes if v]
    return 1 + sum(p * np.log(p) for p in shares) / np.log(len(votes))


def test_confidence_is_one_minus_normalised_entropy() -> None:
    votes = [[10, 0, 0, 0], [5, 5, 0, 0], [3, 3, 2, 2], [7, 2, 1, 0]]
    assert vote_confidence(votes) == pytest.approx([by_definition(row) for row in votes])
    assert vote_confidence([[4, 4, 4]])[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("trials", [1, 2, 3, 4])
@pytest.mark.parametrize("p", [(0.5, 0.5), (0.7, 0.2, 0.1), (1.0, 0.0, 0.0), (0.25, 0.25, 0.25, 0.25)])
def test_the_expected_confidence_is_that_of_all_outcomes_weighed(p: tuple[float, ...], trials: int) -> None:
    expected = 0.0
    for outcome in product(range(len(p)), repeat=trials):
        count = Counter(outcome)
        expected += float(np.prod([p[i] for i in outcome])) * by_definition([count[i] for i in range(len(p))])
    assert float(expected_vote_confidence(p, trials)) == pytest.approx(expected, abs=1e-12)


def test_the_expected_confidence_is_what_sampling_gives() -> None:
    rng = np.random.default_rng(1)
    p = np.array([[0.6, 0.2, 0.1, 0.1], [0.3, 0.3, 0.3, 0.1]])
    for trials in (3, 10):
        for row, expected in zip(p, expected_vote_confidence(p, trials), strict=True):
            drawn = vote_confidence(rng.multinomial(trials, row, size=40_000))
            assert abs(drawn.mean() - expected) < 4 * drawn.std() / 200


@pytest.mark.parametrize(
    ("options", "trials", "published"), [(4, 3, 0.44), (4, 10, 0.12), (2, 3, 0.31), (2, 10, 0.08), (5, 10, 0.145)]
)
def test_a_uniform_guesser_shows_the_bias_of_few_trials(options: int, trials: int, published: float) -> None:
    assert uniform_confidence(options, trials) == pytest.approx(published, abs=0.006)


def test_many_trials_approach_the_limit() -> None:
    p = np.array([0.55, 0.25, 0.15, 0.05])
    assert float(expected_vote_confidence(p, 20_000)) == pytest.approx(float(limit_confidence(p)), abs=1e-4)


def test_unparsed_trials_spread_evenly_and_pure_refusal_has_no_confidence() -> None:
    assert vote_confidence([[0, 0, 0, 0]], [10])[0] == pytest.approx(0.0, abs=1e-12)
    assert vote_confidence([[8, 0, 0, 0]], [2])[0] == pytest.approx(by_definition([8.5, 0.5, 0.5, 0.5]))


def test_unparsed_trials_can_be_dropped_or_be_a_class_of_their_own() -> None:
    assert vote_confidence([[6, 2, 0]], [2], "dropped")[0] == pytest.approx(by_definition([6, 2, 0]))
    assert np.isnan(vote_confidence([[0, 0, 0]], [3], "dropped")[0])
    assert vote_confidence([[6, 2, 0]], [2], "own_class")[0] == pytest.approx(by_definition([6, 2, 0, 2]))
    assert vote_confidence([[0, 0, 0]], [3], "own_class")[0] == pytest.approx(1.0)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=9), st.integers(0, 5))
def test_confidence_stays_in_zero_to_one(votes: list[int], unparsed: int) -> None:
    value = float(vote_confidence([votes], [unparsed])[0])
    assert 0.0 <= value <= 1.0 or (sum(votes) + unparsed == 0 and np.isnan(value))


def test_one_option_or_no_trial_is_an_error() -> None:
    with pytest.raises(ValueError, match="two options"):
        vote_confidence([[3]])
    with pytest.raises(ValueError, match="0 trials"):
        expected_vote_confidence([0.5, 0.5], 0)

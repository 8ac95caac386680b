"""Confidence from votes and from probabilities, against closed forms, simulation and hand calculation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medqdeg_desktop.statistics.votes import (
    agreement,
    expected_confidence,
    majority_correct,
    uniform_confidence,
    vote_confidence,
    vote_shares,
)


def test_the_same_option_every_time_is_full_confidence_and_an_even_split_is_none() -> None:
    counts = np.array([[10, 0, 0, 0], [0, 0, 3, 0], [5, 5, 5, 5]])
    assert vote_confidence(counts, [0, 0, 0]) == pytest.approx([1, 1, 0])


def test_confidence_is_one_minus_entropy_over_log_k() -> None:
    entropy = -(0.7 * math.log(0.7) + 0.3 * math.log(0.3))
    assert vote_confidence([[7, 3, 0, 0]], [0]) == pytest.approx([1 - entropy / math.log(4)])


def test_refusing_every_time_is_no_confidence() -> None:
    assert vote_confidence([[0, 0, 0]], [10]) == pytest.approx([0])


def test_an_unreadable_trial_counts_as_an_even_share_for_each_offered_option() -> None:
    shares, offered = vote_shares([[2, 0, 0, 0]], [2], [2])
    assert shares[0] == pytest.approx([0.75, 0.25, 0, 0])
    assert offered[0] == 2


def test_a_question_with_fewer_options_is_normalised_by_its_own_number() -> None:
    together = vote_confidence([[6, 4, 0, 0], [6, 4, 0, 0]], [0, 0], [2, 4])
    assert together[0] == pytest.approx(vote_confidence([[6, 4]], [0])[0])
    assert together[1] > together[0]


def test_a_question_never_asked_has_no_confidence() -> None:
    assert np.isnan(vote_confidence([[0, 0, 0]], [0])[0])


def test_votes_for_an_option_that_is_not_offered_are_refused() -> None:
    with pytest.raises(ValueError, match="does not offer"):
        vote_confidence([[1, 0, 1]], [0], [2])


@pytest.mark.parametrize(("k", "trials", "value"), [(4, 3, 0.44), (4, 10, 0.12), (2, 3, 0.31), (2, 10, 0.08), (5, 10, 0.145)])
def test_a_uniform_guesser_shows_the_confidence_that_the_notes_of_the_benchmark_give(k: int, trials: int, value: float) -> None:
    assert uniform_confidence([k], trials)[0] == pytest.approx(value, abs=0.006)


@pytest.mark.parametrize("trials", [1, 2, 3, 4])
@pytest.mark.parametrize("options", [(0.5, 0.5), (0.5, 0.3, 0.2), (1.0, 0.0, 0.0), (0.25, 0.25, 0.25, 0.25)])
def test_expected_confidence_equals_the_sum_over_all_possible_answers(options: tuple[float, ...], trials: int) -> None:
    p = np.array(options)
    exact = 0.0
    for answers in itertools.product(range(len(p)), repeat=trials):
        counts = np.bincount(answers, minlength=len(p))
        exact += float(np.prod(p[list(answers)])) * vote_confidence([counts], [0])[0]
    assert expected_confidence([p], trials)[0] == pytest.approx(exact, abs=1e-12)


def test_expected_confidence_falls_towards_that_of_endless_trials() -> None:
    p = [[0.6, 0.2, 0.1, 0.1]]
    values = [expected_confidence(p, t)[0] for t in (1, 3, 10, 100)]
    assert values[0] == 1
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(agreement(p)[0], abs=0.02)


def test_expected_confidence_needs_a_trial() -> None:
    with pytest.raises(ValueError, match="at least one"):
        expected_confidence([[0.5, 0.5]], 0)


def test_a_tied_majority_counts_as_its_share_and_silence_as_wrong() -> None:
    counts = [[3, 1, 0], [2, 2, 0], [2, 2, 0], [1, 1, 1], [0, 0, 0]]
    assert majority_correct(counts, [0, 1, 2, 2, 0]) == pytest.approx([1, 0.5, 0, 1 / 3, 0])


def test_the_variants_drop_unreadable_trials_or_count_them_as_a_class() -> None:
    assert vote_confidence([[6, 0, 0, 0]], [4], treatment="dropped") == pytest.approx([1])
    assert np.isnan(vote_confidence([[0, 0]], [4], treatment="dropped")[0])
    entropy = -(0.6 * math.log(0.6) + 0.4 * math.log(0.4))
    assert vote_confidence([[6, 0, 0, 0]], [4], [2], "own_class") == pytest.approx([1 - entropy / math.log(3)])
    assert vote_confidence([[0, 0, 0]], [10], treatment="own_class") == pytest.approx([1])


def test_expected_confidence_is_what_sampling_gives() -> None:
    rng = np.random.default_rng(1)
    p = np.array([[0.6, 0.2, 0.1, 0.1], [0.3, 0.3, 0.3, 0.1]])
    for trials in (3, 10):
        for row, expected in zip(p, expected_confidence(p, trials), strict=True):
            drawn = vote_confidence(rng.multinomial(trials, row, size=40_000))
            assert abs(drawn.mean() - expected) < 4 * drawn.std() / 200


@given(st.lists(st.integers(0, 20), min_size=2, max_size=9), st.integers(0, 5))
def test_confidence_stays_in_zero_to_one(votes: list[int], unparsed: int) -> None:
    value = float(vote_confidence([votes], unparsed)[0])
    assert 0.0 <= value <= 1.0 or (sum(votes) + unparsed == 0 and np.isnan(value))


def test_a_single_option_is_no_question() -> None:
    with pytest.raises(ValueError, match="2 to 1 options"):
        vote_confidence([[3]])

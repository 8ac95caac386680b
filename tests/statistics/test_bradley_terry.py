"""Paired comparisons against the published fit of the 1987 American League East, and against logistic regression."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from medqdeg_desktop.statistics.bradley_terry import bradley_terry

# Agresti 1990, Categorical Data Analysis, Table 10.10: Milwaukee, Detroit, Toronto, New York, Boston, Cleveland, Baltimore.
BASEBALL = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ]
)


def test_strengths_are_those_published_for_the_baseball_season() -> None:
    found = bradley_terry(BASEBALL).log_strength
    assert found - found[-1] == pytest.approx([1.581, 1.436, 1.294, 1.248, 1.108, 0.684, 0], abs=0.002)


def test_strengths_agree_with_logistic_regression() -> None:
    rng = np.random.default_rng(2)
    wins = rng.integers(1, 9, (5, 5))
    np.fill_diagonal(wins, 0)
    rows, outcomes, weights = [], [], []
    for i in range(5):
        for j in range(5):
            if i != j:
                row = np.zeros(5)
                row[i], row[j] = 1, -1
                rows += [row, row]
                outcomes += [1, 0]
                weights += [wins[i, j], wins[j, i]]
    fit = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-12, max_iter=10_000).fit(rows, outcomes, sample_weight=weights)
    expected = fit.coef_[0] - fit.coef_[0].mean()
    assert bradley_terry(wins).log_strength == pytest.approx(expected, abs=1e-4)


def test_intervals_cover_the_truth() -> None:
    rng = np.random.default_rng(7)
    truth = np.array([-0.8, -0.2, 0.1, 0.9])
    hits = []
    for _ in range(300):
        wins = np.zeros((4, 4))
        for i in range(4):
            for j in range(i):
                k = rng.binomial(30, 1 / (1 + np.exp(truth[j] - truth[i])))
                wins[i, j], wins[j, i] = k, 30 - k
        found = bradley_terry(wins, prior=0.5)
        hits.append((found.low <= truth) & (truth <= found.high))
    assert np.mean(hits) == pytest.approx(0.95, abs=0.02)


def test_who_won_every_time_needs_a_prior() -> None:
    wins = np.array([[0, 3, 3], [0, 0, 2], [0, 1, 0]])
    with pytest.raises(ValueError, match="won or lost every comparison"):
        bradley_terry(wins)
    found = bradley_terry(wins, prior=0.5)
    assert found.log_strength.argmax() == 0 and np.isfinite(found.high).all()


def test_who_was_never_compared_has_no_strength() -> None:
    wins = np.array([[0, 3, 0], [2, 0, 0], [0, 0, 0]])
    found = bradley_terry(wins)
    assert np.isnan(found.log_strength[2]) and found.comparisons == 5

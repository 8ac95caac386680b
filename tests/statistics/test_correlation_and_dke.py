"""Ranks and correlations against scipy; equations 5 and 6 on cases that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from medqdeg_desktop.statistics.correlation import average_ranks, correlations, pearson, spearman
from medqdeg_desktop.statistics.dke import inter_model, inter_model_bootstrap, intra_model


def test_correlations_agree_with_scipy_also_with_ties() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 8, 60), rng.integers(0, 8, 60)
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)


def test_columns_are_ranked_and_correlated_each_for_itself() -> None:
    rng = np.random.default_rng(1)
    table, other = rng.integers(0, 5, (12, 7)), rng.random((12, 7))
    assert np.array_equal(average_ranks(table), stats.rankdata(table, axis=0))
    expected = [stats.spearmanr(table[:, k], other[:, k]).statistic for k in range(7)]
    assert correlations(average_ranks(table), average_ranks(other)) == pytest.approx(expected)


def test_without_variation_there_is_no_correlation() -> None:
    assert np.isnan(spearman([1, 1, 1], [1, 2, 3]))


def test_equation_five_needs_a_fall_of_accuracy_and_a_shift_that_does_not_fall() -> None:
    assert intra_model([0.7, 0.7, 0.6, 0.7], [0.6, 0.6, 0.6, 0.6], [0.1, 0.1, 0.1, 0.2], [0.2, 0.1, 0.2, 0.1]).tolist() == [
        True,
        True,
        False,
        False,
    ]


def test_equation_six_asks_whether_the_weaker_model_has_the_larger_shift() -> None:
    holds = inter_model([0.5, 0.6, 0.7], [0.3, 0.2, 0.25])
    assert holds.tolist() == [[False, True, True], [False, False, False], [False, False, False]]


def test_the_bootstrap_of_equation_six_counts_replicates() -> None:
    accuracy = np.array([0.5, 0.6])
    shift = np.array([0.3, 0.2])
    drawn_accuracy = np.array([[0.5, 0.5, 0.7, 0.5], [0.6, 0.6, 0.6, 0.6]])
    drawn_shift = np.array([[0.3, 0.1, 0.3, 0.3], [0.2, 0.2, 0.2, 0.2]])
    result = inter_model_bootstrap(accuracy, shift, drawn_accuracy, drawn_shift)
    assert result.holds[0, 1]
    assert result.probability[0, 1] == 0.5
    assert result.share == 1
    assert result.shares.tolist() == [1, 0, 0, 1]
    assert result.rho == pytest.approx(-1)

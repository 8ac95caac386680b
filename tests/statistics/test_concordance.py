"""Kendall's W against Friedman's test and against orders that are known."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from medqdeg_desktop.statistics.concordance import kendall_p, kendall_w, ordering


@pytest.mark.parametrize("decimals", [6, 0])
def test_w_and_its_p_are_those_of_friedmans_test_with_and_without_ties(decimals: int) -> None:
    rng = np.random.default_rng(3)
    table = np.round(rng.normal(size=(9, 5)) + np.arange(9)[:, None] * 0.4, decimals)
    friedman = stats.friedmanchisquare(*table)
    assert kendall_w(table) == pytest.approx(friedman.statistic / (5 * 8))
    assert kendall_p(kendall_w(table), 9, 5) == pytest.approx(friedman.pvalue)


def test_w_is_the_mean_rho_of_all_pairs() -> None:
    table = np.random.default_rng(4).normal(size=(12, 4))
    rho = np.mean([stats.spearmanr(table[:, a], table[:, b]).statistic for a, b in combinations(range(4), 2)])
    assert (4 * kendall_w(table) - 1) / 3 == pytest.approx(rho)


def test_one_order_is_one_opposite_orders_are_nothing_and_a_reader_who_tells_nothing_apart_has_none() -> None:
    up = np.arange(6.0)
    assert kendall_w(np.stack([up, up * 3, up + 1], axis=1)) == pytest.approx(1)
    assert kendall_w(np.stack([up, -up], axis=1)) == pytest.approx(0)
    assert math.isnan(kendall_w(np.stack([up, np.ones(6)], axis=1))) and math.isnan(kendall_w([[1.0, 2.0]]))


def test_the_order_of_cells_rests_on_their_pictures() -> None:
    rng = np.random.default_rng(6)

    def cells(noise: float) -> list[np.ndarray]:
        return [level + rng.normal(0, noise, (6, 3)) for level in np.linspace(0.2, 0.6, 5)]

    sure, unsure = ordering(cells(0.01)), ordering(cells(0.6))
    assert (sure.value, sure.low, sure.high, sure.n) == (1, 1, 1, 5)
    assert unsure.low < unsure.value <= unsure.high <= 1 and unsure.high - unsure.low > 0.2
    assert ordering(cells(0.6)[:1]).n == 1 and math.isnan(ordering(cells(0.6)[:1]).value)
    single = ordering([c[:1] for c in cells(0.1)])
    assert not math.isnan(single.value) and math.isnan(single.low)

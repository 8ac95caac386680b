"""Reliability against worked examples of the papers, and against other computations of the same thing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medqdeg_desktop.statistics.reliability import (
    Components,
    bland_altman,
    icc_a1,
    mean_interval,
    median_interval,
    repeatability,
    variance_components,
    within_sd,
)

# Peak expiratory flow of 17 people (Bland & Altman 1986, Table 1): two readings by each of two meters.
WRIGHT_1 = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
WRIGHT_2 = [490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421]
MINI_1 = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]

# Four judges rate six targets (Shrout & Fleiss 1979, Table 2).
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def test_limits_of_agreement_are_those_of_the_peak_flow_meters() -> None:
    found = bland_altman(WRIGHT_1, MINI_1)
    assert found.bias.value == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert (found.bias.low, found.bias.high) == pytest.approx((-22.0, 17.8), abs=0.1)
    # The paper takes 2 SDs for 1.96: -79.7 and 75.5.
    assert (found.lower.value, found.upper.value) == pytest.approx((-79.7, 75.5), abs=1.7)
    assert found.lower.low < found.lower.value < found.lower.high


def test_within_sd_and_repeatability_are_those_of_the_peak_flow_meters() -> None:
    pairs = [list(pair) for pair in zip(WRIGHT_1, WRIGHT_2, strict=True)]
    assert within_sd(pairs).value == pytest.approx(15.3, abs=0.05)
    assert repeatability(pairs).value == pytest.approx(2.77 * 15.3, abs=0.2)
    assert within_sd(pairs).n == 17
    assert math.isnan(within_sd([[1.0], [2.0]]).value)


def test_the_interval_of_a_within_sd_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(800):
        found = within_sd([row.tolist() for row in rng.normal(0, 0.06, (8, 2)) + rng.normal(0.5, 0.2, (8, 1))])
        hits += found.low <= 0.06 <= found.high
    assert hits / 800 == pytest.approx(0.95, abs=0.025)


def test_icc_is_that_of_shrout_and_fleiss() -> None:
    found = icc_a1(JUDGES)
    assert found.value == pytest.approx(0.29, abs=0.005)
    # Interval as printed by R's psych::ICC and irr::icc for this table.
    assert (found.low, found.high) == pytest.approx((0.019, 0.761), abs=0.002)


def test_icc_of_equal_columns_is_one_and_a_shift_of_a_reader_counts_against_agreement() -> None:
    same = np.repeat(np.arange(6.0)[:, None], 3, axis=1)
    assert icc_a1(same).value == 1.0
    assert icc_a1(same + np.array([0, 1, 2])).value < 0.9
    assert math.isnan(icc_a1(same[:1]).value)


def test_an_icc_of_rows_that_do_not_differ_has_no_interval() -> None:
    found = icc_a1([[0, 1], [0, 1], [0, 1]])
    assert found.value == pytest.approx(0) and math.isnan(found.low)


def test_rows_with_holes_are_left_out_of_the_icc() -> None:
    holed = np.vstack([JUDGES, [1, np.nan, 3, 4]])
    assert icc_a1(holed) == icc_a1(JUDGES)


def test_icc_and_its_interval_are_those_of_pingouin() -> None:
    pandas = pytest.importorskip("pandas")
    pingouin = pytest.importorskip("pingouin")
    table = np.random.default_rng(4).normal(0.5, 0.1, (12, 1)) + np.random.default_rng(5).normal(0, 0.05, (12, 5))
    rows = [{"picture": i, "reader": j, "s": v} for i, row in enumerate(table) for j, v in enumerate(row)]
    oracle = pingouin.intraclass_corr(pandas.DataFrame(rows), targets="picture", raters="reader", ratings="s").set_index("Type")
    theirs = oracle.loc["ICC(A,1)"]
    found = icc_a1(table)
    assert found.value == pytest.approx(theirs["ICC"], abs=1e-6)
    assert (found.low, found.high) == pytest.approx(tuple(theirs["CI95"]), abs=0.006)  # printed to two decimals


def test_a_median_has_the_interval_of_its_order_statistics() -> None:
    from scipy import stats

    values = np.random.default_rng(2).lognormal(2.5, 0.4, 41)
    found = median_interval(values)
    ordered = np.sort(values)
    low = int(stats.binom.ppf(0.025, 41, 0.5))  # the last rank below which the median lies with less than 2.5 %
    assert (found.value, found.low, found.high, found.n) == (np.median(values), ordered[low - 1], ordered[41 - low], 41)
    assert stats.binom.cdf(low - 1, 41, 0.5) <= 0.025
    assert math.isnan(median_interval([3.0, 1.0, 2.0]).low) and median_interval([3.0, 1.0, 2.0]).value == 2.0
    assert math.isnan(median_interval([]).value)


def test_the_mean_has_the_interval_that_scipy_gives_it() -> None:
    from scipy import stats

    values = [0.31, 0.28, 0.4, 0.35]
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(values), low, high))


@pytest.mark.parametrize(
    ("readers", "images", "expected"), [(2, 6, 0.167), (3, 6, 0.144), (3, 10, 0.133), (5, 6, 0.123), (5, 10, 0.110)]
)
def test_expected_half_widths_follow_from_the_components(readers: int, images: int, expected: float) -> None:
    assert Components(0.10, 0.10, 0.06, 0.06).half_width(readers, images) == pytest.approx(expected, abs=0.0011)


def test_components_of_simulated_readers_are_found_again() -> None:
    rng = np.random.default_rng(11)
    found = []
    for _ in range(60):
        readers, images = rng.normal(0, 0.10, (1, 12)), rng.normal(0, 0.08, (20, 1))
        table = 0.4 + readers + images + rng.normal(0, 0.05, (20, 12)) + rng.normal(0, 0.04, (20, 12))
        c = variance_components(table, 0.04)
        found.append((c.reader**2, c.image**2, c.interaction**2))
    assert np.sqrt(np.mean(found, axis=0)) == pytest.approx([0.10, 0.08, 0.05], abs=0.012)

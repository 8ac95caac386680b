"""Reliability against worked examples of the papers, and against other computations of the same thing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medqdeg_desktop.statistics.reliability import (
    Components,
    bland_altman,
    icc_a1,
    krippendorff_alpha,
    mean_interval,
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

# Four coders, twelve units, missing values (Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C).
N = math.nan
CODERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
)


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


@pytest.mark.parametrize(("metric", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_krippendorffs_example(metric: str, alpha: float) -> None:
    assert krippendorff_alpha(CODERS, metric) == pytest.approx(alpha, abs=0.0005)  # type: ignore[arg-type]


def test_alpha_agrees_with_the_definition_by_pairs() -> None:
    rng = np.random.default_rng(5)
    table = rng.integers(0, 5, (4, 30)).astype(float)
    table[rng.random(table.shape) < 0.2] = np.nan
    values = [column[~np.isnan(column)] for column in table.T]
    values = [v for v in values if len(v) > 1]
    pooled = np.concatenate(values)
    observed = sum(float(np.subtract.outer(v, v).__pow__(2).sum()) / (len(v) - 1) for v in values) / len(pooled)
    expected = float(np.subtract.outer(pooled, pooled).__pow__(2).sum()) / (len(pooled) * (len(pooled) - 1))
    assert krippendorff_alpha(table, "interval") == pytest.approx(1 - observed / expected)
    assert math.isnan(krippendorff_alpha(np.ones((3, 4))))


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

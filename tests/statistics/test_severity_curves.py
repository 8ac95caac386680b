"""Curves over severity against scikit-learn's isotonic regression, exact breakpoints, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from medqdeg_desktop.statistics.severity_curves import cliff, monotone, safe_severity

S = np.linspace(0, 1, 11)


@pytest.mark.parametrize("rising", [False, True])
def test_the_monotone_curve_is_isotonic_regression(rising: bool) -> None:
    rng = np.random.default_rng(3)
    values, weights = rng.normal(size=(12, 40)), rng.uniform(0.5, 5, 12)
    found = monotone(values, weights, rising=rising)
    for column, fitted in zip(values.T, found.T, strict=True):
        expected = IsotonicRegression(increasing=rising).fit_transform(np.arange(12), column, sample_weight=weights)
        assert fitted == pytest.approx(expected)
    assert monotone(values[:, 0], weights, rising=rising) == pytest.approx(found[:, 0])


def test_a_monotone_curve_stays_as_it_is() -> None:
    assert monotone([0.9, 0.8, 0.8, 0.3], [1, 2, 3, 4]) == pytest.approx([0.9, 0.8, 0.8, 0.3])


def test_the_breakpoint_of_an_exact_two_piece_line_is_found() -> None:
    values = 0.8 - 0.05 * S - 0.9 * np.maximum(0, S - 0.6)
    found = cliff(S, values, np.column_stack([values, values]), np.ones(11))
    assert found is not None
    assert found.place == pytest.approx(0.6, abs=0.005)
    assert (found.before, found.after) == (pytest.approx(-0.05, abs=0.01), pytest.approx(-0.95, abs=0.02))
    assert found.better
    assert found.probability == 1


def test_a_straight_fall_has_no_cliff_that_describes_it_better() -> None:
    rng = np.random.default_rng(0)
    line = 0.8 - 0.4 * S
    noisy = line[:, None] + rng.normal(0, 0.01, (11, 400))
    found = cliff(S, line + 1e-4 * np.sin(50 * S), noisy, np.ones(11))
    assert found is None or not found.better
    if found is not None:
        assert found.probability < 0.3


def test_a_curve_that_flattens_has_no_cliff() -> None:
    values = 0.8 - 0.5 * S + 0.4 * np.maximum(0, S - 0.5)
    assert cliff(S, values, values[:, None], np.ones(11)) is None


def test_four_severities_are_too_few() -> None:
    assert cliff([0, 0.2, 0.5, 1], [0.8, 0.8, 0.7, 0.1], np.zeros((4, 3)), np.ones(4)) is None


def test_the_interval_of_the_breakpoint_covers_it() -> None:
    rng = np.random.default_rng(11)
    truth = 0.8 - 0.6 * np.maximum(0, S - 0.5)
    error = 0.02
    covered = 0
    for _ in range(120):
        seen = truth + rng.normal(0, error, 11)
        found = cliff(S, seen, seen[:, None] + rng.normal(0, error, (11, 300)), np.ones(11))
        assert found is not None
        low, high = np.nanquantile(found.places, [0.025, 0.975])
        covered += low <= 0.5 <= high
    assert covered / 120 > 0.9


def test_the_safe_severity_is_where_the_first_limit_breaks() -> None:
    accuracy = np.column_stack([0.9 - 0.5 * S, 0.9 - 0.1 * S, 0.5 - 0.1 * S, 0.9 - 0.1 * S])
    shift = np.column_stack([0.1 * S, 0.1 + 0.4 * S, 0.0 * S, 0.1 * S])
    found = safe_severity(S, accuracy, shift, least_accuracy=0.7, most_shift=0.3)
    assert found[:2] == pytest.approx([0.4, 0.5])
    assert np.isnan(found[2]), "the clean picture breaks the limit already"
    assert found[3] == 1, "no limit is ever broken"

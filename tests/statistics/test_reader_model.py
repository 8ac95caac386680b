"""Bias and inconsistency: Grubbs' closed form, a general optimiser on the same likelihood, and readers of known make."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from medqdeg_desktop.statistics.reader_model import reader_model


def readings(seed: int, things: int, bias: list[float], sd: list[float], missing: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.2, 0.8, (things, 1)) + np.array(bias) + rng.normal(size=(things, len(bias))) * np.array(sd)
    x[rng.random(x.shape) < missing] = np.nan
    return x


def test_three_readers_who_set_everything_are_told_apart_as_grubbs_does() -> None:
    x = readings(1, 60, [-0.05, 0.0, 0.05], [0.03, 0.05, 0.08])
    found = reader_model(x)
    assert found is not None

    def v(a: int, b: int) -> float:
        return float(np.var(x[:, a] - x[:, b], ddof=1))

    grubbs = [(v(0, 1) + v(0, 2) - v(1, 2)) / 2, (v(0, 1) + v(1, 2) - v(0, 2)) / 2, (v(0, 2) + v(1, 2) - v(0, 1)) / 2]
    assert [i.value for i in found.inconsistency] == pytest.approx(np.sqrt(grubbs), rel=1e-5)
    assert [b.value for b in found.bias] == pytest.approx(x.mean(axis=0) - x.mean(), abs=1e-6)


def test_with_holes_it_is_the_maximum_of_the_likelihood_of_the_differences() -> None:
    """Written down anew: any basis of contrasts of what was read is normal with the covariance that the SDs give."""
    x = readings(2, 40, [-0.04, 0.0, 0.01, 0.03], [0.03, 0.04, 0.06, 0.08], missing=0.2)
    x = x[(~np.isnan(x)).sum(axis=1) >= 2]

    def minus_log_likelihood(parameters: np.ndarray) -> float:
        bias, sd = np.append(parameters[:3], -parameters[:3].sum()), np.exp(parameters[3:])
        total = 0.0
        for row in x:
            seen = np.flatnonzero(~np.isnan(row))
            contrasts = np.eye(len(seen))[1:] - np.eye(len(seen))[0]
            covariance = contrasts @ np.diag(sd[seen] ** 2) @ contrasts.T
            total -= stats.multivariate_normal.logpdf(contrasts @ (row[seen] - bias[seen]), cov=covariance)
        return total

    theirs = optimize.minimize(minus_log_likelihood, [0.0] * 3 + [math.log(0.05)] * 4, method="BFGS").x
    found = reader_model(x)
    assert found is not None
    assert [b.value for b in found.bias[:3]] == pytest.approx(theirs[:3], abs=2e-4)
    counts = (~np.isnan(x)).sum(axis=0)
    shrunk = np.array([i.value for i in found.inconsistency]) * np.sqrt((counts - 1) / counts)
    assert shrunk == pytest.approx(np.exp(theirs[3:]), rel=2e-3)


def test_intervals_hold_what_the_readers_were_made_of() -> None:
    bias, sd = np.linspace(-0.06, 0.06, 5), np.linspace(0.03, 0.09, 5)
    held = np.zeros(2)
    for seed in range(150):
        found = reader_model(readings(seed, 24, list(bias), list(sd)))
        assert found is not None
        held[0] += sum(i.low <= b <= i.high for i, b in zip(found.bias, bias, strict=True))
        held[1] += sum(i.low <= v <= i.high for i, v in zip(found.inconsistency, sd, strict=True))
    assert held / (150 * 5) == pytest.approx([0.95, 0.94], abs=0.03)


def test_a_reader_followed_to_the_letter_stops_at_the_floor_and_has_no_interval() -> None:
    x = readings(5, 30, [0.0, 0.0, 0.0], [0.05, 0.05, 0.05])
    x[:, 1] = x[:, 0] + 0.02
    found = reader_model(x)
    assert found is not None
    assert found.inconsistency[0].value < 0.002 and math.isnan(found.inconsistency[0].low)
    assert found.inconsistency[2].value > 0.03


def test_two_readers_or_a_handful_of_pictures_cannot_be_told_apart() -> None:
    assert reader_model(readings(6, 30, [0.0, 0.1], [0.05, 0.05])) is None
    assert reader_model(readings(6, 4, [0.0, 0.1, 0.2], [0.05, 0.05, 0.05])) is None
    assert reader_model([]) is None


def test_what_was_set_twice_tells_more_of_an_inconsistency() -> None:
    rng = np.random.default_rng(7)
    sd = np.array([0.03, 0.05, 0.08])
    truth = rng.uniform(0.2, 0.8, 30)
    twice = [[list(t + rng.normal(0, v, 2)) for v in sd] for t in truth]
    once = [[values[:1] for values in row] for row in twice]
    more, less = reader_model(twice), reader_model(once)
    assert more is not None and less is not None
    for a, b, v in zip(more.inconsistency, less.inconsistency, sd, strict=True):
        assert a.value == pytest.approx(v, rel=0.3) and a.high / a.low < b.high / b.low and (a.n, b.n) == (60, 30)
    # All that repeats alone say, where nobody shares a reader's bias: the pooled SD of the pairs.
    pairs = np.array([row[0] for row in twice])
    assert more.inconsistency[0].value == pytest.approx(math.sqrt(pairs.var(axis=1, ddof=1).mean()), rel=0.25)

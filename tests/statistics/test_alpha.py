"""Krippendorff's alpha against his own example, another program, and panels of known agreement."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medqdeg_desktop.statistics.alpha import alpha_interval, krippendorff_alpha

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


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
def test_alpha_is_that_of_the_krippendorff_package(metric: str) -> None:
    oracle = pytest.importorskip("krippendorff")
    rng = np.random.default_rng(8)
    table = np.clip(rng.normal(2, 1, 40) + rng.normal(0, 0.7, (5, 40)), 0, 4).round()
    table[rng.random(table.shape) < 0.25] = np.nan
    theirs = oracle.alpha(table, level_of_measurement=metric)
    assert krippendorff_alpha(table, metric) == pytest.approx(theirs)  # type: ignore[arg-type]
    assert alpha_interval(table, metric, replicates=50).value == pytest.approx(theirs)  # type: ignore[arg-type]


def test_values_far_from_zero_lose_nothing_to_rounding() -> None:
    table = np.random.default_rng(1).normal(0, 0.05, (3, 20)) + np.linspace(0, 0.4, 20)
    assert krippendorff_alpha(table + 1e6, "interval") == pytest.approx(krippendorff_alpha(table, "interval"), abs=1e-6)


@pytest.mark.parametrize("metric", ["ordinal", "interval"])
def test_the_interval_holds_the_alpha_of_the_world_about_as_often_as_it_says(metric: str) -> None:
    """Readings of a picture hang together (two levels of it), so whole pictures are drawn."""

    def panel(rng: np.random.Generator, pictures: int) -> tuple[np.ndarray, np.ndarray]:
        truth = np.repeat(rng.normal(2, 1, pictures), 2) + rng.normal(0, 0.2, 2 * pictures)
        return np.clip(truth + rng.normal(0, 0.6, (4, 2 * pictures)), 0, 4).round(), np.repeat(np.arange(pictures), 2)

    world = krippendorff_alpha(panel(np.random.default_rng(0), 20_000)[0], metric)  # type: ignore[arg-type]
    hits = 0
    for seed in range(300):
        table, pictures = panel(np.random.default_rng(100 + seed), 24)
        found = alpha_interval(table, metric, clusters=pictures, replicates=300)  # type: ignore[arg-type]
        hits += found.low <= world <= found.high
        assert found.n == 24
    assert hits / 300 == pytest.approx(0.95, abs=0.04)


def test_where_nothing_can_be_compared_there_is_no_number() -> None:
    assert math.isnan(alpha_interval(np.full((2, 5), np.nan)).value)
    assert math.isnan(alpha_interval([[1.0, np.nan, 2.0]]).value)
    alone = alpha_interval([[1.0, 2.0], [1.0, 3.0]], "interval", clusters=["a", "a"])
    assert not math.isnan(alone.value) and math.isnan(alone.low) and alone.n == 1

"""The cluster bootstrap: exact draws, sums by matrix product, and intervals that cover as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from medqdeg_desktop.statistics.bootstrap import (
    acceleration,
    cluster_sums,
    cluster_weights,
    expanded_tail,
    interval,
    ratio,
)


def test_every_replicate_draws_as_many_clusters_as_there_are() -> None:
    weights = cluster_weights(37, 600, seed=3)
    assert weights.counts.shape == (37, 600)
    assert (weights.counts.sum(axis=0, dtype=int) == 37).all()


def test_draws_have_the_mean_and_variance_of_a_multinomial() -> None:
    counts = cluster_weights(50, 8000, seed=1).counts.astype(float)
    assert counts.mean() == 1
    assert counts.var(axis=1).mean() == pytest.approx(1 - 1 / 50, rel=0.02)
    assert np.corrcoef(counts[0], counts[1])[0, 1] == pytest.approx(-1 / 49, abs=0.035)


def test_a_longer_run_begins_with_the_replicates_of_a_shorter_one() -> None:
    short, long = cluster_weights(20, 300, seed=7), cluster_weights(20, 1000, seed=7)
    assert np.array_equal(short.counts, long.counts[:, :300])
    assert not np.array_equal(short.counts, cluster_weights(20, 300, seed=8).counts)


def test_sums_equal_those_over_resampled_rows() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((9, 3))
    weights = cluster_weights(9, 520, seed=2)
    drawn = weights.sums(values)
    for replicate in (0, 251, 519):
        rows = np.repeat(np.arange(9), weights.counts[:, replicate])
        assert drawn[:, replicate] == pytest.approx(values[rows].sum(axis=0), rel=1e-5)


def test_sums_over_some_clusters_leave_the_others_out() -> None:
    values = np.arange(1.0, 6.0)[:, None]
    weights = cluster_weights(5, 40, seed=2)
    part = weights.sums(values[[1, 3]], np.array([1, 3]))
    assert part[0] == pytest.approx(2 * weights.counts[1].astype(float) + 4 * weights.counts[3].astype(float))


def test_cluster_sums_add_rows_of_one_cluster() -> None:
    assert cluster_sums([[1, 10], [2, 20], [4, 40]], [0, 2, 0], 3).tolist() == [[5, 50], [0, 0], [2, 20]]


def test_an_interval_of_many_clusters_is_the_plain_percentile_interval_and_of_few_is_wider() -> None:
    assert expanded_tail(100_000) == pytest.approx(0.025, abs=1e-5)
    assert expanded_tail(10) < 0.012


def test_there_is_no_interval_from_one_cluster_and_none_without_replicates() -> None:
    assert np.isnan(interval(np.ones((2, 50)), 1)).all()
    assert np.isnan(interval(np.full((1, 50), np.nan), 9)).all()


def test_replicates_that_drew_nothing_of_a_cell_are_left_out() -> None:
    values = ratio(np.array([[0, 1, 2]], dtype=np.float32), np.array([[0, 2, 2]], dtype=np.float32))
    assert np.isnan(values[0, 0])
    assert interval(values, 50)[0] == pytest.approx([0.5, 1.0], abs=0.02)


def test_the_correction_for_bias_and_skewness_is_that_of_scipy() -> None:
    values = np.random.default_rng(6).exponential(size=40) ** 1.5
    weights = cluster_weights(40, 20_000, seed=9)
    drawn = weights.sums(values[:, None])[0] / 40
    skewed = acceleration(((values - values.mean()) / 40)[:, None])
    # As many clusters as leave the percentiles as they are.
    found = interval(drawn, 10**7, estimate=values.mean(), acceleration=skewed)[0]
    reference = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(1))
    low, high = reference.confidence_interval
    plain = interval(drawn, 10**7)[0]
    assert found == pytest.approx([low, high], abs=0.02 * (high - low))
    assert found[1] - plain[1] > 0.04 * (high - low), "and not that of plain percentiles"
    mirrored = interval(-drawn, 10**7, estimate=-values.mean(), acceleration=-skewed)[0]
    assert mirrored == pytest.approx(-found[::-1], rel=1e-5)


def test_a_correction_needs_replicates_an_estimate_and_a_spread() -> None:
    values = np.array([[np.nan] * 4, [0.5] * 4, [0.1, np.nan, 0.3, 0.2]], dtype=np.float32)
    found = interval(values, 3, estimate=[np.nan, 0.5, 0.2], acceleration=acceleration(np.zeros((5, 3))))
    assert np.isnan(found[0]).all()
    assert found[1] == pytest.approx([0.5, 0.5])
    assert found[2] == pytest.approx([0.1, 0.3], abs=0.01)


@pytest.mark.parametrize("clusters", [15, 80])
def test_intervals_of_a_ratio_cover_the_truth_as_often_as_they_say_when_answers_of_a_cluster_agree(clusters: int) -> None:
    rng = np.random.default_rng(clusters)
    simulations, hits = 400, 0
    naive_hits = 0
    weights = cluster_weights(clusters, 600, seed=5)
    for _ in range(simulations):
        sizes = rng.integers(1, 6, clusters)
        chance = rng.beta(3, 2, clusters)
        right = rng.binomial(sizes, chance)
        drawn = weights.sums(np.stack([right, sizes], axis=1))
        low, high = interval(ratio(drawn[:1], drawn[1:]), clusters)[0]
        hits += low <= 0.6 <= high
        share, n = right.sum() / sizes.sum(), sizes.sum()
        naive_hits += abs(share - 0.6) <= 1.96 * np.sqrt(share * (1 - share) / n)
    expected = stats.binom.interval(0.999, simulations, 0.95)
    assert expected[0] - 4 <= hits <= expected[1]
    # Taking answers as independent would have been overconfident: the test can tell the two apart.
    assert naive_hits < hits

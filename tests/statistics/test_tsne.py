"""The map keeps neighbours as well as scikit-learn's, its kernels have the asked perplexity, and it is the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE, trustworthiness

from medqdeg_desktop.statistics.tsne import affinities, tsne


def test_neighbours_are_kept_as_well_as_by_scikit_learn() -> None:
    x = load_digits().data[:300] / 16
    own = trustworthiness(x, tsne(x), n_neighbors=10)
    other = trustworthiness(x, TSNE(init="pca", random_state=0, method="exact", max_iter=500).fit_transform(x), n_neighbors=10)
    assert own > other - 0.01
    assert own > 0.95


def test_clusters_apart_stay_apart() -> None:
    rng = np.random.default_rng(0)
    kind = np.repeat(np.arange(3), 40)
    y = tsne(rng.normal(size=(120, 10)) + 12 * np.eye(10)[kind])
    distance = np.linalg.norm(y[:, None] - y[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (kind[distance.argmin(axis=1)] == kind).all()


def test_kernels_have_the_perplexity_asked_for_and_sum_to_one() -> None:
    x = np.random.default_rng(1).normal(size=(60, 5))
    p = affinities(x, 12.0)
    assert p.sum() == pytest.approx(1, abs=1e-6)
    assert p == pytest.approx(p.T)
    # A lattice on a ring looks the same from every point: there the joint rows keep the kernels' own entropy.
    angle = 2 * np.pi * np.arange(90) / 90
    rows = affinities(np.column_stack([np.cos(angle), np.sin(angle)]), 12.0) * 90
    entropy = -(rows * np.log(rows)).sum(axis=1)
    assert np.exp(entropy) == pytest.approx(np.full(90, 12.0), rel=0.01)


def test_the_map_is_the_same_every_time_and_needs_four_points() -> None:
    x = np.random.default_rng(2).normal(size=(30, 4))
    assert np.array_equal(tsne(x, iterations=200), tsne(x, iterations=200))
    with pytest.raises(ValueError, match="at least four points"):
        tsne(x[:3])


def test_points_that_fall_together_do_no_harm() -> None:
    x = np.zeros((12, 3))
    x[6:] = 1.0
    assert np.isfinite(tsne(x, iterations=100)).all()

"""Principal components against scikit-learn, and mixing of two kinds whose distributions are known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from medqdeg_desktop.statistics.feature_mixing import neighbour_mixing, principal_components

KIND = np.array(["real", "simulated"] * 60)


def test_principal_components_are_those_of_scikit_learn() -> None:
    x = np.random.default_rng(0).normal(size=(80, 12)) @ np.diag(np.arange(1, 13))
    found, share = principal_components(x, 3)
    fitted = PCA(3).fit(x)
    assert share == pytest.approx(fitted.explained_variance_ratio_)
    assert np.abs(found) == pytest.approx(np.abs(fitted.transform(x)))
    with pytest.raises(ValueError, match="at least as many rows"):
        principal_components(x[:1])


def test_one_distribution_mixes_fully_and_two_far_apart_do_not() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(120, 8))
    mixed = neighbour_mixing(x, KIND, shuffles=199)
    assert mixed.ratio == pytest.approx(1, abs=0.08)
    assert mixed.p_value > 0.05
    apart = neighbour_mixing(x + 20 * (KIND == "real")[:, None], KIND, shuffles=199)
    assert apart.ratio < 0.02
    assert apart.p_value == pytest.approx(1 / 200)


def test_p_values_of_mixed_kinds_are_uniform() -> None:
    rng = np.random.default_rng(2)
    p = [neighbour_mixing(rng.normal(size=(60, 4)), KIND[:60], shuffles=99, seed=i).p_value for i in range(80)]
    assert 0.02 <= np.mean(np.array(p) <= 0.1) <= 0.2
    assert abs(np.mean(p) - 0.5) < 0.12


def test_strata_take_out_what_modality_alone_separates() -> None:
    rng = np.random.default_rng(3)
    modality = np.array(["CT"] * 60 + ["MRI"] * 60)
    kind = np.where(rng.random(120) < np.where(modality == "CT", 0.9, 0.1), "real", "simulated")
    x = rng.normal(size=(120, 6)) + 8 * (modality == "CT")[:, None]
    assert neighbour_mixing(x, kind, shuffles=199).ratio < 0.6
    within = neighbour_mixing(x, kind, modality, shuffles=199)
    assert within.ratio == pytest.approx(1, abs=0.2)
    assert within.p_value > 0.02
    with pytest.raises(ValueError, match="two kinds"):
        neighbour_mixing(x, modality, modality)

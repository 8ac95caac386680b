"""Holm, paired tests on clusters, minimum detectable effect."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from medqdeg_desktop.statistics.distributions import binomial_bounds, normal_quantile, t_quantile
from medqdeg_desktop.statistics.multiplicity import holm
from medqdeg_desktop.statistics.power import minimum_detectable_effect, p_values_of_all_pairs, paired_test


def test_holm_gives_the_textbook_values_in_the_given_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_never_exceeds_one_and_leaves_missing_tests_out_of_the_family() -> None:
    adjusted = holm([0.9, np.nan, 0.8])
    assert adjusted[[0, 2]] == pytest.approx([1, 1])
    assert np.isnan(adjusted[1])
    assert holm([0.02, np.nan])[0] == pytest.approx(0.02)


def test_holm_keeps_the_family_wise_error() -> None:
    p = np.random.default_rng(0).random((2000, 20))
    wrong = sum((holm(row) < 0.05).any() for row in p)
    assert wrong <= stats.binom.ppf(0.999, 2000, 0.05)


def test_a_paired_test_of_many_single_clusters_is_the_t_test() -> None:
    d = np.random.default_rng(1).normal(0.05, 0.4, 4000)
    test = paired_test(d[:, None], np.ones(4000))
    assert test.p_value[0] == pytest.approx(stats.ttest_1samp(d, 0).pvalue, rel=0.02)
    assert test.standard_error[0] == pytest.approx(stats.sem(d), rel=2e-3)


def test_answers_that_agree_within_a_cluster_count_as_one() -> None:
    d = np.random.default_rng(2).normal(0, 1, 500)
    once = paired_test(d[:, None], np.ones(500)).standard_error[0]
    copied = paired_test(5 * d[:, None], np.full(500, 5)).standard_error[0]
    assert copied == pytest.approx(once, rel=0.01)


def test_a_paired_test_rejects_a_true_null_hypothesis_at_most_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 6, (40, 1500))
    sums = rng.normal(0, 0.3, (40, 1500)) * sizes
    assert (paired_test(sums, sizes).p_value < 0.05).mean() < 0.065


def test_a_cell_in_which_nothing_changed_still_has_an_uncertainty() -> None:
    test = paired_test(np.zeros((20, 1)), np.ones(20))
    assert test.standard_error[0] > 0
    assert test.p_value[0] == pytest.approx(1)


def test_there_is_no_test_from_one_cluster() -> None:
    test = paired_test(np.ones((1, 1)), np.ones(1))
    assert np.isnan(test.p_value[0])
    assert np.isnan(test.standard_error[0])


def test_the_detectable_effect_is_found_with_the_power_it_names() -> None:
    effect = minimum_detectable_effect([0.01])[0]
    assert effect == pytest.approx(0.0280, abs=1e-4)
    estimates = np.random.default_rng(4).normal(effect, 0.01, 20_000)
    assert (np.abs(estimates / 0.01) > 1.96).mean() == pytest.approx(0.8, abs=0.01)


def test_distribution_functions_agree_with_scipy_stats() -> None:
    assert normal_quantile(0.9) == pytest.approx(stats.norm.ppf(0.9))
    assert t_quantile(0.975, 7) == pytest.approx(stats.t.ppf(0.975, 7))
    for hits in (0, 3, 12):
        exact = stats.binomtest(hits, 12).proportion_ci(0.95, "exact")
        assert binomial_bounds(hits, 12) == pytest.approx((exact.low, exact.high))


def test_the_p_values_of_all_pairs_are_those_of_each_pair() -> None:
    rng = np.random.default_rng(5)
    sizes = np.append(rng.integers(1, 6, 60), [0, 0])
    sums = rng.binomial(sizes[:, None], 0.6, (62, 5)).astype(float)
    sums[:, 3] = sums[:, 1]  # two models that answered alike
    found = p_values_of_all_pairs(sums, sizes)
    for i in range(5):
        alone = paired_test(sums[:, i : i + 1] - sums, sizes).p_value
        others = np.arange(5) != i
        assert found[i, others] == pytest.approx(alone[others], rel=1e-9)
    assert found[1, 3] == pytest.approx(1)
    assert np.isnan(np.diag(found)).all()
    assert np.isnan(p_values_of_all_pairs(np.ones((1, 3)), [4])).all()

"""Calibration metrics against scikit-learn and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score

from medqdeg_desktop.statistics.calibration_metrics import (
    adaptive_ece,
    auroc,
    brier_score,
    equal_mass_bins,
    equal_width_bins,
    equal_width_ece,
    metrics_of_counts,
)


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    confidence = np.round(rng.beta(4, 2, 3000), 2)
    return confidence, (rng.random(3000) < confidence**1.6).astype(float)


def test_brier_and_auroc_agree_with_scikit_learn(sample: tuple[np.ndarray, np.ndarray]) -> None:
    confidence, outcome = sample
    assert brier_score(confidence, outcome) == pytest.approx(brier_score_loss(outcome, confidence))
    assert auroc(confidence, outcome) == pytest.approx(roc_auc_score(outcome, confidence))


def test_equal_width_bins_agree_with_scikit_learn(sample: tuple[np.ndarray, np.ndarray]) -> None:
    confidence, outcome = sample
    # Off the two-decimal grid no confidence lies on an edge, where the two conventions differ.
    shifted = np.clip(confidence + 0.003, 0, 1)
    accuracy, mean = calibration_curve(outcome, shifted, n_bins=10)
    bins = equal_width_bins(shifted, outcome, 10)
    assert bins.accuracy == pytest.approx(accuracy)
    assert bins.confidence == pytest.approx(mean)


def test_equal_mass_bins_hold_about_equally_many_and_never_split_equal_confidences(sample: tuple[np.ndarray, np.ndarray]) -> None:
    confidence, outcome = sample
    bins = equal_mass_bins(confidence, outcome, 15)
    assert bins.counts.sum() == 3000
    assert bins.counts.min() > 120
    for value in np.unique(confidence):
        assert len(np.unique(bins.assignment[confidence == value])) == 1


def test_calibration_error_of_known_bins_is_their_weighted_gap() -> None:
    confidence = np.repeat([0.25, 0.85], [40, 60])
    outcome = np.concatenate([np.repeat([1.0, 0.0], [20, 20]), np.repeat([1.0, 0.0], [45, 15])])
    expected = 0.4 * 0.25 + 0.6 * 0.10
    assert adaptive_ece(confidence, outcome) == pytest.approx(expected)
    assert equal_width_ece(confidence, outcome) == pytest.approx(expected)


def test_a_calibrated_model_has_a_small_error_and_an_overconfident_one_its_gap() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.2, 0.8, 200_000)
    outcome = (rng.random(200_000) < p).astype(float)
    assert adaptive_ece(p, outcome) < 0.01
    assert adaptive_ece(p + 0.15, outcome) == pytest.approx(0.15, abs=0.01)


def test_a_fraction_counts_as_that_many_right_and_wrong_cases() -> None:
    confidence, outcome = np.array([0.9, 0.6, 0.3]), np.array([1.0, 0.5, 0.0])
    doubled = np.repeat(confidence, 2), np.array([1, 1, 1, 0, 0, 0])
    assert brier_score(confidence, outcome) == pytest.approx(brier_score_loss(doubled[1], doubled[0]))
    assert auroc(confidence, outcome) == pytest.approx(roc_auc_score(doubled[1], doubled[0]))


def test_items_without_confidence_are_left_out_and_one_class_has_no_auroc() -> None:
    assert brier_score([0.5, np.nan], [1, 0]) == pytest.approx(0.25)
    assert np.isnan(auroc([0.2, 0.8], [1, 1]))
    assert np.isnan(auroc([], []))
    assert np.isnan(adaptive_ece([np.nan], [1]))
    assert equal_mass_bins([np.nan, 0.4], [1, 1]).assignment.tolist() == [-1, 0]


def test_vectors_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        brier_score([0.1, 0.2], [1])


def test_counts_of_few_values_give_what_the_items_themselves_give() -> None:
    rng = np.random.default_rng(3)
    values = np.linspace(0.2, 1.0, 9)
    place = rng.integers(0, len(values), (6, 400))
    outcome = (rng.random((6, 400)) < values[place]).astype(float)
    outcome[rng.random((6, 400)) < 0.1] = 0.5
    place[1], outcome[2], outcome[3] = 4, 1.0, 0.0
    kept = np.array([400, 400, 400, 400, 1, 0])
    counts, right = np.zeros((6, 9), dtype=np.int64), np.zeros((6, 9))
    for m, n in enumerate(kept):
        np.add.at(counts[m], place[m, :n], 1)
        np.add.at(right[m], place[m, :n], outcome[m, :n])
    found = metrics_of_counts(values, counts, right)
    for told, metric in zip(found, (adaptive_ece, brier_score, auroc), strict=True):
        expected = [metric(values[place[m, :n]], outcome[m, :n]) for m, n in enumerate(kept)]
        np.testing.assert_allclose(told, expected, atol=1e-12)
    assert np.isnan(found[2][[2, 3, 5]]).all() and np.isnan(found[0][5])

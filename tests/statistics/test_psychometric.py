"""The posterior of a boundary against a plain enumeration of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from medqdeg_desktop.statistics import psychometric
from medqdeg_desktop.statistics.psychometric import ThresholdPosterior, probability, stimuli

ANSWERS = ((0.5, True), (0.3, False), (0.42, True), (0.36, False), (0.4, True))


def test_the_curve_is_a_cumulative_normal_between_its_lapses() -> None:
    s = np.linspace(0, 1, 11)
    assert probability(s, 0.4, 0.1, 0.04) == pytest.approx(0.02 + 0.96 * stats.norm(0.4, 0.1).cdf(s))


def _chance(severity: float) -> np.ndarray:
    """(thresholds, SDs) chance of "at least" at ``severity``."""
    return 0.02 + 0.96 * stats.norm.cdf(severity, psychometric._THRESHOLDS[:, None], psychometric._SDS[None, :])


def _enumerated(answers: tuple[tuple[float, bool], ...]) -> np.ndarray:
    """(thresholds, SDs) posterior as the product of prior and chances."""
    weights = np.ones((len(psychometric._THRESHOLDS), 1)) * stats.norm(np.log(0.08), 0.7).pdf(np.log(psychometric._SDS))
    for severity, yes in answers:
        weights = weights * (_chance(severity) if yes else 1 - _chance(severity))
    return weights / weights.sum()


def _moments(weights: np.ndarray) -> tuple[float, float]:
    of_threshold = stats.rv_discrete(values=(np.arange(len(weights)), weights.sum(axis=1) / weights.sum()))
    step, first = psychometric._THRESHOLDS[1] - psychometric._THRESHOLDS[0], psychometric._THRESHOLDS[0]
    return float(first + step * of_threshold.mean()), float(step**2 * of_threshold.var())


def test_mean_and_sd_after_some_answers_are_those_of_an_enumeration() -> None:
    posterior = ThresholdPosterior()
    for severity, yes in ANSWERS:
        posterior.update(severity, yes)
    mean, variance = _moments(_enumerated(ANSWERS))
    assert (posterior.mean, posterior.sd) == pytest.approx((mean, np.sqrt(variance)), rel=1e-6)


def test_the_expected_variance_is_the_mean_over_both_answers_of_what_each_would_leave() -> None:
    posterior = ThresholdPosterior()
    for severity, yes in ANSWERS[:2]:
        posterior.update(severity, yes)
    now = _enumerated(ANSWERS[:2])
    for place in (10, 20, 40):
        s = float(stimuli()[place])
        yes = float((now * _chance(s)).sum())
        left = {answer: _moments(_enumerated((*ANSWERS[:2], (s, answer))))[1] for answer in (True, False)}
        assert posterior.expected_variance()[place] == pytest.approx(yes * left[True] + (1 - yes) * left[False], rel=1e-5)

"""The adaptive run on simulated observers."""

from __future__ import annotations

import numpy as np

from medqdeg_desktop.calibration.adaptive import TRIALS_A_LEVEL, OrdinalRun
from medqdeg_desktop.statistics.psychometric import ThresholdPosterior, probability, stimuli
from medqdeg_desktop.taxonomy import Level


def test_twenty_trials_find_a_boundary_within_the_stated_error() -> None:
    """The stated observer: SD 0.08, 3 % lapses; root mean square error at most 0.035."""
    rng = np.random.default_rng(1)
    errors = []
    for _ in range(60):
        threshold = rng.uniform(0.15, 0.85)
        posterior = ThresholdPosterior()
        for _ in range(20):
            severity = float(stimuli()[posterior.expected_variance().argmin()])
            lapse = rng.random() < 0.03
            yes = rng.random() < (0.5 if lapse else float(probability(severity, threshold, 0.08, 0.0)))
            posterior.update(severity, bool(yes))
        errors.append(posterior.mean - threshold)
    assert np.sqrt(np.mean(np.square(errors))) <= 0.035


def test_a_run_of_ratings_finds_both_levels() -> None:
    rng = np.random.default_rng(2)
    errors = []
    for _ in range(25):
        edges = np.sort(rng.uniform(0.1, 0.95, 3))
        run = OrdinalRun()
        while not run.finished:
            severity = run.next_severity()
            rating = int(rng.integers(0, 5)) if rng.random() < 0.03 else 1 + int((severity + rng.normal(0, 0.08) > edges).sum())
            run.answer(severity, rating)
        assert run.answered == 2 * TRIALS_A_LEVEL
        levels = run.levels()
        errors += [levels[Level.L1] - edges[:2].mean(), levels[Level.L2] - edges[1:].mean()]
    assert np.sqrt(np.mean(np.square(errors))) <= 0.035


def test_a_run_told_its_answers_again_stands_where_it_stood() -> None:
    one, again = OrdinalRun(), OrdinalRun()
    shown = []
    for rating in (3, 1, 2, 4, 2):
        severity = one.next_severity()
        one.answer(severity, rating)
        shown.append((severity, rating))
    for severity, rating in shown:
        assert again.next_severity() == severity
        again.answer(severity, rating)
    assert again.next_severity() == one.next_severity() and again.levels() == one.levels()

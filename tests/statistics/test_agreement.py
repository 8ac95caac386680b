"""Kappa of two and of many raters against scikit-learn, the textbook example and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from medqdeg_desktop.statistics.agreement import fleiss_kappa, weighted_kappa

#: Fleiss 1971, as printed in the standard worked example: 10 subjects, 14 raters, 5 categories, kappa 0.210.
FLEISS_EXAMPLE = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


@pytest.mark.parametrize("weighting", ["none", "linear", "quadratic"])
def test_weighted_kappa_is_that_of_scikit_learn(weighting: str) -> None:
    numbers = np.random.default_rng(4)
    first = numbers.integers(0, 4, 300)
    second = np.clip(first + numbers.integers(-1, 2, 300), 0, 3)
    ours = weighted_kappa(first, second, 4, weighting=weighting)  # type: ignore[arg-type]
    theirs = cohen_kappa_score(first, second, weights=None if weighting == "none" else weighting, labels=[0, 1, 2, 3])
    assert ours.kappa == pytest.approx(theirs, abs=1e-12)
    assert ours.low < ours.kappa < ours.high


def test_kappa_of_many_raters_reproduces_the_worked_example() -> None:
    assert fleiss_kappa(FLEISS_EXAMPLE).kappa == pytest.approx(0.2099, abs=5e-5)


def test_kappa_of_two_raters_with_equal_margins_is_cohens() -> None:
    # With equal margins Scott's pi, which Fleiss generalises, and Cohen's kappa are one number: (0.7 - 0.5) / 0.5.
    first = [0] * 10 + [1] * 10
    second = [0] * 7 + [1] * 3 + [0] * 3 + [1] * 7
    counts = [[(a == c) + (b == c) for c in (0, 1)] for a, b in zip(first, second, strict=True)]
    assert fleiss_kappa(counts).kappa == pytest.approx(0.4)
    assert weighted_kappa(first, second, 2).kappa == pytest.approx(0.4)


def test_subjects_with_one_rating_say_nothing_about_agreement() -> None:
    many = [*FLEISS_EXAMPLE, [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert fleiss_kappa(many).kappa == fleiss_kappa(FLEISS_EXAMPLE).kappa
    assert fleiss_kappa(many).subjects == 10


def test_complete_agreement_is_one_and_agreement_on_one_category_alone_is_undefined() -> None:
    assert weighted_kappa([0, 1, 2], [0, 1, 2], 3, weighting="linear").kappa == 1
    assert math.isnan(weighted_kappa([0, 0, 0], [0, 0, 0], 2).kappa)
    assert math.isnan(fleiss_kappa([[2, 0], [2, 0]]).kappa)
    assert math.isnan(fleiss_kappa(np.empty((0, 2))).kappa)


def test_the_interval_covers_the_true_kappa_about_as_often_as_it_says() -> None:
    # Raters who copy the truth with chance p and else toss a coin: kappa is p squared for balanced categories.
    copies, hits = 0.8, 0
    numbers = np.random.default_rng(1)
    for trial in range(200):
        truth = numbers.integers(0, 2, 120)
        ratings = [np.where(numbers.random(120) < copies, truth, numbers.integers(0, 2, 120)) for _ in range(2)]
        found = weighted_kappa(*ratings, 2, replicates=500, seed=trial)
        hits += found.low <= copies**2 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_judging_in_clusters_widens_the_interval() -> None:
    numbers = np.random.default_rng(2)
    first = np.repeat(numbers.integers(0, 2, 60), 5)
    second = np.repeat(np.where(numbers.random(60) < 0.8, first[::5], 1 - first[::5]), 5)
    alone = weighted_kappa(first, second, 2)
    together = weighted_kappa(first, second, 2, clusters=np.repeat(np.arange(60), 5))
    assert together.kappa == alone.kappa
    assert together.high - together.low > 1.7 * (alone.high - alone.low)
    assert together.clusters == 60 and together.subjects == 300


def test_ratings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        weighted_kappa([0, 2], [0, 1], 2)
    with pytest.raises(ValueError, match="both must be"):
        weighted_kappa([0, 1], [0], 2)
    with pytest.raises(ValueError, match="for 2 subjects"):
        weighted_kappa([0, 1], [0, 1], 2, clusters=[1])

"""Agreement of people who judge the same things: weighted kappa of two raters, kappa of many, each with a cluster interval.

Cohen 1968 (Psychol Bull 70:213) for two raters with weighted disagreement; for many raters Fleiss 1971 (Psychol Bull 76:378),
in the form that allows a different number of ratings for each subject: the chance agreement comes from the mean share of each
category, the observed one from the pairs of ratings of each subject. Both equal their textbook forms where those apply.

Intervals come from resampling clusters (items: the degradations of one item are judged together), because both statistics are
functions of sums over clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medqdeg_desktop.statistics.bootstrap import cluster_sums, cluster_weights, interval

Floats = NDArray[np.float64]
Weighting = Literal["none", "linear", "quadratic"]
#: Sums over clusters, (m, columns), to one value for each row, (m,).
_Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Agreement:
    """A kappa with its 95 % interval, on ``subjects`` judged things in ``clusters``; NaN where chance agreement is complete."""

    kappa: float
    low: float
    high: float
    subjects: int
    clusters: int


def weighted_kappa(
    first: ArrayLike,
    second: ArrayLike,
    categories: int,
    *,
    weighting: Weighting = "none",
    clusters: ArrayLike | None = None,
    replicates: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Cohen's kappa of two raters.

    first, second   (n,) ratings as whole numbers 0 to ``categories`` - 1 in the order of the scale.
    weighting       of a disagreement by its distance on the scale: none (any counts alike), linear or quadratic.
    clusters        (n,) cluster of each subject, any labels; each subject its own where it is not given.
    """
    a, b = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"ratings of shapes {a.shape} and {b.shape}: both must be (n,)")
    if a.size and not (min(a.min(), b.min()) >= 0 and max(a.max(), b.max()) < categories):
        raise ValueError(f"a rating lies outside 0 to {categories - 1}")
    table = np.zeros((a.size, categories * categories))
    table[np.arange(a.size), a * categories + b] = 1
    weights = _disagreement(categories, weighting)

    def kappa_of(sums: Floats) -> Floats:
        """(m, categories squared) tables to (m,) kappas."""
        joint = sums.reshape(-1, categories, categories)
        total = joint.sum(axis=(1, 2))
        observed = (joint * weights).sum(axis=(1, 2))
        expected = np.einsum("mi,ij,mj->m", joint.sum(axis=2), weights, joint.sum(axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(expected > 0, 1 - observed * total / expected, np.nan)

    return _with_interval(table, clusters, kappa_of, replicates, seed)


def fleiss_kappa(
    counts: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    replicates: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Kappa of any number of raters.

    counts     (n, categories) how many raters put each subject into each category. Subjects with fewer than two ratings say
               nothing about agreement and are left out.
    clusters   as for ``weighted_kappa``.
    """
    votes = np.asarray(counts, dtype=np.float64)
    if votes.ndim != 2:
        raise ValueError(f"counts of shape {votes.shape}: must be (n, categories)")
    ratings = votes.sum(axis=1)
    used = ratings >= 2
    votes, ratings = votes[used], ratings[used]
    chosen = None if clusters is None else np.asarray(clusters)[used]
    pairs = (votes * (votes - 1)).sum(axis=1) / (ratings * (ratings - 1)) if len(votes) else np.empty(0)
    shares = votes / ratings[:, None] if len(votes) else votes
    table = np.column_stack([np.ones(len(votes)), pairs, shares])

    def kappa_of(sums: Floats) -> Floats:
        subjects = sums[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            observed = sums[:, 1] / subjects
            chance = ((sums[:, 2:] / subjects[:, None]) ** 2).sum(axis=1)
            return np.where(1 - chance > 1e-12, (observed - chance) / (1 - chance), np.nan)

    return _with_interval(table, chosen, kappa_of, replicates, seed)


def _disagreement(categories: int, weighting: Weighting) -> Floats:
    distance = np.abs(np.subtract.outer(np.arange(categories), np.arange(categories))).astype(np.float64)
    if weighting == "none":
        return (distance > 0).astype(np.float64)
    return distance if weighting == "linear" else distance**2


def _with_interval(
    table: Floats,
    clusters: ArrayLike | None,
    kappa_of: _Statistic,
    replicates: int,
    seed: int,
) -> Agreement:
    labels = np.arange(len(table)) if clusters is None else np.asarray(clusters)
    if labels.shape != (len(table),):
        raise ValueError(f"clusters of shape {labels.shape} for {len(table)} subjects")
    if not len(table):
        return Agreement(float("nan"), float("nan"), float("nan"), 0, 0)
    names, index = np.unique(labels, return_inverse=True)
    sums = cluster_sums(table, index, len(names))
    kappa = float(kappa_of(sums.sum(axis=0, keepdims=True))[0])
    drawn = cluster_weights(len(names), replicates, seed).sums(sums).T.astype(np.float64)
    low, high = interval(kappa_of(drawn)[None, :], len(names))[0]
    return Agreement(kappa, float(low), float(high), len(table), len(names))

"""Whether a stated probability of being right is one: reliability bins, expected calibration error, Brier score, AUROC.

``confidence`` (n,) is a probability, ``outcome`` (n,) the chance of being right: 1 or 0, or a fraction where a vote was tied
or several trials were averaged. A fraction c counts as c right and 1 - c wrong cases, in every metric. Items whose confidence
is NaN are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReliabilityBins:
    """Bins of confidence: counts, mean confidence and accuracy of each (b,), and the bin of each item (n,), -1 if left out."""

    counts: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats
    assignment: NDArray[np.int64]


def equal_mass_bins(confidence: ArrayLike, outcome: ArrayLike, bins: int = 15) -> ReliabilityBins:
    """Bins that hold about equally many items; equal confidences are never split, so there may be fewer than ``bins``."""
    c, _ = _checked(confidence, outcome)
    known = c[np.isfinite(c)]
    if len(known) == 0:
        return _binned(confidence, outcome, np.zeros(0))
    # The k-th edge is the value that k / bins of the items do not exceed; np.quantile says the same ten times slower.
    places = -(-np.arange(1, bins) * len(known) // bins) - 1
    return _binned(confidence, outcome, np.unique(np.sort(known)[np.maximum(places, 0)]))


def equal_width_bins(confidence: ArrayLike, outcome: ArrayLike, bins: int = 15) -> ReliabilityBins:
    """Bins of equal width over 0 to 1, each including its upper edge (Guo et al. 2017)."""
    return _binned(confidence, outcome, np.arange(1, bins) / bins)


def _binned(confidence: ArrayLike, outcome: ArrayLike, edges: Floats) -> ReliabilityBins:
    c, y = _checked(confidence, outcome)
    known = np.isfinite(c)
    place = np.searchsorted(edges, c[known], side="left")
    counts = np.bincount(place, minlength=len(edges) + 1)
    sums = np.bincount(place, weights=c[known], minlength=len(counts))
    hits = np.bincount(place, weights=y[known], minlength=len(counts))
    used = counts > 0
    assignment = np.full(len(c), -1, dtype=np.int64)
    assignment[known] = (np.cumsum(used) - 1)[place]
    return ReliabilityBins(counts[used], sums[used] / counts[used], hits[used] / counts[used], assignment)


def expected_calibration_error(bins: ReliabilityBins) -> float:
    """Mean distance of confidence and accuracy over the bins, weighted by their counts; NaN without items."""
    if bins.counts.sum() == 0:
        return float("nan")
    return float(np.average(np.abs(bins.confidence - bins.accuracy), weights=bins.counts))


def adaptive_ece(confidence: ArrayLike, outcome: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error over equal-mass bins."""
    return expected_calibration_error(equal_mass_bins(confidence, outcome, bins))


def equal_width_ece(confidence: ArrayLike, outcome: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error over equal-width bins, for comparison with other work."""
    return expected_calibration_error(equal_width_bins(confidence, outcome, bins))


def brier_score(confidence: ArrayLike, outcome: ArrayLike) -> float:
    """Mean squared error of the confidence as a probability of being right; a fraction c adds its own spread c (1 - c)."""
    c, y = _checked(confidence, outcome)
    known = np.isfinite(c)
    if not known.any():
        return float("nan")
    return float(np.mean((c[known] - y[known]) ** 2 + y[known] * (1.0 - y[known])))


def auroc(confidence: ArrayLike, outcome: ArrayLike) -> float:
    """Chance that a right answer has more confidence than a wrong one, ties counting half; NaN without both kinds."""
    c, y = _checked(confidence, outcome)
    known = np.isfinite(c)
    c, y = c[known], y[known]
    order = np.argsort(c, kind="stable")
    c, right = c[order], y[order]
    wrong = 1.0 - right
    total = right.sum() * wrong.sum()
    if total <= 0:
        return float("nan")
    group = np.concatenate([[0], np.cumsum(c[1:] != c[:-1])]) if len(c) else np.zeros(0, dtype=int)
    right_in = np.bincount(group, weights=right)
    wrong_in = np.bincount(group, weights=wrong)
    wrong_below = np.cumsum(wrong_in) - wrong_in
    return float((right_in * (wrong_below + wrong_in / 2)).sum() / total)


def metrics_of_counts(values: Floats, counts: NDArray[np.int64], right: Floats, bins: int = 15) -> tuple[Floats, Floats, Floats]:
    """``adaptive_ece``, ``brier_score`` and ``auroc`` of m sets of items whose confidences are a few common values, each (m,).

    values   (v,) confidences, rising.
    counts   (m, v) items of each set at each value.
    right    (m, v) sum of their outcomes.

    All that a vote of ten trials can say are some dozen values: counted, they cost a fraction of being sorted.
    """
    n, hits = counts.sum(axis=1), right.sum(axis=1)
    wrong = counts - right
    below = np.cumsum(wrong, axis=1) - wrong
    up_to = np.cumsum(counts, axis=1)
    # Where a bin ends: at the value that holds the k-th share of the items, with all who are tied with it.
    shares = -(-np.arange(1, bins + 1) * n[:, None] // bins) - 1
    ends = np.minimum((up_to[:, None, :] <= shares[:, :, None]).sum(axis=2), len(values) - 1)
    excess = np.take_along_axis(np.cumsum(counts * values - right, axis=1), ends, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ece = np.abs(np.diff(excess, axis=1, prepend=0.0)).sum(axis=1) / n
        brier = (counts * values**2 - 2 * values * right + right).sum(axis=1) / n
        area = (right * (below + wrong / 2)).sum(axis=1) / (hits * (n - hits))
    return ece, brier, np.where(hits * (n - hits) > 0, area, np.nan)


def _checked(confidence: ArrayLike, outcome: ArrayLike) -> tuple[Floats, Floats]:
    c = np.asarray(confidence, dtype=np.float64)
    y = np.asarray(outcome, dtype=np.float64)
    if c.shape != y.shape or c.ndim != 1:
        raise ValueError(f"confidence {c.shape} and outcome {y.shape} must be vectors of one length")
    return c, y

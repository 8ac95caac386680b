"""Agreement of two orderings or two measurements: Pearson's r and Spearman's rho."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medqdeg_desktop.statistics.distributions import normal_quantile

Floats = NDArray[np.float64]


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson's r of two samples (n,); NaN with fewer than two values or without variation."""
    return float(correlations(np.asarray(x, dtype=np.float64)[:, None], np.asarray(y, dtype=np.float64)[:, None])[0])


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Spearman's rho of two samples (n,): Pearson's r of average ranks."""
    return pearson(average_ranks(x), average_ranks(y))


def correlations(x: ArrayLike, y: ArrayLike) -> Floats:
    """Pearson's r of each pair of columns of ``x`` and ``y`` (n, m)."""
    a = np.asarray(x, dtype=np.float64)
    b = np.asarray(y, dtype=np.float64)
    a = a - a.mean(axis=0)
    b = b - b.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (a * b).sum(axis=0) / np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))


def average_ranks(values: ArrayLike) -> Floats:
    """Ranks from 1 along the first axis of ``values`` (n,) or (n, m); equal values share the mean of their ranks."""
    table = np.asarray(values, dtype=np.float64)
    columns = table[:, None] if table.ndim == 1 else table
    n = len(columns)
    order = np.argsort(columns, axis=0, kind="stable")
    ordered = np.take_along_axis(columns, order, axis=0)
    place = np.arange(n)[:, None]
    starts = np.ones(ordered.shape, dtype=bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    first = np.maximum.accumulate(np.where(starts, place, 0), axis=0)
    ends = np.ones(ordered.shape, dtype=bool)
    ends[:-1] = starts[1:]
    last = np.minimum.accumulate(np.where(ends, place, n - 1)[::-1], axis=0)[::-1]
    ranks = np.empty(columns.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=0)
    return ranks[:, 0] if table.ndim == 1 else ranks


def pearson_interval(r: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of a correlation ``r`` of ``n`` pairs by Fisher's z; NaN with fewer than four pairs, r itself at -1 and 1."""
    if n < 4 or not np.isfinite(r):
        return float("nan"), float("nan")
    if abs(r) >= 1:
        return r, r
    half = normal_quantile(0.5 + level / 2) / np.sqrt(n - 3)
    return float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))

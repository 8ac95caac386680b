"""What a paired difference of a given size of study can show: standard error, test, minimum detectable effect.

Differences are between a degraded image and its own clean question, so most are 0. Two pseudo-clusters with differences +1 and
-1 are added before the variance is taken (Agresti and Min 2005, Statistics in Medicine 24:729): a cell in which nothing
changed, or everything did, then still has an honest uncertainty, and large cells are not affected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medqdeg_desktop.statistics.distributions import normal_quantile, two_sided_t

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Columns of paired differences: cluster-robust standard errors (m,) and two-sided p values (m,)."""

    standard_error: Floats
    p_value: Floats


def paired_test(sums: ArrayLike, sizes: ArrayLike) -> PairedTest:
    """Tests whether mean differences are 0.

    sums    (c, m) sum of the differences in each cluster.
    sizes   (c,) or (c, m) number of differences in each cluster.

    The mean is a ratio of cluster sums; its standard error is the linearised one, sqrt(sum r^2 * c/(c-1)) / n with
    r = sum - mean * size. NaN with fewer than two clusters.
    """
    total = np.asarray(sums, dtype=np.float64)
    size = np.asarray(sizes, dtype=np.float64)
    size = np.broadcast_to(size[:, None] if size.ndim == 1 else size, total.shape)
    pseudo = np.ones((1, total.shape[1]))
    total = np.concatenate([total, pseudo, -pseudo])
    size = np.concatenate([size, pseudo, pseudo])
    taken = size > 0
    clusters = taken.sum(axis=0)
    items = size.sum(axis=0)
    mean = total.sum(axis=0) / items
    residual = total - mean * size
    error = np.sqrt((residual**2).sum(axis=0) * clusters / (clusters - 1)) / items
    real = clusters - 2
    enough = real >= 2
    p = np.where(enough, two_sided_t(mean / error, np.maximum(real - 1, 1)), np.nan)
    return PairedTest(np.where(enough, error, np.nan), p)


def p_values_of_all_pairs(sums: ArrayLike, sizes: ArrayLike) -> Floats:
    """Two-sided p values (m, m), symmetric, of ``paired_test`` for the difference of any two columns of ``sums``.

    sums    (c, m) sum of each of m quantities in each cluster.
    sizes   (c,) number of values in each cluster, the same for all of them.

    A residual of a difference is the difference of two residuals, so that one product of the m columns with one another gives
    the errors of all m (m - 1) / 2 differences. On the diagonal, and with fewer than two clusters, NaN.
    """
    total, size = np.asarray(sums, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    clusters = int((size > 0).sum()) + 2  # the two pseudo-clusters among them
    out = np.full((total.shape[1], total.shape[1]), np.nan)
    if clusters < 4:
        return out
    items = size.sum() + 2
    mean = total.sum(axis=0) / items
    residual = total - np.outer(size, mean)
    product = residual.T @ residual
    own = np.diag(product)
    difference = mean[:, None] - mean
    # What the pseudo-clusters have left of +1 and -1, and rounding that must not make a sum of squares negative.
    squares = np.maximum(own[:, None] + own - 2 * product, 0.0) + 2 * (1 + difference**2)
    error = np.sqrt(squares * clusters / (clusters - 1)) / items
    apart = ~np.eye(len(mean), dtype=bool)
    out[apart] = two_sided_t((difference / error)[apart], np.array(float(clusters - 3)))
    return out


def minimum_detectable_effect(standard_error: ArrayLike, power: float = 0.8, alpha: float = 0.05) -> Floats:
    """The true difference that a two-sided test at ``alpha`` finds with probability ``power``: (z + z) standard errors."""
    return (normal_quantile(1 - alpha / 2) + normal_quantile(power)) * np.asarray(standard_error, dtype=np.float64)

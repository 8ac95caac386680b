"""Cluster bootstrap: whole clusters (clean images, patients) are drawn with replacement, everything else follows from sums.

A replicate is a multinomial count for each cluster. Counts are drawn once, exactly, kept as uint8, and applied to per-cluster
sums by matrix products: an accuracy is a ratio of two such products, and so is every difference, interval and probability. The
same draws serve all models and all cells, so that two models are compared on the same replicates.

Intervals are expanded percentile intervals (Hesterberg 2015, The American Statistician 69:371): the percentiles are widened
by the t quantile and the factor sqrt(c / (c - 1)) of a sample of c clusters, which matters for a few dozen clusters and
vanishes for thousands. Where the estimate and its skewness are given, the percentiles are also corrected for bias and
acceleration (BCa: Efron 1987, Journal of the American Statistical Association 82:171), so that a lopsided statistic of few
clusters, such as a Calibration Shift, leaves as much out above as below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medqdeg_desktop.statistics.distributions import normal_cdf, normal_quantile, normal_quantiles, normal_shares, t_quantile

Floats = NDArray[np.float64]

# Replicates drawn from one seed each, so that a longer run begins with the replicates of a shorter one.
_BLOCK = 250


@dataclass(frozen=True, slots=True)
class ClusterWeights:
    """How often each cluster occurs in each replicate.

    counts   (clusters, replicates) uint8; each column sums to the number of clusters.
    """

    counts: NDArray[np.uint8]
    seed: int

    @property
    def clusters(self) -> int:
        return int(self.counts.shape[0])

    @property
    def replicates(self) -> int:
        return int(self.counts.shape[1])

    def sums(self, values: ArrayLike, clusters: ArrayLike | None = None) -> NDArray[np.float32]:
        """Replicates of the sums of per-cluster ``values``.

        values     (c, m): the sum over each cluster of m quantities.
        clusters   (c,) which clusters the rows are; all of them, in order, where it is not given.

        Returns (m, replicates) float32.
        """
        columns = np.ascontiguousarray(np.asarray(values, dtype=np.float32).T)
        rows = None if clusters is None else np.asarray(clusters)
        out = np.empty((columns.shape[0], self.replicates), dtype=np.float32)
        for start in range(0, self.replicates, 2 * _BLOCK):
            part = slice(start, min(start + 2 * _BLOCK, self.replicates))
            weights = self.counts[:, part] if rows is None else self.counts[rows, part]
            np.matmul(columns, weights.astype(np.float32), out=out[:, part])
        return out


def cluster_weights(clusters: int, replicates: int = 10_000, seed: int = 0) -> ClusterWeights:
    """Draws ``replicates`` samples of ``clusters`` clusters with replacement.

    The first r replicates are the same for every ``replicates`` >= r, so a provisional interval is a part of the final one.
    """
    if clusters < 1 or replicates < 1:
        raise ValueError(f"{clusters} clusters and {replicates} replicates: both must be positive")
    counts = np.empty((clusters, replicates), dtype=np.uint8)
    for start, block in _draws(clusters, replicates, seed):
        counts[:, start : start + block.shape[0]] = block.T
    return ClusterWeights(counts, seed)


def _draws(clusters: int, replicates: int, seed: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    offsets = (np.arange(_BLOCK, dtype=np.int64) * clusters)[:, None]
    for start in range(0, replicates, _BLOCK):
        generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, clusters, start])))
        drawn = generator.integers(0, clusters, size=(_BLOCK, clusters), dtype=np.int32).astype(np.int64)
        drawn += offsets
        tally = np.bincount(drawn.ravel(), minlength=_BLOCK * clusters).reshape(_BLOCK, clusters)
        # 255 repeats of one cluster among n draws of n has a chance below 1e-500 from n = 256 on; fewer cannot reach it.
        yield start, tally[: min(_BLOCK, replicates - start)].astype(np.uint8)


def cluster_sums(values: ArrayLike, cluster: ArrayLike, clusters: int) -> Floats:
    """Sums (clusters, m) of the rows of ``values`` (n, m) that share a ``cluster`` index (n,)."""
    table = np.asarray(values, dtype=np.float64)
    index = np.asarray(cluster)
    columns = [np.bincount(index, weights=column, minlength=clusters) for column in table.T]
    return np.stack(columns, axis=1) if columns else np.empty((clusters, 0))


def interval(
    replicates: ArrayLike,
    clusters: int,
    level: float = 0.95,
    *,
    estimate: ArrayLike | None = None,
    acceleration: ArrayLike | None = None,
) -> Floats:
    """Expanded percentile interval of each row of ``replicates`` (m, B), NaN replicates left out.

    clusters       number of clusters that the estimate rests on; with fewer than two there is no interval.
    estimate       (m,) of which the rows are replicates, and
    acceleration   (m,) its ``acceleration``: with both, the interval is corrected for bias and skewness.

    Returns (m, 2) float64, low and high; NaN where there is none, as without replicates.
    """
    values = np.atleast_2d(np.asarray(replicates))
    if clusters < 2 or not values.shape[1]:
        return np.full((len(values), 2), np.nan)
    tail = expanded_tail(clusters, level)
    if estimate is not None and acceleration is not None:
        return _corrected(values, np.atleast_1d(estimate), np.atleast_1d(acceleration), tail)
    holes = ~np.isfinite(values)
    if not holes.any():
        return np.quantile(values, [tail, 1.0 - tail], axis=1).T.astype(np.float64)
    out = np.full((len(values), 2), np.nan)
    for row, (value, hole) in enumerate(zip(values, holes, strict=True)):
        if not hole.all():
            out[row] = np.quantile(value[~hole], [tail, 1.0 - tail])
    return out


#: Replicates this close to the estimate are as good as equal to it: float32 leaves as much.
_ROUNDING = 2e-6
#: Where a correction of skewness would turn the percentiles round, it stops.
_LEAST = 0.1
#: Normal quantile of the tail of two clusters, and of all that is further out.
_OUTERMOST = -20.0


def _corrected(values: NDArray[np.floating], estimate: Floats, acceleration: Floats, tail: float) -> Floats:
    """The interval of each row of ``values`` (m, B) at percentiles that are corrected for each row."""
    ordered = np.sort(values, axis=1)  # NaN last
    count = np.isfinite(ordered).sum(axis=1) if np.isnan(ordered[:, -1]).any() else np.full(len(values), values.shape[1])
    known = (count > 0) & np.isfinite(estimate)
    count = np.maximum(count, 1)
    middle = np.where(known, estimate, 0.0)[:, None]
    below = (ordered < middle - _ROUNDING).sum(axis=1) + 0.5 * (np.abs(ordered - middle) <= _ROUNDING).sum(axis=1)
    share = np.clip(below / count, 1 / (count + 1), count / (count + 1))
    bias = normal_quantiles(share)
    out = np.full((len(values), 2), np.nan)
    rows = np.arange(len(values))
    outer = max(normal_quantile(tail), _OUTERMOST)
    for side, z in enumerate((outer, -outer)):
        reach = bias + z
        percentile = normal_shares(bias + reach / np.maximum(1 - acceleration * reach, _LEAST))
        # Between two replicates by a straight line, as np.quantile does.
        place = percentile * (count - 1)
        under = np.floor(place).astype(np.int64)
        first, second = ordered[rows, under], ordered[rows, np.minimum(under + 1, count - 1)]
        out[:, side] = np.where(known, first + (place - under) * (second - first), np.nan)
    return out


def acceleration(influence: ArrayLike) -> Floats:
    """How fast the standard error of an estimate changes with it: a sixth of the skewness of its clusters' influences (c, m).

    The influence of a cluster on a ratio of sums is its sum minus the ratio times its size. 0 where no cluster has any.
    """
    u = np.asarray(influence, dtype=np.float64)
    square = u * u
    spread = square.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.einsum("cm,cm->m", square, u) / (6.0 * spread**1.5)
    return np.where(spread > 0, found, 0.0)


def expanded_tail(clusters: int, level: float = 0.95) -> float:
    """The lower percentile (as a fraction) that an interval of nominal ``level`` uses with this many clusters."""
    reach = np.sqrt(clusters / (clusters - 1)) * t_quantile(0.5 + level / 2, clusters - 1)
    return float(normal_cdf(-reach))


def ratio(numerator: NDArray[np.float32], denominator: NDArray[np.float32]) -> NDArray[np.float32]:
    """``numerator / denominator``, NaN where a replicate drew nothing of the cell."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.float32(np.nan))

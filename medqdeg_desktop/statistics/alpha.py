"""Krippendorff's alpha (2004, Content Analysis, ch. 11): any number of raters, missing ratings, an interval over clusters.

Alpha is 1 - observed / expected disagreement. Both follow from sums over units, so that replicates of a cluster bootstrap are
products with the sums of each cluster: of coincidences for a scale of few steps, of squares for real numbers.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medqdeg_desktop.statistics.bootstrap import cluster_sums, cluster_weights, interval
from medqdeg_desktop.statistics.reliability import Interval

Floats = NDArray[np.float64]
Metric = Literal["nominal", "ordinal", "interval"]


def krippendorff_alpha(ratings: ArrayLike, metric: Metric = "ordinal") -> float:
    """Krippendorff's alpha.

    ratings   (raters, units), NaN where a rater did not rate; units with fewer than two ratings are left out.

    Returns 1 for perfect agreement, 0 for chance, NaN where nothing varies or nothing can be compared.
    """
    return float(_alpha_of(metric, *_parts(np.asarray(ratings, dtype=np.float64), metric))[0])


def alpha_interval(
    ratings: ArrayLike, metric: Metric = "ordinal", *, clusters: ArrayLike | None = None, replicates: int = 1000, seed: int = 0
) -> Interval:
    """Krippendorff's alpha with its 95 % interval over clusters of units; ``n`` of the result counts clusters.

    clusters   (units,) cluster of each unit (pictures), any labels; each unit its own where it is not given.
    """
    table = np.asarray(ratings, dtype=np.float64)
    labels = np.arange(table.shape[1]) if clusters is None else np.asarray(clusters)
    used = (~np.isnan(table)).sum(axis=0) >= 2
    table, labels = table[:, used], labels[used]
    if not table.size:
        return Interval(math.nan, math.nan, math.nan, 0)
    parts, values = _parts(table, metric)
    names, index = np.unique(labels, return_inverse=True)
    sums = cluster_sums(parts, index, len(names))
    value = float(_alpha_of(metric, sums, values)[0])
    if len(names) < 2 or math.isnan(value):
        return Interval(value, math.nan, math.nan, len(names))
    weights = cluster_weights(len(names), replicates, seed).counts.astype(np.float64)
    low, high = interval(_alpha_of(metric, weights.T @ sums, values, each=True)[None, :], len(names))[0]
    return Interval(value, float(low), float(high), len(names))


def _parts(table: Floats, metric: Metric) -> tuple[Floats, Floats]:
    """What each unit adds to the sums that alpha is made of, (units, m), and the values of the scale.

    Real numbers: ratings, weighted squares within the unit, sum, sum of squares. A scale: coincidences, values by values.
    """
    rated = ~np.isnan(table)
    size = rated.sum(axis=0)
    table, rated, size = table[:, size >= 2], rated[:, size >= 2], size[size >= 2]
    if metric == "interval":
        # About a middle value: squares of what is far from 0 would drown their differences.
        centred = np.where(rated, table - (table[rated].mean() if table.size else 0.0), 0.0)
        total, squares = centred.sum(axis=0), (centred**2).sum(axis=0)
        within = (squares - total**2 / size) * size / (size - 1)
        return np.column_stack([size, within, total, squares]).astype(np.float64), np.empty(0)
    values = np.unique(table[rated])
    counts = np.stack([(table == v).sum(axis=0) for v in values], axis=1).astype(np.float64) if table.size else np.empty((0, 0))
    pairs = np.einsum("uc,uk->uck", counts, counts)
    pairs[:, np.arange(len(values)), np.arange(len(values))] -= counts
    each = np.maximum(size - 1, 1)[:, None]
    return pairs.reshape(len(counts), len(values) ** 2) / each, values


def _alpha_of(metric: Metric, sums: Floats, values: Floats, *, each: bool = False) -> Floats:
    """Alpha of the rows of ``sums`` (``each``) or of all of them together."""
    rows = sums if each else sums.sum(axis=0, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric == "interval":
            total, within, first, second = rows.T
            expected = total * second - first**2
            return np.where(expected > 1e-12 * total, 1 - (total - 1) * within / expected, np.nan)
        coincidences = rows.reshape(len(rows), len(values), len(values))
        margins = coincidences.sum(axis=2)
        if metric == "nominal":
            distance = np.broadcast_to(1.0 - np.eye(len(values)), coincidences.shape)
        else:
            # The distance of two ranks is the number of ratings between their middles.
            middles = np.cumsum(margins, axis=1) - margins / 2
            distance = (middles[:, :, None] - middles[:, None, :]) ** 2
        observed = (coincidences * distance).sum(axis=(1, 2))
        expected = (margins[:, :, None] * margins[:, None, :] * distance).sum(axis=(1, 2))
        return np.where(expected > 0, 1 - (margins.sum(axis=1) - 1) * observed / expected, np.nan)

"""The consensus of a panel: median over readers of each reader's median over images, with an interval over readers and images.

Readers and images are both samples, so both are drawn with replacement, crosswise (the pigeonhole bootstrap: Owen 2007, Ann Appl
Stat 1:386). It counts the interaction of readers and images three times where once is right; the spread of the replicates
about the estimate is therefore shrunk by the ratio that a two-way analysis of variance gives. Coverage in simulation, nominal
95 %, 6 images, 1,000 panels each: 10 readers 93.5 to 96.3 %, 5 readers 95.6 to 97.6 %, 3 readers 89.5 to 95.8 %, by what varies
most (readers, images, both). Below five readers the interval describes this panel, not the readers of the world.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medqdeg_desktop.statistics.reliability import Interval

Floats = NDArray[np.float64]

#: From this many readers on, the interval may be read as that of readers in general.
ENOUGH_READERS = 5


def consensus(table: ArrayLike, *, replicates: int = 2000, seed: int = 0) -> Interval:
    """Median of reader medians with its 95 % interval.

    table   (readers, images) mean setting of a reader on an image, NaN where there is none; at least one reader with a value.

    ``n`` of the result counts readers; without two readers and two images there is no interval.
    """
    x = np.asarray(table, dtype=np.float64)
    x = x[~np.isnan(x).all(axis=1)][:, ~np.isnan(x).all(axis=0)]
    readers, images = x.shape
    if not readers:
        return Interval(math.nan, math.nan, math.nan, 0)
    estimate = float(np.median(_medians(x)))
    if readers < 2 or images < 2:
        return Interval(estimate, math.nan, math.nan, readers)
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, readers, images])))
    rows = rng.integers(0, readers, (replicates, readers))
    columns = rng.integers(0, images, (replicates, images))
    drawn = x[rows[:, :, None], columns[:, None, :]]
    values = _medians(_medians(drawn))
    low, high = np.quantile(values[~np.isnan(values)], [0.025, 0.975])
    shrink = _shrinkage(x)
    return Interval(estimate, estimate + shrink * (float(low) - estimate), estimate + shrink * (float(high) - estimate), readers)


def _medians(x: Floats) -> Floats:
    """Medians over the last axis, holes left out; NaN where all is holes."""
    ordered = np.sort(x, axis=-1)  # NaN last
    if not np.isnan(ordered[..., -1]).any():
        size = ordered.shape[-1]
        return np.asarray((ordered[..., (size - 1) // 2] + ordered[..., size // 2]) / 2)
    counts = (~np.isnan(ordered)).sum(axis=-1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((counts - 1) // 2, 0), axis=-1)
    high = np.take_along_axis(ordered, np.minimum(counts // 2, ordered.shape[-1] - 1), axis=-1)
    return np.asarray(np.where(counts > 0, (low + high) / 2, np.nan)[..., 0])


def _shrinkage(x: Floats) -> float:
    """Root of the ratio of the variance of a two-way mean to what the crosswise bootstrap takes it for."""
    whole = x[:, ~np.isnan(x).any(axis=0)]
    readers, images = whole.shape
    if images < 2:
        return 1.0
    of_readers, of_images = whole.mean(axis=1), whole.mean(axis=0)
    a = float(of_readers.var(ddof=1)) / readers
    b = float(of_images.var(ddof=1)) / images
    rest = whole - of_readers[:, None] - of_images[None, :] + whole.mean()
    c = float((rest**2).sum()) / ((readers - 1) * (images - 1) * readers * images)
    if a + b + c <= 0:
        return 1.0
    return math.sqrt(max(a + b - c, a, b) / (a + b + c))

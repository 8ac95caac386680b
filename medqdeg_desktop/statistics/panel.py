"""The consensus of a panel: median over readers of each reader's median over images, with an interval over readers and images.

Readers and images are both samples, so both must be drawn anew, crosswise. Drawing the few there are with replacement (the
pigeonhole bootstrap: Owen 2007, Ann Appl Stat 1:386) covers too little where the image set is small and counts their interaction
three times. The interval is therefore a studentised bootstrap (Efron & Tibshirani 1993, An Introduction to the Bootstrap, ch. 12)
on panels drawn from the two-way random model that the readings themselves give:

* mean squares of readers, images and the rest give the error of the panel's mean, as in a two-way analysis of variance;
* panels with a true level of 0 are drawn with variance components of their own each, from what the mean squares say about them
  (mean square times freedom over chi squared: the generalised pivotal quantities of Weerahandi 1993, J Am Stat Assoc 88:899), so
  that it counts how little three readers or four images tell about a variance;
* the 95 % quantile of |median of medians| over that panel's own error, times the error of the real panel, is half the interval.

Coverage is measured by ``python -m tests.benchmarks.coverage`` and stands in docs/calibrating.md. Below five readers the interval
describes this panel, not the readers of the world.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medqdeg_desktop.statistics.reliability import Components, Interval

Floats = NDArray[np.float64]

#: From this many readers on, the interval may be read as that of readers in general.
ENOUGH_READERS = 5

_LEVEL: Final = 0.95
#: Below this a spread is what rounding leaves of none.
_ROUNDING: Final = 1e-12


def consensus(
    table: ArrayLike, *, replicates: int = 2000, seed: int = 0, within: tuple[float, float] = (-math.inf, math.inf)
) -> Interval:
    """Median of reader medians with its 95 % interval.

    table   (readers, images) mean setting of a reader on an image, NaN where there is none; at least one reader with a value.
    within  where the truth can lie at all; the interval ends there.

    ``n`` of the result counts readers; there is no interval without two readers, two images and a rest to tell them apart by.
    """
    x = np.asarray(table, dtype=np.float64)
    x = x[~np.isnan(x).all(axis=1)][:, ~np.isnan(x).all(axis=0)]
    readers, images = x.shape
    if not readers:
        return Interval(math.nan, math.nan, math.nan, 0)
    estimate = float(np.median(_medians(x)))
    freedom = _freedom(~np.isnan(x)) if readers > 1 and images > 1 else 0
    if not freedom:
        return Interval(estimate, math.nan, math.nan, readers)
    holes = np.isnan(x)
    squares = _mean_squares(_filled(x[None], holes), freedom)
    error = float(_error(squares, readers, images)[0])
    if error < _ROUNDING:
        return Interval(estimate, estimate, estimate, readers)
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, readers, images])))
    freedoms = (readers - 1, images - 1, freedom)
    drawn = [float(s[0]) * f / rng.chisquare(f, replicates) for s, f in zip(squares, freedoms, strict=True)]
    of_readers, of_images, rest = drawn
    sds = (
        np.sqrt(np.maximum(of_readers - rest, 0) / images),
        np.sqrt(np.maximum(of_images - rest, 0) / readers),
        np.sqrt(rest),
    )
    panels = _panels(rng, sds, readers, images)
    reach = float(np.quantile(_studentised(panels, holes, freedom), _LEVEL)) * error
    return Interval(estimate, max(estimate - reach, within[0]), min(estimate + reach, within[1]), readers)


@lru_cache(maxsize=256)
def expected_half_width(components: Components, readers: int, images: int, repeats: float = 1.0, panels: int = 500) -> float:
    """Half of the interval that ``consensus`` will give on average, for a design; NaN without two readers and two images.

    repeats   mean number of settings of a reader on an image.
    """
    if readers < 2 or images < 2:
        return math.nan
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([readers, images])))
    rest = math.sqrt(components.interaction**2 + components.repeat**2 / repeats)
    sds = tuple(np.full(panels, sd) for sd in (components.reader, components.image, rest))
    drawn = _panels(rng, sds, readers, images)
    holes, freedom = np.zeros((readers, images), dtype=bool), (readers - 1) * (images - 1)
    errors = _error(_mean_squares(drawn, freedom), readers, images)
    return float(np.quantile(_studentised(drawn, holes, freedom), _LEVEL) * errors.mean())


def _panels(rng: np.random.Generator, sds: tuple[Floats, ...], readers: int, images: int) -> Floats:
    """(panels, readers, images) settings about a true level of 0; ``sds`` of readers, images and the rest, each (panels,)."""
    of_readers, of_images, rest = (sd[:, None, None] for sd in sds)
    n = len(of_readers)
    found = rest * rng.standard_normal((n, readers, images))
    found += of_readers * rng.standard_normal((n, readers, 1))
    found += of_images * rng.standard_normal((n, 1, images))
    return found


def _studentised(panels: Floats, holes: NDArray[np.bool_], freedom: int) -> Floats:
    """|Median of medians| of each panel over its own error, with the holes that the real table has."""
    readers, images = holes.shape
    if holes.any():
        panels[:, holes] = np.nan
    value = np.abs(_medians(_medians(panels)))
    error = _error(_mean_squares(_filled(panels, holes), freedom), readers, images)
    return np.asarray(value / np.maximum(error, np.finfo(np.float64).tiny))


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


def _design(readers: int, images: int) -> Floats:
    """(readers * images, readers + images) which reader and which image a cell of the table belongs to."""
    cells = np.arange(readers * images)
    return np.hstack([np.eye(readers)[cells // images], np.eye(images)[cells % images]])


def _freedom(there: NDArray[np.bool_]) -> int:
    """Degrees of freedom of what readers and images together leave unexplained."""
    design = _design(*there.shape)[there.ravel()]
    return int(there.sum() - np.linalg.matrix_rank(design))


def _filled(panels: Floats, holes: NDArray[np.bool_]) -> Floats:
    """Panels with each hole at reader plus image as the rest of the table gives them by least squares (Yates 1933)."""
    if not holes.any():
        return panels
    design, missing = _design(*holes.shape), holes.ravel()
    weights = design[missing] @ np.linalg.pinv(design[~missing])
    flat = panels.reshape(len(panels), -1).copy()
    flat[:, missing] = flat[:, ~missing] @ weights.T
    return flat.reshape(panels.shape)


def _mean_squares(panels: Floats, freedom: int) -> tuple[Floats, Floats, Floats]:
    """Mean squares of readers, images and the rest of each whole table (panels, readers, images)."""
    readers, images = panels.shape[1:]
    of_readers, of_images = panels.mean(axis=2), panels.mean(axis=1)
    grand = of_readers.mean(axis=1, keepdims=True)
    of_readers, of_images = of_readers - grand, of_images - grand
    a, b = images * (of_readers**2).sum(axis=1), readers * (of_images**2).sum(axis=1)
    rest = ((panels - grand[:, :, None]) ** 2).sum(axis=(1, 2)) - a - b
    return a / (readers - 1), b / (images - 1), np.maximum(rest, 0) / freedom


def _error(squares: tuple[Floats, Floats, Floats], readers: int, images: int) -> Floats:
    """Standard error of a panel's mean; no smaller than readers alone or images alone make it."""
    a, b, rest = squares
    return np.sqrt(np.maximum(np.maximum(a + b - rest, a), b) / (readers * images))

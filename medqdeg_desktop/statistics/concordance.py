"""Do readers order things alike? Kendall's W (Kendall & Babington Smith 1939, Ann Math Stat 10:275), with ties.

W is the variance of the rank sums over what it would be if all ranked alike: 0 to 1, and (r - 1) W + 1 over r is the mean of
Spearman's rho of all pairs. Its interval comes from drawing again what the ranked values are means of (pictures).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from medqdeg_desktop.statistics.bootstrap import interval
from medqdeg_desktop.statistics.correlation import average_ranks
from medqdeg_desktop.statistics.reliability import Interval

Floats = NDArray[np.float64]


def kendall_w(table: ArrayLike) -> float:
    """W of a table (things, readers) without holes; NaN below two of either or where a reader tells nothing apart."""
    x = np.asarray(table, dtype=np.float64)
    return float(_w(average_ranks(x)[None])[0]) if x.ndim == 2 and min(x.shape) >= 2 else math.nan


def kendall_p(w: float, things: int, readers: int) -> float:
    """Probability of a W at least this large if readers ordered at random (chi squared approximation)."""
    chdtrc = special.chdtrc
    return math.nan if math.isnan(w) else float(chdtrc(things - 1, readers * (things - 1) * w))


def ordering(groups: Sequence[ArrayLike], *, replicates: int = 500, seed: int = 0) -> Interval:
    """W of the order in which readers put things, each thing's value being a reader's mean over pictures.

    groups   for each thing (pictures, readers) settings without holes.

    The interval draws the pictures of each thing again; ``n`` counts things. There is none where no thing has two pictures.
    """
    tables = [np.asarray(g, dtype=np.float64) for g in groups]
    tables = [t for t in tables if t.size]
    if len(tables) < 2 or tables[0].shape[1] < 2:
        return Interval(math.nan, math.nan, math.nan, len(tables))
    value = kendall_w(np.stack([t.mean(axis=0) for t in tables]))
    pictures = min(len(t) for t in tables)
    if math.isnan(value) or pictures < 2:
        return Interval(value, math.nan, math.nan, len(tables))
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, len(tables), tables[0].shape[1]])))
    drawn = np.stack([t[rng.integers(0, len(t), (replicates, len(t)))].mean(axis=1) for t in tables], axis=1)
    things, readers = drawn.shape[1:]
    ranks = average_ranks(drawn.transpose(1, 0, 2).reshape(things, replicates * readers))
    low, high = interval(_w(ranks.reshape(things, replicates, readers).transpose(1, 0, 2))[None], pictures)[0]
    return Interval(value, float(low), float(high), len(tables))


def _w(ranks: Floats) -> Floats:
    """W of each of (m, things, readers) tables of average ranks."""
    _, n, k = ranks.shape
    sums = ranks.sum(axis=2)
    spread = ((sums - sums.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    # Squares of a reader's ranks fall short of those without ties by (t^3 - t) / 12 for each group of t equal values.
    own = ((ranks - (n + 1) / 2) ** 2).sum(axis=1)
    most = k * own.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((own > 0).all(axis=1), spread / most, np.nan)

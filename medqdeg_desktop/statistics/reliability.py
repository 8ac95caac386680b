"""How well readers agree with themselves and with each other on a continuous or ordinal scale.

Within-reader SD and repeatability (Bland & Altman 1996, BMJ 312:1654 and 313:106), limits of agreement (Bland & Altman 1986,
Lancet 327:307; intervals after 1999, Stat Methods Med Res 8:135), ICC(A,1) (McGraw & Wong 1996, Psychol Methods 1:30, case 2A,
which is ICC(2,1) of Shrout & Fleiss 1979), and the variance components of readers and images, which say how wide an interval
will be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from medqdeg_desktop.statistics.distributions import t_quantile

Floats = NDArray[np.float64]

#: 1.96 * sqrt(2): two readings of one reader differ by less than this many within-reader SDs in 95 % of pairs.
REPEATABILITY_FACTOR = 1.959963984540054 * math.sqrt(2)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval; ``n`` is what it rests on (pairs, subjects, readers). NaN where there is none."""

    value: float
    low: float
    high: float
    n: int


_NONE = Interval(math.nan, math.nan, math.nan, 0)


def within_sd(groups: list[Floats] | list[list[float]], level: float = 0.95) -> Interval:
    """Pooled SD of repeated readings: the root of the mean variance within ``groups``, each the readings of one thing.

    Groups of a single reading say nothing and are left out; ``n`` counts degrees of freedom. The interval is that of a variance
    (chi squared).
    """
    used = [np.asarray(g, dtype=np.float64) for g in groups if len(g) > 1]
    freedom = sum(len(g) - 1 for g in used)
    if not freedom:
        return _NONE
    squares = sum(float(((g - g.mean()) ** 2).sum()) for g in used)
    chdtri: Any = special.chdtri
    tail = (1 - level) / 2
    sd = math.sqrt(squares / freedom)
    return Interval(
        sd, math.sqrt(squares / float(chdtri(freedom, tail))), math.sqrt(squares / float(chdtri(freedom, 1 - tail))), freedom
    )


def repeatability(groups: list[Floats] | list[list[float]]) -> Interval:
    """The repeatability coefficient, 2.77 within-reader SDs."""
    sw = within_sd(groups)
    f = REPEATABILITY_FACTOR
    return Interval(f * sw.value, f * sw.low, f * sw.high, sw.n)


@dataclass(frozen=True, slots=True)
class LimitsOfAgreement:
    """Mean difference and the limits within which 95 % of differences lie, each with its interval."""

    bias: Interval
    lower: Interval
    upper: Interval
    sd: float


def bland_altman(first: ArrayLike, second: ArrayLike) -> LimitsOfAgreement:
    """Limits of agreement of paired readings (n,), first minus second; intervals need at least two pairs."""
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    n = len(difference)
    if n < 2:
        mean = float(difference.mean()) if n else math.nan
        return LimitsOfAgreement(Interval(mean, math.nan, math.nan, n), _NONE, _NONE, math.nan)
    mean, sd = float(difference.mean()), float(difference.std(ddof=1))
    z = 1.959963984540054
    t = t_quantile(0.975, n - 1)
    of_mean = t * sd / math.sqrt(n)
    of_limit = t * sd * math.sqrt(1 / n + z * z / (2 * (n - 1)))
    low, high = mean - z * sd, mean + z * sd
    return LimitsOfAgreement(
        Interval(mean, mean - of_mean, mean + of_mean, n),
        Interval(low, low - of_limit, low + of_limit, n),
        Interval(high, high - of_limit, high + of_limit, n),
        sd,
    )


def mean_interval(values: ArrayLike) -> Interval:
    """Mean with its t interval; no interval below two values."""
    x = np.asarray(values, dtype=np.float64)
    n = len(x)
    if n == 0:
        return _NONE
    mean = float(x.mean())
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1)
    reach = t_quantile(0.975, n - 1) * float(x.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - reach, mean + reach, n)


def median_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Median with the distribution-free interval of its order statistics; none below six values, which are too few for one."""
    x = np.sort(np.asarray(values, dtype=np.float64))
    n = len(x)
    if n == 0:
        return _NONE
    bdtr: Any = special.bdtr
    # The largest rank below which the median lies with at most half of what the interval may miss.
    below = [k for k in range(n // 2) if float(bdtr(k, n, 0.5)) <= (1 - level) / 2]
    middle = float(np.median(x))
    if not below:
        return Interval(middle, math.nan, math.nan, n)
    return Interval(middle, float(x[below[-1]]), float(x[n - 1 - below[-1]]), n)


def icc_a1(table: ArrayLike, level: float = 0.95) -> Interval:
    """Absolute agreement of single readings, two-way random effects.

    table   (n subjects, k readers) without holes; rows with NaN are left out. ``n`` of the result counts subjects.
    """
    x = np.asarray(table, dtype=np.float64)
    x = x[~np.isnan(x).any(axis=1)] if x.ndim == 2 else x.reshape(0, 0)
    n, k = x.shape
    if n < 2 or k < 2:
        return Interval(math.nan, math.nan, math.nan, n)
    rows, columns, error = _mean_squares(x)
    denominator = rows + (k - 1) * error + k * (columns - error) / n
    if denominator <= 0:
        return Interval(math.nan, math.nan, math.nan, n)
    icc = (rows - error) / denominator
    if icc >= 1 - 1e-12:
        return Interval(1.0, 1.0, 1.0, n)
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    spread = (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    if spread <= 0:  # nothing differs between rows beyond rounding: no interval can be told
        return Interval(float(icc), math.nan, math.nan, n)
    freedom = (a * columns + b * error) ** 2 / spread
    fdtri: Any = special.fdtri
    up = 0.5 + level / 2
    f_low, f_high = float(fdtri(n - 1, freedom, up)), float(fdtri(freedom, n - 1, up))
    shared = k * columns + (k * n - k - n) * error
    low = n * (rows - f_low * error) / (f_low * shared + n * rows)
    high = n * (f_high * rows - error) / (shared + n * f_high * rows)
    return Interval(float(icc), float(low), float(high), n)


def _mean_squares(x: Floats) -> tuple[float, float, float]:
    """Mean squares of rows, columns and the rest of a two-way table without replicates."""
    n, k = x.shape
    grand = x.mean()
    rows = k * float(((x.mean(axis=1) - grand) ** 2).sum()) / (n - 1)
    columns = n * float(((x.mean(axis=0) - grand) ** 2).sum()) / (k - 1)
    rest = x - x.mean(axis=1, keepdims=True) - x.mean(axis=0, keepdims=True) + grand
    return rows, columns, float((rest**2).sum()) / ((n - 1) * (k - 1))


@dataclass(frozen=True, slots=True)
class Components:
    """SDs of a fully crossed design of readers and images with repeats: what makes the interval of a consensus wide."""

    reader: float
    image: float
    interaction: float
    repeat: float

    def half_width(self, readers: int, images: int, repeats: float = 1.0) -> float:
        """Half of the 95 % interval of a mean over ``readers`` and ``images``, by the normal approximation.

        repeats   mean number of settings of a reader on an image.
        """
        rest = (self.interaction**2 + self.repeat**2 / repeats) / (readers * images)
        return 1.959963984540054 * math.sqrt(self.reader**2 / readers + self.image**2 / images + rest)


def variance_components(table: ArrayLike, repeat_sd: float) -> Components:
    """Components from readings (images, readers) averaged over repeats; negative estimates become 0.

    table       (n, k) without holes; rows with NaN are left out.
    repeat_sd   within-reader SD from repeats (NaN: interaction and repeats are not told apart).
    """
    x = np.asarray(table, dtype=np.float64)
    x = x[~np.isnan(x).any(axis=1)]
    n, k = x.shape
    if n < 2 or k < 2:
        return Components(math.nan, math.nan, math.nan, repeat_sd)
    rows, columns, error = _mean_squares(x)
    known = 0.0 if math.isnan(repeat_sd) else repeat_sd**2
    return Components(
        reader=math.sqrt(max(0.0, (columns - error) / n)),
        image=math.sqrt(max(0.0, (rows - error) / k)),
        interaction=math.sqrt(max(0.0, error - known)),
        repeat=repeat_sd,
    )

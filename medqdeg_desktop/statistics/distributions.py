"""The few distribution functions that intervals and tests need; scipy.special alone, loaded when the first of them is called."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray


def normal_cdf(x: float) -> float:
    """P(Z <= x) of a standard normal variable."""
    return float(scipy.special.ndtr(x))


def normal_quantile(p: float) -> float:
    """The value that a standard normal variable stays below with probability ``p``."""
    return float(scipy.special.ndtri(p))


def normal_shares(x: ArrayLike) -> NDArray[np.float64]:
    """``normal_cdf`` of each value."""
    return np.asarray(scipy.special.ndtr(x), dtype=np.float64)


def normal_quantiles(p: ArrayLike) -> NDArray[np.float64]:
    """``normal_quantile`` of each value."""
    return np.asarray(scipy.special.ndtri(p), dtype=np.float64)


def t_quantile(p: float, freedom: float) -> float:
    """The value that a t variable with ``freedom`` degrees of freedom stays below with probability ``p``."""
    return float(scipy.special.stdtrit(freedom, p))


def two_sided_t(statistic: ArrayLike, freedom: ArrayLike) -> NDArray[np.float64]:
    """Two-sided p values of t statistics."""
    return np.asarray(2.0 * scipy.special.stdtr(np.asarray(freedom, dtype=float), -np.abs(statistic)), dtype=np.float64)


def binomial_bounds(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Exact (Clopper-Pearson) interval of a proportion."""
    tail = (1.0 - level) / 2
    beta: Any = scipy.special.betaincinv
    low = 0.0 if successes == 0 else float(beta(successes, trials - successes + 1, tail))
    high = 1.0 if successes == trials else float(beta(successes + 1, trials - successes, 1 - tail))
    return low, high

"""Counts of photons as a monotone function of a standard normal number: exact Poisson and binomial laws, coupled over dose.

A count drawn as the quantile of its law at Phi(z) keeps z while the law changes: for one z the counts of two doses are thinned
from the same counts and differ by the dose alone. Quantiles come from the Cornish-Fisher expansion to third order with the
lattice correction (Giles, ACM TOMS 42, 2016, for Poisson), which names the right integer or, for less than 1 % of the draws, its
neighbour; means below 12 are inverted term by term and are exact.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

_EXACT_BELOW: Final = 12.0


def poisson_counts(z: Float32, mean: Float32) -> Float32:
    """Poisson quantiles of ``mean`` photons at Phi(``z``), float32 integers."""
    return _counts(z, mean, 0.0)


def thinned_counts(z: Float32, counts: Float32, kept: float) -> Float32:
    """Binomial quantiles at Phi(``z``): how many of ``counts`` photons remain when each is kept with probability ``kept``.

    Thinning Poisson counts of mean m leaves Poisson counts of mean ``kept`` * m.
    """
    if kept >= 1:
        return counts
    return np.minimum(_counts(z, counts * np.float32(kept), kept), counts)


def _counts(z: Float32, mean: Float32, p: float) -> Float32:
    """Quantiles of a binomial law with ``mean`` and probability ``p``; of the Poisson law for p = 0."""
    q = 1 - p
    sigma = np.sqrt(mean * np.float32(q))
    square = z * z
    skew, kurtosis = 1 - 2 * p, 1 - 6 * p * q
    # mean + sigma z + skew (z^2 - 1) / 6 + 1 / 2 + z (a z^2 + b) / sigma
    cubic, linear = kurtosis / 24 - skew**2 / 18, skew**2 * 5 / 36 - kurtosis / 8 - 1 / 24
    tail = square * np.float32(cubic)
    tail += np.float32(linear)
    tail *= z
    tail /= np.maximum(sigma, np.float32(1e-3))
    tail += square * np.float32(skew / 6)
    tail += np.float32(0.5 - skew / 6)
    tail += mean
    tail += sigma * z
    counts = np.maximum(np.floor(tail, out=tail), 0)
    few = np.flatnonzero(mean.ravel() < _EXACT_BELOW)
    if few.size:
        counts.ravel()[few] = _inverted(z.ravel()[few].astype(np.float64), mean.ravel()[few].astype(np.float64), p)
    return counts


def _inverted(z: npt.NDArray[np.float64], mean: npt.NDArray[np.float64], p: float) -> npt.NDArray[np.float64]:
    """Smallest count whose cumulated probability reaches Phi(z), by summing the law from 0 on."""
    # Imported where a ray needs it: loading it would be a third of the engine's start.
    from scipy.special import ndtr

    level = ndtr(z)
    counts = np.zeros_like(level)
    with np.errstate(divide="ignore"):
        term = np.exp(-mean) if p == 0 else np.exp(mean / p * np.log1p(-p))
    cumulated = term.copy()
    open_ = np.flatnonzero(cumulated < level)
    k = 0
    # Ends where the law has no mass left in double precision.
    while open_.size and k < 200:
        k += 1
        ratio = mean[open_] / k if p == 0 else np.maximum(mean[open_] / p - (k - 1), 0) * (p / (1 - p) / k)
        term[open_] *= ratio
        cumulated[open_] += term[open_]
        counts[open_] = k
        open_ = open_[(cumulated[open_] < level[open_]) & (term[open_] > 1e-18)]
    return counts

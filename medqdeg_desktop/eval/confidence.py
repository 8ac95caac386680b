"""Vote-consistency confidence: C = 1 - H(p) / log K (MedQ-Deg, equation 3), from votes and in closed form.

``p`` holds the shares of the K options among T sampled trials. A trial that could not be read is no vote for any option:
by default it spreads evenly over the K options, so that a model that never answers has C = 0 and not 1. Two variants
stand beside it: such trials dropped, and counted as a class of their own (then C = 1 - H / log(K + 1)).

With T trials C is biased upwards: even a uniform guesser agrees with itself now and then. ``expected_vote_confidence``
gives the exact expectation from known option probabilities, so that the bias can be shown rather than hidden.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy
from scipy.stats import binom

Unparsed = Literal["spread", "dropped", "own_class"]


def vote_confidence(votes: ArrayLike, unparsed: ArrayLike = 0, treatment: Unparsed = "spread") -> NDArray[np.float64]:
    """C of each row of ``votes`` (..., K; counts of trials), with ``unparsed`` trials (...) besides.

    Returns float64 (...) in 0 to 1; NaN where no trial is left to judge. Raises ValueError for fewer than two options.
    """
    counts = np.asarray(votes, dtype=np.float64)
    missing = np.broadcast_to(np.asarray(unparsed, dtype=np.float64), counts.shape[:-1])
    options = _option_count(counts)
    if treatment == "spread":
        counts = counts + missing[..., None] / options
    elif treatment == "own_class":
        counts = np.concatenate([counts, missing[..., None]], axis=-1)
        options += 1
    total = counts.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = counts / total
    return _one_minus_entropy(shares, options)


def limit_confidence(probabilities: ArrayLike) -> NDArray[np.float64]:
    """C for infinitely many trials, free of the small-T bias. ``probabilities`` (..., K) sum to 1; returns (...)."""
    p = np.asarray(probabilities, dtype=np.float64)
    return _one_minus_entropy(p, _option_count(p))


def expected_vote_confidence(probabilities: ArrayLike, trials: int) -> NDArray[np.float64]:
    """E[C_T] of a sampler with the given option probabilities (..., K), for ``trials`` = T; returns (...).

    E[C_T] = 1 + (1 / log K) * sum over i, n of Bin(n; T, p_i) (n / T) log(n / T): each count is binomial, and the
    entropy is a sum over options, so that no joint distribution is needed.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    options = _option_count(p)
    if trials < 1:
        raise ValueError(f"{trials} trials give no confidence")
    counts = np.arange(1, trials + 1, dtype=np.float64)
    shares = counts / trials
    weights = binom.pmf(counts, trials, np.clip(p, 0.0, 1.0)[..., None])
    expected = np.sum(weights * xlogy(shares, shares), axis=(-1, -2))
    return np.asarray(1.0 + expected / np.log(options), dtype=np.float64)


def uniform_confidence(options: int, trials: int) -> float:
    """E[C_T] of a guesser that picks one of ``options`` at random: what a model without any knowledge would show."""
    return float(expected_vote_confidence(np.full(options, 1.0 / options), trials))


def _one_minus_entropy(shares: NDArray[np.float64], options: int) -> NDArray[np.float64]:
    entropy = -np.sum(xlogy(shares, shares), axis=-1)
    # Rounding can push the entropy of an even split a few ulps beyond log K.
    return np.asarray(np.clip(1.0 - entropy / np.log(options), 0.0, 1.0), dtype=np.float64)


def _option_count(values: NDArray[np.float64]) -> int:
    options = values.shape[-1]
    if options < 2:
        raise ValueError("confidence needs at least two options")
    return options

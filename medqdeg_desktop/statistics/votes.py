"""Confidence from repeated answers: agreement of votes, and what it is expected to be when option probabilities are known.

The paper's perceived confidence (MedQ-Deg, eq. 3) of a question with K options asked T times is ``C = 1 - H(p) / log K`` with
``p`` the shares of the trials that chose each option. A trial without a readable answer is spread evenly over the K options,
so that C stays in 0 to 1 and a model that refuses every time gets C = 0.

Everything works on many questions at once: rows are questions, columns are options in the order of their letters; a question
with fewer options than columns has zeros behind its last one, and ``options`` says how many it has.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Unparsed = Literal["spread", "dropped", "own_class"]


def vote_confidence(
    counts: ArrayLike, unparsed: ArrayLike = 0, options: ArrayLike | None = None, treatment: Unparsed = "spread"
) -> Floats:
    """C of each question from its votes.

    counts     (n, K) votes for each option.
    unparsed   (n,) trials without a readable answer, or one number for all.
    options    (n,) number of options offered, at least 2; K for all where it is not given.
    treatment  of unreadable trials: spread evenly over the options, dropped, or counted as one class more (K + 1 classes).

    Returns (n,) float64 in 0 to 1; NaN for a question that was never asked (or never readably, where those are dropped).
    """
    if treatment == "dropped":
        unparsed = 0
    if treatment == "own_class":
        votes = np.asarray(counts, dtype=np.float64)
        offered = _offered(votes, options)
        lost = np.broadcast_to(np.asarray(unparsed, dtype=np.float64), len(votes))
        # Only the values matter for an entropy, so the class may stand last whatever the number of options.
        classes = np.concatenate([votes, lost[:, None]], axis=1)
        with np.errstate(invalid="ignore"):
            return agreement(classes / classes.sum(axis=1, keepdims=True), offered + 1)
    shares, offered = vote_shares(counts, unparsed, options)
    return agreement(shares, offered)


def vote_shares(counts: ArrayLike, unparsed: ArrayLike = 0, options: ArrayLike | None = None) -> tuple[Floats, NDArray[np.int64]]:
    """Shares (n, K) of the trials, unreadable ones spread evenly over the offered options, and the number offered (n,)."""
    votes = np.asarray(counts, dtype=np.float64)
    offered = _offered(votes, options)
    lost = np.broadcast_to(np.asarray(unparsed, dtype=np.float64), len(votes))
    exists = np.arange(votes.shape[1]) < offered[:, None]
    if np.any(votes[~exists]):
        raise ValueError("votes for an option that the question does not offer")
    trials = votes.sum(axis=1) + lost
    with np.errstate(invalid="ignore"):
        shares = (votes + np.where(exists, (lost / offered)[:, None], 0.0)) / trials[:, None]
    return shares, offered


def agreement(probabilities: ArrayLike, options: ArrayLike | None = None) -> Floats:
    """``1 - H(p) / log K`` of each row of ``probabilities`` (n, K): the confidence that endless trials would give."""
    p = np.asarray(probabilities, dtype=np.float64)
    offered = _offered(p, options)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p), np.where(np.isnan(p), np.nan, 0.0))
    return np.clip(1.0 + terms.sum(axis=1) / np.log(offered), 0.0, 1.0)


def expected_confidence(probabilities: ArrayLike, trials: int, options: ArrayLike | None = None) -> Floats:
    """Expected C of T independent answers drawn from known option probabilities, in closed form.

    By linearity only the binomial law of each option's votes is needed:
    ``E[C_T] = 1 + (1 / log K) * sum_i sum_n Bin(n; T, p_i) (n / T) log(n / T)``.

    probabilities   (n, K), rows sum to 1.
    trials          T >= 1. With T = 1 every answer agrees with itself and C is 1.
    """
    if trials < 1:
        raise ValueError(f"trials is {trials}; at least one is needed")
    p = np.asarray(probabilities, dtype=np.float64)
    offered = _offered(p, options)
    n = np.arange(1, trials)
    # n = 0 and n = T contribute nothing: x log x is 0 at both ends.
    weight = (n / trials) * np.log(n / trials) * _binomial_coefficients(trials)[1:-1]
    terms = np.zeros(p.shape)
    for k, w in zip(n, weight, strict=True):
        terms += w * p**k * (1.0 - p) ** (trials - k)
    return np.clip(1.0 + terms.sum(axis=1) / np.log(offered), 0.0, 1.0)


def uniform_confidence(options: ArrayLike, trials: int) -> Floats:
    """Expected C of somebody who picks any option with equal chance, for each question's number of ``options`` (n,).

    It is not 0 at few trials (K = 4: 0.44 at T = 3, 0.12 at T = 10): the floor that a confidence must be read against.
    """
    offered = np.asarray(options, dtype=np.int64)
    values = {int(k): float(expected_confidence(np.full((1, k), 1.0 / k), trials)[0]) for k in np.unique(offered)}
    return np.array([values[int(k)] for k in offered], dtype=np.float64)


def top_share(shares: ArrayLike) -> Floats:
    """Share of the most frequent option of each row (n, K): unlike C, a probability of being right that can be checked."""
    return np.asarray(shares, dtype=np.float64).max(axis=1)


def majority_correct(counts: ArrayLike, answer: ArrayLike) -> Floats:
    """Chance that a majority vote is right, for each question: 1, 0, or 1/m where m options tie, the right one among them.

    counts   (n, K) votes or probabilities;  answer   (n,) index of the right option. Without any vote it is 0.
    """
    votes = np.asarray(counts, dtype=np.float64)
    right = np.asarray(answer, dtype=np.int64)
    best = votes.max(axis=1)
    tied = votes == best[:, None]
    hit = tied[np.arange(len(votes)), right] & (best > 0)
    return np.where(hit, 1.0 / tied.sum(axis=1), 0.0)


def _offered(values: NDArray[Any], options: ArrayLike | None) -> NDArray[np.int64]:
    if values.ndim != 2:
        raise ValueError(f"one row a question and one column an option are expected, not shape {values.shape}")
    offered = np.full(len(values), values.shape[1]) if options is None else np.asarray(options, dtype=np.int64)
    if offered.shape != (len(values),) or np.any(offered < 2) or np.any(offered > values.shape[1]):
        raise ValueError(f"each question needs 2 to {values.shape[1]} options")
    return offered.astype(np.int64)


def _binomial_coefficients(trials: int) -> Floats:
    row = np.ones(1)
    for _ in range(trials):
        row = np.convolve(row, [1.0, 1.0])
    return row

"""Bias and inconsistency of each reader, told apart from what is read (the model of ITU-T P.910, annex E: Li & Bampis 2017).

A setting is the thing's own severity + the reader's bias + the reader's inconsistency times a standard normal. Maximising over
the severities as well, as P.910 does, has no maximum for small panels: a reader followed to the letter gets an inconsistency
of 0. Here the severities are integrated out (restricted likelihood; Patterson & Thompson 1971, Biometrika 58:545). For three
readers who all set everything that is Grubbs' estimator (1948, J Am Stat Assoc 43:243) in closed form. Below three readers the
inconsistencies cannot be told apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from medqdeg_desktop.statistics.reliability import Interval

Floats = NDArray[np.float64]

_Z = 1.959963984540054
#: On the severity axis; finer than any reader repeats.
_FLOOR, _CEILING = 1e-3, 1.0


@dataclass(frozen=True, slots=True)
class ReaderModel:
    """By reader, in the order of the columns. Biases sum to 0; ``n`` of an interval counts the reader's settings."""

    bias: tuple[Interval, ...]
    inconsistency: tuple[Interval, ...]


def reader_model(settings: Sequence[Sequence[ArrayLike]]) -> ReaderModel | None:
    """Fits ``settings`` (things, readers, any number): what each reader set each thing to, all times that it was shown.

    None below three readers or five things that all of them set. Things that a single reader set say nothing of a bias.
    Intervals come from the curvature of the likelihood (normal approximation, on the log scale for an inconsistency); there is
    none for an inconsistency at the floor of 0.001.
    """
    given = [[np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in row] for row in settings]
    given = [[v[~np.isnan(v)] for v in row] for row in given]
    given = [row for row in given if sum(v.size > 0 for v in row) >= 2]
    if not given or len(given[0]) < 3 or sum(all(v.size for v in row) for row in given) < 5:
        return None
    size = np.array([[v.size for v in row] for row in given], dtype=np.float64)
    held = np.array([[v.mean() if v.size else 0.0 for v in row] for row in given])
    # Repeats add what they differ by, whatever the thing.
    within = np.array([[float(((v - v.mean()) ** 2).sum()) if v.size else 0.0 for v in row] for row in given]).sum(axis=0)
    seen, counts, readers = size > 0, size.sum(axis=0), size.shape[1]
    repeats = counts - seen.sum(axis=0)
    x = np.where(seen, held, np.nan)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        """Minus the restricted log likelihood and its gradient; parameters are biases but the last, and logs of SDs."""
        bias, logs = _unpacked(parameters, readers)
        precision = np.exp(-2 * logs)
        weight = size * precision
        total = weight.sum(axis=1)
        rest = np.where(seen, held - bias, 0.0)
        own = (weight * rest).sum(axis=1) / total
        off = np.where(seen, rest - own[:, None], 0.0)
        value = float((seen * logs).sum() + 0.5 * np.log(total).sum() + 0.5 * (weight * off**2).sum())
        value += float((repeats * logs + 0.5 * within * precision).sum())
        of_bias = -(weight * off).sum(axis=0)
        of_logs = seen.sum(axis=0) - (weight / total[:, None]).sum(axis=0) - (weight * off**2).sum(axis=0)
        of_logs = of_logs + repeats - within * precision
        return value, np.concatenate([of_bias[:-1] - of_bias[-1], of_logs])

    start_bias = np.nanmean(x - np.nanmean(x, axis=1, keepdims=True), axis=0)
    start_bias = start_bias - start_bias.mean()
    spread = max(float(np.nanstd(x - np.nanmean(x, axis=1, keepdims=True) - start_bias)), 2 * _FLOOR)
    start = np.concatenate([start_bias[:-1], np.full(readers, math.log(spread))])
    bounds = [(-1.0, 1.0)] * (readers - 1) + [(math.log(_FLOOR), math.log(_CEILING))] * readers
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    bias, logs = _unpacked(found.x, readers)
    covariance = np.linalg.pinv(_curvature(lambda p: loss(p)[1], found.x), hermitian=True)
    spread_of = np.vstack([np.eye(readers - 1), -np.ones((1, readers - 1))])
    of_bias = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", spread_of, covariance[: readers - 1, : readers - 1], spread_of), 0))
    of_logs = np.sqrt(np.maximum(np.diag(covariance)[readers - 1 :], 0))
    # The biases were estimated from the same things: as n - 1 in a variance.
    larger = np.sqrt(counts / (counts - 1))
    return ReaderModel(
        tuple(
            Interval(float(b), float(b - _Z * se), float(b + _Z * se), int(n))
            for b, se, n in zip(bias, of_bias, counts, strict=True)
        ),
        tuple(
            _positive(float(np.exp(v)) * float(more), float(se), int(n), float(v))
            for v, se, n, more in zip(logs, of_logs, counts, larger, strict=True)
        ),
    )


def _positive(sd: float, se: float, n: int, log: float) -> Interval:
    if log <= math.log(_FLOOR) + 1e-6:
        return Interval(sd, math.nan, math.nan, n)
    return Interval(sd, sd * math.exp(-_Z * se), sd * math.exp(_Z * se), n)


def _unpacked(parameters: Floats, readers: int) -> tuple[Floats, Floats]:
    free = parameters[: readers - 1]
    return np.append(free, -free.sum()), parameters[readers - 1 :]


def _curvature(gradient: Callable[[Floats], Floats], at: Floats, step: float = 1e-5) -> Floats:
    """Second derivatives by central differences of the gradient."""
    rows = []
    for i in range(len(at)):
        shift = np.zeros(len(at))
        shift[i] = step
        rows.append((gradient(at + shift) - gradient(at - shift)) / (2 * step))
    matrix = np.asarray(rows)
    return np.asarray((matrix + matrix.T) / 2)

"""Strengths from paired comparisons: Bradley & Terry 1952 (Biometrika 39:324), minorised as in Hunter 2004 (Ann Stat 32:384).

Strengths are logs, with mean 0. A prior of half a tie between every pair that was compared keeps them finite where somebody won
every time; it is off by default. Intervals come from the inverse of the observed information (normal approximation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strengths:
    """``log_strength`` (n,) with mean 0, ``low`` and ``high`` its 95 % interval; NaN for who was never compared."""

    log_strength: Floats
    low: Floats
    high: Floats
    comparisons: int


def bradley_terry(wins: ArrayLike, *, prior: float = 0.0, iterations: int = 10_000) -> Strengths:
    """Fits ``wins`` (n, n): how often the row beat the column.

    prior   wins added to both sides of each pair that was compared.

    Raises ValueError where, without a prior, the strengths have no finite value (the wins do not connect everybody both ways).
    """
    table = np.asarray(wins, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ValueError(f"wins of shape {table.shape}: must be square")
    compared = (table + table.T) > 0
    comparisons = int(table.sum())
    table = table + prior * compared
    seen = np.flatnonzero(compared.any(axis=1))
    out = np.full((3, len(table)), np.nan)
    if len(seen) > 1:
        part = table[np.ix_(seen, seen)]
        if not _connected(part):
            raise ValueError("somebody won or lost every comparison with the rest; a prior gives finite strengths")
        strength = _fit(part, iterations)
        se = _standard_errors(part, strength)
        out[:, seen] = strength, strength - 1.959963984540054 * se, strength + 1.959963984540054 * se
    return Strengths(out[0], out[1], out[2], comparisons)


def _connected(wins: Floats) -> bool:
    """Whether each can be reached from each along wins (Ford 1957): the condition for a finite maximum."""
    reach = (wins > 0) | np.eye(len(wins), dtype=bool)
    for _ in range(int(np.ceil(np.log2(max(2, len(wins)))))):
        reach = (reach.astype(np.int64) @ reach.astype(np.int64)) > 0
    return bool(reach.all())


def _fit(wins: Floats, iterations: int) -> Floats:
    games = wins + wins.T
    won = wins.sum(axis=1)
    p = np.ones(len(wins))
    for _ in range(iterations):
        new = won / (games / (p[:, None] + p[None, :])).sum(axis=1)
        new /= np.exp(np.log(new).mean())
        if np.abs(np.log(new / p)).max() < 1e-12:
            p = new
            break
        p = new
    return np.log(p)


def _standard_errors(wins: Floats, strength: Floats) -> Floats:
    games = wins + wins.T
    chance = 1 / (1 + np.exp(strength[None, :] - strength[:, None]))
    information = -games * chance * (1 - chance)
    np.fill_diagonal(information, 0)
    np.fill_diagonal(information, -information.sum(axis=1))
    # The mean is fixed at 0, so the direction in which all strengths move together has no variance.
    return np.sqrt(np.diag(np.linalg.pinv(information, hermitian=True)))

"""Whether two kinds of images lie among each other in a space of features: principal components to look at, a number to test.

A picture of a projection shows what the eye wants to see; the share of neighbours of the other kind is counted in all dimensions
and tested against kinds shuffled within strata (modalities), which would otherwise do the separating.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def principal_components(features: ArrayLike, components: int = 2) -> tuple[Floats, Floats]:
    """The first ``components`` principal components (n, c) of ``features`` (n, d), and the share of the variance of each (c,).

    The sign of a component is such that its largest loading is positive, so that two runs draw the same picture.
    """
    x = np.asarray(features, dtype=np.float64)
    if x.ndim != 2 or min(x.shape) < components:
        raise ValueError(f"{components} components need at least as many rows and columns, not {x.shape}")
    x = x - x.mean(axis=0)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    sign = np.sign(vt[np.arange(components), np.abs(vt[:components]).argmax(axis=1)])
    total = (s**2).sum()
    return u[:, :components] * s[:components] * sign, s[:components] ** 2 / total if total > 0 else np.zeros(components)


@dataclass(frozen=True, slots=True)
class Mixing:
    """How much two kinds mix.

    ratio      share of neighbours of the other kind over the share expected of shuffled kinds: 1 mixed, 0 apart.
    p_value    share of shuffles that mix as little as this or less (two kinds from one distribution: uniform).
    neighbours how many were counted for each image.
    """

    ratio: float
    p_value: float
    neighbours: int


def neighbour_mixing(
    features: ArrayLike,
    kind: ArrayLike,
    strata: ArrayLike | None = None,
    *,
    neighbours: int = 10,
    shuffles: int = 999,
    seed: int = 0,
) -> Mixing:
    """Mixing of the two kinds ``kind`` (n,) of images in ``features`` (n, d), each column scaled to its spread.

    strata   (n,) such as modalities: kinds are shuffled within a stratum only.

    ValueError unless both kinds occur together in a stratum.
    """
    x = np.asarray(features, dtype=np.float64)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    labels, kinds = np.unique(np.asarray(kind), return_inverse=True)
    groups = np.zeros(len(x), dtype=int) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    if len(labels) != 2 or not any(len(np.unique(kinds[groups == g])) == 2 for g in np.unique(groups)):
        raise ValueError("mixing needs two kinds of images that occur together in a stratum")
    near = _nearest(x, min(neighbours, len(x) - 1))
    generator = np.random.Generator(np.random.Philox(seed))
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    drawn = np.empty(shuffles)
    shuffled = kinds.copy()
    for i in range(shuffles):
        for rows in members:
            shuffled[rows] = kinds[generator.permutation(rows)]
        drawn[i] = _other(near, shuffled)
    found = _other(near, kinds)
    expected = float(drawn.mean())
    p = (1 + int((drawn <= found).sum())) / (1 + shuffles)
    return Mixing(found / expected if expected > 0 else float("nan"), p, near.shape[1])


def _nearest(x: Floats, k: int) -> NDArray[np.intp]:
    """Indices (n, k) of the nearest other rows, in blocks, so that memory stays small."""
    square = (x * x).sum(axis=1)
    out = np.empty((len(x), k), dtype=np.intp)
    for start in range(0, len(x), 512):
        block = slice(start, min(start + 512, len(x)))
        distance = square[block, None] + square - 2 * x[block] @ x.T
        distance[np.arange(distance.shape[0]), np.arange(block.start, block.stop)] = np.inf
        out[block] = np.argpartition(distance, k - 1, axis=1)[:, :k]
    return out


def _other(near: NDArray[np.intp], kinds: NDArray[np.intp]) -> float:
    return float((kinds[near] != kinds[:, None]).mean())

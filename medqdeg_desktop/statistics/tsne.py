"""t-SNE for some hundreds of points, exactly and the same every time (van der Maaten and Hinton 2008, JMLR 9:2579).

Starts from the first two principal components instead of noise (Kobak and Berens 2019), so that the picture keeps what is far
apart as far as it can and does not depend on a seed. Time and memory grow with the square of the number of points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medqdeg_desktop.statistics.feature_mixing import principal_components

Floats = NDArray[np.float64]

_EXAGGERATION = 12.0
_EXAGGERATED = 125


def tsne(features: ArrayLike, *, perplexity: float = 30.0, iterations: int = 500) -> Floats:
    """A map (n, 2) of ``features`` (n, d), n at least 4; ``perplexity`` is cut to a third of the points."""
    x = np.asarray(features, dtype=np.float64)
    n = len(x)
    if x.ndim != 2 or n < 4 or x.shape[1] < 2:
        raise ValueError(f"a map needs at least four points with two features, not {x.shape}")
    x = x - x.mean(axis=0)
    p = affinities(x, min(perplexity, (n - 1) / 3))
    start, _ = principal_components(x, 2)
    y = start / max(start[:, 0].std(), 1e-12) * 1e-4
    rate = max(n / _EXAGGERATION / 4, 50.0)
    speed, gains = np.zeros_like(y), np.ones_like(y)
    for step in range(iterations):
        early = step < _EXAGGERATED
        gradient = _gradient(y, p * _EXAGGERATION if early else p)
        # Each coordinate has its own step: longer while it goes on in one direction, shorter where it turns.
        gains = np.maximum(np.where(np.sign(gradient) == np.sign(speed), gains * 0.8, gains + 0.2), 0.01)
        speed = (0.5 if early else 0.8) * speed - rate * gains * gradient
        y = y + speed
        y -= y.mean(axis=0)
    return y


def affinities(x: Floats, perplexity: float) -> Floats:
    """Symmetric probabilities (n, n) of being neighbours; each point's kernel has the entropy log ``perplexity``."""
    n = len(x)
    square = (x * x).sum(axis=1)
    distance = np.maximum(square[:, None] + square - 2 * x @ x.T, 0.0)
    np.fill_diagonal(distance, np.inf)
    # The nearest neighbour's distance is taken off, which the normalised kernel does not see and exp needs.
    distance = distance - distance.min(axis=1, keepdims=True)
    spread = np.where(np.isfinite(distance), distance, 0.0).mean(axis=1)
    low, high = np.full(n, 0.0), np.full(n, np.inf)
    precision = 1.0 / np.maximum(spread, 1e-300)
    target = np.log(perplexity)
    for _ in range(64):
        kernel, entropy = _kernel(distance, precision)
        wide = entropy > target
        low, high = np.where(wide, precision, low), np.where(wide, high, precision)
        precision = np.where(np.isinf(high), precision * 2, (low + high) / 2)
    kernel, _ = _kernel(distance, precision)
    joint: Floats = np.maximum((kernel + kernel.T) / (2 * n), 1e-12)
    return joint


def _kernel(distance: Floats, precision: Floats) -> tuple[Floats, Floats]:
    with np.errstate(invalid="ignore"):
        weights = np.exp(-distance * precision[:, None])
    np.fill_diagonal(weights, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    p = weights / total
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.where(p > 0, p * np.log(p), 0.0).sum(axis=1)
    return p, entropy


def _gradient(y: Floats, p: Floats) -> Floats:
    square = (y * y).sum(axis=1)
    closeness = 1.0 / (1.0 + np.maximum(square[:, None] + square - 2 * y @ y.T, 0.0))
    np.fill_diagonal(closeness, 0.0)
    pull = (p - closeness / closeness.sum()) * closeness
    gradient: Floats = 4.0 * (pull.sum(axis=1)[:, None] * y - pull @ y)
    return gradient

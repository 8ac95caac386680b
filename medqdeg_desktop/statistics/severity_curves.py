"""How accuracy falls as severity rises: a monotone curve, the place of a cliff, the severity up to which limits hold.

Everything works on k severities at once with many bootstrap replicates beside the estimate: values are (k,) or (k, B), a column
a replicate, so that whatever is read off the curve has an interval.

The cliff is the breakpoint of the best two-piece line (Muggeo 2003, Statistics in Medicine 22:3055, by a grid instead of
iteration) whose second piece falls faster than its first. Whether there is one at all is said by BIC against a single line, in
the estimate and in the share of replicates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Severities, 0 included, that a two-piece line needs: four numbers are fitted.
FEWEST_FOR_CLIFF = 5
_GRID = 101


def monotone(values: ArrayLike, weights: ArrayLike, *, rising: bool = False) -> Floats:
    """The closest falling (or ``rising``) sequence to each column of ``values``, in weighted least squares.

    values    (k,) or (k, B) in order of severity;  weights  (k,) positive, such as numbers of questions.

    Isotonic regression by its min-max formula: the value at i is the least over a <= i of the greatest over b >= i of the means
    from a to b. Returns the shape of ``values``.
    """
    y = np.asarray(values, dtype=np.float64)
    columns = y[:, None] if y.ndim == 1 else y
    w = np.asarray(weights, dtype=np.float64)
    k = len(columns)
    sign = -1.0 if rising else 1.0
    total = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(sign * columns * w[:, None], axis=0)])
    mass = np.concatenate([[0.0], np.cumsum(w)])
    out = np.full(columns.shape, np.inf)
    for a in range(k):
        means = (total[a + 1 :] - total[a]) / (mass[a + 1 :] - mass[a])[:, None]
        # The greatest mean from a to any b >= i, for each i from a on.
        greatest = np.maximum.accumulate(means[::-1], axis=0)[::-1]
        out[a:] = np.minimum(out[a:], greatest)
    out *= sign
    return out[:, 0] if y.ndim == 1 else out


@dataclass(frozen=True, slots=True)
class Cliff:
    """Where accuracy begins to fall faster.

    place         severity of the breakpoint;  places  (B,) of the replicates, NaN where a replicate has none.
    before, after slopes of the two pieces, accuracy per unit of severity.
    better        whether two pieces describe the values better than one line (lower BIC).
    probability   share of the replicates in which they do.
    """

    place: float
    places: Floats
    before: float
    after: float
    better: bool
    probability: float


def cliff(severity: ArrayLike, values: ArrayLike, replicates: ArrayLike, weights: ArrayLike) -> Cliff | None:
    """The cliff of ``values`` (k,) over ``severity`` (k,) with its ``replicates`` (k, B); ``weights`` (k,) numbers of questions.

    None with fewer than five severities, or where no two-piece line falls faster in its second piece.
    """
    s = np.asarray(severity, dtype=np.float64)
    if len(s) < FEWEST_FOR_CLIFF:
        return None
    y = np.column_stack([np.asarray(values, dtype=np.float64), np.asarray(replicates, dtype=np.float64)])
    root = np.sqrt(np.asarray(weights, dtype=np.float64))
    root = root / np.sqrt((root**2).mean())
    one, _ = _fit(np.column_stack([np.ones(len(s)), s]), y, root)
    places = np.linspace(s[1], s[-2], _GRID)
    best = np.full(y.shape[1], np.inf)
    place = np.full(y.shape[1], np.nan)
    slopes = np.full((2, y.shape[1]), np.nan)
    for candidate in places:
        left, beta = _fit(np.column_stack([np.ones(len(s)), s, np.maximum(0.0, s - candidate)]), y, root)
        taken = (beta[2] < 0) & (left < best)
        best[taken], place[taken] = left[taken], candidate
        slopes[:, taken] = beta[1, taken], beta[1, taken] + beta[2, taken]
    if not np.isfinite(place[0]):
        return None
    # BIC with its k log likelihood; exact fits are kept apart from a logarithm of zero. Two pieces have two numbers more.
    tiny = 1e-12
    gain = len(s) * (np.log(one + tiny) - np.log(best + tiny)) - 2 * np.log(len(s))
    better = np.isfinite(best) & (gain > 0)
    share = float(better[1:].mean()) if y.shape[1] > 1 else float("nan")
    return Cliff(float(place[0]), place[1:], float(slopes[0, 0]), float(slopes[1, 0]), bool(better[0]), share)


def _fit(design: Floats, y: Floats, root: Floats) -> tuple[Floats, Floats]:
    """Weighted residual sum of squares (B,) and coefficients (p, B) of each column of ``y``."""
    x = design * root[:, None]
    target = y * root[:, None]
    beta = np.asarray(np.linalg.lstsq(x, target, rcond=None)[0], dtype=np.float64)
    return np.asarray(((target - x @ beta) ** 2).sum(axis=0), dtype=np.float64), beta


def safe_severity(
    severity: ArrayLike, accuracy: ArrayLike, shift: ArrayLike, *, least_accuracy: float, most_shift: float
) -> Floats:
    """The severity up to which accuracy stays at or above, and Calibration Shift at or below, their limits.

    severity   (k,) rising;  accuracy, shift  (k, B) monotone curves, joined by straight lines.

    Returns (B,): NaN where a limit is broken at the first severity already, the last severity where none is ever broken.
    """
    s = np.asarray(severity, dtype=np.float64)
    a = _crossing(s, np.asarray(accuracy, dtype=np.float64) - least_accuracy)
    b = _crossing(s, most_shift - np.asarray(shift, dtype=np.float64))
    return np.asarray(np.minimum(a, b), dtype=np.float64)


def _crossing(s: Floats, margin: Floats) -> Floats:
    """Where each column of ``margin`` (k, B) first falls below 0, between severities by a straight line."""
    broken = margin < 0
    first = np.where(broken.any(axis=0), broken.argmax(axis=0), len(s))
    out = np.full(margin.shape[1], s[-1])
    inside = (first > 0) & (first < len(s))
    at, column = first[inside], np.flatnonzero(inside)
    above, below = margin[at - 1, column], margin[at, column]
    out[inside] = s[at - 1] + (s[at] - s[at - 1]) * above / (above - below)
    out[first == 0] = np.nan
    return out

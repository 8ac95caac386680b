"""Severity paths: one scalar s in (0, 1] to one parameter, smooth and strictly monotone through four fixed points.

Every path of the product that has published levels goes through its neutral value at s = 0, the default L1 at 0.30, the default
L2 at 0.65 and a value at s = 1 at which no finding can be judged any more. Between them runs the monotone piecewise cubic of
Fritsch and Carlson (SIAM J. Numer. Anal. 17, 1980) with the weighted harmonic slopes of Fritsch and Butland (SIAM J. Sci. Stat.
Comput. 5, 1984), in the value or in its logarithm: no jump, no plateau, no overshoot.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final, Literal

L1_SEVERITY: Final = 0.30
L2_SEVERITY: Final = 0.65
_KNOTS: Final = (0.0, L1_SEVERITY, L2_SEVERITY, 1.0)


@dataclass(frozen=True, slots=True)
class SeverityPath:
    """The parameter's value at s = 0 (does nothing), 0.30, 0.65 and 1. ``scale`` "log" needs positive values.

    The four values must rise or fall strictly; ValueError otherwise.
    """

    neutral: float
    level1: float
    level2: float
    worst: float
    scale: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        steps = [b - a for a, b in itertools.pairwise(self.values)]
        if not (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
            raise ValueError(f"a severity path must be strictly monotone, not {self.values}")
        if self.scale == "log" and min(self.values) <= 0:
            raise ValueError(f"a logarithmic severity path needs positive values, not {self.values}")

    @property
    def values(self) -> tuple[float, float, float, float]:
        return (self.neutral, self.level1, self.level2, self.worst)

    def __call__(self, severity: float) -> float:
        """Value at ``severity`` in [0, 1]; exactly the given value at the four knots."""
        if severity in _KNOTS:
            return self.values[_KNOTS.index(severity)]
        heights = [math.log(v) for v in self.values] if self.scale == "log" else list(self.values)
        slopes = _monotone_slopes(heights)
        i = max(k for k in range(3) if _KNOTS[k] <= severity)
        width = _KNOTS[i + 1] - _KNOTS[i]
        t = (severity - _KNOTS[i]) / width
        # Cubic Hermite basis on [0, 1].
        y = (
            (1 + 2 * t) * (1 - t) ** 2 * heights[i]
            + t * (1 - t) ** 2 * width * slopes[i]
            + t**2 * (3 - 2 * t) * heights[i + 1]
            + t**2 * (t - 1) * width * slopes[i + 1]
        )
        return math.exp(y) if self.scale == "log" else y


def _monotone_slopes(heights: list[float]) -> list[float]:
    """Slopes at the knots that keep the cubic monotone, for strictly monotone ``heights``."""
    widths = [b - a for a, b in itertools.pairwise(_KNOTS)]
    secants = [(heights[k + 1] - heights[k]) / widths[k] for k in range(3)]
    inner = []
    for k in (1, 2):
        before, after = 2 * widths[k] + widths[k - 1], widths[k] + 2 * widths[k - 1]
        inner.append((before + after) / (before / secants[k - 1] + after / secants[k]))
    # At the ends the chord itself: positive, at most once the secant, so monotone and never flat.
    return [secants[0], *inner, secants[2]]

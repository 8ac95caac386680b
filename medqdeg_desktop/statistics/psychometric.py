"""The curve by which an observer's answer depends on severity, and what a run of answers says about its threshold.

The curve is a cumulative normal with lapses (Wichmann & Hill 2001, Percept Psychophys 63:1293): an observer answers "at least"
with probability ``lapse / 2 + (1 - lapse) * Phi((s - threshold) / sd)``. The posterior lives on a grid of thresholds and SDs; the
next stimulus is the one whose answer is expected to leave the least variance of the threshold (Watson 2017, J Vis 17(3):10,
with variance in the place of entropy, as the threshold's error is what is reported).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]

_THRESHOLDS = np.linspace(-0.1, 1.1, 121)
_SDS = np.array([0.02, 0.04, 0.06, 0.08, 0.11, 0.15, 0.2])
_STIMULI = np.linspace(0.02, 1.0, 50)


def probability(severity: ArrayLike, threshold: ArrayLike, sd: ArrayLike, lapse: float) -> Floats:
    """Probability of "at least this level" at ``severity``; arguments broadcast."""
    s, t, w = (np.asarray(v, dtype=np.float64) for v in (severity, threshold, sd))
    return np.asarray(lapse / 2 + (1 - lapse) * special.ndtr((s - t) / w), dtype=np.float64)


def _log_prior() -> Floats:
    flat = np.zeros((len(_THRESHOLDS), len(_SDS)))
    # SDs around 0.08 of the path are usual; the prior is wide enough for twice and half of it.
    return flat - 0.5 * (np.log(_SDS / 0.08) / 0.7) ** 2


@dataclass(slots=True)
class ThresholdPosterior:
    """What is known of one boundary after the answers so far; ``expected_variance`` looks one answer ahead."""

    lapse: float = 0.04
    log_weight: Floats = field(default_factory=_log_prior)

    def update(self, severity: float, at_least: bool) -> None:
        p = probability(severity, _THRESHOLDS[:, None], _SDS[None, :], self.lapse)
        self.log_weight = self.log_weight + np.log(p if at_least else 1 - p)
        self.log_weight -= self.log_weight.max()

    @property
    def weight(self) -> Floats:
        """(thresholds, SDs) posterior probabilities."""
        w = np.exp(self.log_weight)
        return w / w.sum()

    @property
    def mean(self) -> float:
        return float((self.weight.sum(axis=1) * _THRESHOLDS).sum())

    @property
    def sd(self) -> float:
        w = self.weight.sum(axis=1)
        mean = float((w * _THRESHOLDS).sum())
        return float(np.sqrt((w * (_THRESHOLDS - mean) ** 2).sum()))

    def expected_variance(self) -> Floats:
        """Expected variance of the threshold after an answer at each of ``stimuli()``."""
        table = probability(_STIMULI[:, None, None], _THRESHOLDS[None, :, None], _SDS[None, None, :], self.lapse)
        yes = np.einsum("stw,tw->st", table, self.weight)
        marginal = self.weight.sum(axis=1)
        out = np.zeros(len(_STIMULI))
        for part in (yes, marginal[None, :] - yes):
            mass = part.sum(axis=1)
            first = part @ _THRESHOLDS
            out += part @ _THRESHOLDS**2 - first**2 / np.maximum(mass, 1e-300)
        return out


def stimuli() -> Floats:
    """Severities that a run may show; never the original itself."""
    return _STIMULI.copy()

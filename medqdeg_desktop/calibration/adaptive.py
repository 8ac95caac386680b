"""The adaptive run: for a cell that fails verification, about twenty five-step ratings a level find where its steps begin.

Each rating says of every boundary between two steps whether the picture lies at or beyond it, so that one answer teaches three
boundaries. The next severity is the one expected to tell most about the boundary that is least known. A level is the middle of
its step: L1 between the beginnings of moderate and severe, L2 between those of severe and beyond.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from medqdeg_desktop.statistics.psychometric import ThresholdPosterior, stimuli
from medqdeg_desktop.taxonomy import Level

TRIALS_A_LEVEL: Final = 20
#: Boundary k lies between the ratings k - 1 and k.
_BOUNDARIES: Final = (2, 3, 4)


@dataclass(slots=True)
class OrdinalRun:
    """One reader's run on one cell; told its answers again in order, it stands where it stood."""

    posteriors: dict[int, ThresholdPosterior] = field(default_factory=lambda: {k: ThresholdPosterior() for k in _BOUNDARIES})
    answered: int = 0

    @property
    def finished(self) -> bool:
        return self.answered >= 2 * TRIALS_A_LEVEL

    def next_severity(self) -> float:
        """What to show next."""
        least_known = max(_BOUNDARIES, key=lambda k: (self.posteriors[k].sd, -k))
        return float(stimuli()[int(np.argmin(self.posteriors[least_known].expected_variance()))])

    def answer(self, severity: float, rating: int) -> None:
        for boundary, posterior in self.posteriors.items():
            posterior.update(severity, rating >= boundary)
        self.answered += 1

    def boundary(self, k: int) -> float:
        return min(max(self.posteriors[k].mean, 0.0), 1.0)

    def levels(self) -> dict[Level, float]:
        """Severity of each level as the answers so far say."""
        moderate, severe, beyond = (self.boundary(k) for k in _BOUNDARIES)
        return {Level.L1: (moderate + severe) / 2, Level.L2: (severe + beyond) / 2}

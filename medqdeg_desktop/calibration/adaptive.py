"""The adaptive run: for a cell that fails verification, about twenty five-step ratings a level find where its steps begin.

Each rating says of every boundary between two steps whether the picture lies at or beyond it, so that one answer teaches three
boundaries. The next severity is the one expected to tell most about the boundary that is least known. A level is the middle of
its step: L1 between the beginnings of moderate and severe, L2 between those of severe and beyond.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from medqdeg_desktop.calibration.protocol import CellDesign
from medqdeg_desktop.calibration.trials import Progress, Trial
from medqdeg_desktop.statistics.psychometric import ThresholdPosterior, stimuli
from medqdeg_desktop.study.readings import TrialAnswer
from medqdeg_desktop.taxonomy import Level

ADAPT: Final = "adapt"
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


def run_of(cell: CellDesign, answers: Iterable[TrialAnswer], reader: str) -> OrdinalRun:
    """The reader's run on ``cell`` as far as their ``answers`` go."""
    run = OrdinalRun()
    made = [a for a in answers if a.stage == ADAPT and a.reader == reader and f"{a.type}|{a.modality}" == cell.name]
    for answer in sorted(made, key=lambda a: a.event_id):
        assert answer.severity is not None
        run.answer(answer.severity, int(answer.detail["rating"]))
    return run


def next_in_runs(cells: Sequence[CellDesign], answers: Sequence[TrialAnswer], reader: str) -> Progress:
    """The next rating of the first run that is not finished; pictures that are held out take turns."""
    runs = [(cell, run_of(cell, answers, reader)) for cell in cells]
    done = sum(run.answered for _, run in runs)
    total = 2 * TRIALS_A_LEVEL * len(cells)
    for cell, run in runs:
        if not run.finished:
            image = cell.held_out[run.answered % len(cell.held_out)]
            key = f"adapt|{cell.name}|{run.answered:02d}"
            trial = Trial(key, ADAPT, "rate", cell.modality, image, cell.type, severity=run.next_severity())
            return Progress(trial, done, total)
    return Progress(None, done, total)

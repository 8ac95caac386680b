"""Blind verification: readers rate proposed levels, and steps beside them, on pictures they have not adjusted.

The five steps are keys 0 to 4: none, noticeable, moderate (what L1 should be), severe (what L2 should be), beyond. A cell
passes where enough ratings of its L1 lie within one step of moderate with that as median, likewise its L2, and the medians
differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from medqdeg_desktop.calibration.consensus import CellProposal
from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.protocol import LEVELS, Protocol
from medqdeg_desktop.calibration.trials import VERIFY
from medqdeg_desktop.study.readings import TrialAnswer
from medqdeg_desktop.taxonomy import Level

STEPS: Final[tuple[str, ...]] = ("none", "noticeable", "moderate", "severe", "beyond")
#: The step that a level should be rated as.
STEP_OF: Final = {Level.L0: 0, Level.L1: 2, Level.L2: 3}

#: Half of the gap between the levels, within these bounds, is the step by which neighbours are shown.
_STEP_BOUNDS: Final = (0.05, 0.15)


def proposal_body(proposals: Iterable[CellProposal]) -> dict[str, Any]:
    """What verification shows, fixed for all readers; CalibrationError where a cell has only one level."""
    cells = []
    for p in proposals:
        level1, level2 = (p.severities[level] for level in LEVELS)
        if not (level1 == level1 and level2 == level2):  # NaN: nobody could set the level
            raise CalibrationError(f"{p.cell.type} on {p.cell.modality}: a level has no setting yet")
        step = min(max((level2 - level1) / 2, _STEP_BOUNDS[0]), _STEP_BOUNDS[1])
        cells.append(
            {"type": p.cell.type, "modality": str(p.cell.modality), "L1": round(level1, 6), "L2": round(level2, 6), "step": step}
        )
    return {"cells": cells}


@dataclass(frozen=True, slots=True)
class CellVerdict:
    """``shares``: ratings within one step of what was intended; ``medians`` of the ratings; ``failed``: why, or empty."""

    name: str
    ratings: int
    shares: dict[Level, float]
    medians: dict[Level, float]
    failed: str


def judge(protocol: Protocol, answers: Sequence[TrialAnswer]) -> list[CellVerdict]:
    """The verdict on each cell that has ratings."""
    given: dict[str, dict[Level, list[int]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        if answer.stage == VERIFY and answer.detail.get("intended") in ("L0", "L1", "L2"):
            given[f"{answer.type}|{answer.modality}"][Level(answer.detail["intended"])].append(int(answer.detail["rating"]))
    return [_verdict(cell.name, given[cell.name], protocol) for cell in protocol.cells if cell.name in given]


def _verdict(name: str, ratings: dict[Level, list[int]], protocol: Protocol) -> CellVerdict:
    shares, medians, reasons = {}, {}, []
    for level in LEVELS:
        given = ratings.get(level, [])
        if not given:
            reasons.append(f"{level} was not rated")
            continue
        wanted = STEP_OF[level]
        shares[level] = sum(abs(r - wanted) <= 1 for r in given) / len(given)
        medians[level] = float(median(given))
        if shares[level] < protocol.limits.pass_share:
            reasons.append(f"{shares[level]:.0%} of {level} within one step of {STEPS[wanted]}")
        elif medians[level] != wanted:
            reasons.append(f"median rating of {level} is {medians[level]:g}, not {wanted}")
    if len(medians) == 2 and medians[Level.L1] == medians[Level.L2]:
        reasons.append("L1 and L2 are rated alike")
    return CellVerdict(name, sum(map(len, ratings.values())), shares, medians, "; ".join(reasons))


def failures(verdicts: Iterable[CellVerdict]) -> dict[str, str]:
    """Names of failed cells to the reason: what ``consensus.propose`` takes."""
    return {v.name: v.failed for v in verdicts if v.failed}

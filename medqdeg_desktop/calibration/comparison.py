"""Does L1 mean the same for noise and for blur? Pairs of L1 pictures of different degradations: which is worse for reading?

Every two cells of a modality are compared on each picture that both hold out, the sides at random; a Bradley-Terry scale of the
answers is reported. Nothing is forced to be equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from medqdeg_desktop.calibration.protocol import Protocol
from medqdeg_desktop.calibration.trials import Trial, order_of, shuffled
from medqdeg_desktop.statistics.bradley_terry import Strengths, bradley_terry
from medqdeg_desktop.study.readings import FixedProtocol, TrialAnswer
from medqdeg_desktop.taxonomy import Level, Modality

COMPARE: Final = "compare"


def comparisons(fixed: FixedProtocol, protocol: Protocol, proposal: Mapping[str, Any], reader_id: str) -> list[Trial]:
    """The pairs in the reader's order; which of the two comes first is part of it."""
    rng = order_of(fixed, reader_id, COMPARE)
    level1 = {(c["type"], c["modality"]): float(c["L1"]) for c in proposal["cells"]}
    found = []
    for first, second in combinations(protocol.cells, 2):
        if first.modality is not second.modality or not {(c.type, str(c.modality)) for c in (first, second)} <= set(level1):
            continue
        for image in (i for i in first.held_out if i in second.held_out):
            a, b = shuffled(rng, (first.type, second.type))
            key = f"pair|{first.modality}|{first.type}|{second.type}|{image}"
            modality = str(first.modality)
            found.append(
                Trial(
                    key, COMPARE, "pair", first.modality, image, a, Level.L1,
                    severity=level1[a, modality], other_type=b, other_severity=level1[b, modality],
                )
            )  # fmt: skip
    return shuffled(rng, found)


@dataclass(frozen=True, slots=True)
class Scale:
    """The types of one modality on one scale: a positive strength is worse for reading than the average L1."""

    modality: Modality
    types: tuple[str, ...]
    strengths: Strengths


def scales(protocol: Protocol, answers: Sequence[TrialAnswer]) -> list[Scale]:
    """A scale for each modality with answers; half a win on either side of a compared pair keeps it finite."""
    found = []
    for modality in dict.fromkeys(c.modality for c in protocol.cells):
        types = tuple(c.type for c in protocol.cells if c.modality is modality)
        worse = np.zeros((len(types), len(types)))
        for answer in answers:
            if answer.stage == COMPARE and answer.modality == str(modality) and answer.verdict in ("first", "second"):
                pair = (answer.type, str(answer.detail["other_type"]))
                winner, loser = pair if answer.verdict == "first" else pair[::-1]
                worse[types.index(winner), types.index(loser)] += 1
        if worse.sum():
            found.append(Scale(modality, types, bradley_terry(worse, prior=0.5)))
    return found

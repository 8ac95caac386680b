"""Simulated evaluations whose truth is known, through a real dataset folder and a real study: what coverage is counted on.

Images are drawn from a population: an image's questions are all right with the same chance, which is Beta distributed over images
and falls by a factor at each level. Answers of one image so agree far more than answers of different images do. Accuracy,
expected confidence, Calibration Shift and their changes from L0 follow in closed form, and each simulated run draws its images
anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import special

from medqdeg_desktop.eval.analysis import Analysis
from medqdeg_desktop.eval.tables import load, results_of
from medqdeg_desktop.statistics.votes import expected_confidence
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.answered import Row, add_run, question_set, says, wrong

#: Chance of a right answer over images, and what is left of it at each level.
SHAPE: Final = (1.2, 0.5)
LEFT: Final = {"L0": 1.0, "L1": 0.9, "L2": 0.65}
OPTIONS: Final = 4


def truth(trials: int) -> dict[tuple[str, str], float]:
    """(name, level) -> value in the population, names as in the cells of ``results.json``; changes are those from L0."""
    a, b = SHAPE
    # Gauss-Jacobi: exact, as everything is a polynomial in the chance of an image.
    nodes, weights = special.roots_jacobi(2 * trials + 2, b - 1, a - 1)
    chance, weight = (nodes + 1) / 2, weights / weights.sum()
    found: dict[tuple[str, str], float] = {}
    for level, left in LEFT.items():
        p = left * chance
        # Wrong answers all fall on one other option.
        shares = np.column_stack([p, 1 - p, np.zeros((len(p), OPTIONS - 2))])
        accuracy, confidence = float(weight @ p), float(weight @ expected_confidence(shares, trials))
        found |= {("accuracy", level): accuracy, ("confidence", level): confidence}
        found["calibration_shift", level] = confidence - accuracy
        if level != "L0":
            found["accuracy_difference", level] = accuracy - found["accuracy", "L0"]
            moved = found["calibration_shift", level] - found["calibration_shift", "L0"]
            found["calibration_shift_difference", level] = moved
    return found


def simulated(folder: Path, *, runs: int, images: int, trials: int, seed: int, most: int = 6) -> Analysis:
    """``runs`` evaluations of a set of ``images`` clean images with one to ``most`` questions each, as read from their study."""
    rng = np.random.default_rng(seed)
    image_of = np.repeat(np.arange(images), rng.integers(1, most + 1, images)).tolist()
    dataset = question_set(folder / "set", questions=len(image_of), types=("gaussian_noise",), image_of=image_of)
    with Study.create(folder / "simulated.medq", name="simulated") as study:
        for number in range(runs):
            chance = rng.beta(*SHAPE, images)

            def answering(row: Row, trial: int, chance: Any = chance) -> Answer:
                right = rng.random() < LEFT[row["level"]] * chance[image_of[int(row["item_id"][1:])]]
                return says(row["answer"] if right else wrong(row), row, trial)

            add_run(study, dataset, answering, trials=trials, label=f"{number}")
        return load(study)


def of_independent_answers(analysis: Analysis) -> Analysis:
    """The same with every answer an image of its own: what intervals are without clusters."""
    rows = len(analysis.table)
    table = replace(analysis.table, cluster=np.arange(rows, dtype=np.int32), clusters=rows)
    return Analysis(table, analysis.runs, analysis.scores)


@dataclass(frozen=True, slots=True)
class Covered:
    """How many of ``runs`` intervals hold the truth; ``width`` is their mean width, ``off`` the mean error of the estimates."""

    hits: int
    runs: int
    width: float
    off: float


def coverage(analysis: Analysis, trials: int, *, replicates: int = 1000) -> dict[tuple[str, str], Covered]:
    """By (name, level), counted on ``results.json``."""
    found = results_of(analysis, replicates=replicates, parts=())
    told: dict[tuple[str, str], list[tuple[float, list[float]]]] = {}
    for model in found["models"]:
        for name, level, value, ci in _intervals(model):
            told.setdefault((name, level), []).append((value, ci))
    out = {}
    for key, real in truth(trials).items():
        runs = told[key]
        hits = sum(low <= real <= high for _, (low, high) in runs)
        width = float(np.mean([high - low for _, (low, high) in runs]))
        out[key] = Covered(hits, len(runs), width, float(np.mean([value for value, _ in runs])) - real)
    return out


def _intervals(model: dict[str, Any]) -> Iterator[tuple[str, str, float, list[float]]]:
    for cell in model["levels"]:
        for name in ("accuracy", "confidence", "calibration_shift"):
            yield name, cell["level"], cell[name], cell[f"{name}_ci"]
        if cell["matched_l0"]:
            for name in ("accuracy_difference", "calibration_shift_difference"):
                yield name, cell["level"], cell["matched_l0"][name], cell["matched_l0"][f"{name}_ci"]

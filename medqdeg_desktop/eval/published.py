"""The published results of MedQ-Deg (arXiv 2603.07769), under one name a model: facts of another dataset, for orientation.

All fractions are in 0 to 1 here, whatever unit a file has. ``resources/published/README.md`` says where each comes from.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME

LEVELS = ("L0", "L1", "L2")


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model's canonical name and group (commercial, open or medical)."""

    name: str
    group: str


@dataclass(frozen=True, slots=True)
class LevelResult:
    """What was published for one model on one level; confidence and shift only where the calibration figure has the model."""

    model: str
    level: str
    accuracy: float
    confidence: float | None = None
    calibration_shift: float | None = None


@dataclass(frozen=True, slots=True)
class PartResult:
    """Accuracy over L1 and L2 in one task or degradation category, and its change from L0 (negative: lost)."""

    model: str
    part: str
    accuracy: float
    change: float


@dataclass(frozen=True, slots=True)
class TypeDrop:
    """Accuracy lost by one type (canonical name, and the published id): L0 minus L1, and L0 minus L2."""

    model: str
    type: str
    published_type: str
    l1: float
    l2: float


@dataclass(frozen=True, slots=True)
class SimulatedAndReal:
    """Accuracies of one model on simulated and on real degraded images, by level."""

    model: str
    simulated: dict[str, float]
    real: dict[str, float]


@cache
def models() -> tuple[PublishedModel, ...]:
    """All 42 models met in the publication: 40 in its tables, one in the calibration figure and one in the heatmaps alone."""
    return tuple(PublishedModel(row["model"], row["group"]) for row in _rows("models.csv"))


def canonical_name(spelling: str) -> str:
    """The one name of a published model; MedqdegError for an unknown spelling."""
    try:
        return _spellings()[spelling]
    except KeyError:
        raise MedqdegError(f"{spelling!r} is no model of the published tables") from None


@cache
def accuracy_by_level() -> tuple[LevelResult, ...]:
    """Table 6: 40 models, three levels, sorted by accuracy at L0."""
    rows = sorted(_rows("accuracy_by_level.csv"), key=lambda row: -float(row["L0"]))
    return tuple(LevelResult(canonical_name(row["model"]), level, float(row[level]) / 100) for row in rows for level in LEVELS)


@cache
def calibration() -> tuple[LevelResult, ...]:
    """Figure 4: 19 models, three levels, sorted by accuracy at L0."""
    rows = [
        LevelResult(
            canonical_name(row["model"]),
            row["level"],
            float(row["accuracy"]),
            float(row["confidence"]),
            float(row["calib_shift"]),
        )
        for row in _rows("calibration.csv")
    ]
    clean = {row.model: row.accuracy for row in rows if row.level == "L0"}
    return tuple(sorted(rows, key=lambda row: (-clean[row.model], row.model, row.level)))


@cache
def by_task() -> tuple[PartResult, ...]:
    """Table 2: accuracy over L1 and L2 by task, in percent as printed turned to fractions; ``Avg`` is the macro average."""
    return _parts("accuracy_by_task.csv", ("Avg", "CU", "IP", "AR", "BS", "Diag", "Treat"))


@cache
def by_category() -> tuple[PartResult, ...]:
    """Table 3: the same by degradation category; ``Avg`` is the macro average."""
    return _parts("accuracy_by_category.csv", ("Avg", "Intensity", "Noise", "R&B", "Artifacts", "Motion"))


@cache
def drop_by_type() -> tuple[TypeDrop, ...]:
    """Heatmaps: 25 models, 19 published ids."""
    return tuple(
        TypeDrop(
            canonical_name(row["model"]),
            DEGRADATION_BY_NAME[row["degradation"]].name,
            row["degradation"],
            float(row["drop_L1"]),
            float(row["drop_L2"]),
        )
        for row in _rows("drop_by_type.csv")
    )


@cache
def accuracy_by_modality() -> dict[tuple[str, str], dict[str, float]]:
    """Radar: (modality, level) -> model -> accuracy."""
    out: dict[tuple[str, str], dict[str, float]] = {}
    for row in _rows("accuracy_by_modality.csv"):
        # A blank stands for a value under the radar's inner edge of 30 %, which is not drawn there.
        if row["accuracy"]:
            cell = out.setdefault((row["modality"], row["level"]), {})
            cell[canonical_name(row["model"])] = float(row["accuracy"]) / 100
    return out


@cache
def simulated_and_real() -> tuple[SimulatedAndReal, ...]:
    """Rank chart: 10 models."""
    return tuple(
        SimulatedAndReal(
            canonical_name(row["model"]),
            {level: float(row[f"sim_{level}"]) / 100 for level in ("L1", "L2")},
            {level: float(row[f"real_{level}"]) / 100 for level in ("L1", "L2")},
        )
        for row in _rows("sim_vs_real.csv")
    )


def _parts(file: str, parts: tuple[str, ...]) -> tuple[PartResult, ...]:
    return tuple(
        PartResult(canonical_name(row["model"]), part, float(row[part]) / 100, float(row[f"{part}_drop"]) / 100)
        for row in _rows(file)
        if row["group"] != "avg"
        for part in parts
    )


@cache
def _spellings() -> dict[str, str]:
    names = {}
    for row in _rows("models.csv"):
        for spelling in (row["model"], *filter(None, row["aliases"].split(";"))):
            names[spelling] = row["model"]
    return names


def _rows(name: str) -> list[dict[str, str]]:
    with shipped(f"published/{name}").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))

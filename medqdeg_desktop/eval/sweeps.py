"""A sweep over severity: each model's curve of accuracy and Calibration Shift, its cliff, and how far it is safe.

A set has a sweep when its degraded images stand at many severities (levels S100, S200, ...) instead of L1 and L2. Severity 0 is
what the same questions gave on the clean image, a question counting as often as it was degraded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.analysis import Analysis, Cell, CellReplicates, Estimates, Intervals
from medqdeg_desktop.eval.json_values import plain, plain_pair
from medqdeg_desktop.statistics.bootstrap import ClusterWeights, interval
from medqdeg_desktop.statistics.severity_curves import cliff, monotone, safe_severity

Json = dict[str, Any]
Floats = NDArray[np.float64]

#: Share of replicates that must have a value before an interval over them says something.
_ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What a site allows: accuracy not below, Calibration Shift not above (fractions)."""

    least_accuracy: float
    most_shift: float

    def __post_init__(self) -> None:
        if not 0 <= self.least_accuracy <= 1 or not -1 <= self.most_shift <= 1:
            raise MedqdegError("limits are fractions: an accuracy in 0 to 1, a Calibration Shift in -1 to 1")


@dataclass(frozen=True, slots=True)
class _Step:
    """One severity with its numbers for all models."""

    severity: float
    estimates: Estimates
    replicates: CellReplicates
    intervals: Intervals


def sweeps_of(
    analysis: Analysis,
    weights: ClusterWeights,
    filters: Mapping[str, Iterable[str]] | None = None,
    limits: Limits | None = None,
) -> list[Json]:
    """For all types together (``type`` "") and for each where there are several::

        {"type", "limits", "models": [{"run_id", "model", "label", "points": [{"severity", "n", "n_clusters", "accuracy",
        "accuracy_ci", "confidence", "confidence_ci", "calibration_shift", "calibration_shift_ci", "monotone_accuracy"}],
        "cliff": {"severity", "severity_ci", "slope_before", "slope_after", "better_than_line", "probability"} or null,
        "safe": {"severity", "severity_ci", "probability_none"} or null}]}

    Empty for a set without a sweep. ``probability_none`` is the share of replicates in which not even the clean image is safe.
    """
    severity = dict(analysis.table.steps)
    out = []
    cells = analysis.cells("sweep", filters)
    for name in dict.fromkeys(cell.name for cell in cells):
        own = [cell for cell in cells if cell.name == name]
        steps = [_step(analysis, cell, severity.get(cell.level, 0.0), weights) for cell in (*_clean(analysis, own), *own)]
        models = [_model(analysis, m, steps, limits) for m in range(len(analysis.runs))]
        told = None if limits is None else {"least_accuracy": limits.least_accuracy, "most_shift": limits.most_shift}
        out.append({"type": name, "limits": told, "models": [model for model in models if model["points"]]})
    return out


def _clean(analysis: Analysis, cells: Sequence[Cell]) -> list[Cell]:
    """The clean rows behind the step with the most questions, as a cell of severity 0; none where the set has no clean images."""
    rows = analysis.table.clean[max(cells, key=lambda cell: len(cell.rows)).rows]
    rows = rows[rows >= 0]
    return [Cell("sweep", cells[0].name, 0, rows.astype(np.int64))] if len(rows) else []


def _step(analysis: Analysis, cell: Cell, severity: float, weights: ClusterWeights) -> _Step:
    estimates = analysis.estimates(cell)
    drawn = analysis.replicates(cell, weights)
    return _Step(severity, estimates, drawn, analysis.intervals(cell, estimates, drawn))


def _model(analysis: Analysis, m: int, steps: Sequence[_Step], limits: Limits | None) -> Json:
    run = analysis.runs[m]
    used = [step for step in steps if step.estimates.n[m] and math.isfinite(step.estimates.accuracy[m])]
    severity = np.array([step.severity for step in used])
    counts = np.array([float(step.estimates.n[m]) for step in used])
    accuracy = np.array([step.estimates.accuracy[m] for step in used])
    shift = np.array([step.estimates.calibration_shift[m] for step in used])
    fitted = monotone(accuracy, counts) if used else accuracy
    head = {"run_id": run.run_id, "model": run.model, "label": run.label}
    points = [_point(step, m, value) for step, value in zip(used, fitted, strict=True)]
    if len(used) < 2:
        return {**head, "points": points, "cliff": None, "safe": None}
    drawn = np.stack([step.replicates.accuracy[m] for step in used]).astype(np.float64)
    drawn_shift = np.stack([step.replicates.calibration_shift[m] for step in used]).astype(np.float64)
    whole = np.isfinite(drawn).all(axis=0)
    clusters = int(min(step.estimates.n_clusters[m] for step in used))
    found = cliff(severity, accuracy, drawn[:, whole], counts)
    safe = None
    if limits is not None and np.isfinite(shift).all():
        whole &= np.isfinite(drawn_shift).all(axis=0)
        curves = [np.column_stack([fitted, monotone(drawn[:, whole], counts)])]
        curves.append(monotone(np.column_stack([shift, drawn_shift[:, whole]]), counts, rising=True))
        places = safe_severity(severity, curves[0], curves[1], least_accuracy=limits.least_accuracy, most_shift=limits.most_shift)
        # A replicate in which nothing is safe lies below every severity: it counts as 0 in the interval.
        safe = {
            "severity": plain(places[0]),
            "severity_ci": _interval(np.nan_to_num(places[1:], nan=0.0), clusters),
            "probability_none": float(np.isnan(places[1:]).mean()) if len(places) > 1 else None,
        }
    told = None
    if found is not None:
        told = {
            "severity": found.place,
            "severity_ci": _interval(found.places, clusters),
            "slope_before": found.before,
            "slope_after": found.after,
            "better_than_line": found.better,
            "probability": plain(found.probability),
        }
    return {**head, "points": points, "cliff": told, "safe": safe}


def _point(step: _Step, m: int, fitted: float) -> Json:
    estimates, ci = step.estimates, step.intervals
    return {
        "severity": step.severity,
        "n": int(estimates.n[m]),
        "n_clusters": int(estimates.n_clusters[m]),
        "accuracy": plain(estimates.accuracy[m]),
        "accuracy_ci": plain_pair(ci.accuracy[m]),
        "confidence": plain(estimates.confidence[m]),
        "confidence_ci": plain_pair(ci.confidence[m]),
        "calibration_shift": plain(estimates.calibration_shift[m]),
        "calibration_shift_ci": plain_pair(ci.calibration_shift[m]),
        "monotone_accuracy": float(fitted),
    }


def _interval(values: Floats, clusters: int) -> list[float] | None:
    if not len(values) or np.isfinite(values).mean() < _ENOUGH:
        return None
    return plain_pair(interval(values, clusters)[0])

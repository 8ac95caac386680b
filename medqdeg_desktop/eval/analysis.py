"""Estimates and intervals over the cells of a result: levels, and levels within categories, types, modalities, tasks, skills.

Scores of all runs stand side by side as arrays (questions, models). An estimate of a cell is a ratio of column sums over its
rows; an interval is the same ratio of cluster sums under bootstrap weights that all cells and models share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medqdeg_desktop.eval.positions import Positions
from medqdeg_desktop.eval.question_table import DEGRADED_ONLY, LEVELS, QuestionTable
from medqdeg_desktop.eval.scores import Scores
from medqdeg_desktop.statistics.bootstrap import ClusterWeights, acceleration, cluster_sums, cluster_weights, interval, ratio
from medqdeg_desktop.statistics.calibration_metrics import adaptive_ece, auroc, brier_score, metrics_of_counts
from medqdeg_desktop.statistics.distributions import binomial_bounds
from medqdeg_desktop.statistics.power import minimum_detectable_effect, paired_test
from medqdeg_desktop.study.records import Run

Floats = NDArray[np.float64]
Replicates = NDArray[np.float32]

#: Up to so many values of confidence are counted instead of sorted.
_FEW_VALUES: Final = 256


@dataclass(frozen=True, slots=True)
class Cell:
    """The questions of one level, of one name within a dimension where there is one. ``rows`` index the question table."""

    dimension: str
    name: str
    level: int
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimates:
    """Numbers of a cell for the m models, each (m,); NaN where a model has no answer in the cell.

    ``matched`` holds what the same questions gave at L0 (only questions answered at both levels); empty for L0 cells.
    """

    n: NDArray[np.int64]
    n_clusters: NDArray[np.int64]
    accuracy: Floats
    majority_accuracy: Floats
    confidence: Floats
    calibration_shift: Floats
    unparsed_rate: Floats
    uniform_confidence: Floats
    top_confidence: Floats
    confidence_dropped: Floats
    confidence_own_class: Floats
    mde: Floats
    matched: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CellReplicates:
    """Bootstrap replicates of a cell, each (m, B); the differences from the matched L0 are None for L0 cells.

    ``accelerations`` (m,) by the name of the field, for intervals that know how lopsided each is. Differences lie about evenly
    around theirs, where a correction for an uncertain skewness gains nothing.
    """

    accuracy: Replicates
    confidence: Replicates
    calibration_shift: Replicates
    accuracy_difference: Replicates | None
    shift_difference: Replicates | None
    accelerations: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals of a cell, each (m, 2), low and high."""

    accuracy: Floats
    confidence: Floats
    calibration_shift: Floats
    accuracy_difference: Floats | None
    shift_difference: Floats | None


class Analysis:
    """The scores of several runs on one dataset, ready to be cut into cells.

    table    the questions.
    runs     the runs, in the order of every (m,) array.
    scores   theirs.
    positions   by run id, where the options stood, of runs that rotated them.
    """

    def __init__(
        self,
        table: QuestionTable,
        runs: Sequence[Run],
        scores: Sequence[Scores],
        positions: Mapping[str, Positions] | None = None,
    ) -> None:
        self.positions = dict(positions or {})
        self._stacked: dict[str, Floats] = {}
        #: The same with 0 for what is not known, and where it is known; None where that is everywhere.
        self._filled: dict[str, tuple[Floats, NDArray[np.bool_] | None]] = {}
        self.table = table
        self.runs = tuple(runs)
        self.scores = tuple(scores)
        accuracy = self.column("accuracy")
        confidence = self.column("confidence")
        self.answered = np.isfinite(accuracy)
        #: Confidence may be missing where a model stated none; shift is over the questions that have both.
        self.confident = self.answered & np.isfinite(confidence)
        self._complete = bool(self.answered.all() and self.confident.all())
        self._accuracy = np.where(self.answered, accuracy, 0.0)
        self._confidence = np.where(self.confident, confidence, 0.0)
        self._accuracy_of_confident = self._accuracy if self._complete else np.where(self.confident, accuracy, 0.0)
        self._weights: dict[tuple[int, int], ClusterWeights] = {}

    def column(self, name: str) -> Floats:
        """A column of the scores for all models, (n, m): stacked once, then only cut, as every change of a filter needs it."""
        if name not in self._stacked:
            self._stacked[name] = np.stack([getattr(s, name) for s in self.scores], axis=1)
        return self._stacked[name]

    def weights(self, replicates: int, seed: int) -> ClusterWeights:
        """The bootstrap draws for this dataset, kept for the next call."""
        key = (replicates, seed)
        if not replicates:
            return ClusterWeights(np.empty((self.table.clusters, 0), dtype=np.uint8), seed)
        if key not in self._weights:
            self._weights = {key: cluster_weights(self.table.clusters, replicates, seed)}
        return self._weights[key]

    def cells(self, dimension: str = "level", filters: Mapping[str, Iterable[str]] | None = None) -> list[Cell]:
        """The cells of ``dimension`` (or the levels alone) that hold a question, in order of name, then level.

        Steps of a sweep over severity stand apart, under the dimension ``sweep``: all types together ("") and each of several.
        """
        keep = self.table.selected(filters)
        level = self.table.level
        if dimension == "sweep":
            return self._steps(keep)
        if dimension == "level":
            found = (Cell("level", "", k, np.flatnonzero(keep & (level == k))) for k in range(len(LEVELS)))
            return [cell for cell in found if len(cell.rows)]
        out = []
        first = 1 if dimension in DEGRADED_ONLY else 0
        for code, name in enumerate(self.table.names[dimension]):
            member = keep & (self.table.codes[dimension] == code)
            for k in range(first, len(LEVELS)):
                rows = np.flatnonzero(member & (level == k))
                if len(rows):
                    out.append(Cell(dimension, name, k, rows))
        return out

    def _steps(self, keep: NDArray[np.bool_]) -> list[Cell]:
        steps = [k for k, _ in self.table.steps]
        code, names = self.table.codes["type"], self.table.names["type"]
        swept = keep & (self.table.level >= len(LEVELS))
        types = [i for i in range(len(names)) if (swept & (code == i)).any()]
        parts = [("", swept), *((names[i], swept & (code == i)) for i in types if len(types) > 1)]
        found = (Cell("sweep", name, k, np.flatnonzero(part & (self.table.level == k))) for name, part in parts for k in steps)
        return [cell for cell in found if len(cell.rows)]

    # -- estimates ---------------------------------------------------------------------------------------------------

    def estimates(self, cell: Cell) -> Estimates:
        """Estimates of every model in ``cell``."""
        rows = cell.rows
        n = told = np.full(len(self.runs), len(rows))
        if not self._complete:
            n, told = self.answered[rows].sum(axis=0), self.confident[rows].sum(axis=0)
        accuracy = _mean(self._accuracy[rows].sum(axis=0), n)
        confidence = _mean(self._confidence[rows].sum(axis=0), told)
        of_told = accuracy if self._complete else _mean(self._accuracy_of_confident[rows].sum(axis=0), told)
        shift = confidence - of_told
        matched, mde = self._matched(cell)
        return Estimates(
            n=n,
            n_clusters=self._clusters_answered(rows),
            accuracy=accuracy,
            majority_accuracy=self._column_mean("majority", rows),
            confidence=confidence,
            calibration_shift=shift,
            unparsed_rate=self._column_mean("unparsed", rows),
            uniform_confidence=self._floor(rows, n),
            top_confidence=self._column_mean("top", rows),
            confidence_dropped=self._column_mean("dropped", rows),
            confidence_own_class=self._column_mean("own_class", rows),
            mde=mde,
            matched=matched,
        )

    def _column_mean(self, name: str, rows: NDArray[np.int64]) -> Floats:
        if name not in self._filled:
            values = self.column(name)
            known = np.isfinite(values)
            self._filled[name] = (values, None) if known.all() else (np.where(known, values, 0.0), known)
        filled, known_at = self._filled[name]
        count = np.array(len(rows)) if known_at is None else known_at[rows].sum(axis=0)
        return _mean(filled[rows].sum(axis=0), count)

    def _floor(self, rows: NDArray[np.int64], n: NDArray[np.int64]) -> Floats:
        floor = self.column("floor")[rows]
        return _mean((floor if self._complete else floor * self.answered[rows]).sum(axis=0), n)

    def _clusters_answered(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        cluster, answered = self.table.cluster[rows], self.answered[rows]
        found = np.full(len(self.runs), len(np.unique(cluster)))
        for m in np.flatnonzero(~answered.all(axis=0)):
            found[m] = len(np.unique(cluster[answered[:, m]]))
        return found

    def _paired(self, cell: Cell) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Differences from the same question at L0, in the cell's rows: of accuracy and of shift, each (r, m), 0 where there is
        no pair; and the masks of those that have one. None for L0 cells and where no question has a clean version."""
        clean = self.table.clean[cell.rows]
        if cell.level == 0 or not (clean >= 0).any():
            return None
        exists = (clean >= 0)[:, None]
        if self._complete:
            difference = self._accuracy[cell.rows] - self._accuracy[clean]
            confidence = self._confidence[cell.rows] - self._confidence[clean]
            if not exists.all():
                difference, confidence = difference * exists, confidence * exists
            every = np.broadcast_to(exists, difference.shape)
            return difference, confidence - difference, every, every
        both = exists & self.answered[cell.rows] & self.answered[clean]
        told = both & self.confident[cell.rows] & self.confident[clean]
        difference = np.where(both, self._accuracy[cell.rows] - self._accuracy[clean], 0.0)
        confidence = np.where(told, self._confidence[cell.rows] - self._confidence[clean], 0.0)
        return difference, np.where(told, confidence - difference, 0.0), both, told

    def _matched(self, cell: Cell) -> tuple[dict[str, NDArray[Any]], Floats]:
        met, local = self.local(cell)
        if cell.level == 0:
            # An L0 cell has nothing to be compared with but a fixed value.
            sums = cluster_sums(self._accuracy[cell.rows], local, len(met))
            sizes = np.broadcast_to(cluster_sums(_counted(self.answered[cell.rows]), local, len(met)), sums.shape)
            centred = sums - sizes * _mean(sums.sum(axis=0), sizes.sum(axis=0))
            return {}, minimum_detectable_effect(paired_test(centred, sizes).standard_error)
        paired = self._paired(cell)
        if paired is None:
            return {}, np.full(len(self.runs), np.nan)
        difference, moved, both, told = paired
        clean = self.table.clean[cell.rows]
        n, n_told = both.sum(axis=0), told.sum(axis=0)
        confidence = _mean(np.where(told, self._confidence[clean], 0.0).sum(axis=0), n_told)
        accuracy_of_told = _mean(np.where(told, self._accuracy[clean], 0.0).sum(axis=0), n_told)
        sums = cluster_sums(difference, local, len(met))
        sizes = np.broadcast_to(cluster_sums(_counted(both), local, len(met)), sums.shape)
        test = paired_test(sums, sizes)
        matched = {
            "n": n,
            "n_clusters": (sizes > 0).sum(axis=0),
            "accuracy": _mean(np.where(both, self._accuracy[clean], 0.0).sum(axis=0), n),
            "confidence": confidence,
            "calibration_shift": confidence - accuracy_of_told,
            "accuracy_difference": _mean(difference.sum(axis=0), n),
            "calibration_shift_difference": _mean(moved.sum(axis=0), n_told),
            "p": test.p_value,
        }
        return matched, minimum_detectable_effect(test.standard_error)

    def local(self, cell: Cell) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        """Clusters met in the cell (c,), and for each row which of these it belongs to."""
        met, local = np.unique(self.table.cluster[cell.rows], return_inverse=True)
        return met, local

    def calibration(self, cell: Cell) -> dict[str, Floats]:
        """``ece`` (adaptive), ``brier`` and ``auroc`` of the top-option confidence, each (m,)."""
        if self._few is not None:
            values, place, outcome = self._few
            shape = len(self.scores), len(values) + 1
            at = place[cell.rows].ravel()
            counts = np.bincount(at, minlength=math.prod(shape)).reshape(shape)[:, :-1]
            right = np.bincount(at, outcome[cell.rows].ravel(), math.prod(shape)).reshape(shape)[:, :-1]
            ece, brier, area = metrics_of_counts(values, counts, np.asarray(right, np.float64))
            return {"ece": ece, "brier": brier, "auroc": area}
        pairs = [(s.top[cell.rows], s.outcome[cell.rows]) for s in self.scores]
        pairs = [(c[np.isfinite(y)], y[np.isfinite(y)]) for c, y in pairs]
        return {
            "ece": np.array([adaptive_ece(c, y) for c, y in pairs]),
            "brier": np.array([brier_score(c, y) for c, y in pairs]),
            "auroc": np.array([auroc(c, y) for c, y in pairs]),
        }

    @cached_property
    def _few(self) -> tuple[Floats, NDArray[np.intp], Floats] | None:
        """The values that top-option confidence takes where these are few, as those of votes are; else None.

        Values (v,); for each question and model (n, m) which of v + 1 places per model it has, the last of which is for what has
        no confidence or no outcome; and the outcome (n, m), 0 where there is none.
        """
        found: Floats = np.empty(0)
        for scores in self.scores:
            found = np.union1d(found, scores.top[np.isfinite(scores.top)])
            if len(found) > _FEW_VALUES:
                return None
        if not len(found):
            return None
        outcome = self.column("outcome")
        known = np.isfinite(outcome)
        # What is not a number sorts behind all values.
        place = np.where(known, np.searchsorted(found, self.column("top")), len(found))
        place += np.arange(len(self.scores)) * (len(found) + 1)
        return found, place, np.where(known, outcome, 0.0)

    # -- bootstrap ---------------------------------------------------------------------------------------------------

    def replicates(self, cell: Cell, weights: ClusterWeights) -> CellReplicates:
        """Replicates of accuracy, confidence, shift and the differences from the matched L0."""
        rows = cell.rows
        if not weights.replicates:
            none = np.empty((len(self.runs), 0), dtype=np.float32)
            moved_none = none if cell.level and (self.table.clean[rows] >= 0).any() else None
            return CellReplicates(none, none, none, moved_none, moved_none)
        columns = [self._accuracy[rows], self._confidence[rows], _counted(self.answered[rows]), _counted(self.confident[rows])]
        if not self._complete:
            columns.append(self._accuracy_of_confident[rows])
        paired = self._paired(cell)
        if paired is not None:
            difference, moved, both, told = paired
            columns += [difference, moved, _counted(both), _counted(told)]
        # One product for all: gathering and widening the weights costs more than applying them.
        met, local = self.local(cell)
        sums = cluster_sums(np.concatenate(columns, axis=1), local, len(met))
        cuts = np.cumsum([column.shape[1] for column in columns])[:-1]
        drawn, summed = np.split(weights.sums(sums, met), cuts), np.split(sums, cuts, axis=1)
        hits, agreement, n, n_told = drawn[:4]
        accuracy, confidence = ratio(hits, n), ratio(agreement, n_told)
        shift = confidence - (accuracy if self._complete else ratio(drawn[4], n_told))
        # What each cluster does to each ratio, in the same order.
        of_accuracy, of_confidence = _influence(summed[0], summed[2]), _influence(summed[1], summed[3])
        of_shift = of_confidence - (of_accuracy if self._complete else _influence(summed[4], summed[3]))
        skewed = {"accuracy": of_accuracy, "confidence": of_confidence, "calibration_shift": of_shift}
        accuracy_difference = shift_difference = None
        if paired is not None:
            lost, moved_by, pairs, pairs_told = drawn[-4:]
            accuracy_difference, shift_difference = ratio(lost, pairs), ratio(moved_by, pairs_told)
        accelerations = {name: acceleration(influence) for name, influence in skewed.items()}
        return CellReplicates(accuracy, confidence, shift, accuracy_difference, shift_difference, accelerations)

    def intervals(self, cell: Cell, estimates: Estimates, replicates: CellReplicates) -> Intervals:
        """95 % intervals. Where every cluster of a cell agrees, resampling sees no spread: the exact binomial bounds apply."""
        clusters, skewed = estimates.n_clusters, replicates.accelerations
        accuracy = _rows_interval(replicates.accuracy, clusters, estimates.accuracy, skewed.get("accuracy"))
        confidence = _rows_interval(replicates.confidence, clusters, estimates.confidence, skewed.get("confidence"))
        moved = skewed.get("calibration_shift")
        shift = _rows_interval(replicates.calibration_shift, clusters, estimates.calibration_shift, moved)
        for model, value in enumerate(estimates.accuracy):
            bounds = bounds_where_all_agree(float(value), int(clusters[model]))
            if bounds is not None:
                accuracy[model] = bounds
                shift[model] = confidence[model] - bounds[::-1]
        accuracy_difference = shift_difference = None
        if replicates.accuracy_difference is not None and replicates.shift_difference is not None:
            paired = estimates.matched["n_clusters"]
            accuracy_difference = _rows_interval(replicates.accuracy_difference, paired)
            shift_difference = _rows_interval(replicates.shift_difference, paired)
        return Intervals(accuracy, confidence, shift, accuracy_difference, shift_difference)


def bounds_where_all_agree(accuracy: float, clusters: int) -> Floats | None:
    """Exact binomial bounds where every cluster is right or every one is wrong, in which resampling sees no spread; else None."""
    if clusters < 2 or accuracy not in (0.0, 1.0):
        return None
    return np.array(binomial_bounds(clusters if accuracy == 1.0 else 0, clusters))


def _rows_interval(
    values: Replicates, clusters: NDArray[np.int64], estimate: Floats | None = None, accelerated: Floats | None = None
) -> Floats:
    out = np.full((len(values), 2), np.nan)
    for count in np.unique(clusters):
        same = clusters == count
        own = {} if estimate is None or accelerated is None else {"estimate": estimate[same], "acceleration": accelerated[same]}
        out[same] = interval(values[same], int(count), **own)
    return out


def _influence(sums: Floats, sizes: Floats) -> Floats:
    """What each cluster adds to the ratio of ``sums`` (c, m) to ``sizes`` (c, m or 1)."""
    total = sizes.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, (sums - sums.sum(axis=0) / total * sizes) / total, 0.0)


def _counted(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Column of a mask for each model, or one for all where every model has every row."""
    return mask[:, :1] if mask.all() else mask


def _mean(total: Floats, count: NDArray[Any]) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(count > 0, total / count, np.nan)

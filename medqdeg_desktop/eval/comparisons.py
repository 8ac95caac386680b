"""Models against each other on the same questions: paired differences of accuracy, and what the words alone answer.

Both answers to a question depend on the same image, so that the difference of two models is far more certain than their two
accuracies are. Differences are over the questions that both answered, whatever their modes: accuracy is an expectation over
trials in each of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medqdeg_desktop.eval.analysis import Analysis, Cell, CellReplicates, Estimates
from medqdeg_desktop.eval.json_values import plain
from medqdeg_desktop.statistics.bootstrap import ClusterWeights, cluster_sums, interval, ratio
from medqdeg_desktop.statistics.multiplicity import holm
from medqdeg_desktop.statistics.power import p_values_of_all_pairs, paired_test
from medqdeg_desktop.study.records import Run

Json = dict[str, Any]
Levels = Mapping[int, tuple[Cell, Estimates, CellReplicates]]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
#: Clusters met in a cell (c,), and for each of its rows which of these it belongs to.
Clusters = tuple[NDArray[np.int32], NDArray[np.intp]]

#: Pairs counted at once: applying the weights costs little more for many columns than for one.
_AT_ONCE: Final = 64


def model_differences(analysis: Analysis, levels: Levels, weights: ClusterWeights) -> list[Json]:
    """For each level and each pair of runs::

        {"level", "first", "second", "first_label", "second_label", "n", "n_clusters",
         "difference", "difference_ci", "p", "p_holm"}

    ``first`` and ``second`` are run ids, ``difference`` is the accuracy of the first minus that of the second. Holm goes over
    all pairs and levels together. Pairs without a common question are left out.
    """
    found: list[Json] = []
    for cell, _, drawn in levels.values():
        first, second = np.triu_indices(len(analysis.runs), 1)
        made = _Differences.of(len(first))
        accuracy = analysis.column("accuracy")[cell.rows]
        answered = np.isfinite(accuracy)
        clusters = analysis.local(cell)
        # Between runs that answered everything, a difference of sums is the sum of differences.
        whole: NDArray[np.bool_] = np.asarray(answered.all(axis=0))
        together = whole[first] & whole[second]
        if together.any():
            _whole(made, together, first, second, accuracy, drawn.accuracy, clusters)
        apart = np.flatnonzero(~together)
        for start in range(0, len(apart), _AT_ONCE):
            at = apart[start : start + _AT_ONCE]
            both = answered[:, first[at]] & answered[:, second[at]]
            difference = np.where(both, accuracy[:, first[at]] - accuracy[:, second[at]], 0.0)
            _partial(made, at, difference, both, clusters, weights)
        found += _entries(made, analysis.table.levels[cell.level], analysis.runs, first, second)
    adjusted = holm([math.nan if pair["p"] is None else pair["p"] for pair in found])
    for pair, p in zip(found, adjusted, strict=True):
        pair["p_holm"] = plain(p)
    return found


@dataclass(frozen=True, slots=True)
class _Differences:
    """What there is to say of each of P pairs of runs on one level: ``limits`` (P, 2), all others (P,)."""

    n: Integers
    n_clusters: Integers
    difference: Floats
    limits: Floats
    p: Floats

    @classmethod
    def of(cls, pairs: int) -> _Differences:
        nothing = np.zeros(pairs, dtype=np.int64)
        return cls(nothing, nothing.copy(), np.full(pairs, np.nan), np.full((pairs, 2), np.nan), np.full(pairs, np.nan))


def _whole(
    made: _Differences,
    together: NDArray[np.bool_],
    first: Integers,
    second: Integers,
    accuracy: Floats,
    drawn: NDArray[np.float32],
    clusters: Clusters,
) -> None:
    """Fills in the pairs ``together``, both of which answered all rows of ``accuracy`` (rows, m); ``drawn`` (m, B) replicates."""
    met, local = clusters
    sums = cluster_sums(np.where(np.isfinite(accuracy), accuracy, 0.0), local, len(met))
    total = sums.sum(axis=0)
    one, other = first[together], second[together]
    made.n[together], made.n_clusters[together] = len(accuracy), len(met)
    made.difference[together] = (total[one] - total[other]) / len(accuracy)
    made.p[together] = p_values_of_all_pairs(sums, np.bincount(local, minlength=len(met)))[one, other]
    for i in np.unique(one) if drawn.shape[1] else ():
        at = np.flatnonzero(together & (first == i))
        made.limits[at] = interval(drawn[i] - drawn[second[at]], len(met))


def _partial(
    made: _Differences,
    at: NDArray[np.intp],
    difference: Floats,
    both: NDArray[np.bool_],
    clusters: Clusters,
    weights: ClusterWeights,
) -> None:
    """Fills in the pairs ``at``, whose ``difference`` (rows, pairs) counts where ``both`` answered."""
    met, local = clusters
    sums, sizes = cluster_sums(difference, local, len(met)), cluster_sums(both, local, len(met))
    n = sizes.sum(axis=0)
    met_by = (sizes > 0).sum(axis=0)
    made.n[at], made.n_clusters[at] = n, met_by
    made.difference[at] = sums.sum(axis=0) / np.maximum(n, 1)
    made.p[at] = paired_test(sums, sizes).p_value
    if weights.replicates:
        products = weights.sums(np.concatenate([sums, sizes], axis=1), met)
        replicates = ratio(products[: len(at)], products[len(at) :])
        for count in np.unique(met_by):
            same = met_by == count
            made.limits[at[same]] = interval(replicates[same], int(count))


def _entries(made: _Differences, level: str, runs: Sequence[Run], first: Integers, second: Integers) -> list[Json]:
    known = [(run.run_id, run.label) for run in runs]
    columns = (first, second, made.n, made.n_clusters, made.difference, made.limits, made.p)
    out = []
    for i, k, n, n_clusters, difference, limits, p in zip(*(column.tolist() for column in columns), strict=True):
        if n:
            (one, one_label), (other, other_label) = known[i], known[k]
            names = {"level": level, "first": one, "second": other, "first_label": one_label, "second_label": other_label}
            ci = limits if math.isfinite(limits[0]) else None
            told = {"n": n, "n_clusters": n_clusters, "difference": difference, "difference_ci": ci}
            out.append({**names, **told, "p": p if math.isfinite(p) else None})
    return out


def language_prior(runs: Sequence[Run], models: Sequence[Json], differences: Sequence[Json]) -> list[Json]:
    """Each run that saw the images beside the run of the same model and mode that saw the words alone, level by level::

        {"run_id", "text_only", "label", "level", "n", "n_clusters", "accuracy", "text_only_accuracy", "gain", "gain_ci",
         "p_holm"}

    ``gain`` is what the images add to accuracy on the questions that both answered.
    """
    cells = {(model["run_id"], cell["level"]): cell["accuracy"] for model in models for cell in model["levels"]}
    by_id = {run.run_id: run for run in runs}
    out = []
    for pair in differences:
        first, second = by_id[pair["first"]], by_id[pair["second"]]
        if (first.model, first.mode) != (second.model, second.mode) or _blind(first) == _blind(second):
            continue
        seeing, blind = (second, first) if _blind(first) else (first, second)
        sign = -1.0 if seeing is second else 1.0
        ci = pair["difference_ci"]
        out.append(
            {
                "run_id": seeing.run_id,
                "text_only": blind.run_id,
                "label": seeing.label,
                "level": pair["level"],
                "n": pair["n"],
                "n_clusters": pair["n_clusters"],
                "accuracy": cells.get((seeing.run_id, pair["level"])),
                "text_only_accuracy": cells.get((blind.run_id, pair["level"])),
                "gain": sign * pair["difference"],
                "gain_ci": None if ci is None else sorted(sign * value for value in ci),
                "p_holm": pair["p_holm"],
            }
        )
    return out


def _blind(run: Run) -> bool:
    return bool(run.settings.get("text_only", False))

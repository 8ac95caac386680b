"""Models against each other on the same questions: paired differences of accuracy, and what the words alone answer.

Both answers to a question depend on the same image, so that the difference of two models is far more certain than their two
accuracies are. Differences are over the questions that both answered, whatever their modes: accuracy is an expectation over
trials in each of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medqdeg_desktop.eval.analysis import Analysis, Cell, CellReplicates, Estimates
from medqdeg_desktop.eval.json_values import plain, plain_pair
from medqdeg_desktop.statistics.bootstrap import ClusterWeights, cluster_sums, interval, ratio
from medqdeg_desktop.statistics.multiplicity import holm
from medqdeg_desktop.statistics.power import paired_test
from medqdeg_desktop.study.records import Run

Json = dict[str, Any]
Levels = Mapping[int, tuple[Cell, Estimates, CellReplicates]]


def model_differences(analysis: Analysis, levels: Levels, weights: ClusterWeights) -> list[Json]:
    """For each level and each pair of runs::

        {"level", "first", "second", "first_label", "second_label", "n", "n_clusters",
         "difference", "difference_ci", "p", "p_holm"}

    ``first`` and ``second`` are run ids, ``difference`` is the accuracy of the first minus that of the second. Holm goes over
    all pairs and levels together. Pairs without a common question are left out.
    """
    found: list[Json] = []
    for cell, _, drawn in levels.values():
        met, local = np.unique(analysis.table.cluster[cell.rows], return_inverse=True)
        accuracy = np.stack([scores.accuracy[cell.rows] for scores in analysis.scores], axis=1)
        # Where every run answered every question, a difference of sums is the sum of differences.
        whole = cluster_sums(accuracy, local, len(met)) if np.isfinite(accuracy).all() else None
        for i in range(len(analysis.runs) - 1):
            found += _against(analysis, cell, accuracy, drawn.accuracy, i, (met, local), weights, whole)
    adjusted = holm([math.nan if pair["p"] is None else pair["p"] for pair in found])
    for pair, p in zip(found, adjusted, strict=True):
        pair["p_holm"] = plain(p)
    return found


def _against(
    analysis: Analysis,
    cell: Cell,
    accuracy: NDArray[np.float64],
    drawn: NDArray[np.float32],
    i: int,
    clusters: tuple[NDArray[np.int32], NDArray[np.intp]],
    weights: ClusterWeights,
    whole: NDArray[np.float64] | None,
) -> list[Json]:
    """Run ``i`` against every later one in ``cell``.

    accuracy   (rows, m);  drawn  (m, B) its replicates;  whole  (clusters, m) its sums where nothing is missing.
    """
    met, local = clusters
    later = len(analysis.runs) - i - 1
    if whole is not None:
        sums = whole[:, i : i + 1] - whole[:, i + 1 :]
        sizes = np.repeat(np.bincount(local, minlength=len(met)).astype(np.float64)[:, None], later, axis=1)
        replicates = drawn[i] - drawn[i + 1 :]
    else:
        answered = np.isfinite(accuracy)
        both = answered[:, i : i + 1] & answered[:, i + 1 :]
        difference = np.where(both, accuracy[:, i : i + 1] - accuracy[:, i + 1 :], 0.0)
        sums, sizes = cluster_sums(difference, local, len(met)), cluster_sums(both, local, len(met))
        products = weights.sums(np.concatenate([sums, sizes], axis=1), met)
        replicates = ratio(products[:later], products[later:])
    p = paired_test(sums, sizes).p_value
    n, n_clusters = sizes.sum(axis=0), (sizes > 0).sum(axis=0)
    limits = np.full((len(n), 2), np.nan)
    for count in np.unique(n_clusters):
        same = n_clusters == count
        limits[same] = interval(replicates[same], int(count))
    out = []
    first = analysis.runs[i]
    for k in range(len(n)):
        if not n[k]:
            continue
        second = analysis.runs[i + 1 + k]
        out.append(
            {
                "level": analysis.table.levels[cell.level],
                "first": first.run_id,
                "second": second.run_id,
                "first_label": first.label,
                "second_label": second.label,
                "n": int(n[k]),
                "n_clusters": int(n_clusters[k]),
                "difference": float(sums[:, k].sum() / n[k]),
                "difference_ci": plain_pair(limits[k]),
                "p": plain(p[k]),
            }
        )
    return out


def language_prior(runs: Sequence[Run], models: Sequence[Json], differences: Sequence[Json]) -> list[Json]:
    """Each run that saw the images beside the run of the same model and mode that saw the words alone, level by level::

        {"run_id", "text_only", "label", "level", "n", "n_clusters", "accuracy", "text_only_accuracy", "gain", "gain_ci",
         "p_holm"}

    ``gain`` is what the images add to accuracy on the questions that both answered.
    """
    cells = {(model["run_id"], cell["level"]): cell["accuracy"] for model in models for cell in model["levels"]}
    out = []
    for pair in differences:
        first, second = (next(run for run in runs if run.run_id == pair[key]) for key in ("first", "second"))
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

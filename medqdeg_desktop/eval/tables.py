"""From a study's answers to ``results.json``: every number of the report and of the charts, with its n and its interval."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.analysis import Analysis, Cell, CellReplicates, Estimates, Intervals, bounds_where_all_agree
from medqdeg_desktop.eval.comparisons import language_prior, model_differences
from medqdeg_desktop.eval.json_values import plain, plain_pair
from medqdeg_desktop.eval.positions import Positions, position_bias
from medqdeg_desktop.eval.question_table import DIMENSIONS, LEVELS, question_table
from medqdeg_desktop.eval.scores import mode_of, score
from medqdeg_desktop.eval.sweeps import Limits, sweeps_of
from medqdeg_desktop.eval.vote_cache import votes_of
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.statistics.bootstrap import cluster_sums, interval, ratio
from medqdeg_desktop.statistics.calibration_metrics import equal_mass_bins, equal_width_ece, expected_calibration_error
from medqdeg_desktop.statistics.dke import inter_model_bootstrap, intra_model
from medqdeg_desktop.statistics.multiplicity import holm
from medqdeg_desktop.study.records import Run
from medqdeg_desktop.study.store import Study

Json = dict[str, Any]

#: What ``results_of`` can leave out.
PARTS: Final = (*DIMENSIONS, "calibration", "comparisons", "sweeps")


def results(
    study: Study,
    *,
    replicates: int = 10_000,
    seed: int = 0,
    run_ids: Sequence[str] | None = None,
    filters: Mapping[str, Iterable[str]] | None = None,
    progress: Progress | None = None,
) -> Json:
    """All results of the runs on one dataset, as ``results.json`` has them.

    replicates, seed   of the cluster bootstrap.
    run_ids            runs to include; all runs on the dataset of the newest run where none are named.
    filters            dimension (category, type, modality, task, skill, level) -> names to keep.

    Fractions in 0 to 1, intervals [low, high], unrounded; null where a number is not defined (no pair, one cluster, one
    class). Raises MedqdegError when there is no run with answers, or the named runs are on different datasets.
    """
    return results_of(load(study, run_ids), replicates=replicates, seed=seed, filters=filters, progress=progress)


def load(study: Study, run_ids: Sequence[str] | None = None) -> Analysis:
    """Scores of the runs named (or of all on the newest run's dataset) as arrays; see ``results`` for the errors."""
    runs = _chosen_runs(study, run_ids)
    dataset = dataset_of(runs)
    patients = {item.item_id: item.patient for item in study.items() if item.patient}
    table = question_table(dataset.rows(), patients)
    used, scores = [], []
    places: dict[str, Positions] = {}
    for run in runs:
        votes, shown = votes_of(study, run, table)
        if votes.counts.any() or votes.unparsed.any():
            used.append(run)
            scores.append(score(run, votes, table))
            if shown is not None:
                places[run.run_id] = shown
    if not used:
        raise MedqdegError(f"{study.path}: no run has answers yet; start one with `medqdeg evaluate`")
    return Analysis(table, used, scores, places)


def dataset_of(runs: Sequence[Run]) -> Dataset:
    """The dataset that ``runs`` were made on, from the newest path that still holds it.

    Raises MedqdegError when no path holds a dataset, or it has changed since.
    """
    paths = dict.fromkeys(run.dataset_path for run in sorted(runs, key=lambda run: run.started_at, reverse=True))
    present = [path for path in paths if Path(path).is_dir()] or list(paths)
    dataset = Dataset.open(present[0])
    if dataset.sha256 != runs[0].dataset_sha256:
        raise MedqdegError(f"{present[0]}: the dataset has changed since run {runs[0].label} was made on it")
    return dataset


def _chosen_runs(study: Study, run_ids: Sequence[str] | None) -> list[Run]:
    runs = study.runs()
    if not runs:
        raise MedqdegError(f"{study.path}: the study has no runs; start one with `medqdeg evaluate`")
    if run_ids is None:
        runs = study.answered_runs()
        if not runs:
            raise MedqdegError(f"{study.path}: no run has answers yet; start one with `medqdeg evaluate`")
        newest = max(runs, key=lambda run: run.started_at)
        return [run for run in runs if run.dataset_sha256 == newest.dataset_sha256]
    known = {run.run_id: run for run in runs}
    missing = [run_id for run_id in run_ids if run_id not in known]
    if missing or not run_ids:
        raise MedqdegError(f"{study.path}: no run {missing[0]}" if missing else "no run was chosen")
    chosen = [known[run_id] for run_id in run_ids]
    if len({run.dataset_sha256 for run in chosen}) > 1:
        raise MedqdegError("the chosen runs are on different datasets; their numbers cannot stand in one table")
    return chosen


def results_of(
    analysis: Analysis,
    *,
    replicates: int = 10_000,
    seed: int = 0,
    filters: Mapping[str, Iterable[str]] | None = None,
    parts: Collection[str] = PARTS,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Json:
    """``results`` of scores loaded already.

    replicates   also 0, for the estimates alone: every interval and bootstrap probability is null.
    parts        what there is beside the levels, for a screen that shows no more: the names of dimensions (``by`` is filled for
                 these), ``calibration`` (ECE, Brier, AUROC), ``comparisons`` (models against each other) and ``sweeps``.
    limits       what a site allows, for the safe envelope of a sweep over severity.
    """
    if 0 < replicates < 100:
        raise MedqdegError(f"{replicates} bootstrap replicates are too few for an interval; use at least 100")
    weights = analysis.weights(replicates, seed)
    models: list[Json] = [_model_entry(run, scores.trials) for run, scores in zip(analysis.runs, analysis.scores, strict=True)]
    cells = [
        cell for dimension in ("level", *(d for d in DIMENSIONS if d in parts)) for cell in analysis.cells(dimension, filters)
    ]
    if not cells and not analysis.cells("sweep", filters):
        raise MedqdegError("no question passes the filter")
    levels: dict[int, tuple[Cell, Estimates, CellReplicates]] = {}
    entries: dict[str, list[tuple[Cell, list[Json]]]] = {}
    for done, cell in enumerate(cells, 1):
        estimates = analysis.estimates(cell)
        drawn = analysis.replicates(cell, weights)
        calibration = analysis.calibration(cell) if "calibration" in parts else {}
        rows = _cell_entries(cell, estimates, calibration, analysis.intervals(cell, estimates, drawn))
        entries.setdefault(cell.dimension, []).append((cell, rows))
        if cell.dimension == "level":
            levels[cell.level] = (cell, estimates, drawn)
        if progress:
            progress.update(done, len(cells), f"{cell.name} {LEVELS[cell.level]}".strip())
    for family in entries.values():
        _adjust([row for _, rows in family for row in rows])
    for m, model in enumerate(models):
        model["levels"] = [rows[m] for _, rows in entries.get("level", [])]
        model["by"] = {
            dimension: [{"name": cell.name, **rows[m]} for cell, rows in entries.get(dimension, [])] for dimension in DIMENSIONS
        }
        model["intra_model_dke"] = _intra(levels, m)
        model["cliff"] = _cliff(levels, m)
    first = analysis.runs[0]
    keep = analysis.table.selected(filters)
    compared = "comparisons" in parts
    for run, model in zip(analysis.runs, models, strict=True):
        shown = analysis.positions.get(run.run_id) if compared else None
        model["position"] = None if shown is None else position_bias(shown, analysis.table, weights, keep)
    differences = model_differences(analysis, levels, weights) if compared else []
    return {
        "dataset_sha256": first.dataset_sha256,
        "seed": seed,
        "replicates": replicates,
        "parts": [part for part in PARTS if part in parts],
        "clusters": len(np.unique(analysis.table.cluster[keep])),
        "filters": {key: list(names) for key, names in (filters or {}).items()},
        "models": models,
        "inter_model_dke": _inter(analysis, levels) if compared else [],
        "model_differences": differences,
        "language_prior": language_prior(analysis.runs, models, differences),
        "sweeps": sweeps_of(analysis, weights, filters, limits) if "sweeps" in parts else [],
    }


def reliability(
    analysis: Analysis,
    run_id: str,
    *,
    bins: int = 15,
    replicates: int = 10_000,
    seed: int = 0,
    filters: Mapping[str, Iterable[str]] | None = None,
) -> Json:
    """Bins of the top option's confidence against being right, for one run at each level, with cluster bootstrap intervals.

    Returns ``{"model", "replicates", "levels": [{"level", "n", "ece", "ece_equal_width", "bins": [...]}]}``, a bin being
    ``{"n", "confidence", "accuracy", "accuracy_ci"}``; the bins are those of the data and are kept through the bootstrap.
    """
    m = next((i for i, run in enumerate(analysis.runs) if run.run_id == run_id), None)
    if m is None:
        raise MedqdegError(f"no run {run_id} among those loaded")
    weights = analysis.weights(replicates, seed)
    levels = []
    for cell in analysis.cells("level", filters):
        top, outcome = analysis.scores[m].top[cell.rows], analysis.scores[m].outcome[cell.rows]
        known = np.isfinite(top) & np.isfinite(outcome)
        if not known.any():
            continue
        found = equal_mass_bins(top[known], outcome[known], bins)
        cluster = analysis.table.cluster[cell.rows][known]
        entries = []
        for b, count in enumerate(found.counts):
            inside = found.assignment == b
            met, local = np.unique(cluster[inside], return_inverse=True)
            sums = cluster_sums(np.stack([outcome[known][inside], np.ones(count)], axis=1), local, len(met))
            drawn = weights.sums(sums, met)
            entries.append(
                {
                    "n": int(count),
                    "confidence": float(found.confidence[b]),
                    "accuracy": float(found.accuracy[b]),
                    "accuracy_ci": plain_pair(_bin_interval(float(found.accuracy[b]), drawn, len(met))),
                }
            )
        ece = expected_calibration_error(found)
        other = equal_width_ece(top[known], outcome[known], bins)
        told = {"level": str(LEVELS[cell.level]), "n": int(known.sum()), "ece": ece, "ece_equal_width": other}
        levels.append({**told, "bins": entries})
    model = _model_entry(analysis.runs[m], analysis.scores[m].trials)
    return {"model": model, "replicates": replicates, "levels": levels}


def _bin_interval(accuracy: float, drawn: NDArray[np.float32], clusters: int) -> NDArray[np.float64]:
    bounds = bounds_where_all_agree(accuracy, clusters)
    return interval(ratio(drawn[:1], drawn[1:]), clusters)[0] if bounds is None else bounds


def _model_entry(run: Run, trials: int) -> Json:
    """``model`` names the model as the run does (``baseline:uniform``), ``label`` as a person does; ``name`` is the label told
    apart by ``notes`` from other runs of the study on the same set.

    ``trials`` is the T that confidence is stated for; an exact run that was asked once has that of the paper.
    """
    return {
        "model": run.model,
        "label": run.label,
        "name": run.name,
        "notes": list(run.notes),
        "run_id": run.run_id,
        "mode": mode_of(run),
        "trials": trials,
        "random_weights": run.random_weights,
        "complete": bool(run.finished_at),
        "started_at": run.started_at,
        "settings": run.settings,
    }


def _cell_entries(cell: Cell, e: Estimates, calibration: dict[str, NDArray[Any]], ci: Intervals) -> list[Json]:
    out = []
    for m in range(len(e.n)):
        matched: Json = {}
        if e.matched and e.matched["n"][m] and ci.accuracy_difference is not None and ci.shift_difference is not None:
            matched = {key: plain(values[m]) for key, values in e.matched.items()}
            matched["accuracy_difference_ci"] = plain_pair(ci.accuracy_difference[m])
            matched["calibration_shift_difference_ci"] = plain_pair(ci.shift_difference[m])
        out.append(
            {
                "level": str(LEVELS[cell.level]),
                "n": int(e.n[m]),
                "n_clusters": int(e.n_clusters[m]),
                "accuracy": plain(e.accuracy[m]),
                "accuracy_ci": plain_pair(ci.accuracy[m]),
                "majority_accuracy": plain(e.majority_accuracy[m]),
                "confidence": plain(e.confidence[m]),
                "confidence_ci": plain_pair(ci.confidence[m]),
                "calibration_shift": plain(e.calibration_shift[m]),
                "calibration_shift_ci": plain_pair(ci.calibration_shift[m]),
                "unparsed_rate": plain(e.unparsed_rate[m]),
                "matched_l0": matched,
                "uniform_confidence": plain(e.uniform_confidence[m]),
                "top_confidence": plain(e.top_confidence[m]),
                **{name: plain(calibration[name][m]) if calibration else None for name in ("ece", "brier", "auroc")},
                "mde": plain(e.mde[m]),
                "confidence_unparsed_dropped": plain(e.confidence_dropped[m]),
                "confidence_unparsed_own_class": plain(e.confidence_own_class[m]),
            }
        )
    return out


def _adjust(rows: list[Json]) -> None:
    """Holm over one family: all models, names and levels of one dimension, which are shown together."""
    tested = [row["matched_l0"] for row in rows if row["matched_l0"]]
    adjusted = holm([math.nan if match["p"] is None else match["p"] for match in tested])
    for match, p in zip(tested, adjusted, strict=True):
        match["p_holm"] = plain(p)


def _intra(levels: dict[int, tuple[Cell, Estimates, CellReplicates]], m: int) -> Json | None:
    """Equation 5 with the share of replicates in which it holds; null unless the model has answers at L0 and L2."""
    if 0 not in levels or 2 not in levels or not levels[0][1].n[m] or not levels[2][1].n[m]:
        return None
    (_, clean, drawn_clean), (_, severe, drawn_severe) = levels[0], levels[2]
    holds = intra_model(clean.accuracy[m], severe.accuracy[m], clean.calibration_shift[m], severe.calibration_shift[m])
    drawn = intra_model(
        drawn_clean.accuracy[m],
        drawn_severe.accuracy[m],
        drawn_clean.calibration_shift[m],
        drawn_severe.calibration_shift[m],
    )
    return {"holds": bool(holds), "probability": float(drawn.mean()) if drawn.size else None}


def _cliff(levels: dict[int, tuple[Cell, Estimates, CellReplicates]], m: int) -> Json | None:
    """The second difference (A2 - A1) - (A1 - A0) of accuracy on matched questions: below 0, L2 costs more than L1 did.

    With three levels this is all that "non-linear" can mean.
    """
    if 1 not in levels or 2 not in levels:
        return None
    (_, mild, drawn_mild), (_, severe, drawn_severe) = levels[1], levels[2]
    if drawn_mild.accuracy_difference is None or drawn_severe.accuracy_difference is None:
        return None
    first, second = mild.matched["accuracy_difference"][m], severe.matched["accuracy_difference"][m]
    if not np.isfinite(first) or not np.isfinite(second):
        return None
    drawn = drawn_severe.accuracy_difference[m] - 2 * drawn_mild.accuracy_difference[m]
    clusters = int(min(mild.matched["n_clusters"][m], severe.matched["n_clusters"][m]))
    return {
        "first_step": float(first),
        "second_step": float(second - first),
        "second_difference": float(second - 2 * first),
        "second_difference_ci": plain_pair(interval(drawn, clusters)[0]),
    }


def _inter(analysis: Analysis, levels: dict[int, tuple[Cell, Estimates, CellReplicates]]) -> list[Json]:
    """Equation 6 on each level, among runs of the same mode and number of trials: others' confidences are not comparable."""
    groups: dict[tuple[str, int], list[int]] = {}
    for m, (run, scores) in enumerate(zip(analysis.runs, analysis.scores, strict=True)):
        groups.setdefault((mode_of(run), scores.trials), []).append(m)
    out = []
    for (mode, trials), members in groups.items():
        by_level = {}
        for level, (_, estimates, drawn) in levels.items():
            asked = [m for m in members if estimates.n[m] and np.isfinite(estimates.calibration_shift[m])]
            if len(asked) >= 2:
                by_level[str(LEVELS[level])] = _pairs(analysis, estimates, drawn, asked)
        if by_level:
            out.append({"mode": mode, "trials": trials, "levels": by_level})
    return out


def _pairs(analysis: Analysis, estimates: Estimates, drawn: CellReplicates, asked: list[int]) -> Json:
    result = inter_model_bootstrap(
        estimates.accuracy[asked],
        estimates.calibration_shift[asked],
        drawn.accuracy[asked],
        drawn.calibration_shift[asked],
    )
    clusters = int(estimates.n_clusters[asked].min())
    pairs = []
    for i in range(len(asked)):
        for j in range(i + 1, len(asked)):
            weaker, stronger = (i, j) if estimates.accuracy[asked[i]] <= estimates.accuracy[asked[j]] else (j, i)
            pairs.append(
                {
                    "weaker": analysis.runs[asked[weaker]].run_id,
                    "stronger": analysis.runs[asked[stronger]].run_id,
                    "holds": bool(result.holds[weaker, stronger]),
                    "probability": plain(result.probability[weaker, stronger]),
                }
            )
    return {
        "models": [analysis.runs[m].name for m in asked],
        "share_of_pairs": result.share,
        "share_of_pairs_ci": plain_pair(interval(result.shares, clusters)[0]),
        "spearman": plain(result.rho),
        "spearman_ci": plain_pair(interval(result.rhos, clusters)[0]),
        "pairs": pairs,
    }

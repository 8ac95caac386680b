"""Real degraded images against simulated ones: do models stand in the same order, and how closely do accuracies follow?

Works on two ``results.json``: one of a simulated set, one of a set marked real. Models meet by name, mode and T.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import published
from medqdeg_desktop.eval.json_values import plain, plain_pair
from medqdeg_desktop.eval.tables import load, results_of
from medqdeg_desktop.statistics.correlation import pearson, pearson_interval, spearman
from medqdeg_desktop.study.records import Run
from medqdeg_desktop.study.run_names import mode_note
from medqdeg_desktop.study.store import Study

Json = dict[str, Any]

LEVELS: Final[tuple[str, ...]] = ("L1", "L2")
#: Fewer models have no order to speak of.
FEWEST_MODELS: Final = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """One model's accuracy (fraction) by level on simulated and on real images; run ids are empty for published values."""

    label: str
    simulated: Mapping[str, float]
    real: Mapping[str, float]
    simulated_run: str = ""
    real_run: str = ""
    random_weights: bool = False


def standings(simulated: Json, real: Json) -> list[Standing]:
    """The models that both results have with a level in common, in the order of the simulated ones; of several runs of one model
    in one mode the newest on each side."""
    ours, others = _newest(simulated), _newest(real)
    names = _names([model for identity, model in ours.items() if identity in others])
    out = []
    for identity, model in ours.items():
        other = others.get(identity)
        if other is None:
            continue
        one, two = _accuracies(model), _accuracies(other)
        common = [level for level in LEVELS if level in one and level in two]
        if common:
            pair = {level: one[level] for level in common}, {level: two[level] for level in common}
            runs = model["run_id"], other["run_id"]
            out.append(Standing(names[model["run_id"]], *pair, *runs, bool(model["random_weights"] or other["random_weights"])))
    return out


def published_standings() -> list[Standing]:
    """The ten models of the publication's rank chart."""
    return [Standing(row.model, row.simulated, row.real) for row in published.simulated_and_real()]


def agreement(models: Sequence[Standing]) -> Json:
    """``{"L1": {"n_models", "pearson", "pearson_ci", "spearman", "mean_difference"}, "L2": ...}`` over the models given.

    The interval is over models (Fisher's z); ``mean_difference`` is the mean of real minus simulated. MedqdegError with fewer
    than three models at every level.
    """
    out: Json = {}
    for level in LEVELS:
        pairs = [(m.simulated[level], m.real[level]) for m in models if level in m.simulated]
        if len(pairs) < FEWEST_MODELS:
            continue
        x, y = np.array(pairs).T
        r = pearson(x, y)
        low, high = pearson_interval(r, len(pairs))
        out[level] = {
            "n_models": len(pairs),
            "pearson": plain(r),
            "pearson_ci": plain_pair(np.array([low, high])),
            "spearman": plain(spearman(x, y)),
            "mean_difference": float((y - x).mean()),
        }
    if not out:
        raise MedqdegError(f"{len(models)} models stand on both sets; at least {FEWEST_MODELS} are needed to compare their order")
    return out


def compared(study: Study) -> list[Standing]:
    """The models that a study has on its newest simulated and its newest real set; empty with fewer than three."""
    pairs = run_pairs(study)
    if pairs is None:
        return []
    simulated, real = (results_of(load(study, ids), replicates=0, parts=()) for ids in pairs)
    models = standings(simulated, real)
    return models if len(models) >= FEWEST_MODELS else []


def run_pairs(study: Study) -> tuple[list[str], list[str]] | None:
    """Run ids on the newest simulated set and on the newest real one; None unless the study has both and their folders."""
    found: dict[bool, tuple[str, str]] = {}
    runs = study.answered_runs()
    for run in sorted(runs, key=lambda run: run.started_at):
        real = _is_real(run)
        if real is not None:
            found[real] = (run.dataset_sha256, run.started_at)
    if len(found) < 2:
        return None
    simulated, real_runs = ([run.run_id for run in runs if run.dataset_sha256 == found[kind][0]] for kind in (False, True))
    return simulated, real_runs


def datasets_of(study: Study) -> tuple[Dataset, Dataset]:
    """The newest simulated and the newest real set that the study has runs on; MedqdegError without both."""
    pairs = run_pairs(study)
    if pairs is None:
        raise MedqdegError(f"{study.path}: there are no runs on both a simulated set and a set marked real")
    simulated, real = (study.run(ids[-1]) for ids in pairs)
    assert simulated is not None and real is not None
    return Dataset.open(simulated.dataset_path), Dataset.open(real.dataset_path)


def _is_real(run: Run) -> bool | None:
    """Whether the dataset of ``run`` is marked real; None where its folder is not there any more."""
    try:
        dataset = Dataset.open(run.dataset_path)
        return dataset.real if dataset.sha256 == run.dataset_sha256 else None
    except MedqdegError:
        return None


def _newest(results: Json) -> dict[tuple[str, str, str, int], Json]:
    """By identity, in the order of the results."""
    found: dict[tuple[str, str, str, int], Json] = {}
    for model in results["models"]:
        standing = found.get(_identity(model))
        if standing is None or standing["started_at"] < model["started_at"]:
            found[_identity(model)] = model
    return found


def _names(models: Sequence[Json]) -> dict[str, str]:
    """A name of its own for each, by run id: the label, with the mode where it stands twice, and with how it was reached where
    even that does."""
    out = {}
    for model in models:
        alike = [other for other in models if other["label"] == model["label"]]
        twins = [other for other in alike if (other["mode"], other["trials"]) == (model["mode"], model["trials"])]
        name = model["model"] if len(twins) > 1 else model["label"]
        modes = {(other["mode"], other["trials"]) for other in alike}
        out[model["run_id"]] = f"{name} ({mode_note(model['mode'], model['trials'])})" if len(modes) > 1 else name
    return out


def _identity(model: Json) -> tuple[str, str, str, int]:
    return model["model"], model["label"], model["mode"], model["trials"]


def _accuracies(model: Json) -> dict[str, float]:
    return {cell["level"]: float(cell["accuracy"]) for cell in model["levels"] if cell["accuracy"] is not None}

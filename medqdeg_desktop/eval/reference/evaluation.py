"""Testing the reference model on its fixed items with the product's own commands' functions, nothing of its own.

Items are imported into a study, degraded by the engine at the default levels with types drawn in the published mix, and asked in
exact mode, once with pictures and once as text alone. Results are the product's tables, with kinds of question in the place of
skills; intervals come from the bootstrap over phantoms.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.eval.analysis import Analysis
from medqdeg_desktop.eval.backends.loading import folder_fingerprint
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.question_table import question_table
from medqdeg_desktop.eval.reference import items
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.scores import count_votes, score
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.eval.tables import dataset_of, results_of
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.samples.questions import NOT_LEARNT
from medqdeg_desktop.study.store import Study

SEED: Final = 0
#: T behind the stated confidence, as in the paper's calibration experiment.
TRIALS: Final = 10
REPLICATES: Final = 2_000
Json = dict[str, Any]


def dataset_for(lines: Sequence[Json], folder: Path, *, name: str, workers: int | None = None) -> tuple[Path, Path]:
    """The study and the generated set of ``lines`` below ``folder``, made as far as they are missing: (study, set)."""
    folder.mkdir(parents=True, exist_ok=True)
    study_path, dataset = folder / f"{name}.medq", folder / f"{name}-set"
    if name == "phantoms":
        path = items.written(lines, folder)
    else:
        path = folder / f"{name}.jsonl"
        path.write_text(items.as_text(lines), "utf-8", newline="\n")
    if not study_path.exists():
        Study.create(study_path, name=f"reference {name}").close()
    with Study.open(study_path) as study:
        if study.item_count() == 0:
            import_items(study, path)
        generate(study, dataset, Asked(seed=SEED, rule="published"), workers=workers)
    return study_path, dataset


def tested(model: Path, lines: Sequence[Json], folder: Path, *, name: str, workers: int | None = None) -> Json:
    """Results of ``model`` on ``lines``: the tables of the run with pictures, and accuracy of the run as text alone."""
    study_path, dataset = dataset_for(lines, folder, name=name, workers=workers)
    spec = parse_spec(f"local:{model}")
    # As many questions in a batch as a processor works on well; the answers do not depend on it.
    options = EvaluateOptions(mode="option", trials=TRIALS, batch_size=32)
    seen = evaluate(dataset, study_path, spec, options, Progress("evaluate"))
    blind = evaluate(dataset, study_path, spec, replace(options, text_only=True), Progress("evaluate"))
    tables = by_kind(study_path, [seen.run.run_id, blind.run.run_id])
    with_pictures, text_alone = tables["models"]
    learnt = tables["learnt"]["models"][0]
    return {
        "model": folder_fingerprint(model),
        "items": len(lines),
        "dataset_sha256": tables["dataset_sha256"],
        "clusters": tables["clusters"],
        "replicates": REPLICATES,
        "trials": TRIALS,
        "levels": with_pictures["levels"],
        "by": with_pictures["by"],
        "intra_model_dke": with_pictures["intra_model_dke"],
        "learnt": {"levels": learnt["levels"], "by": {"type": learnt["by"]["type"]}},
        "text_only": {"levels": text_alone["levels"], "by": {"kind": text_alone["by"]["kind"]}},
    }


def by_kind(study_path: Path, run_ids: Sequence[str]) -> Json:
    """``tables.results`` of the runs, with ``kind`` (of question) where it has ``skill`` and ``kind and modality`` where it has
    ``task``; and under ``learnt`` the same by level and type without the kinds that the product leaves out.
    """
    with Study.open(study_path, read_only=True) as study:
        runs = [run for wanted in run_ids for run in study.runs() if run.run_id == wanted]
        patients = {item.item_id: item.patient for item in study.items()}
        named = (
            {**row, "skill": items.kind_of(row["item_id"]), "task": f"{items.kind_of(row['item_id'])}, {row['modality']}"}
            for row in dataset_of(runs).rows()
        )
        table = question_table(named, patients)
        scores = [score(run, count_votes(study, run, table), table) for run in runs]
    analysis = Analysis(table, runs, scores)
    results: Json = results_of(analysis, replicates=REPLICATES, seed=SEED)
    for model in results["models"]:
        model["by"]["kind"] = model["by"].pop("skill")
        # Clean pictures alone say what was learnt.
        model["by"]["kind and modality"] = [row for row in model["by"].pop("task") if row["level"] == "L0"]
    left_out = {f"{kind}, {modality}" for kind, modality in NOT_LEARNT}
    learnt = {row["name"] for row in results["models"][0]["by"]["kind and modality"]} - left_out
    results["learnt"] = results_of(analysis, replicates=REPLICATES, seed=SEED, filters={"task": learnt}, parts=("type",))
    return results


def verdict(phantoms: Json) -> list[tuple[str, float, float, bool]]:
    """What the model has to reach on its items: (statement, reached, wanted, whether it is). Accuracy is exact mode's."""
    accuracy = {row["level"]: row["accuracy"] for row in phantoms["levels"]}
    text = {row["level"]: row["accuracy"] for row in phantoms["text_only"]["levels"]}
    kinds = [row["accuracy"] for row in phantoms["by"]["kind"] if row["level"] == "L0"]
    reached = [
        ("accuracy at L0 over all items", accuracy["L0"], 0.85),
        ("mean accuracy at L0 over kinds of question", sum(kinds) / len(kinds), 0.75),
        ("accuracy at L0 above text alone", accuracy["L0"] - text["L0"], 0.40),
        ("fall from L0 to L2", accuracy["L0"] - accuracy["L2"], 0.08),
    ]
    return [(statement, value, wanted, value >= wanted) for statement, value, wanted in reached]


def store(path: Path, results: Json) -> None:
    """Writes results as JSON, sorted and rounded to six decimals, so that a change shows as a change."""
    path.write_text(json.dumps(_rounded(results), indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8", newline="\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, list) else value

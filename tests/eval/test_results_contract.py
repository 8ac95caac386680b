"""``results.json`` as design 9 promises it to other programs: every key present, of one type, in its range."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.report import write_report
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.progress import Progress
from tests.eval.made_datasets import make_dataset

Check = Callable[[Any], bool]


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def fraction(value: Any) -> bool:
    return number(value) and 0 <= value <= 1


def difference(value: Any) -> bool:
    return number(value) and -1 <= value <= 1


def count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(number(v) for v in value) and value[0] <= value[1]


def or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


#: Keys of design 9; more may stand beside them.
CELL: dict[str, Check] = {
    "level": lambda value: value in ("L0", "L1", "L2"),
    "n": count,
    "n_clusters": count,
    "accuracy": fraction,
    "accuracy_ci": or_null(interval),
    "majority_accuracy": fraction,
    "confidence": fraction,
    "confidence_ci": or_null(interval),
    "calibration_shift": difference,
    "calibration_shift_ci": or_null(interval),
    "unparsed_rate": fraction,
    "matched_l0": lambda value: isinstance(value, dict),
    "uniform_confidence": fraction,
    "top_confidence": fraction,
    "ece": fraction,
    "brier": fraction,
    "auroc": or_null(fraction),
    "mde": or_null(number),
}
MATCHED: dict[str, Check] = {
    "n": count,
    "n_clusters": count,
    "accuracy": fraction,
    "accuracy_difference": difference,
    "accuracy_difference_ci": or_null(interval),
    "calibration_shift_difference": difference,
    "p": or_null(fraction),
    "p_holm": or_null(fraction),
}
MODEL: dict[str, Check] = {
    "model": text,
    "label": text,
    "run_id": text,
    "mode": lambda value: value in ("vote", "option", "verbal"),
    "trials": count,
    "random_weights": lambda value: isinstance(value, bool),
    "complete": lambda value: isinstance(value, bool),
    "levels": lambda value: isinstance(value, list),
    "by": lambda value: list(value) == ["category", "type", "modality", "task", "skill"],
    "intra_model_dke": lambda value: isinstance(value["holds"], bool) and fraction(value["probability"]),
}
TOP: dict[str, Check] = {
    "dataset_sha256": lambda value: isinstance(value, str) and len(value) == 64,
    "seed": count,
    "replicates": count,
    "clusters": count,
    "models": lambda value: isinstance(value, list) and bool(value),
    "inter_model_dke": lambda value: isinstance(value, list),
}


def check(found: dict[str, Any], expected: dict[str, Check], where: str) -> None:
    for key, holds in expected.items():
        assert key in found, f"{where}: {key} is missing"
        assert holds(found[key]), f"{where}: {key} is {found[key]!r}"


def test_every_key_of_the_contract_is_there_with_its_type(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=6, kinds=("gaussian_noise", "motion_blur"))
    for spec, mode in (("baseline:uniform", "vote"), ("baseline:uniform", "option"), ("baseline:prior", "vote")):
        evaluate(dataset.folder, study_path, parse_spec(spec), EvaluateOptions(mode=mode), Progress("evaluate"))  # type: ignore[arg-type]
    files = write_report(study_path, tmp_path / "out", replicates=200, seed=3)
    found = json.loads(files["results"].read_text(encoding="utf-8"))
    check(found, TOP, "results")
    assert (found["seed"], found["replicates"], found["dataset_sha256"]) == (3, 200, dataset.sha256)
    assert [(model["model"], model["mode"], model["trials"]) for model in found["models"]] == [
        ("baseline:uniform", "vote", 10),
        ("baseline:uniform", "option", 10),
        ("baseline:prior", "vote", 10),
    ]
    for model in found["models"]:
        check(model, MODEL, model["model"])
        assert [cell["level"] for cell in model["levels"]] == ["L0", "L1", "L2"]
        for cell in (*model["levels"], *(cell for cells in model["by"].values() for cell in cells)):
            check(cell, CELL, f"{model['model']} {cell['level']}")
            if cell["level"] != "L0":
                check(cell["matched_l0"], MATCHED, f"{model['model']} matched")
        for dimension in ("category", "type", "modality"):
            assert all(text(cell["name"]) for cell in model["by"][dimension])


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("baseline:uniform", "baseline:uniform"),
        ("local:/home/somebody/private/medgemma-4b/", "local:medgemma-4b"),
        ("openai:org/m@http://10.0.0.7:8000/v1", "openai:org/m"),
        ("anthropic:some-model", "anthropic:some-model"),
    ],
)
def test_a_model_is_named_without_its_folder_or_server(spec: str, name: str) -> None:
    assert parse_spec(spec).stable_name == name

"""Sweeps over severity: from a real dataset folder and study to curves, cliffs, the safe envelope and their chart."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from medqdeg_desktop.bank.dataset import Dataset, write_dataset
from medqdeg_desktop.chart.svg import svg
from medqdeg_desktop.cli import group
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.charts import charts_of
from medqdeg_desktop.eval.sweep_chart import severity_curves
from medqdeg_desktop.eval.sweeps import Limits
from medqdeg_desktop.eval.tables import load, results, results_of
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.answered import Row, add_run, says, wrong
from tests.eval.test_figures import check_words

SEVERITIES = tuple(s / 10 for s in range(1, 11))
TYPES = {"gaussian_noise": 0.55, "motion_blur": 0.3}


def truth(kind: str, severity: float) -> float:
    """Accuracy: flat up to the type's cliff, then falling by 0.9 per unit of severity."""
    return 0.85 - 0.02 * severity - 0.9 * max(0.0, severity - TYPES.get(kind, 1.0))


def sweep_set(folder: Path, questions: int, types: tuple[str, ...] = tuple(TYPES)) -> Dataset:
    def entries() -> Iterator[tuple[Row, Any]]:
        for q in range(questions):
            base: Row = {
                "options": {letter: f"option {letter}" for letter in "ABCD"},
                "item_id": f"q{q:03d}",
                "source_sha256": f"{q:064x}",
                "question": f"What is shown in case {q}?",
                "answer": "ABCD"[q % 4],
                "modality": "CT",
            }
            pixels = np.full((2, 2), q % 256, dtype=np.uint8)
            yield {**base, "level": "L0"}, pixels
            for kind in types:
                for s in SEVERITIES:
                    yield {**base, "level": f"S{round(s * 1000):03d}", "severity": s, "degradation": kind}, pixels

    return write_dataset(folder, entries())


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("sweep")
    dataset = sweep_set(root / "set", 150)
    rng = np.random.default_rng(2)

    def answering(row: Row, trial: int) -> Answer:
        right = rng.random() < truth(row["degradation"], float(row["severity"]))
        return says(row["answer"] if right else wrong(row), row, trial)

    with Study.create(root / "study.medq", name="sweep") as study:
        add_run(study, dataset, answering, label="falling", trials=3)
        return results_of(load(study), replicates=500, limits=Limits(0.7, 0.35))


def sweep(found: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(sweep["models"][0] for sweep in found["sweeps"] if sweep["type"] == kind)


def test_every_severity_is_a_point_from_the_clean_image_on(swept: dict[str, Any]) -> None:
    assert [sweep["type"] for sweep in swept["sweeps"]] == ["", "gaussian_noise", "motion_blur"]
    points = sweep(swept, "gaussian_noise")["points"]
    assert [point["severity"] for point in points] == [0.0, *SEVERITIES]
    assert all(point["n"] == point["n_clusters"] == 150 for point in points)
    assert all(point["accuracy_ci"][0] <= point["accuracy"] <= point["accuracy_ci"][1] for point in points)
    curve = [point["monotone_accuracy"] for point in points]
    assert curve == sorted(curve, reverse=True)
    for point in points[1:]:
        assert abs(point["accuracy"] - truth("gaussian_noise", point["severity"])) < 0.1


@pytest.mark.parametrize(("kind", "place"), TYPES.items())
def test_the_cliff_is_where_it_was_put_with_its_interval(swept: dict[str, Any], kind: str, place: float) -> None:
    found = sweep(swept, kind)["cliff"]
    assert found["severity_ci"][0] <= place <= found["severity_ci"][1]
    assert abs(found["severity"] - place) < 0.12
    assert found["slope_after"] < found["slope_before"]
    assert found["better_than_line"]
    assert found["probability"] > 0.8


def test_the_safe_severity_is_where_accuracy_meets_the_limit(swept: dict[str, Any]) -> None:
    for kind, place in TYPES.items():
        found = sweep(swept, kind)["safe"]
        limit = place + (0.85 - 0.7) / 0.9
        assert found["severity_ci"][0] <= found["severity"] <= found["severity_ci"][1]
        assert abs(found["severity"] - limit) < 0.1
        assert found["probability_none"] == 0


def test_levels_hold_the_clean_images_and_no_step_of_the_sweep(swept: dict[str, Any]) -> None:
    assert [cell["level"] for cell in swept["models"][0]["levels"]] == ["L0"]
    assert swept["clusters"] == 150


def test_the_report_of_a_sweep_holds_its_curves_and_the_limits_of_the_site(tmp_path: Path) -> None:
    with Study.create(tmp_path / "study.medq", name="sweep") as study:
        add_run(study, sweep_set(tmp_path / "set", 8), lambda row, trial: says(row["answer"], row, trial), trials=1)
    arguments = ["report", str(tmp_path / "study.medq"), "--out", str(tmp_path / "out"), "--replicates", "200"]
    done = CliRunner().invoke(group, [*arguments, "--least-accuracy", "0.8", "--progress", "none"])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert found["sweeps"][0]["limits"] == {"least_accuracy": 0.8, "most_shift": 1.0}
    assert found["sweeps"][0]["models"][0]["safe"]["severity"] == 1.0
    assert len((tmp_path / "out" / "severity_curves.csv").read_text(encoding="utf-8").splitlines()) == 1 + 3 * 11
    assert "Accuracy over severity: model" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_set_of_three_levels_has_no_sweep_and_limits_must_be_fractions(tmp_path: Path) -> None:
    from tests.eval.answered import question_set, right_below

    with Study.create(tmp_path / "study.medq", name="plain") as study:
        add_run(study, question_set(tmp_path / "plain"), right_below(0.5))
        found = results(study, replicates=200)
    assert found["sweeps"] == []
    with pytest.raises(MedqdegError, match="no answers over a sweep"):
        severity_curves(found)
    with pytest.raises(MedqdegError, match="limits are fractions"):
        Limits(70, 0.2)


def test_a_sweep_filtered_to_one_type_and_an_unknown_step_are_told_apart(tmp_path: Path) -> None:
    with Study.create(tmp_path / "study.medq", name="sweep") as study:
        add_run(study, sweep_set(tmp_path / "set", 6), lambda row, trial: says(row["answer"], row, trial), trials=1)
        analysis = load(study)
    found = results_of(analysis, replicates=200, filters={"type": ["motion_blur"]})
    assert [sweep["type"] for sweep in found["sweeps"]] == [""]
    assert sweep(found, "")["points"][0]["n"] == 6
    with pytest.raises(MedqdegError, match="'S990' is no level; levels are L0, L1, L2, S100"):
        results_of(analysis, replicates=200, filters={"level": ["S990"]})


def test_the_chart_shows_points_curve_cliff_and_limit(swept: dict[str, Any]) -> None:
    figure = severity_curves(swept)
    check_words(figure)
    ElementTree.fromstring(svg(figure))
    assert [panel.title for panel in figure.panels] == ["all types", "gaussian_noise", "motion_blur"]
    panel = figure.panels[2]
    assert len([mark for mark in panel.marks if mark.shape == "circle"]) == 11
    assert panel.marks[-1].key is not None and panel.marks[-1].key.level == "S1000"
    assert any(rect.tooltip.startswith("cliff at severity") for rect in panel.rects)
    assert any(line.dashed and line.colour == "gain" for line in panel.lines)
    assert len(figure.data) == 33
    assert figure.name in [chart.name for chart in charts_of(swept)]

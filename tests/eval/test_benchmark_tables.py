"""Tables 2, 3 and 6: the published averages come out of the published rows, and own models stand in the same layout."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from medqdeg_desktop.chart.svg import svg
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import published
from medqdeg_desktop.eval.benchmark_tables import (
    OWN,
    TABLES,
    average,
    own_parts,
    published_parts,
    table_by_category,
    table_by_level,
    table_by_task,
    tables_of,
)
from medqdeg_desktop.eval.tables import results
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.answered import Row, add_run, question_set, says, wrong
from tests.eval.test_figures import check_words

GROUPS = {"Avg. Commercial": "commercial", "Avg. Open-Source": "open", "Avg. Medical": "medical"}


@pytest.mark.parametrize(
    ("rows", "file"), [(published.by_task, "accuracy_by_task"), (published.by_category, "accuracy_by_category")]
)
def test_averages_of_the_groups_are_those_published(rows: Any, file: str) -> None:
    entries = published_parts(rows())
    with shipped(f"published/{file}.csv").open(encoding="utf-8", newline="") as source:
        printed = [row for row in csv.DictReader(source) if row["group"] == "avg"]
    assert len(printed) == 4
    for row in printed:
        members = [e for e in entries if row["model"] == "Avg. All" or e.group == GROUPS.get(row["model"])]
        assert len(members) in (9, 21, 10, 40)
        for column, value in row.items():
            if column in ("group", "model") or column.endswith("_drop"):
                continue
            found = average(members, column)
            assert found is not None and found.change is not None
            assert found.accuracy * 100 == pytest.approx(float(value), abs=0.11), (row["model"], column)
            assert found.change * 100 == pytest.approx(float(row[f"{column}_drop"]), abs=0.11), (row["model"], column)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("tables")
    dataset = question_set(root / "set", questions=20)

    def answering(worse: float) -> Any:
        def answer(row: Row, trial: int) -> Answer:
            limit = {"L0": 10, "L1": 8, "L2": 6}[row["level"]] - worse - (row["degradation"] == "motion_blur")
            return says(row["answer"] if trial < limit else wrong(row), row, trial)

        return answer

    with Study.create(root / "study.medq", name="tables") as study:
        add_run(study, dataset, answering(0), label="good")
        add_run(study, dataset, answering(3), label="poor")
        return results(study, replicates=200)


def test_own_models_stand_with_accuracy_over_both_levels_and_the_change_from_the_same_questions(found: dict[str, Any]) -> None:
    good, poor = own_parts(found, "category", {"Noise": "Noise", "Resolution & blur": "R&B"})
    assert (good.label, good.group) == ("good", OWN)
    assert good.values["Noise"].accuracy == pytest.approx(0.7)
    assert good.values["Noise"].change == pytest.approx(-0.3)
    assert good.values["R&B"].accuracy == pytest.approx(0.6)
    assert good.values["Avg"].accuracy == pytest.approx(0.65)
    assert good.values["Noise"].n == 40
    assert poor.values["Avg"].accuracy == pytest.approx(0.35)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("with_published", [False, True])
def test_words_fit_and_rows_stand_in_their_groups(table: Any, with_published: bool, found: dict[str, Any]) -> None:
    figure = table(found, with_published=with_published)
    check_words(figure)
    ElementTree.fromstring(svg(figure))
    names = [label for _, label in figure.panels[0].y.ticks]
    assert names[:2] == ["good", "poor"]
    assert names[2] == "Avg. this study"
    headings = [word.text for word in figure.panels[0].annotations if word.colour == "muted"]
    if with_published:
        assert len(names) == 3 + 40 + 4
        assert headings[1].startswith("Commercial (MedQ-Deg, not this dataset")
        assert names[-1] == "Avg. all published"
    else:
        assert len(names) == 3
        assert not headings
        assert not any("not this dataset" in word.text for word in figure.words)


def test_cells_are_shaded_from_the_mean_of_their_column_and_lead_to_the_answers(found: dict[str, Any]) -> None:
    panel = table_by_category(found).panels[0]
    noise = [rect for rect in panel.rects if rect.key and rect.key.name == "Noise"]
    assert [rect.text for rect in noise] == ["70.0 (\N{MINUS SIGN}30.0)", "40.0 (\N{MINUS SIGN}30.0)"]
    assert [rect.colour for rect in noise] == ["diverge:-0.5500", "diverge:+0.5500"]
    assert "n = 40" in noise[0].tooltip


def test_the_table_of_levels_shows_changes_as_published(found: dict[str, Any]) -> None:
    figure = table_by_level(found, with_published=True)
    rows = {(row["model"], row["level"]): row for row in figure.data}
    assert rows["GPT-5", "L2"]["change"] == pytest.approx(-0.0597, abs=1e-9)
    means = [rows["Avg. all published", level]["accuracy"] for level in ("L0", "L1", "L2")]
    assert means == [pytest.approx(v, abs=5e-5) for v in (0.6152, 0.6035, 0.5574)]
    ticks = [label for _, label in figure.panels[0].y.ticks]
    assert ticks.index("InternVL3-Instruct(78B)") < ticks.index("Qwen3-VL-Instruct(235B)") < ticks.index("ShowO2(1.5B)")


def test_a_set_without_the_published_names_has_no_such_table(found: dict[str, Any]) -> None:
    bare = {**found, "models": [{**model, "by": {key: [] for key in model["by"]}} for model in found["models"]]}
    assert [figure.name for figure in tables_of(bare)] == ["table_by_level"]
    with pytest.raises(MedqdegError, match="no model has a result by task"):
        table_by_task(bare)
    assert [figure.name for figure in tables_of(found, with_published=True)] == [
        "table_by_task_published",
        "table_by_category_published",
        "table_by_level_published",
    ]


def test_the_report_holds_own_tables_openly_and_published_rows_in_the_fold(tmp_path: Path) -> None:
    from medqdeg_desktop.eval.report import write_report

    with Study.create(tmp_path / "study.medq", name="report") as study:
        add_run(study, question_set(tmp_path / "set"), lambda row, trial: says(row["answer"], row, trial), trials=1)
    files = write_report(tmp_path / "study.medq", tmp_path / "out", replicates=200)
    page = files["html"].read_text(encoding="utf-8")
    assert {"table_by_category.svg", "table_by_task.csv", "table_by_level.svg"} <= set(files)
    fold = page[page.index("<summary>Beside the published") : page.index("Is the confidence a probability?")]
    assert "Avg. all published" in fold
    assert "Avg. all published" not in page.replace(fold, "")

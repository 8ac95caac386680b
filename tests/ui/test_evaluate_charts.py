"""The charts of Evaluate beyond the overview: severity with the site's limits, models beside each other, tables as published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from evaluated import Evaluated
from hands import seen
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.charts.view import ChartView
from medqdeg_desktop.ui.evaluate.chart_tabs import ChartTab
from medqdeg_desktop.ui.evaluate.workspace import EvaluateWorkspace
from medqdeg_desktop.ui.study_session import StudySession
from tests.eval.answered import Row, add_run, says, wrong
from tests.eval.test_severity_sweeps import sweep_set, truth

LONG = 60_000
Open = Callable[[Path], EvaluateWorkspace]


@pytest.fixture
def open_study(qtbot: QtBot) -> Iterator[Open]:
    made: list[EvaluateWorkspace] = []

    def open_(study: Path) -> EvaluateWorkspace:
        session = StudySession()
        workspace = EvaluateWorkspace(session)
        made.append(workspace)
        session.opened.connect(workspace.study_changed)
        session.open(study, "Reader 1")
        workspace.resize(1280, 800)
        workspace.show()
        qtbot.waitUntil(lambda: workspace.results.final and workspace.page.items.index is not None, timeout=LONG)
        return workspace

    yield open_
    for workspace in made:
        workspace.shut_down()
        workspace.session.close()
        workspace.close()
        workspace.deleteLater()


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one model on a sweep over severity of two types."""
    folder = tmp_path_factory.mktemp("sweep")
    dataset = sweep_set(folder / "set", 30)
    rng = np.random.default_rng(5)

    def answering(row: Row, trial: int) -> Answer:
        right = rng.random() < truth(row["degradation"], float(row["severity"] or 0))
        return says(row["answer"] if right else wrong(row), row, trial)

    with Study.create(folder / "sweep.medq", name="Sweep") as study:
        add_run(study, dataset, answering, label="falling", trials=2)
    return folder / "sweep.medq"


def shown_charts(tab: ChartTab) -> dict[str, ChartView]:
    return {chart.figure.name: chart for chart in tab.page.charts if chart.figure is not None}


def words(chart: ChartView) -> str:
    assert chart.figure is not None
    annotations = [word.text for panel in chart.figure.panels for word in panel.annotations]
    return " ".join([*annotations, *(word.text for word in chart.figure.words)])


def test_the_site_s_limits_make_a_safe_envelope_and_a_mark_leads_to_its_items(
    open_study: Open, swept: Path, qtbot: QtBot
) -> None:
    workspace = open_study(swept)
    page, tab = workspace.page, workspace.page.severity
    page.tabs.setCurrentWidget(tab)
    (chart,) = shown_charts(tab).values()
    assert "cliff" in words(chart) and "safe" not in words(chart)
    QTest.mouseClick(tab.on, Qt.MouseButton.LeftButton, pos=tab.on.rect().center().__class__(10, tab.on.height() // 2))
    tab.accuracy.setValue(60)
    tab.shift.setValue(40)
    qtbot.waitUntil(lambda: "safe to" in words(chart) and workspace.results.final, timeout=LONG)
    assert "accuracy at least 60 %, Calibration Shift at most 40 points" in words(chart)
    tab.accuracy.setValue(100)
    qtbot.waitUntil(lambda: "safe nowhere" in words(chart), timeout=LONG)
    spot = next(s for s in chart.spots if s.live and s.key is not None and s.key.level == "S500" and not s.key.name)
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=spot.place.center().toPoint())
    items = page.items
    assert page.tabs.currentWidget() is items and items.index is not None
    assert {items.index.entries[n].level for n in items.list.items.numbers} == {"S500"}
    assert "severity 0.5" in items.level.currentText()
    assert len(set(map(tuple, seen(items.list).reshape(-1, 3)[::31]))) > 3, "a step of a sweep is painted like a level"


def test_the_accuracy_beside_a_run_never_leaves_its_sweep_out(open_study: Open, swept: Path, qtbot: QtBot) -> None:
    workspace = open_study(swept)
    (row,) = workspace.book.rows
    told: list[float | None] = []
    parts: list[set[str]] = []
    workspace.results.changed.connect(lambda: (told.append(row.accuracy), parts.append(set(workspace.results.json["parts"]))))
    failed: list[str] = []
    workspace.results.failed.connect(failed.append)
    workspace.results.ask(swept, [row.run_id], {}, parts=workspace.page.needs)
    qtbot.waitUntil(lambda: bool(failed) or (bool(parts) and workspace.results.final), timeout=LONG)
    assert not failed
    assert "sweeps" not in parts[0], "estimates of what is looked at come first"
    assert row.accuracy is not None and set(told) - {None} == {row.accuracy}


def test_a_set_without_levels_says_so_in_the_overview(open_study: Open, swept: Path) -> None:
    workspace = open_study(swept)
    assert shown_charts(workspace.page.heatmaps) == {}
    workspace.page.tabs.setCurrentWidget(workspace.page.heatmaps)
    assert "No type can be compared" in workspace.page.heatmaps.note.text()


def test_models_stand_beside_each_other_and_a_difference_leads_to_its_items(
    open_study: Open, evaluated: Evaluated, tmp_path: Path
) -> None:
    workspace = open_study(evaluated.copy_of_study(tmp_path / "study"))
    page = workspace.page
    page.tabs.setCurrentWidget(page.comparisons)
    charts = shown_charts(page.comparisons)
    assert list(charts) == ["model_differences", "shift_against_accuracy", "steps", "runs_side_by_side"]
    assert "p (Holm, all pairs and levels)" in words(charts["model_differences"])
    spot = next(s for s in charts["model_differences"].spots if s.live)
    QTest.mouseClick(charts["model_differences"], Qt.MouseButton.LeftButton, pos=spot.place.center().toPoint())
    assert page.tabs.currentWidget() is page.items and spot.key is not None
    assert page.items.model.currentData() == spot.key.run_id


def test_published_tables_and_correlations_come_where_they_are_asked_for(
    open_study: Open, evaluated: Evaluated, tmp_path: Path
) -> None:
    workspace = open_study(evaluated.copy_of_study(tmp_path / "study"))
    page = workspace.page
    page.tabs.setCurrentWidget(page.tables)
    page.tables.layouts.setCurrentIndex(1)
    page.tables.layouts.activated.emit(1)
    names = [chart.figure.name for chart in page.tables.page.charts if chart.figure is not None]
    assert names == ["table_by_task", "table_by_category", "table_by_level"]
    page.published.setChecked(True)
    assert any("Avg. all published" in label for _, label in page.tables.page.charts[2].figure.panels[0].y.ticks)  # type: ignore[union-attr]
    page.tabs.setCurrentWidget(page.comparisons)
    charts = shown_charts(page.comparisons)
    # The publication's own rank statistics stand beside, from its ten models.
    assert "Pearson .902" in words(charts["real_scatter"]).replace("0.902", ".902")
    assert "Spearman \N{MINUS SIGN}0.73" in words(charts["shift_against_accuracy"])
    assert "76.0 % of pairs" in words(charts["shift_against_accuracy"])


def test_grey_shapes_stand_until_the_first_numbers_come(
    qtbot: QtBot, evaluated: Evaluated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = StudySession()
    workspace = EvaluateWorkspace(session)
    qtbot.addWidget(workspace)
    seen_first: list[bool] = []
    workspace.results.busy.connect(
        lambda on: seen_first.append(not workspace.page.overview.page.skeleton.isHidden()) if on else None
    )
    session.opened.connect(workspace.study_changed)
    session.open(evaluated.copy_of_study(tmp_path / "study"), "Reader 1")
    workspace.show()
    qtbot.waitUntil(lambda: workspace.results.final, timeout=LONG)
    assert seen_first[0], "the frame is there at once"
    assert workspace.page.overview.page.skeleton.isHidden() and workspace.page.overview.page.charts
    workspace.shut_down()
    session.close()

"""Evaluate by mouse and keyboard: runs that are asked, stopped and gone on with, and results that lead to their items."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from evaluated import Evaluated
from hands import press
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDesktopServices, QFontMetrics, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from medqdeg_desktop.chart.figure import Key
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.action_table import actions_of
from medqdeg_desktop.ui.actions import bind
from medqdeg_desktop.ui.evaluate.folder_dialog import FolderDialog
from medqdeg_desktop.ui.evaluate.freeze_dialog import FreezeDialog
from medqdeg_desktop.ui.evaluate.item_detail import VoteBars
from medqdeg_desktop.ui.evaluate.items import Filter, listed, read_index, scores_of
from medqdeg_desktop.ui.evaluate.model_folder import describe
from medqdeg_desktop.ui.evaluate.run_book import RunBook
from medqdeg_desktop.ui.evaluate.run_list import detail_of, tick_box
from medqdeg_desktop.ui.evaluate.state import Ask, RunRow, StandingRun, accuracy_of, merged, read_runs
from medqdeg_desktop.ui.evaluate.table_tab import COLUMNS
from medqdeg_desktop.ui.evaluate.workspace import EvaluateWorkspace
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.study_session import StudySession
from tests.eval.scripted_server import Json, Say, ScriptedServer, asked_for, chat, error
from tests.guarded_server import Guarded, guarded_server

LONG = 60_000
OpenWorkspace = Callable[[Path], EvaluateWorkspace]


@pytest.fixture
def open_workspace(qtbot: QtBot) -> Iterator[OpenWorkspace]:
    """The workspace alone, on a study; its final replicates kept few."""
    made: list[EvaluateWorkspace] = []

    def open_(study: Path) -> EvaluateWorkspace:
        session = StudySession()
        workspace = EvaluateWorkspace(session)
        made.append(workspace)
        session.opened.connect(workspace.study_changed)
        session.open(study, "Reader 1")
        workspace.resize(1280, 800)
        workspace.show()
        qtbot.waitExposed(workspace)
        qtbot.waitUntil(lambda: workspace.book.loaded, timeout=LONG)
        return workspace

    yield open_
    for workspace in made:
        workspace.jobs.stop_all()
        workspace.shut_down()
        workspace.session.close()
        workspace.close()
        workspace.deleteLater()


@pytest.fixture
def shown(open_workspace: OpenWorkspace, evaluated: Evaluated, tmp_path: Path, qtbot: QtBot) -> EvaluateWorkspace:
    """The workspace with the results of two runs, all replicates in."""
    workspace = open_workspace(evaluated.copy_of_study(tmp_path / "study"))
    qtbot.waitUntil(lambda: workspace.results.final and workspace.page.items.index is not None, timeout=LONG)
    return workspace


@pytest.fixture
def server() -> Iterator[Guarded]:
    """A server that nobody here has the key of."""
    with guarded_server("the-key-of-the-server") as guarded:
        yield guarded


def click(widget: QWidget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
    QApplication.processEvents()


def charted(workspace: EvaluateWorkspace) -> list[str]:
    return [model["model"] for model in workspace.results.json["models"]]


# -- results ------------------------------------------------------------------------------------------------------


def test_runs_and_their_results_are_shown_with_n_and_interval(shown: EvaluateWorkspace) -> None:
    assert len(shown.book.rows) == 2
    assert all(row.state == "done" and row.accuracy is not None for row in shown.book.rows)
    assert "%" in detail_of(shown.book.rows[0])
    for chart in shown.page.overview.page.charts:
        assert chart.figure is not None
        assert "n = " in chart.figure.subtitle and "10,000 replicates" in chart.figure.subtitle
    assert shown.page.state.text() == "", "nothing provisional is left"


def test_first_results_are_marked_provisional(
    open_workspace: OpenWorkspace, evaluated: Evaluated, qtbot: QtBot, tmp_path: Path
) -> None:
    workspace = open_workspace(evaluated.copy_of_study(tmp_path / "study"))
    seen: list[tuple[int, str]] = []
    workspace.results.changed.connect(
        lambda: seen.append((workspace.results.json["replicates"], workspace.page.overview.page.charts[0].figure.subtitle))
    )
    qtbot.waitUntil(lambda: workspace.results.final, timeout=LONG)
    assert [replicates for replicates, _ in seen][-2:] == [2000, 10_000]
    assert "provisional" in seen[-2][1] and "provisional" not in seen[-1][1]


def test_a_click_on_a_mark_leads_to_the_items_behind_it(shown: EvaluateWorkspace, qtbot: QtBot) -> None:
    chart = shown.page.overview.page.charts[0]
    spot = next(s for s in chart.spots if s.live and s.key is not None and s.key.level == "L2")
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=spot.place.center().toPoint())
    items = shown.page.items
    assert shown.page.tabs.currentWidget() is items
    numbers = items.list.items.numbers
    assert items.index is not None and numbers
    assert {items.index.entries[n].level for n in numbers} == {"L2"}
    assert items.model.currentData() == spot.key.run_id
    qtbot.waitUntil(lambda: items.detail.detail is not None and not items.detail.picture.picture.isNull(), timeout=LONG)


def test_an_item_shows_its_picture_options_votes_and_every_reply(shown: EvaluateWorkspace, qtbot: QtBot) -> None:
    press_tab(shown, 7)
    items = shown.page.items
    qtbot.waitUntil(lambda: items.detail.detail is not None, timeout=LONG)
    items.list.setFocus()
    QTest.keyClick(items.list, Qt.Key.Key_Down)
    QTest.keyClick(items.list, Qt.Key.Key_Down)
    wanted = items.list.items.entry(2)
    qtbot.waitUntil(lambda: items.detail.detail is not None and items.detail.detail.entry == wanted, timeout=LONG)
    detail = items.detail.detail
    assert detail is not None and len(detail.answers) == 4 == items.detail.replies.rowCount()
    assert sum(detail.shares().values()) == pytest.approx(1.0)
    assert detail.options["B"] == "a lesion" and detail.answer in detail.options
    assert detail.answer in items.detail.votes.accessibleName()
    other = "L2" if wanted.level != "L2" else "L1"
    click(items.detail.levels.button(int(other[1])))
    if items.index is not None and items.index.at_level(wanted, other) is not None:
        qtbot.waitUntil(lambda: items.detail.detail is not None and items.detail.detail.entry.level == other, timeout=LONG)
        assert items.detail.detail is not None and items.detail.detail.entry.item_id == wanted.item_id


def press_tab(workspace: EvaluateWorkspace, number: int) -> None:
    bar = workspace.page.tabs.tabBar()
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(number - 1).center())
    assert workspace.page.tabs.currentIndex() == number - 1


def test_the_table_is_sorted_copied_and_saved(shown: EvaluateWorkspace, qtbot: QtBot, tmp_path: Path) -> None:
    press_tab(shown, 3)
    table = shown.page.tables
    assert table.table.rowCount() == 6
    header = table.view.horizontalHeader()
    click_at = header.sectionViewportPosition(5) + 20
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=header.viewport().rect().center().__class__(click_at, 8))
    values = [table.table.index(i, 5).data(Qt.ItemDataRole.UserRole) for i in range(6)]
    assert values == sorted(values) or values == sorted(values, reverse=True)
    chosen, places = table.table.rows[5], []
    table.view.selectRow(5)
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        table.view.sortByColumn(5, order)
        places.append(table.table.rows.index(chosen))
        assert {index.row() for index in table.view.selectedIndexes()} == {places[-1]}, "chosen is the row, not the place"
    assert places[0] != places[1]
    change = next(n for n, column in enumerate(COLUMNS) if column.title.startswith("Change"))
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        table.view.sortByColumn(change, order)
        defined = [table.table.index(i, change).data(Qt.ItemDataRole.UserRole) is not None for i in range(6)]
        assert defined == sorted(defined, reverse=True), "what is not defined comes last"
    table.view.clearSelection()
    click(table.copy)
    rows = list(csv.reader(io.StringIO(QGuiApplication.clipboard().text()), delimiter="\t"))
    assert len(rows) == 7 and rows[0][0] == "Model" and "to" in rows[1][rows[0].index("Accuracy, %")]
    table.save(tmp_path / "levels.csv")
    kept = list(csv.DictReader((tmp_path / "levels.csv").open(encoding="utf-8")))
    assert {row["level"] for row in kept} == {"L0", "L1", "L2"} and all(
        float(row["accuracy_ci_low"]) <= float(row["accuracy"]) for row in kept
    )
    table.dimension.setCurrentIndex(table.dimension.findData("modality"))
    table.dimension.activated.emit(table.dimension.currentIndex())
    assert {row.name for row in table.table.rows} == {"X-ray", "Dermoscopy"}


def test_a_filter_counts_only_its_questions_and_reads_no_answers_again(shown: EvaluateWorkspace, qtbot: QtBot) -> None:
    before = shown.results.analysis
    box = shown.page.filters["modality"]
    box.setFocus()
    QTest.keyClicks(box, "X")
    box.activated.emit(box.currentIndex())
    qtbot.waitUntil(lambda: shown.results.json.get("filters") == {"modality": ["X-ray"]} and shown.results.final, timeout=LONG)
    assert shown.results.analysis is before
    assert sum(cell["n"] for cell in shown.results.json["models"][0]["levels"] if cell["level"] == "L0") == 8
    assert "Only modality X-ray" in shown.page.overview.page.charts[0].figure.subtitle


def test_published_models_are_off_until_asked_for_and_are_named_for_what_they_are(shown: EvaluateWorkspace) -> None:
    chart = shown.page.overview.page.charts[0]
    assert chart.figure is not None and not any(m.hollow for p in chart.figure.panels for m in p.marks)
    click(shown.page.published)
    assert any(m.hollow for p in chart.figure.panels for m in p.marks) or any(
        m.hollow for p in shown.page.overview.page.charts[0].figure.panels for m in p.marks
    )
    words = " ".join(w.text for w in shown.page.overview.page.charts[0].figure.words)
    assert "MedQ-Deg, not this dataset" in words


def test_heatmaps_and_reliability_follow_the_results(shown: EvaluateWorkspace, qtbot: QtBot) -> None:
    press_tab(shown, 2)
    assert shown.page.heatmaps.page.charts[0].figure is not None
    press_tab(shown, 4)
    qtbot.waitUntil(lambda: bool(shown.page.calibration.page.charts), timeout=LONG)
    assert "Reliability" in shown.page.calibration.page.charts[0].figure.title


def test_calibration_and_items_show_the_run_chosen_in_the_list_until_another_is_chosen_there(
    shown: EvaluateWorkspace, qtbot: QtBot
) -> None:
    first, second = (row.run_id for row in shown.book.rows)
    runs, calibration, items = shown.panel.runs, shown.page.calibration, shown.page.items

    def pick(at: int) -> None:
        QTest.mouseClick(
            runs.viewport(), Qt.MouseButton.LeftButton, pos=runs.visualRect(runs.runs.index(at)).topLeft() + QPoint(60, 20)
        )

    assert runs.current is shown.book.rows[1], "the newest is chosen"
    press_tab(shown, 4)
    assert calibration.model.currentData() == items.model.currentData() == second
    pick(0)
    assert calibration.model.currentData() == items.model.currentData() == first

    def words() -> str:
        figures = [chart.figure for chart in calibration.page.charts if chart.figure is not None]
        return " ".join(figure.title + figure.subtitle for figure in figures)

    qtbot.waitUntil(lambda: shown.book.rows[0].title in words(), timeout=LONG)
    press_tab(shown, 7)
    QTest.keyClick(items.model, Qt.Key.Key_Down)
    assert items.model.currentData() == second
    shown.book.read()
    qtbot.waitUntil(lambda: shown.results.final, timeout=LONG)
    shown.page.show_results(shown.results.json, shown.results.analysis)
    assert items.model.currentData() == second and calibration.model.currentData() == first, "what is chosen in a tab stays"


def test_a_hundred_per_cent_of_the_right_option_has_room_for_all_its_figures(qapp: QApplication) -> None:
    bars = VoteBars()
    bars.resize(300, 60)
    bars.show_votes({"A": "CT", "B": "CT"}, {"A": 0.0, "B": 1.0}, "B")
    picture = bars.grab().toImage()
    ratio = picture.devicePixelRatio()
    metrics = QFontMetrics(theme.font(t.BODY, strong=True))
    digit = metrics.horizontalAdvance("0")
    # Of "100 %" before the tick, the 1 stands three figures and a per cent sign left of the column's end.
    end = 300 - 22
    left = end - metrics.horizontalAdvance("100\N{NO-BREAK SPACE}%")
    one = picture.copy(int((left - 1) * ratio), int(33 * ratio), int(digit * ratio), int(20 * ratio))
    lit = sum(one.pixelColor(x, y).lightness() > 150 for x in range(one.width()) for y in range(one.height()))
    assert lit > 8, "its first figure is there"
    bars.deleteLater()


def test_a_run_without_its_tick_leaves_the_charts(shown: EvaluateWorkspace, qtbot: QtBot) -> None:
    view = shown.panel.runs
    box = tick_box(view.visualRect(view.runs.index(0)))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=box.center())
    qtbot.waitUntil(lambda: len(shown.results.json.get("models", [])) == 1, timeout=LONG)
    assert not shown.book.rows[0].shown


# -- models -------------------------------------------------------------------------------------------------------


def test_a_baseline_is_added_by_hand_and_answers(shown: EvaluateWorkspace, qtbot: QtBot) -> None:
    click(shown.panel.add)
    page = shown.add_page
    click(page.kinds.button(3))
    page.trials.setValue(2)
    qtbot.waitUntil(lambda: page.add.isEnabled(), timeout=LONG)
    assert "Nothing leaves this machine" in page.estimate.text()
    click(page.add)
    qtbot.waitUntil(lambda: len(shown.book.rows) == 3 and shown.book.rows[2].state == "done", timeout=LONG)
    qtbot.waitUntil(lambda: len(shown.results.json["models"]) == 3 and shown.results.final, timeout=LONG)
    assert shown.book.rows[2].trials == 2 and shown.pages.currentWidget() is shown.page


def test_a_server_s_run_is_followed_stopped_and_gone_on_with(shown: EvaluateWorkspace, slow_model: str, qtbot: QtBot) -> None:
    click(shown.panel.add)
    page = shown.add_page
    click(page.kinds.button(1))
    page.url.setText(slow_model.rpartition("@")[2])
    page.model.setEditText("nobody")
    qtbot.waitUntil(lambda: "has no model 'nobody'; it has slow" in page.trouble.text(), timeout=LONG)
    assert not page.add.isEnabled()
    page.model.setEditText("slow")
    qtbot.waitUntil(lambda: page.add.isEnabled(), timeout=LONG)
    click(page.add)
    row = shown.book.rows[2]
    qtbot.waitUntil(lambda: row.job is not None and row.job.done > 0, timeout=LONG)
    qtbot.waitUntil(lambda: "left" in detail_of(row) or "running" in detail_of(row), timeout=LONG)
    click(shown.panel.stop)
    qtbot.waitUntil(lambda: row.state == "stopped" and row.standing is not None, timeout=LONG)
    kept = row.standing.answered
    assert kept > 0 and shown.panel.go_on.isVisible()
    click(shown.panel.go_on)
    qtbot.waitUntil(lambda: row.job is not None and row.job.done >= kept, timeout=LONG)
    shown.book.stop(row)
    qtbot.waitUntil(lambda: not row.active, timeout=LONG)


def test_faults_of_a_server_are_told_by_kind_and_going_on_asks_for_what_failed(
    shown: EvaluateWorkspace, evaluated: Evaluated, qtbot: QtBot
) -> None:
    """One question is refused for good, some calls fail in passing, one reply is no JSON: all of it heals on the second try."""
    warned: list[str] = []
    shown.warned.connect(warned.append)
    broken = [True]

    def script(body: Json, number: int) -> Say:
        if broken[0] and "picture 1 " in asked_for(body):
            return error(400, "image too large")
        if number in (2, 5):
            return error(503, "busy", retry_after="0")
        if number == 7:
            return Say("<html>proxy</html>")
        return chat(*["B"] * body.get("n", 1))

    with ScriptedServer(script) as server:
        shown.start(Ask(f"openai:faulty@{server.url}", str(evaluated.dataset), trials=2))
        row = shown.book.rows[-1]
        qtbot.waitUntil(lambda: row.state == "failed" and row.standing is not None, timeout=LONG)
        refused = row.failures["HTTP 400"]
        assert refused > 0 and list(row.failures) == ["HTTP 400"] and f"Failed: {refused} HTTP 400" in shown.panel.facts.text()
        # And one line of doubt: the server says the same in every trial.
        assert row.job is not None and shown.panel.log.isVisible() and shown.panel.log.count() == refused // 2 + 1
        assert sum("image too large" in reason for _, reason in row.job.problems) == refused // 2
        assert [text.partition(";")[0] for text in warned] == [f"faulty: {refused} answers failed"], "named once"
        asked = len(server.seen)
        broken[0] = False
        click(shown.panel.go_on)
        qtbot.waitUntil(lambda: row.state == "done" and not row.failures, timeout=LONG)
        assert len(server.seen) - asked == refused // 2, "only what failed is asked again"
    qtbot.waitUntil(lambda: "faulty" in {model["label"] for model in shown.results.json["models"]}, timeout=LONG)


def test_a_word_given_for_one_host_holds_for_no_other(shown: EvaluateWorkspace, qtbot: QtBot) -> None:
    click(shown.panel.add)
    page = shown.add_page
    click(page.kinds.button(1))
    page.url.setText("http://one.example/v1")
    page.model.setEditText("m")
    qtbot.waitUntil(lambda: page.plain.isVisible(), timeout=LONG)
    # The next check would look for the host's name: what it tells is given here.
    page.consent.setChecked(True)
    page.plain.setChecked(True)
    page.shut_down()
    told = dict(page._told)
    page._show_told(told)
    assert page.consent.isChecked() and page.plain.isChecked()
    page.url.setText("http://two.example/v1")
    page.shut_down()
    page._show_told(told | {"remote_hosts": ["two.example"], "problem": "", "not_cleared": 0})
    assert "two.example" in page.consent.text() and "two.example" in page.plain.text()
    assert not page.consent.isChecked() and not page.plain.isChecked() and not page.add.isEnabled()
    assert page.ask is not None and (page.ask.hosts, page.ask.plain) == ((), ())


def test_plain_http_to_another_machine_needs_a_word_of_its_own(shown: EvaluateWorkspace, qtbot: QtBot) -> None:
    click(shown.panel.add)
    page = shown.add_page
    click(page.kinds.button(1))
    page.url.setText("http://api.example/v1")
    page.model.setEditText("m")
    qtbot.waitUntil(lambda: page.plain.isVisible(), timeout=LONG)
    assert "Send unencrypted to api.example: everybody on the way can read" in page.plain.text()
    assert page.consent.isVisible() and not page.add.isEnabled()
    page.plain.setChecked(True)
    page.consent.setChecked(True)
    # Nothing is sent in a test: the check that would follow is put off for good.
    page.shut_down()
    assert page.ask is not None and (page.ask.plain, page.ask.hosts) == (("api.example",), ("api.example",))
    assert page.ask.arguments(Path("s.medq"))[-4:] == ["--allow-host", "api.example", "--allow-plain-http", "api.example"]
    page.url.setText("http://127.0.0.1:8000/v1")
    page.shut_down()
    assert page.ask is not None and page.ask.spec.endswith("http://127.0.0.1:8000/v1")


def test_several_models_wait_for_one_another(
    shown: EvaluateWorkspace, evaluated: Evaluated, slow_model: str, qtbot: QtBot
) -> None:
    shown.start(Ask(slow_model, str(evaluated.dataset), trials=8))
    shown.start(Ask("baseline:uniform", str(evaluated.dataset), trials=9))
    first, second = shown.book.rows[2:]
    assert second.state == "waiting"
    qtbot.waitUntil(lambda: first.job is not None and first.job.done > 0, timeout=LONG)
    shown.book.stop(first)
    qtbot.waitUntil(lambda: second.state == "done", timeout=LONG)


def test_a_run_that_fails_says_why_and_is_remembered_for_another_try(
    shown: EvaluateWorkspace, evaluated: Evaluated, qtbot: QtBot
) -> None:
    told: list[str] = []
    shown.warned.connect(told.append)
    shown.start(Ask("local:/nowhere/gone", str(evaluated.dataset)))
    row = shown.book.rows[2]
    qtbot.waitUntil(lambda: row.state == "failed", timeout=LONG)
    assert told and "gone" in told[0]
    assert shown.panel.go_on.isVisible()
    (kept,) = shown.book.save_state().values()
    again = RunBook(shown.jobs, shown.background, shown)
    again.restore_state({"a study": kept})
    again.open(Path("a study"))
    assert [(r.ask, r.state, detail_of(r)) for r in again.rows] == [(row.ask, "failed", f"no answers yet · {row.error}")]


def test_a_run_is_frozen_with_a_reason_and_shows_who_when_and_why(shown: EvaluateWorkspace, qtbot: QtBot) -> None:
    shown.panel.runs.setCurrentIndex(shown.panel.runs.runs.index(1))
    run = shown.book.rows[1].run_id

    def dialog() -> FreezeDialog:
        click(shown.panel.freeze)
        (opened,) = shown.findChildren(FreezeDialog)
        return opened

    first = dialog()
    cells = [first.runs.item(first.runs.currentRow(), column).text() for column in range(first.runs.columnCount())]
    assert cells[:3] == ["prior baseline", "paper T=4", "ward_set"] and cells[3].startswith("20") and cells[5] == run[:8]
    assert first.runs.rowCount() == 2 and not first.freeze.isEnabled(), "a reason is asked for"
    QTest.keyClick(first, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not shown.findChildren(FreezeDialog), timeout=LONG)
    assert not shown.book.rows[1].frozen
    second = dialog()
    QTest.keyClicks(second.why, "figures of the manuscript")
    QTest.keyClick(second.why, Qt.Key.Key_Return)
    assert second.isVisible() and not shown.book.rows[1].frozen, "Enter neither loses the reason nor closes a run for good"
    click(second.freeze)
    qtbot.waitUntil(lambda: shown.book.rows[1].state == "frozen", timeout=LONG)
    assert "frozen" in detail_of(shown.book.rows[1])
    qtbot.waitUntil(lambda: "another reading makes another run" in shown.panel.facts.text(), timeout=LONG)
    assert "by Reader 1" in shown.panel.facts.text() and "Reason: figures of the manuscript" in shown.panel.facts.text()
    assert shown.panel.freeze.isHidden() and shown.panel.go_on.isHidden()
    qtbot.waitUntil(lambda: not shown.findChildren(FreezeDialog), timeout=LONG)
    assert shown.session.path is not None
    with Study.open(shown.session.path) as study:
        event = study.events(1)[0]
        assert (event.kind, event.reason, event.payload["run_id"]) == ("run_frozen", "figures of the manuscript", run)
        assert study.verify() == []
        assert study.freezings()[run].by == "Reader 1"


def test_a_run_without_answers_says_so_with_its_error_and_leaves_the_list(
    open_workspace: OpenWorkspace, evaluated: Evaluated, server: Guarded, tmp_path: Path, qtbot: QtBot
) -> None:
    path = evaluated.copy_of_study(tmp_path / "study")
    first = open_workspace(path)
    first.start(Ask(f"openai:guarded@{server.url}", str(evaluated.dataset), trials=2))
    row = first.book.rows[-1]
    qtbot.waitUntil(lambda: row.state == "failed" and row.standing is not None, timeout=LONG)
    # A second window knows nothing but the study.
    second = open_workspace(path)
    assert len(second.book.rows) == 3
    dead = second.book.rows[2]
    assert dead.state == "failed" and detail_of(dead).startswith("no answers yet · 127.0.0.1: HTTP 401")
    second.panel.runs.setCurrentIndex(second.panel.runs.runs.index(2))
    panel = second.panel
    assert panel.freeze.isHidden() and panel.go_on.isVisible() and panel.drop.isVisible() and "HTTP 401" in panel.facts.text()
    assert panel.runs.runs.index(2).data(Qt.ItemDataRole.CheckStateRole) is None, "it is in no chart"
    assert dead.run_id not in second._shown_ids()
    click(panel.drop)
    assert len(second.book.rows) == 2
    again = RunBook(second.jobs, second.background, second)
    again.restore_state(second.book.save_state())
    again.open(path)
    qtbot.waitUntil(lambda: again.loaded, timeout=LONG)
    assert [r.run_id for r in again.rows] == [r.run_id for r in second.book.rows]
    with Study.open(path, read_only=True) as study:
        assert len(study.runs()) == 3, "the study keeps it"
    assert dead.command is not None
    second.start(dead.command)
    row = second.book.rows[-1]
    qtbot.waitUntil(lambda: row.state == "failed" and row.run_id == dead.run_id, timeout=LONG)


def test_runs_of_one_name_are_told_apart_in_the_list_and_in_the_charts(
    open_workspace: OpenWorkspace, evaluated: Evaluated, tmp_path: Path, qtbot: QtBot
) -> None:
    path = evaluated.copy_of_study(tmp_path / "study")
    workspace = open_workspace(path)
    workspace.start(Ask("baseline:uniform", str(evaluated.dataset), trials=2))
    qtbot.waitUntil(lambda: len(workspace.results.json.get("models", ())) == 3 and workspace.results.final, timeout=LONG)
    titles = [row.title for row in workspace.book.rows]
    assert titles == ["uniform baseline (paper T=4)", "prior baseline", "uniform baseline (paper T=2)"]
    named = {model["name"] for model in workspace.results.json["models"]}
    assert named == set(titles)
    chart = workspace.page.overview.page.charts[0].figure
    assert chart is not None
    labels = [label for _, label in chart.panels[0].y.ticks if label]
    assert len(labels) == 3 == len(set(labels))
    items = workspace.page.items.model
    assert len({items.itemText(i) for i in range(items.count())}) == 3


def test_a_run_goes_on_after_a_restart_without_being_asked_for_its_address(
    open_workspace: OpenWorkspace, evaluated: Evaluated, slow_model: str, tmp_path: Path, qtbot: QtBot
) -> None:
    path = evaluated.copy_of_study(tmp_path / "study")
    first = open_workspace(path)
    first.start(Ask(slow_model, str(evaluated.dataset), trials=8))
    row = first.book.rows[-1]
    qtbot.waitUntil(lambda: row.job is not None and row.job.done > 0, timeout=LONG)
    first.book.stop(row)
    qtbot.waitUntil(lambda: row.state == "stopped" and row.standing is not None, timeout=LONG)
    # A second window knows nothing but the study.
    second = open_workspace(path)
    stopped = next(r for r in second.book.rows if r.state == "stopped")
    assert stopped.ask is None and stopped.standing is not None and stopped.standing.run.spec == slow_model
    second.panel.runs.setCurrentIndex(second.panel.runs.runs.index(second.book.rows.index(stopped)))
    click(second.panel.go_on)
    assert stopped.active and second.pages.currentWidget() is not second.add_page
    second.book.stop(stopped)
    qtbot.waitUntil(lambda: not stopped.active, timeout=LONG)


def test_sets_made_beside_the_study_are_offered_and_named_before_a_model_is_asked(
    open_workspace: OpenWorkspace, evaluated: Evaluated, tmp_path: Path, qtbot: QtBot
) -> None:
    study = evaluated.copy_of_study(tmp_path / "study")
    made = shutil.copytree(evaluated.dataset, study.parent / "ward_set")
    (study.parent / "no set").mkdir()
    workspace = open_workspace(study)
    qtbot.waitUntil(lambda: workspace.page.dataset.findData(str(made)) >= 0, timeout=LONG)
    assert workspace.page.dataset.findData(str(study.parent / "no set")) < 0
    workspace.use_dataset(made)
    workspace.add_model()
    assert "ward_set" in workspace.add_page.asked_about.text()
    click(workspace.add_page.built_in)
    assert Path(workspace.add_page.folder.text(), "config.json").is_file()


def test_a_set_that_nobody_has_answered_about_says_so_and_one_with_answers_is_shown_first(
    shown: EvaluateWorkspace, evaluated: Evaluated, tmp_path: Path, qtbot: QtBot
) -> None:
    other = tmp_path / "a set asked about in vain"
    shown.start(Ask("local:/nowhere/gone", str(other)))
    qtbot.waitUntil(lambda: shown.book.rows[-1].state == "failed", timeout=LONG)
    assert shown.page.nothing.isHidden()
    shown.use_dataset(other)
    assert shown.page.nothing.isVisible() and "No ticked run has answers about this set" in shown.page.nothing.text()
    ticks = [shown.panel.runs.runs.index(i).data(Qt.ItemDataRole.CheckStateRole) for i in range(3)]
    assert ticks == [None] * 3 and [row.here for row in shown.book.rows] == [False, False, True], "a tick would change nothing"
    shown.dataset = None
    shown.book.changed.emit()
    assert shown.dataset == evaluated.dataset
    qtbot.waitUntil(lambda: shown.page.nothing.isHidden() and bool(shown.results.json), timeout=LONG)


def test_another_machine_is_never_spoken_to_without_a_word(evaluated: Evaluated) -> None:
    (standing, _) = read_runs(evaluated.study)
    remote = StandingRun(replace(standing.run, spec="openai:m@https://api.example/v1"), {})
    row = RunRow(standing=remote)
    assert row.wants_word and row.recorded is not None and row.recorded.hosts == ()
    assert not RunRow(standing=StandingRun(replace(standing.run, spec="openai:m@http://127.0.0.1:8000/v1"), {})).wants_word
    assert RunRow(standing=StandingRun(replace(standing.run, model="openai:m", spec=""), {})).wants_word


def test_a_study_without_runs_offers_to_begin(
    open_workspace: OpenWorkspace, evaluated: Evaluated, tmp_path: Path, qtbot: QtBot
) -> None:
    Study.create(tmp_path / "new.medq", name="New").close()
    workspace = open_workspace(tmp_path / "new.medq")
    qtbot.waitUntil(lambda: workspace.pages.currentWidget() is workspace.empty, timeout=LONG)
    workspace.receive(evaluated.dataset)
    assert workspace.pages.currentWidget() is workspace.add_page
    click(workspace.add_page.cancel)
    assert workspace.pages.currentWidget() is workspace.empty and "ward_set" in workspace.empty.sentence.text()


def test_a_set_that_is_gone_is_an_error_with_another_try(
    open_workspace: OpenWorkspace, evaluated: Evaluated, tmp_path: Path, qtbot: QtBot
) -> None:
    path = evaluated.copy_of_study(tmp_path / "study")
    with Study.open(path) as study:
        for run in study.runs():
            with study._writing() as db:
                db.execute("UPDATE runs SET dataset_path = ? WHERE run_id = ?", (str(tmp_path / "gone"), run.run_id))
    workspace = open_workspace(path)
    qtbot.waitUntil(lambda: workspace.pages.currentWidget() is workspace.trouble, timeout=LONG)
    assert str(tmp_path / "gone") in workspace.trouble.sentence.text()


def test_a_report_is_offered_a_folder_of_its_own_beside_the_study(
    shown: EvaluateWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = shown.session.path
    assert study is not None
    own = study.with_name(f"{study.stem}_report")
    proposed: list[str] = []
    written: list[Path] = []

    def choose(answer: str) -> None:
        def ask(parent: object, title: str, folder: str) -> str:
            assert Path(folder).is_dir()
            proposed.append(folder)
            return answer

        monkeypatch.setattr("medqdeg_desktop.ui.evaluate.workspace.folder_to_write", ask)
        shown.choose_report()

    monkeypatch.setattr(shown, "write_report", written.append)
    choose("")
    assert proposed == [str(own)] and not own.exists() and not written, "nothing is left of a dialog that was put away"
    choose(str(own))
    choose(str(study.parent))
    assert written == [own, own], "never among the studies themselves"


def test_a_folder_for_the_report_that_is_typed_and_not_there_is_made(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = FolderDialog(None, "Folder for the report", str(tmp_path))
    qtbot.addWidget(dialog)
    dialog.open()
    typed = dialog.findChild(QLineEdit, "fileNameEdit")
    assert typed is not None
    typed.setText(str(tmp_path / "new" / "report"))
    QTest.keyClick(typed, Qt.Key.Key_Return)
    assert dialog.result() == QDialog.DialogCode.Accepted
    assert dialog.selectedFiles() == [str(tmp_path / "new" / "report")] and (tmp_path / "new" / "report").is_dir()


def test_a_report_that_cannot_be_written_says_why(open_workspace: OpenWorkspace, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "empty.medq"
    Study.create(path, name="Empty").close()
    workspace = open_workspace(path)
    assert not workspace.panel.report.isEnabled() and "needs answers" in workspace.panel.report.toolTip()


def test_escape_puts_adding_a_model_away(shown: EvaluateWorkspace) -> None:
    click(shown.panel.add)
    assert shown.pages.currentWidget() is shown.add_page and shown.add_page.trials.value() == 10
    bind(shown, actions_of("evaluate"))
    shown.add_page.folder.setFocus()
    QTest.keyClick(shown.add_page.folder, Qt.Key.Key_Escape)
    assert shown.pages.currentWidget() is shown.page


def test_the_report_is_written_and_its_page_opened(
    shown: EvaluateWorkspace, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    shown.write_report(tmp_path / "report")
    qtbot.waitUntil(lambda: bool(opened), timeout=LONG)
    assert opened == [str(tmp_path / "report" / "report.html")]
    assert (tmp_path / "report" / "report.pdf").read_bytes().startswith(b"%PDF")


def test_results_are_reached_by_keyboard_in_the_whole_window(
    open_window: Callable[..., MainWindow], evaluated: Evaluated, tmp_path: Path, qtbot: QtBot
) -> None:
    window = open_window(evaluated.copy_of_study(tmp_path / "study"))
    press(window, Qt.Key.Key_4, Qt.KeyboardModifier.ControlModifier)
    workspace = window.workspace("evaluate")
    assert isinstance(workspace, EvaluateWorkspace) and workspace.isVisible()
    qtbot.waitUntil(lambda: workspace.results.final, timeout=LONG)
    press(window, Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    assert workspace.page.tabs.currentWidget() is workspace.page.tables
    press(window, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    assert workspace.page.published.isChecked()


# -- without Qt ---------------------------------------------------------------------------------------------------


def test_wrong_answers_are_found_the_surest_first(evaluated: Evaluated) -> None:
    from medqdeg_desktop.eval.tables import load

    with Study.open(evaluated.study, read_only=True) as study:
        analysis = load(study)
    index = read_index(evaluated.dataset)
    scores = scores_of(analysis, analysis.runs[0].run_id)
    assert len(listed(index, scores, Filter())) == len(index.entries)
    wrong = listed(index, scores, Filter(verdict="wrong"))
    assert wrong and all((scores[index.entries[n].file_name].accuracy or 0) < 0.5 for n in wrong)
    sure = [scores[index.entries[n].file_name].confidence for n in listed(index, scores, Filter(verdict="confident and wrong"))]
    assert sure == sorted(sure, reverse=True) and all(c >= 0.5 for c in sure)
    assert {index.entries[n].modality for n in listed(index, scores, Filter(parts=(("modality", "X-ray"),)))} == {"X-ray"}
    entry = index.entries[0]
    assert index.line(entry)["file_name"] == entry.file_name
    assert listed(index, scores, Filter(text="PICTURE 3")) == [
        n for n, e in enumerate(index.entries) if "picture 3 " in e.question
    ]


def test_the_accuracy_of_a_run_counts_the_questions_of_a_sweep() -> None:
    level = {"level": "L0", "n": 10, "accuracy": 0.9}
    points = [{"severity": s, "n": n, "accuracy": a} for s, n, a in ((0.0, 20, 0.9), (0.5, 20, 0.6), (1.0, 20, 0.3))]
    sweep = {"type": "", "models": [{"run_id": "r", "points": points}, {"run_id": "q", "points": []}]}
    results = {"models": [{"run_id": "r", "levels": [level]}], "sweeps": [sweep, {**sweep, "type": "gaussian_noise"}]}
    assert accuracy_of(results, "r") == pytest.approx((10 * 0.9 + 20 * 0.6 + 20 * 0.3) / 50)
    assert accuracy_of({**results, "sweeps": []}, "r") == pytest.approx(0.9) and accuracy_of(results, "s") is None


def test_a_command_meets_the_run_that_it_made(evaluated: Evaluated) -> None:
    standing = read_runs(evaluated.study)
    ask = Ask("baseline:uniform", str(evaluated.dataset), trials=4)
    rows = merged(standing, [RunRow(ask=ask), RunRow(ask=Ask("baseline:uniform", str(evaluated.dataset), trials=5))])
    assert [(row.run_id != "", row.ask) for row in rows] == [(True, ask), (True, None), (False, rows[2].ask)]
    assert Ask.remembered(ask.kept()) == ask
    assert Ask.remembered({"spec": "nonsense", "dataset": "x"}) is None and Ask.remembered(3) is None
    assert rows[1].command == Ask("baseline:prior", str(evaluated.dataset), trials=4)


def test_a_command_says_all_that_was_asked_for() -> None:
    ask = Ask("anthropic:m", "/set", "verbal", 2, 5, text_only=True, rotate=True, trust=True, hosts=("api.anthropic.com",))
    assert ask.arguments(Path("s.medq")) == [
        *("evaluate", "/set", "--study", "s.medq", "--model", "anthropic:m", "--confidence", "verbal", "--trials", "2"),
        *("--limit", "5", "--text-only", "--rotate-options", "--trust-remote-code", "--allow-host", "api.anthropic.com"),
    ]
    assert Key().run_id == ""


def test_a_folder_that_is_no_model_says_why(tmp_path: Path) -> None:
    assert "config.json is missing" in describe(tmp_path).problem
    (tmp_path / "config.json").write_text('{"architectures": ["LlavaX"], "auto_map": {}, "dtype": "bfloat16"}')
    found = describe(tmp_path)
    assert (found.architecture == "LlavaX" and "no weights" in found.problem) or "extra 'local'" in found.problem
    (tmp_path / "config.json").write_text('{"architectures": ["LlavaX"], "auto_map": {"AutoModel": "x.Y"}}')
    assert describe(tmp_path).wants_consent and not describe(tmp_path, trust=True).wants_consent


def test_the_window_imports_no_model_library_and_no_network_client() -> None:
    code = (
        "import sys\n"
        "import medqdeg_desktop.ui.main_window, medqdeg_desktop.ui.generate.workspace, medqdeg_desktop.ui.evaluate.workspace\n"
        "import medqdeg_desktop.ui.evaluate.model_folder, medqdeg_desktop.ui.printing\n"
        "print([m for m in ('torch', 'transformers', 'httpx', 'openai', 'anthropic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr

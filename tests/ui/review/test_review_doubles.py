"""The screen for doubles by keys: side by side, what differs marked, one key each for merge and keep, undo, search."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hands import press
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from reviewing import review

from medqdeg_desktop.bank import doubles
from medqdeg_desktop.bank.deduplication import Duplicate
from medqdeg_desktop.bank.doubles import Standing
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.review.doubles_list import GroupModel
from medqdeg_desktop.ui.review.doubles_page import DoublesPage
from medqdeg_desktop.ui.review.doubles_reading import marked_words
from medqdeg_desktop.ui.review.modes import ReviewModes
from medqdeg_desktop.ui.workspace import SEARCH_DOUBLES

OpenWindow = Callable[..., MainWindow]
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


def line(name: str, pictures: list[str], question: str, answer: str = "B") -> dict[str, object]:
    options = {"A": "A cyst", "B": "A <i>mass</i>"}
    return {"id": name, "images": pictures, "modality": "X-ray", "question": question, "options": options, "answer": answer}


@pytest.fixture
def doubled(tmp_path: Path) -> Path:
    """a0 to a2 ask nearly the same of one picture, b0 and b1 of a pair of pictures; searched already."""
    folder = tmp_path / "bank"
    folder.mkdir()
    rows, columns = np.mgrid[0:48, 0:56]
    for n in range(3):
        grey = (60 + rows + 80 * (np.hypot(rows - 24, columns - 12 - 14 * n) < 12)).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"{n}.png")
    lines = [
        line("a0", ["0.png"], "Which organ is shown in this picture?"),
        line("a1", ["0.png"], "Which organs is shown in this picture?", "A"),
        line("a2", ["0.png"], "Which organ is shown in that picture?"),
        line("b0", ["1.png", "2.png"], "Which of the two pictures is sharper?"),
        line("b1", ["1.png", "2.png"], "Which of these two pictures is sharper?"),
    ]
    (folder / "items.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    with Study.create(folder / "ward.medq", name="Ward") as study:
        import_items(study, folder / "items.jsonl", source="ward")
        found = doubles.search(study).groups
        assert [one.items for one in found] == [("a0", "a1"), ("a0", "a2"), ("a1", "a2"), ("b0", "b1")]
    return folder / "ward.medq"


@pytest.fixture
def screen(open_window: OpenWindow, qtbot: QtBot, doubled: Path) -> tuple[MainWindow, ReviewModes, DoublesPage]:
    window = open_window(doubled)
    workspace = review(window)
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=10_000)
    press(window, Qt.Key.Key_D, CONTROL)
    page = workspace.doubles
    assert page is not None
    shows(qtbot, page, "a0", "a1")
    return window, workspace, page


def shows(qtbot: QtBot, page: DoublesPage, *ids: str) -> None:
    qtbot.waitUntil(lambda: page.pair is not None and page.pair.ids == ids and not page._busy, timeout=10_000)
    QApplication.processEvents()


def test_both_questions_are_shown_with_what_differs_marked(screen: tuple[MainWindow, ReviewModes, DoublesPage]) -> None:
    _, workspace, page = screen
    assert workspace.in_doubles and workspace.acting == (page, "doubles")
    left, right = page.sides
    assert (left.title.text(), right.title.text()) == ("a0", "a1")
    assert ">organ</span>" in left.question.text() and ">organs</span>" in right.question.text()
    assert "&lt;" in left.options.text() and "<i>" not in left.options.text(), "options are text"
    assert left.cell.image is not None and right.cell.image is not None
    assert "the same pixels" in page.why.text() and page.conflict.isVisible(), "their answers differ, and that is said"
    assert "ward" in left.facts.text()


def test_one_key_merges_and_the_next_pair_comes_without_the_one_that_went(
    screen: tuple[MainWindow, ReviewModes, DoublesPage], qtbot: QtBot, doubled: Path
) -> None:
    window, workspace, page = screen
    press(window, "2")
    shows(qtbot, page, "a1", "a2")
    with Study.open(doubled, read_only=True) as study:
        (decision,) = study.doubles()
        assert (decision.kept, decision.merged) == ("a1", ("a0",)) and decision.sources["a0"] == ("ward", "a0")
        item = study.item("a0")
        assert item is not None and item.state == "removed"
    assert window.foot.kept.text().startswith("kept ")
    press(window, Qt.Key.Key_Escape)
    assert not workspace.in_doubles
    qtbot.waitUntil(lambda: {e.item_id for e in workspace.side.model.entries} == {"a1", "a2", "b0", "b1"}, timeout=10_000)


def test_both_are_kept_by_one_key_and_undo_asks_again(
    screen: tuple[MainWindow, ReviewModes, DoublesPage], qtbot: QtBot, doubled: Path
) -> None:
    window, _, page = screen
    press(window, "b")
    shows(qtbot, page, "a0", "a2")
    press(window, "1")
    shows(qtbot, page, "b0", "b1")
    assert page.title.text() == "Doubles 3/4"
    for ids in (("a0", "a2"), ("a0", "a1")):
        press(window, Qt.Key.Key_Z, CONTROL)
        shows(qtbot, page, *ids)
    press(window, Qt.Key.Key_Z, CONTROL)
    assert "Nothing of yours" in window.foot.said.text()
    with Study.open(doubled, read_only=True) as study:
        assert study.doubles() == [] and all(item.state == "imported" for item in study.items())
        assert [e.kind for e in study.events()].count("undo") == 3, "two decisions and one removal were taken back"
        assert study.verify() == []


def test_questions_on_several_pictures_show_them_all_and_the_end_is_told(
    screen: tuple[MainWindow, ReviewModes, DoublesPage], qtbot: QtBot
) -> None:
    window, _, page = screen
    press(window, Qt.Key.Key_Up)
    for _ in range(3):
        press(window, Qt.Key.Key_Down)
    shows(qtbot, page, "b0", "b1")
    panes = [pane for pane in page.sides[0].cell.panes if pane.isVisible()]
    assert [pane.image is not None for pane in panes] == [True, True]
    QTest.keyPress(QApplication.focusWidget() or window, Qt.Key.Key_Space)
    assert (panes[0].overlay.title, panes[0].overlay.reading) == ("the right one", "1/2")
    QTest.keyRelease(QApplication.focusWidget() or window, Qt.Key.Key_Space)
    press(window, "1")
    shows(qtbot, page, "a0", "a1")
    press(window, "1")
    shows(qtbot, page, "a0", "a2")
    press(window, "1")
    qtbot.waitUntil(lambda: page.pages.currentWidget() is page.finished, timeout=10_000)
    assert "all 4 groups are settled" in page.finished.sentence.text()


def test_a_decision_of_another_window_is_met_with_a_reason_and_read_again(
    screen: tuple[MainWindow, ReviewModes, DoublesPage], qtbot: QtBot, doubled: Path
) -> None:
    window, _, page = screen
    with Study.open(doubled) as study:
        study.judge_doubles(["a0", "a1"], "a1", "ben")
    press(window, "1")
    shows(qtbot, page, "a1", "a2")
    assert "a1" in window.banner.text.text() or "removed meanwhile" in window.banner.text.text()
    with Study.open(doubled, read_only=True) as study:
        assert len(study.doubles()) == 1


def test_a_question_that_another_window_has_changed_is_looked_at_again_before_it_is_merged(
    screen: tuple[MainWindow, ReviewModes, DoublesPage], qtbot: QtBot, doubled: Path
) -> None:
    window, _, page = screen
    with Study.open(doubled) as study:
        item = study.item("a1")
        assert item is not None
        study.edit_item(replace(item, question="How large is it?"), "ben", "another question")
    press(window, "1")
    qtbot.waitUntil(lambda: page.pair is not None and page.pair.right.item.question == "How large is it?", timeout=10_000)
    assert "a1 has been edited meanwhile" in window.banner.text.text()
    with Study.open(doubled, read_only=True) as study:
        assert study.doubles() == []


def test_a_search_runs_beside_the_window_and_is_asked_for_after_an_import(
    open_window: OpenWindow, qtbot: QtBot, doubled: Path
) -> None:
    doubles.file_of(doubled).unlink()
    window = open_window(doubled)
    workspace = review(window)
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=10_000)
    workspace.toggle_doubles()
    page = workspace.doubles
    assert page is not None
    qtbot.waitUntil(lambda: "No search for doubles" in page.finished.sentence.text(), timeout=10_000)
    assert page.finished.button.isVisible() and not page.again.isVisible(), "one button for one thing"
    workspace.receive(SEARCH_DOUBLES)
    assert not page.finished.button.isEnabled()
    qtbot.waitUntil(lambda: page.pair is not None, timeout=60_000)
    assert page.again.isVisible() and page.again.isEnabled() and not page.outdated.isVisible()


def test_the_region_of_each_question_is_drawn_and_one_written_here_is_told_by_its_words(
    open_window: OpenWindow, qtbot: QtBot, doubled: Path
) -> None:
    box = {"kind": "box", "points": [[4, 6], [20, 30]], "image": 0}
    number, again = (f"written/01890000-0000-7000-8000-000000abcde{n}" for n in (0, 1))
    asked = "What is in the marked box?"
    with Study.open(doubled) as study:
        item = study.item("a0")
        assert item is not None
        marked = replace(item, item_id=number, question=asked, source="written", source_id="", region=box)
        study.add_items([marked, replace(marked, item_id=again, question="What is in that marked box?")], "written")
        doubles.search(study)
    window = open_window(doubled)
    workspace = review(window)
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=10_000)
    workspace.toggle_doubles()
    page = workspace.doubles
    assert page is not None
    qtbot.waitUntil(lambda: page.pair is not None, timeout=10_000)
    row = next(n for n, group in enumerate(page.model.groups) if number in group.items)
    page._show_row(row)
    qtbot.waitUntil(lambda: page.pair is not None and number in page.pair.ids, timeout=10_000)
    assert page.pair is not None
    assert [side.title.text() for side in page.sides] == ["written here, abcde0", "written here, abcde1"]
    assert all(side.cell._glasses[0].isVisible() for side in page.sides)
    assert asked in page.model.index(row).data(Qt.ItemDataRole.DisplayRole)
    page._show_row(next(n for n, group in enumerate(page.model.groups) if "a1" in group.items))
    qtbot.waitUntil(lambda: page.pair is not None and "a1" in page.pair.ids, timeout=10_000)
    assert not any(side.cell._glasses[0].isVisible() for side in page.sides), "these ask about no region"


def test_words_are_compared_one_by_one_whatever_their_case() -> None:
    assert marked_words("What is <b>", "what is") == "What is" + marked_words(" <b>", "")
    assert "span" not in marked_words("Same words.", "same WORDS.")


def test_ten_thousand_groups_tell_the_next_open_one() -> None:
    groups = tuple(Duplicate("near", (f"a{n}", f"b{n}"), "") for n in range(10_000))
    standing = Standing(gone={f"b{n}" for n in range(9_999)})
    model = GroupModel()
    model.fill(groups, standing)
    assert (model.left, model.next_open(0), model.rowCount()) == (1, 9_999, 10_000)
    standing.gone.add("a9999")
    model.tell(9_999, standing)
    assert (model.left, model.next_open(5)) == (0, -1)

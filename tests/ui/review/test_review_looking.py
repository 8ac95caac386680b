"""The grid, the large view, the words of an item, and what goes wrong; and what needs no window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from hands import press
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from reviewing import accept, front, rendered, review

from medqdeg_desktop.bank.review import State, decide
from medqdeg_desktop.bank.review_queue import Entry
from medqdeg_desktop.study.records import Review
from medqdeg_desktop.study.reviews import CLEAN
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.action_table import TABLE, actions_of
from medqdeg_desktop.ui.actions import double_bindings
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.review.edit_dialog import EditDialog
from medqdeg_desktop.ui.review.judging import Judgement
from medqdeg_desktop.ui.review.modes import ReviewModes
from medqdeg_desktop.ui.review.queue_model import Filter, QueueModel

OpenWindow = Callable[..., MainWindow]


# -- without a window ---------------------------------------------------------------------------------------------


def test_no_key_is_bound_twice_and_digits_judge_while_presets_are_alt_digit() -> None:
    assert double_bindings(TABLE) == []
    handlers = {key: action.handler for action in actions_of("review") for key in action.keys}
    assert [handlers[key] for key in "123QWE"] == ["keep"] * 3 + ["remove"] * 3
    assert all(handlers[f"Alt+{digit}"] == "apply_preset" for digit in range(1, 10))
    assert handlers["A"] == "accept_rest" and handlers["Space"] == "hold_original"
    for action in actions_of("review"):
        assert callable(getattr(ReviewModes, action.handler)), action.action_id


def test_ten_thousand_items_are_filtered_and_walked_in_order() -> None:
    entries = [
        Entry(f"item_{n:05d}", "CT" if n % 3 else "MRI", "Counting", ("low_dose",), mine=n % 2 == 0) for n in range(10_000)
    ]
    model = QueueModel()
    model.fill(entries)
    model.narrow(Filter("open", "MRI", "item_0"))
    assert model.rowCount() == sum(not e.mine and e.modality == "MRI" and e.item_id < "item_1" for e in entries)
    last = model.entry_at(model.rowCount() - 1)
    assert last is not None
    assert model.row_of(last.item_id) == model.rowCount() - 1
    assert [e.item_id for e in model.following(last.item_id, 1)] == [model.entry_at(0).item_id]  # type: ignore[union-attr]


def test_a_judgement_is_timed_and_a_break_does_not_count_as_work() -> None:
    now = [100.0]
    judgement = Judgement(Entry("q", "CT", "", ("low_dose", "sparse_view")), clock=lambda: now[0])
    assert not judgement.complete and judgement.mark(0, 3) and not judgement.mark(2, 0)
    judgement.keep_rest()
    now[0] = 112.5
    assert judgement.review("ann").marks == {"low_dose": 3, "sparse_view": 0}
    assert judgement.review("ann").seconds == 12.5
    now[0] = 100_000
    assert judgement.review("ann").seconds == 300


def test_what_nobody_disputes_is_taken_over_by_who_settles() -> None:
    judgement = Judgement(Entry("q", "CT", "", ("low_dose", "sparse_view", "motion_blur"), state=State.CONFLICT))
    judgement.adopt_agreed(
        [{"low_dose": 0, "sparse_view": 3, "motion_blur": 0}, {"low_dose": 0, "sparse_view": 5, "motion_blur": 4}]
    )
    assert judgement.marks == {"low_dose": 0, "sparse_view": 3} and judgement.undecided == ["motion_blur"]
    assert judgement.stage == "settled"


# -- looking ------------------------------------------------------------------------------------------------------


def test_zoom_window_and_the_held_original_are_shared_over_the_grid(
    desk: tuple[MainWindow, ReviewModes],
) -> None:
    window, workspace = desk
    grid = workspace.grid
    cell = grid.cells[0, Level.L1]
    cell.panes[0].zoomed.emit(2.0, 5.0, 5.0)
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    shown = [c.panes[0] for c in grid.cells.values() if c.isVisible()]
    assert len({(c._viewport, c._window) for c in shown}) == 1 and shown[0]._window is not None
    assert workspace.judgement is not None and workspace.judgement.marks == {}, "Alt+1 is a window, not a judgement"
    degraded = cell.image
    QTest.keyPress(grid, Qt.Key.Key_Space)
    assert cell.image is grid.cells[0, Level.L0].image is not degraded
    QTest.keyRelease(grid, Qt.Key.Key_Space)
    assert cell.image is degraded


def test_a_cell_opens_large_and_arrows_walk_levels_and_types(desk: tuple[MainWindow, ReviewModes]) -> None:
    window, workspace = desk
    grid = workspace.grid
    item_id = front(workspace)
    press(window, Qt.Key.Key_V)
    assert grid.is_large and grid.large.image is grid.cells[0, Level.L2].image
    press(window, Qt.Key.Key_Up)
    assert grid.large.image is grid.cells[0, Level.L1].image and front(workspace) == item_id
    press(window, Qt.Key.Key_Escape)
    assert not grid.is_large
    press(window, Qt.Key.Key_Down)
    assert front(workspace) != item_id


def test_an_item_of_several_pictures_shows_all_of_them_degraded_in_every_cell_and_large(
    open_window: OpenWindow, qtbot: QtBot, bank: Path
) -> None:
    with Study.open(bank) as study:
        item = study.item("q0")
        assert item is not None
        study.add_items([replace(item, images=(item.images[0], str(bank.parent / "p5.png")))])
    window = open_window(bank)
    workspace = review(window)
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=10_000)
    entry = workspace.side.model.entry("q0")
    assert entry is not None
    workspace._show(entry)
    rendered(qtbot, workspace)
    first, second = workspace.grid.cells[0, Level.L2].panes
    assert [(p.overlay.title, p.overlay.reading) for p in (first, second)] == [("L2", "1/2"), ("L2", "2/2")]
    clean = [pane.image for pane in workspace.grid.cells[0, Level.L0].panes]
    for degraded, original, name in zip((first, second), clean, ("p0.png", "p5.png"), strict=True):
        assert degraded.image is not None and original is not None
        assert np.array_equal(original.pixels, np.asarray(Image.open(bank.parent / name)))
        assert not np.array_equal(degraded.image.pixels, original.pixels)
    press(window, Qt.Key.Key_V)
    large = [pane for pane in workspace.grid.large.panes if pane.isVisible()]
    assert len(large) == 2 and large[1].overlay.reading == "2/2"
    press(window, Qt.Key.Key_N)
    rendered(qtbot, workspace)
    assert sum(pane.isVisible() for pane in workspace.grid.large.panes) == 1, "the next item has one"


def test_a_question_on_the_picture_itself_is_judged_by_its_original_alone(
    open_window: OpenWindow, qtbot: QtBot, bank: Path
) -> None:
    with Study.open(bank) as study:
        item = study.item("q0")
        assert item is not None
        study.add_items([replace(item, question_type="perception")])
        decide(study, Review("ann", "q0", {CLEAN: 0}))
    window = open_window(bank)
    workspace = review(window)
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=10_000)
    entry = workspace.side.model.entry("q0")
    assert entry is not None and entry.types == (CLEAN,)
    workspace._show(entry)
    rendered(qtbot, workspace)
    shown = [place for place, cell in workspace.grid.cells.items() if cell.isVisible()]
    assert shown == [(0, Level.L0)] and workspace.grid.cells[0, Level.L0].image is not None
    accept(qtbot, window, workspace)
    with Study.open(bank, read_only=True) as study:
        kept = study.item("q0")
        assert kept is not None and kept.state == "accepted"


def test_typing_in_the_search_field_judges_nothing(desk: tuple[MainWindow, ReviewModes]) -> None:
    window, workspace = desk
    press(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(workspace.side.search, "q1a")
    assert workspace.side.search.text() == "q1a"
    assert QApplication.activePopupWidget() is None
    assert workspace.pages.currentWidget() is workspace.finished


# -- words --------------------------------------------------------------------------------------------------------


def test_an_edit_becomes_a_version_and_shows_at_once(desk: tuple[MainWindow, ReviewModes], qtbot: QtBot, bank: Path) -> None:
    window, workspace = desk
    item_id = front(workspace)
    workspace.edit()
    dialog = next(d for d in workspace.findChildren(EditDialog))
    ok = dialog.buttons.buttons()[0]
    assert not ok.isEnabled()
    dialog.question.setPlainText("Which finding is shown?")
    assert not ok.isEnabled(), "an edit without a reason is not kept"
    dialog.why.setText("clearer")
    assert ok.isEnabled()
    dialog.accept()
    qtbot.waitUntil(lambda: workspace.head.question.text() == "Which finding is shown?", timeout=15_000)
    with Study.open(bank, read_only=True) as study:
        assert len(study.item_versions(item_id)) == 2
        assert study.events(1)[0].kind == "item_edited" and study.events(1)[0].reason == "clearer"
    rendered(qtbot, workspace)
    window.activateWindow()
    QApplication.processEvents()
    accept(qtbot, window, workspace)


def test_a_flag_is_kept_and_seen_in_the_queue(desk: tuple[MainWindow, ReviewModes], qtbot: QtBot, bank: Path) -> None:
    window, workspace = desk
    item_id = front(workspace)
    press(window, Qt.Key.Key_F)

    def flagged() -> bool:
        entry = workspace.side.model.entry(item_id)
        return entry is not None and entry.flagged

    qtbot.waitUntil(flagged, timeout=10_000)
    with Study.open(bank, read_only=True) as study:
        assert [n.flagged for n in study.notes(item_id)] == [True]


def test_options_are_text_and_the_answer_is_marked(desk: tuple[MainWindow, ReviewModes]) -> None:
    _, workspace = desk
    assert "&lt;i&gt;mass" in workspace.head.options.text()
    assert "✓" in workspace.head.options.text()


# -- what goes wrong ----------------------------------------------------------------------------------------------


def test_an_image_that_is_gone_is_named_and_the_next_item_works(open_window: OpenWindow, qtbot: QtBot, bank: Path) -> None:
    (bank.parent / "p3.png").unlink()
    window = open_window(bank)
    workspace = review(window)
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=10_000)
    entry = workspace.side.model.entry("q3")
    assert entry is not None
    workspace._show(entry)
    qtbot.waitUntil(lambda: "p3.png" in workspace.message.text(), timeout=15_000)
    press(window, Qt.Key.Key_N)
    rendered(qtbot, workspace)


def test_a_study_without_items_says_what_to_do(open_window: OpenWindow, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "empty.medq"
    Study.create(path).close()
    workspace = review(open_window(path))
    qtbot.waitUntil(lambda: workspace.faces.currentWidget() is workspace.empty, timeout=10_000)
    assert "medqdeg bank import" in workspace.empty.sentence.text()


def test_an_item_that_is_open_in_another_window_is_passed_over_and_cannot_be_judged_twice(
    desk: tuple[MainWindow, ReviewModes], qtbot: QtBot, bank: Path
) -> None:
    window, workspace = desk
    taken, free = workspace.side.model.following(front(workspace), 2)
    with Study.open(bank) as study:
        assert study.claim_item(taken.item_id, "Reader 1", "another window", places=2, seconds=600)
    accept(qtbot, window, workspace)
    qtbot.waitUntil(lambda: front(workspace) == free.item_id, timeout=10_000)
    workspace._show(taken)
    qtbot.waitUntil(lambda: workspace.head.status.text() == "open in another window", timeout=10_000)
    rendered(qtbot, workspace)
    press(window, Qt.Key.Key_A)
    assert "open in another window" in window.foot.said.text() and front(workspace) == taken.item_id
    with Study.open(bank, read_only=True) as study:
        assert taken.item_id not in {r.item_id for r in study.own_reviews("Reader 1")}

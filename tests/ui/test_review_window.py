"""Review in the real window, by keys, over a study with real pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hands import press
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.review import State, decide
from medqdeg_desktop.bank.review_queue import Entry
from medqdeg_desktop.bank.reviewed_draw import draw_under_review
from medqdeg_desktop.study.records import Review
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.action_table import TABLE, actions_of
from medqdeg_desktop.ui.actions import double_bindings
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.review.edit_dialog import EditDialog
from medqdeg_desktop.ui.review.judging import Judgement
from medqdeg_desktop.ui.review.queue_model import Filter, QueueModel
from medqdeg_desktop.ui.review.reason_popup import ReasonPopup
from medqdeg_desktop.ui.review.workspace import AHEAD, ReviewWorkspace

OpenWindow = Callable[..., MainWindow]


@pytest.fixture(autouse=True)
def starts_here(data_home: Path) -> None:
    """The window was closed in Review the last time and opens there again."""
    data_home.mkdir(parents=True, exist_ok=True)
    (data_home / "window.json").write_text('{"current": "review"}')


ITEMS = 6


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """A study with small X-ray pictures and a question on each; Reader 1 is who sits in front of the window."""
    folder = tmp_path / "bank"
    folder.mkdir()
    rows, columns = np.mgrid[0:48, 0:56]
    lines = []
    for n in range(ITEMS):
        grey = (60 + rows + 80 * (np.hypot(rows - 24, columns - 20 - n) < 12)).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"p{n}.png")
        lines.append(
            {
                "id": f"q{n}",
                "image": f"p{n}.png",
                "modality": "X-ray",
                "question": f"What is shown in picture {n}?",
                "options": {"A": "A cyst", "B": "A <i>mass</i>"},
                "answer": "B",
            }
        )
    (folder / "items.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with Study.create(folder / "ward.medq", name="Ward") as study:
        import_items(study, folder / "items.jsonl")
        for name in ("ann", "ben"):
            study.ensure_reader(name, "curator")
    return folder / "ward.medq"


def review(window: MainWindow) -> ReviewWorkspace:
    window.go_to("review")
    workspace = window.workspace("review")
    assert isinstance(workspace, ReviewWorkspace)
    return workspace


def rendered(qtbot: QtBot, workspace: ReviewWorkspace) -> None:
    """The item in front is there in words and in all its pictures."""

    def there() -> bool:
        judgement = workspace.judgement
        held = workspace._render.get(judgement.entry.item_id) if judgement and workspace._render else None
        return held is not None and held.complete and judgement is not None and judgement.version > 0

    qtbot.waitUntil(there, timeout=20_000)
    QApplication.processEvents()


@pytest.fixture
def desk(open_window: OpenWindow, qtbot: QtBot, bank: Path) -> tuple[MainWindow, ReviewWorkspace]:
    window = open_window(bank)
    workspace = review(window)
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=10_000)
    rendered(qtbot, workspace)
    return window, workspace


def front(workspace: ReviewWorkspace) -> str:
    assert workspace.judgement is not None
    return workspace.judgement.entry.item_id


def accept(qtbot: QtBot, window: MainWindow, workspace: ReviewWorkspace) -> str:
    """One press of A; returns the item that was accepted."""
    item_id = front(workspace)
    press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: workspace.judgement is None or front(workspace) != item_id, timeout=10_000)
    return item_id


def others_decide(bank: Path, item_id: str, **marks_of: int) -> None:
    """Colleagues mark every degradation of an item alike."""
    with Study.open(bank) as study:
        item = study.item(item_id)
        assert item is not None
        types = draw_under_review(study)(item)
        for name, mark in marks_of.items():
            decide(study, Review(name, item_id, dict.fromkeys(types, mark)))


# -- without a window ---------------------------------------------------------------------------------------------


def test_no_key_is_bound_twice_and_digits_judge_while_presets_are_alt_digit() -> None:
    assert double_bindings(TABLE) == []
    handlers = {key: action.handler for action in actions_of("review") for key in action.keys}
    assert [handlers[key] for key in "123QWE"] == ["keep"] * 3 + ["remove"] * 3
    assert all(handlers[f"Alt+{digit}"] == "apply_preset" for digit in range(1, 10))
    assert handlers["A"] == "accept_rest" and handlers["Space"] == "hold_original"
    for action in actions_of("review"):
        assert callable(getattr(ReviewWorkspace, action.handler)), action.action_id


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


# -- judging ------------------------------------------------------------------------------------------------------


def test_one_key_accepts_a_clean_item_on_disk_before_the_next_one_shows(
    desk: tuple[MainWindow, ReviewWorkspace], qtbot: QtBot, bank: Path
) -> None:
    window, workspace = desk
    shown: list[bool] = []

    show = workspace._show

    def look(entry: Entry, *marks: dict[str, int], **how: bool) -> None:
        with Study.open(bank, read_only=True) as study:
            shown.append(bool(study.own_reviews("Reader 1")))
        show(entry, *marks, **how)

    workspace._show = look  # type: ignore[method-assign,assignment]
    item_id = accept(qtbot, window, workspace)
    assert shown == [True]
    with Study.open(bank, read_only=True) as study:
        kept = study.own_reviews("Reader 1")
        assert [r.item_id for r in kept] == [item_id] and set(kept[0].marks.values()) == {0}
    assert window.foot.kept.text().startswith("kept ")
    assert workspace.side.title.text() == f"Queue 1/{ITEMS}"


def test_the_next_items_are_rendered_before_they_are_asked_for(desk: tuple[MainWindow, ReviewWorkspace], qtbot: QtBot) -> None:
    window, workspace = desk
    following = workspace.side.model.following(front(workspace), AHEAD)
    render = workspace._render
    assert render is not None and len(following) == 3

    def all_there() -> bool:
        return all((held := render.get(e.item_id)) is not None and held.complete for e in following)

    qtbot.waitUntil(all_there, timeout=20_000)
    accept(qtbot, window, workspace)
    assert front(workspace) == following[0].item_id
    assert workspace.grid.cells[0, Level.L2].image is not None, "no waiting: its pictures stand there at once"


def test_removing_asks_for_a_reason_and_the_popup_takes_every_key(
    desk: tuple[MainWindow, ReviewWorkspace], qtbot: QtBot, bank: Path
) -> None:
    window, workspace = desk
    item_id = front(workspace)
    press(window, Qt.Key.Key_Q)
    popup = QApplication.activePopupWidget()
    assert isinstance(popup, ReasonPopup)
    for key in (Qt.Key.Key_A, Qt.Key.Key_Return, Qt.Key.Key_9, Qt.Key.Key_Space):
        QTest.keyClick(popup, key)
    assert front(workspace) == item_id and workspace.judgement is not None and workspace.judgement.marks == {}
    QTest.keyClick(popup, Qt.Key.Key_3)
    qtbot.waitUntil(lambda: QApplication.activePopupWidget() is None, timeout=5_000)
    first = workspace.judgement.entry.types[0]
    assert workspace.judgement.marks == {first: 3}
    assert "degraded too far" in workspace.grid.judgements[0].said.text()
    accept(qtbot, window, workspace)
    with Study.open(bank, read_only=True) as study:
        assert study.own_reviews("Reader 1")[0].marks[first] == 3


def test_escape_closes_the_popup_without_removing(desk: tuple[MainWindow, ReviewWorkspace]) -> None:
    window, workspace = desk
    press(window, Qt.Key.Key_Q)
    popup = QApplication.activePopupWidget()
    assert popup is not None
    QTest.keyClick(popup, Qt.Key.Key_Escape)
    assert workspace.judgement is not None and workspace.judgement.marks == {}


def test_enter_waits_until_everything_is_judged(desk: tuple[MainWindow, ReviewWorkspace], qtbot: QtBot) -> None:
    window, workspace = desk
    item_id = front(workspace)
    press(window, Qt.Key.Key_Return)
    assert front(workspace) == item_id and "Judge every degradation" in window.foot.said.text()
    assert workspace.judgement is not None
    for column in range(len(workspace.judgement.entry.types)):
        press(window, str(column + 1))
    press(window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: front(workspace) != item_id, timeout=10_000)


def test_undo_goes_back_over_items_and_leaves_the_trail(
    desk: tuple[MainWindow, ReviewWorkspace], qtbot: QtBot, bank: Path
) -> None:
    window, workspace = desk
    first = accept(qtbot, window, workspace)
    rendered(qtbot, workspace)
    second = accept(qtbot, window, workspace)
    for item_id in (second, first):
        press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda wanted=item_id: front(workspace) == wanted, timeout=10_000)
    assert workspace.judgement is not None and set(workspace.judgement.marks.values()) == {0}, "marks come back"
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "Nothing of yours" in window.foot.said.text()
    with Study.open(bank, read_only=True) as study:
        assert study.own_reviews("Reader 1") == []
        kinds = [e.kind for e in study.events()]
        assert kinds.count("item_reviewed") == 2 and kinds.count("undo") == 2
        assert study.verify() == []


def test_undo_reaches_decisions_of_an_earlier_sitting(
    open_window: OpenWindow, qtbot: QtBot, desk: tuple[MainWindow, ReviewWorkspace], bank: Path
) -> None:
    window, workspace = desk
    item_id = accept(qtbot, window, workspace)
    window.close()
    again = open_window(bank)
    second = review(again)
    qtbot.waitUntil(lambda: second.judgement is not None, timeout=10_000)
    press(again, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: front(second) == item_id, timeout=10_000)


def test_the_list_that_is_worked_off_says_so(desk: tuple[MainWindow, ReviewWorkspace], qtbot: QtBot) -> None:
    window, workspace = desk
    for _ in range(ITEMS):
        rendered(qtbot, workspace)
        accept(qtbot, window, workspace)
    assert workspace.pages.currentWidget() is workspace.finished
    assert workspace.side.title.text() == f"Queue {ITEMS}/{ITEMS}"
    workspace.finished.acted.emit()
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=5_000)


# -- blindness and disputes ---------------------------------------------------------------------------------------


def test_nothing_on_the_screen_tells_what_colleagues_decided_before_one_has_decided(
    open_window: OpenWindow, qtbot: QtBot, bank: Path
) -> None:
    others_decide(bank, "q0", ann=0, ben=0)
    others_decide(bank, "q1", ann=3)
    window = open_window(bank)
    workspace = review(window)
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=10_000)
    assert {e.state for e in workspace.side.model.entries} == {State.OPEN}
    assert not any(e.mine for e in workspace.side.model.entries)


def test_a_dispute_shows_both_sides_to_a_third_person_who_settles_it(open_window: OpenWindow, qtbot: QtBot, bank: Path) -> None:
    others_decide(bank, "q2", ann=0, ben=4)
    with Study.open(bank) as study:
        study.give_role("Reader 1", "adjudicator", "chair")
    window = open_window(bank)
    workspace = review(window)
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=10_000)
    workspace.side.show_only("conflict")
    qtbot.waitUntil(lambda: front(workspace) == "q2", timeout=10_000)
    rendered(qtbot, workspace)
    said = workspace.grid.judgements[0].said
    qtbot.waitUntil(lambda: "ann" in said.text(), timeout=10_000)
    assert "ann: keeps" in said.text() and "ben: removes (4)" in said.text()
    press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: workspace.judgement is None, timeout=10_000)
    with Study.open(bank, read_only=True) as study:
        item = study.item("q2")
        assert item is not None and item.state == "accepted"


def test_a_party_to_a_dispute_is_not_shown_the_other_side(open_window: OpenWindow, qtbot: QtBot, bank: Path) -> None:
    with Study.open(bank) as study:
        study.ensure_reader("Reader 1")
    others_decide(bank, "q2", ann=0)
    with Study.open(bank) as study:
        item = study.item("q2")
        assert item is not None
        types = draw_under_review(study)(item)
        decide(study, Review("Reader 1", "q2", dict.fromkeys(types, 4)))
    window = open_window(bank)
    workspace = review(window)
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=10_000)
    workspace.side.show_only("conflict")
    QApplication.processEvents()
    assert workspace.side.model.rowCount() == 0
    workspace.side.show_only("mine")
    qtbot.waitUntil(lambda: front(workspace) == "q2", timeout=10_000)
    rendered(qtbot, workspace)
    assert "ann" not in "".join(j.said.text() for j in workspace.grid.judgements)


def test_another_reader_finds_nothing_of_the_one_before(desk: tuple[MainWindow, ReviewWorkspace], qtbot: QtBot) -> None:
    window, workspace = desk
    accept(qtbot, window, workspace)
    window.session.change_reader("ann")
    qtbot.waitUntil(lambda: window.session.reader == "ann" and workspace.judgement is not None, timeout=10_000)
    assert not any(e.mine for e in workspace.side.model.entries)
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "Nothing of yours" in window.foot.said.text()


# -- looking ------------------------------------------------------------------------------------------------------


def test_zoom_window_and_the_held_original_are_shared_over_the_grid(
    desk: tuple[MainWindow, ReviewWorkspace],
) -> None:
    window, workspace = desk
    grid = workspace.grid
    cell = grid.cells[0, Level.L1]
    cell.zoomed.emit(2.0, 5.0, 5.0)
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    shown = [c for c in grid.cells.values() if c.isVisible()]
    assert len({(c._viewport, c._window) for c in shown}) == 1 and shown[0]._window is not None
    assert workspace.judgement is not None and workspace.judgement.marks == {}, "Alt+1 is a window, not a judgement"
    degraded = cell.image
    QTest.keyPress(grid, Qt.Key.Key_Space)
    assert cell.image is grid.cells[0, Level.L0].image is not degraded
    QTest.keyRelease(grid, Qt.Key.Key_Space)
    assert cell.image is degraded


def test_a_cell_opens_large_and_arrows_walk_levels_and_types(desk: tuple[MainWindow, ReviewWorkspace]) -> None:
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


def test_typing_in_the_search_field_judges_nothing(desk: tuple[MainWindow, ReviewWorkspace]) -> None:
    window, workspace = desk
    press(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(workspace.side.search, "q1a")
    assert workspace.side.search.text() == "q1a"
    assert QApplication.activePopupWidget() is None
    assert workspace.pages.currentWidget() is workspace.finished


# -- words --------------------------------------------------------------------------------------------------------


def test_an_edit_becomes_a_version_and_shows_at_once(desk: tuple[MainWindow, ReviewWorkspace], qtbot: QtBot, bank: Path) -> None:
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


def test_a_flag_is_kept_and_seen_in_the_queue(desk: tuple[MainWindow, ReviewWorkspace], qtbot: QtBot, bank: Path) -> None:
    window, workspace = desk
    item_id = front(workspace)
    press(window, Qt.Key.Key_F)

    def flagged() -> bool:
        entry = workspace.side.model.entry(item_id)
        return entry is not None and entry.flagged

    qtbot.waitUntil(flagged, timeout=10_000)
    with Study.open(bank, read_only=True) as study:
        assert [n.flagged for n in study.notes(item_id)] == [True]


def test_options_are_text_and_the_answer_is_marked(desk: tuple[MainWindow, ReviewWorkspace]) -> None:
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
    desk: tuple[MainWindow, ReviewWorkspace], qtbot: QtBot, bank: Path
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

"""Judging in the real window, by keys, over a study with real pictures; blindness, and disputes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hands import press
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from reviewing import ITEMS, accept, front, others_decide, rendered, review

from medqdeg_desktop.bank.review import State, decide
from medqdeg_desktop.bank.review_queue import Entry
from medqdeg_desktop.bank.reviewed_draw import draw_under_review
from medqdeg_desktop.study.records import Review
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.review.modes import ReviewModes
from medqdeg_desktop.ui.review.reason_popup import ReasonPopup
from medqdeg_desktop.ui.review.workspace import AHEAD

OpenWindow = Callable[..., MainWindow]


# -- judging ------------------------------------------------------------------------------------------------------


def test_one_key_accepts_a_clean_item_on_disk_before_the_next_one_shows(
    desk: tuple[MainWindow, ReviewModes], qtbot: QtBot, bank: Path
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


def test_the_next_items_are_rendered_before_they_are_asked_for(desk: tuple[MainWindow, ReviewModes], qtbot: QtBot) -> None:
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
    desk: tuple[MainWindow, ReviewModes], qtbot: QtBot, bank: Path
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


def test_escape_closes_the_popup_without_removing(desk: tuple[MainWindow, ReviewModes]) -> None:
    window, workspace = desk
    press(window, Qt.Key.Key_Q)
    popup = QApplication.activePopupWidget()
    assert popup is not None
    QTest.keyClick(popup, Qt.Key.Key_Escape)
    assert workspace.judgement is not None and workspace.judgement.marks == {}


def test_enter_waits_until_everything_is_judged(desk: tuple[MainWindow, ReviewModes], qtbot: QtBot) -> None:
    window, workspace = desk
    item_id = front(workspace)
    press(window, Qt.Key.Key_Return)
    assert front(workspace) == item_id and "Judge every degradation" in window.foot.said.text()
    assert workspace.judgement is not None
    for column in range(len(workspace.judgement.entry.types)):
        press(window, str(column + 1))
    press(window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: front(workspace) != item_id, timeout=10_000)


def test_undo_goes_back_over_items_and_leaves_the_trail(desk: tuple[MainWindow, ReviewModes], qtbot: QtBot, bank: Path) -> None:
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
    open_window: OpenWindow, qtbot: QtBot, desk: tuple[MainWindow, ReviewModes], bank: Path
) -> None:
    window, workspace = desk
    item_id = accept(qtbot, window, workspace)
    window.close()
    again = open_window(bank)
    second = review(again)
    qtbot.waitUntil(lambda: second.judgement is not None, timeout=10_000)
    press(again, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: front(second) == item_id, timeout=10_000)


def test_the_list_that_is_worked_off_says_so(desk: tuple[MainWindow, ReviewModes], qtbot: QtBot) -> None:
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


def test_another_reader_finds_nothing_of_the_one_before(desk: tuple[MainWindow, ReviewModes], qtbot: QtBot) -> None:
    window, workspace = desk
    accept(qtbot, window, workspace)
    window.session.change_reader("ann")
    qtbot.waitUntil(lambda: window.session.reader == "ann" and workspace.judgement is not None, timeout=10_000)
    assert not any(e.mine for e in workspace.side.model.entries)
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "Nothing of yours" in window.foot.said.text()


# -- two windows --------------------------------------------------------------------------------------------------


def test_two_windows_on_one_study_never_meet_and_keep_every_decision(open_window: OpenWindow, qtbot: QtBot, bank: Path) -> None:
    windows = [open_window(bank) for _ in range(2)]
    desks = [review(window) for window in windows]
    for desk in desks:
        qtbot.waitUntil(lambda desk=desk: desk.judgement is not None, timeout=10_000)
    qtbot.waitUntil(lambda: front(desks[0]) != front(desks[1]), timeout=10_000)
    decided = []
    for _ in range(ITEMS // 2):
        for desk in desks:
            rendered(qtbot, desk)
            item_id = front(desk)
            desk.accept_rest()
            qtbot.waitUntil(lambda desk=desk, done=item_id: desk.judgement is None or front(desk) != done, timeout=10_000)
            decided.append(item_id)
            others = [other for other in desks if other is not desk]
            qtbot.waitUntil(lambda desk=desk, o=others[0]: desk.judgement is None or front(desk) != front(o), timeout=10_000)
    with Study.open(bank, read_only=True) as study:
        kept = [event.payload["item"] for event in reversed(study.events()) if event.kind == "item_reviewed"]
        assert kept == decided
        assert study.verify() == []

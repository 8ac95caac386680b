from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hands import calibrate
from PySide6.QtGui import QKeySequence
from pytestqt.qtbot import QtBot

from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.ui.action_table import TABLE, actions_of, spread
from medqdeg_desktop.ui.actions import Action, double_bindings, shown_keys
from medqdeg_desktop.ui.calibrate.reading.session_page import SessionPage
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.palette import matches
from medqdeg_desktop.ui.review.doubles_page import DoublesPage
from medqdeg_desktop.ui.workspace import RAIL
from medqdeg_desktop.ui.writing.workspace import WritingWorkspace

OpenWindow = Callable[..., MainWindow]


def test_no_key_does_two_things_in_one_context() -> None:
    assert double_bindings(spread(TABLE)) == []


def test_while_questions_are_written_the_picture_keeps_its_keys_and_no_level_can_be_set() -> None:
    going_on = {a.action_id for a in actions_of("writing") if a.context == "calibrate"}
    assert {"calibrate.slice_down", "calibrate.fit", "calibrate.invert", "calibrate.preset_1", "calibrate.write"} <= going_on
    assert not {"calibrate.next_step", "calibrate.set_l1", "calibrate.undo", "calibrate.more"} & going_on


def test_a_key_bound_twice_is_found_within_a_context_and_against_the_window() -> None:
    one = Action("a.one", "One", ("Ctrl+K",), "a", "one")
    window = Action("window.palette", "Palette", ("Ctrl+K",), "window", "show_palette")
    twin = Action("a.twin", "Twin", ("Ctrl+K",), "a", "twin")
    elsewhere = Action("b.one", "One", ("Q",), "b", "one")
    assert double_bindings([one, elsewhere]) == []
    assert len(double_bindings([one, twin])) == 1
    assert len(double_bindings([window, one])) == 1


@pytest.mark.parametrize("action", TABLE, ids=lambda a: a.action_id)
def test_every_action_is_complete(action: Action) -> None:
    owners = {"window": MainWindow, "reading": SessionPage, "doubles": DoublesPage}
    owners |= dict.fromkeys(("calibrate", "writing"), WritingWorkspace)
    if action.context in owners:
        assert callable(getattr(owners[action.context], action.handler))
    assert action.action_id.startswith(f"{action.context}.")
    assert action.text and action.group
    if action.icon:
        assert shipped(f"icons/{action.icon}.svg").is_file()
    for key in action.keys:
        assert not QKeySequence(key, QKeySequence.SequenceFormat.PortableText).isEmpty()


def test_ids_are_unique_and_every_rail_entry_has_its_action() -> None:
    ids = [a.action_id for a in TABLE]
    assert len(set(ids)) == len(ids)
    assert {f"window.{entry.entry_id}" for entry in RAIL} <= {a.action_id for a in actions_of("window")}


def test_the_keys_of_the_screen_description_are_in_the_table() -> None:
    keys = {key for a in actions_of("calibrate") for key in a.keys}
    wanted = "Space [ ] , . Return I 0 W S D Up Down PgUp PgDown Home End C Z Shift+Z Ctrl+Z 1 9"
    assert set(wanted.split()) <= keys
    assert {"Ctrl+K", "F1", "Ctrl+1", "Ctrl+5"} <= {key for a in actions_of("window") for key in a.keys}


def test_keys_are_shown_in_words_and_once() -> None:
    assert shown_keys(("Return", "Enter")) == "Enter"
    assert shown_keys(("Shift+Z",)) == "Shift+Z"


def test_the_palette_finds_by_words_in_any_order() -> None:
    assert matches("Window Invert", "inv win")
    assert not matches("Window Invert", "zoom")


def test_in_a_narrow_window_the_least_used_buttons_are_in_a_menu_and_come_back(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series, size=(1600, 900))
    bar = calibrate(window).bar

    def shown() -> list[str]:
        return [button.accessibleName() for button in bar._buttons if button.isVisible()]

    everything = shown()
    assert len(everything) == len(bar._buttons) and not bar._more.isVisible()
    window.resize(1000, 640)
    qtbot.waitUntil(bar._more.isVisible, timeout=5_000)
    qtbot.waitUntil(lambda: bar._more.geometry().right() <= bar.width(), timeout=5_000)
    hidden = [button.defaultAction() for button in bar._buttons if not button.isVisible()]
    assert set(bar._more.menu().actions()) == set(hidden) and set(shown()) < set(everything)
    window.resize(1600, 900)
    qtbot.waitUntil(lambda: shown() == everything and not bar._more.isVisible(), timeout=5_000)

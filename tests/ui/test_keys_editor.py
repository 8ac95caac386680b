"""Keys may be changed: at once, for good, never to one that is taken, and back again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hands import calibrate, press
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from medqdeg_desktop.ui.action_table import TABLE, actions_in_force, own_keys, refusal, use_keys
from medqdeg_desktop.ui.actions import double_bindings
from medqdeg_desktop.ui.keys_editor import KeysEditor
from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


@pytest.fixture(autouse=True)
def shipped_keys() -> Iterator[None]:
    yield
    use_keys({})


def give(editor: KeysEditor, action_id: str, key: str) -> None:
    editor.choose(action_id)
    editor.field.setKeySequence(QKeySequence(key))
    QTest.mouseClick(editor.use, Qt.MouseButton.LeftButton)


def test_keys_that_clash_or_name_no_action_are_left_out_when_they_are_read() -> None:
    use_keys({"calibrate.invert": ["W"], "no.such_action": ["J"], "calibrate.wipe": "W", "calibrate.fit": ["Ctrl+J"]})
    assert own_keys() == {"calibrate.fit": ["Ctrl+J"]}
    assert not double_bindings(actions_in_force())


def test_two_actions_may_swap_their_keys_in_any_order() -> None:
    swapped = {"calibrate.invert": ["W"], "calibrate.wipe": ["I"]}
    for own in (swapped, dict(reversed(swapped.items()))):
        use_keys(own)
        assert own_keys() == own


def test_a_taken_key_is_refused_with_the_name_of_who_has_it() -> None:
    assert refusal("calibrate.invert", ("W",)) == "Wipe"
    assert refusal("calibrate.invert", ("Ctrl+K",)) == "Find an action"
    assert refusal("calibrate.invert", ("J",)) == "" == refusal("calibrate.invert", ())


def test_a_new_key_works_at_once_and_after_a_restart_until_it_is_reset(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    window.edit_keys()
    editor = window.findChild(KeysEditor)
    assert editor is not None and editor.isVisible()
    give(editor, "calibrate.invert", "W")
    assert "Wipe" in editor.told.text() and own_keys() == {}
    give(editor, "window.explore", "Ctrl+J")
    assert "Ctrl+J" in window.rail._buttons["explore"].toolTip()
    give(editor, "calibrate.invert", "J")
    editor.close()
    workspace = calibrate(window)
    press(window, "j")
    assert workspace.opened is not None and workspace.opened.view.inverted
    press(window, "i")
    assert workspace.opened.view.inverted, "the old key does nothing any more"
    window.close()

    again = open_window()
    qtbot.waitUntil(lambda: calibrate(again).image is not None, timeout=20_000)
    opened = calibrate(again).opened
    assert opened is not None
    before = opened.view.inverted
    press(again, "j")
    assert opened.view.inverted is not before
    again.edit_keys()
    editor = again.findChild(KeysEditor)
    assert editor is not None
    QTest.mouseClick(editor.reset_all, Qt.MouseButton.LeftButton)
    assert "Ctrl+5" in again.rail._buttons["explore"].toolTip()
    assert own_keys() == {} and again.preferences.get("keys", {}) == {}
    assert actions_in_force() == TABLE
    editor.close()
    press(again, "i")
    assert opened.view.inverted is before


def test_every_action_can_be_found_and_a_held_key_can_be_changed_too(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    window.edit_keys()
    editor = window.findChild(KeysEditor)
    assert editor is not None
    assert editor.tree.topLevelItemCount() == len(TABLE)
    editor.filter.setText("original held")
    assert editor.tree.topLevelItemCount() >= 1
    give(editor, "calibrate.original", "B")
    editor.close()
    workspace = calibrate(window)
    target = workspace.comparison.right_pane
    target.setFocus()
    QTest.keyPress(target, Qt.Key.Key_B)
    assert workspace.comparison._showing_original
    QTest.keyRelease(target, Qt.Key.Key_B)
    assert not workspace.comparison._showing_original

"""The keyboard alone: it starts at the picture, every control is reached by Tab, has a name, and shows that it has the focus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hands import calibrate, choose, drag_slider, kept, press, seen, settle
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QScrollArea, QSlider, QWidget
from pytestqt.qtbot import QtBot

from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.calibrate.workspace import CalibrateWorkspace
from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


def name_of(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text or widget.toolTip()


def tab_stops(window: MainWindow) -> list[QWidget]:
    """What Tab goes through from the picture on, until it is back at the first stop."""
    stops: list[QWidget] = []
    for _ in range(120):
        press(window, Qt.Key.Key_Tab)
        focus = QApplication.focusWidget()
        assert focus is not None
        if focus in stops:
            break
        stops.append(focus)
    return stops


def test_the_keyboard_starts_at_the_picture_and_comes_back_to_it_from_the_sheets(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    pane = workspace.comparison.right_pane
    assert QApplication.focusWidget() is pane
    for key, modifiers in ((Qt.Key.Key_G, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_G, Qt.KeyboardModifier.ShiftModifier)):
        press(window, key, modifiers)
        focus = QApplication.focusWidget()
        assert focus is not None and workspace.sheet.isAncestorOf(focus)
        press(window, key, modifiers)
        assert QApplication.focusWidget() is pane


def test_tab_reaches_every_control_that_can_be_used_and_each_has_a_name(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    choose(qtbot, calibrate(window), "gaussian_blur")
    calibrate(window).comparison.right_pane.setFocus()
    stops = tab_stops(window)
    assert all(name_of(widget) for widget in stops), [type(w).__name__ for w in stops if not name_of(w)]
    for kind in (QAbstractButton, QComboBox, QSlider):
        for widget in window.findChildren(kind):
            usable = widget.isVisible() and widget.isEnabled()
            # Slices have keys of their own (arrows, Home, End), which a focused slider would take away; of the rail Tab comes
            # to the entry in front, and arrows or Ctrl+digit go to the others.
            own_keys = widget is calibrate(window).slices.slider or (
                window.rail.isAncestorOf(widget) and isinstance(widget, QAbstractButton) and not widget.isChecked()
            )
            if usable and not own_keys:
                assert widget in stops, f"Tab never comes to {name_of(widget)!r}"


def test_what_has_the_focus_looks_different(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    panel = workspace.panel
    controls: list[QWidget] = [panel.types.box, panel.slider, panel.next, panel.rows[Level.L0].decide, panel.reject]
    for control in controls:
        workspace.comparison.right_pane.setFocus()
        QApplication.processEvents()
        before = seen(control)
        control.setFocus(Qt.FocusReason.TabFocusReason)
        QApplication.processEvents()
        assert (seen(control) != before).any(), f"{name_of(control)} does not show its focus"


def test_text_on_every_ground_keeps_the_contrast_that_people_need() -> None:
    for ground in (t.VIEWER, t.WINDOW, t.PANEL, t.RAISED):
        for text in (t.TEXT, t.MUTED, t.WARN, t.ERROR, t.ACCENT):
            assert t.contrast(text, ground) >= 4.5, (text, ground)
    for ground in ("#2f4a6b", "#38577d", "#26384f"):  # primary buttons, selections
        assert t.contrast(t.TEXT, ground) >= 4.5, ground
    for colour in t.LEVEL_COLOUR.values():
        assert t.contrast(colour, t.PANEL) >= 3, "shapes need 3 to 1"


@pytest.mark.parametrize("size", [(960, 600), (1280, 700), (1280, 800), (2560, 1440)])
def test_nothing_is_cut_off_at_any_size(open_window: OpenWindow, ct_series: Path, size: tuple[int, int]) -> None:
    window = open_window(ct_series, size=size)
    workspace = calibrate(window)
    QApplication.processEvents()
    for widget in (*window.rail._buttons.values(), window.foot, workspace.open_button, workspace.slices, workspace.bar):
        corner = widget.mapTo(window, widget.rect().bottomRight())
        assert window.rect().contains(corner), f"{name_of(widget) or type(widget).__name__} ends at {corner}"
    page = workspace.panel.widget()
    assert page is not None and page.width() <= workspace.panel.viewport().width(), "the panel scrolls down, never sideways"
    for button in page.findChildren(QAbstractButton):
        if button.isVisible():
            assert button.width() >= button.sizeHint().width() - 1 or button.width() >= 284, f"{name_of(button)} is cut"
    assert np.ptp(seen(workspace.comparison.right_pane)) > 100


def space_shows_the_original(window: MainWindow, workspace: CalibrateWorkspace) -> None:
    """Space held at whatever has the focus now."""
    before = len(workspace.desk.kept.clean), kept(workspace, Level.L1), kept(workspace, Level.L2), workspace.severity
    QTest.keyPress(QApplication.focusWidget() or window, Qt.Key.Key_Space)
    assert workspace.comparison.right_pane.overlay.title == "Original"
    QTest.keyRelease(QApplication.focusWidget() or window, Qt.Key.Key_Space)
    QApplication.processEvents()
    assert workspace.comparison.right_pane.overlay.title != "Original" and workspace.isVisible()
    after = len(workspace.desk.kept.clean), kept(workspace, Level.L1), kept(workspace, Level.L2), workspace.severity
    assert before == after, "Space decides nothing"


def test_space_shows_the_original_whatever_button_was_clicked_before(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    choose(qtbot, workspace, "gaussian_blur")
    pane, panel = workspace.comparison.right_pane, workspace.panel

    def click(button: QWidget) -> None:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: QApplication.focusWidget() is pane, timeout=2_000)

    click(panel.next)  # confirms L0; the button can be pressed no more until the slider has moved
    qtbot.waitUntil(lambda: len(workspace.desk.kept.clean) == 1)
    space_shows_the_original(window, workspace)
    drag_slider(workspace, 0.4)
    settle(qtbot, workspace)
    click(panel.next)
    qtbot.waitUntil(lambda: kept(workspace, Level.L1))
    space_shows_the_original(window, workspace)
    drag_slider(workspace, 0.7)
    settle(qtbot, workspace)
    click(panel.rows[Level.L1].look)
    settle(qtbot, workspace)
    assert workspace.severity == pytest.approx(0.4, abs=0.02)
    drag_slider(workspace, 0.7)
    settle(qtbot, workspace)
    space_shows_the_original(window, workspace)
    window.show_tour()
    for _ in range(2):
        assert window._tour is not None
        QTest.mouseClick(window._tour.next, Qt.MouseButton.LeftButton)
        space_shows_the_original(window, workspace)
    assert window._tour is not None, "nor does Space go on in the tour"
    window._tour.end()


def test_a_button_reached_by_tab_is_pressed_by_space_and_one_that_goes_gives_the_keyboard_to_the_picture(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    choose(qtbot, workspace, "gaussian_blur")
    for _ in range(120):
        press(window, Qt.Key.Key_Tab)
        if QApplication.focusWidget() is workspace.panel.next:
            break
    assert QApplication.focusWidget() is workspace.panel.next and not workspace.desk.kept.clean
    press(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(workspace.desk.kept.clean) == 1)
    assert not workspace.panel.next.isEnabled()
    assert QApplication.focusWidget() is workspace.comparison.right_pane
    space_shows_the_original(window, workspace)


def test_the_keys_of_the_help_page_fit_the_window(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series, size=(1280, 800))
    window.go_to("help")
    page = window.workspace("help")
    area = page.findChild(QScrollArea)
    assert area is not None
    for width in (1280, 960, 2560):
        window.resize(width, 800)
        QApplication.processEvents()
        qtbot.waitUntil(lambda: area.horizontalScrollBar().maximum() == 0, timeout=3_000)
        assert all(label.sizeHint().width() <= label.width() for label in page.findChildren(QLabel) if not label.wordWrap())

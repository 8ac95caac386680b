"""The keyboard alone: it starts at the picture, every control is reached by Tab, has a name, and shows that it has the focus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hands import calibrate, choose, press, seen
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QSlider, QWidget
from pytestqt.qtbot import QtBot

from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui import tokens as t
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

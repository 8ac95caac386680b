"""The sweep: one type from the original to its most severe form; a click brings that severity to the slider."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from hands import calibrate, choose, press, settle
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


def test_a_sweep_goes_from_the_original_to_the_most_severe_and_a_click_opens_one(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    choose(qtbot, workspace, "gaussian_blur")
    press(window, Qt.Key.Key_G, Qt.KeyboardModifier.ShiftModifier)
    sheet = workspace.sheet
    assert workspace.centre.currentWidget() is sheet
    cells = list(sheet._buttons)
    assert [cell.severity for cell in cells] == sorted(cell.severity or 0.0 for cell in cells)
    assert cells[0].severity == 0 and cells[-1].severity == 1
    qtbot.waitUntil(lambda: all(b._image is not None for b in sheet._buttons.values()), timeout=15_000)
    # A picture that is blurred more has less detail left.
    detail = [float(np.abs(np.diff(b._image.pixels)).mean()) for b in sheet._buttons.values() if b._image is not None]
    assert all(a > b for a, b in pairwise(detail)), detail
    QTest.mouseClick(sheet._buttons[cells[6]], Qt.MouseButton.LeftButton)
    settle(qtbot, workspace)
    assert workspace.centre.currentWidget() is workspace.viewer
    assert workspace.severity == cells[6].severity


def test_both_sheets_lead_to_each_other_and_back_to_the_picture(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    shift = Qt.KeyboardModifier.ShiftModifier
    press(window, Qt.Key.Key_G, shift)
    press(window, "g")
    assert workspace.centre.currentWidget() is workspace.sheet and not workspace.sheet.is_sweep
    press(window, Qt.Key.Key_G, shift)
    assert workspace.sheet.is_sweep
    press(window, Qt.Key.Key_G, shift)
    assert workspace.centre.currentWidget() is workspace.viewer

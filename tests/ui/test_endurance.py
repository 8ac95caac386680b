"""A long day at the screen: tens of thousands of moves leave no growth, no crash, and the view where it was."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hands import calibrate, settle, wait_for_picture
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from medqdeg_desktop.ui.calibrate.workspace import CalibrateWorkspace
from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="runs on Linux only")


def resident_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def move_slider(workspace: CalibrateWorkspace, count: int) -> None:
    for step in range(count):
        workspace.panel.slider.setValue((step * 37) % 1000)
        if step % 25 == 0:
            QApplication.processEvents()


def change_slices(workspace: CalibrateWorkspace, count: int) -> None:
    assert workspace.opened is not None
    frames = workspace.opened.shown.frame_count
    for step in range(count):
        workspace.show_frame((step * 7) % frames)
        if step % 25 == 0:
            QApplication.processEvents()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_twenty_thousand_slider_events_and_ten_thousand_slices_leave_no_growth(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series, size=(1280, 800))
    workspace = calibrate(window)
    workspace.choose_type("gaussian_noise")
    workspace.zoom_by(1.7)
    assert workspace.opened is not None
    viewport, frame = workspace.opened.view.viewport, workspace.opened.view.frame
    # Everything that is kept once (frames, states, glyphs) is there before it is measured.
    change_slices(workspace, 600)
    move_slider(workspace, 600)
    settle(qtbot, workspace)
    memory, threads = resident_mb(), threading.active_count()
    objects, top_level = len(window.findChildren(QWidget)), len(QApplication.topLevelWidgets())

    move_slider(workspace, 20_000)
    change_slices(workspace, 10_000)
    workspace.show_frame(frame)
    wait_for_picture(qtbot, workspace)

    assert workspace.opened.view.viewport == viewport
    assert workspace.live.confirmable is not None
    assert len(window.findChildren(QWidget)) == objects
    assert len(QApplication.topLevelWidgets()) == top_level
    assert threading.active_count() == threads
    assert resident_mb() - memory < 80, f"{memory:.0f} MB before, {resident_mb():.0f} MB after"


def test_sixty_resizes_leave_the_view_and_the_picture_where_they_were(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series, size=(1280, 800))
    workspace = calibrate(window)
    workspace.zoom_by(2.0)
    assert workspace.opened is not None
    viewport = workspace.opened.view.viewport
    before = [pane.placement() for pane in (workspace.comparison.left_pane, workspace.comparison.right_pane)]
    for step in range(60):
        window.resize(980 + 37 * step % 1200, 620 + 53 * step % 700)
        QApplication.processEvents()
    window.resize(1280, 800)
    QApplication.processEvents()
    assert workspace.opened.view.viewport == viewport
    assert [pane.placement() for pane in (workspace.comparison.left_pane, workspace.comparison.right_pane)] == before


def test_dialogs_opened_and_closed_many_times_leave_nothing_behind(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    top_level = len(QApplication.topLevelWidgets())
    for _ in range(8):
        for show in (window.show_palette, window.show_keys, window.edit_keys, calibrate(window).toggle_sheet):
            show()
            QApplication.processEvents()
        for widget in QApplication.topLevelWidgets():
            if widget is not window and widget.isVisible() and widget.parent() is window:
                widget.close()
        QApplication.processEvents()
    qtbot.waitUntil(lambda: len(QApplication.topLevelWidgets()) <= top_level, timeout=5000)

"""A picture whose data are damaged is shown with a word; it can be rejected, never confirmed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from hands import calibrate, drag_slider, press, settle, wait_for_picture
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


def test_a_damaged_slice_is_told_and_only_rejected(
    open_window: OpenWindow, shared_data: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    files = sorted((shared_data / "dicom" / "ct_series_j2k").glob("*.dcm"))[:3]
    for number, file in enumerate(files):
        data = dcmread(file)
        if number == 1:
            (code,) = generate_frames(data.PixelData, number_of_frames=1)
            data.PixelData = encapsulate([code[:60_000] + np.random.default_rng(0).bytes(4096) + code[64_096:]])
        data.save_as(tmp_path / file.name)
    window = open_window(tmp_path)
    workspace = calibrate(window)
    panel = workspace.panel
    assert "The data of this picture are damaged; parts of it may be made up: tile 1 of 1" in window.banner.text.text()
    assert not panel.next.isVisible() and panel._step_title.text() == "Damaged: not to be confirmed"

    drag_slider(workspace, 0.4)
    settle(qtbot, workspace)
    assert [row.decide.isEnabled() for row in panel.rows.values()] == [False] * 3 and panel.reject.isEnabled()
    press(window, Qt.Key.Key_0, Qt.KeyboardModifier.AltModifier)
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: "can be rejected (Alt+X), not confirmed" in window.foot.said.text(), timeout=5_000)
    panel.rejected.emit("damaged data")
    qtbot.waitUntil(lambda: bool(workspace.desk.kept.clean), timeout=10_000)
    (decision,) = workspace.desk.kept.clean.values()
    assert decision.verdict == "rejected" and not workspace.desk.kept.settings

    # Its neighbours are whole.
    window.banner.hide()
    workspace.step_frame(1)
    wait_for_picture(qtbot, workspace)
    assert not window.banner.isVisible() and panel.next.isVisible() and panel.rows[next(iter(panel.rows))].decide.isEnabled()

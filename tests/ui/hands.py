"""The reader's hands and eyes in tests: keys, mouse, wheel, and what the screen shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.calibrate.workspace import CalibrateWorkspace
from medqdeg_desktop.ui.main_window import MainWindow


def seen(widget: QWidget) -> np.ndarray:
    """The widget's pixels, (rows, columns, 3)."""
    picture = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    raw = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), picture.bytesPerLine())
    return raw[:, : picture.width() * 3].reshape(picture.height(), picture.width(), 3).copy()


def wheel(widget: QWidget, at: QPoint, delta: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    event = QWheelEvent(
        QPointF(at), QPointF(widget.mapToGlobal(at)), QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton, modifiers,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


def drag(widget: QWidget, button: Qt.MouseButton, start: QPoint, move: QPoint) -> None:
    QTest.mousePress(widget, button, Qt.KeyboardModifier.NoModifier, start)
    for step in (0.5, 1.0):
        QTest.mouseMove(widget, start + QPoint(round(move.x() * step), round(move.y() * step)))
        QApplication.processEvents()
    QTest.mouseRelease(widget, button, Qt.KeyboardModifier.NoModifier, start + move)


def calibrate(window: MainWindow) -> CalibrateWorkspace:
    workspace = window.workspace("calibrate")
    assert isinstance(workspace, CalibrateWorkspace)
    return workspace


def wait_for_picture(qtbot: QtBot, workspace: CalibrateWorkspace) -> None:
    """The frame asked for is shown with its exact degraded picture, and the study has answered."""
    qtbot.waitUntil(
        lambda: (
            workspace.image is not None
            and workspace.opened is not None
            and workspace.image.frame == workspace.opened.view.frame
            and workspace.live.confirmable is not None
            and bool(workspace.desk.kept.profiles)
        ),
        timeout=20_000,
    )


def press(window: MainWindow, key: str | Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """A key of the keyboard, to whatever has the focus."""
    target = QApplication.focusWidget() or window
    QTest.keyClick(target, key, modifiers)
    QApplication.processEvents()


def drag_slider(workspace: CalibrateWorkspace, severity: float, steps: int = 8) -> None:
    slider = workspace.panel.slider
    y = 34
    start = QPoint(round(slider.x_of(slider.severity)), y)
    end = QPoint(round(slider.x_of(severity)), y)
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for step in range(1, steps + 1):
        QTest.mouseMove(slider, start + (end - start) * step / steps)
        QApplication.processEvents()
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)


def settle(qtbot: QtBot, workspace: CalibrateWorkspace) -> None:
    qtbot.waitUntil(lambda: workspace.live.confirmable is not None, timeout=15_000)


def choose(qtbot: QtBot, workspace: CalibrateWorkspace, name: str) -> None:
    workspace.choose_type(name)
    settle(qtbot, workspace)


def kept(workspace: CalibrateWorkspace, level: Level) -> bool:
    assert workspace.image is not None and workspace.image.modality is not None
    setting = workspace.desk.kept.here(workspace.image.source_sha256, workspace.type_name, workspace.image.modality, level)
    return setting is not None


def set_level(qtbot: QtBot, window: MainWindow, level: Level, severity: float) -> None:
    workspace = calibrate(window)
    drag_slider(workspace, severity)
    press(window, Qt.Key.Key_1 if level is Level.L1 else Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: kept(workspace, level), timeout=15_000)


def drop(window: MainWindow, *paths: Path) -> None:
    """Files and folders let go over the window."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(p)) for p in paths])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(400, 300), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(400, 300), Qt.DropAction.CopyAction, mime, buttons, keys))

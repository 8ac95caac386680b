"""A real window over real files, one at a time, with its own data folder; any Qt warning fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui.calibrate.workspace import CalibrateWorkspace
from medqdeg_desktop.ui.main_window import MainWindow


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.window)
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            # Said by the offscreen platform about every window that has a minimum size.
            item.add_marker(pytest.mark.qt_log_ignore("does not support propagateSizeHints"))


@pytest.fixture(autouse=True)
def dressed(qapp: QApplication) -> None:
    """Theme and font as in the program."""
    if qapp.property("dressed") is None:
        theme.apply(qapp)
        qapp.setProperty("dressed", True)


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder of this test."""
    home = tmp_path / "home"
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *args, **kwargs: str(home))
    return home


OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def open_window(qtbot: QtBot) -> Iterator[OpenWindow]:
    """``open_window(path, ...)`` shows the window on studies and images and waits until all of it is there."""
    windows: list[MainWindow] = []

    def open_(*targets: Path, size: tuple[int, int] = (1280, 800)) -> MainWindow:
        window = MainWindow(targets)
        windows.append(window)
        window.resize(*size)
        window.show()
        qtbot.waitExposed(window)
        window.activateWindow()
        qtbot.waitUntil(lambda: window.session.is_open, timeout=10_000)
        if any(t.suffix != ".medq" for t in targets):
            wait_for_picture(qtbot, calibrate(window))
        return window

    yield open_
    for window in windows:
        window.close()
        window.deleteLater()
    QApplication.processEvents()


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


@pytest.fixture
def ct_series(shared_data: Path) -> Path:
    return shared_data / "dicom" / "ct_series_uncompressed"

"""A real window over real files, one at a time, with its own data folder; any Qt warning or window left behind fails the test.

An exception in a slot fails it too: pytest-qt sees to that.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs
import pytest
import shiboken6
from evaluated import Evaluated, build, slow_server
from hands import calibrate, wait_for_picture
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui.main_window import MainWindow


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.window)
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            # What the offscreen platform says of itself: no size hints, no raising, no grabs.
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support"))


@pytest.fixture(autouse=True)
def dressed(qapp: QApplication) -> None:
    """Theme and font as in the program."""
    if qapp.property("dressed") is None:
        theme.apply(qapp)
        qapp.setProperty("dressed", True)


def _windows() -> dict[int, QWidget]:
    """All top-level widgets by their C++ address, once everything that is to be deleted is."""
    QApplication.processEvents()
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return {shiboken6.getCppPointer(widget)[0]: widget for widget in QApplication.topLevelWidgets()}


@pytest.fixture(autouse=True)
def no_window_is_left_behind(request: pytest.FixtureRequest, qapp: QApplication, dressed: None) -> Iterator[None]:
    """A window, dialog or popup of a test that outlives it fails the test. The label of the tool tips is Qt's own."""
    before = set(_windows())
    failed = request.session.testsfailed
    yield
    left = [w for address, w in _windows().items() if address not in before and not w.inherits("QTipLabel")]
    # The traceback of a test that failed holds its widgets; it has been told already.
    if left and request.session.testsfailed == failed:
        names = ", ".join(f"{type(w).__name__} {w.objectName() or w.windowTitle()!r}" for w in left)
        pytest.fail(f"left behind on the screen or in memory: {names}")


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

    def open_(*targets: Path, size: tuple[int, int] | None = None) -> MainWindow:
        window = MainWindow(targets)
        windows.append(window)
        if size is not None:
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


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """A study with a degraded set and two runs on it, built once; tests that write take ``copy_of_study``."""
    return build(tmp_path_factory.mktemp("evaluated"))


@pytest.fixture(scope="session")
def slow_model() -> Iterator[str]:
    """A model that answers slowly on this machine, as ``--model`` takes it."""
    with slow_server() as address:
        yield f"openai:slow@{address}"


@pytest.fixture
def ct_series(shared_data: Path) -> Path:
    return shared_data / "dicom" / "ct_series_uncompressed"

"""Starting and ending the window: versions that are known to break are refused, and nothing that goes wrong is lost.

A crash below Python leaves its stack in ``crash.log`` (faulthandler); an exception that nobody caught is logged and told in the
banner; the window goes on, as every decision was on disk before the screen moved.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from medqdeg_desktop.errors import MedqdegError

if TYPE_CHECKING:
    from PySide6.QtCore import QMessageLogContext, QtMsgType

_log = logging.getLogger(__name__)


class WindowError(MedqdegError):
    """Why no window can be opened here."""


def refuse_bad_versions(qt: str, python: tuple[int, ...]) -> None:
    """Raises WindowError for PySide6 releases that abort or break layouts.

    6.12.0 drops a reference to True with every signal: Python below 3.12 dies after about 2,200 of them.
    """
    if (qt == "6.12.0" and python < (3, 12)) or qt in {"6.9.1", "6.9.2", "6.11.0", "6.11.1"}:
        raise WindowError(
            f"PySide6 {qt} is known to break this window on Python {python[0]}.{python[1]}; install PySide6-Essentials==6.10.3"
        )


def refuse_missing_display() -> None:
    """Raises WindowError on a Unix desktop without a display, where Qt would abort the process."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise WindowError("no display: set DISPLAY or WAYLAND_DISPLAY, or use the commands (`medqdeg --help`)")


def share_processors() -> None:
    """Lets the window's thread have the processor at once when it needs it; to be called before OpenCV is loaded.

    OpenCV's pool spins for a while after each call, on machines of few cores at the cost of the thread that paints; and Python
    lets a thread keep the interpreter for 5 ms, a third of what a move of the slider may take altogether.
    """
    os.environ.setdefault("OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER", "0")
    os.environ.setdefault("OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN", "200")
    sys.setswitchinterval(0.001)


def run(targets: Sequence[Path] = ()) -> int:
    """Opens the window on a study, or on files and folders of images; returns the exit status when it is closed."""
    refuse_missing_display()
    share_processors()
    # It starts while the window is still being loaded, and then has the first file open at once.
    warming = threading.Thread(target=_warm_up, name="warm up", daemon=True)
    warming.start()
    try:
        import PySide6
        from PySide6.QtCore import QLocale, qInstallMessageHandler
        from PySide6.QtWidgets import QApplication
    except ImportError as error:
        raise WindowError(f"the window's libraries cannot be loaded ({error}); `medqdeg doctor` names what is missing") from error
    refuse_bad_versions(PySide6.__version__, sys.version_info[:3])

    from medqdeg_desktop.ui import theme, translation
    from medqdeg_desktop.ui.garbage import WindowThreadCollector
    from medqdeg_desktop.ui.main_window import MainWindow
    from medqdeg_desktop.ui.preferences import data_folder

    log = _open_log(data_folder())
    qInstallMessageHandler(_on_qt_message)
    # Python's own handler would only run once Qt hands control back; every decision is on disk already.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("medqdeg")
    application.setApplicationDisplayName("MedQ-Deg Desktop")
    application.setDesktopFileName("medqdeg")
    theme.apply(application)
    translation.install(application, QLocale())
    window = MainWindow(targets)
    collector = WindowThreadCollector(application)
    _catch_what_nobody_caught(window)
    window.show()
    try:
        return application.exec()
    finally:
        # A thread that is still loading a library when the interpreter ends takes the process down with it.
        warming.join(timeout=5)
        collector.close()
        faulthandler.disable()
        qInstallMessageHandler(None)
        sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__
        if log is not None:
            log.close()


def _warm_up() -> None:
    """The decoder process and the degradations, ready by the time that the first picture comes."""
    from medqdeg_desktop.engine.reading import shared_decoder

    try:
        shared_decoder().warm_up()
    except (MedqdegError, OSError):
        _log.warning("the decoder did not start ahead of the first file", exc_info=True)
    from medqdeg_desktop.engine.degradation import registry

    registry()
    # The second one reads frames while the first describes the files of a folder.
    shared_decoder().start_all()


def _open_log(folder: Path) -> TextIO | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = (folder / "crash.log").open("a", encoding="utf-8")
    except OSError:
        faulthandler.enable()
        return None
    faulthandler.enable(log)
    logging.basicConfig(level=logging.WARNING, stream=log, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    return log


def _on_qt_message(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    from PySide6.QtCore import QtMsgType

    level = {
        QtMsgType.QtDebugMsg: logging.DEBUG,
        QtMsgType.QtInfoMsg: logging.INFO,
        QtMsgType.QtWarningMsg: logging.WARNING,
    }.get(kind, logging.ERROR)
    logging.getLogger("qt").log(level, message)


def _catch_what_nobody_caught(window: object) -> None:
    from medqdeg_desktop.ui.hop import Hop
    from medqdeg_desktop.ui.main_window import MainWindow

    assert isinstance(window, MainWindow)
    hop = Hop(window)

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _log.error("nobody caught this", exc_info=(kind, error, trace))
        text = str(error) if isinstance(error, MedqdegError) else f"Something went wrong: {kind.__name__}: {error}"
        hop.post(partial(window.banner.tell, text))

    def tell_from_thread(hooked: threading.ExceptHookArgs) -> None:
        if hooked.exc_value is not None:
            tell(hooked.exc_type, hooked.exc_value, hooked.exc_traceback)

    sys.excepthook = tell
    threading.excepthook = tell_from_thread

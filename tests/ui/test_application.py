from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from medqdeg_desktop.cli import group
from medqdeg_desktop.ui.application import WindowError, refuse_bad_versions, refuse_missing_display


@pytest.mark.parametrize(
    ("qt", "python"), [("6.12.0", (3, 11, 9)), ("6.9.1", (3, 13, 0)), ("6.11.0", (3, 12, 1)), ("6.11.1", (3, 11, 2))]
)
def test_versions_that_break_the_window_are_refused_by_name(qt: str, python: tuple[int, ...]) -> None:
    with pytest.raises(WindowError, match=f"PySide6 {qt}.*6.10.3"):
        refuse_bad_versions(qt, python)


@pytest.mark.parametrize(("qt", "python"), [("6.10.3", (3, 11, 0)), ("6.12.0", (3, 12, 0))])
def test_versions_that_work_are_let_through(qt: str, python: tuple[int, ...]) -> None:
    refuse_bad_versions(qt, python)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these always have a display")
def test_a_missing_display_is_said_in_one_line_instead_of_an_abort(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(WindowError, match="no display"):
        refuse_missing_display()
    monkeypatch.setenv("DISPLAY", ":0")
    refuse_missing_display()


def test_opening_what_is_not_there_names_it() -> None:
    result = CliRunner().invoke(group, ["open", "no/such/folder"])
    assert isinstance(result.exception, WindowError)
    assert "no/such/folder: no such file or folder" in str(result.exception)


_STARTED = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from medqdeg_desktop.ui import application, main_window

class Window(main_window.MainWindow):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.session.opened.connect(lambda: QTimer.singleShot(0, self.planned))
    def planned(self):
        {plan}

main_window.MainWindow = Window
code = application.run([])
print("modules:", *(m for m in ("torch", "transformers", "openai", "sklearn") if m in sys.modules))
sys.exit(code)
"""


def _run(plan: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "XDG_DATA_HOME": str(home), "HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", _STARTED.format(plan=plan)], env=environment, capture_output=True, text=True, timeout=120
    )


def test_the_program_starts_and_ends_and_never_loads_a_model_library(tmp_path: Path) -> None:
    done = _run("self.close()", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "modules:"
    assert done.stderr.strip() == ""


def test_what_nobody_caught_is_logged_and_told_and_the_window_goes_on(tmp_path: Path) -> None:
    plan = (
        "QTimer.singleShot(200, lambda: (print(self.banner.text.text()), self.close())); "
        "raise RuntimeError('the slice has no bottom')"
    )
    done = _run(plan, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Something went wrong: RuntimeError: the slice has no bottom" in done.stdout
    logs = list(tmp_path.rglob("crash.log"))
    assert len(logs) == 1 and "the slice has no bottom" in logs[0].read_text()


_AT_DOUBLE_DENSITY = """
import sys
import numpy as np
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Window, frozen
from medqdeg_desktop.ui.viewer.pane import ImagePane
from medqdeg_desktop.ui.viewer.viewport import Viewport

application = QApplication(sys.argv)
pixels = frozen(np.random.default_rng(0).normal(40, 120, (200, 240)).astype(np.float32))
image = MedicalImage(pixels, None, window=Window(40, 400))
pane = ImagePane("test")
pane.overlay.visible = False
pane.set_dithered(False)
pane.resize(300, 260)
pane.show_image(image)
pane.show_as(Viewport(1.0), Window(40, 400), False)
pane.show()
application.processEvents()
shown = pane.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
assert (shown.width(), shown.height()) == (600, 520), (shown.width(), shown.height())
raw = np.frombuffer(shown.constBits(), np.uint8).reshape(520, shown.bytesPerLine())[:, :600]
np.testing.assert_array_equal(raw[160:360, 180:420], to_display(image, Window(40, 400)))
"""


def test_one_to_one_means_device_pixels_on_a_dense_display() -> None:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": "2"}
    done = subprocess.run([sys.executable, "-c", _AT_DOUBLE_DENSITY], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr

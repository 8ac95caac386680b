"""Every screen at the sizes that people have, on ordinary and on dense displays: all words are there to be read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from evaluated import Evaluated
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel, QPushButton, QScrollArea, QWidget
from pytestqt.qtbot import QtBot
from screens import WAYS, cut_off

from medqdeg_desktop.ui.workspace import RAIL


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "height", "density"),
    [
        pytest.param(1280, 800, 1, id="usual"),
        pytest.param(2560, 1440, 1.5, id="large at 150 %"),
        pytest.param(1280, 800, 2, id="dense"),
        pytest.param(1024, 640, 1.25, id="1280x800 at 125 %"),
    ],
)
def test_no_screen_cuts_off_a_word(evaluated: Evaluated, tmp_path: Path, width: int, height: int, density: float) -> None:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": str(density)}
    pictures = sorted(evaluated.items.parent.glob("*.png"))[:4]
    study = evaluated.copy_of_study(tmp_path / "study")
    done = subprocess.run(
        [sys.executable, "screens.py", str(tmp_path), str(width), str(height), "0.1", str(study), *map(str, pictures)],
        cwd=Path(__file__).parent, env=environment, capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for name, _ in WAYS:
        assert (tmp_path / f"{name}.png").exists()
    whole = QImage(str(tmp_path / "calibrate.png"))
    assert (whole.width(), whole.height()) == (density * width, density * height)


def test_every_entry_of_the_rail_is_among_the_screens() -> None:
    gone_to = {way for _, ways in WAYS for way in ways if isinstance(way, str)}
    assert {f"window.{entry.entry_id}" for entry in RAIL} <= gone_to


def test_the_search_finds_what_is_cut_off(qtbot: QtBot) -> None:
    top = QWidget()
    qtbot.addWidget(top)
    top.resize(300, 200)
    whole, squeezed, outside, high = QPushButton("Whole", top), QPushButton("Squeezed", top), QLabel("Outside", top), QLabel(top)
    whole.setGeometry(0, 0, 120, 30)
    squeezed.setGeometry(0, 40, 20, 30)
    outside.setGeometry(280, 80, 90, 20)
    high.setWordWrap(True)
    high.setText("Many words that need more lines than one. " * 4)
    high.setGeometry(0, 120, 200, 18)
    area = QScrollArea(top)
    area.setGeometry(150, 0, 100, 60)
    area.setWidget(QLabel("Scrolled into sight by whoever wants to read it to its very end"))
    top.show()
    qtbot.waitExposed(top)
    lines = list(cut_off(top))
    assert len(lines) == 3, lines
    assert all(word in line for word, line in zip(("Outside", "Many words", "Squeezed"), lines, strict=True))

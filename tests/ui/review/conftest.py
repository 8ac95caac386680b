"""A study with pictures and a window that opens it in Review."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot
from reviewing import ITEMS, rendered, review

from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.review.modes import ReviewModes

OpenWindow = Callable[..., MainWindow]


@pytest.fixture(autouse=True)
def starts_here(data_home: Path) -> None:
    """The window was closed in Review the last time and opens there again."""
    data_home.mkdir(parents=True, exist_ok=True)
    (data_home / "window.json").write_text('{"current": "review"}')


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """A study with small X-ray pictures and a question on each; Reader 1 is who sits in front of the window."""
    folder = tmp_path / "bank"
    folder.mkdir()
    rows, columns = np.mgrid[0:48, 0:56]
    lines = []
    for n in range(ITEMS):
        grey = (60 + rows + 80 * (np.hypot(rows - 24, columns - 20 - n) < 12)).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"p{n}.png")
        lines.append(
            {
                "id": f"q{n}",
                "image": f"p{n}.png",
                "modality": "X-ray",
                "question": f"What is shown in picture {n}?",
                "options": {"A": "A cyst", "B": "A <i>mass</i>"},
                "answer": "B",
            }
        )
    (folder / "items.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with Study.create(folder / "ward.medq", name="Ward") as study:
        import_items(study, folder / "items.jsonl")
        for name in ("ann", "ben"):
            study.ensure_reader(name, "curator")
    return folder / "ward.medq"


@pytest.fixture
def desk(open_window: OpenWindow, qtbot: QtBot, bank: Path) -> tuple[MainWindow, ReviewModes]:
    window = open_window(bank)
    workspace = review(window)
    qtbot.waitUntil(lambda: workspace.judgement is not None, timeout=10_000)
    rendered(qtbot, workspace)
    return window, workspace

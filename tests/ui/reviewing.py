"""The reviewer's hands in tests: the workspace of a window, its item in front, one key that accepts, colleagues who decide."""

from __future__ import annotations

from pathlib import Path

from hands import press
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medqdeg_desktop.bank.review import decide
from medqdeg_desktop.bank.reviewed_draw import draw_under_review
from medqdeg_desktop.study.records import Review
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.review.modes import ReviewModes

#: Items of the study that ``bank`` makes.
ITEMS = 6


def review(window: MainWindow) -> ReviewModes:
    window.go_to("review")
    workspace = window.workspace("review")
    assert isinstance(workspace, ReviewModes)
    return workspace


def rendered(qtbot: QtBot, workspace: ReviewModes) -> None:
    """The item in front is there in words and in all its pictures."""

    def there() -> bool:
        judgement = workspace.judgement
        held = workspace._render.get(judgement.entry.item_id) if judgement and workspace._render else None
        return held is not None and held.complete and judgement is not None and judgement.version > 0

    qtbot.waitUntil(there, timeout=20_000)
    QApplication.processEvents()


def front(workspace: ReviewModes) -> str:
    assert workspace.judgement is not None
    return workspace.judgement.entry.item_id


def accept(qtbot: QtBot, window: MainWindow, workspace: ReviewModes) -> str:
    """One press of A; returns the item that was accepted."""
    item_id = front(workspace)
    press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: workspace.judgement is None or front(workspace) != item_id, timeout=10_000)
    return item_id


def others_decide(bank: Path, item_id: str, **marks_of: int) -> None:
    """Colleagues mark every degradation of an item alike."""
    with Study.open(bank) as study:
        item = study.item(item_id)
        assert item is not None
        types = draw_under_review(study)(item)
        for name, mark in marks_of.items():
            decide(study, Review(name, item_id, dict.fromkeys(types, mark)))

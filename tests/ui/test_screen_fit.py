"""The window lies wholly on its screen, frame included, whatever the screen and whatever was remembered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMargins, QRect, QSize
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot

from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.screen_fit import ScreenFit, first_size, fitted

FRAME = QMargins(2, 22, 2, 6)


@pytest.mark.parametrize("screen", [QRect(0, 0, 1280, 800), QRect(0, 0, 1366, 768), QRect(1920, 40, 2560, 1400)])
@pytest.mark.parametrize(
    "wanted", [QRect(0, 0, 1280, 800), QRect(-500, -90, 1280, 800), QRect(9000, 5000, 700, 500), QRect(100, 100, 9000, 9000)]
)
def test_a_window_and_its_frame_are_brought_inside_the_screen(screen: QRect, wanted: QRect) -> None:
    placed = fitted(wanted, FRAME, screen)
    assert screen.contains(placed.marginsAdded(FRAME))
    if wanted.width() < screen.width() - 4 and wanted.height() < screen.height() - 28:
        assert placed.size() == wanted.size(), "what fits keeps its size"


def test_a_window_that_fits_stays_where_it_is() -> None:
    here = QRect(150, 120, 900, 600)
    assert fitted(here, FRAME, QRect(0, 0, 1920, 1080)) == here


def test_a_remembered_size_too_big_for_the_screen_of_today_is_cut_to_it(
    open_window: Callable[..., MainWindow], ct_series: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    screen = QRect(0, 0, 1280, 700)
    monkeypatch.setattr(ScreenFit, "_available", lambda self: screen)
    window = open_window(ct_series, size=(2000, 1500))
    qtbot.waitUntil(lambda: screen.contains(window.frameGeometry()), timeout=5000)
    rail = window.rail
    last = rail._buttons["help"]
    assert rail.rect().contains(last.geometry()), "Help is wholly in the rail"
    foot = window.foot
    assert window.rect().contains(foot.rect().translated(foot.mapTo(window, foot.rect().topLeft())))
    panel = window.workspace("calibrate").findChild(QScrollArea)
    assert panel is not None and panel.height() <= window.height()


def test_a_screen_smaller_than_the_smallest_window_still_shows_all_of_it(
    open_window: Callable[..., MainWindow], ct_series: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    screen = QRect(0, 0, 900, 560)
    monkeypatch.setattr(ScreenFit, "_available", lambda self: screen)
    window = open_window(ct_series)
    qtbot.waitUntil(lambda: screen.contains(window.frameGeometry()), timeout=5000)
    QApplication.processEvents()
    rail = window.rail
    assert rail.rect().contains(rail._buttons["help"].geometry())


def test_a_first_start_takes_most_of_a_large_screen_and_never_less_than_usual() -> None:
    usual = QSize(1280, 800)
    assert first_size(usual, QSize(2560, 1440)) == QSize(2176, 1224)
    assert first_size(usual, QSize(1366, 768)) == usual, "what is too big is fitted afterwards"


def test_reset_brings_the_size_of_a_first_start_back(open_window: Callable[..., MainWindow], ct_series: Path) -> None:
    window = open_window(ct_series, size=(1000, 640))
    window.reset_layout()
    assert (window.width(), window.height()) == (1280, 800)

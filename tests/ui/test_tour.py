"""The first start shows where things are, three hints long, and never again unless asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hands import calibrate, drag_slider, press
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.tour import Tour

OpenWindow = Callable[..., MainWindow]


def test_the_first_start_shows_the_tour_once_and_everything_beneath_goes_on_working(
    open_window: OpenWindow, qtbot: QtBot
) -> None:
    window = open_window(size=(1280, 800))
    qtbot.waitUntil(lambda: window._tour is not None, timeout=30_000)
    tour = window._tour
    assert tour is not None
    workspace = calibrate(window)
    texts = []
    for _ in range(3):
        texts.append(tour.text.text())
        assert window.rect().contains(tour.geometry()), "a hint lies wholly in the window"
        target = tour._stops[tour._place][0]
        there = target.rect().translated(target.mapTo(window, target.rect().topLeft()))
        assert not there.intersects(tour.geometry()), "and beside what it is about"
        assert tour.text.height() >= tour.text.heightForWidth(tour.text.width()), "with all of its words"
        drag_slider(workspace, 0.1 + 0.2 * len(texts))
        QTest.mouseClick(tour.next, Qt.MouseButton.LeftButton)
    assert len(set(texts)) == 3 and window._tour is None
    assert workspace.severity > 0.6
    window.close()
    again = open_window()
    qtbot.wait(2000)
    assert again._tour is None


def test_the_tour_can_be_asked_for_and_escape_ends_it(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    assert window._tour is None, "who opens files knows what they want"
    window.show_tour()
    tour = window._tour
    assert isinstance(tour, Tour) and tour.isVisible()
    window.show_tour()
    assert len([t for t in window.findChildren(Tour) if t.isVisible()]) == 1
    tour.next.setFocus()
    press(window, Qt.Key.Key_Escape)
    assert window._tour is None
    assert window.preferences.get("tour_seen", False)
    window.show_tour()
    calibrate(window).comparison.right_pane.setFocus()
    press(window, Qt.Key.Key_Escape)
    assert window._tour is None, "wherever the focus is"


def test_enter_goes_through_the_tour_and_keeps_nothing_beneath(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    window.show_tour()
    for _ in range(3):
        assert window._tour is not None
        press(window, Qt.Key.Key_Return)
    assert window._tour is None
    assert not workspace.desk.kept.clean, "L0 was not confirmed by the way"
    window.show_tour()
    assert isinstance(window._tour, Tour)
    window._tour.skip.setFocus()
    press(window, Qt.Key.Key_Return)
    assert window._tour is None


def test_names_of_files_are_shown_only_on_request_and_numbers_always(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    model = workspace.list.series
    name = ct_series.name
    tip, spoken = (model.data(model.index(0), role) for role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole))
    assert name not in tip and name not in spoken and "#1" in tip
    workspace.toggle_file_names()
    assert name in model.data(model.index(0), Qt.ItemDataRole.ToolTipRole)
    window.close()
    assert not calibrate(open_window(ct_series)).list.series.shows_names

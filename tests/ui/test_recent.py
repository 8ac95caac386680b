"""What was open lately can be opened again, told by what it is: no path and no name is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hands import calibrate, wait_for_picture
from pytestqt.qtbot import QtBot

from medqdeg_desktop.engine.reading import scan
from medqdeg_desktop.engine.reading.scanning import ScanResult
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.calibrate import opener
from medqdeg_desktop.ui.calibrate.open_menu import OpenMenu
from medqdeg_desktop.ui.calibrate.places import Places, present
from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


def test_places_come_newest_first_and_each_once() -> None:
    places = Places()
    for number in range(14):
        places.note_opened(Path(str(number)), f"series {number}")
    places.note_opened(Path("9"), "series 9 again")
    told = list(places.recent.values())
    assert told[:3] == ["series 9 again", "series 13", "series 12"] and len(told) == 10
    assert list(Places.of({}, places.recent).recent.items()) == list(places.recent.items())
    assert Places.of(None, {"a": 5, "b": ["c"]}).recent == {} == Places.of("x", 7).recent


def test_what_is_still_being_opened_when_another_study_comes_is_not_listed_there(
    qtbot: QtBot, ct_series: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(path: Path, **options: Any) -> ScanResult:
        if path == ct_series:
            begun.set()
            assert go_on.wait(30)
        return scan(path)

    monkeypatch.setattr(opener, "scan", slow)
    opening = opener.Opener()
    found: list[Path] = []
    opening.found.connect(lambda series, root: found.append(root))
    opening.open([ct_series])
    assert begun.wait(30)
    opening.drop()
    second = shared_data / "dicom" / "ct" / "CT_small.dcm"
    with qtbot.waitSignal(opening.finished, timeout=30_000):
        opening.open([second])
        go_on.set()
    opening.close()
    assert found == [second]


def test_a_recent_series_is_opened_again_from_the_menu_without_its_path_being_shown(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    workspace.close_series()
    assert not workspace.list.series.rows
    menu = workspace.open_button.menu()
    menu.aboutToShow.emit()
    recent = next(a for a in menu.actions() if a.text().startswith("#1"))
    assert "CT" in recent.text() and "20 slices" in recent.text()
    shown = " ".join(a.text() + a.toolTip() + a.statusTip() for a in menu.actions())
    assert ct_series.name not in shown and str(ct_series.parent) not in shown
    assert recent.isEnabled()
    recent.trigger()
    qtbot.waitUntil(lambda: len(workspace.list.series.rows) == 1, timeout=10_000)
    wait_for_picture(qtbot, workspace)
    menu.aboutToShow.emit()
    next(a for a in menu.actions() if a.text().startswith("Forget")).trigger()
    menu.aboutToShow.emit()
    assert not [a for a in menu.actions() if a.text().startswith("#")]


def test_the_menu_waits_for_no_disk_and_a_place_that_is_gone_cannot_be_chosen(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, gone, asked = tmp_path / "here", tmp_path / "gone", threading.Event()
    here.mkdir()

    def slow(paths: list[Path]) -> list[Path]:
        assert asked.wait(30), "a share that answers late"
        return present(paths)

    monkeypatch.setattr("medqdeg_desktop.ui.calibrate.open_menu.present", slow)
    background = Background()
    menu = OpenMenu(background)
    qtbot.addWidget(menu)
    menu.fill({str(here): "CT", str(gone): "MR"})
    one, two = (action for action in menu.actions() if action.text().startswith("#"))
    assert one.isEnabled() and two.isEnabled()
    asked.set()
    qtbot.waitUntil(lambda: not two.isEnabled(), timeout=10_000)
    assert one.isEnabled() and two.text() == "#2  MR  (not there now)"
    background.close()


def test_files_are_looked_for_where_they_were_found_last(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = calibrate(open_window(ct_series))
    started_in: list[str] = []

    def choose(parent: object, title: str, folder: str) -> str:
        started_in.append(folder)
        return str(ct_series)

    monkeypatch.setattr("medqdeg_desktop.ui.calibrate.browsing.QFileDialog.getExistingDirectory", choose)
    workspace.choose_folder()
    workspace.choose_folder()
    assert started_in == ["", str(ct_series)] and workspace.save_state()["folder"] == str(ct_series)
    qtbot.waitUntil(lambda: workspace.settled, timeout=10_000)

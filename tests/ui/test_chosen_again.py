"""A file is chosen while another of the same identity is open: what was chosen is shown, or it is told why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import pytest
from hands import calibrate, wait_for_picture
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from medqdeg_desktop.ui.calibrate.file_notices import UnreadFiles
from medqdeg_desktop.ui.calibrate.workspace import CalibrateWorkspace
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.problem_list import ProblemList

OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def copies(shared_data: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A slice cut in half and the whole one, of the same identifiers, in one folder."""
    data = (shared_data / "dicom" / "ct_series_j2k" / "010.dcm").read_bytes()
    folder = tmp_path / "fetched"
    folder.mkdir()
    half, good = folder / "halfj2k.dcm", folder / "good.dcm"
    half.write_bytes(data[: len(data) // 2])
    good.write_bytes(data)
    return half, good


def open_and_settle(qtbot: QtBot, workspace: CalibrateWorkspace, *paths: Path) -> None:
    workspace.open_paths(list(paths))
    qtbot.waitUntil(lambda: workspace.settled, timeout=20_000)


def failure(workspace: CalibrateWorkspace) -> str:
    return workspace.comparison.right_pane.accessibleDescription()


def file_in_front(workspace: CalibrateWorkspace) -> str:
    assert workspace.opened is not None
    return workspace.opened.series.paths[0]


def test_a_whole_copy_takes_the_place_of_a_broken_one_and_is_brought_to_the_front(
    open_window: OpenWindow, ct_series: Path, copies: tuple[Path, Path], qtbot: QtBot
) -> None:
    half, good = copies
    window = open_window(ct_series)
    workspace = calibrate(window)
    open_and_settle(qtbot, workspace, half)
    qtbot.waitUntil(lambda: "cannot be shown" in failure(workspace), timeout=20_000)
    # Each reason is a sentence of its own.
    assert "\nThe file " not in failure(workspace) or "\nThe file is " in failure(workspace)
    open_and_settle(qtbot, workspace, good)
    wait_for_picture(qtbot, workspace)
    assert file_in_front(workspace) == str(good) and "cannot be shown" not in failure(workspace)
    assert len(workspace.list.series.rows) == 2 and not window.banner.isVisible()

    # The same once more, from another series: its entry comes to the front.
    workspace.step_series(-1)
    assert file_in_front(workspace) != str(good)
    open_and_settle(qtbot, workspace, good)
    wait_for_picture(qtbot, workspace)
    assert file_in_front(workspace) == str(good) and len(workspace.list.series.rows) == 2


def test_a_file_that_was_fetched_again_to_its_own_place_is_read_again(
    open_window: OpenWindow, ct_series: Path, copies: tuple[Path, Path], qtbot: QtBot
) -> None:
    half, good = copies
    workspace = calibrate(open_window(ct_series))
    open_and_settle(qtbot, workspace, half)
    qtbot.waitUntil(lambda: "cannot be shown" in failure(workspace), timeout=20_000)
    copyfile(good, half)
    open_and_settle(qtbot, workspace, half)
    wait_for_picture(qtbot, workspace)
    assert file_in_front(workspace) == str(half)


def test_copies_chosen_together_are_one_entry_and_the_other_is_named(
    open_window: OpenWindow, ct_series: Path, copies: tuple[Path, Path], qtbot: QtBot
) -> None:
    half, good = copies
    window = open_window(ct_series)
    workspace = calibrate(window)
    open_and_settle(qtbot, workspace, good, half)
    wait_for_picture(qtbot, workspace)
    assert file_in_front(workspace) == str(good)
    qtbot.waitUntil(window.banner.isVisible, timeout=10_000)
    told = window.banner.text.text()
    assert "halfj2k.dcm: has the same identifiers as #2 of the list (good.dcm)" in told


def test_a_copy_of_one_slice_does_not_displace_an_open_stack_and_says_so(
    open_window: OpenWindow, shared_data: Path, copies: tuple[Path, Path], qtbot: QtBot
) -> None:
    half, good = copies
    data = good.read_bytes()
    half.unlink()
    good.unlink()
    for number in (9, 10, 11):
        copyfile(shared_data / "dicom" / "ct_series_j2k" / f"{number:03}.dcm", good.parent / f"{number:03}.dcm")
    window = open_window(good.parent)
    workspace = calibrate(window)
    good.write_bytes(data)
    open_and_settle(qtbot, workspace, good)
    qtbot.waitUntil(window.banner.isVisible, timeout=10_000)
    assert "good.dcm: has the same identifiers as #1 of the list (fetched)" in window.banner.text.text()
    assert workspace.opened is not None and workspace.opened.series.frame_count == 3


def test_long_reasons_are_listed_whole(qtbot: QtBot) -> None:
    reason = "pixel data cannot be decoded: " + "the compressed image ends before all of its tiles are there, " * 6
    dialog = UnreadFiles([("short.dcm", "is empty"), ("long.dcm", reason)], None)  # type: ignore[arg-type]
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitExposed(dialog)
    table = dialog.list
    assert isinstance(table, ProblemList)
    qtbot.waitUntil(lambda: table.rowHeight(1) > 2 * table.rowHeight(0), timeout=5_000)
    needed = table.fontMetrics().boundingRect(0, 0, table.columnWidth(1) - 8, 9999, Qt.TextFlag.TextWordWrap, reason)
    assert table.rowHeight(1) >= needed.height()
    dialog.resize(600, 480)
    before = table.rowHeight(1)
    qtbot.waitUntil(lambda: table.rowHeight(1) > before, timeout=5_000)

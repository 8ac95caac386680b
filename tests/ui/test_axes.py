"""A stack seen coronal and sagittal: the right anatomy, letters and aspect, degraded and kept as the cut that is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from hands import calibrate, choose, press, set_level, wait_for_picture
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def volume(ct_series: Path) -> SimpleITK.Image:
    """The series as an independent reader has it: x to the left, y to the back, z to the head."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(ct_series)))
    return SimpleITK.DICOMOrient(reader.Execute(), "LPS")


@pytest.mark.parametrize(
    ("key", "letters", "edge"), [(Qt.Key.Key_C, ("R", "L", "H", "F"), "y"), (Qt.Key.Key_S, ("A", "P", "H", "F"), "x")]
)
def test_the_other_two_views_show_what_an_independent_reader_has_there(
    open_window: OpenWindow,
    ct_series: Path,
    qtbot: QtBot,
    volume: SimpleITK.Image,
    key: Qt.Key,
    letters: tuple[str, str, str, str],
    edge: str,
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    press(window, key, SHIFT)
    qtbot.waitUntil(lambda: workspace.opened is not None and workspace.opened.cut is not None, timeout=10_000)
    wait_for_picture(qtbot, workspace)
    image = workspace.image
    assert image is not None and workspace.opened is not None
    array = SimpleITK.GetArrayFromImage(volume)  # z, y, x
    middle = workspace.opened.view.frame
    count = array.shape[1 if edge == "y" else 2]
    assert workspace.opened.shown.frame_count == count
    # Coronal frames run from the front to the back or the other way; either way the one shown is one of the volume's own.
    planes = [array[::-1, i, :] if edge == "y" else array[::-1, :, i] for i in (middle, count - 1 - middle)]
    assert any(np.array_equal(image.pixels, plane.astype(np.float32)) for plane in planes)
    assert image.orientation == letters
    x_mm, y_mm, z_mm = volume.GetSpacing()
    placement = workspace.comparison.right_pane.placement()
    assert placement is not None
    assert placement.scale_y / placement.scale_x == pytest.approx(z_mm / (x_mm if edge == "y" else y_mm), rel=1e-4)


def test_a_level_set_on_a_coronal_cut_is_kept_with_its_axis_and_slice(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    own_frame = workspace.opened.view.frame if workspace.opened else -1
    press(window, Qt.Key.Key_C, SHIFT)
    qtbot.waitUntil(lambda: workspace.opened is not None and workspace.opened.axis == "coronal", timeout=10_000)
    wait_for_picture(qtbot, workspace)
    assert workspace.slices.axis.currentData() == "coronal"
    workspace.step_frame(3)
    wait_for_picture(qtbot, workspace)
    assert workspace.opened is not None
    shown = workspace.opened.view.frame
    set_level(qtbot, window, Level.L1, 0.4)
    setting = next(iter(workspace.desk.kept.settings.values()))
    assert setting.provenance["axis"] == "coronal" and setting.provenance["slice"] == shown
    press(window, Qt.Key.Key_A, SHIFT)
    qtbot.waitUntil(lambda: workspace.opened is not None and workspace.opened.cut is None, timeout=10_000)
    wait_for_picture(qtbot, workspace)
    assert workspace.opened.view.frame == own_frame, "back where the series itself was left"
    assert workspace.desk.kept.here(workspace.image.source_sha256, setting.type, setting.modality, Level.L1) is None  # type: ignore[union-attr]


def test_what_a_scanner_measures_axially_is_not_offered_across_the_body(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    chooser = workspace.panel.types
    choose(qtbot, workspace, "sparse_view")
    for key, axis in ((Qt.Key.Key_C, "coronal"), (Qt.Key.Key_S, "sagittal")):
        press(window, key, SHIFT)
        qtbot.waitUntil(lambda axis=axis: workspace.opened is not None and workspace.opened.axis == axis, timeout=10_000)  # type: ignore[misc]
        wait_for_picture(qtbot, workspace)
        assert not {"sparse_view", "limited_angle", "low_dose"} & set(chooser.suiting)
        assert workspace.type_name == chooser.current == chooser.suiting[0]
        rows = [chooser.box.model().index(i, 0) for i in range(chooser.box.count())]
        greyed = [row.data() for row in rows if not row.flags() & Qt.ItemFlag.ItemIsEnabled]
        assert sum("measured axially" in text for text in greyed) == 3
        for name in ("sparse_view", "limited_angle", "low_dose"):
            workspace.choose_type(name)
            assert workspace.type_name == chooser.suiting[0]
    assert "reading the stack" not in window.foot.said.text()
    press(window, Qt.Key.Key_A, SHIFT)
    qtbot.waitUntil(lambda: workspace.opened is not None and workspace.opened.cut is None, timeout=10_000)
    wait_for_picture(qtbot, workspace)
    choose(qtbot, workspace, "low_dose")
    assert workspace.type_name == "low_dose"


def test_the_foot_stops_telling_of_a_stack_when_another_screen_is_in_front(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    workspace.show_axis("coronal")
    assert "reading the stack" in window.foot.said.text()
    window.go_to("help")
    assert window.foot.said.text() == ""


def test_a_single_picture_has_no_other_axis(open_window: OpenWindow, shared_data: Path, qtbot: QtBot) -> None:
    window = open_window(shared_data / "dicom" / "ct" / "CT_small.dcm")
    workspace = calibrate(window)
    assert not workspace.slices.axis.isVisible()
    press(window, Qt.Key.Key_S, SHIFT)
    assert "stack" in window.foot.said.text()
    assert workspace.opened is not None and workspace.opened.cut is None


def test_the_stack_of_a_cut_is_let_go_when_another_series_comes_to_the_front(
    open_window: OpenWindow, ct_series: Path, shared_data: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    press(window, Qt.Key.Key_S, SHIFT)
    qtbot.waitUntil(lambda: workspace.opened is not None and workspace.opened.cut is not None, timeout=10_000)
    wait_for_picture(qtbot, workspace)
    first = workspace.opened
    window.show_images([shared_data / "dicom" / "ct" / "CT_small.dcm"])
    qtbot.waitUntil(lambda: workspace.opened is not first, timeout=10_000)
    wait_for_picture(qtbot, workspace)
    assert first is not None and first.cut is None

"""Flipped and turned on the screen, by the keys of the table: letters, probe, tools and decisions still speak of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from hands import calibrate, drag, press, seen, set_level, wait_for_picture, wheel
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from medqdeg_desktop.engine.degradation import degrade
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import pixel_sha256
from medqdeg_desktop.engine.reading.geometry import direction_letters
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.action_table import TABLE, actions_of
from medqdeg_desktop.ui.calibrate.decisions import calibration_seed
from medqdeg_desktop.ui.calibrate.reading.actions import CONTEXT as READING_CONTEXT
from medqdeg_desktop.ui.calibrate.reading.session_page import SessionPage
from medqdeg_desktop.ui.calibrate.workspace import CalibrateWorkspace
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.viewer import overlay
from medqdeg_desktop.ui.viewer.outlines import OutlineGlass
from medqdeg_desktop.ui.viewer.pane import ImagePane
from medqdeg_desktop.ui.viewer.turn import UPRIGHT
from medqdeg_desktop.ui.writing.workspace import WritingWorkspace

OpenWindow = Callable[..., MainWindow]
PLAIN, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
FLIP, RIGHT = (Qt.Key.Key_H, PLAIN), (Qt.Key.Key_R, PLAIN)
#: One key leads from each of the eight ways to the next.
ROUND = [RIGHT, RIGHT, RIGHT, FLIP, RIGHT, RIGHT, RIGHT]
Key = tuple[Qt.Key, Qt.KeyboardModifier]
Vector = np.ndarray[Any, Any]


def moved(key: Key, across: Vector, down: Vector) -> tuple[Vector, Vector]:
    """The patient's directions to the right and downwards on the screen, after a key."""
    return (-across, down) if key == FLIP else (-down, across)


def painted(pane: ImagePane, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The letters of orientation by the edge at which they are painted."""
    found: dict[str, str] = {}
    plate = overlay._plate

    def recording(painter: Any, text: str, x: float, y: float, colour: str, **how: bool) -> Any:
        box = plate(painter, text, x, y, colour, **how)
        if text and set(text) <= set("LRAPHF"):
            middle = box.center()
            across, down = middle.x() / pane.width(), middle.y() / pane.height()
            edges = {"left": across, "right": 1 - across, "top": down, "bottom": 1 - down}
            found[min(edges, key=lambda edge: edges[edge])] = text
        return box

    monkeypatch.setattr(overlay, "_plate", recording)
    pane.grab()
    monkeypatch.setattr(overlay, "_plate", plate)
    return found


@pytest.fixture
def slice_file(ct_series: Path) -> Path:
    return ct_series / "010.dcm"


@pytest.fixture
def at_work(open_window: OpenWindow, slice_file: Path) -> tuple[MainWindow, CalibrateWorkspace]:
    window = open_window(slice_file, size=(1280, 800))
    return window, calibrate(window)


@pytest.mark.parametrize(
    "name",
    [
        "ct_series_uncompressed/010.dcm",  # axial
        "mr/MR2_J2KR_shoulder.dcm",  # oblique coronal: letters of two
        "ct/explicit_VR-UN.dcm",  # axial, stored upside down
    ],
)
def test_letters_probe_and_pixels_agree_with_the_file_in_all_eight_ways(
    open_window: OpenWindow, shared_data: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shared_data / "dicom" / name
    window = open_window(path, size=(1280, 800))
    workspace = calibrate(window)
    comparison = workspace.comparison
    dataset = pydicom.dcmread(path)
    cosines = np.asarray(dataset.ImageOrientationPatient, float)
    values = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    across, down = cosines[:3], cosines[3:]
    workspace.set_dithered(False)
    press(window, Qt.Key.Key_Z, SHIFT)
    image = workspace.image
    assert image is not None
    greys = to_display(image)
    hash_before = image.source_sha256
    ways = set()
    for key in [None, *ROUND]:
        if key is not None:
            press(window, *key)
            across, down = moved(key, across, down)
        ways.add(comparison.turn)
        letters = {"right": across, "left": -across, "bottom": down, "top": -down}
        for pane in (comparison.left_pane, comparison.right_pane):
            assert painted(pane, monkeypatch) == {edge: direction_letters(way) for edge, way in letters.items()}
            placement = pane.placement()
            assert placement is not None
            shown = seen(pane)
            for x, y in ((140, 200), (200, 420), (90, 350), (230, 260)):
                QTest.mouseMove(pane, QPoint(x, y))
                QApplication.processEvents()
                place, value = comparison.left_pane.overlay.probe.split("   ")
                column, row = (int(part) for part in place.split(", "))
                assert (row, column) == tuple(int(part) for part in placement.to_frame(x + 0.5, y + 0.5))
                assert value.removesuffix(" HU") == f"{values[row, column]:.0f}"
                assert shown[y, x].tolist() == [greys[row, column]] * 3, "what the probe names is what is under the pointer"
    assert len(ways) == 8
    assert workspace.image is image and image.source_sha256 == hash_before == pixel_sha256(image.pixels)
    press(window, Qt.Key.Key_R, SHIFT)
    assert comparison.turn == UPRIGHT and not comparison.left_pane.overlay.notes


def test_flipping_twice_and_turning_both_ways_lead_back(at_work: tuple[MainWindow, CalibrateWorkspace]) -> None:
    window, workspace = at_work
    wheel(workspace.comparison.right_pane, QPoint(100, 200), 360, Qt.KeyboardModifier.ControlModifier)
    before = seen(workspace.comparison)
    for there, back in ((FLIP, FLIP), ((Qt.Key.Key_H, SHIFT),) * 2, (RIGHT, (Qt.Key.Key_L, PLAIN))):
        press(window, *there)
        assert (seen(workspace.comparison) != before).any()
        press(window, *back)
        np.testing.assert_array_equal(seen(workspace.comparison), before)


def test_tools_curtain_pan_and_regions_follow_a_turned_picture(at_work: tuple[MainWindow, CalibrateWorkspace]) -> None:
    window, workspace = at_work
    comparison = workspace.comparison
    pane = comparison.right_pane
    press(window, *FLIP)
    press(window, *RIGHT)
    placement, image = pane.placement(), workspace.image
    assert placement is not None and image is not None and image.spacing is not None
    press(window, Qt.Key.Key_M)
    drag(pane, Qt.MouseButton.LeftButton, QPoint(100, 300), QPoint(0, 120))
    assert comparison._measure is not None
    start, end = comparison._measure.start, comparison._measure.end
    assert (start, end) == (placement.to_frame(100, 300), placement.to_frame(100, 420))
    # Downwards on the screen is along a row of the file: the reading is that of the file's own geometry.
    assert start[0] == pytest.approx(end[0])
    assert comparison._measure.text(image) == f"{abs(end[1] - start[1]) * image.spacing[1]:.1f} mm"
    press(window, Qt.Key.Key_O)
    drag(pane, Qt.MouseButton.LeftButton, QPoint(120, 320), QPoint(60, 40))
    measure = comparison._measure
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    (r0, c0), (r1, c1) = measure.start, measure.end
    inside = ((rows - (r0 + r1) / 2) / (abs(r1 - r0) / 2)) ** 2 + ((columns - (c0 + c1) / 2) / (abs(c1 - c0) / 2)) ** 2 <= 1
    assert measure.text(image).startswith(f"mean {image.pixels[inside].mean(dtype=float):.1f} HU")
    press(window, Qt.Key.Key_Escape)
    glass = OutlineGlass(pane)
    point = glass.on_pane((40.0, 70.0))
    assert (point.x(), point.y()) == pytest.approx(placement.to_pane(70.5, 40.5))
    before = comparison.left_pane.placement()
    drag(pane, Qt.MouseButton.MiddleButton, QPoint(100, 300), QPoint(30, -20))
    after = comparison.left_pane.placement()
    assert before is not None and after is not None
    (x0, y0), (x1, y1) = before.to_pane(5, 9), after.to_pane(5, 9)
    # The corner of a fitted picture is rounded to whole device pixels at each step of the hand.
    assert (x1 - x0, y1 - y0) == (pytest.approx(30, abs=1.1), pytest.approx(-20, abs=1.1))
    press(window, Qt.Key.Key_W)
    drag(pane, Qt.MouseButton.LeftButton, QPoint(300, 300), QPoint(-100, 0))
    shown, line = seen(pane), QColor("#7aa7e0")
    assert (shown[100:300, 200] == (line.red(), line.green(), line.blue())).all(axis=1).any(), "upright, where the hand left it"


def test_a_region_drawn_on_a_turned_picture_is_kept_where_it_lies_in_the_file(
    at_work: tuple[MainWindow, CalibrateWorkspace], qtbot: QtBot
) -> None:
    window, workspace = at_work
    assert isinstance(workspace, WritingWorkspace)
    workspace.toggle_writing()
    pane = workspace.comparison.right_pane
    pane.setFocus()
    press(window, *RIGHT)
    press(window, *FLIP)
    placement = pane.placement()
    layer = workspace.layer
    assert placement is not None and layer is not None and placement.turn != UPRIGHT
    workspace.draw_region("box")
    drag(layer, Qt.MouseButton.LeftButton, QPoint(260, 200), QPoint(90, 140))
    desk = workspace.desk_of_questions
    qtbot.waitUntil(lambda: desk is not None and desk.draft is not None and desk.draft.region is not None)
    assert desk is not None and desk.draft is not None and desk.draft.region is not None
    corners = [placement.to_frame(260, 200), placement.to_frame(350, 340)]
    (top, bottom), (left, right) = (sorted(values) for values in zip(*corners, strict=True))
    assert desk.draft.region["at"] == pytest.approx([left - 0.5, top - 0.5, right - 0.5, bottom - 0.5], abs=0.6)
    assert pane.overlay.notes == ("Flipped left to right", "Turned left by 90°")


def test_the_contact_sheet_and_the_difference_lie_as_the_picture_does(
    at_work: tuple[MainWindow, CalibrateWorkspace], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, workspace = at_work
    press(window, *RIGHT)
    press(window, Qt.Key.Key_D)
    assert painted(workspace.comparison.right_pane, monkeypatch) == {"left": "P", "right": "A", "top": "R", "bottom": "L"}
    press(window, Qt.Key.Key_S)
    press(window, Qt.Key.Key_G)
    cells = workspace.sheet._buttons
    qtbot.waitUntil(lambda: next(iter(cells.values()))._picture is not None, timeout=15_000)
    cell = next(iter(cells.values()))
    assert cell._image is not None and cell._picture is not None
    expected = np.rot90(to_display(cell._image), -1)
    bits = np.frombuffer(cell._picture.constBits(), np.uint8).reshape(cell._picture.height(), -1)[:, : cell._picture.width()]
    np.testing.assert_array_equal(bits, expected)
    # Letters at both edges say how it lies; without them the same cell looks otherwise just there.
    assert cell._sides == ("P", "A")
    assert workspace.sheet.note.isVisible() and workspace.sheet.note.text() == "Turned right by 90°"
    assert workspace.sheet.note.geometry().bottom() < workspace.sheet.viewport().geometry().top()
    lettered = seen(cell)
    cell._sides = ()
    _, across = np.nonzero((seen(cell) != lettered).any(axis=2))
    assert across.min() < 12 and across.max() >= cell.width() - 12 and not ((across > 30) & (across < cell.width() - 30)).any()


def test_the_picture_stays_through_sixty_resizes_of_a_turned_view(at_work: tuple[MainWindow, CalibrateWorkspace]) -> None:
    window, workspace = at_work
    comparison = workspace.comparison
    press(window, *RIGHT)
    press(window, *FLIP)
    wheel(comparison.right_pane, QPoint(100, 200), 360, Qt.KeyboardModifier.ControlModifier)
    drag(comparison.right_pane, Qt.MouseButton.MiddleButton, QPoint(200, 200), QPoint(-40, 25))
    viewport, before = comparison.view.viewport, seen(comparison)
    for step in range(60):
        window.resize(1280 + 11 * (step % 13) - 40, 800 - 7 * (step % 11))
        QApplication.processEvents()
    window.resize(1280, 800)
    QApplication.processEvents()
    assert comparison.view.viewport == viewport
    np.testing.assert_array_equal(seen(comparison), before)


def test_a_level_set_on_a_turned_picture_is_that_of_the_file_and_says_how_it_was_seen(
    at_work: tuple[MainWindow, CalibrateWorkspace], qtbot: QtBot
) -> None:
    window, workspace = at_work
    workspace.choose_type("gaussian_noise")
    press(window, *FLIP)
    press(window, *RIGHT)
    workspace.toggle_neurological()
    set_level(qtbot, window, Level.L1, 0.4)
    setting = next(iter(workspace.desk.kept.settings.values()))
    image = workspace.image
    assert image is not None and setting.image_id == image.source_sha256
    drawn = degrade(image, "gaussian_noise", setting.severity, seed=calibration_seed(image, "gaussian_noise"))
    assert setting.render_sha256 == pixel_sha256(drawn.pixels)
    assert setting.provenance["turn"] == "flipped across, right by 90 degrees"
    assert setting.provenance["convention"] == "neurological" and setting.provenance["sagittal_nose"] == "left"
    assert setting.provenance["layout"] == "side by side"


@pytest.fixture
def stack(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> Iterator[tuple[MainWindow, CalibrateWorkspace]]:
    window = open_window(ct_series, size=(1280, 800))
    yield window, calibrate(window)


def show_axis(window: MainWindow, workspace: CalibrateWorkspace, axis: str, qtbot: QtBot) -> None:
    key = {"axial": Qt.Key.Key_A, "coronal": Qt.Key.Key_C, "sagittal": Qt.Key.Key_S}[axis]
    press(window, key, SHIFT)
    qtbot.waitUntil(lambda: workspace.opened is not None and workspace.opened.axis == axis, timeout=10_000)
    wait_for_picture(qtbot, workspace)


def test_neurological_changes_the_sides_of_axial_and_coronal_cuts_and_says_so_until_it_is_switched_back(
    stack: tuple[MainWindow, CalibrateWorkspace], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, workspace = stack
    pane = workspace.comparison.right_pane
    usual = seen(pane)
    assert painted(pane, monkeypatch) == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    workspace.toggle_neurological()
    assert painted(pane, monkeypatch) == {"left": "L", "right": "R", "top": "A", "bottom": "P"}
    assert pane.overlay.notes == ("Neurological: left on the left",)
    press(window, Qt.Key.Key_T)
    assert (seen(pane)[22:44, -180:] != 0).any(), "it is said even where all else over the picture is off"
    press(window, Qt.Key.Key_T)
    press(window, *FLIP)
    assert painted(pane, monkeypatch)["left"] == "R"
    assert pane.overlay.notes == ("Neurological convention", "Flipped left to right")
    show_axis(window, workspace, "coronal", qtbot)
    assert painted(pane, monkeypatch) == {"left": "L", "right": "R", "top": "H", "bottom": "F"}, "a view of its own"
    show_axis(window, workspace, "sagittal", qtbot)
    assert painted(pane, monkeypatch) == {"left": "A", "right": "P", "top": "H", "bottom": "F"}
    assert pane.overlay.notes == ()
    workspace.toggle_nose()
    assert painted(pane, monkeypatch) == {"left": "P", "right": "A", "top": "H", "bottom": "F"}
    assert pane.overlay.notes == ("Sagittal: nose to the right",)
    show_axis(window, workspace, "axial", qtbot)
    assert pane.overlay.notes[-1] == "Flipped left to right", "how each was left"
    window.reset_layout()
    qtbot.waitUntil(lambda: workspace.comparison.turn == UPRIGHT)
    window.resize(1280, 800)
    QApplication.processEvents()
    assert pane.overlay.notes == ()
    np.testing.assert_array_equal(seen(pane), usual)
    workspace.toggle_neurological()
    for modifier in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier):
        press(window, Qt.Key.Key_G, modifier)
        assert workspace.sheet.note.isVisible() and workspace.sheet.note.text() == "Neurological: left on the left"
        press(window, Qt.Key.Key_G, modifier)


def test_the_convention_is_in_force_and_said_at_the_next_start(open_window: OpenWindow, slice_file: Path, qtbot: QtBot) -> None:
    first = open_window(slice_file)
    calibrate(first).toggle_neurological()
    press(first, *RIGHT)
    first.close()
    again = open_window(slice_file)
    workspace = calibrate(again)
    assert workspace.comparison.convention.neurological and not workspace.comparison.convention.nose_right
    assert workspace.comparison.left_pane.overlay.notes == ("Neurological convention", "Turned right by 90°")


def test_the_degradation_of_the_axial_slices_comes_back_with_them(
    stack: tuple[MainWindow, CalibrateWorkspace], qtbot: QtBot
) -> None:
    window, workspace = stack
    workspace.choose_type("sparse_view")
    show_axis(window, workspace, "coronal", qtbot)
    assert workspace.type_name != "sparse_view"
    show_axis(window, workspace, "sagittal", qtbot)
    show_axis(window, workspace, "axial", qtbot)
    assert workspace.type_name == workspace.panel.types.current == "sparse_view"
    show_axis(window, workspace, "coronal", qtbot)
    workspace.choose_type("gaussian_noise")
    show_axis(window, workspace, "axial", qtbot)
    assert workspace.type_name == "gaussian_noise", "what was chosen last, where it suits both"


def test_a_file_without_orientation_says_so_at_its_edge_and_why(
    open_window: OpenWindow, shared_data: Path, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = nibabel.Nifti1Image(np.arange(20 * 30 * 4, dtype=np.int16).reshape(20, 30, 4), None)
    lost.set_sform(None, 0)
    lost.set_qform(None, 0)
    nibabel.save(lost, tmp_path / "lost.nii")
    files = {
        shared_data / "png" / "xray" / "NIH_00000001_000.png": "PNG holds no orientation",
        shared_data / "dicom" / "xray" / "CR-MONO1-10-chest_part10.dcm": "no valid Image Orientation (Patient)",
        shared_data / "dicom" / "decoder_only" / "SC_rgb_small_odd.dcm": "no valid Image Orientation (Patient)",
        tmp_path / "lost.nii": "neither a valid sform nor a valid qform",
    }
    window = open_window(*files, size=(1280, 800))
    workspace = calibrate(window)
    qtbot.waitUntil(lambda: len(workspace.list.series.rows) == len(files), timeout=20_000)
    shown = []
    monkeypatch.setattr(QToolTip, "showText", lambda at, text, widget: shown.append(text))
    for row in workspace.list.series.rows:
        workspace.list.choose(row.series_id)
        wait_for_picture(qtbot, workspace)
        for pane in (workspace.comparison.left_pane, workspace.comparison.right_pane):
            assert painted(pane, monkeypatch) == {}, "no letter that nobody knows"
            at = pane.overlay._unknown_box.center().toPoint()
            assert 0 < at.x() < pane.width() / 3, "at the edge"
            for key in (FLIP, RIGHT):
                press(window, *key)
            pane.grab()
            assert pane.overlay._unknown_box.center().toPoint() == at, "however the picture is turned"
            QApplication.sendEvent(pane, QHelpEvent(QEvent.Type.ToolTip, at, pane.mapToGlobal(at)))
            assert files[row.root] in shown.pop()
            QApplication.sendEvent(pane, QHelpEvent(QEvent.Type.ToolTip, QPoint(2, 2), pane.mapToGlobal(QPoint(2, 2))))
            assert not shown
    assert files[workspace.opened.root] in workspace.comparison.left_pane.accessibleDescription()  # type: ignore[union-attr]


def test_nothing_turns_a_picture_of_the_reader_study() -> None:
    turning = {action.handler for action in TABLE if action.group == "Turn"}
    assert turning == {"turn", "turn_back", "toggle_neurological", "toggle_nose"}
    assert not turning & {action.handler for action in actions_of(READING_CONTEXT)}
    assert not [name for name in turning if hasattr(SessionPage, name)]

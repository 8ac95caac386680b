"""A reader at work: a real window over real files, by mouse and keyboard."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hands import calibrate, choose, drag, drag_slider, kept, press, set_level, settle, wait_for_picture, wheel
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from medqdeg_desktop.engine.degradation import degrade
from medqdeg_desktop.engine.image import MedicalImage, Window, frozen, pixel_sha256
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level, Modality
from medqdeg_desktop.ui.calibrate.decisions import calibration_seed
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.viewer.series_view import Layout

OpenWindow = Callable[..., MainWindow]


# -- looking ------------------------------------------------------------------------------------------------------


def test_a_folder_opens_on_its_middle_slice_with_its_own_window(open_window: OpenWindow, ct_series: Path) -> None:
    workspace = calibrate(open_window(ct_series))
    assert workspace.opened is not None and workspace.image is not None
    assert workspace.opened.series.frame_count == 20
    assert workspace.image.frame == 10
    np.testing.assert_array_equal(workspace.image.pixels, read_image(ct_series, 10).pixels)
    assert workspace.comparison.left_pane.overlay.reading.startswith("W 300  L 40")
    assert workspace.slices.label.text() == "11 / 20"


def test_wheel_keys_and_slice_slider_scroll_and_the_view_stays(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    assert workspace.opened is not None
    view = workspace.opened.view
    drag(workspace.comparison.left_pane, Qt.MouseButton.RightButton, QPoint(150, 200), QPoint(40, 10))
    wheel(workspace.comparison.left_pane, QPoint(100, 100), 240, Qt.KeyboardModifier.ControlModifier)
    window_before, viewport_before = view.window, view.viewport
    wheel(workspace.comparison.right_pane, QPoint(100, 100), -240)
    assert view.frame == 12
    press(window, Qt.Key.Key_Down)
    assert view.frame == 13
    press(window, Qt.Key.Key_Up)
    press(window, Qt.Key.Key_PageUp)
    assert view.frame == 2
    press(window, Qt.Key.Key_Home)
    assert view.frame == 0
    press(window, Qt.Key.Key_End)
    assert view.frame == 19
    workspace.slices.slider.setValue(7)
    assert view.frame == 7
    wait_for_picture(qtbot, workspace)
    assert workspace.image is not None and workspace.image.frame == 7
    assert view.window == window_before and view.viewport == viewport_before
    assert workspace.live.result is not None and workspace.live.result.image.frame == 7


def test_digits_choose_presets_zero_the_files_window_and_i_inverts(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    assert workspace.opened is not None
    press(window, "2")
    assert workspace.opened.view.window == Window(-600, 1500)
    press(window, "i")
    assert workspace.opened.view.inverted
    press(window, "0")
    assert workspace.opened.view.window is None and not workspace.opened.view.inverted


def test_each_series_keeps_its_own_view(open_window: OpenWindow, ct_series: Path, shared_data: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series, shared_data / "dicom" / "mr_series_t1ce")
    workspace = calibrate(window)
    qtbot.waitUntil(lambda: len(workspace.list.series.rows) == 2, timeout=15_000)
    press(window, "4")
    press(window, Qt.Key.Key_Home)
    press(window, Qt.Key.Key_PageDown, Qt.KeyboardModifier.ControlModifier)
    wait_for_picture(qtbot, workspace)
    assert workspace.image is not None and workspace.image.modality is Modality.MRI
    press(window, Qt.Key.Key_PageUp, Qt.KeyboardModifier.ControlModifier)
    wait_for_picture(qtbot, workspace)
    assert workspace.image is not None and workspace.image.modality is Modality.CT
    assert workspace.opened is not None
    assert workspace.opened.view.window == Window(480, 2500) and workspace.opened.view.frame == 0


def test_letter_keys_change_the_layout_and_space_held_shows_the_original(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    for key, layout in (("w", Layout.WIPE), ("d", Layout.DIFFERENCE), ("f", Layout.SINGLE), ("s", Layout.SIDE_BY_SIDE)):
        press(window, key)
        assert workspace.comparison.layout_mode is layout
        assert workspace.comparison.left_pane.isVisible() == (layout is Layout.SIDE_BY_SIDE)
    target = QApplication.focusWidget() or window
    QTest.keyPress(target, Qt.Key.Key_Space)
    assert workspace.comparison.right_pane.overlay.title == "Original"
    assert workspace.comparison.right_pane.image is workspace.image
    QTest.keyRelease(target, Qt.Key.Key_Space)
    assert workspace.comparison.right_pane.overlay.title == "Limited angle"


def test_keys_work_after_the_slider_or_the_list_was_clicked(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    assert workspace.opened is not None
    drag_slider(workspace, 0.3)
    workspace.panel.slider.setFocus()
    press(window, Qt.Key.Key_Down)
    assert workspace.opened.view.frame == 11
    workspace.list.setFocus()
    press(window, Qt.Key.Key_Down)
    assert workspace.opened.view.frame == 12
    press(window, "1")
    assert workspace.opened.view.window == Window(40, 400)


def test_cine_runs_through_the_slices_and_stops(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    assert workspace.opened is not None
    press(window, "c")
    qtbot.waitUntil(lambda: workspace.opened is not None and workspace.opened.view.frame == 14, timeout=10_000)
    press(window, "c")
    frame = workspace.opened.view.frame
    qtbot.wait(200)
    assert workspace.opened.view.frame == frame


# -- the slider ---------------------------------------------------------------------------------------------------


def test_a_drag_ends_on_the_exact_picture_of_the_last_place(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    workspace = calibrate(open_window(ct_series))
    choose(qtbot, workspace, "gaussian_blur")
    drag_slider(workspace, 0.9, steps=40)
    drag_slider(workspace, 0.4, steps=40)
    settle(qtbot, workspace)
    result = workspace.live.confirmable
    assert result is not None and result.severity == pytest.approx(0.4, abs=0.01)
    assert workspace.image is not None and workspace.live.wanted is not None
    alone = degrade(workspace.image, "gaussian_blur", result.severity, seed=workspace.live.wanted.seed)
    np.testing.assert_array_equal(result.pixels, alone.pixels)
    assert workspace.comparison.right_pane.image is not None
    np.testing.assert_array_equal(workspace.comparison.right_pane.image.pixels, alone.pixels)


def test_bracket_and_comma_keys_move_severity_by_five_and_one_percent(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    for key, severity in (("]", 0.05), ("]", 0.10), (".", 0.11), (",", 0.10), ("[", 0.05), ("[", 0.0), ("[", 0.0)):
        press(window, key)
        assert workspace.severity == pytest.approx(severity)
        assert workspace.panel.slider.severity == pytest.approx(severity)


def test_types_that_suit_the_modality_come_first_and_the_others_cannot_be_chosen(
    open_window: OpenWindow, ct_series: Path
) -> None:
    workspace = calibrate(open_window(ct_series))
    box = workspace.panel.types.box
    names = [box.itemData(i) for i in range(box.count())]
    assert {"limited_angle", "sparse_view", "low_dose"} == set(names[:3])
    assert workspace.panel.types.suiting == names[:12]
    assert all(not box.model().item(i).isEnabled() for i in range(12, box.count()))  # type: ignore[attr-defined]
    assert box.count() == 18


def test_a_parameter_set_by_hand_is_rendered_and_marked_custom(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    choose(qtbot, workspace, "gaussian_blur")
    drag_slider(workspace, 0.3)
    press(window, "p")
    drawer = workspace.panel.drawer
    control = drawer._controls["sigma"]
    assert control.isVisible()
    control.setValue(0.02)  # type: ignore[union-attr]
    settle(qtbot, workspace)
    result = workspace.live.confirmable
    assert result is not None and result.parameters["sigma"] == 0.02
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: kept(workspace, Level.L1), timeout=10_000)
    setting = next(iter(workspace.desk.kept.settings.values()))
    assert setting.custom and setting.parameters["sigma"] == 0.02
    drawer.reset.click()
    settle(qtbot, workspace)
    assert workspace.live.confirmable is not None and workspace.live.confirmable.parameters["sigma"] != 0.02
    workspace.look_at("L1")
    settle(qtbot, workspace)
    assert workspace.live.confirmable.parameters["sigma"] == 0.02, "looking at a custom setting shows what was set"


# -- decisions ----------------------------------------------------------------------------------------------------


def test_decisions_are_kept_at_once_and_all_is_there_when_the_study_is_opened_again(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "reading.medq"
    Study.create(path, name="Reading").close()
    window = open_window(path, ct_series)
    workspace = calibrate(window)
    choose(qtbot, workspace, "sparse_view")
    press(window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: workspace.desk.clean(workspace.image) is not None, timeout=10_000)
    assert workspace.panel.step is Level.L1
    set_level(qtbot, window, Level.L1, 0.3)
    set_level(qtbot, window, Level.L2, 0.62)
    assert workspace.panel.step is None
    assert window.foot.kept.text().startswith("kept ")
    press(window, "3")
    press(window, Qt.Key.Key_Down)
    wait_for_picture(qtbot, workspace)
    # Read by another connection while the window is open: it is on disk, not in a buffer.
    with Study.open(path, read_only=True) as study:
        settings = {s.level: s for s in study.settings()}
        clean = study.clean_decisions()
        record = study.image(settings[Level.L1].image_id)
    assert [c.verdict for c in clean] == ["diagnostic"]
    assert settings[Level.L1].severity == pytest.approx(0.3, abs=0.01)
    assert settings[Level.L2].severity == pytest.approx(0.62, abs=0.01)
    assert record is not None
    image = read_image(record.path, record.frame)
    # A DICOM slice read alone has the series' range where the file's own window gives it (CT).
    assert image.source_sha256 == settings[Level.L1].image_id and image.value_range == settings[Level.L1].value_range
    for setting in settings.values():
        again = degrade(image, "sparse_view", setting.severity, seed=setting.seed)
        assert pixel_sha256(again.pixels) == setting.render_sha256, "what was kept can be made again, bit for bit"
        assert setting.provenance["slider_events"] > 0 and setting.provenance["display"]
        assert setting.window == (40.0, 300.0) and not setting.custom
    window.close()

    window = open_window(path)
    workspace = calibrate(window)
    wait_for_picture(qtbot, workspace)
    assert workspace.opened is not None and workspace.image is not None
    assert workspace.image.frame == 11 and workspace.opened.view.window == Window(90, 150)
    assert workspace.type_name == "sparse_view" and workspace.severity == pytest.approx(0.62, abs=0.01)
    kinds = {m.level: m.kind for m in workspace.desk.marks(workspace.image, "sparse_view")}
    assert kinds == {Level.L1: "elsewhere", Level.L2: "elsewhere"}
    press(window, Qt.Key.Key_Up)
    wait_for_picture(qtbot, workspace)
    marks = {m.level: m for m in workspace.desk.marks(workspace.image, "sparse_view")}
    assert marks[Level.L1].kind == marks[Level.L2].kind == "here"
    clean_now = workspace.desk.clean(workspace.image)
    assert clean_now is not None and clean_now.verdict == "diagnostic"


def test_a_click_on_a_mark_looks_at_the_level_again_and_defaults_are_hollow(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    choose(qtbot, workspace, "gaussian_noise")
    slider = workspace.panel.slider
    marks = {m.level: m for m in workspace.desk.marks(workspace.image, "gaussian_noise")}
    assert marks[Level.L1].kind == marks[Level.L2].kind == "default"
    at = QPoint(round(slider.x_of(marks[Level.L2].severity)), 12)
    QTest.mouseClick(slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    assert workspace.severity == marks[Level.L2].severity
    set_level(qtbot, window, Level.L1, 0.2)
    drag_slider(workspace, 0.8)
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ControlModifier)
    assert workspace.severity == pytest.approx(0.2, abs=0.01)


def test_undo_takes_back_by_an_event_and_what_counted_before_counts_again(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    choose(qtbot, workspace, "gaussian_noise")
    set_level(qtbot, window, Level.L1, 0.2)
    drag_slider(workspace, 0.4)
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)

    def severity_kept() -> float:
        return round(next(iter(workspace.desk.kept.settings.values())).severity, 1) if workspace.desk.kept.settings else 0.0

    qtbot.waitUntil(lambda: severity_kept() == 0.4, timeout=10_000)
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: severity_kept() == 0.2, timeout=10_000)
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: severity_kept() == 0.0, timeout=10_000)
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "Nothing to take back" in window.foot.said.text()
    assert window.session.path is not None
    with Study.open(window.session.path, read_only=True) as study:
        assert len(study.setting_history()) == 2, "nothing is ever deleted"
        assert study.settings() == []


def test_a_clean_picture_is_rejected_with_a_reason_and_then_takes_no_level(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    press(window, Qt.Key.Key_X, Qt.KeyboardModifier.AltModifier)
    menu = next(m for m in workspace.panel.findChildren(QMenu) if m.isVisible())
    QTest.keyClick(menu, Qt.Key.Key_2)
    qtbot.waitUntil(lambda: workspace.desk.clean(workspace.image) is not None, timeout=10_000)
    decision = workspace.desk.clean(workspace.image)
    assert decision is not None and (decision.verdict, decision.reason) == ("rejected", "noise or low dose")
    drag_slider(workspace, 0.5)
    settle(qtbot, workspace)
    assert not workspace.panel.rows[Level.L1].decide.isEnabled()
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert "rejected" in window.foot.said.text() and not workspace.desk.kept.settings
    press(window, Qt.Key.Key_0, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: workspace.panel.rows[Level.L1].decide.isEnabled(), timeout=10_000)


def test_the_original_cannot_be_a_level(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    assert not workspace.panel.rows[Level.L1].decide.isEnabled()
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert "Move the slider first" in window.foot.said.text()
    assert not workspace.desk.kept.settings


def test_an_l2_below_l1_is_kept_and_said(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    choose(qtbot, workspace, "gaussian_noise")
    press(window, Qt.Key.Key_0, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: workspace.desk.clean(workspace.image) is not None, timeout=10_000)
    set_level(qtbot, window, Level.L1, 0.6)
    set_level(qtbot, window, Level.L2, 0.3)
    assert window.banner.isVisible() and "not more severe than L1" in window.banner.text.text()
    panel = workspace.panel
    assert panel._step_title.text() == "L2 is not above L1: set one of them again"
    assert not panel.next.isVisible() and "0 of them calibrated" in panel.types.note.text()
    set_level(qtbot, window, Level.L2, 0.6)
    qtbot.waitUntil(lambda: len({m.severity for m in panel.slider._marks}) == 1, timeout=10_000)
    low, high = (panel.slider.mark_x(mark) for mark in panel.slider._marks)
    assert high - low >= 12, "equal levels are marked side by side"
    set_level(qtbot, window, Level.L2, 0.8)
    qtbot.waitUntil(lambda: "1 of them calibrated" in panel.types.note.text(), timeout=10_000)
    assert panel._step_title.text() != "L2 is not above L1: set one of them again"


def test_a_preview_of_a_large_frame_is_marked_and_kept_only_once_exact(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    import cv2

    pixels = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (2048, 2048), np.uint8), (0, 0), 4)
    path = tmp_path / "large.png"
    cv2.imwrite(str(path), cv2.normalize(pixels, None, 0, 255, cv2.NORM_MINMAX))
    window = open_window(path)
    workspace = calibrate(window)
    workspace._on_modality_chosen("X-ray")
    wait_for_picture(qtbot, workspace)
    choose(qtbot, workspace, "gaussian_blur")
    workspace.panel.slider.setValue(500)
    qtbot.waitUntil(lambda: workspace.live.result is not None and workspace.live.result.severity == 0.5, timeout=10_000)
    assert workspace.live.result is not None and workspace.live.result.is_preview
    assert workspace.comparison.right_pane.overlay.mark == "Preview"
    assert not workspace.panel.rows[Level.L1].decide.isEnabled()
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: kept(workspace, Level.L1), timeout=15_000)
    setting = next(iter(workspace.desk.kept.settings.values()))
    assert workspace.image is not None
    exact = degrade(workspace.image, "gaussian_blur", 0.5, seed=setting.seed)
    assert setting.render_sha256 == pixel_sha256(exact.pixels)
    assert workspace.comparison.right_pane.overlay.mark == ""


def test_a_picture_of_unknown_kind_is_asked_for_its_modality_first(
    open_window: OpenWindow, shared_data: Path, qtbot: QtBot
) -> None:
    window = open_window(shared_data / "png" / "pathology" / "ihc_colon.png")
    workspace = calibrate(window)
    panel = workspace.panel
    assert panel.kind.isVisible() and not panel.next.isVisible()
    assert "bubble" not in panel.types.suiting
    drag_slider(workspace, 0.4)
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert "Say first what this picture is" in window.foot.said.text()
    panel.kind.setCurrentText("Histopathology")
    row = workspace.list.series.index(0)
    with qtbot.waitSignal(workspace.list.series.dataChanged, timeout=5000):
        panel.kind.activated.emit(panel.kind.currentIndex())
    assert "Histopathology" in row.data(Qt.ItemDataRole.AccessibleTextRole)
    wait_for_picture(qtbot, workspace)
    assert workspace.image is not None and workspace.image.modality is Modality.HISTOPATHOLOGY
    choose(qtbot, workspace, "bubble")
    set_level(qtbot, window, Level.L1, 0.4)


def test_another_reader_sees_none_of_the_first_ones_decisions(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    choose(qtbot, workspace, "gaussian_noise")
    set_level(qtbot, window, Level.L1, 0.3)
    window.session.change_reader("Reader 2")
    qtbot.waitUntil(lambda: window.session.reader == "Reader 2" and not workspace.desk.kept.settings, timeout=10_000)
    assert "Reader 2" in window.foot.study.text()
    assert window.session.path is not None
    db = sqlite3.connect(window.session.path)
    assert db.execute("SELECT count(*) FROM events WHERE kind = 'setting'").fetchone() == (1,)
    db.close()


def test_nan_and_flat_pictures_do_not_stop_the_window(qtbot: QtBot, open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    assert workspace.image is not None
    holes = np.array(workspace.image.pixels)
    holes[:200] = np.nan
    workspace._show_image(
        MedicalImage(frozen(holes), Modality.CT, unit="HU", window=Window(40, 400), value_range=(-160, 240), source_sha256="x")
    )
    drag_slider(workspace, 0.5)
    settle(qtbot, workspace)
    press(window, "a")
    press(window, "d")
    assert window.isVisible() and not window.banner.isVisible()


def test_the_contact_sheet_shows_every_type_at_every_level_and_a_click_opens_it(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    press(window, "g")
    buttons = workspace.sheet._buttons
    assert len(buttons) == 12 * 3
    qtbot.waitUntil(lambda: all(b._image is not None for b in buttons.values()), timeout=30_000)
    assert workspace.image is not None
    small = workspace.image.proxy(320)
    cell = next(c for c in buttons if (c.type_name, c.level) == ("gaussian_blur", Level.L2))
    assert cell.severity is not None
    seed = calibration_seed(workspace.image, "gaussian_blur")
    shown = buttons[cell]._image
    assert shown is not None
    np.testing.assert_array_equal(shown.pixels, degrade(small, "gaussian_blur", cell.severity, seed=seed).pixels)
    # Nothing can be set on a picture that is not in front.
    press(window, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    press(window, Qt.Key.Key_Return)
    assert "Go back to the picture" in window.foot.said.text()
    press(window, Qt.Key.Key_Escape)
    assert workspace.centre.currentWidget() is workspace.viewer
    press(window, "g")
    buttons = workspace.sheet._buttons
    QTest.mouseClick(buttons[cell], Qt.MouseButton.LeftButton)
    assert workspace.centre.currentWidget() is workspace.viewer
    assert (workspace.type_name, workspace.severity) == ("gaussian_blur", cell.severity)
    assert not workspace.desk.kept.settings and workspace.desk.clean(workspace.image) is None

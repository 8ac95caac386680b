from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hands import drag, seen, wheel
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Window, frozen
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.viewer.comparison import Comparison
from medqdeg_desktop.ui.viewer.pane import ImagePane
from medqdeg_desktop.ui.viewer.series_view import Layout, SeriesView
from medqdeg_desktop.ui.viewer.viewport import Viewport

WINDOW = Window(40, 400)


def noise(rows: int = 200, columns: int = 240, seed: int = 0) -> MedicalImage:
    pixels = np.random.default_rng(seed).normal(40, 120, (rows, columns)).astype(np.float32)
    return MedicalImage(
        frozen(pixels),
        Modality.CT,
        unit="HU",
        spacing=(0.7, 0.7),
        window=WINDOW,
        value_range=(-160, 240),
        orientation=("R", "L", "A", "P"),
        source_sha256=str(seed),
    )


@pytest.fixture
def pane(qtbot: QtBot) -> ImagePane:
    pane = ImagePane("test")
    qtbot.addWidget(pane)
    pane.overlay.visible = False
    pane.set_dithered(False)
    pane.resize(300, 260)
    pane.show()
    return pane


@pytest.fixture
def pair(qtbot: QtBot) -> Iterator[Comparison]:
    pair = Comparison()
    qtbot.addWidget(pair)
    pair.resize(1002, 480)
    pair.show()
    pair.show_series(SeriesView())
    pair.show_original(noise())
    pair.show_degraded(noise(seed=1), "Gaussian noise", preview=False)
    QApplication.processEvents()
    yield pair


def test_at_one_to_one_the_screen_shows_the_display_functions_bytes(pane: ImagePane) -> None:
    image = noise()
    pane.show_image(image)
    pane.show_as(Viewport(1.0), WINDOW, False)
    shown = seen(pane)
    inside = shown[30:230, 30:270]
    np.testing.assert_array_equal(inside[..., 0], to_display(image, WINDOW))
    assert (inside == inside[..., :1]).all()
    assert (shown[:30] == 0).all() and (shown[:, :30] == 0).all(), "black around the picture"


def test_colour_is_shown_as_it_is(pane: ImagePane) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (200, 240, 3), dtype=np.uint8)
    pane.show_image(MedicalImage(frozen(pixels), Modality.HISTOPATHOLOGY, unit="RGB"))
    pane.show_as(Viewport(1.0), None, False)
    np.testing.assert_array_equal(seen(pane)[30:230, 30:270], pixels)


def test_pixels_that_are_not_square_are_shown_with_true_aspect(pane: ImagePane) -> None:
    image = MedicalImage(frozen(np.full((100, 100), 500, np.float32)), Modality.MRI, spacing=(2.0, 1.0), window=WINDOW)
    pane.show_image(image)
    white = seen(pane)[..., 0] > 128
    rows, columns = np.flatnonzero(white.any(1)), np.flatnonzero(white.any(0))
    assert np.ptp(rows) + 1 == 260
    assert np.ptp(columns) + 1 == pytest.approx(130, abs=1)


def test_a_proxy_takes_the_place_of_the_full_frame(pane: ImagePane) -> None:
    image = MedicalImage(frozen(np.full((601, 800), 500, np.float32)), Modality.CT, window=WINDOW)
    pane.show_image(image)
    full = seen(pane)[..., 0] > 128
    pane.show_image(image.proxy(100))
    np.testing.assert_array_equal(seen(pane)[..., 0] > 128, full)


def test_the_busy_line_waits_a_moment_and_the_old_picture_stays(pane: ImagePane, qtbot: QtBot) -> None:
    pane.show_image(noise())
    before = seen(pane)
    pane.set_busy(True)
    assert not pane.is_busy
    pane.set_busy(False)
    qtbot.wait(200)
    assert not pane.is_busy, "a quick answer shows no line"
    pane.set_busy(True)
    qtbot.waitUntil(lambda: pane.is_busy, timeout=1000)
    after = seen(pane)
    np.testing.assert_array_equal(after[:-2], before[:-2])
    assert (after[-1] != before[-1]).any()


def test_the_wheel_scrolls_by_whole_notches_and_adds_up_small_ones(pane: ImagePane) -> None:
    steps: list[int] = []
    pane.scrolled.connect(steps.append)
    wheel(pane, QPoint(100, 100), -120)
    wheel(pane, QPoint(100, 100), 240)
    for _ in range(8):
        wheel(pane, QPoint(100, 100), -30)
    assert steps == [1, -2, 1, 1]


def test_ctrl_wheel_zooms_both_panes_to_the_pointer(pair: Comparison) -> None:
    place_before = pair.left_pane.placement()
    assert place_before is not None
    at = QPoint(180, 170)
    row, column = place_before.to_frame(at.x(), at.y())
    wheel(pair.left_pane, at, 240, Qt.KeyboardModifier.ControlModifier)
    left, right = pair.left_pane.placement(), pair.right_pane.placement()
    assert left is not None and left == right
    assert left.scale_x == pytest.approx(place_before.scale_x * 1.44)
    x, y = left.to_pane(row, column)
    assert (x, y) == (pytest.approx(at.x(), abs=1.6), pytest.approx(at.y(), abs=1.6))


def test_the_view_is_where_it_was_after_sixty_resizes(pair: Comparison) -> None:
    wheel(pair.right_pane, QPoint(100, 200), 360, Qt.KeyboardModifier.ControlModifier)
    drag(pair.right_pane, Qt.MouseButton.MiddleButton, QPoint(200, 200), QPoint(-40, 25))
    viewport, before = pair.view.viewport, seen(pair)
    for step in range(60):
        pair.resize(1002 + 7 * (step % 13) - 40, 480 - 5 * (step % 11))
        QApplication.processEvents()
    pair.resize(1002, 480)
    QApplication.processEvents()
    assert pair.view.viewport == viewport
    np.testing.assert_array_equal(seen(pair), before)


def test_the_middle_button_pans_by_the_hands_way(pair: Comparison) -> None:
    before = pair.left_pane.placement()
    drag(pair.left_pane, Qt.MouseButton.MiddleButton, QPoint(200, 200), QPoint(30, -20))
    after = pair.right_pane.placement()
    assert before is not None and after is not None
    assert (after.left - before.left, after.top - before.top) == (30, -20)


def test_the_right_button_changes_width_and_level_of_both(pair: Comparison) -> None:
    drag(pair.right_pane, Qt.MouseButton.RightButton, QPoint(200, 200), QPoint(100, 0))
    window = pair.view.window
    assert window is not None
    assert window.width == pytest.approx(400 * np.exp(0.6), rel=1e-6) and window.center == 40
    drag(pair.right_pane, Qt.MouseButton.RightButton, QPoint(200, 200), QPoint(0, 50))
    assert pair.view.window is not None
    assert pair.view.window.center == pytest.approx(40 + 50 * window.width * 0.004)
    pair.zoom_one_to_one()
    for pane, seed in ((pair.left_pane, 0), (pair.right_pane, 1)):
        pane.overlay.visible = False
        pane.set_dithered(False)
        placement = pane.placement()
        assert placement is not None
        rows = seen(pane)[placement.top + 60 : placement.top + 140, placement.left + 60 : placement.left + 140, 0]
        np.testing.assert_array_equal(rows, to_display(noise(seed=seed), pair.view.window)[60:140, 60:140])


def test_space_shows_the_original_at_the_very_same_place(pair: Comparison) -> None:
    pair.set_layout_mode(Layout.SINGLE)
    pair.right_pane.overlay.visible = False
    degraded = seen(pair.right_pane)
    pair.show_only_original(True)
    placement = pair.right_pane.placement()
    original = seen(pair.right_pane)
    assert (original[40:, :] != degraded[40:, :]).any()
    pair.show_only_original(False)
    assert pair.right_pane.placement() == placement
    np.testing.assert_array_equal(seen(pair.right_pane), degraded)


def test_the_wipe_shows_the_original_left_of_the_curtain(pair: Comparison) -> None:
    pair.set_layout_mode(Layout.SINGLE)
    pair.right_pane.overlay.visible = False
    QApplication.processEvents()
    degraded = seen(pair.right_pane)
    pair.show_only_original(True)
    original = seen(pair.right_pane)
    pair.show_only_original(False)
    pair.set_layout_mode(Layout.WIPE)
    drag(pair.right_pane, Qt.MouseButton.LeftButton, QPoint(500, 300), QPoint(-100, 0))
    wiped = seen(pair.right_pane)
    curtain = 400
    # Below the title; the curtain's own line is two pixels wide.
    np.testing.assert_array_equal(wiped[40:, : curtain - 2], original[40:, : curtain - 2])
    np.testing.assert_array_equal(wiped[40:, curtain + 3 :], degraded[40:, curtain + 3 :])


def test_the_difference_of_equal_pictures_is_grey_everywhere(pair: Comparison) -> None:
    original = noise()
    pair.show_original(original)
    pair.show_degraded(original, "Nothing", preview=False)
    pair.set_layout_mode(Layout.DIFFERENCE)
    pair.right_pane.overlay.visible = False
    QApplication.processEvents()
    placement = pair.right_pane.placement()
    assert placement is not None
    inside = seen(pair.right_pane)[60:-10, placement.left + 5 : placement.left + 300]
    assert set(np.unique(inside)) == {128}


def test_the_difference_tells_what_black_and_white_stand_for(pair: Comparison) -> None:
    pair.set_layout_mode(Layout.DIFFERENCE)
    assert pair.right_pane.overlay.reading.startswith("difference ±100 HU\n")
    pair.show_only_original(True)
    assert pair.right_pane.overlay.reading.startswith("W 400  L 40\n")


def test_the_probe_tells_native_values_in_both_panes_and_their_change(pair: Comparison) -> None:
    placement = pair.left_pane.placement()
    assert placement is not None
    x, y = placement.to_pane(100.5, 120.5)
    QTest.mouseMove(pair.left_pane, QPoint(round(x), round(y)))
    QApplication.processEvents()
    row, column = (int(v) for v in placement.to_frame(round(x) + 0.5, round(y) + 0.5))
    before, after = float(noise().pixels[row, column]), float(noise(seed=1).pixels[row, column])
    assert pair.left_pane.overlay.probe == f"{column}, {row}   {before:.0f} HU"
    assert pair.right_pane.overlay.probe == f"{after:.0f} HU  ({after - before:+.0f})"
    assert pair.right_pane.accessibleDescription() == pair.right_pane.overlay.probe


def test_window_zoom_and_preview_are_written_over_the_picture(pair: Comparison) -> None:
    assert pair.left_pane.overlay.reading.startswith("W 400  L 40\nfit ")
    pair.zoom_one_to_one()
    assert "1:1" in pair.left_pane.overlay.reading
    assert pair.right_pane.overlay.mark == ""
    pair.show_degraded(noise(seed=1).proxy(100), "Gaussian noise", preview=True)
    assert pair.right_pane.overlay.mark == "Preview"


def test_only_a_blind_trial_says_nothing_of_a_picture_that_was_stored_mirrored(pair: Comparison) -> None:
    pair.show_original(replace(noise(), orientation=("L", "R", "A", "P")))
    assert pair.left_pane.overlay.notes == pair.right_pane.overlay.notes == ("Stored with left on the left",)
    pair.set_tells_values(False)
    assert pair.left_pane.overlay.notes == pair.right_pane.overlay.notes == ()


def test_letters_of_orientation_are_painted_at_the_edges(pair: Comparison) -> None:
    with_letters = seen(pair.left_pane)
    pair.left_pane.overlay.visible = False
    without = seen(pair.left_pane)
    changed = np.flatnonzero((with_letters != without).any(2).any(0))
    assert changed.min() < 30 and changed.max() > pair.left_pane.width() - 30


@pytest.mark.parametrize("zoom", [1.0, 3.0])
def test_overlay_planes_are_drawn_over_the_pixels_they_name_and_can_be_hidden(pane: ImagePane, zoom: float) -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[20, 10:50] = mask[30:40, 40] = 255
    dark = MedicalImage(frozen(np.full((60, 80), -500, np.float32)), Modality.CT, unit="HU", window=WINDOW, overlay=frozen(mask))
    pane.overlay.visible = True
    pane.show_image(dark)
    pane.show_as(Viewport(zoom), WINDOW, False)
    placement = pane.placement()
    assert placement is not None
    shown = seen(pane)[placement.top : placement.top + round(60 * zoom), placement.left : placement.left + round(80 * zoom)]
    lines = np.repeat(np.repeat(mask > 0, int(zoom), axis=0), int(zoom), axis=1)
    assert (shown[lines].min(axis=-1) > 200).all()
    inside = np.s_[int(4 * zoom) : int(18 * zoom), int(4 * zoom) : int(36 * zoom)]
    assert (shown[inside] == 0).all(), "nothing beside the lines"
    pane.show_planes(False)
    hidden = seen(pane)[placement.top : placement.top + round(60 * zoom), placement.left : placement.left + round(80 * zoom)]
    assert hidden[int(20 * zoom), int(20 * zoom)].max() == 0


def test_a_thin_line_of_an_overlay_plane_survives_a_small_picture(pane: ImagePane) -> None:
    mask = np.zeros((600, 800), np.uint8)
    mask[300] = 255
    white = MedicalImage(
        frozen(np.full((600, 800), 500, np.float32)), Modality.CT, unit="HU", window=WINDOW, overlay=frozen(mask)
    )
    pane.overlay.visible = True
    pane.show_image(white)
    pane.show_as(Viewport(0.25), WINDOW, False)
    column = seen(pane)[:, 20 + 50, 0].astype(int)
    assert column[130] < 230 and column[129] < 120, "a light line with a dark edge on white"

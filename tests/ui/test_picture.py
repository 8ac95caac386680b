from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.viewer.picture import PictureMaker, difference, prepare, value_at
from medqdeg_desktop.ui.viewer.viewport import Viewport, place, placement_of


def ramp(rows: int = 64, columns: int = 96) -> MedicalImage:
    pixels = np.add.outer(np.arange(rows) * 10, np.arange(columns)).astype(np.float32) - 200
    return MedicalImage(pixels, Modality.CT, unit="HU", window=Window(40, 400), value_range=(-200, 600), spacing=(1, 1))


WINDOW = Window(100, 500)


def test_one_to_one_is_the_display_function_pixel_for_pixel() -> None:
    image = ramp()
    picture = PictureMaker().make(image, place(Viewport(1.0), image.shape, 1.0, (200, 200)), WINDOW, False)
    assert picture is not None
    np.testing.assert_array_equal(picture.pixels, to_display(image, WINDOW))
    assert (picture.left, picture.top) == (52, 68)


def test_only_the_visible_part_is_windowed() -> None:
    image = ramp(512, 512)
    picture = PictureMaker().make(image, place(Viewport(1.0), image.shape, 1.0, (100, 80)), WINDOW, True)
    assert picture is not None
    assert picture.pixels.shape == (80, 100)
    np.testing.assert_array_equal(picture.pixels, to_display(image, WINDOW, invert=True)[216:296, 206:306])


def test_shrinking_shows_the_mean_of_what_a_device_pixel_covers() -> None:
    image = ramp(64, 64)
    picture = PictureMaker().make(image, place(Viewport(0.25), image.shape, 1.0, (64, 64)), WINDOW, False)
    assert picture is not None
    means = image.pixels.reshape(16, 4, 16, 4).mean((1, 3))
    np.testing.assert_array_equal(picture.pixels, to_display(image.with_pixels(means), WINDOW))


def test_a_proxy_lies_exactly_where_the_full_frame_lies() -> None:
    image = ramp(512, 512)
    placement = place(Viewport(), image.shape, 1.0, (512, 512))
    full = PictureMaker().make(image, placement, WINDOW, False)
    proxy = PictureMaker().make(image.proxy(128), placement, WINDOW, False)
    assert full is not None and proxy is not None
    assert (proxy.left, proxy.top, proxy.pixels.shape) == (full.left, full.top, full.pixels.shape)
    # A ramp stays a ramp: had the proxy moved by a device pixel, values would be off by 6.
    assert np.abs(proxy.pixels.astype(int) - full.pixels)[8:-8, 8:-8].max() <= 1


@pytest.mark.parametrize("zoom", [1.5, 3.0, 7.3])
def test_a_magnified_part_shows_the_same_values_as_the_magnified_whole(zoom: float) -> None:
    image = ramp(64, 64)
    whole = PictureMaker().make(image, place(Viewport(zoom), image.shape, 1.0, (600, 600)), WINDOW, False)
    part = PictureMaker().make(image, place(Viewport(zoom), image.shape, 1.0, (60, 40)), WINDOW, False)
    assert whole is not None and part is not None
    assert part.pixels.shape == (40, 60)
    left, top = (whole.pixels.shape[1] - 60) // 2, (whole.pixels.shape[0] - 40) // 2
    # The whole is stretched to whole device pixels: half a pixel at most, here 3 grey levels of the ramp.
    difference = part.pixels.astype(int) - whole.pixels[top : top + 40, left : left + 60]
    assert np.abs(difference).max() <= 5


def test_without_smoothing_each_stored_pixel_is_a_square() -> None:
    image = ramp(8, 8)
    picture = PictureMaker().make(image, place(Viewport(5.0), image.shape, 1.0, (30, 30)), WINDOW, False, smooth=False)
    assert picture is not None
    whole = np.kron(to_display(image, WINDOW), np.ones((5, 5), np.uint8))
    np.testing.assert_array_equal(picture.pixels, whole[5:35, 5:35])


def test_a_window_drag_resamples_nothing_and_a_new_frame_is_never_shown_as_the_old() -> None:
    maker, image = PictureMaker(), ramp(256, 256)
    placement = place(Viewport(0.5), image.shape, 1.0, (256, 256))
    maker.make(image, placement, WINDOW, False)
    part = maker._part
    maker.make(image, placement, Window(0, 80), False)
    assert maker._part is part
    other = image.with_pixels(image.pixels + 50)
    picture = maker.make(other, placement, WINDOW, False)
    assert picture is not None
    np.testing.assert_array_equal(picture.pixels, PictureMaker().make(other, placement, WINDOW, False).pixels)  # type: ignore[union-attr]


def test_a_frame_panned_out_of_sight_makes_no_picture() -> None:
    image = ramp()
    assert PictureMaker().make(image, place(Viewport(64.0, (0, 0)), image.shape, 1.0, (20, 20)), WINDOW, False) is not None
    away = place(Viewport(1.0), image.shape, 1.0, (50, 50))
    moved = type(away)(away.rows, away.columns, 1, 1, 500, 500, 50, 50)
    assert PictureMaker().make(image, moved, WINDOW, False) is None


def test_no_difference_is_mid_grey_and_a_difference_has_its_sign() -> None:
    image = ramp()
    same, window = difference(image, image, WINDOW)
    assert window is not None and window.center == 0
    np.testing.assert_array_equal(np.unique(to_display(same, window)), [128])
    brighter, window = difference(image, image.with_pixels(image.pixels + 60), WINDOW)
    assert window is not None
    assert to_display(brighter, window).min() == pytest.approx(128 + 255 * 60 / window.width, abs=1)


def test_a_preview_is_compared_with_the_originals_own_proxy() -> None:
    image = ramp(512, 512)
    frame, window = difference(image, image.proxy(128), WINDOW)
    assert frame.shape == (128, 128)
    np.testing.assert_array_equal(np.unique(to_display(frame, window)), [128])


def test_colour_difference_is_half_the_step_around_128() -> None:
    pixels = np.full((8, 8, 3), 100, np.uint8)
    image = MedicalImage(pixels, Modality.HISTOPATHOLOGY, unit="RGB")
    frame, window = difference(image, image.with_pixels(pixels + 50), None)
    assert window is None
    np.testing.assert_array_equal(frame.pixels, np.full((8, 8, 3), 153, np.uint8))


def test_the_probe_reads_native_values_and_nothing_outside() -> None:
    image = ramp()
    assert value_at(image, image.shape, 3.9, 7.2) == (float(image.pixels[3, 7]),)
    assert value_at(image, image.shape, -0.1, 5) is None
    assert value_at(image, image.shape, 64, 5) is None
    proxy = image.proxy(48)
    assert value_at(proxy, image.shape, 63.9, 95.9) == (float(proxy.pixels[-1, -1]),)


def test_a_picture_prepared_for_a_pane_is_the_one_that_the_pane_makes_and_keeps_no_frame_alive() -> None:
    values = np.random.default_rng(5).uniform(0, 1000, (300, 200)).astype(np.float32)
    image = MedicalImage(values, Modality.CT, value_range=(0.0, 1000.0))
    placement = placement_of(Viewport(), image, (90, 90))
    plain = PictureMaker().make(image, placement, None, False)
    prepare(image, placement)
    ready = PictureMaker()
    resampled = ready._resampled
    ready._resampled = lambda *given: pytest.fail("it was resampled already")  # type: ignore[method-assign,assignment]
    made = ready.make(image, placement, None, False)
    assert plain is not None and made is not None
    np.testing.assert_array_equal(made.pixels, plain.pixels)
    assert (made.left, made.top) == (plain.left, plain.top)
    ready._resampled = resampled  # type: ignore[method-assign]
    assert ready.make(image, placement_of(Viewport(), image, (91, 90)), None, False) is not None
    frame = weakref.ref(values)
    del values, image, ready, resampled
    gc.collect()
    assert frame() is None

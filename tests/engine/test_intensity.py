"""Brightness, exposure and contrast against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from sample_frames import colour, colour_texture, grey, phantom, texture

from medqdeg_desktop.engine.degradation import degrade
from medqdeg_desktop.engine.degradations.intensity import foreground_median
from medqdeg_desktop.taxonomy import Modality


def test_brightness_adds_the_offset_times_the_range_and_clips_nothing() -> None:
    image = grey(texture(40, 50), Modality.CT, value_range=(-160.0, 240.0), unit="HU")
    brighter = degrade(image, "adjust_brightness", overrides={"offset": 0.9}).pixels
    np.testing.assert_allclose(brighter, image.pixels + 0.9 * 400, rtol=1e-6)
    assert brighter.max() > 240


def test_brightness_of_colour_is_rounded_and_saturated() -> None:
    image = colour(colour_texture(40, 50))
    darker = degrade(image, "adjust_brightness", overrides={"offset": -0.29}).pixels
    expected = np.clip(np.rint(image.pixels.astype(float) - 0.29 * 255), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(darker, expected)


def test_the_seed_decides_between_brighter_and_darker_and_both_levels_agree() -> None:
    image = grey(texture(16, 16))
    signs = set()
    for seed in range(12):
        changes = [float((degrade(image, "adjust_brightness", s, seed=seed).pixels - image.pixels).mean()) for s in (0.3, 0.65)]
        assert np.sign(changes[0]) == np.sign(changes[1])
        assert abs(changes[1]) > abs(changes[0])
        signs.add(np.sign(changes[0]))
    assert signs == {-1.0, 1.0}


def test_contrast_is_a_line_through_the_foreground_median() -> None:
    image = phantom(Modality.CT)
    pivot = foreground_median(image)
    assert -50 < pivot < 150, "the median of soft tissue, not of the air around the patient"
    flat = degrade(image, "reduce_contrast", overrides={"factor": 0.3}).pixels
    np.testing.assert_allclose(flat, pivot + 0.3 * (image.pixels - pivot), atol=1e-3)


def test_contrast_of_colour_keeps_the_pivot_and_the_slope() -> None:
    image = colour(colour_texture(64, 64))
    pivot = foreground_median(image)
    flat = degrade(image, "reduce_contrast", overrides={"factor": 0.5}).pixels
    np.testing.assert_allclose(flat, pivot + 0.5 * (image.pixels.astype(float) - pivot), atol=0.5001)


def test_foreground_of_a_frame_without_any_is_the_median_within_the_range() -> None:
    assert foreground_median(grey(np.zeros((8, 8)))) == 0
    assert foreground_median(grey(np.full((8, 8), 9000.0))) == 255


def test_exposure_of_display_frames_is_a_power_of_the_value_within_the_range() -> None:
    image = grey(np.linspace(-160, 240, 300).reshape(15, 20), Modality.CT, value_range=(-160.0, 240.0), unit="HU")
    darker = degrade(image, "exposure", overrides={"exponent": 2.2}).pixels
    u = (image.pixels.astype(float) + 160) / 400
    np.testing.assert_allclose(darker, -160 + 400 * u**2.2, atol=2e-3)


def test_exposure_leaves_values_outside_the_range_where_they_are() -> None:
    image = grey(np.array([[-1000.0, -160.0, 240.0, 1500.0]]), Modality.CT, value_range=(-160.0, 240.0), unit="HU")
    for exponent in (0.4, 1.0, 3.0):
        out = degrade(image, "exposure", overrides={"exponent": exponent}).pixels
        np.testing.assert_allclose(out, image.pixels, atol=1e-3)


def test_exposure_of_colour_goes_through_a_rounded_table() -> None:
    image = colour(np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3))
    brighter = degrade(image, "exposure", overrides={"exponent": 0.5}).pixels
    np.testing.assert_array_equal(brighter[..., 0].ravel(), np.rint(255 * (np.arange(256) / 255) ** 0.5))


@pytest.mark.parametrize("ev", [-3.0, -1.0, 0.5, 2.0])
def test_xray_exposure_multiplies_the_signal_behind_a_logistic_film_curve(ev: float) -> None:
    brightness = np.linspace(0.02, 0.98, 97)
    image = grey(1000 * brightness[None, :], Modality.XRAY, value_range=(0.0, 1000.0))
    out = degrade(image, "exposure", overrides={"ev": ev}).pixels[0] / 1000
    # Density over its complement is proportional to the signal: 2^ev times as much after ev stops.
    odds_before, odds_after = (1 - brightness) / brightness, (1 - out) / out
    np.testing.assert_allclose(odds_after / odds_before, 2.0**ev, rtol=1e-4)


def test_more_signal_darkens_a_radiograph_whichever_way_it_is_stored() -> None:
    values = np.linspace(50, 950, 64).reshape(8, 8)
    plain = grey(values, Modality.XRAY, value_range=(0.0, 1000.0))
    stored_inverted = grey(1000 - values, Modality.XRAY, value_range=(0.0, 1000.0), inverted=True)
    dark = degrade(plain, "exposure", overrides={"ev": 1.5}).pixels
    dark_inverted = degrade(stored_inverted, "exposure", overrides={"ev": 1.5}).pixels
    assert (dark < plain.pixels).all()
    np.testing.assert_allclose(1000 - dark_inverted, dark, atol=0.01)


def test_exposures_of_one_radiograph_add_up_in_stops() -> None:
    image = phantom(Modality.XRAY)
    once = degrade(degrade(image, "exposure", overrides={"ev": 0.7}), "exposure", overrides={"ev": 0.8})
    np.testing.assert_allclose(once.pixels, degrade(image, "exposure", overrides={"ev": 1.5}).pixels, rtol=1e-4, atol=1e-2)


def test_exposure_errs_to_both_sides_by_seed() -> None:
    image = grey(texture(16, 16))
    signs = {np.sign((degrade(image, "exposure", 0.5, seed=k).pixels - image.pixels).mean()) for k in range(12)}
    assert signs == {-1.0, 1.0}

"""MR artefacts on frames: plain numpy FFT, ghost formula, shape of the shading, colour, floors below zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_frames import colour, colour_texture, grey, phantom, texture

from medqdeg_desktop.engine.degradation import Prepared, degrade, find, parameters_at
from medqdeg_desktop.engine.kspace import density_order, equispaced_mask, nested_mask, random_order
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.engine.severity_path import L1_SEVERITY, L2_SEVERITY
from medqdeg_desktop.taxonomy import Modality

NAMES = ("undersampling_artifact", "ghosting_artifact", "bias_field_artifact")


@pytest.mark.parametrize("name", NAMES)
def test_recommended_levels_lie_on_the_path(name: str) -> None:
    mild, severe = (find(name).path(s, Modality.MRI) for s in (L1_SEVERITY, L2_SEVERITY))
    expected = {
        "undersampling_artifact": (
            {"acceleration": 3.0, "center_fraction": 0.10},
            {"acceleration": 4.8, "center_fraction": 0.08},
        ),
        "ghosting_artifact": ({"intensity": 0.35}, {"intensity": 1.2}),
        "bias_field_artifact": ({"strength": 1.2}, {"strength": 2.2}),
    }
    assert (mild, severe) == expected[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_small_severity_is_a_small_change(name: str) -> None:
    image = phantom(Modality.MRI)
    low, high = image.value_range
    change = degrade(image, name, 0.005, seed=1).pixels - image.pixels
    assert np.sqrt(np.mean(change**2)) < 0.02 * (high - low)


@pytest.mark.parametrize("pattern", ["random", "density", "equispaced"])
@pytest.mark.parametrize("axis", [0, 1])
def test_undersampling_is_the_magnitude_of_a_masked_numpy_fft(pattern: str, axis: int) -> None:
    image = grey(texture(91, 64), Modality.MRI)
    seed = 6
    out = degrade(
        image,
        "undersampling_artifact",
        seed=seed,
        overrides={"acceleration": 3.3, "center_fraction": 0.07, "axis": axis, "pattern": pattern},
    ).pixels
    lines = image.shape[axis]
    if pattern == "equispaced":
        mask = equispaced_mask(lines, 3.3, 0.07)
    else:
        draw = random_order if pattern == "random" else density_order
        mask = nested_mask(draw(lines, generator(seed, "sampling order")), 3.3, 0.07)
    spectrum = np.fft.fft2(image.pixels.astype(np.float64)) * np.expand_dims(mask, 1 - axis)
    np.testing.assert_allclose(out, np.abs(np.fft.ifft2(spectrum)), atol=2e-3)


def test_leaving_lines_out_loses_exactly_their_energy() -> None:
    image = grey(texture(64, 64), Modality.MRI)
    overrides = {"acceleration": 4.0, "axis": 0, "pattern": "random"}
    out = degrade(image, "undersampling_artifact", seed=2, overrides=overrides).pixels
    mask = nested_mask(random_order(64, generator(2, "sampling order")), 4.0, 0.08)
    energy = (np.abs(np.fft.fft(image.pixels, axis=0)) ** 2).sum(axis=1)
    # Parseval, for the magnitude as for the complex image.
    assert (out.astype(np.float64) ** 2).sum() * 64 == pytest.approx(energy[mask].sum(), rel=1e-5)


def test_ghosts_of_a_frame_are_shifted_copies_of_it() -> None:
    pixels = np.zeros((120, 90), np.float32)
    pixels[50:54, 20:60] = 200
    out = degrade(grey(pixels, Modality.MRI), "ghosting_artifact", overrides={"intensity": 1.0, "ghosts": 5, "axis": 0}).pixels
    mean = pixels.mean(axis=0)
    copies = sum(np.roll(pixels, 24 * n, axis=0) for n in range(1, 5)) / (5 + 1.0)
    # k = 0 is kept at 1 in place of (1 + a) / (1 + a / n): the mean of each column, taken off again.
    excess = (2 / 1.2 - 1) * mean
    np.testing.assert_allclose(out, np.abs(pixels + copies - excess), atol=1e-3)


def test_ghosts_and_their_axis_come_from_the_seed_and_not_from_the_severity() -> None:
    drawn = {(p["ghosts"], p["axis"]) for p in (parameters_at("ghosting_artifact", 0.4, Modality.MRI, s) for s in range(60))}
    assert drawn == {(n, axis) for n in (4, 5, 6, 7) for axis in (0, 1)}
    for seed in range(5):
        mild, severe = (parameters_at("ghosting_artifact", s, Modality.MRI, seed) for s in (0.3, 0.65))
        assert {**mild, "intensity": 0} == {**severe, "intensity": 0}


@given(seed=st.integers(0, 2**40), order=st.integers(1, 6), strength=st.floats(0.05, 2.5))
@settings(max_examples=40, deadline=None)
def test_shading_has_mean_zero_and_the_given_spread_in_its_logarithm(seed: int, order: int, strength: float) -> None:
    image = grey(np.full((150, 110), 100.0), Modality.MRI)
    out = degrade(image, "bias_field_artifact", seed=seed, overrides={"strength": strength, "order": order}).pixels
    logarithm = np.log(out / 100.0)
    low, high = np.percentile(logarithm, (1, 99))
    # The field is drawn on 65 x 65 points: interpolation between them and other percentiles cost 3 %.
    assert high - low == pytest.approx(strength, rel=0.03)
    assert logarithm.mean() == pytest.approx(0, abs=0.02 * strength)


def test_shading_is_smooth_and_of_one_shape_at_all_severities() -> None:
    image = grey(np.full((128, 128), 100.0), Modality.MRI)
    prepared = Prepared("bias_field_artifact", image, 4)
    mild, severe = (np.log(prepared.at(s) / 100.0) for s in (0.30, 0.65))
    np.testing.assert_allclose(severe, 2.2 / 1.2 * mild, atol=0.005)
    assert np.abs(np.diff(severe, axis=0)).max() < 0.11


@pytest.mark.parametrize("name", NAMES)
def test_values_below_zero_are_treated_as_the_same_frame_lifted(name: str) -> None:
    image = grey(texture(64, 48), Modality.MRI)
    lowered = replace(image, pixels=image.pixels - image.pixels.min() - 3, value_range=(-3.0, 212.0))
    lifted = replace(lowered, pixels=lowered.pixels + 3, value_range=(0.0, 215.0))
    a, b = (degrade(frame, name, 0.65, seed=2).pixels for frame in (lowered, lifted))
    np.testing.assert_allclose(a + 3, b, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_one_mask_holds_for_all_channels(name: str) -> None:
    image = colour(colour_texture(40, 56), Modality.MRI)
    out = degrade(image, name, 0.65, seed=2).pixels
    for channel in range(3):
        plane = grey(image.pixels[..., channel].astype(np.float32), Modality.MRI)
        expected = np.clip(np.rint(degrade(plane, name, 0.65, seed=2).pixels), 0, 255)
        assert np.abs(out[..., channel] - expected).max() <= 1


def test_all_slices_of_a_series_share_mask_ghosts_and_shading() -> None:
    image = phantom(Modality.MRI)
    for name in NAMES:
        first, second = (degrade(replace(image, frame=frame), name, 0.65, seed=2).pixels for frame in (0, 7))
        np.testing.assert_array_equal(first, second)

"""Things drawn on slides, measured: areas, densities, sizes in um, blur inside, order of arrival."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_frames import colour, colour_texture, grey, phantom, texture

from medqdeg_desktop.engine.degradation import Prepared, degrade, find
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.optical_density import seen_through
from medqdeg_desktop.engine.severity_path import L1_SEVERITY, L2_SEVERITY
from medqdeg_desktop.taxonomy import Modality

NAMES = ("bubble", "dark_spots_artifact", "blood_cell_artifact")


def _glass(rows: int = 300, columns: int = 300, spacing_um: float | None = None) -> MedicalImage:
    image = colour(np.full((rows, columns, 3), 250, np.uint8), Modality.HISTOPATHOLOGY)
    return replace(image, spacing=(spacing_um / 1000,) * 2) if spacing_um else image


@pytest.mark.parametrize("name", NAMES)
def test_recommended_levels_lie_on_the_path(name: str) -> None:
    mild, severe = (find(name).path(s, Modality.HISTOPATHOLOGY) for s in (L1_SEVERITY, L2_SEVERITY))
    expected = {
        "bubble": ({"radius": 0.20, "sigma": 0.007}, {"radius": 0.35, "sigma": 0.017}),
        "dark_spots_artifact": ({"density": 0.35, "diameter": 0.35}, {"density": 1.0, "diameter": 0.60}),
        "blood_cell_artifact": ({"area": 0.06}, {"area": 0.18}),
    }
    assert (mild, severe) == expected[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_small_severity_is_a_small_change(name: str) -> None:
    image = phantom(Modality.HISTOPATHOLOGY)
    change = degrade(image, name, 0.01, seed=1).pixels.astype(float) - image.pixels
    assert np.sqrt(np.mean(change**2)) < 6


def test_a_layer_of_density_one_lets_a_tenth_through_and_is_rounded_once() -> None:
    part = colour_texture(5, 7)
    seen = seen_through(part, np.full((5, 7), 1.0, np.float32), (1.0, 0.5, 0.0), 0.0)
    expected = part * np.array([0.1, 10**-0.5, 1.0])
    assert seen.dtype == np.uint8
    # Half a level, and a rounding error where the product is a half.
    assert np.abs(seen - expected).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("radius", [0.1, 0.2, 0.35])
def test_a_bubble_covers_a_disc_of_its_radius(radius: float) -> None:
    image = colour(colour_texture(300, 300), Modality.HISTOPATHOLOGY)
    for seed in range(4):
        out = degrade(image, "bubble", seed=seed, overrides={"radius": radius, "sigma": 0.02}).pixels
        changed = scipy.ndimage.binary_fill_holes((out != image.pixels).any(axis=2))
        # A slightly uneven outline and the outer foot of the rim: 12 % of the area at most.
        assert changed.sum() == pytest.approx(np.pi * (radius * 300) ** 2, rel=0.12)


@pytest.mark.parametrize("sigma", [0.004, 0.012, 0.03])
def test_the_inside_of_a_bubble_is_blurred_by_its_sigma(sigma: float) -> None:
    image = colour(np.random.default_rng(0).integers(0, 256, (400, 400, 3)).astype(np.uint8), Modality.HISTOPATHOLOGY)
    out = degrade(image, "bubble", seed=3, overrides={"radius": 0.3, "sigma": sigma}).pixels
    changed = scipy.ndimage.binary_fill_holes((out != image.pixels).any(axis=2))
    inner = scipy.ndimage.binary_erosion(changed, iterations=int(0.3 * 400 * 0.45))
    assert inner.sum() > 500
    expected = scipy.ndimage.gaussian_filter(image.pixels.astype(float), (sigma * 400, sigma * 400, 0), mode="reflect")
    # Rounding, the tail of OpenCV's kernel and the coarser grid of a wide blur.
    assert np.abs(out[inner] - expected[inner]).mean() < 1.0


def test_a_bubble_has_a_dark_rim_and_leaves_the_rest_alone() -> None:
    image = _glass()
    out = degrade(image, "bubble", seed=5, overrides={"radius": 0.25}).pixels
    assert out.min() == pytest.approx(250 * 10**-0.55, abs=4)
    assert (out == 250).all(axis=2).mean() > 0.7
    darkest = np.argwhere(out[..., 0] < 120)
    distance = np.hypot(*(darkest - darkest.mean(axis=0)).T) / 75
    assert distance.min() > 0.85
    assert distance.max() < 1.15


def test_the_same_bubble_grows() -> None:
    image = colour(colour_texture(200, 200), Modality.HISTOPATHOLOGY)
    prepared = Prepared("bubble", image, 2)
    masks = [scipy.ndimage.binary_fill_holes((prepared.at(s) != image.pixels).any(axis=2)) for s in (0.2, 0.4, 0.6)]
    assert (masks[1] | ~masks[0]).mean() > 0.999
    assert (masks[2] | ~masks[1]).mean() > 0.999


@pytest.mark.parametrize("density", [0.35, 0.6, 1.0])
def test_dark_spots_have_the_given_peak_density_and_are_brownish(density: float) -> None:
    for seed in range(5):
        out = degrade(_glass(), "dark_spots_artifact", seed=seed, overrides={"density": density, "diameter": 0.4}).pixels
        darkest = out.reshape(-1, 3)[out[..., 2].argmin()].astype(float)
        # The peak lies between the points of the coarse grid: within 3 %, and rounding to 8 bits.
        assert -np.log10((darkest[2] + 0.5) / 250) <= density * 1.01 + 0.01
        assert -np.log10(darkest[2] / 250) == pytest.approx(density, rel=0.05, abs=0.02)
        assert darkest[0] > darkest[1] > darkest[2]


def test_dark_spots_spread_with_their_diameter_and_have_no_hard_edge() -> None:
    areas = []
    for diameter in (0.2, 0.4, 0.8):
        overrides = {"density": 0.6, "diameter": diameter, "spots": 1}
        out = degrade(_glass(), "dark_spots_artifact", seed=1, overrides=overrides).pixels
        areas.append(float((out[..., 1] < 225).mean()))
        step = np.abs(np.diff(out[..., 1].astype(int), axis=1)).max()
        assert step < 250 * 0.6 * 2.3 * 6 / (diameter * 300)
    assert areas[0] < areas[1] < areas[2]
    assert 0.3 < areas[0] / (np.pi / 4 * 0.2**2) < 1.2


def test_further_spots_are_added_to_the_first() -> None:
    for seed in range(4):
        one, two, three = (
            degrade(_glass(), "dark_spots_artifact", seed=seed, overrides={"density": 1.0, "diameter": 0.2, "spots": n}).pixels
            for n in (1, 2, 3)
        )
        assert (two <= one).all()
        assert (three <= two).all()
        assert (one < 240).any(axis=2).sum() < (two < 240).any(axis=2).sum()


@given(area=st.floats(0.02, 0.6), seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_red_cells_cover_the_given_area(area: float, seed: int) -> None:
    out = degrade(_glass(320, 260), "blood_cell_artifact", seed=seed, overrides={"area": area, "opacity": 1.0}).pixels
    covered = (out[..., 1] < 235).mean()
    # Counted on a grid of six points per cell; the thinnest edge of a cell is lighter than the threshold.
    assert covered == pytest.approx(area, rel=0.12, abs=0.003)


@pytest.mark.parametrize(("diameter", "spacing"), [(7.2, 0.5), (7.2, 0.25), (20.0, 0.5), (7.2, None)])
def test_a_red_cell_has_its_diameter_in_micrometres(diameter: float, spacing: float | None) -> None:
    image = _glass(260, 260, spacing)
    pixels = diameter / (spacing or 0.5)
    overrides = {"area": 0.02, "opacity": 1.0, "diameter_um": diameter}
    out = degrade(image, "blood_cell_artifact", seed=4, overrides=overrides).pixels
    labels, count = scipy.ndimage.label(out[..., 1] < 240)
    sizes = scipy.ndimage.sum_labels(np.ones_like(labels), labels, range(1, count + 1))
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    whole = [s for k, s in enumerate(sizes, 1) if k not in border]
    single = [s for s in whole if s < 1.4 * np.pi / 4 * pixels**2]
    assert len(single) >= 1
    assert 2 * np.sqrt(np.median(single) / np.pi) == pytest.approx(pixels, rel=0.15)


def test_a_red_cell_is_red_translucent_and_lighter_in_the_middle() -> None:
    overrides = {"area": 0.03, "opacity": 1.0, "diameter_um": 30.0}
    out = degrade(_glass(400, 400), "blood_cell_artifact", seed=2, overrides=overrides).pixels
    labels, count = scipy.ndimage.label(out[..., 1] < 240)
    area = np.pi / 4 * 60**2
    for k in range(1, count + 1):
        region = labels == k
        if not 0.75 * area < region.sum() < 1.25 * area:
            continue
        depth = scipy.ndimage.distance_transform_edt(region)
        middle, ring = out[depth > 0.85 * depth.max()], out[(depth > 7) & (depth < 12)]
        assert middle[:, 1].mean() > ring[:, 1].mean() + 10
        assert (ring[:, 0] > ring[:, 1] + 60).all()
        assert out[region][:, 1].min() > 60
        return
    pytest.fail("no single cell in the frame")


def test_more_cells_arrive_and_none_leaves() -> None:
    prepared = Prepared("blood_cell_artifact", _glass(), 3)
    previous = _glass().pixels
    for severity in (0.05, 0.2, 0.3, 0.5, 0.65, 1.0):
        out = prepared.at(severity)
        assert (out <= previous).all()
        previous = out


@pytest.mark.parametrize("name", NAMES)
def test_grey_frames_are_darkened_above_the_low_end_of_their_range(name: str) -> None:
    image = grey(texture(96, 96) * 4 - 500, Modality.HISTOPATHOLOGY, value_range=(-500.0, 600.0))
    out = degrade(image, name, 0.65, seed=1).pixels
    assert out.dtype == np.float32
    assert out.min() >= -500
    assert out.mean() < image.pixels.mean()


def test_a_spacing_that_no_microscope_has_is_not_taken_for_micrometres() -> None:
    image = _glass()
    metre = replace(image, spacing=(0.8, 0.8))
    a, b = (degrade(frame, "blood_cell_artifact", 0.3, seed=1).pixels for frame in (image, metre))
    np.testing.assert_array_equal(a, b)

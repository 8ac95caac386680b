"""CT degradations on native values: identity, HU arithmetic, Poisson statistics, one realisation for all doses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from sample_frames import colour, grey, phantom

from medqdeg_desktop.engine import projection
from medqdeg_desktop.engine.degradation import Prepared, degrade, find, parameters_at
from medqdeg_desktop.engine.degradations import low_dose
from medqdeg_desktop.engine.image import MedicalImage, frozen
from medqdeg_desktop.engine.severity_path import L1_SEVERITY, L2_SEVERITY
from medqdeg_desktop.engine.sinogram import Linogram
from medqdeg_desktop.taxonomy import Modality

NAMES = ("sparse_view", "limited_angle", "low_dose")


def _water_cylinder(side: int = 128, radius_mm: float = 100.0, spacing: float = 2.0) -> MedicalImage:
    y, x = (np.mgrid[:side, :side] - side // 2) * spacing
    pixels = np.where(x**2 + y**2 < radius_mm**2, 0.0, -1000.0)
    return grey(pixels, Modality.CT, unit="HU", spacing=(spacing, spacing), value_range=(-160, 240))


@pytest.mark.parametrize("name", NAMES)
def test_recommended_levels_lie_on_the_path(name: str) -> None:
    mild, severe = (find(name).path(s, Modality.CT) for s in (L1_SEVERITY, L2_SEVERITY))
    expected = {
        "sparse_view": ({"views": 144}, {"views": 60}),
        "limited_angle": ({"arc_deg": 174.0}, {"arc_deg": 158.0}),
        "low_dose": ({"dose": 0.25}, {"dose": 0.07}),
    }
    assert (mild, severe) == expected[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_small_severity_is_a_small_change(name: str) -> None:
    image = phantom(Modality.CT)
    change = degrade(image, name, 0.001, seed=1).pixels - image.pixels
    assert np.sqrt(np.mean(change**2)) < 3.0, "HU"


def test_the_artefact_is_the_difference_of_two_back_projections_of_attenuation() -> None:
    image = phantom(Modality.CT)
    out = degrade(image, "sparse_view", overrides={"views": 36, "start_deg": 2.0, "filter": "shepp-logan"}).pixels
    mass = np.maximum(image.pixels, -1000) + 1000
    side = projection.padded_side(*image.shape)
    artefact = projection.convolved(
        projection.padded_spectrum(mass), projection.sparse_view_transfer(side, 36, 2.0, "shepp-logan"), image.shape
    )
    np.testing.assert_allclose(out, image.pixels + artefact, atol=0.01)


def test_padding_below_air_attenuates_as_air_and_keeps_its_value() -> None:
    image = _water_cylinder()
    padded = image.pixels.copy()
    outside = np.hypot(*(np.mgrid[:128, :128] - 63.5)) > 63
    padded[outside] = -2048
    plain = degrade(image, "sparse_view", 0.65).pixels
    out = degrade(image.with_pixels(padded), "sparse_view", 0.65).pixels
    np.testing.assert_allclose(out[~outside], plain[~outside], atol=1e-3)
    np.testing.assert_allclose(out[outside] + 1048, plain[outside], atol=1e-2)


def test_a_limited_arc_keeps_mean_values() -> None:
    image = _water_cylinder()
    body = np.hypot(*(np.mgrid[:128, :128] - 64)) < 45
    for arc in (165.0, 135.0, 100.0):
        out = degrade(image, "limited_angle", overrides={"arc_deg": arc, "start_deg": 30.0}).pixels
        # Without the normalisation of a short arc the body would be 1000 (1 - arc / 180) HU too dark.
        assert abs(out[body].mean()) < 0.45 * 1000 * (1 - arc / 180)


def test_a_picture_without_hu_gets_the_artefact_of_its_assumed_window() -> None:
    hu = _water_cylinder()
    shown = replace(
        hu, pixels=((np.clip(hu.pixels, -160, 240) + 160) / 400 * 255).astype(np.float32), unit="", value_range=(0.0, 255.0)
    )
    for name in NAMES:
        in_hu = (np.clip(degrade(hu, name, 0.5, seed=3).pixels, -160, 240) + 160) / 400 * 255
        in_grey = np.clip(degrade(shown, name, 0.5, seed=3).pixels, 0, 255)
        body = shown.pixels > 0
        # The lowest sixteenth of the range stands for all that is below the window: there a picture can only be nearly black.
        bright = np.maximum(in_hu, in_grey) > 16
        np.testing.assert_allclose(in_grey[bright & body], in_hu[bright & body], atol=0.05)
        assert in_grey[~bright].max() <= 16
        assert (in_grey[~body] > 16).mean() == pytest.approx((in_hu[~body] > 16).mean(), abs=0.01)


def test_colour_frames_get_one_grey_artefact_rounded_and_saturated() -> None:
    rng = np.random.default_rng(0)
    image = colour(rng.integers(60, 200, (48, 48, 3)).astype(np.uint8), Modality.CT)
    out = degrade(image, "low_dose", overrides={"dose": 0.2}).pixels.astype(int) - image.pixels
    unclipped = (image.pixels + out > 0).all(axis=2) & (image.pixels + out < 255).all(axis=2)
    assert np.ptp(out[unclipped], axis=1).max() <= 1


def _state(image: MedicalImage, seed: int) -> low_dose.ExactDose:
    state = Prepared("low_dose", image, seed).state
    assert isinstance(state, low_dose.DoseState)
    return state.exact


def test_counts_follow_poisson_of_the_transmitted_photons() -> None:
    image = _water_cylinder()
    photons = 2e5
    state = _state(image, 1)
    expected = state.transmission.astype(np.float64) * photons
    counts = state.counts_at_full_dose(photons)
    deviation = (counts - expected) / np.sqrt(expected)
    assert deviation.mean() == pytest.approx(0, abs=0.02)
    assert deviation.var() == pytest.approx(1, abs=0.03)
    # The ray through the middle of 200 mm of water, of an element as wide as a pixel times the cosine.
    middle = state.transmission[:, state.transmission.shape[1] // 2]
    width = state.geometry.element_width()[:, 0]
    # The tube gives exp((L - 5.85) / 2) of the photons of 30 cm of water.
    integral = 0.0195 * 200
    np.testing.assert_allclose(-np.log(middle / width), integral - (integral - 0.0195 * 300) / 2, rtol=0.03)


@pytest.mark.parametrize("dose", [0.5, 0.25, 0.05])
def test_added_noise_has_the_variance_that_turns_the_source_into_the_reduced_scan(dose: float) -> None:
    photons, sigma = 1e5, 30.0
    image = _water_cylinder()
    noise = np.stack([_state(image, seed).line_integral_noise(dose, photons, sigma) for seed in range(12)])
    mean = _state(image, 0).transmission.astype(np.float64) * photons
    well_counted = mean * dose > 600
    # Reduced scan: 1 / (dose m) + sigma^2 / (dose m)^2. Source: the same at dose 1. The rest is added.
    expected = (1 / dose - 1) / mean + sigma**2 * (1 / dose**2 - 1) / mean**2
    ratio = (noise**2)[:, well_counted] / expected[well_counted]
    # Terms of second order in 1 / counts and in sigma / counts: below 2 % from 600 photons on.
    assert ratio.mean() == pytest.approx(1, abs=0.04)


def test_image_noise_is_that_of_analytic_propagation() -> None:
    image = _water_cylinder(64, 50.0)
    dose, photons = 0.25, 1e5
    states = [_state(image, seed) for seed in range(60)]
    images = np.stack([s.noise_image(dose, photons, 0.0) for s in states])
    centre = images[:, 28:36, 28:36].var()
    state = states[0]
    geometry = state.geometry
    variance = (1 / dose - 1) / (state.transmission.astype(np.float64) * photons)
    weights = _kernel_towards_the_centre(geometry)
    expected = (weights**2 * variance).sum() * (1000 / (0.0195 * 2.0)) ** 2
    assert centre == pytest.approx(expected, rel=0.10)


def _kernel_towards_the_centre(geometry: Linogram) -> np.ndarray:
    """Weight of every element (views, elements) in the middle pixel, read off the back-projection of one element per view."""
    middle, element = geometry.side // 2, geometry.elements // 2
    weights = np.zeros((2 * geometry.half_views, geometry.elements))
    # Neighbouring views have nearly the same filter: every eighth stands for eight.
    for view in range(0, len(weights), 8):
        sinogram = np.zeros(weights.shape, np.float32)
        sinogram[view, element] = 1
        smeared = geometry.back_projected(sinogram)
        across = smeared[middle, :] if view < geometry.half_views else smeared[:, middle]
        # The element d to the right reaches the middle as the middle element reaches the pixel d to the left.
        for d in range(1 - middle, middle):
            weights[view : view + 8, element + d] = across[middle - d]
    return weights


def test_a_lower_dose_makes_more_of_the_same_noise() -> None:
    image = phantom(Modality.CT)
    prepared = Prepared("low_dose", image, 5)
    mild, severe = (prepared.at(s) - image.pixels for s in (0.30, 0.65))
    assert severe.std() > 1.7 * mild.std()
    # Counts are whole numbers and starved rays saturate; elsewhere the noise is the same, larger.
    assert np.corrcoef(mild.ravel(), severe.ravel())[0, 1] > 0.9


def test_dose_one_adds_nothing_at_all() -> None:
    image = phantom(Modality.CT)
    np.testing.assert_allclose(degrade(image, "low_dose", overrides={"dose": 1.0}).pixels, image.pixels, atol=1e-3)


def test_slices_of_a_series_have_their_own_noise_and_another_seed_another_one() -> None:
    image = phantom(Modality.CT)
    noise = [
        degrade(frame, "low_dose", 0.3, seed=seed).pixels - image.pixels
        for frame, seed in ((image, 1), (replace(image, frame=1), 1), (image, 2))
    ]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(noise[a].ravel(), noise[b].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("severity", [0.05, 0.3, 0.65, 0.9, 1.0])
def test_the_picture_shown_while_dragging_is_the_exact_one_to_the_eye(severity: float) -> None:
    image = phantom(Modality.CT, 256)
    prepared = Prepared("low_dose", image, 5)
    parameters = parameters_at("low_dose", severity, Modality.CT, 5)
    exact, quick = (render(parameters) - image.pixels for render in (prepared.render, prepared.render_fast))
    body = image.pixels > -200
    # Gaussian counts and pairs of views: as much noise, in the same places, less so far from the centre.
    assert quick[body].std() == pytest.approx(exact[body].std(), rel=0.2)
    assert np.corrcoef(quick[body], exact[body])[0, 1] > 0.7
    assert abs((quick - exact)[body].mean()) < 0.1 * exact[body].std()


def test_the_matrix_does_not_change_the_noise_beyond_what_the_detector_resolves() -> None:
    image = phantom(Modality.CT, 512)
    fine = replace(
        image,
        pixels=frozen(np.repeat(np.repeat(image.pixels, 2, axis=0), 2, axis=1)),
        spacing=image.spacing and (image.spacing[0] / 2, image.spacing[1] / 2),
    )
    coarse_noise = degrade(image, "low_dose", 0.3, seed=1).pixels - image.pixels
    fine_noise = degrade(fine, "low_dose", 0.3, seed=1).pixels - fine.pixels
    averaged = fine_noise.reshape(512, 2, 512, 2).mean(axis=(1, 3))
    assert np.corrcoef(averaged.ravel(), coarse_noise.ravel())[0, 1] > 0.99
    assert averaged.std() == pytest.approx(coarse_noise.std(), rel=0.1)


@pytest.mark.parametrize(("name", "overrides"), [("sparse_view", {"views": 24}), ("limited_angle", {"start_deg": 30.0})])
def test_directions_are_those_on_the_patient_where_pixels_are_not_square(name: str, overrides: dict[str, float]) -> None:
    image = phantom(Modality.CT, 256)
    assert image.spacing is not None
    # Every second row of a frame without fine detail: the same patient on pixels twice as high as wide.
    smooth = image.with_pixels(frozen(scipy.ndimage.gaussian_filter(image.pixels, 2.0)))
    flat = replace(
        smooth, pixels=frozen(smooth.pixels.reshape(128, 2, 256).mean(axis=1)), spacing=(2 * image.spacing[0], image.spacing[1])
    )
    square = degrade(smooth, name, 0.65, seed=2, overrides=overrides).pixels - smooth.pixels
    expected = square.reshape(128, 2, 256).mean(axis=1)
    artefact = degrade(flat, name, 0.65, seed=2, overrides=overrides).pixels - flat.pixels
    assert np.corrcoef(artefact.ravel(), expected.ravel())[0, 1] > 0.9


def test_rays_without_photons_leave_a_finite_picture() -> None:
    pixels = np.full((64, 64), -1000.0)
    pixels[16:48, 16:48] = 30000.0
    image = grey(pixels, Modality.CT, unit="HU", spacing=(3.0, 3.0), value_range=(-160, 240))
    out = degrade(image, "low_dose", overrides={"dose": 0.002, "photons": 1000, "electronic_sigma": 1000}).pixels
    assert np.isfinite(out).all()


def test_real_slices_get_worse_at_full_size_whatever_the_first_view(shared_data: Path) -> None:
    from medqdeg_desktop.engine.reading import read_image

    for path in ("dicom/ct_series_uncompressed/010.dcm", "dicom/ct/CT1_RLE_FRAGS.dcm", "dicom/ct/CT_small.dcm"):
        image = read_image(shared_data / path)
        low, high = image.value_range
        clean = np.clip(image.pixels.astype(float), low, high)
        for name, seeds in (("sparse_view", (0,)), ("limited_angle", (0, 2, 4)), ("low_dose", (0,))):
            for seed in seeds:
                prepared = Prepared(name, image, seed)
                errors = [((np.clip(prepared.at(s / 20), low, high) - clean) ** 2).mean() for s in range(4, 21)]
                # 0.3 dB of PSNR; fewer than 400 views are more than the smallest matrix can tell apart.
                assert (np.diff(10 * np.log10(np.maximum(errors, 1e-3))) > -0.3).all(), (path, name, seed)


def test_the_first_view_of_a_limited_arc_comes_from_the_seed_unless_set() -> None:
    drawn = {parameters_at("limited_angle", 0.3, Modality.CT, seed)["start_deg"] for seed in range(20)}
    assert len(drawn) > 15
    assert parameters_at("limited_angle", 0.3, Modality.CT, 1, {"start_deg": 12.0})["start_deg"] == 12.0

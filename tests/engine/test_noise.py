"""Noise: standard deviation, distribution and independence, for each law against its exact moments."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from sample_frames import as_frame, colour, grey, texture

from medqdeg_desktop.engine.degradation import degrade
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.seeding import normal_field
from medqdeg_desktop.taxonomy import Modality


def _added(image: MedicalImage, seed: int = 5, **overrides: float | str) -> np.ndarray:  # type: ignore[type-arg]
    return degrade(image, "gaussian_noise", seed=seed, overrides=overrides).pixels - image.pixels


def test_gaussian_noise_has_the_asked_deviation_and_a_normal_distribution() -> None:
    image = grey(texture(300, 300), value_range=(-100.0, 400.0))
    noise = _added(image, sigma=0.05)
    # 90,000 samples: the standard error of the deviation is 0.24 %, of the mean 0.083.
    assert noise.std() == pytest.approx(0.05 * 500, rel=0.01)
    assert abs(noise.mean()) < 0.35
    assert scipy.stats.kstest(noise.ravel() / noise.std(), "norm").pvalue > 0.01


def test_gaussian_noise_is_white() -> None:
    noise = _added(grey(np.full((256, 256), 100.0)), sigma=0.1)
    spectrum = np.abs(np.fft.fft2(noise / noise.std())) ** 2 / noise.size
    bands = [spectrum[:64, :64].mean(), spectrum[64:128, 64:128].mean()]
    assert bands == pytest.approx([1.0, 1.0], abs=0.06)


def test_one_field_is_scaled_so_the_picture_does_not_boil() -> None:
    image = grey(texture(64, 64))
    np.testing.assert_allclose(_added(image, sigma=0.1), 2 * _added(image, sigma=0.05), atol=1e-4)


def test_noise_of_another_slice_or_seed_is_another_field() -> None:
    image = grey(texture(128, 128))
    first = _added(image, sigma=0.1).ravel()
    for other in (_added(as_frame(image, 1), sigma=0.1).ravel(), _added(image, seed=6, sigma=0.1).ravel()):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.03


def test_channels_of_a_colour_frame_are_independent_and_those_of_a_grey_one_equal() -> None:
    flat = np.full((200, 200, 3), 128, np.uint8)
    flat[..., 0] += 1
    noise = _added_colour(flat)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02
    assert noise.std() == pytest.approx(0.08 * 255, rel=0.02)
    disguised = _added_colour(np.full((200, 200, 3), 128, np.uint8))
    np.testing.assert_array_equal(disguised[..., 0], disguised[..., 1])
    np.testing.assert_array_equal(disguised[..., 0], disguised[..., 2])


def _added_colour(pixels: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    out = degrade(colour(pixels), "gaussian_noise", seed=1, overrides={"sigma": 0.08}).pixels
    assert out.dtype == np.uint8
    return out.astype(float) - pixels


def test_colour_noise_is_rounded_without_a_bias() -> None:
    # Truncation to 8 bits would darken by half a level.
    assert abs(_added_colour(np.full((400, 400, 3), 128, np.uint8)).mean()) < 0.15


@pytest.mark.parametrize("signal", [0.0, 20.0, 60.0, 200.0])
def test_rician_noise_has_the_exact_moments_of_a_rice_distribution(signal: float) -> None:
    image = grey(np.full((400, 400), signal), Modality.MRI, value_range=(0.0, 250.0))
    magnitude = degrade(image, "gaussian_noise", seed=2, overrides={"sigma": 0.08, "law": "rician"}).pixels
    rice = scipy.stats.rice(signal / 20.0, scale=20.0)
    assert magnitude.mean() == pytest.approx(rice.mean(), rel=0.005)
    assert magnitude.std() == pytest.approx(rice.std(), rel=0.01)
    assert scipy.stats.kstest(magnitude.ravel()[::7], rice.cdf).pvalue > 0.001


def test_rician_noise_never_makes_a_magnitude_negative() -> None:
    image = grey(np.zeros((64, 64)), Modality.MRI, value_range=(0.0, 100.0))
    assert degrade(image, "gaussian_noise", overrides={"sigma": 0.3, "law": "rician"}).pixels.min() >= 0


def test_speckle_grows_with_the_signal() -> None:
    image = grey(np.repeat([[40.0, 80.0, 160.0]], 40000, axis=0).T.copy(), Modality.ULTRASOUND)
    noise = _added(image, sigma=0.2, law="speckle")
    assert noise.std(axis=1) == pytest.approx([8.0, 16.0, 32.0], rel=0.02)
    assert noise.mean(axis=1) == pytest.approx([0.0, 0.0, 0.0], abs=0.6)


@pytest.mark.parametrize(("modality", "law"), [(Modality.MRI, "rician"), (Modality.ULTRASOUND, "speckle")])
def test_noise_on_a_proxy_is_the_area_average_of_the_full_noise(modality: Modality, law: str) -> None:
    full = grey(np.kron(texture(96, 96), np.ones((4, 4))), modality)
    settings: dict[str, float | str] = {"sigma": 0.1, "law": law}
    small = degrade(full.proxy(96), "gaussian_noise", seed=3, overrides=settings).pixels
    noisy = degrade(full, "gaussian_noise", seed=3, overrides=settings).pixels
    np.testing.assert_allclose(small, noisy.reshape(96, 4, 96, 4).mean(axis=(1, 3)), atol=0.02)


def test_the_quick_normal_numbers_are_normal_into_their_tails_and_uncorrelated() -> None:
    numbers = normal_field(11, "tails", (1500, 2000)).astype(np.float64)
    # Three million: standard errors of mean 0.0006, variance 0.0008, kurtosis 0.003.
    assert abs(numbers.mean()) < 0.0025
    assert numbers.var() == pytest.approx(1.0, abs=0.0035)
    assert scipy.stats.kurtosis(numbers.ravel()) == pytest.approx(0.0, abs=0.012)
    assert scipy.stats.kstest(numbers.ravel(), "norm").pvalue > 0.01
    beyond_four = np.count_nonzero(np.abs(numbers) > 4)
    expected = 2 * scipy.stats.norm.sf(4) * numbers.size
    assert beyond_four == pytest.approx(expected, abs=5 * np.sqrt(expected))
    for step in ((0, 1), (1, 0), (0, 2), (0, 1000)):
        moved = np.roll(numbers, step, (0, 1))
        assert abs(np.mean(numbers * moved)) < 0.0035
    np.testing.assert_array_equal(normal_field(11, "tails", (7, 3)).ravel(), normal_field(11, "tails", (3, 7)).ravel())

"""Line integrals and back-projection against closed forms and scikit-image; photon counts against scipy's laws."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scipy.stats
from skimage.transform import radon

from medqdeg_desktop.engine.photons import poisson_counts, thinned_counts
from medqdeg_desktop.engine.sinogram import linogram


def _gaussian(side: int, y0: float, x0: float, width: float) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side // 2
    return np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / (2 * width**2)).astype(np.float32)


@pytest.mark.parametrize("side", [64, 65, 128])
def test_line_integrals_of_a_gaussian_are_gaussians_where_theory_puts_them(side: int) -> None:
    geometry = linogram(side, 48)
    y0, x0, width = 0.1 * side, -0.15 * side, 3.0
    sinogram = geometry.line_integrals(_gaussian(side, y0, x0, width))
    assert sinogram.shape == (96, geometry.elements)
    u = np.arange(geometry.elements) - geometry.elements // 2
    for half, (across, along) in enumerate([(x0, y0), (y0, x0)]):
        for j, tau in enumerate(geometry.slopes):
            # The ray x + tau y = u passes the centre at this distance.
            distance = (u - across - tau * along) / np.sqrt(1 + tau**2)
            expected = np.sqrt(2 * np.pi) * width * np.exp(-(distance**2) / (2 * width**2))
            np.testing.assert_allclose(sinogram[half * 48 + j], expected, atol=2e-3)


def test_line_integrals_match_scikit_image() -> None:
    side = 128
    y, x = np.mgrid[:side, :side] - side // 2
    body = cv2.GaussianBlur((((y / 40) ** 2 + (x / 55) ** 2 < 1) * 1.0).astype(np.float32), (0, 0), 1.5)
    geometry = linogram(side, 32)
    sinogram = geometry.line_integrals(body)
    for j in (0, 9, 31):
        tau = geometry.slopes[j]
        # x + tau y with y downwards: scikit-image's angle of a detector axis (cos, -sin).
        reference = radon(body, [np.rad2deg(np.arctan(-tau))], circle=True)[:, 0]
        u = np.arange(geometry.elements) - geometry.elements // 2
        at_elements = np.interp(u / np.sqrt(1 + tau**2), np.arange(side) - side // 2, reference, left=0, right=0)
        # Linear interpolation in scikit-image: 1 % of the longest chord.
        np.testing.assert_allclose(sinogram[j], at_elements, atol=1.1)


def test_back_projection_returns_the_object_that_was_projected() -> None:
    side = 128
    body = _gaussian(side, 10, -14, 6.0) + 0.5 * _gaussian(side, -20, 18, 10.0)
    geometry = linogram(side, 128)
    restored = geometry.back_projected(geometry.line_integrals(body))
    # Smooth on the scale of the filter; the rest is the ramp's value at 0 for a finite period.
    np.testing.assert_allclose(restored, body, atol=0.02)


def test_noise_variance_of_the_reconstruction_is_that_of_linear_propagation() -> None:
    side, half_views = 96, 64
    geometry = linogram(side, half_views)
    rng = np.random.default_rng(0)
    shape = (2 * half_views, geometry.elements)
    images = np.stack([geometry.back_projected(rng.standard_normal(shape).astype(np.float32)) for _ in range(150)])
    measured = images[:, 40:56, 40:56].var()
    # Independent elements: the variance at the centre is the sum over views of the squared filter, in u.
    w = np.fft.rfftfreq(geometry.period)
    secant = np.sqrt(1 + geometry.slopes**2)[:, None]
    across = w * secant
    ramp = np.where(across <= 0.5, across * (0.5 + 0.5 * np.cos(2 * np.pi * across)), 0) * (2 / half_views) / secant**2
    expected = 2 * (2 * ramp[:, 1:] ** 2).sum() / geometry.period
    assert measured == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("side", [1, 2, 3, 7])
def test_frames_of_a_few_pixels_have_line_integrals(side: int) -> None:
    geometry = linogram(side, 64)
    sinogram = geometry.line_integrals(np.ones((side, side), np.float32))
    assert np.isfinite(sinogram).all()
    assert geometry.back_projected(sinogram).shape == (side, side)


@pytest.mark.parametrize("mean", [0.01, 0.7, 5.0, 11.9, 12.1, 40.0, 900.0, 2e5])
def test_poisson_counts_are_the_quantiles_that_scipy_finds(mean: float) -> None:
    z = np.random.default_rng(1).standard_normal(40_000).astype(np.float32)
    counts = poisson_counts(z, np.full_like(z, mean))
    reference = scipy.stats.poisson.ppf(scipy.stats.norm.cdf(z.astype(np.float64)), np.float32(mean))
    off = counts != reference
    if mean < 12:
        assert not off.any()
    # The expansion misses by one where its value falls next to a whole number; float32 adds to that at large counts.
    assert np.abs(counts - reference).max() <= 1
    assert off.mean() < 0.012


@pytest.mark.parametrize(("counts", "kept"), [(3, 0.07), (25, 0.1), (50, 0.5), (300, 0.25), (100, 0.9), (100_000, 0.1)])
def test_thinned_counts_are_binomial_quantiles(counts: int, kept: float) -> None:
    z = np.random.default_rng(2).standard_normal(40_000).astype(np.float32)
    thinned = thinned_counts(z, np.full_like(z, counts), kept)
    reference = scipy.stats.binom.ppf(scipy.stats.norm.cdf(z.astype(np.float64)), counts, kept)
    assert np.abs(thinned - reference).max() <= 1
    assert (thinned != reference).mean() < 0.012
    assert thinned.max() <= counts
    assert thinned.min() >= 0


def test_thinned_poisson_counts_are_poisson_again() -> None:
    rng = np.random.default_rng(3)
    z, thinning = rng.standard_normal((2, 200_000)).astype(np.float32)
    for mean, kept in ((80.0, 0.1), (2000.0, 0.25)):
        thinned = thinned_counts(thinning, poisson_counts(z, np.full_like(z, mean)), kept)
        # Dispersion index of a Poisson law is 1, here known to 0.3 %.
        assert thinned.mean() == pytest.approx(mean * kept, rel=0.005)
        assert thinned.var() / thinned.mean() == pytest.approx(1, abs=0.015)
        values = np.arange(int(thinned.max()) + 1)
        expected = scipy.stats.poisson.cdf(values, mean * kept)
        found = np.cumsum(np.bincount(thinned.astype(int), minlength=len(values))) / len(thinned)
        # Kolmogorov's 1 in 1000 limit for 200,000 draws.
        assert np.abs(found - expected).max() < 1.95 / np.sqrt(len(thinned))


def test_fewer_photons_come_through_at_a_lower_dose_on_every_ray() -> None:
    rng = np.random.default_rng(4)
    z = rng.standard_normal(5000).astype(np.float32)
    counts = np.rint(np.exp(rng.uniform(0, 12, 5000))).astype(np.float32)
    previous = counts
    for kept in (1.0, 0.8, 0.5, 0.2, 0.05, 0.01):
        thinned = thinned_counts(z, counts, kept)
        # By one at most where the expansion meets the exact law.
        assert (thinned <= previous + 1).all()
        previous = thinned

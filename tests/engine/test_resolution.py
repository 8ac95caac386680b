"""Blurs and low resolution against scipy, analytic lines and explicit block averages."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
import scipy.ndimage
import scipy.signal
from sample_frames import colour, colour_texture, grey, texture

from medqdeg_desktop.engine.degradation import Prepared, degrade
from medqdeg_desktop.engine.degradations.motion_blur import line_kernel

Plane = npt.NDArray[np.floating]  # type: ignore[type-arg]


def _edges(rows: int, columns: int) -> Plane:
    """Hard edges and single bright pixels: the hardest content for a blur by averaged copies."""
    pixels = texture(rows, columns, smooth=2.0)
    pixels[rows // 4 : rows // 2, columns // 3 : columns // 2] = 250
    pixels[:: max(rows // 3, 1), :: max(columns // 3, 1)] = 255
    return pixels


@pytest.mark.parametrize("shape", [(200, 200), (301, 177), (140, 250)])
@pytest.mark.parametrize("sigma", [0.6, 1.5, 2.99, 3.0, 5.9, 6.1, 12.0, 17.0, 33.0])
def test_gaussian_blur_agrees_with_scipy(shape: tuple[int, int], sigma: float) -> None:
    image = grey(_edges(*shape))
    blurred = degrade(image, "gaussian_blur", overrides={"sigma": sigma / min(shape)})
    expected = scipy.ndimage.gaussian_filter(image.pixels.astype(float), sigma, mode="reflect", truncate=6)
    # OpenCV stops at 4 sigma, which holds all but 6e-5 of the weight; the averaged copies add at most 0.1 % of the contrast.
    assert np.abs(blurred.pixels - expected).max() < 0.35
    assert np.abs(blurred.pixels - expected).mean() < 0.06


def test_gaussian_blur_works_in_millimetres_where_pixels_are_not_square() -> None:
    image = grey(_edges(120, 240), spacing=(2.0, 1.0))
    blurred = degrade(image, "gaussian_blur", overrides={"sigma": 6 / 240}).pixels
    expected = scipy.ndimage.gaussian_filter(image.pixels.astype(float), (3, 6), mode="reflect", truncate=6)
    np.testing.assert_allclose(blurred, expected, atol=0.4)


def test_gaussian_blur_shows_no_tick_where_the_averaged_copy_changes() -> None:
    prepared = Prepared("gaussian_blur", grey(_edges(512, 512)), 0)
    for octave in (3.0, 6.0, 12.0):
        sigmas = octave * (1 + 0.001 * np.array([-5, -3, -1, 1, 3, 5]))
        frames = [prepared.render({"sigma": sigma / 512}) for sigma in sigmas]
        steps = [float(np.abs(b - a).max()) for a, b in itertools.pairwise(frames)]
        # The step across the octave, between the third and fourth picture, beside those around it: below what 8 bits can show.
        assert steps[2] < max(steps[1], steps[3]) + 0.3


@pytest.mark.parametrize("sigma", [0.4, 1.2, 2.9, 3.0, 7.0])
def test_gaussian_blur_of_colour_is_the_rounded_one(sigma: float) -> None:
    image = colour(
        np.stack([_edges(180, 140), _edges(180, 140).T.copy().reshape(180, 140), _edges(180, 140)[::-1]], axis=-1).astype(
            np.uint8
        )
    )
    blurred = degrade(image, "gaussian_blur", overrides={"sigma": sigma / 140}).pixels.astype(float)
    expected = scipy.ndimage.gaussian_filter(image.pixels.astype(float), (sigma, sigma, 0), mode="reflect", truncate=6)
    # Narrow ones are summed in fixed point with 8 fractional bits; wide ones add 0.1 % of the contrast.
    difference = np.abs(blurred - np.rint(expected))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.12
    assert abs((blurred - expected).mean()) < 0.06


@pytest.mark.parametrize(("rows", "columns", "factor"), [(96, 96, 4), (120, 60, 3), (64, 128, 8)])
def test_low_resolution_by_blocks_is_the_mean_of_each_block(rows: int, columns: int, factor: int) -> None:
    image = grey(_edges(rows, columns))
    coarse = degrade(image, "low_resolution", overrides={"factor": factor, "interpolation": "nearest"}).pixels
    means = image.pixels.reshape(rows // factor, factor, columns // factor, factor).mean(axis=(1, 3))
    np.testing.assert_allclose(coarse, np.kron(means, np.ones((factor, factor))), atol=1e-3)


def test_low_resolution_enlarges_linearly_between_block_centres() -> None:
    image = grey(_edges(96, 96))
    smooth = degrade(image, "low_resolution", overrides={"factor": 4}).pixels
    means = image.pixels.reshape(24, 4, 24, 4).mean(axis=(1, 3)).astype(float)
    at = (np.arange(96) + 0.5) / 4 - 0.5
    expected = scipy.ndimage.map_coordinates(means, np.meshgrid(at, at, indexing="ij"), order=1, mode="nearest")
    np.testing.assert_allclose(smooth, expected, atol=2e-3)


def test_low_resolution_keeps_the_mean_and_at_least_one_row_of_a_thin_frame() -> None:
    thin = grey(_edges(3, 200))
    out = degrade(thin, "low_resolution", overrides={"factor": 64.0, "interpolation": "nearest"}).pixels
    assert out.shape == (3, 200)
    assert len(np.unique(out)) == 3, "200 columns over 64 leave three"
    assert out.mean() == pytest.approx(float(thin.pixels.mean()), abs=0.5)


def test_published_blocks_of_17_pixels_on_1024_are_reproduced() -> None:
    image = grey(_edges(1020, 1020))
    coarse = degrade(image, "low_resolution", overrides={"factor": 17.0, "interpolation": "nearest"}).pixels
    changes = np.flatnonzero(np.abs(np.diff(coarse, axis=1)).sum(axis=0) > 0)
    assert set(np.diff(changes)) == {17}


def test_motion_blur_along_the_rows_is_a_moving_average_of_whole_length() -> None:
    image = grey(texture(128, 200, smooth=2.0))
    blurred = degrade(image, "motion_blur", overrides={"length": 13 / 128, "angle_deg": 0.0}).pixels
    # A line of 13.0 pixels looked up bilinearly reaches an eighth of a pixel beyond 13 taps: nothing on smooth content.
    expected = scipy.ndimage.uniform_filter1d(image.pixels.astype(float), 13, axis=1, mode="reflect")
    np.testing.assert_allclose(blurred, expected, atol=0.6)


@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0, 117.0, 90.0])
@pytest.mark.parametrize("length", [5.3, 21.0, 48.5])
def test_motion_blur_agrees_with_the_mean_of_shifted_frames(angle: float, length: float) -> None:
    image = grey(texture(160, 140, smooth=2.5))
    blurred = degrade(image, "motion_blur", overrides={"length": length / 140, "angle_deg": angle}).pixels
    # Independent: scipy's shifts, bilinear, 400 along the line; angle counter-clockwise on screen, rows downward.
    steps = (np.arange(400) + 0.5) / 400 - 0.5
    down, right = -math.sin(math.radians(angle)) * length, math.cos(math.radians(angle)) * length
    expected = np.mean(
        [scipy.ndimage.shift(image.pixels.astype(float), (t * down, t * right), order=1, mode="grid-mirror") for t in steps],
        axis=0,
    )
    assert np.abs(blurred - expected).max() < 0.05


def test_motion_blur_of_colour_is_rounded_once_however_it_is_computed() -> None:
    image = colour(colour_texture(120, 90))
    for length in (6.0, 40.0):
        blurred = degrade(image, "motion_blur", overrides={"length": length / 90, "angle_deg": 20.0}).pixels
        kernel = line_kernel(-math.sin(math.radians(20)) * length, math.cos(math.radians(20)) * length)
        planes = [scipy.ndimage.convolve(image.pixels[..., k].astype(float), kernel, mode="reflect") for k in range(3)]
        assert np.abs(blurred - np.stack(planes, axis=-1)).max() < 0.501


def test_motion_blur_of_a_point_is_a_line_of_its_length_and_direction() -> None:
    pixels = np.zeros((129, 129))
    pixels[64, 64] = 1000.0
    line = degrade(grey(pixels), "motion_blur", overrides={"length": 41 / 129, "angle_deg": 30.0}).pixels.astype(float)
    line /= line.sum()
    y, x = np.mgrid[:129, :129] - 64.0
    covariance = np.array([[(line * x * x).sum(), (line * x * y).sum()], [(line * x * y).sum(), (line * y * y).sum()]])
    values, vectors = np.linalg.eigh(covariance)
    assert math.sqrt(12 * values[1]) == pytest.approx(41, rel=0.02), "a uniform line of length L has a variance of L^2 / 12"
    direction = math.degrees(math.atan2(-vectors[1, 1], vectors[0, 1])) % 180
    assert direction == pytest.approx(30, abs=0.5)


def test_motion_blur_does_not_wrap_around() -> None:
    pixels = np.zeros((64, 64))
    pixels[:, :4] = 200
    blurred = degrade(grey(pixels), "motion_blur", overrides={"length": 0.5, "angle_deg": 0.0}).pixels
    assert np.abs(blurred[:, -8:]).max() < 1.0


def test_short_lines_summed_directly_and_long_ones_by_spectra_join_without_a_tick() -> None:
    prepared = Prepared("motion_blur", grey(_edges(512, 512)), 0)

    def at(length: float) -> Plane:
        return prepared.render({"length": length / 512, "angle_deg": 37.0})

    # At 37 degrees the kernel outgrows the direct sum between 13 and 16 pixels; no step on the way stands out.
    lengths = np.arange(12.0, 18.0, 0.05)
    frames = [at(float(length)) for length in lengths]
    steps = [float(np.abs(b - a).max()) for a, b in itertools.pairwise(frames)]
    sizes = [line_kernel(-math.sin(math.radians(37)) * v, math.cos(math.radians(37)) * v).size for v in lengths]
    assert min(sizes) < 130 <= max(sizes)
    assert max(steps) < 3 * float(np.median(steps)) + 0.1


def test_the_weights_of_a_line_are_those_of_bilinear_look_up() -> None:
    np.testing.assert_allclose(line_kernel(0.0, 0.0), [[1.0]])
    np.testing.assert_allclose(line_kernel(0.0, 3.0), [[1 / 24, 7 / 24, 1 / 3, 7 / 24, 1 / 24]], atol=2e-4)
    kernel = line_kernel(-7.3, 11.9)
    assert kernel.sum() == pytest.approx(1)
    assert kernel.min() >= 0
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-7)


def test_motion_blur_takes_its_direction_from_the_seed_alone() -> None:
    image = grey(_edges(96, 96))
    first, again, other = (degrade(image, "motion_blur", 0.8, seed=seed).pixels for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1

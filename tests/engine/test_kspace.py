"""MR sampling against plain numpy transforms and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medqdeg_desktop.engine import kspace


def _picture(rows: int, columns: int) -> np.ndarray:
    rng = np.random.default_rng(rows * 1000 + columns)
    return (rng.random((rows, columns)) * 500).astype(np.float32)


@pytest.mark.parametrize("shape", [(64, 64), (33, 47), (1, 5), (7, 1), (2, 2)])
@pytest.mark.parametrize("axis", [0, 1])
def test_weighted_lines_give_the_magnitude_that_a_plain_complex_fft_gives(shape: tuple[int, int], axis: int) -> None:
    picture = _picture(*shape)
    weights = np.random.default_rng(1).random(shape[axis]).astype(np.float32)
    reference = np.abs(np.fft.ifft(np.fft.fft(picture, axis=axis) * np.expand_dims(weights, 1 - axis), axis=axis))
    image = kspace.weighted_image(kspace.half_spectrum(picture, axis), weights, axis)
    assert image.dtype == np.float32
    # float32 transforms: a few rounding errors of the largest value.
    np.testing.assert_allclose(image, reference, atol=500 * 1e-5)


def test_line_numbers_are_those_of_fftfreq() -> None:
    for lines in (1, 2, 5, 8):
        np.testing.assert_array_equal(kspace.line_numbers(lines), np.rint(np.fft.fftfreq(lines) * lines))


@given(lines=st.integers(1, 300), seed=st.integers(0, 99), density=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_higher_acceleration_keeps_a_subset_of_the_lines(lines: int, seed: int, density: bool) -> None:
    draw = kspace.density_order if density else kspace.random_order
    order = draw(lines, np.random.default_rng(seed))
    assert sorted(order) == list(range(lines))
    before = np.ones(lines, bool)
    for acceleration, fraction in ((1.0, 0.1), (1.7, 0.09), (3.0, 0.08), (6.0, 0.05), (12.0, 0.03)):
        mask = kspace.nested_mask(order, acceleration, fraction)
        assert mask[0], "the line k = 0 carries the mean and is always measured"
        assert not (mask & ~before).any()
        before = mask


@given(lines=st.integers(8, 600), acceleration=st.floats(1, 16), fraction=st.floats(0, 0.06))
@settings(max_examples=60, deadline=None)
def test_acceleration_is_all_lines_over_kept_lines(lines: int, acceleration: float, fraction: float) -> None:
    order = kspace.random_order(lines, np.random.default_rng(0))
    kept = int(kspace.nested_mask(order, acceleration, fraction).sum())
    assert kept == max(round(lines / acceleration), round(fraction * lines), 1)


def test_the_centre_is_symmetric_around_k_0() -> None:
    for lines in (63, 64):
        k = kspace.line_numbers(lines)[kspace.centre_lines(lines, 9 / lines)]
        assert sorted(k) == list(range(-4, 5))


def test_every_fourth_line_folds_the_object_fourfold() -> None:
    picture = np.zeros((64, 8), np.float32)
    picture[10:14] = 100
    mask = kspace.equispaced_mask(64, 4, 0).astype(np.float32)
    assert mask.sum() == 16
    image = kspace.weighted_image(kspace.half_spectrum(picture, 0), mask, 0)
    expected = sum(np.roll(picture, shift, 0) for shift in (0, 16, 32, 48)) / 4
    np.testing.assert_allclose(image, expected, atol=1e-3)


@pytest.mark.parametrize(("lines", "ghosts"), [(240, 6), (240, 5), (256, 4), (252, 7)])
def test_ghosts_stand_at_the_distance_and_strength_of_their_formula(lines: int, ghosts: int) -> None:
    # A thin line far from a constant: what k = 0 keeps is its mean, 1 / lines of it.
    picture = np.zeros((lines, 3), np.float32)
    picture[lines // 3] = 1000
    intensity = 1.2
    image = kspace.weighted_image(kspace.half_spectrum(picture, 0), kspace.ghost_weights(lines, ghosts, intensity), 0)
    spacing = lines // ghosts
    strength = intensity / (ghosts + intensity)
    for n in range(ghosts):
        expected = 1000 if n == 0 else 1000 * strength
        # The kept k = 0 shifts everything by at most the mean of the object.
        assert image[(lines // 3 + n * spacing) % lines, 1] == pytest.approx(expected, abs=1.5 * 1000 / lines)
    between = (lines // 3 + spacing // 2) % lines
    assert image[between, 1] < 1.5 * 1000 / lines


def test_ghosts_leave_the_mean_of_a_frame_that_stays_positive() -> None:
    picture = _picture(120, 40) + 2000
    image = kspace.weighted_image(kspace.half_spectrum(picture, 0), kspace.ghost_weights(120, 6, 0.5), 0)
    assert image.mean() == pytest.approx(picture.mean(), rel=1e-5)


def test_ghosts_of_a_matrix_that_their_number_does_not_divide_are_a_fraction_of_a_pixel_apart() -> None:
    lines, ghosts = 250, 6
    position = np.arange(lines)
    picture = np.repeat(np.exp(-0.5 * ((position - 60) / 3) ** 2)[:, None], 2, axis=1).astype(np.float32) * 100
    image = kspace.weighted_image(kspace.half_spectrum(picture, 0), kspace.ghost_weights(lines, ghosts, 2.0), 0)[:, 0]
    nearby = slice(60 + 30, 60 + 55)
    peak = nearby.start + int(np.argmax(image[nearby]))
    assert abs(peak - 60 - lines / ghosts) < 1.5

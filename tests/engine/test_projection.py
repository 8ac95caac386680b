"""Transfer functions of view subsets against kernels summed in space and against scikit-image's Radon transform."""

from __future__ import annotations

import threading
from functools import cache

import cv2
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import iradon, radon

from medqdeg_desktop.engine import projection


def _disc(side: int) -> np.ndarray:
    """A body of 1 with a dense and a hollow inclusion, inside the inscribed circle, slightly soft."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    body = ((y / (0.31 * side)) ** 2 + (x / (0.23 * side)) ** 2 < 1).astype(np.float32)
    body[(y - 0.10 * side) ** 2 + (x + 0.10 * side) ** 2 < (0.055 * side) ** 2] = 1.4
    body[(y + 0.14 * side) ** 2 + (x - 0.06 * side) ** 2 < (0.04 * side) ** 2] = 0.3
    return cv2.GaussianBlur(body, (0, 0), 1.0)


@cache
def _ramp_kernel(side: int, filter_name: str) -> tuple[np.ndarray, np.ndarray]:
    w = np.linspace(-0.5, 0.5, 1001)
    spectrum = np.abs(w) * projection.apodisation(w.astype(np.float32), filter_name)
    t = np.linspace(-1.5 * side, 1.5 * side, 3 * side * 12 + 1)
    return t, np.trapezoid(spectrum * np.cos(2 * np.pi * np.outer(t, w)), w, axis=1)


@cache
def _kernel_of_all_views(side: int, filter_name: str) -> np.ndarray:
    return _kernel(side, np.arange(300) * 0.6, np.full(300, np.pi / 300), filter_name)


def _kernel(side: int, angles_deg: np.ndarray, weights: np.ndarray, filter_name: str) -> np.ndarray:
    """Sum over views of the ramp kernel h(x . n) at all displacements in a frame: the definition, by numerical integration."""
    t, h = _ramp_kernel(side, filter_name)
    y, x = np.mgrid[1 - side : side, 1 - side : side]
    kernel = np.zeros(x.shape)
    for angle, weight in zip(np.deg2rad(angles_deg), weights, strict=True):
        kernel += weight * np.interp(x * np.cos(angle) - y * np.sin(angle), t, h)
    return kernel


def _by_definition(mass: np.ndarray, angles_deg: np.ndarray, weights: np.ndarray, filter_name: str) -> np.ndarray:
    side = len(mass)
    kernel = _kernel(side, angles_deg, weights, filter_name) - _kernel_of_all_views(side, filter_name)
    return scipy.signal.fftconvolve(mass, kernel)[side - 1 : 2 * side - 1, side - 1 : 2 * side - 1]


def _artefact(mass: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    return projection.convolved(projection.padded_spectrum(mass), transfer, mass.shape)


# Near the origin the transfer function takes rays for straight, reads a table in steps of a sixteenth of a bin, and takes the
# mean of the artefact, which a scan with all views shares, as 0: a tenth of the artefact at 64 pixels (1 % at 512).
_SHARE = 0.11
_CORRELATION = 0.994


@pytest.mark.parametrize("filter_name", ["hann", "shepp-logan", "ram-lak"])
@pytest.mark.parametrize(("views", "start"), [(12, 0.0), (23, 3.5), (30, 45.0)])
def test_sparse_views_are_the_sum_of_their_kernels_minus_all(filter_name: str, views: int, start: float) -> None:
    mass = _disc(64)
    expected = _by_definition(mass, start + np.arange(views) * 180 / views, np.full(views, np.pi / views), filter_name)
    transfer = projection.sparse_view_transfer(projection.padded_side(64, 64), views, start, filter_name)
    result = _artefact(mass, transfer)
    assert np.corrcoef(expected.ravel(), result.ravel())[0, 1] > _CORRELATION
    assert (expected - result).std() < _SHARE * expected.std()


@pytest.mark.parametrize(("arc", "start", "taper"), [(150.0, 20.0, 4.0), (100.0, 77.0, 4.0), (100.0, 160.0, 0.0)])
def test_a_limited_arc_is_the_weighted_sum_of_its_kernels_minus_all(arc: float, start: float, taper: float) -> None:
    mass = _disc(64)
    angles = np.arange(450) * 0.4
    weights = projection.arc_weights(angles, arc, start, taper) * np.pi / 450
    expected = _by_definition(mass, angles, weights, "hann")
    transfer = projection.limited_angle_transfer(projection.padded_side(64, 64), arc, start, taper, "hann")
    result = _artefact(mass, transfer)
    assert np.corrcoef(expected.ravel(), result.ravel())[0, 1] > _CORRELATION
    assert (expected - result).std() < _SHARE * expected.std()


@pytest.fixture(scope="module")
def scan() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A body of 192 pixels, its Radon transform in 720 views and its filtered back-projection, all by scikit-image."""
    mass = _disc(192)
    sinogram = radon(mass, np.arange(720) / 4, circle=True)
    return mass, sinogram, iradon(sinogram, np.arange(720) / 4, filter_name="hann", circle=True)


def _inside(side: int) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side // 2
    return x**2 + y**2 < (side // 2 - 2) ** 2


@pytest.mark.parametrize(("views", "correlation"), [(15, 0.99), (30, 0.985), (48, 0.97)])
def test_sparse_views_match_scikit_image(scan: tuple[np.ndarray, np.ndarray, np.ndarray], views: int, correlation: float) -> None:
    mass, sinogram, full = scan
    chosen = np.arange(0, 720, 720 // views)
    expected = iradon(sinogram[:, chosen], chosen / 4, filter_name="hann", circle=True) - full
    result = _artefact(mass, projection.sparse_view_transfer(projection.padded_side(*mass.shape), views, 0.0, "hann"))
    inside = _inside(len(mass))
    # scikit-image interpolates linearly twice, in projecting and in back-projecting, which takes a fifth off the finest streaks:
    # the more views, the finer are those that remain.
    assert np.corrcoef(expected[inside], result[inside])[0, 1] > correlation
    assert 0.7 < expected[inside].std() / result[inside].std() < 1.05


@pytest.mark.parametrize(("arc", "start"), [(150.0, 20.0), (100.0, 60.0)])
def test_a_limited_arc_matches_scikit_image(scan: tuple[np.ndarray, np.ndarray, np.ndarray], arc: float, start: float) -> None:
    mass, sinogram, full = scan
    angles = np.arange(720) / 4
    measured = (angles - start) % 180 < arc
    # iradon divides by the number of views it is given: a short arc is normalised there too.
    expected = iradon(sinogram[:, measured], angles[measured], filter_name="hann", circle=True) - full
    transfer = projection.limited_angle_transfer(projection.padded_side(*mass.shape), arc, start, 0.0, "hann")
    result = _artefact(mass, transfer)
    inside = _inside(len(mass))
    assert np.corrcoef(expected[inside], result[inside])[0, 1] > 0.998
    assert expected[inside].std() == pytest.approx(result[inside].std(), rel=0.03)


def test_rays_of_the_first_view_run_along_the_columns() -> None:
    mass = np.zeros((96, 96), np.float32)
    mass[48, 48] = 1
    artefact = _artefact(mass, projection.sparse_view_transfer(projection.padded_side(96, 96), 4, 0.0, "hann"))
    # The streak of a point runs along the ray: strong far above it, weak where no ray of 0, 45, 90 or 135 degrees passes.
    assert artefact[10, 48] > 5 * abs(artefact[10, 29])


def test_views_beyond_what_the_matrix_can_tell_apart_change_nothing() -> None:
    mass = _disc(64)
    assert np.abs(_artefact(mass, projection.sparse_view_transfer(projection.padded_side(64, 64), 720, 0.0, "hann"))).max() < 1e-4
    full_arc = projection.limited_angle_transfer(projection.padded_side(64, 64), 180.0, 33.0, 4.0, "hann")
    assert np.abs(_artefact(mass, full_arc)).max() < 1e-4


def test_an_object_cut_by_the_frame_gets_no_ring_and_no_bright_border() -> None:
    mass = np.full((96, 96), 1000, np.float32)
    artefact = _artefact(mass, projection.sparse_view_transfer(projection.padded_side(96, 96), 60, 0.0, "hann"))
    # A uniform object has no structure to cast streaks; its edge lies outside the frame and is soft.
    assert np.abs(artefact).max() < 10


@given(arc=st.floats(10, 180), start=st.floats(0, 180), taper=st.floats(0, 45))
@settings(max_examples=80, deadline=None)
def test_weights_of_an_arc_have_mean_one_and_vanish_outside(arc: float, start: float, taper: float) -> None:
    angles = np.arange(7200) / 40
    weights = projection.arc_weights(angles, arc, start, taper)
    assert weights.min() >= 0
    # Counting whole steps of a fortieth of a degree.
    assert weights.mean() == pytest.approx(1, abs=0.02)
    outside = (angles - start) % 180 > arc
    assert not weights[outside].any()


def test_the_filter_of_a_proxy_is_that_of_the_full_matrix() -> None:
    full = _artefact(_disc(256), projection.sparse_view_transfer(projection.padded_side(256, 256), 40, 0.0, "hann"))
    small_mass = cv2.resize(_disc(256), (128, 128), interpolation=cv2.INTER_AREA)
    small = _artefact(small_mass, projection.sparse_view_transfer(projection.padded_side(128, 128), 40, 0.0, "hann", 2.0))
    expected = cv2.resize(full, (128, 128), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(expected.ravel(), small.ravel())[0, 1] > 0.98


def test_the_cache_holds_no_more_than_its_bytes_and_serves_many_threads() -> None:
    cache = projection._ArrayCache(5000)
    built: list[int] = []

    def fetch() -> None:
        for k in range(40):
            value = cache.get(k % 10, lambda k=k: built.append(k) or np.full(250, k % 10, np.float32))
            assert value[0] == k % 10

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache._bytes <= 5000
    assert cache._bytes == sum(v.nbytes for v in cache._entries.values())
    assert len(built) >= 10


def test_an_array_of_more_than_half_of_the_cache_is_handed_out_and_not_kept() -> None:
    cache = projection._ArrayCache(4000)
    kept = cache.get("small", lambda: np.zeros(400, np.float32))
    assert cache.get("large", lambda: np.ones(600, np.float32)).size == 600
    assert cache.get("small", lambda: pytest.fail("it was driven out")) is kept
    assert cache.get("large", lambda: np.full(600, 2, np.float32))[0] == 2


@pytest.mark.parametrize("side", [64, 135, 1024])
def test_bands_cover_the_spectrum_once_and_mirror_its_rows(side: int) -> None:
    seen = np.zeros(side, int)
    frequency = np.fft.fftfreq(side, 1 / side)
    for rows, of_quadrant, sign in projection._bands(side):
        seen[rows] += 1
        distance = np.arange(side // 2 + 1)[of_quadrant]
        assert (distance == np.abs(frequency[rows])).all()
        # Rows run downwards: positive frequencies have their directions below the axis.
        assert (np.where(sign < 0, 1, -1) * np.sign(frequency[rows]) >= 0).all()
    assert (seen == 1).all()

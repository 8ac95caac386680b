"""Parallel-beam CT: filtered back-projection of a part of the views, as a transfer function of the image.

Projecting an image along one direction, filtering and back-projecting is a convolution with a kernel that does not know the
image: h(x . n), the ramp-filter kernel h smeared along the ray (Kak and Slaney, Principles of Computerized Tomographic
Imaging, ch. 3). For a set of views the kernels add up: back-projection of some views minus back-projection of all views is one
multiplication of the padded spectrum by a real function that does not depend on the image, built here without a sinogram.

In the plane of frequencies a view is a ray through the origin. The kernel acts over finite distances only, which spreads the ray
sideways by the spectrum of the window g: 1 up to 3/4 of half the padded period, falling to 0 at 5/4 of it as a raised cosine.
Distances beyond the flat part occur between opposite edges of the frame alone. With u the distance from a ray in bins of the
padded transform and V equidistant views, neighbouring rays lie du = pi rho / V bins apart at radius rho (in bins), and

    H_views(k) = W(rho) du sum_m G(u + m du)  =  W(rho) (1 + 2 sum_n g(n / du) cos(2 pi n u / du))      (Poisson's formula)

with W the apodisation of the ramp and H_all = W. Close to the origin, du < 8/5, rays overlap fully and the difference is
exactly 0: coarse structure survives sparse views. All weights are float32; angles follow scikit-image: 0 has rays along
columns, and views go round counter-clockwise on the screen.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache
from typing import Any, Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine import fourier

Float32 = npt.NDArray[np.float32]
Complex64 = npt.NDArray[np.complex64]
RampFilter = Literal["hann", "shepp-logan", "ram-lak"]

MU_WATER_PER_MM: Final = 0.0195
"""Linear attenuation of water at about 70 keV, the mean energy of a 120 kV beam."""

_TRANSITION: Final = 0.25
"""Half-width of the fall of the window g, as a fraction of half the period."""
_NEAR: Final = 16.0
"""Ray distance in bins beyond which neighbouring rays no longer overlap (G < 0.001 at 8 bins)."""
_LEVELS: Final = 256
_BLURRED_REACH: Final = 40
"""Radius in bins below which the blur of a wedge by the window is drawn; beyond it is narrower than 1.5 degrees."""
_DIRECTIONS: Final = 512
_BAND: Final = 1 << 19
"""Coefficients that are computed at a time."""
_ENTRIES: Final = 65536
_MARGIN: Final = 8
"""1 / share of the side by which the frame is continued before it fades to air, so that no edge of the frame casts streaks."""


def apodisation(frequency: Float32, name: str) -> Float32:
    """Apodisation W of the ramp at ``frequency`` in cycles per pixel, 0 beyond 0.5.

    ``ram-lak`` and ``shepp-logan`` end in a raised cosine over the last fifth of the band: a bare cut-off makes the kernel
    ring as 1 / t, and a view along a diagonal of the grid then leaves an offset.
    """
    f = np.minimum(np.abs(frequency), np.float32(0.5))
    if name == "hann":
        return np.float32(0.5) + np.float32(0.5) * np.cos(np.float32(2 * np.pi) * f)
    edge = np.float32(0.5) + np.float32(0.5) * np.cos(np.float32(np.pi) * np.clip((f - 0.4) / np.float32(0.1), 0, 1))
    return edge * np.sinc(f).astype(np.float32) if name == "shepp-logan" else edge


def padded_side(rows: int, columns: int) -> int:
    """Side of the square period on which a frame is convolved: twice the longer side or a little more, a fast FFT length.

    In steps of 64, so that pictures of many sizes share their transfer functions.
    """
    return int(fourier.next_fast_len(-(-2 * max(rows, columns) // 64) * 64, real=True))


def padded_spectrum(mass: Float32) -> Complex64:
    """rfft2 of ``mass`` (rows, columns; 0 is air), continued at its edges by an eighth of its side and faded to air there."""
    rows, columns = mass.shape
    side = padded_side(rows, columns)
    above, left = rows // _MARGIN, columns // _MARGIN
    bordered = cv2.copyMakeBorder(mass, above, above, left, left, cv2.BORDER_REPLICATE)
    faded = bordered * (_fade(rows, above)[:, None] * _fade(columns, left))
    # The frame begins at the origin, its border before it lies at the far end of the period. Rows of air need no transform.
    lines = np.zeros((rows + 2 * above, side), np.float32)
    lines[:, : columns + left] = faded[:, left:]
    lines[:, side - left :] = faded[:, :left]
    spectra = fourier.rfft(lines, axis=1, overwrite_x=True, workers=1)
    padded = np.zeros((side, side // 2 + 1), np.complex64)
    padded[: rows + above] = spectra[above:]
    padded[side - above :] = spectra[:above]
    return np.asarray(fourier.fft(padded, axis=0, overwrite_x=True, workers=1), np.complex64)


def convolved(spectrum: Complex64, transfer: Float32, shape: tuple[int, int]) -> Float32:
    """The frame-sized corner of the image whose ``padded_spectrum`` is multiplied by ``transfer``."""
    side = spectrum.shape[0]
    rows, columns = shape
    # Rows outside the frame need no second transform.
    lines = fourier.ifft(spectrum * transfer, axis=0, overwrite_x=True, workers=1)[:rows]
    return np.asarray(fourier.irfft(lines, n=side, axis=1, workers=1)[:, :columns], np.float32)


def _fade(inner: int, margin: int) -> Float32:
    """1 over ``inner`` samples, a raised cosine to 0 over ``margin`` samples on both sides."""
    ramp = 0.5 + 0.5 * np.cos(np.pi * (np.arange(margin) + 1) / (margin + 1))
    return np.concatenate([ramp[::-1], np.ones(inner), ramp]).astype(np.float32)


def sparse_view_transfer(side: int, views: int, start_deg: float, filter_name: str, reduction: float = 1.0) -> Float32:
    """H_views - H_all for ``views`` equidistant views over 180 degrees from ``start_deg`` on, (side, side // 2 + 1) float32.

    reduction   full size / proxy size: the filter belongs to the full matrix.
    """
    key = ("sparse", side, views, start_deg % (180 / views), filter_name, reduction)
    return _CACHE.get(key, lambda: _sparse_view_transfer(side, views, start_deg, filter_name, reduction))


def limited_angle_transfer(
    side: int, arc_deg: float, start_deg: float, taper_deg: float, filter_name: str, reduction: float = 1.0
) -> Float32:
    """H_arc - H_all for densely spaced views from ``start_deg`` over ``arc_deg`` of 180 degrees, (side, side // 2 + 1) float32.

    The weight of a view falls as a raised cosine over the last ``taper_deg`` at both ends of the arc (never wider than the
    missing part), and is normalised to a mean of 1 over 180 degrees, as a short-arc reconstruction is: mean values stay.
    """
    key = ("limited", side, arc_deg, start_deg % 180, taper_deg, filter_name, reduction)
    return _CACHE.get(key, lambda: _limited_angle_transfer(side, arc_deg, start_deg, taper_deg, filter_name, reduction))


def _sparse_view_transfer(side: int, views: int, start_deg: float, filter_name: str, reduction: float) -> Float32:
    difference = np.empty((side, side // 2 + 1), np.float32)
    directions, fall = _directions(side), _apodised(side, filter_name, reduction)
    reach = math.ceil(_NEAR * views / np.pi) + 1
    for rows, of_quadrant, sign in _bands(side):
        offset = directions[of_quadrant] * np.float32(sign * views)
        offset -= np.float32((start_deg * views / 180) % 1)
        offset -= np.rint(offset)
        np.abs(offset, out=offset)
        spacing = _radius(side, of_quadrant)
        spacing *= np.float32(np.pi / views)
        # Far from the origin the nearest ray alone counts; its table is indexed by the distance in 16 bits.
        index = np.minimum(spacing * offset * np.float32((_ENTRIES - 1) / _NEAR), np.float32(_ENTRIES - 1)).astype(np.uint16)
        band = difference[rows]
        np.multiply(spacing, cv2.LUT(index, _ray_table()), out=band)
        band -= 1
        near, far = spacing[:, :reach], np.float32(_LEVELS - 1)
        if near.min() < _NEAR:
            level = np.minimum(near * np.float32(_LEVELS / _NEAR) + np.float32(0.5), far)
            place = (offset[:, :reach] * np.float32(2 * (_LEVELS - 1)) + np.float32(0.5)).astype(np.uint16)
            overlap = np.asarray(cv2.LUT(level.astype(np.uint16) * np.uint16(_LEVELS) + place, _overlap_table()), np.float32)
            np.copyto(band[:, :reach], overlap, where=near < _NEAR)
        band *= fall[of_quadrant]
    return difference


def _limited_angle_transfer(
    side: int, arc_deg: float, start_deg: float, taper_deg: float, filter_name: str, reduction: float
) -> Float32:
    weights = arc_weights(np.arange(_ENTRIES // 8) * (180 * 8 / _ENTRIES), arc_deg, start_deg, taper_deg) - 1
    table = np.repeat(weights.astype(np.float32), 8)
    difference = np.empty((side, side // 2 + 1), np.float32)
    places, fall = _angle_index(side), _apodised(side, filter_name, reduction)
    for rows, of_quadrant, sign in _bands(side):
        # Whole turns of the index drop out as the upper bits do: the mirrored direction is the negative of its index.
        index = places[of_quadrant] if sign > 0 else np.negative(places[of_quadrant])
        np.multiply(cv2.LUT(index, table), fall[of_quadrant], out=difference[rows])
    # Near the origin the window g blurs the wedge over angles: the harmonic n of the weights is multiplied by g(n / (pi rho)).
    reach = min(_BLURRED_REACH, side // 2)
    rings = np.arange(3 * reach + 2)[:, None] / 2
    coarse = arc_weights(np.arange(_DIRECTIONS) * (180 / _DIRECTIONS), arc_deg, start_deg, taper_deg) - 1
    harmonics = np.fft.rfft(coarse) * _window(np.arange(_DIRECTIONS // 2 + 1) / (np.pi * np.maximum(rings, 1e-6)))
    blurred = np.fft.irfft(harmonics, n=_DIRECTIONS, axis=1).astype(np.float32)
    blurred = np.concatenate([blurred, blurred[:, :1]], axis=1)
    directions = _directions(side)
    for rows, of_quadrant, sign in _bands(side):
        rho = np.ascontiguousarray(_radius(side, of_quadrant)[:, : reach + 1])
        kept = rho[:, 0] <= reach
        if kept.any():
            turns = directions[of_quadrant][kept, : reach + 1] * np.float32(sign)
            turns -= np.floor(turns)
            drawn = cv2.remap(blurred, turns * np.float32(_DIRECTIONS), rho[kept] * 2, cv2.INTER_LINEAR)
            difference[rows][kept, : reach + 1] = drawn * fall[of_quadrant][kept, : reach + 1]
    return difference


def arc_weights(
    angles_deg: npt.NDArray[np.floating[Any]], arc_deg: float, start_deg: float, taper_deg: float
) -> npt.NDArray[np.float64]:
    """Weight of views at ``angles_deg``: 0 outside the arc, tapered at its ends, mean 1 over 180 degrees."""
    taper = min(taper_deg, 180 - arc_deg, arc_deg / 2)
    along = (angles_deg - start_deg) % 180
    inside = np.minimum(along, arc_deg - along)
    if taper < 1e-6:
        return np.where(inside >= 0, 180 / arc_deg, 0.0) if arc_deg < 180 else np.ones_like(angles_deg)
    weight = 0.5 - 0.5 * np.cos(np.pi * np.clip(inside / taper, 0, 1))
    return np.asarray(weight * (180 / (arc_deg - taper)))


def _window(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """g at ``distance`` in units of the period: 1 up to 0.375, 0 from 0.625 on."""
    fall = (np.abs(distance) / 0.5 - (1 - _TRANSITION)) / (2 * _TRANSITION)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.clip(fall, 0, 1)))


@lru_cache(maxsize=1)
def _ray_table() -> Float32:
    """G(u), the spectrum of g, for u from 0 to 16 bins in 65536 steps: a box of one period smoothed by a raised cosine."""
    u = np.arange(_ENTRIES) * (_NEAR / (_ENTRIES - 1))
    x = _TRANSITION * u
    with np.errstate(divide="ignore", invalid="ignore"):
        smooth = np.where(np.abs(2 * x - 1) < 1e-9, np.pi / 4, np.cos(np.pi * x) / (1 - 4 * x**2))
    table = (np.sinc(u) * smooth).astype(np.float32)
    table[-1] = 0
    return table


@lru_cache(maxsize=1)
def _overlap_table() -> Float32:
    """2 sum_n g(n / du) cos(2 pi n u / du): rows du from 0 to 16 bins, columns u / du from 0 to 1/2; 65536 entries."""
    du = (np.arange(_LEVELS) * (_NEAR / _LEVELS))[:, None]
    place = np.arange(_LEVELS) * (0.5 / (_LEVELS - 1))
    table = np.zeros((_LEVELS, _LEVELS))
    for n in range(1, math.ceil(_NEAR * (1 + _TRANSITION) / 2) + 1):
        table += 2 * _window(n / np.maximum(du, 1e-9)) * np.cos(2 * np.pi * n * place)
    return table.astype(np.float32).ravel()


def _bands(side: int) -> Iterator[tuple[slice, slice, int]]:
    """(rows of a spectrum of (side, side), the same rows of a quadrant, sign of the directions there), a few rows at a time.

    What depends on the distance from row 0 alone is kept for one quadrant; bands stay in the processor's cache, and nothing of
    the size of a whole spectrum is made beside the result.
    """
    ahead = (side + 1) // 2
    step = max(1, _BAND // side)
    for first in range(0, ahead, step):
        # Rows run downwards, angles counter-clockwise.
        yield slice(first, min(first + step, ahead)), slice(first, min(first + step, ahead)), -1
    for first in range(ahead, side, step):
        end = min(first + step, side)
        yield slice(first, end), slice(side - first, side - end, -1), 1


def _radius(side: int, rows: slice) -> Float32:
    """Distance from the origin in bins of coefficients in ``rows`` of a quadrant."""
    y, x = np.arange(side // 2 + 1, dtype=np.float32)[rows, None], np.arange(side // 2 + 1, dtype=np.float32)
    squares = np.square(y) + np.square(x)
    return np.sqrt(squares, out=squares)


def _directions(side: int) -> Float32:
    """Direction in half turns of the coefficients of a quadrant, (side // 2 + 1) squared."""

    def build() -> Float32:
        y, x = np.arange(side // 2 + 1, dtype=np.float32)[:, None], np.arange(side // 2 + 1, dtype=np.float32)
        half_turns = np.arctan2(y, x)
        half_turns *= np.float32(1 / np.pi)
        return half_turns

    return _CACHE.get(("directions", side), build)


def _angle_index(side: int) -> npt.NDArray[np.uint16]:
    """The directions of a quadrant as places in a table of ``_ENTRIES`` over half a turn."""

    def build() -> npt.NDArray[np.uint16]:
        places = _directions(side) * np.float32(_ENTRIES)
        return np.rint(places, out=places).astype(np.int32).astype(np.uint16)

    return _CACHE.get(("index", side), build)


def _apodised(side: int, filter_name: str, reduction: float) -> Float32:
    """W over a quadrant."""

    def build() -> Float32:
        fall = np.empty((side // 2 + 1,) * 2, np.float32)
        for first in range(0, len(fall), step := max(1, _BAND // side)):
            rows = slice(first, first + step)
            fall[rows] = apodisation(_radius(side, rows) * np.float32(1 / (side * reduction)), filter_name)
        return fall

    return _CACHE.get(("apodisation", side, filter_name, reduction), build)


class _ArrayCache:
    """Arrays by their parameters, least recently used dropped first, bounded in bytes; safe between threads.

    What alone takes more than half of the bytes is handed out and not kept: it would drive out everything that is used again.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[Hashable, npt.NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, build: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        value = build()
        value.flags.writeable = False
        with self._lock:
            if key not in self._entries and value.nbytes <= self._limit // 2:
                self._entries[key] = value
                self._bytes += value.nbytes
            while self._bytes > self._limit:
                self._bytes -= self._entries.popitem(last=False)[1].nbytes
        return value


_CACHE: Final = _ArrayCache(208 << 20)
"""What two types need of a frame of 4096 x 4096, and of its proxy with a dozen transfer functions."""

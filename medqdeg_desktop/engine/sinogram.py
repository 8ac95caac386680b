"""Line integrals of a frame and filtered back-projection of noisy ones, exact and without interpolation, by chirp-z transforms.

Views are equally spaced in the slope of their rays (linogram geometry: Edholm and Herman, IEEE TMI 6, 1987). Half of them look
along the columns, u = x + tau y with slopes -1 < tau < 1, the other half along the rows, the same on the transposed frame. By
the Fourier slice theorem the spectrum of such a projection in u is

    P(kx, tau) = sqrt(1 + tau^2) sum_y F(y, kx) exp(-2 pi i kx tau y / period),

F the 1-D spectrum of the rows: for each kx a sum over equidistant y at equidistant tau, a chirp-z transform (Bluestein: j y =
(j^2 + y^2 - (j - y)^2) / 2), three FFTs and no interpolation. Back-projection is its adjoint. Elements are one pixel wide in
u, cos(theta) pixels across the ray; each half turn has ``2 * half_views`` views with weights dtheta = dtau / (1 + tau^2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine import fourier
from medqdeg_desktop.engine.projection import apodisation

Float32 = npt.NDArray[np.float32]
Complex64 = npt.NDArray[np.complex64]


@dataclass(frozen=True)
class Linogram:
    """Geometry and chirps for a square frame of ``side`` pixels.

    elements    detector elements per view, enough for the circle inscribed in the frame at every slope.
    period      length of the transforms along u: no element or pixel meets the wrapped image of another.
    slopes      (half_views,) tau of the views.
    """

    side: int
    half_views: int
    elements: int
    period: int
    slopes: npt.NDArray[np.floating[Any]]
    _length: int
    _row_chirp: Complex64
    _slope_chirp: Complex64
    _to_slopes: Complex64
    _to_rows: Complex64
    _ramp: Float32

    def line_integrals(self, mass: Float32, *, precise: bool = True) -> Float32:
        """Line integrals of ``mass`` (side, side), in its unit times pixels: (2 * half_views, elements) float32.

        precise     computed in double precision: what is counted from them hangs on no last bit, which vector units round
                    differently. Single precision, 1e-6 of the largest, is twice as fast.
        """
        dtype = np.float64 if precise else np.float32
        return np.concatenate([self._projected(plane.astype(dtype)) for plane in (mass, mass.T)])

    def back_projected(self, sinogram: Float32) -> Float32:
        """Filtered back-projection (side, side) of a sinogram (2 * half_views, elements): the inverse of ``line_integrals``."""
        first, second = sinogram[: self.half_views], sinogram[self.half_views :]
        return self._smeared(first) + self._smeared(second).T

    def element_width(self) -> Float32:
        """Width of the elements across the ray in pixels, (2 * half_views, 1)."""
        width = 1 / np.sqrt(1 + self.slopes**2)
        return np.concatenate([width, width]).astype(np.float32)[:, None]

    def _projected(self, mass: npt.NDArray[np.floating[Any]]) -> Float32:
        spectrum = fourier.rfft(_centred(mass, self.period), axis=1, workers=1)
        moved = fourier.fft(spectrum * self._row_chirp, n=self._length, axis=0, workers=1)
        moved *= self._to_slopes
        views = fourier.ifft(moved, axis=0, overwrite_x=True, workers=1)[: self.half_views] * self._slope_chirp
        profile = fourier.irfft(views, n=self.period, axis=1, workers=1)
        path = np.sqrt(1 + self.slopes**2).astype(np.float32)[:, None]
        return _cropped(np.asarray(profile, np.float32), self.elements) * path

    def _smeared(self, sinogram: Float32) -> Float32:
        spectrum = fourier.rfft(_centred(sinogram, self.period), axis=1, workers=1)
        spectrum *= self._ramp
        np.conjugate(spectrum, out=spectrum)
        spectrum *= self._slope_chirp
        moved = fourier.fft(spectrum, n=self._length, axis=0, workers=1)
        moved *= self._to_rows
        lines = fourier.ifft(moved, axis=0, overwrite_x=True, workers=1)[: self.side] * self._row_chirp
        image = fourier.irfft(np.conjugate(lines), n=self.period, axis=1, workers=1)
        return _cropped(np.asarray(image, np.float32), self.side)


@lru_cache(maxsize=4)
def linogram(side: int, half_views: int, reduction: float = 1.0) -> Linogram:
    """Geometry for frames of ``side`` pixels with a Hann-apodised ramp.

    reduction   full size / proxy size: the apodisation belongs to the full matrix, and a proxy's pixels average over it.
    """
    elements = math.ceil(math.sqrt(2) * side)
    period = int(fourier.next_fast_len(side + (elements + 1) // 2 + 1, real=True))
    step = 2 / half_views
    slopes = (np.arange(half_views) - (half_views - 1) / 2) * step
    k = np.arange(period // 2 + 1)
    rate = 2 * np.pi * k * step / period
    y = np.arange(side) - side // 2
    j = slopes / step
    length = int(fourier.next_fast_len(side + half_views - 1))

    def chirp(distance: npt.NDArray[Any], sign: int) -> npt.NDArray[np.complex128]:
        # Phases modulo a turn in double precision: they reach 1e5 turns.
        return np.exp(1j * sign * np.mod(np.outer(distance.astype(np.float64) ** 2 / 2, rate), 2 * np.pi))

    def kernel(first: float, count_in: int, count_out: int) -> Complex64:
        """Spectrum of the chirp over all differences out - in, arranged for a circular convolution."""
        wrapped = np.zeros((length, len(k)), np.complex128)
        wrapped[:count_out] = chirp(first + np.arange(count_out), 1)
        wrapped[length - count_in + 1 :] = chirp(first - np.arange(count_in - 1, 0, -1), 1)
        return np.asarray(fourier.fft(wrapped, axis=0, workers=1), np.complex64)

    secant = np.sqrt(1 + slopes**2)[:, None]
    across = np.outer(secant[:, 0], k / period)
    across[:, 0] = secant[:, 0] * 2 / (np.pi**2 * period)
    weight = apodisation((across / reduction).astype(np.float32), "hann")
    if reduction > 1:
        weight = weight * np.sinc(across).astype(np.float32)
    weight[across > 0.5] = 0
    return Linogram(
        side,
        half_views,
        elements,
        period,
        slopes,
        length,
        chirp(y, -1).astype(np.complex64),
        chirp(j, -1).astype(np.complex64),
        kernel(float(j[0] - y[0]), side, half_views),
        kernel(float(y[0] - j[0]), half_views, side),
        (across * weight * step / secant**2).astype(np.float32),
    )


def _centred(rows: npt.NDArray[np.floating[Any]], period: int) -> npt.NDArray[np.floating[Any]]:
    """``rows`` zero-padded to ``period`` with the middle sample (n // 2) at index 0."""
    n = rows.shape[1]
    padded = np.zeros((len(rows), period), rows.dtype)
    padded[:, : n - n // 2] = rows[:, n // 2 :]
    if n > 1:
        padded[:, period - n // 2 :] = rows[:, : n // 2]
    return padded


def _cropped(rows: Float32, n: int) -> Float32:
    """The ``n`` samples around index 0 of periodic ``rows``, middle sample at n // 2."""
    return np.concatenate([rows[:, rows.shape[1] - n // 2 :] if n > 1 else rows[:, :0], rows[:, : n - n // 2]], axis=1)

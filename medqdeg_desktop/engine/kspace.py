"""MR sampling: which phase-encode lines of k-space are measured, with what weight, and the image they give.

A magnitude image is real, so one half of its spectrum along the phase-encode axis holds everything, and lines that
are left out or weighted act along that axis alone: a 1-D transform per frame, computed once, is all the state there is.
Line numbers k run over the signed integers of ``numpy.fft.fftfreq``; arrays over lines are in FFT order (k = 0 first).

Weights w(k) that are no even function of k make the image complex. Its real part comes from the even part of w, its imaginary
part from the odd part, each by one real inverse transform; what a scanner shows is the magnitude of both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine import fourier
from medqdeg_desktop.engine.working import Float32, magnitude

Complex64 = npt.NDArray[np.complex64]
Mask = npt.NDArray[np.bool_]


def line_numbers(lines: int) -> npt.NDArray[np.int64]:
    """Signed line numbers in FFT order: 0, 1, ..., -2, -1."""
    return np.fft.ifftshift(np.arange(lines) - lines // 2)


def half_spectrum(pixels: Float32, axis: int) -> Complex64:
    """1-D spectrum of real ``pixels`` (rows, columns[, 3]) along ``axis``: lines k = 0 .. n // 2, complex64."""
    return np.asarray(fourier.rfft(pixels, axis=axis, workers=1), np.complex64)


def weighted_image(spectrum: Complex64, weights: Float32, axis: int) -> Float32:
    """Magnitude image of a ``half_spectrum`` whose line k is multiplied by ``weights[k]`` (all lines, FFT order), float32."""
    mirrored = weights[-np.arange(len(weights))]
    half = spectrum.shape[axis]
    shape = [1] * spectrum.ndim
    shape[axis] = half

    def image_of(part: npt.NDArray[np.number]) -> Float32:
        factors = part[:half].reshape(shape)
        return np.asarray(fourier.irfft(spectrum * factors, n=len(weights), axis=axis, workers=1), np.float32)

    even = image_of((weights + mirrored) * np.float32(0.5))
    if np.array_equal(weights, mirrored):
        return np.abs(even)
    # Odd weights turn the Hermitian spectrum into an anti-Hermitian one, whose image is imaginary: -i brings it back.
    odd = image_of((weights - mirrored) * np.complex64(-0.5j))
    return magnitude(even, odd)


def centre_lines(lines: int, fraction: float) -> Mask:
    """The fully sampled centre: k = 0 and its neighbours on both sides, ``fraction`` of all lines, at least one."""
    count = min(lines, max(1, round(fraction * lines)))
    order = np.argsort(np.abs(line_numbers(lines) + 0.25), kind="stable")
    mask = np.zeros(lines, np.bool_)
    mask[order[:count]] = True
    return mask


def random_order(lines: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Line indices from kept longest to dropped first, every order equally likely."""
    return np.argsort(rng.random(lines), kind="stable")


def density_order(lines: int, rng: np.random.Generator, width: float = 0.15) -> npt.NDArray[np.intp]:
    """As ``random_order``, drawn without replacement from a Gaussian density around the centre.

    width   standard deviation of the density as a fraction of all lines.
    Keys u ** (1 / w) give such a draw in one sort (Efraimidis and Spirakis, Inf. Process. Lett. 97, 2006); a floor keeps far
    lines in.
    """
    k = line_numbers(lines) / lines
    weights = np.exp(-0.5 * (k / width) ** 2) + 0.02
    return np.argsort(-(np.log(rng.random(lines)) / weights), kind="stable")


def nested_mask(order: npt.NDArray[np.intp], acceleration: float, center_fraction: float) -> Mask:
    """Lines kept at ``acceleration`` = all lines / kept lines: the centre, then as many of ``order`` as remain.

    For one order a higher acceleration with no larger centre keeps a subset of the lines, so that the picture only gets worse.
    """
    lines = len(order)
    mask = centre_lines(lines, center_fraction)
    remaining = round(lines / acceleration) - int(mask.sum())
    if remaining > 0:
        outer = order[~mask[order]]
        mask[outer[:remaining]] = True
    return mask


def equispaced_mask(lines: int, acceleration: float, center_fraction: float) -> Mask:
    """The centre and every ``acceleration``-th line from k = 0 on; without a centre an integer acceleration R folds R-fold."""
    mask = centre_lines(lines, center_fraction)
    k = np.abs(line_numbers(lines))
    steps = np.rint(k / acceleration)
    mask |= np.rint(steps * acceleration) == k
    return mask


def ghost_weights(lines: int, ghosts: int, intensity: float) -> Float32:
    """Line weights of periodic motion: every ``ghosts``-th line stronger by ``intensity``, mean weight 1, k = 0 kept.

    In the image: the object at full strength and ``ghosts`` - 1 copies, ``lines`` / ``ghosts`` pixels apart, each
    ``intensity`` / (``ghosts`` + ``intensity``) as strong. The mean weight of 1 keeps the object from brightening; the kept
    k = 0 leaves the image mean alone (without it contrast collapses: TorchIO issue 206).
    """
    k = line_numbers(lines)
    weights = 1.0 + intensity * (k % ghosts == 0)
    weights = weights / (1.0 + intensity / ghosts)
    weights[0] = 1.0
    return weights.astype(np.float32)

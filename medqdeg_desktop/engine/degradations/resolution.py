"""Gaussian blur and low resolution: what a soft focus, a wide point spread or a coarse matrix does to detail.

* gaussian_blur: out = x * G(sigma), ``sigma`` a fraction of the shorter side. In the clinic: defocus, thick slices, a soft
  reconstruction kernel, optics out of adjustment. Published levels: 3.0 and 7.0 pixels on 483 rows.
* low_resolution: the frame area-averaged to 1 / ``factor`` of its rows and columns, and enlarged again, by
  ``interpolation`` as a scanner's display does (linear, cubic), or as blocks (nearest, the published form). In the clinic: a
  coarse acquisition matrix, a thumbnail from a report, a picture from a messenger.

Large Gaussians are computed some levels up a pyramid (Burt and Adelson, IEEE Trans. Commun. 31, 1983): going up and coming down
again is a smoothing by cubic B-splines that adds a variance of 2 * 4^l for every level l, alike at every pixel, which is taken
off the variance of the Gaussian in between. Levels are as many as leave that a sigma of 1.27 coarse pixels, which holds the
error to 0.1 % of an edge. Example: ``degrade(image, "gaussian_blur", overrides={"sigma": 0.01})``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, register
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.severity_path import SeverityPath
from medqdeg_desktop.engine.working import Float32, in_channels, native, pixel_size, rounded_bytes, working_pixels
from medqdeg_desktop.taxonomy import Modality

_SIGMA: Final = SeverityPath(0.0, 0.0062, 0.0145, 0.070)
_FACTOR: Final = SeverityPath(1.0, 2.5, 7.0, 28.0, "log")

#: The first level of the pyramid is used from this sigma in pixels on, the next from twice that.
_PYRAMID_FROM: Final = 3.0
#: Mirrored pixels of the coarsest level on every side: 4 sigma, and what the pyramid itself spreads.
_MARGIN: Final = 16


@dataclass
class BlurState:
    """The frame as it came and in working form, float32 (rows, columns[, 3]), its (row, column) pixel size, and levels of the
    pyramid by their number."""

    frame: Pixels
    pixels: Float32
    pixel_size: tuple[float, float]
    rgb: bool
    coarse: dict[int, Float32] = field(default_factory=dict)


@register
class GaussianBlur(Degradation):
    """Isotropic Gaussian blur, in millimetres where the pixels are not square.

    Clinic: defocus, thick slices, a soft reconstruction kernel, optics out of adjustment.

    Model: convolution with a Gaussian of ``sigma``, mirrored at the edges.

    Source: MedQ-Deg's example has 3.0 and 7.0 pixels on 483 rows.
    """

    name = "gaussian_blur"

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter(
                "sigma",
                "Blur",
                "of shorter side",
                0.0,
                0.25,
                0.0,
                help="Standard deviation of the Gaussian as a fraction of the shorter side of the frame.",
            ),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"sigma": _SIGMA(severity)}

    def prepare(self, image: MedicalImage, seed: int) -> BlurState:
        return BlurState(image.pixels, working_pixels(image), pixel_size(image), image.is_rgb)

    def apply(self, state: BlurState, parameters: Parameters, seed: int) -> Pixels:
        sigma = float(parameters["sigma"])
        rows, columns = (sigma / size for size in state.pixel_size)
        if state.pixels.ndim == 3 and 0.01 <= min(rows, columns) < _PYRAMID_FROM:
            # OpenCV's Gaussian of bytes, the same bits on every processor: at most 1 from the rounded one, in few pixels.
            return _gaussian(state.frame, rows, columns)
        return native(_blurred(state, rows, columns), state.rgb)


def _blurred(state: BlurState, sigma_rows: float, sigma_columns: float) -> Float32:
    """The pixels blurred by Gaussians of ``sigma_rows`` and ``sigma_columns`` pixels, mirrored at the borders."""
    # Below a hundredth of a pixel the kernel is 1 in float32, and OpenCV takes a sigma of 0 for "choose one".
    if max(sigma_rows, sigma_columns) < 0.01:
        return state.pixels.copy()
    narrow = min(sigma_rows, sigma_columns)
    if narrow < _PYRAMID_FROM:
        return _gaussian(state.pixels, sigma_rows, sigma_columns)
    levels = 1 + math.floor(math.log2(narrow / _PYRAMID_FROM))
    if levels not in state.coarse:
        state.coarse[levels] = _level(state.pixels, levels)
    spent = 2 * (4**levels - 1) / 3
    left = (math.sqrt(sigma**2 - spent) / 2**levels for sigma in (sigma_rows, sigma_columns))
    picture = _gaussian(state.coarse[levels], *left)
    rows, columns = state.pixels.shape[:2]
    # What two more levels of smoothing do not reach is cut off before the picture is enlarged.
    rim = _MARGIN - 4
    picture = picture[rim:-rim, rim:-rim]
    for _ in range(levels):
        picture = cv2.pyrUp(picture)
    start = (_MARGIN - rim) << levels
    return np.ascontiguousarray(picture[start : start + rows, start : start + columns])


def _level(pixels: Float32, levels: int) -> Float32:
    """Level ``levels`` of the pyramid of ``pixels``, with ``_MARGIN`` mirrored pixels of its own on every side."""
    step = 1 << levels
    rows, columns = pixels.shape[:2]
    margin = _MARGIN * step
    below, right = margin + -rows % step, margin + -columns % step
    picture = cv2.copyMakeBorder(pixels, margin, below, margin, right, cv2.BORDER_REFLECT)
    for _ in range(levels):
        picture = cv2.pyrDown(picture)
    return np.asarray(picture, np.float32)


def _gaussian(pixels: Pixels, sigma_rows: float, sigma_columns: float) -> Pixels:
    blurred = cv2.GaussianBlur(
        pixels,
        (0, 0),
        sigmaX=max(sigma_columns, 0.01),
        sigmaY=max(sigma_rows, 0.01),
        borderType=cv2.BORDER_REFLECT,
    )
    return np.asarray(blurred).reshape(pixels.shape)


@dataclass(frozen=True, slots=True)
class MatrixState:
    """Pixels float32 (rows, columns[, 3]) and the matrix of the frame at full size, which ``factor`` divides."""

    pixels: Float32
    full_shape: tuple[int, int]
    rgb: bool


_ENLARGE: Final = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "nearest": cv2.INTER_NEAREST_EXACT}


@register
class LowResolution(Degradation):
    """A coarser acquisition matrix, enlarged to the size of the frame.

    Clinic: a coarse matrix, a thumbnail from a report, a picture sent by a messenger.

    Model: area average over 1 / ``factor`` of rows and columns, enlarged again linearly, by cubics, or as blocks.

    Source: MedQ-Deg's example is reduced 1.7 times, which is hardly seen, and 17 times, to blocks; 2.5 and 7 were chosen.
    """

    name = "low_resolution"

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter(
                "factor",
                "Reduction",
                "",
                1.0,
                64.0,
                1.0,
                "log",
                help="Rows of the frame over those of the coarse matrix.",
            ),
            Parameter(
                "interpolation",
                "Enlarged by",
                default="linear",
                kind="choice",
                choices=tuple(_ENLARGE),
                help="Linear or cubic as on a scanner's display; nearest shows the blocks, as in the published examples.",
            ),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"factor": _FACTOR(severity)}

    def prepare(self, image: MedicalImage, seed: int) -> MatrixState:
        return MatrixState(working_pixels(image), image.full_shape or image.shape, image.is_rgb)

    def apply(self, state: MatrixState, parameters: Parameters, seed: int) -> Pixels:
        factor = float(parameters["factor"])
        rows, columns = state.pixels.shape[:2]
        # An explicit size: a thin frame keeps one row, a proxy gets the matrix of the full frame (or is coarser already).
        coarse_rows, coarse_columns = (max(1, round(side / factor)) for side in state.full_shape)
        size = (min(columns, coarse_columns), min(rows, coarse_rows))
        coarse = np.asarray(cv2.resize(state.pixels, size, interpolation=cv2.INTER_AREA), np.float32)
        # The coarse picture of a colour frame is one of bytes, as a thumbnail is; enlarging bytes is half the work.
        coarse_form = rounded_bytes(coarse) if state.rgb else coarse
        large = cv2.resize(coarse_form, (columns, rows), interpolation=_ENLARGE[str(parameters["interpolation"])])
        return in_channels(np.asarray(large).reshape(state.pixels.shape), state.rgb)

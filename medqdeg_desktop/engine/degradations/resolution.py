"""Gaussian blur and low resolution: what a soft focus, a wide point spread or a coarse matrix does to detail.

* gaussian_blur: out = x * G(sigma), ``sigma`` a fraction of the shorter side. In the clinic: defocus, thick slices, a soft
  reconstruction kernel, optics out of adjustment. Published levels: 3.0 and 7.0 pixels on 483 rows.
* low_resolution: the frame area-averaged to 1 / ``factor`` of its rows and columns, and enlarged again, by
  ``interpolation`` as a scanner's display does (linear, cubic), or as blocks (nearest, the published form). In the clinic: a
  coarse acquisition matrix, a thumbnail from a report, a picture from a messenger.

Large Gaussians are computed on an area-averaged copy: averaging over f pixels adds a variance of (f^2 - 1) / 12, enlarging
linearly by f adds (f^2 - 1) / 6, both are taken off the variance of the Gaussian between. f is chosen so that the Gaussian keeps
a sigma of at least 4 coarse pixels, which holds the interpolation error below 0.1 % of an edge and any step between two
values of f below what 8 bits can show. Example: ``degrade(image, "gaussian_blur", overrides={"sigma": 0.01})``.
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
from medqdeg_desktop.engine.working import Float32, native, pixel_size, working_pixels
from medqdeg_desktop.taxonomy import Modality

_SIGMA: Final = SeverityPath(0.0, 0.0062, 0.0145, 0.070)
_FACTOR: Final = SeverityPath(1.0, 2.5, 7.0, 28.0, "log")

#: The Gaussian on the coarse copy has a sigma of at least this many coarse pixels ...
_COARSE_SIGMA: Final = 4.0
#: ... hence below twice that, of which OpenCV takes 4 sigma to each side, and one pixel for the interpolation.
_MARGIN: Final = 4 * 8 + 2


@dataclass
class BlurState:
    """Pixels float32 (rows, columns[, 3]), the (row, column) pixel size, and area-averaged copies by their factor."""

    pixels: Float32
    pixel_size: tuple[float, float]
    rgb: bool
    coarse: dict[int, Float32] = field(default_factory=dict)


@register
class GaussianBlur(Degradation):
    """Isotropic Gaussian blur, in millimetres where the pixels are not square."""

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
        return BlurState(working_pixels(image), pixel_size(image), image.is_rgb)

    def apply(self, state: BlurState, parameters: Parameters, seed: int) -> Pixels:
        sigma = float(parameters["sigma"])
        rows, columns = (sigma / size for size in state.pixel_size)
        return native(_blurred(state, rows, columns), state.rgb)


def _blurred(state: BlurState, sigma_rows: float, sigma_columns: float) -> Float32:
    """The pixels blurred by Gaussians of ``sigma_rows`` and ``sigma_columns`` pixels, mirrored at the borders."""
    # Below a hundredth of a pixel the kernel is 1 in float32, and OpenCV takes a sigma of 0 for "choose one".
    if max(sigma_rows, sigma_columns) < 0.01:
        return state.pixels.copy()
    narrow = min(sigma_rows, sigma_columns)
    factor = 1 << max(0, math.floor(math.log2(max(narrow, 1e-9) / _COARSE_SIGMA)))
    if factor == 1:
        return _gaussian(state.pixels, sigma_rows, sigma_columns)
    if factor not in state.coarse:
        state.coarse[factor] = _coarse(state.pixels, factor)
    # Box of the averaging and triangle of the enlargement, in full-size pixels squared.
    spent = (factor**2 - 1) / 12 + (factor**2 - 1) / 6
    small = _gaussian(
        state.coarse[factor],
        math.sqrt(sigma_rows**2 - spent) / factor,
        math.sqrt(sigma_columns**2 - spent) / factor,
    )
    rows, columns = state.pixels.shape[:2]
    part = small[_MARGIN - 1 : _MARGIN + 1 - (-rows // factor), _MARGIN - 1 : _MARGIN + 1 - (-columns // factor)]
    size = (part.shape[1] * factor, part.shape[0] * factor)
    large = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return np.ascontiguousarray(large[factor : factor + rows, factor : factor + columns])


def _coarse(pixels: Float32, factor: int) -> Float32:
    """``pixels`` averaged over blocks of ``factor``, with ``_MARGIN`` mirrored blocks on every side."""
    rows, columns = pixels.shape[:2]
    margin = _MARGIN * factor
    padded = cv2.copyMakeBorder(pixels, margin, margin + -rows % factor, margin, margin + -columns % factor, cv2.BORDER_REFLECT)
    size = (padded.shape[1] // factor, padded.shape[0] // factor)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32)


def _gaussian(pixels: Float32, sigma_rows: float, sigma_columns: float) -> Float32:
    blurred = cv2.GaussianBlur(
        pixels,
        (0, 0),
        sigmaX=max(sigma_columns, 0.01),
        sigmaY=max(sigma_rows, 0.01),
        borderType=cv2.BORDER_REFLECT,
    )
    return np.asarray(blurred, np.float32).reshape(pixels.shape)


@dataclass(frozen=True, slots=True)
class MatrixState:
    """Pixels float32 (rows, columns[, 3]) and the matrix of the frame at full size, which ``factor`` divides."""

    pixels: Float32
    full_shape: tuple[int, int]
    rgb: bool


_ENLARGE: Final = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "nearest": cv2.INTER_NEAREST_EXACT}


@register
class LowResolution(Degradation):
    """A coarser acquisition matrix, enlarged to the size of the frame."""

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
        coarse = cv2.resize(state.pixels, size, interpolation=cv2.INTER_AREA)
        large = cv2.resize(coarse, (columns, rows), interpolation=_ENLARGE[str(parameters["interpolation"])])
        return native(np.asarray(large, np.float32).reshape(state.pixels.shape), state.rgb)

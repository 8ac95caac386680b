"""Motion blur: uniform motion along a straight line while the frame is exposed.

In the clinic: a breathing or trembling patient in a long radiographic exposure, a moving endoscope, a hand-held dermatoscope.
Simulated as the mean of the frame along a straight line of ``length`` (fraction of the shorter side) at ``angle_deg``
(counter-clockwise on screen), looked up bilinearly between pixels: a kernel that is never negative, holds for any length and
angle, and grows out of a single pixel, so that nothing rings and length 0 is the identity. Short lines are summed directly, long
ones through the spectrum of the frame, which is kept. The frame is mirrored at its borders by more than half the line, so that
nothing wraps around.

On X-ray this is the nineteenth published type, ``xray_motion_blur_artifact``, with longer lines at L2. Published levels: 7 and 11
pixels of 513 (endoscopy), 13 and about 40 of 1024 (X-ray). Example: ``degrade(image, "motion_blur", overrides={"length": 0.02,
"angle_deg": 45})``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine import fourier
from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, register
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.engine.severity_path import SeverityPath
from medqdeg_desktop.engine.working import Float32, native, pixel_size, working_pixels
from medqdeg_desktop.taxonomy import Modality

_LENGTH: Final = SeverityPath(0.0, 0.0137, 0.0214, 0.14)
_LENGTH_XRAY: Final = SeverityPath(0.0, 0.0127, 0.039, 0.18)

#: Mirrored border as a fraction of each side; the smallest that holds half the line is taken, and its spectrum kept.
_BORDERS: Final = (1 / 32, 1 / 12, 1 / 4, 1 / 2)
#: Kernels with fewer elements are summed directly, which is faster than two transforms (and what OpenCV does up to here).
_DIRECT_BELOW: Final = 130
#: Points per pixel of the line at which its kernel is integrated.
_POINTS_PER_PIXEL: Final = 24

Spectra = tuple[npt.NDArray[np.complex64], ...]


@dataclass
class LineBlurState:
    """The frame as it came and in working form (rows, columns[, 3]), its pixel size, and its spectra by border in pixels."""

    frame: Pixels
    pixels: Float32
    pixel_size: tuple[float, float]
    rgb: bool
    spectra: dict[tuple[int, int], Spectra] = field(default_factory=dict)


@register
class MotionBlur(Degradation):
    """Convolution with a straight line of uniform weight.

    Clinic: a breathing or trembling patient in a long radiographic exposure, a moving endoscope, a hand-held dermatoscope.

    Model: the mean of the frame along a straight line of ``length`` at ``angle_deg``, looked up bilinearly between pixels. On
    X-ray this is the nineteenth published type, with longer lines at L2.

    Source: MedQ-Deg's examples have lines of 7 and 11 pixels of 513 (endoscopy), 13 and 41 of 1024 (X-ray).
    """

    name = "motion_blur"
    proxy_side = 512

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter(
                "length", "Length", "of shorter side", 0.0, 0.5, 0.0, help="Way covered during the exposure, of the shorter side."
            ),
            Parameter("angle_deg", "Direction", "°", -180.0, 180.0, None, help="Of the line, counter-clockwise from the right."),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"length": (_LENGTH_XRAY if modality is Modality.XRAY else _LENGTH)(severity)}

    def drawn_parameters(self, seed: int, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"angle_deg": float(generator(seed, "direction").uniform(0, 180))}

    def prepare(self, image: MedicalImage, seed: int) -> LineBlurState:
        return LineBlurState(image.pixels, working_pixels(image), pixel_size(image), image.is_rgb)

    def apply(self, state: LineBlurState, parameters: Parameters, seed: int) -> Pixels:
        length, angle = float(parameters["length"]), math.radians(float(parameters["angle_deg"]))
        down = -math.sin(angle) * length / state.pixel_size[0]
        right = math.cos(angle) * length / state.pixel_size[1]
        kernel = line_kernel(down, right)
        if kernel.size < _DIRECT_BELOW:
            # OpenCV correlates; the kernel is symmetric about its middle, so that is the convolution. Bytes are summed in float
            # and rounded once.
            summed = cv2.filter2D(state.frame, -1, kernel, borderType=cv2.BORDER_REFLECT)
            return np.asarray(summed).reshape(state.frame.shape)
        return native(_through_spectra(state, kernel), state.rgb)


def line_kernel(down: float, right: float) -> Float32:
    """Weights of the mean along a centred line of ``down`` by ``right`` pixels with bilinear look-up; odd sides, sum 1.

    Each point of the line shares its weight among its four neighbours.
    """
    radius_y, radius_x = math.ceil(abs(down) / 2), math.ceil(abs(right) / 2)
    shape = (2 * radius_y + 1, 2 * radius_x + 1)
    count = max(2, math.ceil(_POINTS_PER_PIXEL * max(abs(down), abs(right))))
    steps = (np.arange(count) + 0.5) / count - 0.5
    y, x = steps * down + radius_y, steps * right + radius_x
    top, left = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    below, beside = y - top, x - left
    # One row and column more: a point on the last pixel has neighbours of weight 0 beyond it.
    width = shape[1] + 1
    corner = top * width + left
    places = np.concatenate([corner, corner + 1, corner + width, corner + width + 1])
    weights = np.concatenate([(1 - below) * (1 - beside), (1 - below) * beside, below * (1 - beside), below * beside])
    kernel = np.bincount(places, weights / count, minlength=(shape[0] + 1) * width).reshape(shape[0] + 1, width)
    return np.ascontiguousarray(kernel[: shape[0], : shape[1]], np.float32)


def _through_spectra(state: LineBlurState, kernel: Float32) -> Float32:
    """The working frame convolved with ``kernel`` by way of the kept spectra."""
    rows, columns = state.pixels.shape[:2]
    border = (_border(rows, kernel.shape[0]), _border(columns, kernel.shape[1]))
    shape = (_padded(rows, border[0]), _padded(columns, border[1]))
    if border not in state.spectra:
        planes = cv2.split(state.pixels) if state.pixels.ndim == 3 else [state.pixels]
        state.spectra[border] = tuple(_spectrum(np.asarray(plane, np.float32), border, shape) for plane in planes)
    transfer = _transfer(kernel, shape)
    crop = (slice(border[0], border[0] + rows), slice(border[1], border[1] + columns))
    blurred = [fourier.irfft2(s * transfer, shape, overwrite_x=True)[crop] for s in state.spectra[border]]
    return np.stack(blurred, axis=-1) if len(blurred) == 3 else np.ascontiguousarray(blurred[0])


def _transfer(kernel: Float32, shape: tuple[int, int]) -> Float32:
    """Transfer function of ``kernel`` for ``rfft2`` of ``shape``: real, since the kernel is symmetric about its middle."""
    middle_y, middle_x = kernel.shape[0] // 2, kernel.shape[1] // 2
    lines = np.zeros((kernel.shape[0], shape[1]), np.float32)
    lines[:, : kernel.shape[1]] = kernel
    # Only the kernel's own rows are transformed along the first axis.
    along_rows = fourier.rfft(np.roll(lines, -middle_x, axis=1), axis=1)
    whole = np.zeros((shape[0], along_rows.shape[1]), np.complex64)
    whole[: middle_y + 1] = along_rows[middle_y:]
    if middle_y:
        whole[-middle_y:] = along_rows[:middle_y]
    return np.ascontiguousarray(fourier.fft(whole, axis=0, overwrite_x=True).real)


def _border(side: int, kernel: int) -> int:
    """Smallest of the borders kept that covers half of ``kernel`` pixels."""
    needed = kernel // 2 + 1
    return next((math.ceil(f * side) for f in _BORDERS if math.ceil(f * side) >= needed), needed)


def _padded(side: int, border: int) -> int:
    return int(fourier.next_fast_len(side + 2 * border, real=True))


def _spectrum(plane: Float32, border: tuple[int, int], shape: tuple[int, int]) -> npt.NDArray[Any]:
    (rows, columns), (top, left) = plane.shape, border
    bottom, right = shape[0] - rows - top, shape[1] - columns - left
    padded = cv2.copyMakeBorder(plane, top, bottom, left, right, cv2.BORDER_REFLECT)
    spectrum: npt.NDArray[Any] = fourier.rfft2(padded, overwrite_x=True)
    return spectrum

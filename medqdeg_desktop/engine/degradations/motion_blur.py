"""Motion blur: uniform motion along a straight line while the frame is exposed.

In the clinic: a breathing or trembling patient in a long radiographic exposure, a moving endoscope, a hand-held dermatoscope.
Simulated as a convolution with a line of ``length`` (fraction of the shorter side) at ``angle_deg`` (counter-clockwise on
screen). The transfer function of such a line is sinc(L f . d), exact for any length and angle, without a rasterised kernel; the
frame is mirrored at its borders by more than half the line, so that nothing wraps around.

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
import scipy.fft

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


@dataclass
class LineBlurState:
    """Planes of the frame (one, or three for colour), its (row, column) pixel size, and spectra by their border in pixels."""

    planes: tuple[Float32, ...]
    pixel_size: tuple[float, float]
    rgb: bool
    spectra: dict[tuple[int, int], tuple[npt.NDArray[np.complex64], ...]] = field(default_factory=dict)


@register
class MotionBlur(Degradation):
    """Convolution with a straight line of uniform weight."""

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
        pixels = working_pixels(image)
        planes = tuple(np.asarray(p, np.float32) for p in cv2.split(pixels)) if pixels.ndim == 3 else (pixels,)
        state = LineBlurState(planes, pixel_size(image), image.is_rgb)
        _spectra(state, 0.0, 0.0)
        return state

    def apply(self, state: LineBlurState, parameters: Parameters, seed: int) -> Pixels:
        length, angle = float(parameters["length"]), math.radians(float(parameters["angle_deg"]))
        down = -math.sin(angle) * length / state.pixel_size[0]
        right = math.cos(angle) * length / state.pixel_size[1]
        border, spectra = _spectra(state, abs(down), abs(right))
        rows, columns = state.planes[0].shape
        shape = _padded_shape(state.planes[0].shape, border)
        transfer = line_transfer(shape, down, right)
        crop = (slice(border[0], border[0] + rows), slice(border[1], border[1] + columns))
        blurred = [scipy.fft.irfft2(s * transfer, shape, overwrite_x=True)[crop] for s in spectra]
        joined = np.stack(blurred, axis=-1) if len(blurred) == 3 else np.ascontiguousarray(blurred[0])
        return native(joined, state.rgb)


def line_transfer(shape: tuple[int, int], down: float, right: float) -> Float32:
    """Transfer function (rows, columns // 2 + 1) of a uniform line of ``down`` by ``right`` pixels, for ``rfft2`` of ``shape``.

    sin(a + b) / (a + b) with a, b the phases along rows and columns; the sine of the sum from four vectors.
    """
    a = np.pi * down * np.fft.fftfreq(shape[0])[:, None]
    b = np.pi * right * np.fft.rfftfreq(shape[1])[None, :]
    phase = a.astype(np.float32) + b.astype(np.float32)
    sine = np.sin(a).astype(np.float32) * np.cos(b).astype(np.float32)
    sine += np.cos(a).astype(np.float32) * np.sin(b).astype(np.float32)
    # Near 0 the quotient loses digits: the series 1 - x^2 / 6 is exact there to 1e-9.
    small = np.abs(phase) < 0.02
    phase[small] = 1.0
    transfer: Float32 = np.divide(sine, phase, out=sine)
    if small.any():
        rows, columns = np.nonzero(small)
        transfer[rows, columns] = 1 - (a[rows, 0] + b[0, columns]) ** 2 / 6
    return transfer


def _spectra(state: LineBlurState, down: float, right: float) -> tuple[tuple[int, int], tuple[npt.NDArray[np.complex64], ...]]:
    """The border in pixels that holds half of a line of ``down`` by ``right`` pixels, and the spectra of the bordered planes."""
    rows, columns = state.planes[0].shape
    border = (_border(rows, down), _border(columns, right))
    if border not in state.spectra:
        shape = _padded_shape((rows, columns), border)
        state.spectra[border] = tuple(_spectrum(plane, border, shape) for plane in state.planes)
    return border, state.spectra[border]


def _border(side: int, line: float) -> int:
    """Smallest border that covers half of ``line`` pixels and the ringing of its ends."""
    needed = math.ceil(line / 2) + 4
    return next((math.ceil(f * side) for f in _BORDERS if math.ceil(f * side) >= needed), needed)


def _padded_shape(shape: tuple[int, ...], border: tuple[int, int]) -> tuple[int, int]:
    rows, columns = (scipy.fft.next_fast_len(side + 2 * b, real=True) for side, b in zip(shape, border, strict=True))
    return (int(rows), int(columns))


def _spectrum(plane: Float32, border: tuple[int, int], shape: tuple[int, int]) -> npt.NDArray[Any]:
    (rows, columns), (top, left) = plane.shape, border
    bottom, right = shape[0] - rows - top, shape[1] - columns - left
    padded = cv2.copyMakeBorder(plane, top, bottom, left, right, cv2.BORDER_REFLECT)
    spectrum: npt.NDArray[Any] = scipy.fft.rfft2(padded, overwrite_x=True)
    return spectrum

"""Gaussian noise, with the laws of magnitude MR and of ultrasound speckle as options.

In the scanner: thermal noise of the receiver (MR, ultrasound), electronic and quantum noise of a detector seen after processing
(X-ray, endoscopy, photographs). Simulated as one unit field per realisation, scaled by ``sigma``, so that the picture does
not boil while the severity changes; noise of a CT scan that is physically right, correlated by the reconstruction, is
``low_dose``.

* gaussian: out = x + sigma R n, independent per pixel (and per channel in a colour frame).
* rician: out = |x + sigma R (n1 + i n2)|, the magnitude of a complex MR signal (Gudbjartsson and Patz, MRM 34, 1995).
* speckle: out = x + (x - lo) sigma n, fully developed speckle in its multiplicative form (MedMNIST-C for breast ultrasound).

R is the width of the value range, lo its low end, n standard normal fields. Example: ``degrade(image, "gaussian_noise",
overrides={"sigma": 0.05, "law": "rician"})``. Source of the default levels: the MedQ-Deg example triplet, sigma 12.2 and 20.3 of
255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, register
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.seeding import normal_field
from medqdeg_desktop.engine.severity_path import SeverityPath
from medqdeg_desktop.engine.working import Float32, magnitude, native, range_width, working_pixels
from medqdeg_desktop.taxonomy import Modality

_SIGMA: Final = SeverityPath(0.0, 0.048, 0.080, 0.40)

_LAWS: Final[dict[Modality | None, tuple[str, ...]]] = {
    None: ("gaussian", "rician", "speckle"),
    Modality.MRI: ("gaussian", "rician"),
    Modality.ULTRASOUND: ("gaussian", "speckle"),
    Modality.OCT: ("gaussian", "speckle"),
}


@dataclass
class NoiseState:
    """Working pixels (rows, columns[, 3]) and the unit fields drawn so far, by stream name."""

    image: MedicalImage
    pixels: Float32
    range_width: float
    fields: dict[str, Float32]


def unit_field(seed: int, stream: str, image: MedicalImage, channels: int = 1) -> Float32:
    """Standard normal field (rows, columns[, 3]) float32 of the realisation; on a proxy the area average of the full-size field.

    The stream is named with the frame's index: noise does not repeat from slice to slice.
    """
    rows, columns = image.full_shape or image.shape
    shape = (rows, columns) if channels == 1 else (rows, columns, channels)
    return _area_average(normal_field(seed, f"{stream}/{image.frame}", shape), image)


def _area_average(full: Float32, image: MedicalImage) -> Float32:
    """``full`` at the size of the frame or proxy ``image``."""
    if image.full_shape is None:
        return full
    rows, columns = image.shape
    return np.asarray(cv2.resize(full, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


@register
class GaussianNoise(Degradation):
    """Random noise of one standard deviation.

    Clinic: thermal noise of the receiver, electronic and quantum noise of a detector, a gain turned up in the dark.

    Model: x + ``sigma`` times the width of the range times a unit field of the seed, one field for all channels of a grey
    picture; by choice Rician for MR magnitude, multiplicative speckle for ultrasound and OCT. CT noise as a scanner makes it is
    low_dose.

    Source: MedQ-Deg's example has standard deviations of 12.2 and 20.3 of 255.
    """

    name = "gaussian_noise"

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        laws = _LAWS.get(modality, ("gaussian",))
        return (
            Parameter("sigma", "Noise", "of range", 0.0, 1.0, 0.0, help="Standard deviation as a fraction of the value range."),
            Parameter(
                "law",
                "Law",
                default="gaussian",
                kind="choice",
                choices=laws,
                help="Gaussian everywhere; Rician for MR magnitude pictures, speckle for ultrasound and OCT.",
            ),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"sigma": _SIGMA(severity)}

    def prepare(self, image: MedicalImage, seed: int) -> NoiseState:
        state = NoiseState(image, working_pixels(image), range_width(image), {})
        self._field(state, "real", seed)
        return state

    def apply(self, state: NoiseState, parameters: Parameters, seed: int) -> Pixels:
        sigma = float(parameters["sigma"]) * state.range_width
        law = parameters["law"]
        if law == "rician":
            noisy = self._rician(state, sigma, seed)
        elif law == "speckle":
            low = np.float32(state.image.value_range[0])
            gain = cv2.multiply(state.pixels - low, self._field(state, "real", seed), scale=sigma / state.range_width)
            noisy = np.asarray(cv2.add(state.pixels, gain), np.float32)
        else:
            noisy = np.asarray(cv2.scaleAdd(self._field(state, "real", seed), sigma, state.pixels), np.float32)
        return native(noisy.reshape(state.pixels.shape), state.image.is_rgb)

    def _rician(self, state: NoiseState, sigma: float, seed: int) -> Float32:
        """Magnitude of signal plus complex noise. Zero signal is 0, or the low end of a range that begins below 0."""
        floor = np.float32(min(state.image.value_range[0], 0.0))
        signal = np.maximum(state.pixels - floor, 0)
        below = np.minimum(state.pixels - floor, 0) + floor
        if state.image.full_shape is None:
            return self._magnitude(state, signal, sigma, seed) + below
        # The magnitude does not commute with averaging (its bias depends on the noise of each single element): take it on the
        # full-size field over a signal that is constant within each element of the proxy.
        rows, columns = state.image.full_shape
        spread = np.asarray(cv2.resize(signal, (columns, rows), interpolation=cv2.INTER_NEAREST), np.float32)
        return _area_average(self._magnitude(state, spread, sigma, seed), state.image) + below

    def _magnitude(self, state: NoiseState, signal: Float32, sigma: float, seed: int) -> Float32:
        real = np.asarray(cv2.scaleAdd(self._field(state, "real", seed, full_size=True), sigma, signal), np.float32)
        imaginary = self._field(state, "imaginary", seed, full_size=True) * np.float32(sigma)
        return magnitude(real.reshape(signal.shape), imaginary)

    def _field(self, state: NoiseState, stream: str, seed: int, *, full_size: bool = False) -> Float32:
        """The unit field ``stream`` in the shape of the pixels (at full size where asked), drawn once and kept."""
        full_size = full_size and state.image.full_shape is not None
        key = f"{stream}/full" if full_size else stream
        if key not in state.fields:
            image = state.image
            if full_size:
                assert image.full_shape is not None
                image = MedicalImage(np.empty(image.full_shape, np.float32), image.modality, frame=image.frame)
            state.fields[key] = unit_field(seed, stream, image, state.pixels.shape[2] if state.pixels.ndim == 3 else 1)
        return state.fields[key]

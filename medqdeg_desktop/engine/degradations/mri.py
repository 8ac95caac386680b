"""MR artefacts: too few phase-encode lines, ghosts of periodic motion, the shading of a surface coil.

* undersampling_artifact. A fast scan measures one of ``acceleration`` lines and fills the rest with zeros. Random and
  density-weighted gaps smear incoherent noise-like streaks along phase encode, an equispaced pattern folds the image onto itself
  (Lustig, Donoho and Pauly, MRM 58, 2007). The fully sampled centre keeps the contrast. One mask for all channels, the
  same order of lines for every severity, magnitude output.
* ghosting_artifact. Pulsation or breathing modulates the lines periodically: copies of the object, lines / ``ghosts`` pixels
  apart along phase encode (Wood and Henkelman, Med. Phys. 12, 1985). See ``kspace.ghost_weights``.
* bias_field_artifact. The sensitivity of the coil multiplies the image by exp(b), b a random polynomial over the frame with
  mean zero: shading, not dimming (Van Leemput et al., IEEE TMI 18, 1999). ``strength`` = p99 - p1 of b: 1.2 over the frame
  means about 0.8 over a head that fills two thirds of it: its brightest part is amplified twice as much as its darkest.

Values below zero (a normalised NIfTI) are lifted by the frame's minimum first: a magnitude image has none, and the lift
touches k = 0 alone, which is always measured.
Example: ``degrade(image, "undersampling_artifact", overrides={"acceleration": 4, "axis": 0})``.
Levels: 3 and 4.8 with 10 % and 8 % of centre (MedQ-Deg triplet 4.2 and 4.8 with 8 %; fastMRI's masks: 4 with 8 %); the weights
of the MedQ-Deg triplet; its shading at L1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, register
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.kspace import (
    Complex64,
    density_order,
    equispaced_mask,
    ghost_weights,
    half_spectrum,
    line_numbers,
    nested_mask,
    random_order,
    weighted_image,
)
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.engine.severity_path import SeverityPath
from medqdeg_desktop.engine.working import Float32, native, working_pixels
from medqdeg_desktop.taxonomy import Modality

_ACCELERATION: Final = SeverityPath(1.0, 3.0, 4.8, 10.0)
_CENTER_FRACTION: Final = SeverityPath(0.12, 0.10, 0.08, 0.04)
_GHOST_INTENSITY: Final = SeverityPath(0.0, 0.35, 1.2, 3.0)
_BIAS_STRENGTH: Final = SeverityPath(0.0, 1.2, 2.2, 3.6)
_BIAS_GRID: Final = 65

_AXIS: Final = Parameter(
    "axis", "Phase-encode axis", "", 0, 1, None, kind="int", help="0: artefacts run vertically, 1: horizontally."
)


@dataclass
class KSpaceState:
    """The frame above its floor, and its half spectra by phase-encode axis, computed when first asked for.

    full_shape  shape of the measured frame: the lines of a proxy are the central ones of that.
    """

    pixels: Float32
    floor: np.float32
    rgb: bool
    full_shape: tuple[int, int]
    spectra: dict[int, Complex64] = field(default_factory=dict)

    @classmethod
    def of(cls, image: MedicalImage) -> KSpaceState:
        pixels = working_pixels(image)
        floor = np.float32(min(0.0, float(pixels.min())))
        full_shape = image.full_shape or image.shape
        return cls(pixels - floor if floor < 0 else pixels, floor, image.is_rgb, full_shape)

    def with_weights(self, weights: Float32, axis: int) -> Pixels:
        """The frame with its phase-encode lines multiplied by ``weights`` (FFT order), in its own dtype."""
        if axis not in self.spectra:
            self.spectra[axis] = half_spectrum(self.pixels, axis)
        image = weighted_image(self.spectra[axis], weights, axis)
        return native(image + self.floor if self.floor < 0 else image, self.rgb)


def _drawn_axis(seed: int) -> int:
    return int(generator(seed, "phase-encode axis").integers(2))


@register
class Undersampling(Degradation):
    """Zero-filled reconstruction from a part of the phase-encode lines.

    Clinic: an accelerated scan whose reconstruction could not fill in what was not measured; noise-like streaks or folded
    outlines along phase encode, and lost detail.

    Model: one of ``acceleration`` phase-encode lines is kept, the centre of k-space always, the rest is zero; magnitude image.
    Random and density-weighted gaps smear, an equispaced pattern folds. One order of lines for all severities and one mask for
    all colours.

    Source: fastMRI's masks keep one of 4 with 8 % of centre; MedQ-Deg's example has 4.2 and 4.8 with 8 %, which can hardly be
    told apart, hence the gentler L1.
    """

    name = "undersampling_artifact"
    proxy_side = 512

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter("acceleration", "Acceleration", "x", 1.0, 32.0, 1.0, "log", help="All lines over measured lines."),
            Parameter("center_fraction", "Centre", "of lines", 0.0, 1.0, 0.08, help="Fully sampled share around k = 0."),
            _AXIS,
            Parameter(
                "pattern",
                "Pattern",
                default="density",
                kind="choice",
                choices=("random", "equispaced", "density"),
                help="Density prefers lines near the centre; random ignores k; equispaced keeps every n-th line and folds.",
            ),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"acceleration": _ACCELERATION(severity), "center_fraction": _CENTER_FRACTION(severity)}

    def drawn_parameters(self, seed: int, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"axis": _drawn_axis(seed)}

    def prepare(self, image: MedicalImage, seed: int) -> KSpaceState:
        state = KSpaceState.of(image)
        axis = _drawn_axis(seed)
        state.spectra[axis] = half_spectrum(state.pixels, axis)
        return state

    def apply(self, state: KSpaceState, parameters: Parameters, seed: int) -> Pixels:
        axis = int(parameters["axis"])
        acceleration, fraction = float(parameters["acceleration"]), float(parameters["center_fraction"])
        lines = state.full_shape[axis]
        pattern = str(parameters["pattern"])
        if pattern == "equispaced":
            mask = equispaced_mask(lines, acceleration, fraction)
        else:
            draw = density_order if pattern == "density" else random_order
            mask = nested_mask(draw(lines, generator(seed, "sampling order")), acceleration, fraction)
        seen = mask[line_numbers(state.pixels.shape[axis]) % lines]
        return state.with_weights(seen.astype(np.float32), axis)


@register
class Ghosting(Degradation):
    """Equidistant copies of the object along phase encode.

    Clinic: pulsation, breathing or swallowing modulates the measured lines periodically; faint copies of the object stand
    beside it along phase encode.

    Model: every n-th phase-encode line is stronger by ``intensity``, the mean weight is 1 and the line k = 0 is left alone, so
    that neither brightness nor contrast changes with it. The object keeps its strength, ``ghosts`` - 1 copies are added.

    Source: in MedQ-Deg's example every 6th line is 1.2 to 1.3 times and every 5th (or 7th, by another estimate) 2.2 times as
    strong.
    """

    name = "ghosting_artifact"
    proxy_side = 512

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter("intensity", "Intensity", "of weight", 0.0, 10.0, 0.0, help="Extra relative weight of every n-th line."),
            Parameter("ghosts", "Ghosts", "", 2, 32, None, kind="int", help="n: copies of the object per field of view."),
            _AXIS,
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"intensity": _GHOST_INTENSITY(severity)}

    def drawn_parameters(self, seed: int, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"axis": _drawn_axis(seed), "ghosts": int(generator(seed, "ghosts").integers(4, 8))}

    def prepare(self, image: MedicalImage, seed: int) -> KSpaceState:
        state = KSpaceState.of(image)
        axis = _drawn_axis(seed)
        state.spectra[axis] = half_spectrum(state.pixels, axis)
        return state

    def apply(self, state: KSpaceState, parameters: Parameters, seed: int) -> Pixels:
        axis = int(parameters["axis"])
        lines = state.pixels.shape[axis]
        # No more copies than lines: a frame of a few pixels has no finer period.
        ghosts = min(int(parameters["ghosts"]), max(2, lines))
        return state.with_weights(ghost_weights(lines, ghosts, float(parameters["intensity"])), axis)


@dataclass(frozen=True, slots=True)
class BiasState:
    """What the field multiplies: the frame above its floor, (rows, columns) float32, or the planes of a colour frame, uint8."""

    planes: tuple[Pixels, ...]
    floor: float = 0.0


@cache
def log_field(seed: int, order: int) -> npt.NDArray[np.float64]:
    """Random polynomial of degree ``order`` over the frame, (65, 65) float64: mean 0, p99 - p1 = 1 (0 for order 0).

    Coefficients are independent and normal on products of Legendre polynomials, with standard deviation 1 / degree: a coil shades
    from one side to the other first. The polynomials' domain is larger than the frame, or the corners would take most of the
    range.
    """
    rng = generator(seed, "bias field")
    # Centres of the grid's cells, so that the frame is covered evenly whatever its matrix.
    x = ((np.arange(_BIAS_GRID) + 0.5) * 2 / _BIAS_GRID - 1) * 0.75
    coefficients = rng.standard_normal((order + 1, order + 1))
    degree = np.add.outer(np.arange(order + 1), np.arange(order + 1))
    coefficients /= np.maximum(degree, 1)
    coefficients[(degree > order) | (degree == 0)] = 0
    surface = np.asarray(np.polynomial.legendre.leggrid2d(x, x, coefficients), np.float64)
    surface -= surface.mean()
    low, high = np.percentile(surface, (1, 99))
    if high > low:
        surface /= high - low
    surface.flags.writeable = False
    return surface


@register
class BiasField(Degradation):
    """Smooth multiplicative shading whose logarithm has mean zero.

    Clinic: a surface coil that lies nearer to one side, or a transmit field that is not even; one part of the picture is
    bright, another dark, without an edge between them.

    Model: the frame times exp(b), b a random polynomial of degree ``order`` over the frame with mean zero: shading, not
    dimming. ``strength`` is its 99th less its 1st percentile over the frame.

    Source: in MedQ-Deg's example the brightest part of the head is amplified 1.8 times as much as its darkest at both levels,
    and L2 differs by dimming alone. L1 matches that inside a head, L2 shades about four times.
    """

    name = "bias_field_artifact"

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter("strength", "Strength", "ln", 0.0, 5.0, 0.0, help="p99 - p1 of the logarithm of the shading, mean zero."),
            Parameter("order", "Order", "", 1, 6, 3, kind="int", help="Degree of the polynomial: higher is less smooth."),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"strength": _BIAS_STRENGTH(severity)}

    def prepare(self, image: MedicalImage, seed: int) -> BiasState:
        if image.is_rgb:
            return BiasState(tuple(np.asarray(plane) for plane in cv2.split(image.pixels)))
        floor = min(0.0, float(image.pixels.min()))
        return BiasState((image.pixels - np.float32(floor) if floor < 0 else image.pixels,), floor)

    def apply(self, state: BiasState, parameters: Parameters, seed: int) -> Pixels:
        rows, columns = state.planes[0].shape
        gain = np.exp(float(parameters["strength"]) * log_field(seed, int(parameters["order"]))).astype(np.float32)
        full = np.asarray(cv2.resize(gain, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32).reshape(rows, columns)
        if len(state.planes) == 3:
            # Bytes times the field, rounded and saturated in one pass.
            return np.asarray(cv2.merge([cv2.multiply(plane, full, dtype=cv2.CV_8U) for plane in state.planes])).reshape(
                rows, columns, 3
            )
        shaded = state.planes[0] * full
        return shaded + np.float32(state.floor) if state.floor < 0 else shaded

"""Brightness, exposure and contrast: what a badly set gain, exposure or display curve does to the values of a frame.

All three act on the value range [lo, hi] of the series, R wide, never on the viewing window; nothing is clipped in float frames,
the display does that.

* adjust_brightness: out = x + offset R. On CT the offset is one in HU. Published levels: -75 and -113 of 255 (MedQ-Deg).
* exposure, photographs and everything shown through a display curve: out = lo + R u^exponent, u = (x - lo) / R in [0, 1].
  Published fits: exponent 1.58 with gain 0.98, or 1.45 with an offset, at L1.
* exposure, X-ray: the detector signal is multiplied by 2^ev. Optical density follows the signal through a logistic characteristic
  curve (Hurter and Driffield), density / (1 - density) proportional to the signal, so that
  b' = b / (b + (1 - b) 2^ev) for brightness b = 1 - density: over-exposed films are dark, under-exposed ones are washed out, both
  flatten at the ends of the curve and never leave the range.
* reduce_contrast: out = m + factor (x - m) about the median m of the foreground. Published levels: 0.65 and 0.30.

Values outside the range keep their distance to it under exposure: the curve is defined on the range only. Example:
``degrade(image, "exposure", overrides={"ev": 1.0})``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import stringzilla

from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, register
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.engine.severity_path import SeverityPath
from medqdeg_desktop.engine.working import Float32, range_width, working_pixels
from medqdeg_desktop.taxonomy import Modality

_OFFSET: Final = SeverityPath(0.0, 0.29, 0.44, 0.85)
#: MR and ultrasound show tissue in the lower third of the range: the published offset would leave nothing of it.
_OFFSET_DARK: Final = SeverityPath(0.0, 0.12, 0.22, 0.60)
_DARK: Final = frozenset({Modality.MRI, Modality.ULTRASOUND})
_EXPONENT: Final = SeverityPath(1.0, 1.6, 2.5, 8.0, "log")
_STOPS: Final = SeverityPath(0.0, 1.0, 2.4, 6.0)
_FACTOR: Final = SeverityPath(1.0, 0.65, 0.30, 0.03)

#: Values within this fraction of either end of the range are background: air, collimation, glass, burnt-out detector.
_MARGIN: Final = 0.05
_LEAST_FOREGROUND: Final = 0.01
_STEPS: Final = 4096
#: Pixels that are enough to tell a median.
_COUNTED: Final = 1 << 20


def _brighter(seed: int) -> bool:
    """Whether this realisation errs to the bright side; the same for every level."""
    return bool(generator(seed, "sign").integers(2))


def _signed(magnitude: ParameterValue, seed: int) -> float:
    return float(magnitude) if _brighter(seed) else -float(magnitude)


@dataclass(frozen=True, slots=True)
class RangeState:
    """The frame as it came, with its range and the pivot of contrast."""

    pixels: Pixels
    low: float
    width: float
    pivot: float = 0.0


@register
class AdjustBrightness(Degradation):
    """A constant offset of all values.

    Clinic: a wrong gain, level or display setting, too dark or too bright.

    Model: x + ``offset`` times the width of the range; in HU on CT. Nothing is clipped but by the display.

    Source: MedQ-Deg's endoscopy example is darker by 75 and 113 of 255; gentler on MR and ultrasound, whose tissue is dark.
    """

    name = "adjust_brightness"

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter(
                "offset", "Offset", "of range", -1.0, 1.0, 0.0, help="Added to every value; negative is darker. In HU on CT."
            ),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"offset": (_OFFSET_DARK if modality in _DARK else _OFFSET)(severity)}

    def realised(self, on_path: Parameters, seed: int, modality: Modality | None) -> dict[str, ParameterValue]:
        signed = dict(on_path)
        if "offset" in signed:
            signed["offset"] = _signed(signed["offset"], seed)
        return signed

    def prepare(self, image: MedicalImage, seed: int) -> RangeState:
        return RangeState(image.pixels, image.value_range[0], range_width(image))

    def apply(self, state: RangeState, parameters: Parameters, seed: int) -> Pixels:
        return _line(state.pixels, 1.0, float(parameters["offset"]) * state.width)


@register
class ReduceContrast(Degradation):
    """All values drawn towards the median of the foreground.

    Clinic: scatter, a flat display curve, a washed-out export or a screen in bright light.

    Model: m + ``factor`` (x - m), m the median of what is neither background nor burnt out.

    Source: MedQ-Deg's example has slopes of 0.65 and 0.30.
    """

    name = "reduce_contrast"

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter(
                "factor",
                "Contrast",
                "",
                0.01,
                1.0,
                1.0,
                help="Slope of the values about the foreground median.",
            ),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"factor": _FACTOR(severity)}

    def prepare(self, image: MedicalImage, seed: int) -> RangeState:
        return RangeState(image.pixels, image.value_range[0], range_width(image), foreground_median(image))

    def apply(self, state: RangeState, parameters: Parameters, seed: int) -> Pixels:
        factor = float(parameters["factor"])
        return _line(state.pixels, factor, (1 - factor) * state.pivot)


def _line(pixels: Pixels, slope: float, offset: float) -> Pixels:
    """slope x + offset in the dtype of ``pixels``, in one pass; uint8 is rounded and saturated."""
    if pixels.dtype == np.uint8:
        levels = np.arange(256, dtype=np.uint8)
        return _looked_up(pixels, np.asarray(cv2.addWeighted(levels, slope, levels, 0.0, offset), np.uint8).ravel())
    # A flat view: whatever the channels, OpenCV sees one. Adding the array to itself at weight 0 is its multiply-add.
    flat = pixels.reshape(len(pixels), -1)
    return np.asarray(cv2.addWeighted(flat, slope, flat, 0.0, offset)).reshape(pixels.shape)


def _through_table(pixels: Pixels, values: npt.NDArray[np.floating[Any]]) -> Pixels:
    """uint8 ``pixels`` looked up in ``values`` (256,), rounded."""
    return _looked_up(pixels, np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _looked_up(pixels: Pixels, table: npt.NDArray[np.uint8]) -> Pixels:
    """``table`` (256,) at each of the uint8 ``pixels``: StringZilla holds a table of bytes in registers, OpenCV in memory."""
    out = np.array(pixels, order="C")
    stringzilla.translate(out.data.cast("B"), table.data, inplace=True)
    return out


def foreground_median(image: MedicalImage) -> float:
    """Median value of what is neither background nor burnt out, within the range; of luminance in a colour frame.

    From a histogram of 4096 steps, exact to 0.01 % of the range, over every k-th row of a frame of more than a million pixels.
    Where less than 1 % of the frame is foreground, the median of everything, held within the range.
    """
    every = -(-math.prod(image.shape) // _COUNTED)
    rows = image.pixels[::every]
    values = np.asarray(cv2.cvtColor(rows, cv2.COLOR_RGB2GRAY)) if image.is_rgb else rows
    low, width = image.value_range[0], range_width(image)
    first, last = low + _MARGIN * width, low + (1 - _MARGIN) * width
    counts = _histogram(values, first, last)
    total = float(counts.sum())
    if total >= max(1.0, _LEAST_FOREGROUND * values.size):
        below = np.cumsum(counts, dtype=np.float64)
        step = int(np.searchsorted(below, total / 2))
        share = (total / 2 - (below[step] - counts[step])) / counts[step]
        return first + (step + float(share)) * (last - first) / _STEPS
    return float(np.clip(np.median(values), low, low + width))


def _histogram(values: Pixels, first: float, last: float) -> npt.NDArray[np.float64]:
    """Counts of ``values`` (uint8 or float32) in ``_STEPS`` equal steps from ``first`` to ``last``."""
    if values.dtype != np.uint8:
        return np.asarray(cv2.calcHist([values], [0], None, [_STEPS], [first, last]), np.float64).ravel()
    levels = np.asarray(cv2.calcHist([values], [0], None, [256], [0, 256])).ravel()
    step = np.floor((np.arange(256) - first) * (_STEPS / (last - first))).astype(np.intp)
    inside = (step >= 0) & (step < _STEPS)
    return np.asarray(np.bincount(step[inside], levels[inside], minlength=_STEPS), np.float64)


@dataclass(frozen=True, slots=True)
class ExposureState:
    """The frame and, for grey frames, its curve variable: log u for the exponent, (b, 1 - b) for stops of detector signal.

    base    what is added to R times the curve's output: lo, and per pixel what lies outside the range where anything does.
    sign    -1 where high values are shown dark.
    """

    pixels: Pixels
    low: float
    width: float
    xray: bool
    sign: int
    base: Float32 | float = 0.0
    log_u: Float32 | None = None
    bright: Float32 | None = None
    dark: Float32 | None = None


@register
class Exposure(Degradation):
    """Over- or under-exposure: on the detector signal of an X-ray, on the display curve elsewhere.

    Clinic: a wrong dose at the detector, an aperture or gain that does not fit the scene.

    Model: X-ray: the detector's signal times 2^``ev`` through the characteristic curve of a film (Hurter and Driffield); darker
    when over-exposed, washed out when under-exposed. Elsewhere: u^``exponent`` over the value range.

    Source: MedQ-Deg's X-ray example fits exponents of 1.45 and 2.36 with a small offset; the direction is drawn from the seed.
    """

    name = "exposure"

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        if modality is Modality.XRAY:
            return (
                Parameter(
                    "ev",
                    "Exposure",
                    "stops",
                    -10.0,
                    10.0,
                    0.0,
                    help="Detector signal times 2^ev; positive is darker.",
                ),
            )
        return (
            Parameter(
                "exponent", "Exponent", "", 0.05, 20.0, 1.0, "log", help="Exponent of the display curve; above 1 is darker."
            ),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        if modality is Modality.XRAY:
            return {"ev": _STOPS(severity)}
        return {"exponent": _EXPONENT(severity)}

    def realised(self, on_path: Parameters, seed: int, modality: Modality | None) -> dict[str, ParameterValue]:
        signed = dict(on_path)
        if "ev" in signed:
            signed["ev"] = _signed(signed["ev"], seed)
        if "exponent" in signed and _brighter(seed):
            signed["exponent"] = 1 / float(signed["exponent"])
        return signed

    def prepare(self, image: MedicalImage, seed: int) -> ExposureState:
        low, width = image.value_range[0], range_width(image)
        xray = image.modality is Modality.XRAY
        sign = -1 if image.inverted else 1
        if image.is_rgb:
            return ExposureState(image.pixels, low, width, xray, sign)
        pixels = working_pixels(image)
        least, most = cv2.minMaxLoc(pixels)[:2]
        base: Float32 | float = low
        if least < low or most > low + width:
            within = np.clip(pixels, np.float32(low), np.float32(low + width))
            base = pixels - within + np.float32(low)
            pixels = within
        # Subtracted before scaled: black is exactly 0, whatever power it is raised to.
        above = pixels if low == 0 else pixels - np.float32(low)
        u = np.asarray(above * np.float32(1 / width), np.float32)
        if xray:
            np.minimum(u, np.float32(1), out=u)
            bright = u if sign > 0 else 1 - u
            return ExposureState(image.pixels, low, width, xray, sign, base, bright=bright, dark=1 - bright)
        # exp(exponent log u) is half the work of a power; below e^-69 everything is black.
        np.maximum(u, np.float32(1e-30), out=u)
        log_u = np.asarray(cv2.log(u, dst=u), np.float32)
        return ExposureState(image.pixels, low, width, xray, sign, base, log_u=log_u)

    def apply(self, state: ExposureState, parameters: Parameters, seed: int) -> Pixels:
        if state.xray:
            gain = 2.0 ** float(parameters["ev"])
            if state.bright is None or state.dark is None:
                bright = np.arange(256) / 255.0
                bright = bright if state.sign > 0 else 1 - bright
                after = bright / (bright + (1 - bright) * gain)
                return _through_table(state.pixels, 255 * (after if state.sign > 0 else 1 - after))
            # On an inverted frame the stored value is the density, 1 - b': the same curve with both roles exchanged.
            numerator, other = (state.bright, state.dark) if state.sign > 0 else (state.dark, state.bright)
            ratio = gain if state.sign > 0 else 1 / gain
            shown = cv2.divide(numerator, cv2.scaleAdd(other, ratio, numerator), scale=state.width)
        else:
            exponent = float(parameters["exponent"])
            if state.log_u is None:
                return _through_table(state.pixels, 255 * (np.arange(256) / 255.0) ** exponent)
            # R u^exponent = exp(exponent log u + log R).
            shown = cv2.addWeighted(state.log_u, exponent, state.log_u, 0.0, math.log(state.width))
            shown = cv2.exp(shown, dst=shown)
        out = np.asarray(shown, np.float32).reshape(state.pixels.shape)
        if isinstance(state.base, np.ndarray) or state.base:
            out += np.asarray(state.base, np.float32)
        return out

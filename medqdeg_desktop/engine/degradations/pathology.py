"""Things that lie on a slide: an air bubble under the cover slip, dark smudges of pigment and dirt.

Both are drawn, in optical density: what a layer of density D lets through is 10^-D (Beer and Lambert), so that layers add, glass
darkens as tissue does, and nothing gets darker than black.

* bubble. Air under the cover slip throws the image out of focus (its index of refraction is 1.0 against 1.5 of the mounting
  medium) and its curved edge refracts light out of the objective: a dark rim, bright just inside.
* dark_spots_artifact. Pigment, precipitated stain or dust, mostly out of focus: soft, irregular, mottled, brown-black smudges.

Places and shapes belong to the seed, so that with severity the same bubble grows and the same smudges spread. Sizes are relative
to the frame. On a grey frame the density acts on the distance from the low end of the range. Red cells: ``blood_cells``.
Example: ``degrade(image, "bubble", overrides={"radius": 0.2})``.
Levels: MedQ-Deg example triplets (diameter of the disc and its blur, least transmission, share of changed pixels).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, register
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.optical_density import no_light, seen_through
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.engine.severity_path import SeverityPath
from medqdeg_desktop.engine.working import Float32
from medqdeg_desktop.taxonomy import Modality

#: Beyond half the side the rim leaves the frame faster than the blur inside grows: the picture would get better again.
_RADIUS: Final = SeverityPath(0.0, 0.20, 0.35, 0.50)
_BUBBLE_BLUR: Final = SeverityPath(0.0, 0.007, 0.017, 0.06)
_DENSITY: Final = SeverityPath(0.0, 0.35, 1.0, 2.0)
_DIAMETER: Final = SeverityPath(0.0, 0.35, 0.60, 1.0)

_PLACES: Final = 2048
"""Entries of a bubble's profile per radius."""
_SMUDGE_EDGE: Final = 1.1
"""Where a smudge ends, in radii of its outline."""
# Optical density per channel (R, G, B), the densest channel 1.
_PIGMENT: Final = (0.80, 0.92, 1.0)


def _blurred(part: Float32, sigma: float) -> Float32:
    """Gaussian blur of ``sigma`` pixels; a wide one on a coarser grid, whose own spread is taken off.

    Area reduction by f spreads by f^2 / 12, bilinear enlargement by f^2 / 6.
    """
    if sigma < 0.05:
        return part
    coarser = 2 ** max(0, math.floor(math.log2(sigma / 2.5)))
    rows, columns = part.shape[:2]
    if coarser == 1:
        return np.asarray(cv2.GaussianBlur(part, (0, 0), sigma), np.float32).reshape(part.shape)
    size = (max(1, math.ceil(columns / coarser)), max(1, math.ceil(rows / coarser)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    softer = cv2.GaussianBlur(small, (0, 0), math.sqrt(sigma**2 - coarser**2 / 4) / coarser)
    return np.asarray(cv2.resize(softer, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32).reshape(part.shape)


def _outline(rng: np.random.Generator, wobble: float, lobes: int) -> npt.NDArray[np.float64]:
    """Radius factor over 256 directions: 1 plus a few harmonics of relative amplitude ``wobble``."""
    angle = np.arange(256) * (2 * np.pi / 256)
    radius = np.ones(256)
    for n in range(2, lobes + 1):
        radius += wobble / n * rng.normal() * np.cos(n * angle + rng.uniform(0, 2 * np.pi))
    return np.maximum(radius, 0.3)


def _relative_radius(
    rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64], outline: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Distance from the origin in units of the outline, at (rows x columns)."""
    y, x = rows[:, None], columns[None, :]
    turns = np.arctan2(y, x) / (2 * np.pi) * 256
    index = np.floor(turns).astype(np.int64)
    share = turns - index
    edge = outline[index % 256] * (1 - share) + outline[(index + 1) % 256] * share
    return np.asarray(np.hypot(y, x) / edge)


@lru_cache(maxsize=8)
def _bubble_profile(soft: float) -> tuple[Float32, Float32]:
    """(share of the blurred picture, optical density) at distances of 0 to 2 radii; ``soft``: half the width of the edge."""
    r = np.arange(2 * _PLACES) / _PLACES
    inside = np.clip((1 + soft - r) / (2 * soft), 0, 1)
    # Light lost at the steep edge, most of it just inside; a little of it returns as a bright line further in.
    rim = 0.55 * np.exp(-(((r - 0.985) / np.where(r < 0.985, 0.035, 0.015)) ** 2))
    glint = 0.05 * np.exp(-(((r - 0.90) / 0.03) ** 2))
    return inside.astype(np.float32), (rim - glint).astype(np.float32)


@register
class Bubble(Degradation):
    """An air bubble: blurred inside, dark refracting rim.

    Clinic: air trapped under the cover slip throws what lies under it out of focus; its curved edge refracts the light away.

    Model: a soft disc of ``radius`` at a place of the seed, Gaussian blur of ``sigma`` inside, a dark rim with a bright line
    within, drawn in optical density.

    Source: MedQ-Deg's example has discs of 100 and 182 of 256 pixels with a blur of 1.5 and 3.25 pixels.
    """

    name = "bubble"
    proxy_side = 512

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter("radius", "Radius", "of side", 0.0, 1.0, 0.0, help="Fraction of the shorter side."),
            Parameter("sigma", "Blur inside", "of side", 0.0, 0.1, 0.007, help="Gaussian, fraction of the shorter side."),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"radius": _RADIUS(severity), "sigma": _BUBBLE_BLUR(severity)}

    def prepare(self, image: MedicalImage, seed: int) -> MedicalImage:
        return image

    def apply(self, state: MedicalImage, parameters: Parameters, seed: int) -> Pixels:
        image = state
        rows, columns = image.shape
        side = min(rows, columns)
        radius = float(parameters["radius"]) * side
        if radius < 0.5:
            return image.pixels
        rng = generator(seed, "bubble")
        centre_y, centre_x = rng.uniform(0.3, 0.7) * rows - 0.5, rng.uniform(0.3, 0.7) * columns - 0.5
        outline = _outline(rng, 0.05, 4)
        reach = radius * float(outline.max()) * 1.12 + 2
        top, bottom = max(0, int(centre_y - reach)), min(rows, math.ceil(centre_y + reach) + 1)
        left, right = max(0, int(centre_x - reach)), min(columns, math.ceil(centre_x + reach) + 1)
        # Distance in radii is smooth: drawn on a coarse grid and enlarged. The rim is a function of it, read from a table.
        step = max(1.0, radius / 30)
        shape = (max(2, round((bottom - top) / step)), max(2, round((right - left) / step)))
        y = (np.arange(shape[0]) + 0.5) * (bottom - top) / shape[0] - 0.5 + top - centre_y
        x = (np.arange(shape[1]) + 0.5) * (right - left) / shape[1] - 0.5 + left - centre_x
        r = _relative_radius(y / radius, x / radius, outline).astype(np.float32)
        full = cv2.resize(r, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR).reshape(bottom - top, right - left)
        place = np.minimum(full * np.float32(_PLACES), np.float32(2 * _PLACES - 1)).astype(np.uint16)
        inside, rim = (table[place] for table in _bubble_profile(max(0.02, 1.0 / radius)))
        region = (slice(top, bottom), slice(left, right))
        focused = np.ascontiguousarray(image.pixels[region], np.float32)
        mixed = _blurred(focused, float(parameters["sigma"]) * side) - focused
        mixed *= inside[..., None] if image.is_rgb else inside
        mixed += focused
        out = image.pixels.copy()
        out[region] = seen_through(mixed, rim, (1.0, 1.0, 1.0), no_light(image))
        return out


@dataclass(frozen=True)
class Smudge:
    """One smudge: centre as fractions of the frame, size and density relative to the first, outline and mottle."""

    centre: tuple[float, float]
    size: float
    density: float
    outline: npt.NDArray[np.float64]
    mottle: Float32


@lru_cache(maxsize=16)
def _smudge(seed: int, number: int) -> Smudge:
    """Smudge ``number`` of the realisation; the first is the largest."""
    rng = generator(seed, f"smudge {number}")
    grain = rng.standard_normal((32, 32), dtype=np.float32)
    mottle = cv2.GaussianBlur(grain, (0, 0), 1.2) * np.float32(0.9) + cv2.GaussianBlur(grain, (0, 0), 3.0) * np.float32(2)
    return Smudge(
        (float(rng.uniform(0.25, 0.75)), float(rng.uniform(0.25, 0.75))),
        1.0 if number == 0 else float(rng.uniform(0.3, 0.6)),
        1.0 if number == 0 else float(rng.uniform(0.5, 0.9)),
        _outline(rng, 0.35, 7),
        np.exp(mottle * np.float32(0.35)),
    )


def _layer(smudge: Smudge, size: float, shape: tuple[int, int]) -> tuple[tuple[slice, slice], Float32]:
    """Where in a frame of ``shape`` the smudge of radius ``size`` lies, and its relative density there."""
    (rows, columns), reach = shape, size * _SMUDGE_EDGE * float(smudge.outline.max())
    middle_y, middle_x = smudge.centre[0] * rows, smudge.centre[1] * columns
    top, left = max(0, math.floor(middle_y - reach)), max(0, math.floor(middle_x - reach))
    bottom, right = min(rows, math.ceil(middle_y + reach)), min(columns, math.ceil(middle_x + reach))
    # Nothing in a smudge is finer than a twentieth of it: a coarse grid, enlarged, is the same picture.
    step = max(1.0, size / 24)
    coarse = (max(2, math.ceil((bottom - top) / step)), max(2, math.ceil((right - left) / step)))
    down = (top + (np.arange(coarse[0]) + 0.5) * (bottom - top) / coarse[0] - middle_y) / size
    across = (left + (np.arange(coarse[1]) + 0.5) * (right - left) / coarse[1] - middle_x) / size
    r = _relative_radius(down, across, smudge.outline)
    edge = 0.5 + 0.5 * np.cos(np.pi * np.clip((r - 0.25) / (_SMUDGE_EDGE - 0.25), 0, 1))
    grid_x, grid_y = np.meshgrid((across * 11 + 15.5).astype(np.float32), (down * 11 + 15.5).astype(np.float32))
    mottle = cv2.remap(smudge.mottle, grid_x, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    layer = (edge * mottle).astype(np.float32)
    layer *= np.float32(smudge.density / max(float(layer.max()), 1e-6))
    full = cv2.resize(layer, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR).reshape(bottom - top, right - left)
    return (slice(top, bottom), slice(left, right)), np.asarray(full, np.float32)


@register
class DarkSpots(Degradation):
    """Smudges of pigment and dirt out of focus.

    Clinic: formalin pigment, precipitated stain, dust on the cover slip or the camera.

    Model: one to three soft, irregular, mottled smudges of brown-black pigment with peak optical ``density``, the largest
    ``diameter`` across; layers add, glass darkens too, nothing gets darker than black.

    Source: in MedQ-Deg's example the least transmission is 0.54 and 0.24, over 39 and 81 % of the area.
    """

    name = "dark_spots_artifact"
    proxy_side = 512

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter("density", "Density", "OD", 0.0, 4.0, 0.0, help="Peak optical density."),
            Parameter("diameter", "Diameter", "of side", 0.0, 2.0, 0.35, help="Of the largest, of the shorter side."),
            Parameter("spots", "Spots", "", 1, 12, None, kind="int", help="Number of smudges."),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"density": _DENSITY(severity), "diameter": _DIAMETER(severity)}

    def drawn_parameters(self, seed: int, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"spots": int(generator(seed, "spots").integers(1, 4))}

    def prepare(self, image: MedicalImage, seed: int) -> MedicalImage:
        return image

    def apply(self, state: MedicalImage, parameters: Parameters, seed: int) -> Pixels:
        radius = max(float(parameters["diameter"]) / 2 * min(state.shape), 0.5)
        layers = [
            _layer(smudge, max(radius * smudge.size, 0.5), state.shape)
            for smudge in (_smudge(seed, number) for number in range(int(parameters["spots"])))
        ]
        top, left = (min(region[axis].start for region, _ in layers) for axis in (0, 1))
        bottom, right = (max(region[axis].stop for region, _ in layers) for axis in (0, 1))
        density = np.zeros((bottom - top, right - left), np.float32)
        for (down, across), layer in layers:
            part = density[down.start - top : down.stop - top, across.start - left : across.stop - left]
            np.maximum(part, layer, out=part)
        density *= np.float32(parameters["density"])
        out = state.pixels.copy()
        under = np.ascontiguousarray(state.pixels[top:bottom, left:right])
        out[top:bottom, left:right] = seen_through(under, density, _PIGMENT, no_light(state))
        return out

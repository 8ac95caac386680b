"""CT scans with too few views, and with views from a part of the half turn.

Both act on attenuation, mu = mu_water (1 + HU / 1000) with air at -1000 HU, in parallel-beam geometry, and add to the frame
only what the change of the scan makes of it: the frame itself stays as sharp as it was, and a scan with everything left in is
the frame. Directions are those on the patient: pixels that are not square are made so first.

* sparse_view. Sampling faster or with fewer exposures leaves streaks, worst between bright edges and far from them. Frame +
  (back-projection of ``views`` equidistant views - back-projection of all). See ``projection``.
* limited_angle. The gantry sees the patient from ``arc_deg`` of the 180 degrees (C-arms, tomosynthesis, obstructed gantries):
  edges along the missing directions dissolve and shade their surroundings. The same difference, short arcs normalised to keep
  mean values.

A picture without HU (8-bit) is taken as shown with the window W400 L40, its black as air (``attenuation``).
Example: ``degrade(image, "sparse_view", overrides={"views": 60})``.

A number of views is one of a matrix: streaks begin at a distance of views / pi pixels from what casts them, so that 144 views are
few for 512 pixels and plenty for 128.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from medqdeg_desktop.engine.attenuation import Attenuation
from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, register
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.projection import (
    Complex64,
    convolved,
    limited_angle_transfer,
    padded_spectrum,
    sparse_view_transfer,
)
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.engine.severity_path import SeverityPath
from medqdeg_desktop.engine.working import Float32, native, working_pixels
from medqdeg_desktop.taxonomy import Modality

_VIEWS: Final = SeverityPath(720.0, 144.0, 60.0, 18.0, "log")
_ARC: Final = SeverityPath(180.0, 174.0, 158.0, 115.0)


def square_grid(image: MedicalImage) -> tuple[int, int]:
    """(rows, columns) of the frame on square pixels of the same area; its own where they are square or of unknown size."""
    rows, columns = image.shape
    row, column = image.spacing or (1.0, 1.0)
    if abs(row - column) <= 0.01 * column:
        return (rows, columns)
    pixel = math.sqrt(row * column)
    return (max(1, round(rows * row / pixel)), max(1, round(columns * column / pixel)))


def resampled(plane: Float32, shape: tuple[int, int]) -> Float32:
    """``plane`` on a grid of ``shape`` over the same area."""
    if plane.shape == shape:
        return plane
    shrinks = shape[0] <= plane.shape[0] and shape[1] <= plane.shape[1]
    resized = cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(resized, np.float32).reshape(shape)


def reduction_of(image: MedicalImage) -> float:
    """Full size / proxy size; 1 on the frame itself."""
    return max(image.full_shape) / max(image.shape) if image.full_shape else 1.0


@dataclass(frozen=True)
class ProjectedState:
    """The frame (float32), what attenuates in it, and the spectrum of that on square pixels of the shape ``grid``."""

    image: MedicalImage
    pixels: Float32
    attenuation: Attenuation
    grid: tuple[int, int]
    spectrum: Complex64
    reduction: float

    @classmethod
    def of(cls, image: MedicalImage) -> ProjectedState:
        attenuation = Attenuation.of(image)
        grid = square_grid(image)
        spectrum = padded_spectrum(resampled(attenuation.mass, grid))
        return cls(image, working_pixels(image), attenuation, grid, spectrum, reduction_of(image))

    def plus(self, transfer: Float32) -> Pixels:
        """The frame plus the artefact that ``transfer`` makes of it, the same in every channel."""
        artefact = resampled(convolved(self.spectrum, transfer, self.grid), self.image.shape)
        return added(self.pixels, self.attenuation.shown(artefact), self.image.is_rgb)


def added(pixels: Float32, change: Float32, rgb: bool) -> Pixels:
    """``pixels`` + ``change`` (rows, columns), the same in every channel, in the frame's dtype."""
    return native(pixels + (change[..., None] if pixels.ndim == 3 else change), rgb)


@register
class SparseView(Degradation):
    """Streaks of a scan with few views.

    Clinic: a scan made faster or with fewer exposures (gated cardiac CT, tomosynthesis, low-dose protocols that skip views);
    streaks are worst between bright edges and far from what casts them.

    Model: the frame plus the difference between the filtered back-projections of ``views`` equidistant parallel views and of
    all views, so that with all views it is the frame itself, as sharp as it was. In HU above air. A number of views belongs to
    a matrix: 144 are few for 512 pixels, plenty for 128.

    Source: MedQ-Deg's example has 144 and 36 views, CT-DEGRADBENCH 180 to 45. In HU, with air 1000 below tissue, a soft-tissue
    window shows more of the streaks than an 8-bit picture: 60 views leave a finding to judge, 36 do not.
    """

    name = "sparse_view"
    proxy_side = 512

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter("views", "Views", "", 4, 3600, 720, "log", "int", help="Equidistant views over 180 degrees."),
            Parameter("start_deg", "First view", "deg", 0.0, 180.0, 0.0, help="0: rays along columns."),
            Parameter("filter", "Filter", default="hann", kind="choice", choices=("hann", "shepp-logan", "ram-lak")),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"views": round(_VIEWS(severity))}

    def prepare(self, image: MedicalImage, seed: int) -> ProjectedState:
        return ProjectedState.of(image)

    def apply(self, state: ProjectedState, parameters: Parameters, seed: int) -> Pixels:
        return state.plus(
            sparse_view_transfer(
                len(state.spectrum),
                int(parameters["views"]),
                float(parameters["start_deg"]),
                str(parameters["filter"]),
                state.reduction,
            )
        )


@register
class LimitedAngle(Degradation):
    """Dissolved edges and shading of a scan that lacks a wedge of directions.

    Clinic: a gantry that cannot go all the way round (C-arms, tomosynthesis, an obstructed room) sees the patient from a part
    of the half turn; edges along the missing directions dissolve and shade their surroundings.

    Model: the frame plus the difference between the filtered back-projections over ``arc_deg`` of densely spaced parallel views
    and over all 180 degrees; weights fall over ``taper_deg`` at both ends of the arc and keep the mean value. In HU above air.

    Source: MedQ-Deg's example lacks a small wedge at L1 and 40 to 60 degrees, by eye, at L2; in HU a soft-tissue window bears
    22 degrees before a finding can no longer be judged.
    """

    name = "limited_angle"
    proxy_side = 512

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter("arc_deg", "Measured arc", "deg", 10.0, 180.0, 180.0, help="Measured part of the half turn."),
            Parameter("start_deg", "First view", "deg", 0.0, 180.0, None, help="0: rays along columns."),
            Parameter("taper_deg", "Taper", "deg", 0.0, 45.0, 4.0, help="Fall of the weights at both ends of the arc."),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"arc_deg": _ARC(severity)}

    def drawn_parameters(self, seed: int, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"start_deg": round(float(generator(seed, "first view").uniform(0, 180)), 1)}

    def prepare(self, image: MedicalImage, seed: int) -> ProjectedState:
        return ProjectedState.of(image)

    def apply(self, state: ProjectedState, parameters: Parameters, seed: int) -> Pixels:
        return state.plus(
            limited_angle_transfer(
                len(state.spectrum),
                float(parameters["arc_deg"]),
                float(parameters["start_deg"]),
                float(parameters["taper_deg"]),
                "hann",
                state.reduction,
            )
        )

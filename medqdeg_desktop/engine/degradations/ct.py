"""CT scans with too few views, with views from a part of the half turn, and with too few photons.

All three act on attenuation, mu = mu_water (1 + HU / 1000) with air at -1000 HU, in parallel-beam geometry, and add to the frame
only what the change of the scan makes of it: the frame itself stays as sharp as it was, and a scan with everything left in is
the frame.

* sparse_view. Sampling faster or with fewer exposures leaves streaks, worst between bright edges and far from them. Frame +
  (back-projection of ``views`` equidistant views - back-projection of all). See ``projection``.
* limited_angle. The gantry sees the patient from ``arc_deg`` of the 180 degrees (C-arms, tomosynthesis, obstructed gantries):
  edges along the missing directions dissolve and shade their surroundings. The same difference, short arcs normalised to keep
  mean values.
* low_dose. With ``dose`` of the photons the noise of the line integrals grows, most behind bone and across the shoulders. The
  frame is the scan at dose 1 and has that scan's noise already: its counts N ~ Poisson(photons e^-L) are drawn along all rays
  (L: line integrals of the frame), thinned to n ~ Binomial(N, dose), which is Poisson(dose photons e^-L) exactly, and the
  difference -ln(n / (dose N)) is reconstructed and added. Electronic noise is added to n with variance electronic_sigma^2 (1 -
  dose^2): together with what the frame's own scan had, that is the reduced scan's. Counts below 1 read as 1. All doses of one
  seed thin the same counts with the same random numbers (``photons``). A million photons per element and view give a trunk of
  average size some 12 HU of noise at dose 1, as a routine scan of it has.

A picture without HU (8-bit) is taken as shown with the window W400 L40, its black as air (``attenuation``).
Example: ``degrade(image, "low_dose", overrides={"dose": 0.25})``.
Levels: 144 views and every third of them (MedQ-Deg triplet 144 and 36, CT-DEGRADBENCH 45 to 180), arcs of 170 and 145 degrees
(MedQ-Deg triplet: a small wedge missing, then 40 to 60 degrees; in HU, with air 1000 below tissue, a soft-tissue window bears
less), a quarter and 7 % of the dose (Mayo low-dose challenge, SimNICT).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from medqdeg_desktop.engine.attenuation import Attenuation
from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, register
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.photons import poisson_counts, thinned_counts
from medqdeg_desktop.engine.projection import (
    MU_WATER_PER_MM,
    Complex64,
    convolved,
    limited_angle_transfer,
    padded_spectrum,
    sparse_view_transfer,
)
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.engine.severity_path import L1_SEVERITY, L2_SEVERITY, SeverityPath
from medqdeg_desktop.engine.sinogram import Linogram, linogram
from medqdeg_desktop.engine.working import Float32, native, working_pixels
from medqdeg_desktop.taxonomy import Modality

RECOMMENDED: Final[dict[str, dict[str, float]]] = {
    name: {"L1": L1_SEVERITY, "L2": L2_SEVERITY} for name in ("sparse_view", "limited_angle", "low_dose")
}
"""Severities of the recommended levels, by type."""

_VIEWS: Final = SeverityPath(720.0, 144.0, 48.0, 18.0, "log")
_DOSE: Final = SeverityPath(1.0, 0.25, 0.07, 0.01, "log")
_FIELD_OF_VIEW_MM: Final = 400.0
"""Longest side of a frame whose spacing is unknown."""
_ARC: Final = SeverityPath(180.0, 170.0, 145.0, 110.0)


def reduction_of(image: MedicalImage) -> float:
    """Full size / proxy size; 1 on the frame itself."""
    return max(image.full_shape) / max(image.shape) if image.full_shape else 1.0


@dataclass(frozen=True)
class ProjectedState:
    """The frame (float32), what attenuates in it, and the spectrum of that."""

    image: MedicalImage
    pixels: Float32
    attenuation: Attenuation
    spectrum: Complex64
    reduction: float

    @classmethod
    def of(cls, image: MedicalImage) -> ProjectedState:
        attenuation = Attenuation.of(image)
        return cls(image, working_pixels(image), attenuation, padded_spectrum(attenuation.mass), reduction_of(image))

    def plus(self, transfer: Float32) -> Pixels:
        """The frame plus the artefact that ``transfer`` makes of it, the same in every channel."""
        artefact = convolved(self.spectrum, transfer, self.image.shape)
        return added(self.pixels, self.attenuation.shown(artefact), self.image.is_rgb)


def added(pixels: Float32, change: Float32, rgb: bool) -> Pixels:
    """``pixels`` + ``change`` (rows, columns), the same in every channel, in the frame's dtype."""
    return native(pixels + (change[..., None] if pixels.ndim == 3 else change), rgb)


@register
class SparseView(Degradation):
    """Streaks of a scan with few views."""

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
    """Dissolved edges and shading of a scan that lacks a wedge of directions."""

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


@dataclass
class DoseState:
    """The frame, what its scan's rays had to pass, and the random numbers of the realisation.

    transmission    e^-L times the relative width of the element, (views, elements) float32.
    photon_ratio    photons of one element here / photons of one element at full size (1 but on a proxy).
    thinning        standard normal numbers that thin the counts; ``electronic`` those of the detector's electronics.
    source_counts   counts at dose 1 by photons per element, drawn when first needed.
    """

    image: MedicalImage
    pixels: Float32
    attenuation: Attenuation
    geometry: Linogram
    transmission: Float32
    photon_ratio: float
    millimetres: float
    source: Float32
    thinning: Float32
    electronic: Float32
    source_counts: dict[float, Float32] = field(default_factory=dict)

    def counts_at_full_dose(self, photons: float) -> Float32:
        """N ~ Poisson(photons e^-L), (views, elements) float32 integers."""
        if photons not in self.source_counts:
            mean = self.transmission * np.float32(photons * self.photon_ratio)
            self.source_counts = {photons: poisson_counts(self.source, mean)}
        return self.source_counts[photons]

    def line_integral_noise(self, dose: float, photons: float, electronic_sigma: float) -> Float32:
        """What the reduced dose adds to the line integrals, (views, elements) float32."""
        full = self.counts_at_full_dose(photons)
        reduced = thinned_counts(self.thinning, full, dose)
        reduced = reduced + self.electronic * np.float32(electronic_sigma * np.sqrt(1 - dose**2))
        ratio = np.maximum(full, 1) * np.float32(dose) / np.maximum(reduced, 1)
        # A ray without a photon at either dose tells nothing apart: no noise where nothing was counted at dose 1 either.
        return np.where(full > 0, np.log(ratio), np.float32(0))

    def reconstructed(self, noise: Float32) -> Float32:
        """Noise image in HU (rows, columns) of noise on the line integrals."""
        rows, columns = self.image.shape
        side = self.geometry.side
        top, left = (side - rows) // 2, (side - columns) // 2
        image = self.geometry.back_projected(noise)[top : top + rows, left : left + columns]
        return np.ascontiguousarray(image * np.float32(1000 / (MU_WATER_PER_MM * self.millimetres)))


def _scanned_side(shape: tuple[int, int]) -> int:
    """Side of the square that is projected, in steps of 32: pictures of many sizes share their geometry."""
    return -(-max(shape) // 32) * 32


def _normal_field(seed: int, stream: str, shape: tuple[int, int], full_shape: tuple[int, int]) -> Float32:
    """Standard normal sinogram; on a proxy the neighbours of the full-size one together, so that the grain stays in place."""
    numbers = generator(seed, stream).standard_normal(full_shape, dtype=np.float32)
    if shape == full_shape:
        return numbers
    halves = [cv2.resize(half, (shape[1], shape[0] // 2), interpolation=cv2.INTER_AREA) for half in np.split(numbers, 2)]
    coarse = np.concatenate(halves)
    return np.asarray(coarse / max(float(coarse.std()), 1e-6), np.float32)


@register
class LowDose(Degradation):
    """Photon noise of a scan with a fraction of the dose."""

    name = "low_dose"
    proxy_side = 512

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter("dose", "Dose", "of the frame's", 0.002, 1.0, 1.0, "log", help="Fraction of the dose of the frame."),
            Parameter("photons", "Photons", "per element", 1e3, 1e8, 1e6, "log", help="Per detector element and view at dose 1."),
            Parameter("electronic_sigma", "Electronic noise", "photons", 0.0, 1000.0, 10.0, help="Standard deviation."),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"dose": _DOSE(severity)}

    def prepare(self, image: MedicalImage, seed: int) -> DoseState:
        attenuation = Attenuation.of(image)
        rows, columns = image.shape
        side, full_side = _scanned_side(image.shape), _scanned_side(image.full_shape or image.shape)
        reduction = reduction_of(image)
        half_views, full_half_views = max(64, side // 2), max(64, full_side // 2)
        geometry = linogram(side, half_views, reduction)
        square = np.zeros((side, side), np.float32)
        top, left = (side - rows) // 2, (side - columns) // 2
        square[top : top + rows, left : left + columns] = attenuation.mass
        row, column = image.spacing or (_FIELD_OF_VIEW_MM / max(rows, columns),) * 2
        millimetres = float(np.sqrt(row * column))
        integrals = geometry.line_integrals(square) * np.float32(MU_WATER_PER_MM / 1000 * millimetres)
        shape = (2 * half_views, geometry.elements)
        full_shape = (2 * full_half_views, int(np.ceil(np.sqrt(2) * full_side)))

        def normal(stream: str) -> Float32:
            return _normal_field(seed, f"{stream}/{image.frame}", shape, full_shape)

        return DoseState(
            image,
            working_pixels(image),
            attenuation,
            geometry,
            np.exp(-np.maximum(integrals.astype(np.float64), 0)).astype(np.float32) * geometry.element_width(),
            # An element of a proxy is wider, and its fewer views share the photons of all.
            reduction * full_half_views / half_views,
            millimetres,
            normal("photons"),
            normal("thinning"),
            normal("electronics"),
        )

    def apply(self, state: DoseState, parameters: Parameters, seed: int) -> Pixels:
        noise = state.line_integral_noise(
            float(parameters["dose"]), float(parameters["photons"]), float(parameters["electronic_sigma"])
        )
        return added(state.pixels, state.attenuation.shown(state.reconstructed(noise)), state.image.is_rgb)

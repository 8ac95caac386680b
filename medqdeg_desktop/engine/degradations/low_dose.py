"""A CT scan with a fraction of the dose.

In the clinic: screening and paediatric protocols, thick patients, a tube current that was set too low. With ``dose`` of the
photons the noise of the line integrals grows, most behind bone and across the shoulders, where few photons arrive.

The frame is the scan at dose 1 and has that scan's noise already: its counts N ~ Poisson(photons e^-L) are drawn along all rays
(L: line integrals of the frame), thinned to n ~ Binomial(N, dose), which is Poisson(dose photons e^-L) exactly, and the
difference -ln(n / (dose N)) is reconstructed and added. Electronic noise is added to n with variance electronic_sigma^2 (1 -
dose^2): together with what the frame's own scan had, that is the reduced scan's. Counts below 1 read as 1. All doses of one
seed thin the same counts with the same random numbers (``photons``). A million photons per element and view give a trunk of
average size some 12 HU of noise at dose 1, as a routine scan of it has.

The tube current follows the patient, view by view, as automatic exposure control does: a view whose densest ray has line
integral L gets exp((L - 5.85) / 2) times the photons of a view through 30 cm of water, from a quarter to eight times (tube
limits). With one current for all, a broad patient scanned with the arms down would be unreadable at a dose that leaves a slim one
diagnostic. The square root of the attenuation is the compromise between constant noise and constant current that minimises
noise for a given dose (Gies et al., Med Phys 26, 1999).

The detector has an element per pixel of the frame, up to 512 along its longer side: scanners have 700 to 1000 over their whole
fan, whatever matrix is reconstructed, and the noise of a finer matrix is no finer than they are.

While dragging, an approximation is shown (``QuickDose``). A picture without HU is taken as described in ``attenuation``.
Example: ``degrade(image, "low_dose", overrides={"dose": 0.25})``.
Levels: a quarter and 7 % of the dose (Mayo low-dose challenge, SimNICT).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from medqdeg_desktop.engine.attenuation import Attenuation
from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, register
from medqdeg_desktop.engine.degradations.ct import added, resampled, square_grid
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.photons import poisson_counts, thinned_counts
from medqdeg_desktop.engine.projection import MU_WATER_PER_MM
from medqdeg_desktop.engine.seeding import normal_field
from medqdeg_desktop.engine.severity_path import SeverityPath
from medqdeg_desktop.engine.sinogram import Linogram, linogram
from medqdeg_desktop.engine.working import Float32, working_pixels
from medqdeg_desktop.taxonomy import Modality

_DOSE: Final = SeverityPath(1.0, 0.25, 0.07, 0.01, "log")
_FIELD_OF_VIEW_MM: Final = 400.0
"""Longest side of a frame whose spacing is unknown."""
_DETECTOR_SIDE: Final = 512
"""Longest side in pixels of what is projected."""
_REFERENCE_INTEGRAL: Final = MU_WATER_PER_MM * 300
"""Line integral through 30 cm of water, where the tube current is 1."""
_CURRENT_LIMITS: Final = (0.25, 8.0)
_ANCHORS: Final = (0.25, 0.01)
"""Doses whose noise images span the quick form."""


@dataclass(frozen=True)
class Scan:
    """A frame in the scanner: what attenuates on the detector's grid, and the numbers of the realisation.

    mass        (rows, columns) float32 on square pixels.
    pixel_mm    side of these.
    full_side   side of the square that the frame at full size is projected in; ``side`` that of this frame or proxy, both in
                steps of 32, so that pictures of many sizes share their geometry.
    reduction   full size / proxy size on the detector's grid.
    seed, frame  name the random numbers of this frame.
    """

    mass: Float32
    pixel_mm: float
    side: int
    full_side: int
    reduction: float
    seed: int
    frame: int

    @classmethod
    def of(cls, image: MedicalImage, mass: Float32, seed: int) -> Scan:
        rows, columns = square_grid(image)
        grid = _on_detector((rows, columns))
        full = grid
        if image.full_shape:
            times = max(image.full_shape) / max(image.shape)
            full = _on_detector((round(rows * times), round(columns * times)))
        row, column = image.spacing or (_FIELD_OF_VIEW_MM / max(rows, columns),) * 2
        pixel_mm = math.sqrt(row * column) * max(rows, columns) / max(grid)
        side, full_side = (-(-max(shape) // 32) * 32 for shape in (grid, full))
        return cls(resampled(mass, grid), pixel_mm, side, full_side, max(full) / max(grid), seed, image.frame)

    def geometry(self, half_views: int) -> Linogram:
        return linogram(self.side, half_views, self.reduction)

    def transmission(self, geometry: Linogram, *, precise: bool) -> Float32:
        """e^-L times the relative tube current of the view and width of the element, (views, elements) float32."""
        rows, columns = self.mass.shape
        square = np.zeros((self.side, self.side), np.float32)
        top, left = (self.side - rows) // 2, (self.side - columns) // 2
        square[top : top + rows, left : left + columns] = self.mass
        integrals = geometry.line_integrals(square, precise=precise) * np.float32(MU_WATER_PER_MM / 1000 * self.pixel_mm)
        densest = integrals.max(axis=1, keepdims=True).astype(np.float64)
        current = np.clip(np.exp((densest - _REFERENCE_INTEGRAL) / 2), *_CURRENT_LIMITS).astype(np.float32)
        exponent = -np.maximum(integrals, 0)
        through = np.exp(exponent.astype(np.float64)).astype(np.float32) if precise else np.asarray(cv2.exp(exponent))
        return through * (current * geometry.element_width())

    def photon_ratio(self, half_views: int) -> float:
        """Photons of one element here / of one element at full size: a proxy's is wider, and fewer views share those of all."""
        return self.reduction * full_half_views(self.full_side) / half_views

    def normal_field(self, stream: str, shape: tuple[int, int]) -> Float32:
        """Standard normal sinogram; with fewer views or elements the full one's neighbours together: the grain stays in place."""
        full_shape = (2 * full_half_views(self.full_side), math.ceil(math.sqrt(2) * self.full_side))
        numbers = normal_field(self.seed, f"{stream}/{self.frame}", full_shape)
        if shape == full_shape:
            return numbers
        halves = [cv2.resize(h, (shape[1], shape[0] // 2), interpolation=cv2.INTER_AREA) for h in np.split(numbers, 2)]
        coarse = np.concatenate(halves)
        return np.asarray(coarse / max(float(coarse.std()), 1e-6), np.float32)

    def reconstructed(self, geometry: Linogram, noise: Float32) -> Float32:
        """Noise image in HU on the detector's grid of noise on the line integrals."""
        rows, columns = self.mass.shape
        top, left = (self.side - rows) // 2, (self.side - columns) // 2
        image = geometry.back_projected(noise)[top : top + rows, left : left + columns]
        return np.ascontiguousarray(image * np.float32(1000 / (MU_WATER_PER_MM * self.pixel_mm)))


def _on_detector(shape: tuple[int, int]) -> tuple[int, int]:
    """``shape`` made small enough for the detector."""
    scale = min(1.0, _DETECTOR_SIDE / max(shape))
    return (max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale)))


def full_half_views(side: int) -> int:
    """Views of a quarter turn of the scan of a frame of ``side`` pixels."""
    return max(64, side // 2)


@dataclass
class ExactDose:
    """The exact form: counts of photons along every ray, drawn when first needed.

    source_counts   counts at dose 1 by photons per element.
    """

    scan: Scan
    source_counts: dict[float, Float32] = field(default_factory=dict)

    @cached_property
    def geometry(self) -> Linogram:
        return self.scan.geometry(full_half_views(self.scan.side))

    @cached_property
    def transmission(self) -> Float32:
        return self.scan.transmission(self.geometry, precise=True)

    @cached_property
    def thinning(self) -> Float32:
        """Standard normal numbers that thin the counts; ``electronic`` those of the detector's electronics."""
        return self.scan.normal_field("thinning", self.transmission.shape)

    @cached_property
    def electronic(self) -> Float32:
        return self.scan.normal_field("electronics", self.transmission.shape)

    def counts_at_full_dose(self, photons: float) -> Float32:
        """N ~ Poisson(photons e^-L), (views, elements) float32 integers."""
        if photons not in self.source_counts:
            mean = self.transmission * np.float32(photons * self.scan.photon_ratio(self.geometry.half_views))
            source = self.scan.normal_field("photons", self.transmission.shape)
            self.source_counts = {photons: poisson_counts(source, mean)}
        return self.source_counts[photons]

    def line_integral_noise(self, dose: float, photons: float, electronic_sigma: float) -> Float32:
        """What the reduced dose adds to the line integrals, (views, elements) float32."""
        full = self.counts_at_full_dose(photons)
        reduced = thinned_counts(self.thinning, full, dose)
        reduced = reduced + self.electronic * np.float32(electronic_sigma * math.sqrt(1 - dose**2))
        ratio = np.maximum(full, 1) * np.float32(dose) / np.maximum(reduced, 1)
        # A ray without a photon at either dose tells nothing apart: no noise where nothing was counted at dose 1 either.
        return np.where(full > 0, np.log(ratio), np.float32(0))

    def noise_image(self, dose: float, photons: float, electronic_sigma: float) -> Float32:
        """What the reduced dose adds to the image, in HU on the detector's grid."""
        return self.scan.reconstructed(self.geometry, self.line_integral_noise(dose, photons, electronic_sigma))


@dataclass
class QuickDose:
    """The form for dragging: every dose as a sum of two noise images, of the same random numbers as the exact form's.

    Where photons are plenty, -ln(n / (dose N)) = sqrt((1 - dose) / dose) P + sqrt(1 - dose^2) / dose Q with images P and Q of the
    thinning and of the electronics that do not depend on the dose (propagation of errors). So any dose follows from two others:
    those of the anchors are computed from Gaussian counts, with their starved rays, and what lies between is exact where the law
    is linear and close where rays starve. Neighbouring views are back-projected together, for a quick first picture.
    """

    scan: Scan
    anchors: dict[tuple[float, float], tuple[Float32, Float32]] = field(default_factory=dict)

    def noise_image(self, dose: float, photons: float, electronic_sigma: float) -> Float32:
        """As ``ExactDose.noise_image``."""
        key = (photons, electronic_sigma)
        if key not in self.anchors:
            self.anchors = {key: self._anchored(photons, electronic_sigma)}
        strong, weak = self.anchors[key]
        first, second = _shares(dose)
        return np.asarray(cv2.addWeighted(strong, first, weak, second, 0.0), np.float32)

    def _anchored(self, photons: float, electronic_sigma: float) -> tuple[Float32, Float32]:
        views = 2 * full_half_views(self.scan.side)
        geometry = self.scan.geometry(views // 4)
        # Pairs of neighbouring views: one transmission, counts of their own, back-projected together.
        mean = self.scan.transmission(geometry, precise=False)[:, None]
        mean *= np.float32(photons * self.scan.photon_ratio(views // 2))
        thinning, electronic = (
            self.scan.normal_field(stream, (views, geometry.elements)).reshape(views // 2, 2, -1)
            for stream in ("thinning", "electronics")
        )

        def image(dose: float) -> Float32:
            counts = thinning * np.sqrt(mean * np.float32(dose * (1 - dose)))
            counts += electronic * np.float32(electronic_sigma * math.sqrt(1 - dose**2))
            counts += mean * np.float32(dose)
            np.maximum(counts, np.float32(1), out=counts)
            logarithms = np.asarray(cv2.log(counts.reshape(views, -1)), np.float32).reshape(counts.shape)
            noise = np.log(np.maximum(mean, np.float32(1)) * np.float32(dose))[:, 0] - logarithms.mean(axis=1)
            noise[mean[:, 0] < 0.5] = 0
            return self.scan.reconstructed(geometry, noise)

        strong, weak = (image(dose) for dose in _ANCHORS)
        return strong, weak


def _shares(dose: float) -> tuple[float, float]:
    """Weights of the anchors' noise images that give the noise of ``dose`` where it is linear."""

    def terms(d: float) -> tuple[float, float]:
        return math.sqrt((1 - d) / d), math.sqrt(1 - d**2) / d

    (p0, q0), (p1, q1), (p, q) = terms(_ANCHORS[0]), terms(_ANCHORS[1]), terms(dose)
    determinant = p0 * q1 - p1 * q0
    return (p * q1 - p1 * q) / determinant, (p0 * q - p * q0) / determinant


@dataclass
class DoseState:
    """The frame, what attenuates in it, and both forms of its noise."""

    image: MedicalImage
    pixels: Float32
    attenuation: Attenuation
    exact: ExactDose
    quick: QuickDose

    def plus(self, noise: Float32) -> Pixels:
        """The frame plus a noise image in HU on the detector's grid, the same in every channel."""
        return added(self.pixels, self.attenuation.shown(resampled(noise, self.image.shape)), self.image.is_rgb)


@register
class LowDose(Degradation):
    """Photon noise of a scan with a fraction of the dose.

    Clinic: screening and paediatric protocols, thick patients, a tube current set too low; noise and streaks grow most where
    few photons arrive, behind bone and across the shoulders.

    Model: the counts of the frame's own scan are drawn along all rays, thinned to ``dose`` of them (exact Poisson statistics,
    with electronic noise), and what that changes in the line integrals is reconstructed and added. All doses of one seed thin
    the same counts. While dragging, an approximation of the same noise is shown.

    Source: a quarter of the dose is the convention of the Mayo low-dose challenge; simulations go down to 5 % (SimNICT).
    MedQ-Deg's example shows a standard deviation of about 5 and 7 (or 2 and 5, by another estimate) of 255 on a slice that
    looks like MR.
    """

    name = "low_dose"
    proxy_side = 512
    has_fast_form = True

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
        scan = Scan.of(image, attenuation.mass, seed)
        return DoseState(image, working_pixels(image), attenuation, ExactDose(scan), QuickDose(scan))

    def apply(self, state: DoseState, parameters: Parameters, seed: int) -> Pixels:
        return state.plus(state.exact.noise_image(*_physical(parameters)))

    def apply_fast(self, state: DoseState, parameters: Parameters, seed: int) -> Pixels:
        return state.plus(state.quick.noise_image(*_physical(parameters)))


def _physical(parameters: Parameters) -> tuple[float, float, float]:
    return float(parameters["dose"]), float(parameters["photons"]), float(parameters["electronic_sigma"])

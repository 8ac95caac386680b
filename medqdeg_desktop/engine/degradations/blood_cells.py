"""Stray red blood cells smeared over a slide.

Red cells from bleeding at the cut lie on the tissue: discs of 6 to 8 um, biconcave (Evans and Fung, Microvasc. Res. 4, 1972),
coloured by eosin, singly and in clumps, overlapping where they happen to. Each adds its optical density. The cells and their
order belong to the seed: with ``area`` more of the same cells arrive. Their size follows the spacing of the frame; 0.5 um per
pixel, a 20x scan, where the file has none.
Example: ``degrade(image, "blood_cell_artifact", overrides={"area": 0.1})``.
Levels: the MedQ-Deg example triplet, 6 and 18 % of the area.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, register
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.optical_density import no_light, seen_through
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.engine.severity_path import SeverityPath
from medqdeg_desktop.engine.working import Float32
from medqdeg_desktop.taxonomy import Modality

_AREA: Final = SeverityPath(0.0, 0.06, 0.18, 0.45)
_MICROMETRES_PER_PIXEL: Final = 0.5
_EOSIN: Final = (0.10, 1.0, 0.78)
"""Optical density per channel (R, G, B) relative to the densest."""
_PEAK_DENSITY: Final = 0.5
"""Optical density of the rim of a cell at full opacity, in green."""
_KINDS: Final = 32
_MOST_AREA: Final = 0.8
_COARSE_DIAMETER: Final = 6.0


@dataclass(frozen=True)
class Smear:
    """Cells of one diameter on one frame, in order of arrival.

    shape       (rows, columns) of the frame.
    diameter    mean diameter in pixels.
    places      (cells, 2) centres in pixels; kinds (cells,) index into ``kinds_of``'s drawings.
    """

    shape: tuple[int, int]
    diameter: float
    places: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.int64]
    seed: int

    @cached_property
    def drawings(self) -> Float32:
        """Unit density of every kind of cell, (kinds, k, k) float32: 1 at the thickest part, 0 outside."""
        return _drawings(self.seed, self.diameter)

    @cached_property
    def coverage(self) -> npt.NDArray[np.float64]:
        """Fraction of the frame covered by the first 0, 1, 2, ... cells, (cells + 1,)."""
        # Counted on a grid on which a cell is 6 wide at most: each point belongs to the first cell that covers it.
        scale = min(1.0, _COARSE_DIAMETER / self.diameter)
        rows, columns = (max(1, round(n * scale)) for n in self.shape)
        drawings = _drawings(self.seed, self.diameter * scale) > 0
        count = len(self.places)
        owner = np.full(_flat_size((rows, columns), drawings.shape[1]), count)
        index = _flat_index(self.places * scale, (rows, columns), drawings.shape[1])
        kind_pixels = [np.flatnonzero(drawing) for drawing in drawings]
        for kind, pixels in enumerate(kind_pixels):
            cells = np.flatnonzero(self.kinds == kind)
            np.minimum.at(owner, index[cells][:, pixels].ravel(), np.repeat(cells, len(pixels)))
        inside = _cropped(owner, (rows, columns), drawings.shape[1])
        new = np.bincount(inside.ravel(), minlength=count + 1)[:count]
        return np.concatenate([[0.0], np.cumsum(new) / (rows * columns)])

    def density(self, area: float) -> Float32:
        """Unit density (rows, columns) of as many cells as cover ``area`` of the frame, the last one faded in."""
        whole = int(np.searchsorted(self.coverage, area, side="right")) - 1
        cells = min(whole + 1, len(self.places))
        strength = np.ones((cells, 1), np.float32)
        if cells > whole:
            gain = self.coverage[cells] - self.coverage[whole]
            strength[-1] = (area - self.coverage[whole]) / gain
        k = self.drawings.shape[1]
        layer = np.zeros(_flat_size(self.shape, k), np.float32)
        index = _flat_index(self.places[:cells], self.shape, k)
        np.add.at(layer, index.ravel(), (self.drawings.reshape(_KINDS, -1)[self.kinds[:cells]] * strength).ravel())
        return np.ascontiguousarray(_cropped(layer, self.shape, k))


def smear(shape: tuple[int, int], diameter: float, seed: int) -> Smear:
    """Cells of ``diameter`` pixels, enough to cover four fifths of a frame; two in five lie against an earlier one."""
    rows, columns = shape
    cell = math.pi / 4 * diameter**2
    # A Boolean model covers 1 - exp(-cells x cell / frame); clumps overlap more.
    count = math.ceil(-math.log(1 - _MOST_AREA) * 1.6 * (rows + diameter) * (columns + diameter) / cell) + 8
    rng = generator(seed, "red cells")
    numbers = rng.random((count, 5))
    places = numbers[:, :2]
    clumped = (numbers[:, 2] < 0.4) & (np.arange(count) > 0)
    partner = (numbers[:, 3] * np.arange(count)).astype(np.int64)
    angle = numbers[:, 4] * 2 * np.pi
    base = np.where(clumped[:, None], places[partner], places) * (rows, columns) - 0.5
    step = np.stack([np.sin(angle), np.cos(angle)], axis=1) * (0.85 * diameter)
    kinds = (numbers[:, 2] * 7919 % 1 * _KINDS).astype(np.int64)
    return Smear(shape, diameter, base + step * clumped[:, None], kinds, seed)


def _drawings(seed: int, diameter: float) -> Float32:
    """Thickness of ``_KINDS`` biconcave cells of about ``diameter`` pixels, slightly oval, tilted and of unequal size."""
    rng = generator(seed, "cell shapes")
    k = math.ceil(diameter * 1.25) + 3
    axis = np.arange(k) - k // 2
    drawings = np.empty((_KINDS, k, k), np.float32)
    for kind in range(_KINDS):
        tilt, dy, dx = rng.uniform(0, np.pi), *rng.uniform(-0.5, 0.5, 2)
        size = diameter / 2 * rng.uniform(0.9, 1.1)
        oval = rng.uniform(0.88, 1.0)
        y, x = axis[:, None] - dy, axis[None, :] - dx
        along, across = x * np.cos(tilt) + y * np.sin(tilt), (y * np.cos(tilt) - x * np.sin(tilt)) / oval
        r = np.hypot(along, across) / size * math.sqrt(oval)
        square = np.minimum(r, 1) ** 2
        # Evans and Fung (1972), thickness over the radius, divided by its greatest value.
        thickness = np.sqrt(1 - square) * (0.207 + 2.003 * square - 1.123 * square**2) / 0.6496
        # A blood film is fixed flat: less hollow than a cell afloat.
        drawings[kind] = np.where(r < 1, 0.45 * np.sqrt(np.sqrt(1 - square)) + 0.55 * thickness, 0)
    return drawings


def _flat_size(shape: tuple[int, int], k: int) -> int:
    return (shape[0] + 2 * k) * (shape[1] + 2 * k)


def _flat_index(places: npt.NDArray[np.float64], shape: tuple[int, int], k: int) -> npt.NDArray[np.int64]:
    """Indices (cells, k * k) of the pixels of every cell in a flat frame with a border of ``k``, where cells outside end up."""
    width = shape[1] + 2 * k
    corner = np.rint(places).astype(np.int64) - k // 2 + k
    corner = np.clip(corner, 0, (shape[0] + k, shape[1] + k))
    within = (np.arange(k)[:, None] * width + np.arange(k)).ravel()
    return np.asarray((corner[:, 0] * width + corner[:, 1])[:, None] + within, np.int64)


def _cropped(flat: npt.NDArray[np.generic], shape: tuple[int, int], k: int) -> npt.NDArray[np.generic]:
    return flat.reshape(shape[0] + 2 * k, shape[1] + 2 * k)[k : k + shape[0], k : k + shape[1]]


@dataclass
class SmearState:
    """The frame, the size of its pixels and the smears drawn on it so far, by diameter in um."""

    image: MedicalImage
    micrometres_per_pixel: float
    smears: dict[float, Smear] = field(default_factory=dict)


@register
class BloodCells(Degradation):
    """Red cells over the tissue.

    Clinic: blood from the cut or the vessel smeared over a section or a smear; red cells lie on the tissue, singly and in
    clumps.

    Model: biconcave discs (Evans and Fung) of 6 to 8 um stained by eosin add their optical density until they cover ``area`` of
    the frame; more severe means more of the same cells. Sizes follow the spacing, 0.5 um per pixel where there is none.

    Source: in MedQ-Deg's example 6 and 18 % of the pixels changed (or 18 and 45 %, by another threshold).
    """

    name = "blood_cell_artifact"
    proxy_side = 512

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter("area", "Covered area", "of frame", 0.0, _MOST_AREA, 0.0, help="Fraction of the frame under cells."),
            Parameter("opacity", "Opacity", "", 0.0, 1.0, 0.8, help="1: a thick, strongly stained cell."),
            Parameter("diameter_um", "Diameter", "um", 1.0, 50.0, 7.2, help="Mean diameter of a cell."),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"area": _AREA(severity)}

    def prepare(self, image: MedicalImage, seed: int) -> SmearState:
        row, column = image.spacing or (0.0, 0.0)
        reduction = max(image.full_shape) / max(image.shape) if image.full_shape else 1.0
        micrometres = math.sqrt(row * column) * 1000
        # A spacing coarser than a cell is that of a picture, not of a microscope.
        if not 0 < micrometres <= 4 * reduction:
            micrometres = _MICROMETRES_PER_PIXEL * reduction
        return SmearState(image, micrometres)

    def apply(self, state: SmearState, parameters: Parameters, seed: int) -> Pixels:
        diameter = float(parameters["diameter_um"])
        if diameter not in state.smears:
            # A cell narrower than two pixels has no shape left: the smallest that is drawn.
            pixels = max(2.0, diameter / state.micrometres_per_pixel)
            state.smears = {diameter: smear(state.image.shape, pixels, seed)}
        density = state.smears[diameter].density(float(parameters["area"]))
        density *= np.float32(_PEAK_DENSITY * float(parameters["opacity"]))
        return seen_through(state.image.pixels, density, _EOSIN, no_light(state.image))

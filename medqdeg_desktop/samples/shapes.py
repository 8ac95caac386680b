"""Drawing for phantoms: soft-edged ellipses, smooth random fields, and the frame they are drawn on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.image import MedicalImage

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Phantom:
    """A made image and what is true of it (region, lesion count, side ...), for questions whose answer is known."""

    image: MedicalImage
    truth: dict[str, Any]


@lru_cache(maxsize=4)
def _grid(size: int) -> tuple[Plane, Plane]:
    axis = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1).astype(np.float32)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    x.flags.writeable = y.flags.writeable = False
    return x, y


@dataclass(frozen=True, slots=True)
class Canvas:
    """Pixel grid of ``size`` x ``size`` in coordinates -1 .. 1 (x to the right, y down)."""

    size: int

    def grid(self) -> tuple[Plane, Plane]:
        """(x, y) of every pixel centre; read-only and shared."""
        return _grid(self.size)

    def ellipse(self, cx: float, cy: float, a: float, b: float, angle: float = 0.0, softness: float = 1.0) -> Plane:
        """Coverage 0..1 of an ellipse with half axes ``a``, ``b``; ``angle`` in degrees, ``softness`` of the edge in pixels."""
        # No pixel is covered beyond this multiple of the outline: the distance below is at least (r - 1) * min(a, b).
        plane, box, u, v = self._in_axes_of(cx, cy, a, b, angle, 1 + softness / (self.size * min(a, b)))
        radius = np.sqrt(u * u + v * v)
        # Distance to the edge, first order: (r - 1) / |grad r|.
        slope = np.sqrt((u / a) ** 2 + (v / b) ** 2) / np.maximum(radius, 1e-6)
        distance = (radius - 1) / np.maximum(slope, 1e-6) * self.size / 2
        plane[box] = np.clip(0.5 - distance / softness, 0, 1)
        return plane

    def warped_ellipse(
        self, rng: np.random.Generator, cx: float, cy: float, a: float, b: float, angle: float = 0.0, wobble: float = 0.06
    ) -> Plane:
        """An ellipse whose outline wanders by ``wobble`` of its radius, as organs do."""
        waves = [(order, rng.uniform(0, 2 * np.pi), rng.normal(0, wobble / order**0.5)) for order in (2, 3, 5)]
        reach = 1 + sum(abs(gain) for _, _, gain in waves) + 1 / (self.size * min(a, b))
        plane, box, u, v = self._in_axes_of(cx, cy, a, b, angle, reach)
        theta = np.arctan2(v, u)
        outline = np.ones_like(theta)
        for order, phase, gain in waves:
            outline += np.float32(gain) * np.cos(order * theta + np.float32(phase))
        distance = (np.sqrt(u * u + v * v) - outline) * min(a, b) * self.size / 2
        plane[box] = np.clip(0.5 - distance, 0, 1)
        return plane

    def _in_axes_of(
        self, cx: float, cy: float, a: float, b: float, angle: float, reach: float
    ) -> tuple[Plane, tuple[slice, slice], Plane, Plane]:
        """An empty plane, the box that an ellipse ``reach`` times as large touches, and the ellipse's own axes there."""
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        columns = self._span(cx, reach * float(np.hypot(a * c, b * s)))
        rows = self._span(cy, reach * float(np.hypot(a * s, b * c)))
        x, y = (axis[rows, columns] for axis in self.grid())
        u, v = ((x - cx) * c + (y - cy) * s) / a, (-(x - cx) * s + (y - cy) * c) / b
        return np.zeros((self.size, self.size), np.float32), (rows, columns), u, v

    def _span(self, centre: float, half: float) -> slice:
        """Pixels within ``half`` of ``centre``, and one more on each side against rounding."""
        first, last = ((value + 1) / 2 * self.size for value in (centre - half, centre + half))
        return slice(min(self.size, max(0, int(first) - 1)), min(self.size, max(0, int(min(last, self.size)) + 2)))


def over(base: Plane, value: float | Plane, coverage: Plane) -> Plane:
    """``value`` laid over ``base`` where ``coverage`` says so."""
    return (base + coverage * (value - base)).astype(np.float32)


def smooth_field(rng: np.random.Generator, size: int, wavelength: float) -> Plane:
    """Zero-mean, unit-SD random field whose features are ``wavelength`` pixels wide."""
    coarse = max(4, int(np.ceil(size / wavelength)) + 3)
    field = cv2.resize(rng.standard_normal((coarse, coarse)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    field -= field.mean()
    return (field / max(float(field.std()), 1e-6)).astype(np.float32)

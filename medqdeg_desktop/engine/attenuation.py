"""Attenuation of a CT frame in HU above air, also where a picture holds the grey values of a window in place of HU.

mu = mu_water (1 + HU / 1000): mass of 0 is air, 1000 is water. Black in a window is all that lies below it, and around a body
that is air: in a frame without HU the lowest sixteenth of the range stands for everything from air to the low end of the window.
A body then attenuates against air, and streaks in air stay nearly black.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.engine.working import Float32, working_pixels

ASSUMED_WINDOW: Final = Window(40.0, 400.0)
"""Window that an 8-bit CT picture without HU is taken to have been shown with."""

_KNEE: Final = 1 / 16
_MASS_AT_KNEE: Final = 1000 + ASSUMED_WINDOW.low + _KNEE * ASSUMED_WINDOW.width


@dataclass(frozen=True)
class Attenuation:
    """What attenuates in a frame, in HU above air, and back.

    mass    (rows, columns) float32; air and everything below it is 0.
    width   width of the value range of a frame without HU; 0 where the values are HU.
    """

    mass: Float32
    width: float

    @classmethod
    def of(cls, image: MedicalImage) -> Attenuation:
        pixels = working_pixels(image)
        if pixels.ndim == 3:
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)
        if image.unit == "HU":
            return cls(np.maximum(pixels, np.float32(-1000)) + np.float32(1000), 0.0)
        low, high = image.value_range
        width = high - low if high > low else 1.0
        share = (pixels - np.float32(low)) / np.float32(width)
        shown = np.float32(1000 + ASSUMED_WINDOW.low) + share * np.float32(ASSUMED_WINDOW.width)
        return cls(np.where(share < _KNEE, np.maximum(share, 0) * np.float32(_MASS_AT_KNEE / _KNEE), shown), width)

    def shown(self, artefact: Float32) -> Float32:
        """Change of the frame's own values by ``artefact`` in HU."""
        if self.width == 0:
            return artefact
        return (_share(self.mass + artefact) - _share(self.mass)) * np.float32(self.width)


def _share(mass: Float32) -> Float32:
    """Share of the value range at which a frame without HU shows ``mass``."""
    below = mass * np.float32(_KNEE / _MASS_AT_KNEE)
    above = (mass - np.float32(1000 + ASSUMED_WINDOW.low)) * np.float32(1 / ASSUMED_WINDOW.width)
    return np.where(mass < _MASS_AT_KNEE, below, above)

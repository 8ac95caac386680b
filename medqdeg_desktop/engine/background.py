"""What lies outside the patient in a frame: the value that fills corners laid bare by a rotation, and holes."""

from __future__ import annotations

from typing import Final

import numpy as np

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.taxonomy import Modality

AIR_HU: Final = -1000.0
_BRIGHT_FIELD: Final = 200
"""An H&E slide whose brightest tenth is below this has no glass in view."""


def background_value(image: MedicalImage) -> float:
    """Value of empty space in a grey frame: air in HU, else what is shown black (the high end of a MONOCHROME1 range)."""
    if image.unit == "HU":
        return AIR_HU
    low, high = image.value_range
    return high if image.inverted else low


def background_colour(image: MedicalImage) -> tuple[int, int, int]:
    """Colour of empty space in an RGB frame: the glass of a bright-field slide, black elsewhere.

    Glass is the median colour of the brightest tenth of the slide, white where no glass is in view.
    """
    if image.modality is not Modality.HISTOPATHOLOGY:
        return (0, 0, 0)
    colours = image.pixels.reshape(-1, 3)
    darkest_channel = colours.min(axis=1)
    bright = colours[darkest_channel >= max(_BRIGHT_FIELD, np.percentile(darkest_channel, 90))]
    if len(bright) == 0:
        return (255, 255, 255)
    red, green, blue = np.median(bright, axis=0)
    return (round(float(red)), round(float(green)), round(float(blue)))

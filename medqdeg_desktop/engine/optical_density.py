"""Layers on a slide in optical density: a layer of density D lets 10^-D of the light through (Beer and Lambert)."""

from __future__ import annotations

import math
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.image import MedicalImage, Pixels

Float32 = npt.NDArray[np.float32]

_GREY: Final = 0.95
"""Share of a layer's density that a grey frame sees."""


def seen_through(part: npt.NDArray[Any], density: Float32, colour: tuple[float, float, float], low: float) -> Pixels:
    """``part`` of a frame behind a layer: uint8 (rows, columns, 3), rounded once, or float32 (rows, columns).

    part      uint8 or float32 (rows, columns, 3), or float32 (rows, columns).
    density   (rows, columns), optical density where ``colour`` (share per channel) is 1.
    low       value of no light in a grey frame; 0 in colour.
    """
    if part.ndim == 2:
        through = np.exp(density * np.float32(-_GREY * math.log(10)))
        return (part - np.float32(low)) * through + np.float32(low)
    planes = [cv2.exp(density * np.float32(-share * math.log(10))).reshape(density.shape) for share in colour]
    return np.asarray(cv2.multiply(part, cv2.merge(planes), dtype=cv2.CV_8U), np.uint8).reshape(part.shape)


def no_light(image: MedicalImage) -> float:
    """The value of no light: 0 in colour, the low end of what the frame holds in grey."""
    return 0.0 if image.is_rgb else min(image.value_range[0], float(image.pixels.min()))

"""Rigid motion of a frame in its plane, in millimetres and degrees on the patient, whatever the shape of the pixels."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.errors import DegradationError
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.taxonomy import Modality

#: Shorter side of a frame in mm where millimetres on the patient are unknown or mean nothing (photographs, microscopy).
NOMINAL_FIELD_MM: Final = 240.0
_PATIENT_SIZED: Final = frozenset({Modality.CT, Modality.MRI, Modality.XRAY, Modality.ULTRASOUND, None})
_OPENCV_LARGEST_SIDE: Final = 32766


def pixel_mm(image: MedicalImage) -> tuple[float, float]:
    """(row, column) size of a pixel in mm; scaled so that the shorter side is ``NOMINAL_FIELD_MM`` where that is unknown."""
    rows, columns = image.shape
    row, column = image.spacing or (1.0, 1.0)
    if image.spacing and image.modality in _PATIENT_SIZED:
        return (row, column)
    scale = NOMINAL_FIELD_MM / min(rows * row, columns * column)
    return (row * scale, column * scale)


def inverse_map(
    shape: tuple[int, int], mm: tuple[float, float], angle_deg: float, shift_mm: tuple[float, float] = (0.0, 0.0)
) -> npt.NDArray[np.float64]:
    """2 x 3 matrix from (x, y) in the moved frame to (x, y) in the original one.

    The content turns counter-clockwise on screen by ``angle_deg`` about the centre of the frame, then moves by ``shift_mm``
    (down, right). Pixel centres lie at whole numbers, hence the centre of the frame at (side - 1) / 2.
    """
    cosine, sine = _exact_cos_sin(angle_deg)
    aspect = mm[0] / mm[1]
    linear = np.array([[cosine, -sine * aspect], [sine / aspect, cosine]])
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    shift = np.array([shift_mm[1] / mm[1], shift_mm[0] / mm[0]])
    return np.column_stack([linear, centre - linear @ (centre + shift)])


def _exact_cos_sin(angle_deg: float) -> tuple[float, float]:
    """Cosine and sine without rounding at quarter turns, so that 90 degrees moves pixels without resampling them."""
    quarters = angle_deg / 90
    if quarters == round(quarters):
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[round(quarters) % 4]
    radians = math.radians(angle_deg)
    return (math.cos(radians), math.sin(radians))


def warped(pixels: Pixels, matrix: npt.NDArray[np.float64], *, border: int, fill: float | tuple[int, int, int] = 0.0) -> Pixels:
    """``pixels`` looked up through the inverse map ``matrix``, bilinear, outside by the OpenCV ``border`` mode.

    DegradationError for a side beyond 32766 pixels, which OpenCV cannot address.
    """
    rows, columns = pixels.shape[:2]
    if max(rows, columns) > _OPENCV_LARGEST_SIDE:
        raise DegradationError(f"a frame of {rows} x {columns} is too large to be moved (at most {_OPENCV_LARGEST_SIDE} a side)")
    value = fill if isinstance(fill, tuple) else (float(fill),)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(pixels, matrix, (columns, rows), flags=flags, borderMode=border, borderValue=value)
    return np.asarray(moved).reshape(pixels.shape)

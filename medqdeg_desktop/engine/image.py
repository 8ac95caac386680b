"""MedicalImage: one decoded frame in native values, with what is needed to show it and to degrade it rightly."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.taxonomy import Modality

Pixels = npt.NDArray[Any]
"""(rows, columns) float32 native values, or (rows, columns, 3) uint8 RGB."""


@dataclass(frozen=True, slots=True)
class Window:
    """Display window: values from ``center - width / 2`` (black) to ``center + width / 2`` (white)."""

    center: float
    width: float

    @property
    def low(self) -> float:
        return self.center - self.width / 2

    @property
    def high(self) -> float:
        return self.center + self.width / 2


@dataclass(frozen=True, slots=True)
class MedicalImage:
    """One frame.

    pixels          (rows, columns) float32 in ``unit``, after the modality LUT or rescale; or (rows, columns, 3) uint8 RGB.
                    Read-only: nobody writes into a shown or cached image.
    modality        what was imaged; None where the file does not say.
    unit            "HU", "" where values have no physical unit, "RGB" for colour.
    spacing         (row, column) pixel spacing in mm, or None where unknown.
    window          the window the frame is first shown with; None for colour.
    value_range     (lo, hi) of the series, fixed at load (design 3); strengths given as "fraction of range" refer to it.
    inverted        MONOCHROME1: the picture is shown inverted after windowing; pixels are not touched.
    voi_lut         optional (first_value, table) VOI LUT Sequence, table normalised to 0..1; used instead of ``window``
                    for the first display and dropped when the reader changes the window.
    voi_function    "LINEAR", "LINEAR_EXACT" or "SIGMOID" (PS3.3 C.11.2.1.2, C.11.2.1.3).
    orientation     (left, right, top, bottom) letters such as ("R", "L", "A", "P"); None where unknown.
    source_sha256   hash of the decoded pixels (``pixel_sha256``).
    frame           index of the frame in its series.
    provenance      decoder and version, transfer syntax, assumptions made (for example an assumed CT window).
    full_shape      (rows, columns) of the frame that a proxy was made from; None on the frame itself. Noise on a proxy is the
                    area average of the full-size field (design 3).
    overlay         (rows, columns) uint8 of the full frame, 255 where the file draws over its picture (overlay planes of DICOM),
                    or None. No part of the pixels: neither degraded nor hashed, and exported only where that is asked for.
    """

    pixels: Pixels
    modality: Modality | None
    unit: str = ""
    spacing: tuple[float, float] | None = None
    window: Window | None = None
    value_range: tuple[float, float] = (0.0, 255.0)
    inverted: bool = False
    voi_lut: tuple[float, npt.NDArray[np.float32]] | None = None
    voi_function: str = "LINEAR"
    orientation: tuple[str, str, str, str] | None = None
    source_sha256: str = ""
    frame: int = 0
    provenance: dict[str, str] = field(default_factory=dict)
    full_shape: tuple[int, int] | None = None
    overlay: npt.NDArray[np.uint8] | None = None

    @property
    def is_rgb(self) -> bool:
        return self.pixels.ndim == 3

    @property
    def shape(self) -> tuple[int, int]:
        return (int(self.pixels.shape[0]), int(self.pixels.shape[1]))

    def with_pixels(self, pixels: Pixels) -> MedicalImage:
        """The same frame with other pixel values (a degraded or resampled form)."""
        return replace(self, pixels=pixels)

    def proxy(self, longest_side: int) -> MedicalImage:
        """The frame area-averaged so that its longest side is at most ``longest_side``; spacing follows."""
        rows, columns = self.shape
        scale = longest_side / max(rows, columns)
        if scale >= 1:
            return self
        size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        small = cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA)
        spacing = self.spacing and (self.spacing[0] * rows / size[1], self.spacing[1] * columns / size[0])
        return replace(self, pixels=frozen(small), spacing=spacing, full_shape=self.full_shape or self.shape)


def frozen(pixels: Pixels) -> Pixels:
    """``pixels`` as a C-contiguous array that refuses writes."""
    contiguous = np.ascontiguousarray(pixels)
    contiguous.flags.writeable = False
    return contiguous


def pixel_sha256(pixels: Pixels) -> str:
    """SHA-256 over dtype, shape and little-endian bytes, so that equal values hash equal on every machine."""
    array = np.ascontiguousarray(pixels)
    digest = hashlib.sha256(f"{array.dtype.newbyteorder('<').str}{array.shape}".encode())
    digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()

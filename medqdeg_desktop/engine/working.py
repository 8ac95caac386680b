"""The working form of a frame, float32 between reading and writing, and the lengths that relative strengths refer to."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.image import MedicalImage, Pixels

Float32 = npt.NDArray[np.float32]


def working_pixels(image: MedicalImage) -> Float32:
    """The pixels as contiguous float32 (rows, columns), or (rows, columns, 3) where the colours differ.

    A colour frame of equal channels is a grey picture in disguise: it is worked on as one plane, so that it gets one noise field,
    one spectrum and no colour fringes. The image's own array is returned where it is float32 already: nobody writes into it.
    """
    pixels = image.pixels[..., 0] if has_equal_channels(image) else image.pixels
    return np.ascontiguousarray(pixels, dtype=np.float32)


def native(pixels: Float32, rgb: bool) -> Pixels:
    """Back to the form of the frame: rounded and saturated uint8 RGB for colour, float32 as it is for grey."""
    return in_channels(rounded_bytes(pixels), rgb) if rgb else pixels


def in_channels(pixels: Pixels, rgb: bool) -> Pixels:
    """``pixels`` as they are, or three times over where one plane stands for a colour frame of equal channels."""
    return np.asarray(cv2.merge([pixels] * 3)) if rgb and pixels.ndim == 2 else pixels


def rounded_bytes(pixels: Float32) -> npt.NDArray[np.uint8]:
    """``pixels`` as uint8: rounded half to even and saturated, in one pass."""
    out = np.empty(pixels.shape, np.uint8)
    flat = pixels.reshape(pixels.shape[0], -1)
    cv2.addWeighted(flat, 1.0, flat, 0.0, 0.0, dst=out.reshape(flat.shape), dtype=cv2.CV_8U)
    return out


def has_equal_channels(image: MedicalImage) -> bool:
    """Whether ``image`` is an RGB frame whose three channels are the same everywhere."""
    if not image.is_rgb:
        return False
    pixels = image.pixels
    # Nearly every colour frame shows its colour in the middle row.
    return _channels_agree(pixels[len(pixels) // 2]) and _channels_agree(pixels)


def _channels_agree(pixels: Pixels) -> bool:
    red, green, blue = (pixels[..., channel] for channel in range(3))
    return bool(np.array_equal(red, green) and np.array_equal(red, blue))


def range_width(image: MedicalImage) -> float:
    """Width of the value range that "fraction of range" refers to; 1 where the range is empty (a constant series)."""
    low, high = image.value_range
    return high - low if high > low else 1.0


def pixel_size(image: MedicalImage) -> tuple[float, float]:
    """(row, column) size of a pixel as a fraction of the shorter side of the frame.

    A strength given as a fraction of the shorter side, divided by this, is a number of pixels along each axis: the same shape on
    the patient whatever the matrix, the proxy or an anisotropic spacing.
    """
    rows, columns = image.shape
    row, column = image.spacing or (1.0, 1.0)
    side = min(rows * row, columns * column)
    return (row / side, column / side)


def magnitude(real: Float32, imaginary: Float32) -> Float32:
    """sqrt(real^2 + imaginary^2), float32, the same bits wherever the arrays lie in memory.

    OpenCV's magnitude rounds its first and last elements by the alignment of the output buffer, which differs from call to call.
    """
    out = np.square(real)
    out += np.square(imaginary)
    return np.sqrt(out, out=out)

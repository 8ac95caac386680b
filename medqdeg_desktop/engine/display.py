"""From native values to the 8-bit picture that is shown, written and sent: VOI LUT or window -> inversion, rounded.

There is exactly one such function, so that the screen, the PNG of a dataset and the picture a model sees cannot differ. The
modality LUT has been applied at reading; inversion (MONOCHROME1) comes last. Formulas: DICOM PS3.3 C.11.2.1.2 (LINEAR),
C.11.2.1.3.1 (SIGMOID), C.11.2.1.3.2 (LINEAR_EXACT).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.image import MedicalImage, Pixels, Window

Bytes = npt.NDArray[np.uint8]


def to_display(
    image: MedicalImage,
    window: Window | None = None,
    *,
    invert: bool = False,
    out: Bytes | None = None,
    overlay: bool = False,
) -> Bytes:
    """The 8-bit picture of ``image``: (rows, columns), or (rows, columns, 3) for colour.

    window  shown instead of the image's own; without one the image's VOI LUT is used, else its window, else its value
            range. Colour has no window. The image's VOI function applies to either window.
    invert  turns the picture into its negative, on top of MONOCHROME1.
    out     a C-contiguous uint8 array of the result's shape to write into; the result is then ``out``.
    overlay draws the file's overlay planes into the picture, white: for those who ask for them in an export.

    NaN (masked) pixels are shown as the lowest value of the window. A new array is returned where ``out`` is None; it is
    never a view of ``image.pixels``.
    """
    shown = _shown(image, window, invert, out)
    if overlay and image.overlay is not None:
        shown[_fitting(image.overlay, image.shape) > 0] = 255
    return shown


def _shown(image: MedicalImage, window: Window | None, invert: bool, out: Bytes | None) -> Bytes:
    pixels = image.pixels
    if image.is_rgb:
        shown = out if out is not None else np.empty(pixels.shape, np.uint8)
        if invert:
            np.subtract(255, pixels, out=shown)
        else:
            np.copyto(shown, pixels)
        return shown
    if window is None and image.voi_lut is not None:
        shown = _through_table(pixels, *image.voi_lut, out)
    elif window is None and image.window is None:
        low, high = image.value_range
        shown = _linear(pixels, low, high, out)
    else:
        shown = _windowed(pixels, window or image.window, image.voi_function, out)
    if image.inverted != invert:
        cv2.bitwise_not(shown, dst=shown)
    return shown


def _fitting(overlay: Bytes, shape: tuple[int, int]) -> Bytes:
    """The overlay of the full frame at the size of a proxy; the thinnest line stays."""
    if overlay.shape == shape:
        return overlay
    return np.asarray(cv2.resize(overlay.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA) > 0, np.uint8)


def auto_window(image: MedicalImage, *, low: float = 1.0, high: float = 99.0) -> Window | None:
    """A window from the ``low`` to the ``high`` percentile of the frame's finite values; None for colour."""
    if image.is_rgb:
        return None
    values = image.pixels[:: max(1, image.shape[0] // 512), :: max(1, image.shape[1] // 512)]
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return image.window
    bottom, top = (float(v) for v in np.percentile(finite, (low, high)))
    if top <= bottom:
        bottom, top = float(finite.min()), float(finite.max())
    return Window((bottom + top) / 2, max(top - bottom, 1e-6 * max(1.0, abs(top))))


def _windowed(pixels: Pixels, window: Window | None, function: str, out: Bytes | None) -> Bytes:
    assert window is not None
    if function == "SIGMOID":
        return _sigmoid(pixels, window, out)
    if function == "LINEAR_EXACT":
        return _linear(pixels, window.low, window.high, out)
    # LINEAR: 0 for x <= c - 0.5 - (w - 1) / 2, 255 for x > c - 0.5 + (w - 1) / 2.
    half = (max(window.width, 1.0) - 1) / 2
    return _linear(pixels, window.center - 0.5 - half, window.center - 0.5 + half, out)


def _linear(pixels: Pixels, low: float, high: float, out: Bytes | None) -> Bytes:
    """0 at ``low``, 255 at ``high``, straight in between, clamped outside."""
    if not high > low:
        return _into(out, np.where(pixels > low, np.uint8(255), np.uint8(0)))
    scale = 255.0 / (high - low)
    # addWeighted multiplies, adds, rounds and saturates in one pass; convertScaleAbs would fold negative values over.
    shown = cv2.addWeighted(pixels, scale, pixels, 0.0, -low * scale, dst=out, dtype=cv2.CV_8U)
    return _into(out, shown)


def _sigmoid(pixels: Pixels, window: Window, out: Bytes | None) -> Bytes:
    slope = np.float32(-4.0 / max(window.width, 1e-6))
    exponent = np.clip((pixels - np.float32(window.center)) * slope, -80, 80)
    shown = np.nan_to_num(np.rint(np.float32(255) / (1 + np.exp(exponent)))).astype(np.uint8)
    return _into(out, shown)


def _through_table(pixels: Pixels, first: float, table: npt.NDArray[np.float32], out: Bytes | None) -> Bytes:
    """Values below the first mapped one take the first entry, values above the last take the last (C.11.2.1.1)."""
    entries: Bytes = np.rint(np.clip(table, 0, 1) * np.float32(255)).astype(np.uint8)
    index = np.nan_to_num(np.clip(pixels - np.float32(first), 0, len(table) - 1))
    return _into(out, entries[np.rint(index).astype(np.int32)])


def _into(out: Bytes | None, shown: Any) -> Bytes:
    if out is None or shown is out:
        return shown
    np.copyto(out, shown)
    return out

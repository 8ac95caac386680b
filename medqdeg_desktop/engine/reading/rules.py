"""From a decoded frame to a MedicalImage: unit, first window and value range by modality (design 3).

The value range is fixed when a series is loaded and never follows the viewing window: CT: the file's own window, else W400
L40; X-ray: VOI window, else what the stored bits can express; 8-bit: 0 to 255; MRI and everything else: the 0.1 to 99.9
percentile of the series.
"""

from __future__ import annotations

from collections.abc import Callable

from medqdeg_desktop.engine.image import MedicalImage, Window, frozen, pixel_sha256
from medqdeg_desktop.engine.reading.facts import DecodedFrame
from medqdeg_desktop.taxonomy import Modality

CT_WINDOW = Window(40.0, 400.0)
PERCENTILES = (0.1, 99.9)


def value_range(
    frame: DecodedFrame, modality: Modality | None, percentiles: Callable[[], tuple[float, float]]
) -> tuple[float, float]:
    """(lo, hi) of the series that ``frame`` stands for; ``percentiles`` is called only where the rule asks for them."""
    if frame.pixels.ndim == 3:
        return 0.0, 255.0
    if modality is Modality.CT and not _assumed_window(frame, modality):
        window = Window(*frame.window) if frame.window else CT_WINDOW
        return window.low, window.high
    if modality is Modality.XRAY:
        if frame.window:
            window = Window(*frame.window)
            return window.low, window.high
        if frame.stored_range and frame.provenance.get("format") == "DICOM":
            if frame.voi_lut:
                first, table = frame.voi_lut
                low, high = max(frame.stored_range[0], first), min(frame.stored_range[1], first + len(table) - 1)
                return (low, high) if high > low else frame.stored_range
            return frame.stored_range
    if frame.stored_range and 0 < frame.bits <= 8:
        return frame.stored_range
    low, high = percentiles()
    return (low, high) if high > low else (low, low + 1.0)


def medical_image(frame: DecodedFrame, modality: Modality | None, value_range: tuple[float, float], index: int) -> MedicalImage:
    """The frame with unit, window and hash. Without a window of its own a frame is first shown over the value range."""
    provenance = dict(frame.provenance)
    if frame.pixels.ndim == 3:
        unit = "RGB"
        window = None
    else:
        unit = "HU" if hounsfield(frame, modality) else ""
        low, high = value_range
        window = Window(*frame.window) if frame.window else Window((low + high) / 2, high - low)
        if _assumed_window(frame, modality):
            provenance["assumed_window"] = f"W{CT_WINDOW.width:g} L{CT_WINDOW.center:g}"
    pixels = frozen(frame.pixels)
    return MedicalImage(
        pixels=pixels,
        modality=modality,
        unit=unit,
        spacing=frame.spacing,
        window=window,
        value_range=value_range,
        inverted=frame.inverted,
        voi_lut=frame.voi_lut,
        voi_function=frame.voi_function,
        orientation=frame.orientation,
        source_sha256=pixel_sha256(pixels),
        frame=index,
        provenance=provenance,
        overlay=None if frame.overlay is None else frozen(frame.overlay),
    )


def hounsfield(frame: DecodedFrame, modality: Modality | None) -> bool:
    """Whether the values are HU: the DICOM header says so, or a NIfTI is declared to be CT (it has no field for units)."""
    if modality is not Modality.CT:
        return False
    return frame.hounsfield or frame.provenance.get("format", "").startswith("NIfTI")


def _assumed_window(frame: DecodedFrame, modality: Modality | None) -> bool:
    """8-bit CT without HU: a picture of CT through a window nobody wrote down."""
    return modality is Modality.CT and not hounsfield(frame, modality) and 0 < frame.bits <= 8 and frame.pixels.ndim == 2

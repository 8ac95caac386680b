"""What a header says about a file, and what a decoded frame needs beside its pixels: plain values that travel as JSON.

They cross from the decoder process to the program as JSON and raw bytes, never as pickles, so that a decoder which a hostile
file has taken over can still not run anything in the program. No field holds a patient's name, number or dates; unique
identifiers are hashed.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class SlideFacts:
    """A whole slide: its size in level-0 pixels, what it says of their size, and the levels it is stored at.

    microns     (row, column) µm a level-0 pixel, or None;  power: of the objective, or None.
    downsamples of the levels stored, the first 1.
    """

    columns: int
    rows: int
    vendor: str
    microns: tuple[float, float] | None = None
    power: float | None = None
    downsamples: tuple[float, ...] = (1.0,)


@dataclass(slots=True)
class FileFacts:
    """One readable file.

    format          "DICOM", "NIfTI-1", "NIfTI-2", "PNG", "JPEG", "TIFF", "BMP" or "WebP".
    frames          number of 2-D frames (for NIfTI: slices along ``axis`` times volumes).
    rows, columns   of one frame as shown.
    modality        the file's own code ("CT", "MR", ...), "" where it has none.
    label           modality, body part and series description; nothing that names a person.
    bits            bits stored per value; 0 for floating point.
    spacing         (row, column) in mm, or None.
    positions       per frame, the patient coordinates (mm, LPS) of the first pixel's centre, or None.
    orientations    per frame, the six direction cosines (row, column), or None.
    orientation_assumed  nothing in the file says how it lies in the patient: places and directions are good for scrolling
                    and cutting alone, and have no letters.
    volumes         how many volumes a 4-D file holds; its frames follow each other volume by volume.
    slice_spacing   mm between neighbouring frames where the file itself knows it (NIfTI), or None.
    window          (center, width) of the first frame, or None.
    series_key      hashed identifier that files of one series share, "" where the file has none.
    instance_key    hashed identifier of the object.
    frame_of_reference  hashed identifier of the coordinate system that ``positions`` are given in, "" where the file has none.
    slide           the whole slide that this is the overview or a region (``axis``) of, or None.
    splits          values by which frames at one position differ (echo, b-value, time, ...).
    """

    path: str
    format: str
    frames: int
    rows: int
    columns: int
    colour: bool = False
    bits: int = 8
    modality: str = ""
    label: str = ""
    transfer_syntax: str = ""
    spacing: tuple[float, float] | None = None
    positions: list[tuple[float, float, float] | None] = field(default_factory=list)
    orientations: list[tuple[float, ...] | None] = field(default_factory=list)
    slice_spacing: float | None = None
    orientation_assumed: bool = False
    volumes: int = 1
    window: tuple[float, float] | None = None
    hounsfield: bool = False
    series_key: str = ""
    instance_key: str = ""
    frame_of_reference: str = ""
    instance_number: int | None = None
    splits: dict[str, str] = field(default_factory=dict)
    gantry_tilt: float = 0.0
    axis: str = ""
    frame_seconds: float | None = None
    warnings: list[str] = field(default_factory=list)
    slide: SlideFacts | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> FileFacts:
        facts = cls(**values)
        if isinstance(facts.slide, dict):
            slide = dict(facts.slide)
            slide |= {"microns": _pair(slide["microns"]), "downsamples": tuple(float(d) for d in slide["downsamples"])}
            facts.slide = SlideFacts(**slide)
        facts.spacing = _pair(facts.spacing)
        facts.window = _pair(facts.window)
        facts.positions = [_triple(p) for p in facts.positions]
        facts.orientations = [None if o is None else tuple(float(x) for x in o) for o in facts.orientations]
        return facts


@dataclass(slots=True)
class DecodedFrame:
    """One frame in native values with what the header says about it.

    pixels          (rows, columns) float32 or (rows, columns, 3) uint8.
    stored_range    values that the stored bits can express, after rescale; None for floating point.
    bits            bits stored; 0 for floating point.
    voi_lut         (first mapped value, table 0..1) or None.
    orientation     (left, right, top, bottom) letters or None.
    overlay         (rows, columns) uint8, 255 where the file draws over the picture; None where it does not.
    """

    pixels: npt.NDArray[Any]
    bits: int = 8
    stored_range: tuple[float, float] | None = None
    hounsfield: bool = False
    window: tuple[float, float] | None = None
    voi_function: str = "LINEAR"
    voi_lut: tuple[float, npt.NDArray[np.float32]] | None = None
    inverted: bool = False
    spacing: tuple[float, float] | None = None
    orientation: tuple[str, str, str, str] | None = None
    provenance: dict[str, str] = field(default_factory=dict)
    overlay: npt.NDArray[np.uint8] | None = None

    def to_json(self) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
        """The fields as JSON values, and the arrays (pixels, then the VOI table and the overlay where there are any)."""
        values: dict[str, Any] = {
            "bits": self.bits,
            "stored_range": self.stored_range,
            "hounsfield": self.hounsfield,
            "window": self.window,
            "voi_function": self.voi_function,
            "voi_first": None if self.voi_lut is None else self.voi_lut[0],
            "inverted": self.inverted,
            "spacing": self.spacing,
            "orientation": self.orientation,
            "provenance": self.provenance,
            "has_overlay": self.overlay is not None,
        }
        others = (None if self.voi_lut is None else self.voi_lut[1], self.overlay)
        return values, [self.pixels, *(array for array in others if array is not None)]

    @classmethod
    def from_json(cls, values: dict[str, Any], arrays: list[npt.NDArray[Any]]) -> DecodedFrame:
        first = values.pop("voi_first")
        letters = values.pop("orientation")
        overlay = arrays[-1] if values.pop("has_overlay") else None
        return cls(
            pixels=arrays[0],
            overlay=overlay,
            voi_lut=None if first is None else (float(first), arrays[1]),
            orientation=None if letters is None else (letters[0], letters[1], letters[2], letters[3]),
            stored_range=_pair(values.pop("stored_range")),
            window=_pair(values.pop("window")),
            spacing=_pair(values.pop("spacing")),
            **values,
        )


def _pair(value: Any) -> tuple[float, float] | None:
    return None if value is None else (float(value[0]), float(value[1]))


def _triple(value: Any) -> tuple[float, float, float] | None:
    return None if value is None else (float(value[0]), float(value[1]), float(value[2]))


def finite_percentiles(pixels: npt.NDArray[Any], low: float, high: float) -> tuple[float, float]:
    """The ``low`` and ``high`` percentile of the finite values; (0, 1) where there are none."""
    finite = pixels[np.isfinite(pixels)] if pixels.dtype.kind == "f" else pixels
    if finite.size == 0:
        return 0.0, 1.0
    bottom, top = np.percentile(finite, (low, high))
    return float(bottom), float(top)


def one_line(error: BaseException) -> str:
    """What a library says about a broken file, as one short line without addresses of objects."""
    lines = [line.strip() for line in re.sub(r"\s*<[^<>]* object at 0x[0-9a-f]+>", "", str(error)).splitlines()]
    lines = [line for line in lines if line]
    # pydicom reports the failures of its decoders one a line; the last one holds the reason.
    return (lines[-1] if lines else type(error).__name__)[:200]

"""Series: frames that belong together in the order in which a reader scrolls through them, decoded one at a time on request.

Frames are not kept here: the window has its own cache by bytes, a batch needs each frame once.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.reading import rules
from medqdeg_desktop.engine.reading.facts import DecodedFrame, finite_percentiles
from medqdeg_desktop.engine.reading.geometry import FramePlane, slice_normal
from medqdeg_desktop.engine.reading.grouping import Group, group
from medqdeg_desktop.engine.reading.guard import Decoder
from medqdeg_desktop.engine.reading.slides import Region
from medqdeg_desktop.taxonomy import Modality, modality_of

#: Percentiles of a longer series are taken from so many frames, evenly spread and the same on every machine.
_SAMPLED_FRAMES = 32


@dataclass(frozen=True, slots=True)
class FrameSource:
    """Where a frame lies: a file, a frame in it, and for volumes the axis along which it is cut."""

    path: str
    index: int
    axis: str = ""


class Series:
    """A stack of slices, the frames of a file, or a single picture. Immutable; safe to use from several threads.

    series_id       stable identifier without identity (a hash).
    label           modality, body part, series description; never a name, number or date of a patient.
    shape           (rows, columns) of a frame.
    spacing         (row, column) in mm or None;  slice_spacing: mm between frames or None.
    slide           what the whole slide is like, for its overview (``axis`` "") and its regions; else None.
    warnings        gaps, duplicate positions, gantry tilt, assumptions: one sentence each.
    paths           the files, in frame order, each once.
    """

    def __init__(self, members: Group, decoder: Decoder, modality: Modality | None = None) -> None:
        facts = members.frames[0][0]
        self._group = members
        self.decoder = decoder
        self._lock = threading.RLock()
        self._facts_of_middle: DecodedFrame | None = None
        self._range: tuple[float, float] | None = None
        self.series_id = members.key
        self.label = members.label
        self.frames = tuple(FrameSource(f.path, index, f.axis) for f, index in members.frames)
        self.file_modality = modality_of(facts.modality)
        self.modality = modality or self.file_modality
        self.format = facts.format
        self.transfer_syntax = facts.transfer_syntax
        self.shape = (facts.rows, facts.columns)
        self.is_colour = facts.colour
        self.bits = facts.bits
        self.orientation = facts.orientations[0] if facts.orientations else None
        self.orientation_assumed = facts.orientation_assumed
        self.spacing = facts.spacing
        self.slice_spacing = members.spacing
        self.frame_seconds = facts.frame_seconds
        self.axis = facts.axis
        self.volumes = facts.volumes
        self.slide = facts.slide
        self.frame_of_reference = facts.frame_of_reference
        self.warnings: tuple[str, ...] = tuple(members.warnings)
        self.paths: tuple[str, ...] = tuple(dict.fromkeys(f.path for f in self.frames))

    @property
    def frame_count(self) -> int:
        return len(self.frames)

    @property
    def middle(self) -> int:
        """Index of the frame that is shown first."""
        return len(self.frames) // 2

    @property
    def unit(self) -> str:
        """ "HU", "RGB" or "": told by the middle frame, which this decodes once."""
        with self._lock:
            frame = self._sample()
        if frame.pixels.ndim == 3:
            return "RGB"
        return "HU" if rules.hounsfield(frame, self.modality) else ""

    @property
    def value_range(self) -> tuple[float, float]:
        """(lo, hi) fixed for the series (design 3). Decodes the middle frame, or up to 32 frames where percentiles are due."""
        with self._lock:
            return self._range_from(None)

    @cached_property
    def affine(self) -> npt.NDArray[np.float64]:
        """(4, 4) from (column, row, frame) to RAS mm, a gantry tilt kept as shear; voxel sizes alone where places are unknown."""
        facts, first = self._group.frames[0]
        slices = max(1, len(self.frames) // facts.volumes)
        last_facts, last = self._group.frames[slices - 1]
        down, across = self.spacing or (1.0, 1.0)
        affine = np.diag([across, down, self.slice_spacing or 1.0, 1.0])
        orientation = facts.orientations[first] if first < len(facts.orientations) else None
        start = facts.positions[first] if first < len(facts.positions) else None
        end = last_facts.positions[last] if last < len(last_facts.positions) else None
        if orientation is None or start is None or end is None:
            return affine
        affine[:3, 0] = np.asarray(orientation[:3]) * across
        affine[:3, 1] = np.asarray(orientation[3:]) * down
        step = slice_normal(orientation) * (self.slice_spacing or 1.0)
        if slices > 1 and start != end:
            step = (np.asarray(end) - np.asarray(start)) / (slices - 1)
        affine[:3, 2] = step
        affine[:3, 3] = start
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine

    def plane(self, index: int) -> FramePlane | None:
        """Where frame ``index`` lies in the patient; None where position, orientation or spacing is unknown or assumed."""
        facts, number = self._group.frames[index]
        position = facts.positions[number] if number < len(facts.positions) else None
        orientation = facts.orientations[number] if number < len(facts.orientations) else None
        if position is None or orientation is None or facts.spacing is None or facts.orientation_assumed:
            return None
        return FramePlane(position, orientation, facts.spacing, self.slice_spacing, facts.frame_of_reference)

    def cut(self, axis: str) -> Series:
        """The stack seen along "axial", "coronal" or "sagittal". Raises UnreadableImageError where it cannot be cut."""
        from medqdeg_desktop.engine.reading.reformat import reformatted

        return reformatted(self, axis)

    def region(self, region: Region) -> Series:
        """A region of the slide as a series of its own: one frame. Raises UnreadableImageError."""
        (facts,) = self.decoder.describe([self.paths[0]], region.text)
        if isinstance(facts, UnreadableImageError):
            raise facts
        return Series(group([facts])[0], self.decoder, self.modality)

    def with_modality(self, modality: Modality | None) -> Series:
        """The same frames taken for another modality (None: what the file says); unit and range follow."""
        return Series(self._group, self.decoder, modality)

    def frame(self, index: int) -> MedicalImage:
        """Frame ``index`` in native values; blocks while it is decoded. Raises UnreadableImageError."""
        decoded = self.decoded(index)
        with self._lock:
            value_range = self._range_from(decoded if index == self.middle else None)
        return rules.medical_image(decoded, self.modality, value_range, index)

    def thumbnail(self, size: int = 96) -> npt.NDArray[np.uint8]:
        """The middle frame through its window, at most ``size`` on its longest side, with true aspect: uint8 grey or RGB."""
        from medqdeg_desktop.engine.display import to_display

        image = self.frame(self.middle)
        rows, columns = image.shape
        down, across = image.spacing or (1.0, 1.0)
        height, width = rows * down, columns * across
        scale = size / max(height, width)
        shape = (max(1, round(width * scale)), max(1, round(height * scale)))
        shown = to_display(image)
        grows = shape[0] > columns or shape[1] > rows
        small = cv2.resize(shown, shape, interpolation=cv2.INTER_LINEAR if grows else cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    def _range_from(self, middle: DecodedFrame | None) -> tuple[float, float]:
        """The value range; ``middle`` is the middle frame where the caller has it at hand and it need not be decoded for this."""
        if self._range is None:
            sample = self._sample(middle)

            def percentiles() -> tuple[float, float]:
                if middle is not None and len(self.frames) == 1:
                    return finite_percentiles(middle.pixels, *rules.PERCENTILES)
                return self.percentiles()

            self._range = rules.value_range(sample, self.modality, percentiles)
        return self._range

    def _sample(self, middle: DecodedFrame | None = None) -> DecodedFrame:
        """The middle frame without its pixels (only their kind): a list of many series must not hold a picture of each."""
        if self._facts_of_middle is None:
            decoded = middle or self.decoded(self.middle)
            self._facts_of_middle = replace(decoded, pixels=np.empty((0,) * decoded.pixels.ndim, decoded.pixels.dtype))
        return self._facts_of_middle

    def percentiles(self) -> tuple[float, float]:
        """The 0.1 and 99.9 percentile over all frames, or over 32 evenly spread ones of a longer series."""
        count = len(self.frames)
        chosen = range(count) if count <= _SAMPLED_FRAMES else _evenly(count, _SAMPLED_FRAMES)
        sources = [(self.frames[i].path, self.frames[i].index) for i in chosen]
        return self.decoder.percentiles(sources, self.axis, *rules.PERCENTILES)

    def decoded(self, index: int) -> DecodedFrame:
        """Frame ``index`` as the decoder gives it, before unit and range are settled."""
        if not 0 <= index < len(self.frames):
            raise UnreadableImageError(self.paths[0], f"has no frame {index + 1}; it has {len(self.frames)}")
        source = self.frames[index]
        return self.decoder.frame(source.path, source.index, source.axis)

    def facts(self) -> dict[str, Any]:
        """What a study records about the series, JSON-able and without identity."""
        return {
            "format": self.format,
            "transfer_syntax": self.transfer_syntax,
            "frames": self.frame_count,
            "shape": list(self.shape),
            "spacing": None if self.spacing is None else list(self.spacing),
            "slice_spacing": self.slice_spacing,
            "unit": self.unit,
            "value_range": list(self.value_range),
            "warnings": list(self.warnings),
        }


def _evenly(count: int, most: int) -> Sequence[int]:
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})

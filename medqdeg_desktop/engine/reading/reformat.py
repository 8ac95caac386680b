"""Axial, coronal and sagittal views of a stack of slices: the stack is read once, then cut along another of its axes.

Only a stack with known places and even steps can be cut; a gantry tilt, a gap or a missing slice would show anatomy where it is
not. Nothing is interpolated: the picture keeps the stack's own samples, and its spacing gives it its true aspect.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading.cuts import AXES, Cut
from medqdeg_desktop.engine.reading.facts import DecodedFrame, FileFacts
from medqdeg_desktop.engine.reading.geometry import edge_letters, slice_normal
from medqdeg_desktop.engine.reading.grouping import Group
from medqdeg_desktop.engine.reading.limits import MIB, Limits
from medqdeg_desktop.engine.reading.series import Series


def native_axis(series: Series) -> str:
    """The body axis that the slices of a series lie across: "axial", "coronal", "sagittal", or "" where unknown."""
    orientation = series.orientation
    if orientation is None:
        return ""
    return ("sagittal", "coronal", "axial")[int(np.argmax(np.abs(slice_normal(orientation))))]


def could_be_cut(series: Series) -> bool:
    """Whether ``reformatted`` may succeed, told without reading or computing anything."""
    known = bool(native_axis(series)) and series.slice_spacing is not None
    return known and series.frame_count > 1 and not series.is_colour and series.volumes == 1 and not _obstacles(series)


def _obstacles(series: Series) -> list[str]:
    return [w for w in series.warnings if any(word in w for word in ("gap", "position of another", "uneven", "sheared"))]


def reformatted(series: Series, axis: str) -> Series:
    """``series`` cut along ``axis``; the series itself where its slices already lie so.

    Value range, window and unit stay those of the series. The stack is held in memory once a first frame is asked for. Raises
    UnreadableImageError where the stack cannot be cut.
    """
    path = series.paths[0]
    if axis not in AXES:
        raise UnreadableImageError(path, f"axis {axis!r} is not one of {', '.join(AXES)}")
    native = native_axis(series)
    if native == axis:
        return series
    if not native or series.slice_spacing is None or series.frame_count < 2 or series.is_colour or series.volumes > 1:
        raise UnreadableImageError(path, f"is no stack of slices that could be cut {axis}")
    obstacles = _obstacles(series)
    if obstacles:
        raise UnreadableImageError(path, f"cannot be cut {axis}: {obstacles[0]}")
    size = series.frame_count * series.shape[0] * series.shape[1] * 4
    limit = Limits.from_environment().volume_bytes
    if size > limit:
        raise UnreadableImageError(path, f"cannot be cut {axis}: the stack takes {size // MIB:,} MB of {limit // MIB:,}")
    rows, columns = series.shape
    cut = Cut.of((columns, rows, series.frame_count), series.affine, axis)
    slice_mm, row_mm, column_mm = cut.steps
    facts = FileFacts(
        path=path,
        format=series.format,
        frames=cut.frames,
        rows=cut.rows,
        columns=cut.columns,
        bits=series.bits,
        modality="" if series.file_modality is None else str(series.file_modality),
        label=f"{series.label} · {axis}",
        transfer_syntax=series.transfer_syntax,
        spacing=(row_mm, column_mm),
        positions=[*cut.positions],
        orientations=[cut.cosines] * cut.frames,
        orientation_assumed=series.orientation_assumed,
        frame_of_reference=series.frame_of_reference,
        axis=axis,
    )
    frames = [(facts, i) for i in range(cut.frames)]
    group = Group(f"{series.series_id}-{axis}", frames, slice_mm, list(series.warnings), facts.label)
    with _stacks_lock:
        stack = _stacks.get(id(series)) or _stacks.setdefault(id(series), _Stack(series))
    return Series(group, _StackDecoder(series, cut, stack), series.modality)


class _Stack:
    """All slices of a series in one array, read on the first request; cuts of one series share it and let it go together."""

    def __init__(self, series: Series) -> None:
        self._shape = (series.frame_count, *series.shape)
        self._lock = threading.Lock()
        self._pixels: npt.NDArray[np.float32] | None = None
        self._sample: DecodedFrame | None = None

    def read(self, series: Series) -> tuple[npt.NDArray[np.float32], DecodedFrame]:
        """The stack as (slices, rows, columns) float32, and its middle slice for what is true of all."""
        with self._lock:
            if self._pixels is None or self._sample is None:
                pixels, damaged = np.empty(self._shape, np.float32), ""
                for index in range(len(pixels)):
                    decoded = series.decoded(index)
                    pixels[index] = decoded.pixels
                    # Every cut across the stack goes through the slice.
                    if wrong := decoded.provenance.get("damaged"):
                        damaged = f"slice {index + 1}: {wrong}"
                    if index == series.middle:
                        self._sample = decoded
                assert self._sample is not None
                if damaged:
                    self._sample.provenance["damaged"] = damaged
                self._pixels = pixels
            assert self._sample is not None
            return self._pixels, self._sample


#: By the address of the series, which the cuts that hold the stack keep alive.
_stacks: weakref.WeakValueDictionary[int, _Stack] = weakref.WeakValueDictionary()
_stacks_lock = threading.Lock()


class _StackDecoder:
    """Answers for frames of the cut from the stack."""

    def __init__(self, series: Series, cut: Cut, stack: _Stack) -> None:
        self._series = series
        self._cut = cut
        self._stack = stack

    def frame(self, path: str, index: int, axis: str = "") -> DecodedFrame:
        stack, sample = self._stack.read(self._series)
        columns_rows_slices = stack.transpose(2, 1, 0)
        plane = self._cut.upright(columns_rows_slices[tuple(self._cut.selection(index))])
        _, row_mm, column_mm = self._cut.steps
        return DecodedFrame(
            pixels=np.ascontiguousarray(plane),
            bits=sample.bits,
            stored_range=sample.stored_range,
            hounsfield=sample.hounsfield,
            window=sample.window,
            voi_function=sample.voi_function,
            voi_lut=sample.voi_lut,
            inverted=sample.inverted,
            spacing=(row_mm, column_mm),
            orientation=None if self._series.orientation_assumed else edge_letters(self._cut.cosines),
            provenance=sample.provenance | {"axis": f"{self._cut.axis}, cut from {self._series.frame_count} slices"},
        )

    def percentiles(self, frames: Sequence[tuple[str, int]], axis: str, low: float, high: float) -> tuple[float, float]:
        # The range belongs to the series, whichever way it is cut.
        return self._series.percentiles()

    def describe(self, paths: Sequence[str], axis: str = "") -> list[FileFacts | UnreadableImageError]:
        return self._series.decoder.describe(paths, axis)

    def directory(self, path: str) -> list[str]:
        return self._series.decoder.directory(path)

    def members(self, path: str) -> tuple[list[str], list[UnreadableImageError]]:
        return self._series.decoder.members(path)

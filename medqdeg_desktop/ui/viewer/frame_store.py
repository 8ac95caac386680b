"""Decoded frames: read in a pool ahead of the reader's scrolling, kept up to a limit of bytes, least recently seen dropped first.

Qt-free. The store keeps one short list of what is wanted now, most wanted first; each new position replaces the list, so that a
fast scroll never leaves a queue of frames behind that nobody looks at. Requests and answers are apart: an answer names its series
and frame, and who receives it decides whether it is still wanted.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.errors import MedqdegError

_log = logging.getLogger(__name__)

_AHEAD = 8
_BEHIND = 3


class FrameSeries(Protocol):
    """What the store needs of a series."""

    @property
    def series_id(self) -> str: ...
    @property
    def frame_count(self) -> int: ...
    def frame(self, index: int) -> MedicalImage: ...


@dataclass(frozen=True, slots=True)
class FrameAnswer:
    """A decoded frame, or why there is none (one line). ``series``: the one that was asked; another may have its id by now."""

    series_id: str
    index: int
    image: MedicalImage | None
    error: str = ""
    series: FrameSeries | None = None


Key = tuple[str, int]


class FrameStore:
    """``on_answer`` is called on a pool thread, once for each frame decoded."""

    def __init__(self, on_answer: Callable[[FrameAnswer], None], *, limit_bytes: int = 640 << 20, workers: int = 2) -> None:
        self._on_answer = on_answer
        self.limit_bytes = limit_bytes
        self._frames: OrderedDict[Key, MedicalImage] = OrderedDict()
        self._bytes = 0
        self._wanted: list[tuple[FrameSeries, int]] = []
        self._running: set[Key] = set()
        self._outdated: set[Key] = set()
        self._failed: dict[Key, str] = {}
        self._condition = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name=f"decode-{i}", daemon=True) for i in range(max(1, workers))]
        for thread in self._threads:
            thread.start()

    @property
    def cached_bytes(self) -> int:
        return self._bytes

    def cached(self, series_id: str, index: int) -> MedicalImage | None:
        """The frame if it is here; it counts as seen."""
        with self._condition:
            key = (series_id, index)
            image = self._frames.get(key)
            if image is not None:
                self._frames.move_to_end(key)
            return image

    def error(self, series_id: str, index: int) -> str:
        """Why the frame could not be decoded; empty where it could or has not been tried."""
        with self._condition:
            return self._failed.get((series_id, index), "")

    def want(self, series: FrameSeries, index: int, direction: int = 1) -> None:
        """The reader is at ``index`` and moves by ``direction`` (1 or -1): decode it, then what comes next."""
        step = 1 if direction >= 0 else -1
        order = [index, *(index + step * k for k in range(1, _AHEAD + 1)), *(index - step * k for k in range(1, _BEHIND + 1))]
        with self._condition:
            self._failed.pop((series.series_id, index), None)
            self._wanted = [
                (series, i)
                for i in order
                if 0 <= i < series.frame_count
                and (series.series_id, i) not in self._frames
                and (series.series_id, i) not in self._failed
            ]
            self._condition.notify_all()

    def forget(self, *series_ids: str) -> None:
        """Drops every frame of series that were closed or have other files now, also those that are being decoded."""
        with self._condition:
            self._outdated |= {key for key in self._running if key[0] in series_ids}
            self._failed = {key: error for key, error in self._failed.items() if key[0] not in series_ids}
            for key in [k for k in self._frames if k[0] in series_ids]:
                self._bytes -= _bytes_of(self._frames.pop(key))
            self._wanted = [w for w in self._wanted if w[0].series_id not in series_ids]

    def close(self) -> None:
        """Stops after the frames now being decoded."""
        with self._condition:
            self._closed = True
            self._wanted = []
            self._condition.notify_all()
        for thread in self._threads:
            thread.join(timeout=5)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            series, index = job
            key = (series.series_id, index)
            image, error = None, ""
            try:
                image = series.frame(index)
            except MedqdegError as refusal:
                error = str(refusal)
            except Exception as defect:
                # A decoder's own failure costs this frame and a line, never the thread that the next frame needs.
                _log.exception("frame %d of %s", index, series.series_id)
                error = f"frame {index + 1} could not be decoded: {type(defect).__name__}"
            with self._condition:
                self._running.discard(key)
                if key in self._outdated:
                    # Under this number another slice may be asked for by now: this answer is nobody's.
                    self._outdated.discard(key)
                    continue
                self._wanted = [(s, i) for s, i in self._wanted if (s.series_id, i) != key]
                if image is None:
                    self._failed[key] = error
                else:
                    self._keep(key, image)
                if self._closed:
                    return
            self._on_answer(FrameAnswer(series.series_id, index, image, error, series))

    def _next(self) -> tuple[FrameSeries, int] | None:
        with self._condition:
            while not self._closed:
                for position, (series, index) in enumerate(self._wanted):
                    key = (series.series_id, index)
                    if key not in self._running:
                        del self._wanted[position]
                        self._running.add(key)
                        return series, index
                self._condition.wait()
            return None

    def _keep(self, key: Key, image: MedicalImage) -> None:
        if key in self._frames:
            return
        self._frames[key] = image
        self._bytes += _bytes_of(image)
        while self._bytes > self.limit_bytes and len(self._frames) > 1:
            _, dropped = self._frames.popitem(last=False)
            self._bytes -= _bytes_of(dropped)


def _bytes_of(image: MedicalImage) -> int:
    return image.pixels.nbytes + (0 if image.overlay is None else image.overlay.nbytes)

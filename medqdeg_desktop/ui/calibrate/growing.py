"""Series that are shown while the rest of their folder is still being read. Qt-free.

The slice in front stays in front, whatever number it has by then. Only when all slices are known is a series, at which nobody has
scrolled yet, shown where it was left another day, or in its middle.
"""

from __future__ import annotations

from collections.abc import Iterable

from medqdeg_desktop.engine.reading import FrameSource, Series
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries


class GrowingSeries:
    """``waiting``: more slices of the series in front, whose first picture is still on its way and comes first."""

    def __init__(self) -> None:
        self.waiting: Series | None = None
        self._met_first: dict[str, FrameSource] = {}

    def grow(self, opened: OpenSeries, series: Series) -> None:
        """``opened`` becomes ``series``, its own slices in front."""
        if opened.cut is not None:
            opened.show_cut(None)
        source = opened.series.frames[opened.view.frame]
        if opened.view.frame in (opened.series.middle, opened.wanted_frame):
            self._met_first.setdefault(opened.series_id, source)
        opened.series = series.with_modality(opened.series.modality)
        frames = opened.series.frames
        opened.view.frame = frames.index(source) if source in frames else opened.series.middle

    def settled(self, rows: Iterable[OpenSeries]) -> list[OpenSeries]:
        """All slices are known: those of ``rows`` whose slice in front is another one now."""
        moved = []
        for opened in rows:
            source = self._met_first.pop(opened.series_id, None)
            if source is None or opened.cut is not None or opened.series.frames[opened.view.frame] != source:
                continue
            wanted = opened.wanted_frame
            there = wanted is not None and wanted < opened.series.frame_count
            frame = wanted if wanted is not None and there else opened.series.middle
            if frame != opened.view.frame:
                opened.view.frame = frame
                moved.append(opened)
        return moved

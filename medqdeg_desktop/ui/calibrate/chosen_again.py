"""Files that are chosen while a series of the same identity is open: the same files again, or a copy of them. Qt-free.

A copy takes the place of what is open, as one that was fetched again does of a broken one. It does not where it holds fewer
pictures, or where the other was chosen along with it: then it is left aside, which is told.
"""

from __future__ import annotations

from pathlib import Path

from medqdeg_desktop.engine.reading import Series
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.viewer.series_view import SeriesView


class ChosenAgain:
    """One opening: the path (root) whose files each series has by it, and what was left aside."""

    def __init__(self) -> None:
        self._owners: dict[str, Path] = {}
        self._aside: dict[tuple[str, Path], None] = {}

    def met(self, series_id: str, root: Path) -> None:
        """The series came into the list with the files at ``root``."""
        self._owners[series_id] = root

    def replaces(self, opened: OpenSeries, series: Series, root: Path) -> bool:
        """Whether ``series``, found at ``root``, takes the place of ``opened``, which has its identity."""
        owner = self._owners.get(series.series_id)
        ours, theirs = set(opened.series.paths), set(series.paths)
        if theirs < ours:
            return False
        if theirs > ours:
            # More slices of the same stack: it grows.
            self._owners[series.series_id] = root
            return False
        if theirs == ours:
            # Once: they may have been written anew since.
            self._owners.setdefault(series.series_id, root)
            return owner is None
        key, more = (series.series_id, root), series.frame_count - opened.series.frame_count
        if more > 0 or (more == 0 and owner in (None, root)):
            self._owners[series.series_id] = root
            self._aside.pop(key, None)
            return True
        self._aside[key] = None
        return False

    @property
    def left_aside(self) -> list[tuple[str, Path]]:
        """Series and the path at which the files lie that it was not opened from."""
        return list(self._aside)


def replace(opened: OpenSeries, series: Series, root: Path) -> None:
    """``opened`` becomes ``series``, seen as it was where that is still possible."""
    if opened.cut is not None:
        opened.show_cut(None)
    before = opened.series
    opened.series, opened.root = series.with_modality(before.modality), root
    if series.shape != before.shape:
        opened.view = SeriesView(frame=series.middle)
    elif series.frame_count != before.frame_count:
        opened.view.frame = series.middle

"""Regions of whole slides: described in the decoder process, off the window's thread, and handed on as series of one picture."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from medqdeg_desktop.engine.reading import Series
from medqdeg_desktop.engine.reading.slides import Region
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries


class RegionOpener(QObject):
    """``found`` carries a list of one Series, the path of its slide, and whether it is wanted in front; ``warned`` one line."""

    found = Signal(object, object, bool)
    warned = Signal(str)

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._turn = 0

    def drop(self) -> None:
        """Another study is there: regions on their way belong to the one before."""
        self._turn += 1

    def open(self, slide: OpenSeries, region: Region) -> None:
        """What the reader has framed."""
        self._run(slide.series, slide.root, region, in_front=True)

    def reopen(self, rows: Sequence[OpenSeries], regions: dict[Path, list[str]]) -> None:
        """What was open on the slides among ``rows`` when the study was left."""
        for row in rows:
            for text in regions.get(row.root, []) if row.is_overview else ():
                # What is remembered may be damaged: a region that makes no sense is forgotten.
                with contextlib.suppress(ValueError):
                    self._run(row.series, row.root, Region.of(text), in_front=False)

    def _run(self, slide: Series, root: Path, region: Region, *, in_front: bool) -> None:
        turn = self._turn

        def done(series: Series) -> None:
            if turn == self._turn:
                self.found.emit([series], root, in_front)

        self._background.run(f"region {slide.paths[0]} {region.text}", partial(slide.region, region), done, self.warned.emit)

"""Where the pictures of each study lie on this machine and how they were last looked at. Places only: decisions are in the study.

Qt-free, JSON-able; kept among the window's preferences.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medqdeg_desktop.engine.image import Window
from medqdeg_desktop.engine.reading import Series
from medqdeg_desktop.engine.reading.archives import file_of
from medqdeg_desktop.engine.reading.slides import is_region
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality, modality_of
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.preferences import data_folder
from medqdeg_desktop.ui.viewer.series_view import SeriesView
from medqdeg_desktop.ui.viewer.turn import Turn

_STUDIES_KEPT = 20
_RECENT_KEPT = 10


class Places:
    """What is found again.

    studies   path of a study to its roots, the series in front and the view of each.
    recent    what was opened last, newest first: path to a line without identity (label and size of its first series).
    """

    def __init__(self, studies: dict[str, Any] | None = None, recent: dict[str, str] | None = None) -> None:
        self.studies: dict[str, Any] = studies or {}
        self.recent: dict[str, str] = recent or {}

    @classmethod
    def of(cls, studies: object, recent: object = None) -> Places:
        """From preferences; what is of the wrong kind is left out."""
        return cls(
            {str(k): v for k, v in studies.items() if isinstance(v, dict)} if isinstance(studies, dict) else None,
            {str(k): v for k, v in recent.items() if isinstance(v, str)} if isinstance(recent, dict) else None,
        )

    def note_opened(self, root: Path, text: str) -> None:
        """``root`` was opened just now; ``text`` says what was found there, without a name."""
        self.recent = {str(root): text} | {path: line for path, line in self.recent.items() if path != str(root)}
        self.recent = dict(list(self.recent.items())[:_RECENT_KEPT])

    def roots(self, study: str) -> list[Path]:
        """Files and folders that were open with ``study``."""
        roots = self.studies.get(study, {}).get("roots", [])
        return [Path(r) for r in roots if isinstance(r, str)]

    def regions(self, study: str, root: Path) -> list[str]:
        """Regions of slides under ``root`` that were open with ``study``, as text."""
        states = self.studies.get(study, {}).get("series", {})
        found = [s.get("region") for s in states.values() if isinstance(s, dict) and s.get("root") == str(root)]
        return [text for text in found if isinstance(text, str) and is_region(text)]

    def current(self, study: str) -> str:
        return str(self.studies.get(study, {}).get("current", ""))

    def remember(self, study: str, rows: Sequence[OpenSeries], opened: OpenSeries | None) -> None:
        self.studies.pop(study, None)
        self.studies[study] = {
            "roots": list(dict.fromkeys(str(row.root) for row in rows)),
            "current": opened.series_id if opened is not None else "",
            "series": {row.series_id: _view_state(row) for row in rows},
        }
        while len(self.studies) > _STUDIES_KEPT:
            del self.studies[next(iter(self.studies))]

    def restored(self, study: str, series: Series, root: Path) -> OpenSeries:
        """``series`` with the view it had when ``study`` was last open; else its middle slice, fitted, in its own window."""
        opened = OpenSeries(series, root, SeriesView(frame=series.middle))
        state = self.studies.get(study, {}).get("series", {}).get(series.series_id)
        if isinstance(state, dict):
            _restore(opened, state)
        return opened

    @staticmethod
    def recorded_roots(study: Study) -> list[Path]:
        """Where the pictures of the study's decisions lie: what is left to go by on a machine that has no memory of it."""
        roots: dict[Path, None] = {}
        # The first opened is the first seen: a stack that can be scrolled and windowed in HU rather than a single picture.
        for record in sorted(study.images(), key=lambda record: record.modality is not Modality.CT):
            path = Path(record.path)
            file = file_of(path)
            if record.path and file.is_file():
                # A slice of a DICOM series is looked at with its neighbours, a member of an archive with all of that.
                roots[file.parent if file == path and record.facts.get("format") == "DICOM" else file] = None
        return list(roots)

    @staticmethod
    def sample_folder() -> Path:
        return data_folder() / "sample"


def present(paths: Sequence[Path]) -> list[Path]:
    """Those of ``paths`` that are there; never asked on the window's thread, which a share that does not answer would hold."""
    return [path for path in paths if os.path.exists(path)]  # noqa: PTH110 - a stale share is not there; Path.exists raises


def _view_state(row: OpenSeries) -> dict[str, Any]:
    window = row.view.window
    return {
        "frame": row.own_view.frame,
        "window": [window.center, window.width] if window is not None else None,
        "inverted": row.view.inverted,
        "turn": [row.own_view.viewport.turn.quarters, row.own_view.viewport.turn.flipped],
        "modality": str(row.series.modality or ""),
        "type": row.type_name,
        "severities": row.severities,
        **({"region": row.series.axis, "root": str(row.root)} if is_region(row.series.axis) else {}),
    }


def _restore(opened: OpenSeries, state: dict[str, Any]) -> None:
    frame, window = state.get("frame"), state.get("window")
    if isinstance(frame, int) and frame >= 0:
        # A series may have been found in part only: its slices have other numbers then.
        opened.wanted_frame = frame
        if frame < opened.series.frame_count:
            opened.view.frame = frame
    if isinstance(window, list) and len(window) == 2 and all(isinstance(v, int | float) for v in window) and window[1] > 0:
        opened.view.window = Window(float(window[0]), float(window[1]))
    opened.view.inverted = state.get("inverted") is True
    turn = state.get("turn")
    if isinstance(turn, list) and len(turn) == 2 and turn[0] in range(4):
        opened.view.viewport = opened.view.viewport.turned(Turn(int(turn[0]), turn[1] is True))
    opened.type_name = str(state.get("type", ""))
    severities = state.get("severities", {})
    if isinstance(severities, dict):
        opened.severities = {str(k): float(v) for k, v in severities.items() if isinstance(v, int | float) and 0 <= v <= 1}
    modality = modality_of(str(state.get("modality", "")))
    if modality is not None and opened.series.file_modality is None:
        opened.take_for(modality)

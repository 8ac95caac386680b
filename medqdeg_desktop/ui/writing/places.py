"""Between what is open in the window and what a question names: a file, a frame of it, and the axis of a cut. Qt-free."""

from __future__ import annotations

from collections.abc import Iterable

from medqdeg_desktop.bank.views import View
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries

#: A label as long as this leaves room for slice and window beside it.
_LONGEST_LABEL = 18


def view_of(opened: OpenSeries, index: int) -> tuple[str, int, str]:
    """(path, frame, axis) of frame ``index`` of what is shown, as ``read_image`` takes them.

    A slice that is a file of its own is frame 0 of that file; frames of one file, and of a cut, are counted in their order.
    """
    series = opened.shown
    source = series.frames[index]
    if opened.cut is None and len(series.paths) > 1:
        return source.path, 0, source.axis
    return series.paths[0], index, source.axis or (series.axis if opened.cut is not None else "")


def find_open(view: View, rows: Iterable[OpenSeries]) -> tuple[OpenSeries, str, int] | None:
    """(series, axis to be cut along or "", index) of ``view`` among the open series; None where its file is not open."""
    for opened in rows:
        series = opened.series
        if view.path not in series.paths:
            continue
        if view.axis and view.axis != series.axis:
            return opened, view.axis, view.frame or 0
        if len(series.paths) > 1:
            return opened, "", next(n for n, source in enumerate(series.frames) if source.path == view.path)
        return opened, "", min(view.frame or 0, series.frame_count - 1)
    return None


def words_of(view: View, rows: Iterable[OpenSeries]) -> str:
    """A picture in words: what it is, which slice, through which window; never a name of a file or folder."""
    found = find_open(view, rows)
    parts = [str(view.modality)]
    if found is not None:
        opened, axis, index = found
        parts = [opened.series.label if len(opened.series.label) <= _LONGEST_LABEL else str(view.modality)]
        count = opened.series.frame_count
        if axis:
            parts.append(f"{axis} {index + 1}")
        elif count > 1:
            parts.append(f"slice {index + 1}/{count}")
    elif view.axis or view.frame:
        parts.append(f"{view.axis or 'frame'} {(view.frame or 0) + 1}".strip())
    if view.window is not None:
        center, width = view.window
        parts.append(f"W{width:.4g} L{center:.4g}")
    return " · ".join(parts)

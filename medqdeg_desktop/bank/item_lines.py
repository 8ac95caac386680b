"""This project's own items: JSON lines with ``id``, ``image`` (path relative to the file) or ``images``, ``modality``,
``question``, ``options`` (letter to text) and ``answer`` (letter); optional ``frame``, ``axis``, ``window`` [center,
width], ``task``, ``skill``, ``capability``, ``source``, ``source_id``, ``region``, ``patient``, ``public`` and ``licence``.
Other keys are left alone; those that come close to one of these are said in the report.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.bank import checks, json_rows, skills
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.importing import Rejected, Wanted
from medqdeg_desktop.bank.region import problem as region_problem
from medqdeg_desktop.engine.reading.slides import Region
from medqdeg_desktop.study.records import Item

_KEYS: Final = (
    *("id", "image", "images", "modality", "question", "options", "answer", "frame", "axis", "window", "task", "skill"),
    *("capability", "source", "source_id", "region", "patient", "public", "licence"),
)
_AXES = ("", "axial", "coronal", "sagittal")


@lru_cache(1024)
def _misspelt(key: str) -> str:
    """The key that ``key`` comes close to without being it; "" where it is one, or like none."""
    if key in _KEYS:
        return ""
    return next(iter(get_close_matches(key.casefold().strip(), _KEYS, 1, 0.75)), "")


def _names_a_region(axis: str) -> bool:
    try:
        Region.of(axis)
    except ValueError:
        return False
    return True


def read(path: Path, wanted: Wanted) -> Iterator[Item | Rejected]:
    """Items of ``path`` one line at a time; ``Rejected.row`` is the line number. Blank lines are passed over."""
    for number, row in json_rows.rows(path):
        name = ""
        try:
            if isinstance(row, RowError):
                raise row
            name = checks.text(row, "id", needed=True)
            for key in row:
                if near := _misspelt(key):
                    wanted.noted[f"key {key!r} is not read; did it mean {near!r}?"] += 1
            yield item(row, path.parent, wanted.source or path.stem)
        except RowError as error:
            yield Rejected(number, name, str(error))


def item(row: dict[str, Any], folder: Path, source: str) -> Item:
    """The item that a parsed line describes; RowError says what is wrong with it."""
    offered = checks.options(row.get("options"))
    names = row["images"] if row.get("images") else [row["image"]] if row.get("image") else []
    if not isinstance(names, list):
        raise RowError("images is no list")
    region = row.get("region")
    if region is not None and not isinstance(region, dict):
        raise RowError("region is no object")
    if region and (wrong := region_problem(region)):
        raise RowError(wrong)
    axis = checks.text(row, "axis").casefold()
    if axis not in _AXES and not _names_a_region(axis):
        raise RowError(f"axis {axis!r} is none of axial, coronal, sagittal, and no region of a slide (region X,Y,W,H,D)")
    public = row.get("public", False)
    if not isinstance(public, bool):
        raise RowError("public is neither true nor false")
    origin = checks.text(row, "source") or source
    place = skills.place(origin, checks.text(row, "skill"), checks.text(row, "task"), checks.text(row, "capability"))
    return Item(
        item_id=checks.text(row, "id", needed=True),
        source=origin,
        source_id=checks.text(row, "source_id") or checks.text(row, "id"),
        modality=checks.modality(checks.text(row, "modality")),
        question=checks.text(row, "question", needed=True),
        options=offered,
        answer=checks.answer_letter(checks.text(row, "answer"), offered),
        images=checks.images(names, folder),
        capability=place.capability,
        task=place.task,
        skill=place.skill,
        frame=checks.frame(row.get("frame")),
        axis=axis,
        window=checks.window(row.get("window")),
        region=region,
        patient=checks.text(row, "patient"),
        public=public,
        licence=checks.text(row, "licence"),
    )

"""How an item shows each of its pictures: which frame of which file, along which axis, through which window and value range.

The first picture is described by the item's own ``frame``, ``axis``, ``window`` and ``value_range``; ``others`` says what differs
for those after it, so that a question may compare two frames of one volume.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.reading import Series, read_image, read_series
from medqdeg_desktop.engine.reading.archives import file_of
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import Modality

#: What an item says about its pictures.
FIELDS: Final = ("images", "modality", "frame", "axis", "window", "value_range", "others")
_OWN: Final = ("frame", "axis", "window", "value_range")


@dataclass(frozen=True, slots=True)
class View:
    """A picture as an item shows it. ``window`` is (center, width), None: what the file says; ``value_range`` is the (lo, hi) of
    the series that it was chosen from, None: what reading the file alone gives."""

    path: str
    modality: Modality
    frame: int | None = None
    axis: str = ""
    window: tuple[float, float] | None = None
    value_range: tuple[float, float] | None = None


def views(item: Item) -> tuple[View, ...]:
    """The pictures of ``item`` in its order."""
    return views_of({name: getattr(item, name) for name in FIELDS})


def views_of(fields: Mapping[str, Any]) -> tuple[View, ...]:
    """The pictures of an item given by its fields (as a line of a plan holds them)."""
    modality = Modality(fields["modality"])
    first = {name: fields.get(name) for name in _OWN}
    others = [{}, *(fields.get("others") or ())]
    found = []
    for number, path in enumerate(fields["images"]):
        said = first | (others[number] if number < len(others) else {})
        found.append(View(path, modality, said["frame"], said["axis"] or "", _pair(said["window"]), _pair(said["value_range"])))
    return tuple(found)


def others_of(pictures: tuple[View, ...]) -> tuple[dict[str, Any], ...]:
    """``Item.others`` for these pictures: what differs from the first, picture by picture; empty where nothing does."""
    found: list[dict[str, Any]] = []
    for view in pictures[1:]:
        differing = (name for name in _OWN if getattr(view, name) != getattr(pictures[0], name))
        found.append({name: _listed(getattr(view, name)) for name in differing})
    return tuple(found) if any(found) else ()


def read(view: View, *, decode_here: bool = False) -> MedicalImage:
    """The clean picture of ``view`` in native values; UnreadableImageError with the file and the reason.

    decode_here   this process is a worker and expendable: no child stands between it and the file, and the stack that a cut
                  needs is kept for the next item of the same stack.
    """
    if decode_here and view.axis:
        series = _stack(view.path, view.axis, view.modality, file_of(view.path).stat().st_mtime_ns)
        image = series.frame(series.middle if view.frame is None else view.frame)
    else:
        image = read_image(view.path, view.frame, modality=view.modality, axis=view.axis, decode_here=decode_here)
    return image if view.value_range is None or image.is_rgb else replace(image, value_range=view.value_range)


@lru_cache(maxsize=1)
def _stack(path: str, axis: str, modality: Modality, _changed: int) -> Series:
    return read_series(path, modality=modality, axis=axis, decode_here=True)


def _pair(value: Any) -> tuple[float, float] | None:
    return None if value is None else (float(value[0]), float(value[1]))


def _listed(value: Any) -> Any:
    """As JSON gives it back, so that an item equals itself after it was stored."""
    return list(value) if isinstance(value, tuple) else value

"""What lies at a path: a file, a folder with everything below it, or a DICOMDIR; grouped into series, the rest refused by name.

Only headers are read. Files are recognised by their content, never by their name. Links to folders are not followed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading.facts import FileFacts
from medqdeg_desktop.engine.reading.grouping import group
from medqdeg_desktop.engine.reading.guard import Decoder, shared_decoder
from medqdeg_desktop.engine.reading.series import Series
from medqdeg_desktop.taxonomy import Modality

#: (files described, files found so far, series so far): called as they grow by half, and at the end.
Watcher = Callable[[int, int, list[Series]], None]

_BATCH, _FIRST_BATCH = 32, 8


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is not shown, and why in one line."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScanResult:
    series: list[Series]
    refused: list[Refused]


def scan(
    path: str | os.PathLike[str],
    *,
    modality: Modality | None = None,
    axis: str = "",
    watch: Watcher | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    decoder: Decoder | None = None,
) -> ScanResult:
    """Series and refused files at ``path``.

    modality    taken for all of it in place of what the files say.
    axis        "axial", "coronal" or "sagittal" for volumes and stacks; those that cannot be cut so are refused.
    watch       hears how far it is, so that a window can show the first series while the rest is read.
    cancelled   asked before each batch; what was found so far is returned.

    Raises UnreadableImageError where there is nothing at ``path``, or a DICOMDIR names files outside its folder.
    """
    decoder = decoder or shared_decoder()
    paths = _files(Path(path), decoder)
    facts: list[FileFacts] = []
    refused: list[Refused] = []
    told = 0
    done = 0
    while done < len(paths) and not cancelled():
        # Of a large folder a few at first: what is shown first need not wait for the rest. A small one comes at once.
        few = done == 0 and len(paths) > 3 * _BATCH
        batch = paths[done : done + (_FIRST_BATCH if few else _BATCH)]
        for found, name in zip(decoder.describe(batch, axis), batch, strict=True):
            if isinstance(found, UnreadableImageError):
                refused.append(Refused(name, found.reason))
            else:
                facts.append(found)
        done += len(batch)
        # Grouping anew after every batch would cost the square of the number of files.
        if watch is not None and (done == len(paths) or done >= 1.5 * told):
            told = done
            watch(done, len(paths), _series(facts, decoder, modality))
    series = _series(facts, decoder, modality)
    if axis:
        series = _cut(series, axis, refused)
    return ScanResult(series, refused)


def _series(facts: Sequence[FileFacts], decoder: Decoder, modality: Modality | None) -> list[Series]:
    return [Series(g, decoder, modality) for g in group(facts)]


def _cut(series: list[Series], axis: str, refused: list[Refused]) -> list[Series]:
    found: list[Series] = []
    for one in series:
        try:
            found.append(one if one.axis == axis else one.cut(axis))
        except UnreadableImageError as error:
            refused.append(Refused(error.path, error.reason))
    return found


def _files(path: Path, decoder: Decoder) -> list[str]:
    if path.is_file():
        return decoder.directory(str(path)) if path.name.upper() == "DICOMDIR" else [str(path)]
    if not path.is_dir():
        raise UnreadableImageError(str(path), "there is no such file or folder")
    return list(_below(path))


def _below(folder: Path) -> Iterator[str]:
    for where, folders, names in os.walk(folder):
        # "slide.mrxs" has its pixels in the folder "slide": files that are nothing by themselves.
        parts = {Path(name).stem for name in names if name.lower().endswith(".mrxs")}
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in parts)
        for name in sorted(names, key=_natural):
            # Hidden files are the system's; a DICOMDIR only repeats what the files say themselves.
            if not name.startswith(".") and name.upper() != "DICOMDIR":
                yield str(Path(where) / name)


def _natural(name: str) -> tuple[str, int, str]:
    """Sorts "2.dcm" before "10.dcm"."""
    digits = "".join(c for c in Path(name).stem if c.isdigit())
    stem = "".join(c for c in name if not c.isdigit())
    return stem, int(digits[:18] or 0), name

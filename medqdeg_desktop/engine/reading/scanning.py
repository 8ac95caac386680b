"""What lies at a path: file, folder with everything below it, archive or DICOMDIR; grouped into series, the rest refused by name.

Only headers are read. Files are recognised by their content, never by their name. Links to folders are not followed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading.archives import file_of, is_archive_file, natural
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
    paths, refused = _files(Path(path), decoder)
    facts: list[FileFacts] = []
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


def _files(path: Path, decoder: Decoder) -> tuple[list[str], list[Refused]]:
    """What is to be described at ``path``, and what is refused unseen."""
    if path.is_dir():
        return list(_below(path)), []
    file = file_of(path)
    if not file.is_file():
        raise UnreadableImageError(str(path), "there is no such file or folder")
    if path.name.upper() == "DICOMDIR" and file == path:
        return decoder.directory(str(path)), []
    if not is_archive_file(file):
        if file != path:
            raise UnreadableImageError(str(path), f"there is no such file or folder; {file.name} is no archive")
        return [str(path)], []
    names, refused = decoder.members(str(file))
    if file == path:
        return names, [Refused(error.path, error.reason) for error in refused]
    below = [name for name in names if Path(name) == path or path in Path(name).parents]
    if not below:
        reason = next((error.reason for error in refused if Path(error.path) == path), "is not in the archive")
        raise UnreadableImageError(str(path), reason)
    return below, []


def _below(folder: Path) -> Iterator[str]:
    for where, folders, names in os.walk(folder):
        # "slide.mrxs" has its pixels in the folder "slide": files that are nothing by themselves.
        parts = {Path(name).stem for name in names if name.lower().endswith(".mrxs")}
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in parts)
        for name in sorted(names, key=natural):
            # Hidden files are the system's; a DICOMDIR only repeats what the files say themselves.
            if not name.startswith(".") and name.upper() != "DICOMDIR":
                yield str(Path(where) / name)

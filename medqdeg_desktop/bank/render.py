"""Rendering planned items: each source image is read once, and every level of a type comes from one prepared state.

Runs in the workers of a batch. Pixels stay in native values until the last step, where ``to_display`` makes the 8-bit picture
through one frozen window, the same for all levels of the image.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from medqdeg_desktop.bank import region, rows, views
from medqdeg_desktop.bank.dataset import image_name
from medqdeg_desktop.bank.levels import Cells
from medqdeg_desktop.bank.region import RegionError
from medqdeg_desktop.bank.views import View
from medqdeg_desktop.engine import atomic, png
from medqdeg_desktop.engine.degradation import Prepared
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.errors import EngineError, UnreadableImageError
from medqdeg_desktop.engine.image import MedicalImage, Pixels, Window, pixel_sha256
from medqdeg_desktop.engine.seeding import realisation_seed
from medqdeg_desktop.system import sync_folder
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Level, published_type

_COMMON = ("item_id", "source", "source_id", "modality", "capability", "task", "skill", "question", "answer", "licence")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items for one worker: byte ranges (start, length) in the plan at ``plan``, so that the message stays small.

    ``cells`` holds what these items are drawn with, ``levels`` the names of their levels; ``numbers`` are the items' numbers
    in the plan; with ``mark_regions`` regions are drawn on the finished pictures.
    """

    folder: str
    plan: str
    ranges: tuple[tuple[int, int], ...]
    numbers: tuple[int, ...]
    seed: int
    cells: Cells
    levels: tuple[str, ...]
    mark_regions: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """What became of item number ``n``: its lines of metadata, or the reason why it is left out. ``size`` is in bytes."""

    n: int
    item_id: str
    rows: tuple[dict[str, Any], ...] = ()
    reason: str = ""
    size: int = 0


def render_chunk(chunk: Chunk) -> list[Rendered]:
    """Renders and writes the items of ``chunk``; files are on the disk when this returns.

    Raises OSError where the disk refuses; an item that cannot be read or degraded is left out with its reason.
    """
    done = []
    with Path(chunk.plan).open("rb") as file, _Disk(Path(chunk.folder)) as disk:
        for start, length in chunk.ranges:
            file.seek(start)
            done.append(_render_item(json.loads(file.read(length)), chunk, disk))
    return done


def read_source(view: View) -> MedicalImage:
    """The clean picture of ``view``, read in this process. UnreadableImageError also where it is not there, or is damaged."""
    try:
        # A worker is expendable itself: no second child process stands between it and the file.
        image = views.read(view, decode_here=True)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        raise UnreadableImageError(view.path, error.strerror or str(error)) from error
    if damaged := image.provenance.get("damaged"):
        raise UnreadableImageError(view.path, f"its data are damaged, parts of it may be made up ({damaged})")
    return image


class _Disk:
    """Files on their way to the disk: a thread waits for the disk (fsync) while the next picture is computed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folders: set[Path] = set()
        self._thread = ThreadPoolExecutor(1)
        self._pending: list[Future[None]] = []

    def write(self, name: str, data: bytes) -> None:
        path = self._folder / name
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        self._pending.append(self._thread.submit(atomic.write_bytes, path, data))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Waits until everything is on the disk; raises the first OSError of a write."""
        self._thread.shutdown(wait=True, cancel_futures=error is not None)
        if error is None:
            for future in self._pending:
                future.result()
            for folder in self._folders:
                sync_folder(folder)


@dataclass
class _Writer:
    """Writes the pictures of one item under the numbers that the plan gave them, and keeps their lines."""

    first: int
    options: dict[str, str]
    common: dict[str, Any]
    disk: _Disk
    lines: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0

    def put(self, picture: Pixels, label: str, fields: dict[str, Any]) -> None:
        name = image_name(self.first + len(self.lines), label)
        data = png.encode(picture)
        self.disk.write(name, data)
        self.size += len(data)
        facts = {
            "file_name": name,
            "height": int(picture.shape[0]),
            "width": int(picture.shape[1]),
            "pixel_sha256": pixel_sha256(picture),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        self.lines.append(rows.row(self.options, **self.common, **fields, **facts))


def _render_item(line: dict[str, Any], chunk: Chunk, disk: _Disk) -> Rendered:
    item = line["item"]
    try:
        shown = views.views_of(item)
        images = [read_source(view) for view in shown]
        sources = [image.source_sha256 or pixel_sha256(image.pixels) for image in images]
        common = {key: item[key] for key in _COMMON}
        common["pair_id"] = rows.pair_id(item["question"], item["options"], sources)
        common["image_count"] = len(images)
        writer = _Writer(line["first"], item["options"], common, disk)
        for index, image in enumerate(images):
            _render_image(image, index, sources[index], shown[index], line, chunk, writer.put)
        return Rendered(line["n"], item["item_id"], tuple(writer.lines), size=writer.size)
    except UnreadableImageError as error:
        reason = f"{Path(error.path).name}: {error.reason}"
    except (EngineError, RegionError) as error:
        reason = str(error)
    except MemoryError:
        reason = "not enough memory for its image"
    return Rendered(line["n"], item["item_id"], reason=reason)


def _render_image(
    image: MedicalImage,
    index: int,
    source: str,
    view: View,
    line: dict[str, Any],
    chunk: Chunk,
    put: Callable[[Pixels, str, dict[str, Any]], None],
) -> None:
    item = line["item"]
    modality = view.modality
    window = Window(*view.window) if view.window and not image.is_rgb else None
    shown = window or image.window
    place = {
        "image_index": index,
        "frame": image.frame,
        "window": json.dumps([float(shown.center), float(shown.width)]) if shown else "",
        "range": json.dumps([float(image.value_range[0]), float(image.value_range[1])]),
        "source_sha256": source,
    }
    marked = item["region"] if chunk.mark_regions else None

    def shown_as(shot: MedicalImage) -> Pixels:
        """The 8-bit picture, with the item's region on it where it is drawn afterwards."""
        picture = to_display(shot, window)
        return region.drawn(picture, marked, index) if marked else picture

    put(shown_as(image), f"clean_{Level.L0}", {"level": str(Level.L0), **place})
    for name in line["types"]:
        realisation = realisation_seed(chunk.seed, item["item_id"], name)
        prepared = Prepared(name, image, realisation)
        for level in chunk.levels:
            use = chunk.cells[name, str(modality), level]
            parameters = use.parameters(realisation)
            picture = shown_as(image.with_pixels(prepared.render(parameters)))
            fields = {
                "level": level,
                "degradation": name,
                "published_type": published_type(name, modality),
                "category": str(DEGRADATION_BY_NAME[name].category),
                "severity": float(use.cell.severity),
                "parameters": json.dumps(parameters, sort_keys=True),
                "seed": str(realisation),
                "profile": use.profile,
                "profile_status": use.status,
            }
            put(picture, f"{name}_{level}", fields | place)

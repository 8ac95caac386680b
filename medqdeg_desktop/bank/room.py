"""Whether a set fits on the disk: told before it is begun, and again as soon as its own images say how big they are."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.bank.estimate import sample_chunk, spread
from medqdeg_desktop.bank.levels import LevelTable
from medqdeg_desktop.bank.render import render_chunk
from medqdeg_desktop.engine import atomic, batch

#: Room that a run leaves on the disk for everybody else.
SPARE_BYTES = 64 << 20
#: Images after which the size of the rest can be told from them.
ENOUGH_IMAGES = 24
# No source of these benchmarks has larger pictures on average than 1024 x 1024 in colour: with so much room, no look is needed.
_LARGE_IMAGE = 3 << 20
_SAMPLED_ITEMS = 6


def check_before(
    folder: Path, head: dict[str, Any], path: Path, levels: LevelTable, make_executor: Callable[[], Executor]
) -> None:
    """Raises DatasetError where the set of the plan at ``path`` will not fit beside what is on the disk of ``folder``.

    Where room is plenty nothing is done; else a few items, evenly over the plan, are rendered by a worker into a scratch folder
    on the same disk, and their mean size is taken for all.
    """
    if free_bytes(folder) >= head["images"] * _LARGE_IMAGE:
        return
    scratch = folder / f"{atomic.TEMPORARY}sample-{os.getpid()}"
    entries = spread(path, head["items"], _SAMPLED_ITEMS)
    chunk = sample_chunk(scratch, path, entries, levels, head["seed"], head.get("mark_regions", False))
    try:
        (done,) = batch.run_chunks(make_executor, render_chunk, [chunk], ahead=1)
    except OSError as error:
        if not full(error):
            raise
        raise DatasetError(f"{folder}: {full(error)} by {len(entries)} items already; make room and run it again") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    rendered = done.result or []
    images = sum(len(one.rows) for one in rendered)
    if images:
        check(folder, sum(one.size for one in rendered) / images, head["images"], "nothing was begun")


def check(folder: Path, mean_size: float, images: int, state: str) -> None:
    """Raises DatasetError where ``images`` of ``mean_size`` bytes do not fit; ``state`` says what has been done so far."""
    free = free_bytes(folder)
    if mean_size * images > free:
        raise DatasetError(
            f"{folder}: the disk has room for {max(free, 0) / 1e9:.1f} GB and the {images:,} images still to make need about "
            f"{mean_size * images / 1e9:.1f} GB; {state}: make room and run the same command again"
        )


def free_bytes(folder: Path) -> int:
    """Bytes that a run may fill on the disk of ``folder``; below zero where even the spare room is gone."""
    return shutil.disk_usage(folder).free - SPARE_BYTES


def full(error: OSError) -> str:
    """What of the room to write in is used up, in words; "" for any other refusal of the system."""
    return {
        errno.EFBIG: "a limit on the size of files is reached",
        getattr(errno, "EDQUOT", errno.ENOSPC): "the quota is used up",
        errno.ENOSPC: "the disk is full",
    }.get(error.errno or 0, "")

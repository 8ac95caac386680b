"""How long a set will take and how large it will be, from a few of its items rendered now, on this machine.

Items are taken evenly over the plan, so that every modality and size has its part. The first one is rendered twice: what a
process pays once (libraries, transforms' plans) is no part of the rate.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medqdeg_desktop.bank import plan
from medqdeg_desktop.bank.levels import Cells, LevelTable
from medqdeg_desktop.bank.plan import Asked, PlanSummary
from medqdeg_desktop.bank.planning import planned
from medqdeg_desktop.bank.render import Chunk, render_chunk
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.system import stop_deferred
from medqdeg_desktop.taxonomy import Modality

#: (offset, length, line) of a line of the plan.
PlanLine = tuple[int, int, dict[str, Any]]
#: Seconds that a fresh worker process takes before its first image (imports; measured on two cores).
_START_SECONDS = 1.5


def estimate(study: Study, asked: Asked, *, workers: int, items: int = 12, seconds: float = 4.0) -> dict[str, Any]:
    """``{"seconds", "bytes", "images_sampled", "workers"}`` of the whole set; no keys but ``workers`` where none could be read.

    items     at most so many are rendered, in a temporary folder that is removed.
    seconds   after so long no further one is begun.
    """
    summary = PlanSummary()
    lines, levels = planned(study, asked, summary)
    with stop_deferred() as stop, tempfile.TemporaryDirectory(prefix="medqdeg-estimate-") as name:
        folder = Path(name)
        plan.write(folder, lines)
        chosen = spread(folder / plan.PLAN, summary.items, items)
        images, size, spent = 0, 0, 0.0
        for number, entry in enumerate([*chosen[:1], *chosen]):
            began = time.perf_counter()
            done = render_chunk(sample_chunk(folder, folder / plan.PLAN, [entry], levels, asked.seed, asked.mark_regions))
            if number == 0:
                continue
            spent += time.perf_counter() - began
            images += len(done[0].rows)
            size += done[0].size
            if spent > seconds or stop.is_set():
                break
    if not images:
        return {"workers": workers}
    return {
        "seconds": _START_SECONDS + summary.images * spent / images / workers,
        "bytes": round(summary.images * size / images),
        "images_sampled": images,
        "workers": workers,
    }


def spread(path: Path, total: int, count: int) -> list[PlanLine]:
    """At most ``count`` lines of the plan at ``path``, evenly over its ``total``."""
    step = -(-total // count)
    return [entry for entry in plan.located(path) if entry[2]["n"] % step == 0]


def sample_chunk(
    folder: Path, path: Path, entries: Sequence[PlanLine], levels: LevelTable, seed: int, mark_regions: bool
) -> Chunk:
    """A chunk of the lines ``entries`` of the plan at ``path`` that is written to ``folder``."""
    cells: Cells = {}
    for _, _, line in entries:
        cells |= levels.cells(line["types"], Modality(line["item"]["modality"]))
    ranges = tuple((offset, length) for offset, length, _ in entries)
    numbers = tuple(line["n"] for _, _, line in entries)
    return Chunk(str(folder), str(path), ranges, numbers, seed, cells, levels.names, mark_regions)

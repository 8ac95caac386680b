"""Generating a set: plan -> chunks -> workers -> journal -> ``metadata.jsonl`` and manifest.

A run may be killed at any moment and started again: it takes up what is journalled and ends with the same bytes as a run
that was never disturbed, for any number of workers or shards. Another plan in the same folder is refused. Memory holds a
few chunks per worker and two numbers per item, whatever the size of the set.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from medqdeg_desktop.bank import assembly, plan, room
from medqdeg_desktop.bank.dataset import JOURNAL, MANIFEST, METADATA, Dataset, write_json
from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.bank.journal import Finished, Journal
from medqdeg_desktop.bank.levels import Cells, LevelTable
from medqdeg_desktop.bank.plan import Asked, PlanSummary
from medqdeg_desktop.bank.planning import planned
from medqdeg_desktop.bank.release import check_release
from medqdeg_desktop.bank.render import Chunk, Rendered, render_chunk
from medqdeg_desktop.engine import atomic, batch
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.system import sync_folder
from medqdeg_desktop.taxonomy import Modality

_IMAGES_A_CHUNK = 24


@dataclass
class Generated:
    """What a run came to. ``complete`` is False for a shard while others are at work; ``left_out`` is (item, reason)."""

    folder: Path
    items: int
    images: int
    rendered: int = 0
    complete: bool = True
    left_out: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0


def generate(
    study: Study,
    folder: Path,
    asked: Asked,
    *,
    workers: int | None = None,
    shard: tuple[int, int] = (1, 1),
    make_executor: Callable[[], Executor] | None = None,
    progress: Progress | None = None,
) -> Generated:
    """Generates the set that ``study`` and ``asked`` describe into ``folder``, or completes it.

    workers         processes; None takes one per core. Where ``make_executor`` is given (a cluster) it takes their place, and
                    ``workers`` is how many it has.
    shard           (I, N): only every N-th item from the I-th on. The shard that finds all done puts the set together.
    Raises DatasetError for another plan in ``folder``, for a study without items, and where the disk refuses or is full.
    """
    started = time.monotonic()
    progress = progress or Progress("generate")
    workers = workers or batch.core_count()
    make_executor = make_executor or partial(batch.process_pool, workers)
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if asked.release and not (folder / JOURNAL).exists():
            check_release(study, asked.seed, asked.rule, asked.limit, make_executor, workers, progress)
        adopted = _adopt_plan(study, folder, asked, shard, progress)
        if adopted is None:
            manifest = Dataset.open(folder).manifest
            result = Generated(folder, manifest["items"], manifest["images"])
        else:
            head, levels = adopted
            journal = Journal(folder, folder / JOURNAL, head["items"], shard)
            journal.open()
            try:
                result = _run(folder, head, levels, journal, shard, workers, make_executor, progress)
                result.seconds = time.monotonic() - started
                _conclude(folder, head, journal, result, workers, shard)
            finally:
                journal.close()
    except OSError as error:
        raise _in_plain_words(folder, error) from error
    progress.finish(
        items=result.items,
        images=result.images,
        rendered=result.rendered,
        left_out=len(result.left_out),
        complete=result.complete,
        seconds=result.seconds,
    )
    return result


def _adopt_plan(
    study: Study, folder: Path, asked: Asked, shard: tuple[int, int], progress: Progress
) -> tuple[dict[str, Any], LevelTable] | None:
    """The plan's header, its lines being in the journal; None where the folder holds the finished set already."""
    journal = folder / JOURNAL
    metadata_there = (folder / METADATA).is_file() and (folder / MANIFEST).is_file()
    if not journal.exists() and not metadata_there and any(not p.name.startswith(atomic.TEMPORARY) for p in folder.iterdir()):
        raise DatasetError(f"{folder}: holds other files; choose an empty or a new folder")
    scratch = folder / f"{atomic.TEMPORARY}plan-{os.getpid()}"
    scratch.mkdir()
    try:
        summary = PlanSummary()
        lines, levels = planned(study, asked, summary)
        plan.write(scratch, lines)
        if summary.items == 0:
            raise DatasetError(f"{study.path}: no items to generate from; `medqdeg bank import` brings them in")
        head = plan.header(asked, levels, summary)
        write_json(scratch / plan.HEADER, head)
        for note in summary.notes:
            progress.note("generate", note)
        if not journal.exists():
            if metadata_there:
                dataset = Dataset.open(folder)
                plan.check_same(folder, dataset.manifest, head)
                if not dataset.manifest.get("left_out") and not _incomplete(dataset):
                    return None
                Journal(folder, scratch, head["items"]).restore(dataset)
            # The journal appears whole or not at all; a shard that started at the same time may have been first.
            sync_folder(scratch)
            try:
                scratch.rename(journal)
            except OSError:
                if not journal.exists():
                    raise
            sync_folder(folder)
        plan.check_same(folder, json.loads((journal / plan.HEADER).read_bytes()), head)
        return head, levels
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _incomplete(dataset: Dataset) -> bool:
    return any(not dataset.image_path(row).is_file() for row in dataset.rows())


def _run(
    folder: Path,
    head: dict[str, Any],
    levels: LevelTable,
    journal: Journal,
    shard: tuple[int, int],
    workers: int,
    make_executor: Callable[[], Executor],
    progress: Progress,
) -> Generated:
    """Renders what is not finished of this shard, journalling chunk by chunk."""
    finished = journal.finished()
    result = Generated(folder, head["items"], finished.images)
    total = head["images"]
    progress.update(finished.images, total)
    size, written = 0, 0
    if not finished.count:
        room.check_before(folder, head, folder / JOURNAL / plan.PLAN, levels, make_executor)
    again: list[Chunk] = []

    def accept(chunk: Chunk, rendered: list[Rendered] | None) -> None:
        nonlocal size, written
        if rendered is None and len(chunk.numbers) > 1:
            # Some item of the chunk ends its worker; alone, only that one will.
            again.extend(_singles(chunk))
            return
        done = rendered or [Rendered(chunk.numbers[0], _item_id(chunk), reason="its image ends the process that reads it")]
        journal.append(done)
        for one in done:
            if one.reason:
                result.left_out.append((one.item_id, one.reason))
                progress.problem(one.item_id, one.reason)
            size += one.size
            written += len(one.rows)
        result.rendered += sum(len(one.rows) for one in done)
        result.images = finished.images + result.rendered
        last = next((one.rows[-1]["file_name"] for one in reversed(done) if one.rows), "")
        progress.update(result.images, total, last=last)
        if written >= room.ENOUGH_IMAGES:
            room.check(folder, size / written, total - result.images, "what is finished is kept")

    chunks = _chunks(folder, head, levels, finished, shard)
    for done in batch.run_chunks(make_executor, render_chunk, chunks, ahead=3 * workers):
        accept(done.task, done.result)
    for done in batch.run_chunks(make_executor, render_chunk, list(again), ahead=1):
        accept(done.task, done.result)
    return result


def _chunks(
    folder: Path, head: dict[str, Any], levels: LevelTable, finished: Finished, shard: tuple[int, int]
) -> Iterator[Chunk]:
    """The unfinished items of this shard in the plan's order, about two dozen images a chunk."""
    path = folder / JOURNAL / plan.PLAN
    ranges: list[tuple[int, int]] = []
    numbers: list[int] = []
    cells: Cells = {}
    images = 0

    def chunk() -> Chunk:
        marks = head.get("mark_regions", False)
        return Chunk(str(folder), str(path), tuple(ranges), tuple(numbers), head["seed"], dict(cells), levels.names, marks)

    for offset, length, line in plan.located(path):
        if line["n"] % shard[1] != shard[0] - 1 or line["n"] in finished:
            continue
        ranges.append((offset, length))
        numbers.append(line["n"])
        cells |= levels.cells(line["types"], Modality(line["item"]["modality"]))
        images += len(line["item"]["images"]) * (1 + len(levels.names) * len(line["types"]))
        if images >= _IMAGES_A_CHUNK:
            yield chunk()
            ranges, numbers, cells, images = [], [], {}, 0
    if ranges:
        yield chunk()


def _singles(chunk: Chunk) -> Iterator[Chunk]:
    for place, number in zip(chunk.ranges, chunk.numbers, strict=True):
        yield replace(chunk, ranges=(place,), numbers=(number,))


def _item_id(chunk: Chunk) -> str:
    with Path(chunk.plan).open("rb") as file:
        file.seek(chunk.ranges[0][0])
        return str(json.loads(file.readline())["item"]["item_id"])


def _conclude(
    folder: Path, head: dict[str, Any], journal: Journal, result: Generated, workers: int, shard: tuple[int, int]
) -> None:
    """Puts the set together when every item of every shard is finished or left out."""
    finished = journal.finished()
    result.images = finished.images
    left_out = journal.left_out(finished)
    if finished.count + len(left_out) < head["items"]:
        result.complete = False
        return
    if finished.count == 0:
        first = f"{left_out[0][0]}: {left_out[0][1]}"
        raise DatasetError(f"{folder}: not one item could be rendered; the first: {first}")
    try:
        assembly.put_together(folder, head, finished, left_out, seconds=result.seconds, workers=workers, rendered=result.rendered)
        journal.close()
        # Out of the way in one step: a journal that is half removed must never be taken for one.
        sync_folder(folder)
        (folder / JOURNAL).rename(folder / f"{atomic.TEMPORARY}journal-{os.getpid()}")
        sync_folder(folder)
    except FileNotFoundError:
        # Two shards that end together put the same set together; the other one was faster.
        if (folder / JOURNAL).exists() or not (folder / MANIFEST).exists():
            raise
    assembly.clear_scratch(folder, alone=shard[1] == 1)


def _in_plain_words(folder: Path, error: OSError) -> DatasetError:
    why = room.full(error)
    if why:
        return DatasetError(f"{folder}: {why}; what is finished is kept: make room and run the same command again")
    return DatasetError(f"{error.filename or folder}: {error.strerror or error}")

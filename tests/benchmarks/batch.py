"""Generation measured: images a second on one and two processes, beside the floor of decoding, encoding and writing alone.

    python -m tests.benchmarks.batch [--items 600] [--side 512] [--workers 1 2]

The items are synthetic: half grey (CT, MRI, X-ray in turn), half colour (Dermoscopy, Histopathology, Endoscopy), drawn by the
rule ``uniform`` with the default levels. ``bare`` does in one process what a worker does, without plan, journal or processes; the
overhead of a generation is its time on one process beyond that. Times exclude the start of the processes, printed apart.

Work goes to the processes in chunks of two dozen pictures, so that at the end of a run one of two waits for half a chunk on
average, and what a process makes once (transfer functions, tables) is paid at the beginning: a run of a hundred pictures shows
these, not the rate. Take several hundred items.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from medqdeg_desktop.bank import plan
from medqdeg_desktop.bank.dataset import JOURNAL, Dataset
from medqdeg_desktop.bank.generate import _chunks, generate
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.journal import Finished
from medqdeg_desktop.bank.plan import Asked, PlanSummary
from medqdeg_desktop.bank.planning import planned
from medqdeg_desktop.bank.render import render_chunk
from medqdeg_desktop.engine import batch, png
from medqdeg_desktop.engine.image import pixel_sha256
from medqdeg_desktop.study.store import Study
from tests.benchmarks.headline import headline

_MODALITIES = ("CT", "Dermoscopy", "MRI", "Histopathology", "X-ray", "Endoscopy")
_PICTURES = 12


def synthetic_bank(folder: Path, items: int, side: int) -> Study:
    """A study of ``items`` questions on a dozen smooth, slightly noisy pictures, half of them in colour."""
    rng = np.random.default_rng(0)
    for k in range(_PICTURES):
        shape = (side, side, 3) if k % 2 else (side, side)
        smooth = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), side / 20)
        values = (smooth - smooth.min()) / np.ptp(smooth) * 220 + rng.normal(0, 3, shape)
        png.write(folder / f"{k}.png", np.clip(values, 0, 255).round().astype(np.uint8))
    lines = (
        {
            "id": f"q{n:06d}",
            "image": f"{n % _PICTURES}.png",
            "modality": _MODALITIES[n % len(_MODALITIES)],
            "question": "What is shown?",
            "options": {"A": "a cyst", "B": "a mass"},
            "answer": "A",
        }
        for n in range(items)
    )
    (folder / "items.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    study = Study.create(folder / "bench.medq")
    report = import_items(study, folder / "items.jsonl")
    assert report.added == items, report.rejected[:1]
    return study


def bare_seconds(study: Study, folder: Path) -> tuple[float, int]:
    """(seconds, images) of rendering and writing every item in this process, one thread, without plan and journal."""
    journal = folder / JOURNAL
    journal.mkdir(parents=True)
    summary = PlanSummary()
    lines, levels = planned(study, Asked(), summary)
    plan.write(journal, lines)
    chunks = list(_chunks(folder, {"seed": 0}, levels, Finished(summary.items), (1, 1)))
    render_chunk(chunks[0])
    started = time.perf_counter()
    for chunk in chunks:
        render_chunk(chunk)
    return time.perf_counter() - started, summary.images


def floor_seconds(dataset: Dataset, study: Study, folder: Path, pool: Executor, workers: int) -> float:
    """Seconds of decoding each item's source once and encoding, hashing and writing each picture, without any kernel.

    The pictures are dealt to ``workers`` processes at once; the slowest of them counts.
    """
    folder.mkdir()
    sources = {item.item_id: item.images[0] for item in study.items()}
    pictures = [(sources[str(row["item_id"])], str(dataset.image_path(row))) for row in _sample(dataset)]
    share = -(-len(pictures) // workers)
    shares = [pictures[k * share : (k + 1) * share] for k in range(workers)]
    taken = list(pool.map(_floor_part, shares, [str(folder / str(k)) for k in range(workers)]))
    return max(taken) / len(pictures) * dataset.row_count


def _floor_part(pictures: list[tuple[str, str]], folder: str) -> float:
    Path(folder).mkdir()
    decoded = [(source, png.decode(Path(path).read_bytes())) for source, path in pictures]
    started = time.perf_counter()
    last = ""
    for n, (source, pixels) in enumerate(decoded):
        if source != last:
            cv2.imread(source, cv2.IMREAD_UNCHANGED)
            last = source
        png.write(Path(folder) / f"{n}.png", pixels)
        pixel_sha256(pixels)
    return time.perf_counter() - started


def _sample(dataset: Dataset) -> Iterator[dict[str, object]]:
    """The first 300 rows: enough for a rate, few enough to be held decoded."""
    for n, row in enumerate(dataset.rows()):
        if n < 300:
            yield row


def warm_pool(workers: int) -> tuple[Executor, float]:
    """A pool whose processes have imported the engine, and the seconds that took."""
    started = time.perf_counter()
    pool = batch.process_pool(workers)
    list(pool.map(_warm, range(4 * workers)))
    return pool, time.perf_counter() - started


def _warm(_: int) -> None:
    from medqdeg_desktop.engine.degradation import registry

    registry()
    time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=600)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    batch.one_thread()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = synthetic_bank(folder, options.items, options.side)
        bare, images = bare_seconds(study, folder / "bare")
        print(f"{options.items:,} items, {images:,} images of {options.side} x {options.side}, half of the items in colour")
        seconds: dict[int, float] = {}
        floors: dict[int, float] = {}
        for workers in options.workers:
            pool, start = warm_pool(workers)
            started = time.perf_counter()
            generate(study, folder / f"set{workers}", Asked(), workers=workers, make_executor=partial(_same, pool))
            seconds[workers] = time.perf_counter() - started
            dataset = Dataset.open(folder / f"set{workers}")
            again, _ = warm_pool(workers)
            floors[workers] = floor_seconds(dataset, study, folder / f"floor{workers}", again, workers)
            again.shutdown()
            print(f"start of {workers} processes, with the engine loaded: {start:.2f} s")
        started = time.perf_counter()
        generate(study, dataset.folder, Asked(), workers=1)
        finished = time.perf_counter() - started
        for workers, value in floors.items():
            _say(f"floor: decode, encode, write, {workers}", value, images)
        _say("bare: the same with kernels, 1", bare, images)
        for workers, value in seconds.items():
            _say(f"generate, {workers} process{'es' if workers > 1 else ''}", value, images)
        print(f"run again on the finished set: {finished:.2f} s")
        _headlines(options.side, images, bare, seconds, floors)


def _headlines(side: int, images: int, bare: float, seconds: dict[int, float], floors: dict[int, float]) -> None:
    """What the page leads with."""
    for workers, value in seconds.items():
        headline(f"{side}: images a second on {workers} processes", images / value, "")
    if 2 in seconds:
        headline(f"{side}: 24,894 images on 2 processes", 24_894 * seconds[2] / images / 60, "min", "< 4" if side == 512 else "")
    if 1 in seconds:
        overhead = 100 * (seconds[1] / bare - 1)
        print(f"overhead on one process beyond bare: {overhead:.1f} %")
        headline(f"{side}: overhead of one process beyond floor and kernels", overhead, "%", "< 10")
    if {1, 2} <= seconds.keys():
        gain, floor = seconds[1] / seconds[2], floors[1] / floors[2]
        print(f"gain of a second process: {gain:.2f}, of the floor alone {floor:.2f}")
        headline(f"{side}: gain of a second process beside the floor's own gain", gain / floor, "", ">= 0.9")


def _same(pool: Executor) -> Executor:
    return pool


def _say(label: str, seconds: float, images: int) -> None:
    full = 24_894 * seconds / images / 60
    rate = f"{images / seconds:7.1f} images/s  {1000 * seconds / images:6.2f} ms each"
    print(f"{label:32} {seconds:7.2f} s  {rate}  24,894: {full:5.1f} min")


if __name__ == "__main__":
    main()

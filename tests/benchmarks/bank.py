"""The item bank measured: an import of OmniMedVQA's size, the parent's memory, the cost of going on, near duplicates.

    python -m tests.benchmarks.bank [--rows 128000] [--items 1000 100000] [--published 4306]

The parent of a generation plans, deals chunks, journals and puts the set together; here its workers answer at once without
rendering, so that what is measured is the parent alone. Its memory is the most that a process of its own holds (resident set),
above what it held with everything imported. Going on is timed from the start of the command's work to its first chunk, with nine
tenths of the published number of items journalled.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from medqdeg_desktop.bank import generate as generation
from medqdeg_desktop.bank import rows
from medqdeg_desktop.bank.deduplication import NEAR_BITS
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.near_hashes import close_groups
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.planning import preview
from medqdeg_desktop.bank.render import Chunk, Rendered
from medqdeg_desktop.engine import png
from medqdeg_desktop.study.store import Study
from tests.benchmarks.headline import headline

_FILES = 73
_PICTURES = 1200
_ONE_FILE = "images/0000/0000000_clean_L0.png"


def omnimedvqa(folder: Path, rows: int) -> Path:
    """A folder in the layout of OmniMedVQA with ``rows`` questions in 73 files on 1,200 small pictures."""
    root = folder / "OmniMedVQA"
    pictures, questions = root / "Images" / "A", root / "QA_information" / "Open-access"
    pictures.mkdir(parents=True)
    questions.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for n in range(_PICTURES):
        png.write(pictures / f"{n}.png", rng.integers(0, 256, (16, 16), np.uint8))
    for file in range(_FILES):
        entries = [
            {
                "dataset": f"D{file}",
                "question_id": f"D{file}_{n:06d}",
                "question_type": "Disease Diagnosis",
                "question": f"What disease is shown in picture {n}?",
                "gt_answer": "Glaucoma",
                "image_path": f"Images/A/{n % _PICTURES}.png",
                "option_A": "None",
                "option_B": "Glaucoma",
                "option_C": "Cataract",
                "option_D": "NA",
                "modality_type": "Fundus Photography",
            }
            for n in range(file, rows, _FILES)
        ]
        (questions / f"D{file}.json").write_text(json.dumps(entries))
    return root


def import_seconds(folder: Path, rows: int) -> tuple[float, float]:
    """(wall, CPU) seconds of importing ``rows`` rows into a fresh study."""
    root = omnimedvqa(folder, rows)
    with Study.create(folder / "import.medq") as study:
        wall, cpu = time.perf_counter(), time.process_time()
        report = import_items(study, root)
        assert report.added == rows, report.rejected[:1]
        return time.perf_counter() - wall, time.process_time() - cpu


def many_items(path: Path, count: int) -> None:
    """A study of ``count`` items on one picture."""
    png.write(path.with_suffix(".png"), np.zeros((16, 16), np.uint8))
    line: dict[str, Any] = {"id": "q", "image": path.with_suffix(".png").name, "modality": "CT", "question": "What is shown?"}
    line |= {"options": {"A": "a cyst", "B": "a mass"}, "answer": "A"}
    path.with_suffix(".jsonl").write_text(json.dumps(line) + "\n")
    with Study.create(path) as study:
        import_items(study, path.with_suffix(".jsonl"))
        item = study.item("q")
        assert item is not None
        study.add_items(replace(item, item_id=f"q{n:07d}", source_id=str(n)) for n in range(count - 1))


class Told(Executor):
    """Workers that answer at once with the lines of what they were given, without rendering; ``on_submit`` may end the run."""

    def __init__(self, on_submit: Callable[[], None] = lambda: None) -> None:
        self._on_submit = on_submit

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._on_submit()
        future: Future[Any] = Future()
        future.set_result(told(args[0]))
        return future


def told(chunk: Chunk) -> list[Rendered]:
    """The answer of a worker to ``chunk``; every line names the one file that is there."""
    only = Path(chunk.folder) / _ONE_FILE
    if not only.exists():
        only.parent.mkdir(parents=True, exist_ok=True)
        only.write_bytes(b"x")
    done = []
    with Path(chunk.plan).open("rb") as file:
        for number, (start, length) in zip(chunk.numbers, chunk.ranges, strict=True):
            file.seek(start)
            line = json.loads(file.read(length))
            item = line["item"]
            known = {"file_name": _ONE_FILE, "item_id": item["item_id"], "question": item["question"], "answer": "A"}
            known |= {"sha256": "0" * 64, "pixel_sha256": "0" * 64, "source_sha256": "0" * 64, "seed": str(2**127)}
            variants = [("", "L0"), *((name, level) for name in line["types"] for level in chunk.levels)]
            lines = [rows.row(item["options"], level=level, degradation=name, **known) for name, level in variants]
            done.append(Rendered(number, item["item_id"], tuple(lines), size=100_000 * len(lines)))
    return done


def parent_memory(path: str, folder: str, results: Any) -> None:
    """In a process of its own: (MB held at most by a whole generation above what was held before it, seconds, images)."""
    # Fewer, larger chunks: the disk's flushes are not what is measured.
    generation._IMAGES_A_CHUNK = 1000
    generation.room.check_before = _nothing
    generation.room.check = _nothing
    asked = Asked(types=("gaussian_noise",))
    with Study.open(path) as study:
        preview(study, replace(asked, limit=1))
        _reset_peak()
        before, started = _peak(), time.perf_counter()
        done = generate(study, Path(folder), asked, workers=2, make_executor=Told)
        assert done.complete, done
        results.put((_peak() - before, time.perf_counter() - started, done.images))


def resume_seconds(study: Study, folder: Path) -> float:
    """Seconds from the start of a run to its first chunk, with nine tenths of the set journalled."""
    chunks = 0
    total = preview(study, Asked())["images"] // generation._IMAGES_A_CHUNK

    class StoppedError(Exception):
        pass

    def count_down() -> None:
        nonlocal chunks
        chunks += 1
        if chunks > 0.9 * total:
            raise StoppedError

    def stop() -> None:
        raise StoppedError

    for last in (count_down, stop):
        started = time.perf_counter()
        try:
            generate(study, folder, Asked(), workers=2, make_executor=lambda last=last: Told(last))  # type: ignore[misc]
        except StoppedError:
            seconds = time.perf_counter() - started
    return seconds


def near_seconds(count: int) -> float:
    """Seconds of finding near duplicates among ``count`` hashes with a common margin, one in ten with a near copy."""
    hashes = np.random.default_rng(0).integers(0, 2**64, (count, 1), np.uint64)
    hashes &= np.uint64(0x3C7E7E7E7E7E7E3C)
    hashes[-count // 10 :] = hashes[: count // 10] ^ np.uint64(1 << 9)
    started = time.perf_counter()
    assert len(close_groups(hashes, NEAR_BITS)) > 0
    return time.perf_counter() - started


def _nothing(*_: object) -> None:
    return None


def _peak() -> float:
    """MB that this process has held at most since the peak was reset; what it inherited of its parent's is no part of it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    arguments = argparse.ArgumentParser(description="The item bank measured.")
    arguments.add_argument("--rows", type=int, default=128_000)
    arguments.add_argument("--items", type=int, nargs="+", default=[1000, 100_000])
    arguments.add_argument("--published", type=int, default=4306)
    options = arguments.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="medqdeg-bench-") as name:
        folder = Path(name)
        wall, cpu = import_seconds(folder, options.rows)
        print(f"import of {options.rows:,} rows in OmniMedVQA's layout: {wall:.1f} s ({cpu:.1f} s of CPU)")
        headline(f"import of {options.rows:,} OmniMedVQA-shaped rows", wall, "s", "under 30 s for 128,000")
        held = {}
        for count in options.items:
            path = folder / f"{count}.medq"
            many_items(path, count)
            results = context.SimpleQueue()
            child = context.Process(target=parent_memory, args=(str(path), str(folder / f"set-{count}"), results))
            child.start()
            child.join()
            assert child.exitcode == 0
            held[count], seconds, images = results.get()
            print(f"parent of {count:,} items, {images:,} images: {held[count]:.1f} MB above the start, {seconds:.1f} s")
        few, many = min(held), max(held)
        said = f"more memory of a generation's parent at {many:,} items than at {few:,}"
        headline(said, held[many] - held[few], "MB", "flat")
        many_items(folder / "published.medq", options.published)
        with Study.open(folder / "published.medq") as study:
            seconds = resume_seconds(study, folder / "resumed")
        print(f"going on with {options.published:,} items: {seconds:.2f} s to the first chunk")
        headline("going on after a kill, to the first chunk", seconds, "s", "under 2 % of 240 s of generation")
        seconds = near_seconds(100_000)
        print(f"near duplicates among 100,000 hashes: {seconds:.1f} s")
        headline("near duplicates among 100,000 pictures, hashes given", seconds, "s")


if __name__ == "__main__":
    main()

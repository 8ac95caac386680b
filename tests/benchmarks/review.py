"""Review and Explore in the real window: key press to the next item painted, and gaps of the event loop over ten thousand items.

    python -m tests.benchmarks.review [--items 10000] [--decisions 60] [--side 512] [--pictures 30000]

A decision is timed from the press of A to the last repaint of the next item's grid, its decision being on disk by then; the next
items are rendered before, as they are for a reader who looks for a few seconds. A gap is the time in which the event loop did not
come round, told with what was done meanwhile; with ``--stacks`` also with where the window's thread was.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import platformdirs
from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from medqdeg_desktop.bank import rows
from medqdeg_desktop.bank.dataset import image_name, write_json
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.engine import png
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui.application import _warm_up, share_processors
from medqdeg_desktop.ui.explore.workspace import ExploreWorkspace
from medqdeg_desktop.ui.garbage import WindowThreadCollector
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.review.workspace import ReviewWorkspace
from tests.benchmarks.headline import headline

_BEAT_MS = 2
_LATE_S = 0.04
_PICTURES = 24
_MODALITIES = ("CT", "MRI", "X-ray", "Endoscopy")
_SKILLS = ("Disease Diagnosis", "Counting", "Respiratory System", "Bone Recognition", "Severity Grading")


@dataclass
class Watch:
    """A heartbeat of the window's thread and the gaps in it, by what was done meanwhile; milliseconds."""

    stacks: bool = False
    gaps: dict[str, list[float]] = field(default_factory=dict)
    doing: str = ""
    _last: float = 0.0

    def start(self) -> None:
        self._timer = QTimer(interval=_BEAT_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._last = time.perf_counter()
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        gap = (now - self._last) * 1000
        self._last = now
        if self.doing:
            self.gaps.setdefault(self.doing, []).append(gap)
            if self.stacks:
                if gap > _LATE_S * 1000:
                    print(f"  gap of {gap:.0f} ms while {self.doing}", file=sys.stderr, flush=True)
                # Written by the interpreter itself, without a reference to what the window's thread holds.
                faulthandler.dump_traceback_later(_LATE_S)

    @contextmanager
    def over(self, doing: str) -> Iterator[None]:
        """Gaps inside are counted for ``doing``, which lasts until what it set off has been painted."""
        self._last = time.perf_counter()
        self.doing = doing
        yield
        spin(lambda: False, 0.15)
        self.doing = ""
        faulthandler.cancel_dump_traceback_later()

    def tell(self) -> None:
        for doing, gaps in self.gaps.items():
            print(f"{doing:42} longest gap {max(gaps):6.1f} ms, {sum(g > 50 for g in gaps):3} above 50 ms")


def spin(until: Callable[[], bool], seconds: float) -> bool:
    """Lets the event loop run until ``until`` holds or ``seconds`` are over."""
    end = time.perf_counter() + seconds
    loop = QEventLoop()
    timer = QTimer(interval=1)
    timer.timeout.connect(lambda: loop.quit() if until() or time.perf_counter() > end else None)
    timer.start()
    loop.exec()
    return until()


def phantom(rng: np.random.Generator, side: int) -> np.ndarray:
    grid = np.mgrid[0:side, 0:side]
    inside = np.hypot(grid[0] - side / 2, grid[1] - side / 2) < side * rng.uniform(0.25, 0.45)
    return (40 + 90 * inside + rng.normal(0, 8, (side, side))).clip(0, 255).round().astype(np.uint8)


def bank(folder: Path, items: int, side: int) -> Path:
    """A study with ``items`` questions on two dozen pictures."""
    rng = np.random.default_rng(0)
    lines = []
    for n in range(_PICTURES):
        png.write(folder / f"{n}.png", phantom(rng, side))
        question = f"Which of the following options best matches the marked organ in picture {n}?"
        options = {"A": "upper lobe", "B": "lung", "C": "spinal cord", "D": "myocardium"}
        line = {"id": f"q{n}", "image": f"{n}.png", "modality": _MODALITIES[n % 4], "question": question, "options": options}
        lines.append({**line, "answer": "B", "skill": _SKILLS[n % 5]})
    (folder / "items.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    path = folder / "ward.medq"
    with Study.create(path, name="Ward") as study:
        import_items(study, folder / "items.jsonl")
        first = list(study.items())
        study.add_items(replace(first[n % _PICTURES], item_id=f"item_{n:06d}", source_id=str(n)) for n in range(items))
    return path


def dataset(folder: Path, pictures: int, side: int) -> Path:
    """A finished set of ``pictures`` lines whose files are hard links to a few pictures."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    for n in range(_PICTURES):
        png.write(folder.with_name(f"link-{n}.png"), phantom(rng, side))
    types = ("gaussian_noise", "motion_blur", "low_resolution")
    variants = [("", "L0"), *((name, level) for name in types for level in ("L1", "L2"))]
    with (folder / "metadata.jsonl").open("w") as out:
        for n in range(pictures):
            item, (name, level) = n // len(variants), variants[n % len(variants)]
            file_name = image_name(n, f"{name or 'clean'}_{level}")
            (folder / file_name).parent.mkdir(parents=True, exist_ok=True)
            os.link(folder.with_name(f"link-{item % _PICTURES}.png"), folder / file_name)
            known = {"file_name": file_name, "item_id": f"item_{item:06d}", "level": level, "degradation": name, "answer": "A"}
            known |= {
                "modality": _MODALITIES[item % 4],
                "skill": _SKILLS[item % 5],
                "source": "ward",
                "width": side,
                "height": side,
            }
            known |= {"category": "Noise" if name == types[0] else "Motion" if name else "", "question": "What is shown?"}
            out.write(rows.to_json(rows.row({"A": "a cyst", "B": "a mass"}, **known)) + "\n")
    write_json(folder / "manifest.json", {"kind": "simulated", "images": pictures})
    return folder


def press(window: MainWindow, key: Qt.Key | str) -> None:
    QTest.keyClick(QApplication.focusWidget() or window, key)


def decide(window: MainWindow, workspace: ReviewWorkspace, count: int, watch: Watch) -> list[float]:
    """Milliseconds from the press of A to the last repaint of the next item's grid, ``count`` times."""
    painted, on_disk, cpu = [0.0], [0.0], [0.0]
    window.session.kept.connect(lambda at: on_disk.__setitem__(0, time.perf_counter()))
    for cell in (*workspace.grid.cells.values(), workspace.grid.large):
        for pane in cell.panes:
            pane.painted.connect(lambda: (painted.__setitem__(0, time.perf_counter()), cpu.__setitem__(0, time.thread_time())))
    found, disk, spent = [], [], []
    for _ in range(count):
        entry = workspace.judgement.entry if workspace.judgement else None
        render = workspace._render
        assert entry is not None and render is not None
        wanted = [entry, *workspace.side.model.following(entry.item_id, 3)]
        ready = spin(lambda wanted=wanted, render=render: all((h := render.get(e.item_id)) and h.complete for e in wanted), 30)  # type: ignore[misc]
        assert ready, "the next items were not rendered"
        spin(lambda: False, 0.1)
        with watch.over("accepting an item (A)"):
            started, busy = time.perf_counter(), time.thread_time()
            press(window, Qt.Key.Key_A)
            spin(lambda entry=entry: workspace.judgement is not None and workspace.judgement.entry != entry, 10)  # type: ignore[misc]
            spin(lambda: False, 0.02)
            found.append((painted[0] - started) * 1000)
            disk.append((on_disk[0] - started) * 1000)
            spent.append((cpu[0] - busy) * 1000)
    print(f"of these, until the window knows that the decision is on disk: median {statistics.median(disk):.1f} ms")
    print(f"of these, processor time of the window's thread: median {statistics.median(spent):.1f} ms")
    return found


def measure_review(window: MainWindow, decisions: int, watch: Watch) -> None:
    started = time.perf_counter()
    with watch.over("opening Review"):
        window.go_to("review")
        workspace = window.workspace("review")
        assert isinstance(workspace, ReviewWorkspace)
        spin(lambda: workspace.judgement is not None, 60)
    print(f"Review of {len(workspace.side.model.entries):,} items is there after {time.perf_counter() - started:.2f} s")
    times = decide(window, workspace, decisions, watch)
    said = f"median {statistics.median(times):.1f}, 95 % {np.percentile(times, 95):.1f}, most {max(times):.1f} ms"
    print(f"key press to the next item painted, {len(times)} decisions: {said}")
    headline("review: key press to the next item painted, median", statistics.median(times), "ms", "under 50 ms")
    headline("review: key press to the next item painted, 95 %", float(np.percentile(times, 95)), "ms")
    side = workspace.side
    for shown in ("all", "mine", "open", "all"):
        with watch.over("Review: another list"):
            side.show_only(shown)
            spin(lambda: False, 0.1)
    for text in ("item_00", "item_001", "noise", ""):
        with watch.over("Review: typing in the search field"):
            side.search.setText(text)
            spin(lambda: False, 0.05)
    with watch.over("Review: scrolling the queue"):
        scroll(side.list.verticalScrollBar())
    with watch.over("Review: walking down the queue"):
        for _ in range(30):
            workspace.step_item(1)
            spin(lambda: False, 0.03)


def measure_explore(window: MainWindow, folder: Path, watch: Watch) -> None:
    with watch.over("opening Explore"):
        window.go_to("explore")
        workspace = window.workspace("explore")
        assert isinstance(workspace, ExploreWorkspace)
        spin(lambda: False, 0.2)
    started = time.perf_counter()
    with watch.over("Explore: opening a dataset"):
        workspace.open_dataset(folder)
        spin(lambda: workspace.catalogue is not None, 60)
    assert workspace.catalogue is not None
    print(f"Explore has {len(workspace.catalogue.pictures):,} pictures after {time.perf_counter() - started:.2f} s")
    with watch.over("Explore: first thumbnails"):
        spin(lambda: False, 1.0)
    for chosen in ({"level": frozenset({"L2"})}, {"modality": frozenset({"CT", "MRI"})}, {"level": frozenset({"L1"})}, {}):
        with watch.over("Explore: filtering"):
            workspace.filters.choose(chosen)
            spin(lambda: False, 0.2)
    with watch.over("Explore: scrolling the wall"):
        scroll(workspace.wall.verticalScrollBar())
    for row in range(0, 3000, 300):
        with watch.over("Explore: opening an item"):
            number = workspace.wall.number_at(row)
            assert number is not None
            workspace.open_picture(number)
            spin(lambda: False, 0.15)
    with watch.over("Explore: back to the wall"):
        workspace.close_item()


def scroll(bar: QWidget) -> None:
    """From the top to the bottom in fifty steps and back by leaps."""
    most = bar.maximum()  # type: ignore[attr-defined]
    for step in (*range(50), 0, 50, 25, 0):
        bar.setValue(most * step // 50)  # type: ignore[attr-defined]
        spin(lambda: False, 0.02)


def main() -> None:
    arguments = argparse.ArgumentParser(description="Review and Explore in the real window.")
    arguments.add_argument("--items", type=int, default=10_000)
    arguments.add_argument("--decisions", type=int, default=60)
    arguments.add_argument("--side", type=int, default=512)
    arguments.add_argument("--pictures", type=int, default=30_000)
    arguments.add_argument("--stacks", action="store_true", help="print where the window's thread was in each long gap")
    options = arguments.parse_args()
    share_processors()
    _warm_up()
    application = QApplication([])
    theme.apply(application)
    collector = WindowThreadCollector(application)
    with tempfile.TemporaryDirectory(prefix="medqdeg-bench-") as name:
        folder = Path(name)
        platformdirs.user_data_dir = lambda *args, **kwargs: str(folder / "home")
        study = bank(folder, options.items, options.side)
        pictures = dataset(folder / "set", options.pictures, 256)
        window = MainWindow([study])
        window.resize(1280, 800)
        window.show()
        window.activateWindow()
        spin(lambda: window.session.is_open, 30)
        watch = Watch(options.stacks)
        watch.start()
        measure_review(window, options.decisions, watch)
        measure_explore(window, pictures, watch)
        watch.tell()
        for place in ("Review", "Explore"):
            gaps = [gap for doing, found in watch.gaps.items() if place in doing for gap in found]
            headline(f"{place}: longest gap of the event loop", max(gaps), "ms", "no stutter")
        window.close()
    collector.close()


if __name__ == "__main__":
    main()

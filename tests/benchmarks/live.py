"""The live path in the real window: slider event to repainted pane, gaps of the event loop, scrolling, first image, start.

    python -m tests.benchmarks.live [--quick] [--sides 512 2048] [--series 500]

Prints one table a question. Frames are a sample abdomen, head and tissue, so that every type runs on a picture it is made for.
``event -> paint`` runs from the slider's ``valueChanged`` to the end of the pane's paint of that very severity; a value that was
overtaken by a newer one counts to the paint of the newer. The gap is the largest time between two turns of the event loop
while dragging, the median of several drags.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# As in the program (application.share_processors); read by OpenCV when it is loaded.
os.environ.setdefault("OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER", "0")
os.environ.setdefault("OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN", "200")

import cv2
import numpy as np
import platformdirs
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from medqdeg_desktop.engine.degradation import find
from medqdeg_desktop.engine.image import MedicalImage, frozen, pixel_sha256
from medqdeg_desktop.samples import ct, mr, tissue
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, DegradationType, Modality
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui.application import share_processors
from medqdeg_desktop.ui.calibrate.workspace import CalibrateWorkspace
from medqdeg_desktop.ui.garbage import WindowThreadCollector
from medqdeg_desktop.ui.main_window import MainWindow
from tests.benchmarks.headline import headline

_EVENT_MS = 16


def frame(modality: Modality, side: int) -> MedicalImage:
    """A phantom of ``modality`` resampled to ``side`` x ``side``."""
    make = {Modality.CT: ct.ct_abdomen, Modality.MRI: mr.mr_head, Modality.HISTOPATHOLOGY: tissue.tissue_section}[modality]
    image = make(0).image
    pixels = cv2.resize(np.asarray(image.pixels), (side, side), interpolation=cv2.INTER_CUBIC)
    pixels = frozen(pixels)
    scale = image.shape[0] / side
    spacing = (image.spacing[0] * scale, image.spacing[1] * scale) if image.spacing else None
    made: MedicalImage = image.with_pixels(pixels)
    return MedicalImage(
        made.pixels,
        image.modality,
        image.unit,
        spacing,
        image.window,
        image.value_range,
        source_sha256=pixel_sha256(pixels),
        orientation=image.orientation,
    )


def modality_of(kind: DegradationType) -> Modality:
    return kind.modalities[0] if kind.modalities else Modality.CT


def spin(milliseconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(milliseconds), loop.quit)
    loop.exec()


def until(condition: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError
        spin(2)


class Stopwatch:
    """Notes when each severity was asked for and when a picture of it, or of a later one, had been painted."""

    def __init__(self, workspace: CalibrateWorkspace) -> None:
        self._workspace = workspace
        self._asked: list[tuple[float, float]] = []
        self.latencies: list[float] = []
        self.largest_gap = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer(interval=0)
        self._timer.timeout.connect(self._beat)
        workspace.comparison.right_pane.painted.connect(self._on_painted)

    def start(self) -> None:
        self._asked, self.latencies, self.largest_gap = [], [], 0.0
        self._last = time.perf_counter()
        self._timer.start()

    def ask(self, value: int) -> None:
        self._asked.append((time.perf_counter(), value / 1000))
        self._workspace.panel.slider.setValue(value)

    def stop(self) -> None:
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.largest_gap = max(self.largest_gap, now - self._last)
        self._last = now

    def _on_painted(self) -> None:
        result = self._workspace.live.result
        if result is None:
            return
        now = time.perf_counter()
        severities = [severity for _, severity in self._asked]
        if result.severity in severities:
            place = severities.index(result.severity)
            self.latencies += [1000 * (now - asked) for asked, _ in self._asked[: place + 1]]
            del self._asked[: place + 1]


def drag(workspace: CalibrateWorkspace, watch: Stopwatch, events: int) -> None:
    """One drag from low to high with an event every 16 ms."""
    watch.start()
    for step in range(events):
        start = time.perf_counter()
        watch.ask(100 + round(800 * step / events))
        spin(max(0.0, _EVENT_MS - 1000 * (time.perf_counter() - start)))
    spin(60)
    watch.stop()


def measure_types(workspace: CalibrateWorkspace, side: int, events: int, drags: int) -> None:
    print(f"\nslider, {side} x {side} (ms)")
    print(f"{'type':24}{'p50':>8}{'p95':>8}{'first':>8}{'exact':>8}{'gap':>8}")
    watch = Stopwatch(workspace)
    late: list[tuple[float, str]] = []
    firsts: list[tuple[float, str]] = []
    waits: list[tuple[float, str]] = []
    for kind in DEGRADATION_TYPES:
        image = frame(modality_of(kind), side)
        workspace.image = None
        workspace._show_image(image)
        workspace.choose_type(kind.name)
        find(kind.name)
        spin(300)
        begun = time.perf_counter()
        workspace.panel.slider.setValue(50)
        until(lambda: workspace.live.result is not None and workspace.live.result.severity == 0.05)
        first = 1000 * (time.perf_counter() - begun)
        latencies, gaps = [], []
        for _ in range(drags):
            drag(workspace, watch, events)
            latencies += watch.latencies
            gaps.append(1000 * watch.largest_gap)
        begun = time.perf_counter()
        workspace.live.finish()
        until(lambda: workspace.live.confirmable is not None)
        exact = 1000 * (time.perf_counter() - begun)
        p50, p95 = np.percentile(latencies, (50, 95))
        late.append((float(p95), kind.name))
        firsts.append((first, kind.name))
        waits.append((statistics.median(gaps), kind.name))
        print(f"{kind.name:24}{p50:8.1f}{p95:8.1f}{first:8.1f}{exact:8.1f}{statistics.median(gaps):8.1f}", flush=True)
    headline(f"{side}: slider to painted picture, p95 of the slowest type ({max(late)[1]})", max(late)[0], "ms", "<= 20")
    headline(f"{side}: largest gap of the event loop while dragging, slowest type ({max(waits)[1]})", max(waits)[0], "ms", "< 30")
    headline(f"{side}: first picture of the slowest type ({max(firsts)[1]})", max(firsts)[0], "ms", "< 50")


def measure_scrolling(window: MainWindow, folder: Path, slices: int, runs: int) -> None:
    """A synthetic series of ``slices`` slices made from the sample abdomen: opened, scrolled ``runs`` times, kept in memory."""
    from medqdeg_desktop.engine.reading import shared_decoder
    from medqdeg_desktop.samples.dicom_file import write_dicom

    base = frame(Modality.CT, 512)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(slices):
        shifted = base.with_pixels(frozen(np.roll(base.pixels, index, axis=1)))
        write_dicom(shifted, folder / f"{index:04d}.dcm", series="bench", description="bench", z_mm=float(index), instance=index)
    workspace = window.workspace("calibrate")
    assert isinstance(workspace, CalibrateWorkspace)
    shared_decoder().warm_up()
    read_bare(folder / "0000.dcm")
    begun = time.perf_counter()
    read_bare(folder / f"{slices // 2:04d}.dcm")
    alone = 1000 * (time.perf_counter() - begun)
    painted: list[int] = []
    workspace.comparison.left_pane.painted.connect(lambda: painted.append(workspace.image.frame if workspace.image else -1))
    begun = time.perf_counter()
    window.show_images([folder])
    until(
        lambda: workspace.opened is not None and workspace.opened.series.label.endswith("bench") and workspace.image is not None
    )
    painted.clear()
    until(lambda: bool(painted))
    first = 1000 * (time.perf_counter() - begun)
    print(f"\nseries of {slices} slices: bare read of one file {alone:.0f} ms, first image painted after {first:.0f} ms")
    headline(f"first of {slices} slices painted, over the bare read of its file", first - alone, "ms", "<= 300")
    opened = workspace.opened
    assert opened is not None
    until(lambda: opened.series.frame_count == slices, 120)
    spin(1000)
    watch = Stopwatch(workspace)
    print(f"{'scrolling':12}{'slices/s':>10}{'slowest s':>10}{'gap ms':>8}")
    rates, slowest, gaps = [], [], []
    for run in range(runs):
        # The first pass reads every slice from the disk, the others find them in memory.
        rate, least, gap = scroll(workspace, watch, painted, slices)
        print(f"{'from disk' if run == 0 else 'in memory':12}{rate:10.0f}{least:10.0f}{gap:8.0f}", flush=True)
        rates.append(rate)
        slowest.append(least)
        gaps.append(gap)
    headline(f"scrolling through {slices} slices from the disk, slowest second", slowest[0], "slices a second", ">= 30")
    headline(
        f"scrolling through {slices} slices in memory, slowest second", min(slowest[1:] or slowest), "slices a second", ">= 30"
    )
    headline(f"largest gap of the event loop, median of {runs} passes", statistics.median(gaps), "ms", "< 30")
    frames, resident = workspace.store.cached_bytes / 2**20, resident_mb()
    print(f"whole series cached: {frames:.0f} MB of frames, {resident:.0f} MB in all")
    headline(f"memory with {slices} slices cached and shown degraded", resident, "MB", "< 1024")
    measure_cache_limit(workspace, slices)


def read_bare(path: Path) -> None:
    """What any reader has to do: the file's pixels as values, by pydicom alone."""
    import pydicom

    data = pydicom.dcmread(path)
    np.asarray(data.pixel_array, np.float32) * float(data.RescaleSlope) + float(data.RescaleIntercept)


def scroll(workspace: CalibrateWorkspace, watch: Stopwatch, painted: list[int], slices: int) -> tuple[float, float, float]:
    """One pass from the first slice to the last, each asked for when the one before is painted.

    Slices painted a second over all, in the slowest whole second (of a shorter pass: over all), and the largest gap in ms.
    """
    workspace.show_frame(0)
    spin(400)
    times: list[float] = []
    watch.start()
    begun = time.perf_counter()
    for index in range(slices):
        painted.clear()
        workspace.show_frame(index)
        until(lambda i=index: i in painted or (i == 0 and not painted))
        times.append(time.perf_counter() - begun)
    watch.stop()
    whole = len(times) / times[-1]
    seconds = np.histogram(times, bins=np.arange(0, int(times[-1]) + 1))[0] if times[-1] >= 2 else [whole]
    return whole, float(min(seconds)), 1000 * watch.largest_gap


def measure_cache_limit(workspace: CalibrateWorkspace, slices: int) -> None:
    """Memory of frames when less is allowed than the series takes."""
    opened = workspace.opened
    assert opened is not None
    limit = 64 << 20
    workspace.store.forget(opened.series_id)
    workspace.store.limit_bytes = limit
    largest = 0
    for index in range(slices):
        workspace.show_frame(index)
        until(lambda i=index: workspace.image is not None and workspace.image.frame == i)
        largest = max(largest, workspace.store.cached_bytes)
    print(f"with a limit of {limit >> 20} MB: at most {largest / 2**20:.0f} MB of frames, {resident_mb():.0f} MB in all")
    headline("frames kept, beside the limit set for them", largest / limit, "times the limit", "<= 1")


def resident_mb() -> float:
    """Memory of this process (without its decoder children); 0 where the system does not tell."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if status.exists() else 0.0


_START = """
import sys, time
began = float(sys.argv[1])
from pathlib import Path
from medqdeg_desktop.ui import application, main_window

class Window(main_window.MainWindow):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.pane = self.workspace("calibrate").comparison.left_pane
        self.pane.painted.connect(self.on_painted)

    def on_painted(self):
        if self.pane.image is not None:
            print(time.time() - began)
            self.close()

main_window.MainWindow = Window
application.run([Path(path) for path in sys.argv[2:]])
"""


def measure_start(home: Path, picture: Path) -> None:
    """From the call of Python to the first painted picture, the study open: on ``picture``, and as it was left."""
    environment = os.environ | {"XDG_DATA_HOME": str(home)}
    print(f"\n{'start to the first picture (s)':34}{'first':>8}{'warm':>8}")
    for what, arguments in (("a file given", [str(picture)]), ("as it was left", [])):
        times = []
        for _ in range(4):
            command = [sys.executable, "-c", _START, str(time.time()), *arguments]
            run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            times.append(float(run.stdout))
        warm = statistics.median(times[1:])
        print(f"{what:34}{times[0]:8.2f}{warm:8.2f}", flush=True)
        headline(f"start to the first painted picture, {what}", warm, "s", "< 2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer events and drags")
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 2048, 4096])
    parser.add_argument("--series", type=int, default=500, help="slices of the series that is opened and scrolled")
    parser.add_argument("--series-only", action="store_true", help="the series alone")
    options = parser.parse_args()
    events, drags = (25, 2) if options.quick else (60, 5)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        platformdirs.user_data_dir = lambda *args, **kwargs: str(home / "data")  # type: ignore[assignment]
        first = home / "first.png"
        cv2.imwrite(str(first), np.full((64, 64), 90, np.uint8))
        if not options.series_only:
            measure_start(home / "start", first)
        application = QApplication([])
        theme.apply(application)
        share_processors()
        collector = WindowThreadCollector(application)
        window = MainWindow([first])
        window.resize(1280, 800)
        window.show()
        workspace = window.workspace("calibrate")
        assert isinstance(workspace, CalibrateWorkspace)
        until(lambda: workspace.live.confirmable is not None)
        for side in () if options.series_only else options.sides:
            measure_types(workspace, side, events, drags)
        measure_scrolling(window, home / "series", options.series, 3 if options.quick else 5)
        window.close()
        collector.close()


if __name__ == "__main__":
    main()

"""From the confirmation of a trial to the paint of the next, in the real window: ``python -m tests.benchmarks.reading_session``.

A reader looks at each picture for a while, answers by key, and the next trial appears when the answer is on disk; the clock runs
from the key to the end of the paint of the next trial's picture. Told for each kind of trial: median, 95th percentile and largest
time, and the median time after which the answer was on disk. ``hasty`` confirms in the moment of the last move, before the
exact picture is there. At each paint another connection is asked whether the answer is in the file.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ui"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "calibration"))

import numpy as np
import platformdirs
from PySide6.QtCore import QEvent, QObject
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from reading_hands import click, drag_to, respond, study_pages
from simulated_readers import TRUTH, SimulatedReader

from medqdeg_desktop.calibration.adaptive import ADAPT
from medqdeg_desktop.calibration.comparison import COMPARE
from medqdeg_desktop.calibration.protocol import CellDesign, Protocol, body_of
from medqdeg_desktop.calibration.sitting import answer_of, keep, sit_down
from medqdeg_desktop.calibration.trials import ADJUST, VERIFY, Trial
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.samples.ct import ct_abdomen
from medqdeg_desktop.samples.dicom_file import write_dicom
from medqdeg_desktop.study.records import ImageRecord
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level, Modality
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui.application import share_processors
from medqdeg_desktop.ui.calibrate.reading.session_page import SessionPage
from medqdeg_desktop.ui.main_window import MainWindow
from tests.benchmarks.headline import headline

TYPES = ("gaussian_blur", "gaussian_noise", "motion_blur", "low_dose")
READER = "Reader 1"
_TOO_MILD = 0.22


class Panelist(SimulatedReader):
    def first_is_worse(self, trial: Trial) -> bool:
        return trial.type < trial.other_type


@dataclass
class Times:
    """Milliseconds after each confirmation."""

    painted: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)


class Stopwatch(QObject):
    """When the answer to a trial was kept, and when the next trial had been painted; 0 where it has not been yet.

    A trial is painted when its place in the panel and its picture are; two trials in a row may show the very same picture.
    """

    def __init__(self, window: MainWindow, page: SessionPage) -> None:
        super().__init__(window)
        self._page, self._pane = page, page.comparison.right_pane
        self._key, self._before, self._told = "", self._pane.image, ""
        self._place = self._picture = 0.0
        self.start = self.kept = 0.0
        self._pane.painted.connect(self._on_painted)
        page.panel.place.installEventFilter(self)
        window.session.kept.connect(self._on_kept)

    def begin(self, key: str) -> None:
        self._key, self._before, self._told, self.kept = key, self._pane.image, self._page.panel.place.text(), 0.0
        self._place = self._picture = 0.0
        self.start = time.perf_counter()

    @property
    def painted(self) -> float:
        same = self._pane.image is self._before
        return max(self._place, self._picture) if self._is_next and self._place and (self._picture or same) else 0.0

    @property
    def over(self) -> bool:
        return bool(self.painted) or self._page.sitting is None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint and self._page.panel.place.text() != self._told and not self._place:
            self._place = time.perf_counter()
        return False

    @property
    def _is_next(self) -> bool:
        shown = self._page.shown
        return shown is not None and shown.trial.key != self._key

    def _on_painted(self) -> None:
        if self._is_next and not self._picture:
            self._picture = time.perf_counter()

    def _on_kept(self, _at: str) -> None:
        self.kept = time.perf_counter()


def pictures(folder: Path, side: int) -> list[ImageRecord]:
    """Six phantom slices of an abdomen as DICOM files."""
    records = []
    for number in range(6):
        path = folder / f"ct{number}.dcm"
        image = ct_abdomen(number, size=side).image
        write_dicom(image, path, series=f"ct {number}", description="abdomen")
        read = read_image(path)
        facts = {"value_range": list(read.value_range)}
        records.append(ImageRecord(read.source_sha256, Modality.CT, path.stem, str(path), 0, facts))
    return records


def prepared(path: Path, records: list[ImageRecord], stage: str) -> None:
    """A study of one reader that stands at the beginning of ``stage``."""
    ids = tuple(r.image_id for r in records)
    cells = tuple(CellDesign(t, Modality.CT, ids[:3], ids[3:]) for t in TYPES)
    protocol = Protocol("times", "1.0.0", cells, readers=1, repeats=0, repeat_days=0.0, catch_share=0.1, dwell_seconds=0.0)
    reader = SimulatedReader(READER, rng=np.random.default_rng(0))
    with Study.create(path) as study:
        study.record_images(records)
        fixed = study.fix_protocol(body_of(protocol), "Chair")
        if stage == ADJUST:
            return
        reader.read(study, fixed, protocol)
        mild = _TOO_MILD if stage == ADAPT else 0.0
        levels = [
            {"type": t, "modality": "CT", "L1": TRUTH[t, Level.L1] - mild, "L2": TRUTH[t, Level.L2] - mild, "step": 0.1}
            for t in TYPES
        ]
        study.fix_proposal(fixed.protocol_id, {"cells": levels}, "Chair")
        if stage == ADAPT:
            sitting = sit_down(study, fixed.protocol_id, READER, VERIFY, {})
            while (trial := sitting.here().trial) is not None:
                detail = {"seconds": 5.0, "rating": reader.rating(trial)}
                sitting.take(
                    keep(study, sitting, trial, answer_of(sitting, trial, "rated", detail, severity=trial.severity), None)
                )
            study.lock_stage(fixed.protocol_id, READER, VERIFY)


def spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.001)


def until(condition: object, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError
        QApplication.processEvents()


def measure(path: Path, stage: str, trials: int, look: float, *, hasty: bool = False) -> Times:
    """The times of ``trials`` answers of ``stage``, each given after ``look`` seconds."""
    window = MainWindow([path])
    window.resize(1920, 1080)
    window.show()
    window.activateWindow()
    until(lambda: window.session.is_open)
    pages = study_pages(window)
    page: SessionPage = pages.reading
    until(lambda: bool(pages.home.cards) and stage in pages.home.cards[0].buttons)
    click(pages.home.cards[0].buttons[stage])
    until(lambda: page.shown is not None and page.panel.primary.isEnabled())
    reader = Panelist(READER, rng=np.random.default_rng(1))
    times, watch = Times(), Stopwatch(window, page)
    beside = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    while len(times.painted) < trials and page.shown is not None:
        trial, sets = page.shown.trial, page.shown.trial.kind == "set"
        spin(look)
        if sets:
            drag_to(page, reader.setting(trial))
            if not hasty:
                until(lambda: page.live.confirmable is not None)
                spin(0.05)
        watch.begin(trial.key)
        if sets:
            QTest.keyClick(QApplication.focusWidget() or window, "\r")
        else:
            respond(window, page, reader)
        until(lambda: watch.over)
        if not watch.painted:
            break  # that was the last; the front page follows
        assert 0 < watch.kept <= watch.painted
        (there,) = beside.execute("SELECT count(*) FROM events WHERE trial LIKE ?", (f"%/{stage}/{trial.key}",)).fetchone()
        assert there == 1, f"{trial.key} is shown as answered before it is on disk"
        if sets or not hasty:
            times.painted.append(1000 * (watch.painted - watch.start))
            times.kept.append(1000 * (watch.kept - watch.start))
    beside.close()
    window.close()
    window.deleteLater()
    QApplication.processEvents()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--trials", type=int, default=26)
    parser.add_argument("--look", type=float, default=0.4, help="seconds of looking before an answer")
    options = parser.parse_args()
    share_processors()
    application = QApplication(sys.argv[:1])
    theme.apply(application)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        platformdirs.user_data_dir = lambda *args, **kwargs: str(folder / "home")
        records = pictures(folder, options.side)
        print(f"confirmation to paint of the next trial, {options.side} x {options.side} (ms)")
        print(f"{'':28}{'median':>8}{'p95':>8}{'largest':>9}{'on disk':>9}{'trials':>8}")
        for stage, hasty in ((ADJUST, False), (ADJUST, True), (VERIFY, False), (ADAPT, False), (COMPARE, False)):
            what = f"{stage}, hasty" if hasty else stage
            path = folder / f"{what}.medq"
            prepared(path, records, stage)
            t = measure(path, stage, options.trials, options.look, hasty=hasty)
            median, late, most = (float(np.percentile(t.painted, q)) for q in (50, 95, 100))
            print(f"{what:28}{median:>8.1f}{late:>8.1f}{most:>9.1f}{np.median(t.kept):>9.1f}{len(t.painted):>8}", flush=True)
            headline(f"confirmation to next trial painted, {what}, 95th percentile", late, "ms", "< 100")


if __name__ == "__main__":
    main()

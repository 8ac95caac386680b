"""How soon the window shows what a filter changes, at the published size: 40 models, 24,894 questions, 10 trials.

    python -m tests.benchmarks.tables_window [--cycles 3] [--tabs overview tables]

For each tab of charts: from the change of a filter to the estimates on the screen, to the intervals of what is looked at (2,000
replicates), to all 10,000 of everything; and the longest time for which the window did not answer. Painting is included: the
clock stops when the tab has been painted with the new numbers.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.evaluate.results import FIRST_REPLICATES, Results
from medqdeg_desktop.ui.evaluate.results_page import ResultsPage
from medqdeg_desktop.ui.garbage import WindowThreadCollector
from tests.benchmarks.headline import headline
from tests.eval.forty_models import forty_models

TABS = ("overview", "heatmaps", "tables", "severity", "comparisons")
LONGEST_SECONDS = 120.0


class _Watched:
    """The page of results on scores that are loaded already, and a pulse that notes how long the window was deaf."""

    def __init__(self) -> None:
        self.analysis = forty_models()
        self._computing, self._reading = Background(), Background(threads=2)
        self.results = Results(self._computing)
        self.page = ResultsPage(self._reading)
        self.study, self.runs = Path("benchmark.medq"), tuple(run.run_id for run in self.analysis.runs)
        self.results.analysis, self.results._key = self.analysis, (self.study, self.runs)
        self.results.changed.connect(self._on_changed)
        self.results.failed.connect(self._fail)
        self.page.looked_at.connect(lambda: self.results.look_at(self.page.needs))
        self.page.calibration.wanted_bins.connect(lambda run: self.results.ask_reliability(run, self.page.calibration.show_bins))
        self.shown: list[tuple[float, int, bool, dict[str, Any]]] = []
        self.deaf, self._last = 0.0, time.perf_counter()
        self._pulse = QTimer(interval=2)
        self._pulse.timeout.connect(self._beat)
        self._pulse.start()
        self.page.resize(1600, 1000)
        self.page.show()

    def _fail(self, text: str) -> None:
        raise SystemExit(text)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.deaf, self._last = max(self.deaf, now - self._last), now

    def _on_changed(self) -> None:
        found = self.results.json
        self.page.show_results(found, self.results.analysis)
        # Painted now, not when the loop comes to it: the clock is about what can be seen.
        self.page.repaint()
        self.page.tabs.currentWidget().grab()
        self.shown.append((time.perf_counter(), found["replicates"], self.results.final, found["filters"]))

    def filtered(self, filters: dict[str, list[str]]) -> tuple[float, float, float, float]:
        """Seconds to the estimates, to the first intervals and to all of them, and the longest silence, after a filter."""
        self.shown.clear()
        self.deaf, self._last = 0.0, time.perf_counter()
        began = time.perf_counter()
        self.results.ask(self.study, self.runs, filters, parts=self.page.needs, again=False)
        while not (self.shown and self.shown[-1][2]):
            QApplication.processEvents()
            time.sleep(0.0005)
            if time.perf_counter() - began > LONGEST_SECONDS:
                raise SystemExit(f"not final after {LONGEST_SECONDS:.0f} s")
        told = [(at - began, replicates) for at, replicates, _, _ in self.shown]
        first = next(seconds for seconds, replicates in told if replicates >= FIRST_REPLICATES)
        return told[0][0], first, told[-1][0], self.deaf

    def close(self) -> None:
        self._pulse.stop()
        self._computing.close()
        self._reading.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=3)
    parser.add_argument("--tabs", nargs="+", choices=TABS, default=TABS)
    arguments = parser.parse_args()
    application = QApplication([])
    theme.load_fonts()
    window = _Watched()
    # As in the program: the collector of cycles runs on the window's thread, and not over what was there at the start.
    collector = WindowThreadCollector()
    filters = [{"modality": [name]} for name in ("CT", "MRI", "X-ray", "Dermoscopy")]
    window.filtered({})
    print(f"{'tab':12} {'estimates':>10} {'intervals':>10} {'all 10,000':>10} {'longest silence':>16}")
    for tab in arguments.tabs:
        window.page.tabs.setCurrentWidget(getattr(window.page, tab))
        found = [window.filtered(filters[i % len(filters)]) for i in range(arguments.cycles)]
        found.append(window.filtered({}))
        estimates, first, final, deaf = (max(column) for column in zip(*found, strict=True))
        print(f"{tab:12} {estimates * 1000:>7.0f} ms {first:>8.2f} s {final:>8.2f} s {deaf * 1000:>13.0f} ms")
        headline(f"estimates on screen after a filter, {tab}, the slowest", estimates * 1000, "ms")
        headline(f"intervals of what is looked at, {tab}, the slowest", first, "s")
    scale = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6
    print(f"peak memory {peak:.0f} MB")
    headline("memory of the window with the published size of results", peak, "MB")
    collector.close()
    window.close()
    del application


if __name__ == "__main__":
    main()

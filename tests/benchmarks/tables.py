"""What tables cost at the published size: 40 models, 24,894 questions, 10 trials.

    python -m tests.benchmarks.tables

Estimates are what is on screen after a filter changed, intervals those of the visible chart; the weights are drawn once for a
dataset. ``load`` counts one run's 248,940 answers in SQLite.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from medqdeg_desktop.eval.analysis import Analysis, Cell, Estimates, Intervals
from medqdeg_desktop.eval.tables import results_of
from medqdeg_desktop.statistics.bootstrap import ClusterWeights
from medqdeg_desktop.study.records import Answer, Run
from medqdeg_desktop.study.store import Study
from tests.benchmarks.headline import headline
from tests.eval.forty_models import TRIALS, forty_models

FILTER = {"modality": ["CT", "MRI", "X-ray"]}


def median_ms(work: Callable[[], object], times: int = 5) -> float:
    """Median milliseconds of ``times`` calls."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def load(questions: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Study.create(Path(folder) / "s.medq") as study:
        study.start_run(Run("r", "m", "m", "vote", TRIALS, "0" * 64, "", {}))
        for q in range(0, questions, 500):
            names = [f"images/{n // 1000:04}/{n:07}_L1.png" for n in range(q, min(q + 500, questions))]
            study.append_answers("r", [Answer(n, t, "Answer: A", "ABCD"[t % 4], "ok") for n in names for t in range(TRIALS)])
        print(f"count the votes of one run{median_ms(lambda: study.vote_counts('r'), 3):>48.0f} ms")


def estimates(analysis: Analysis, dimension: str, filters: dict[str, list[str]] | None) -> list[tuple[Cell, Estimates]]:
    return [(cell, analysis.estimates(cell)) for cell in analysis.cells(dimension, filters)]


def intervals(analysis: Analysis, cells: list[tuple[Cell, Estimates]], weights: ClusterWeights) -> list[Intervals]:
    return [analysis.intervals(cell, made, analysis.replicates(cell, weights)) for cell, made in cells]


def main() -> None:
    analysis = forty_models()
    print(f"{len(analysis.runs)} models x {len(analysis.table):,} questions x {TRIALS} trials")
    for dimension in ("level", "type", "modality", "skill"):
        work = partial(estimates, analysis, dimension, None if dimension == "modality" else FILTER)
        taken = median_ms(work)
        print(f"estimates by {dimension:<10} {len(work()):>4} cells{taken:>44.0f} ms")
        headline(f"estimates by {dimension} after a change of filter", taken, "ms")
    for replicates in (2000, 10_000):
        started = time.perf_counter()
        weights = analysis.weights(replicates, 0)
        print(f"draw {replicates:>6,} replicates{(time.perf_counter() - started) * 1000:>51.0f} ms")
        for dimension in ("level", "type"):
            cells = estimates(analysis, dimension, None)
            taken = median_ms(partial(intervals, analysis, cells, weights), 3)
            print(f"  intervals by {dimension:<10} {len(cells):>4} cells{taken:>42.0f} ms")
    started = time.perf_counter()
    results_of(analysis)
    print(f"results.json, 10,000 replicates{time.perf_counter() - started:>45.1f} s")
    scale = 1 if sys.platform == "darwin" else 1024
    print(f"peak memory{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6:>64.0f} MB")
    load(len(analysis.table))


if __name__ == "__main__":
    main()

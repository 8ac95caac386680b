"""How often the intervals of ``results.json`` hold the truth: ``python -m tests.benchmarks.intervals [--runs 600]``.

Simulated runs whose population is known (``tests/eval/clustered_runs.py``: one to six questions share a clean image and its
difficulty, three trials) go through a real dataset folder and a real study into ``results.json``, and its intervals are counted.
Told for each number of clean images: the share of runs whose interval holds the truth, by what it is an interval of, the worst of
its levels; and the same for intervals that take each answer as independent, which is what clusters are for.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.benchmarks.headline import headline
from tests.eval.clustered_runs import Covered, coverage, of_independent_answers, simulated

IMAGES = (12, 24, 60, 150)
TRIALS = 3
#: Runs of one study: more are several studies, each with a set of its own.
AT_ONCE = 100
Counts = dict[tuple[str, str], list[Covered]]


def counted(images: int, runs: int, replicates: int) -> tuple[Counts, Counts]:
    """What intervals cover, with clusters and without, by (name, level), a ``Covered`` for each study."""
    clustered: Counts = defaultdict(list)
    independent: Counts = defaultdict(list)
    for seed in range(-(-runs // AT_ONCE)):
        with tempfile.TemporaryDirectory() as folder:
            analysis = simulated(Path(folder), runs=AT_ONCE, images=images, trials=TRIALS, seed=1000 * images + seed)
        for into, of in ((clustered, analysis), (independent, of_independent_answers(analysis))):
            for key, found in coverage(of, TRIALS, replicates=replicates).items():
                into[key].append(found)
    return clustered, independent


def share(found: list[Covered]) -> float:
    return sum(one.hits for one in found) / sum(one.runs for one in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=600, help="in hundreds")
    parser.add_argument("--replicates", type=int, default=2000)
    options = parser.parse_args()
    print(
        "images  interval of                   coverage, % (worst, all levels)   independent answers, %   mean width", flush=True
    )
    farthest = 0.0
    for images in IMAGES:
        clustered, independent = counted(images, options.runs, options.replicates)
        for name in dict.fromkeys(name for name, _ in clustered):
            cells = {key: found for key, found in clustered.items() if key[0] == name}
            shares = {key: share(found) for key, found in cells.items()}
            naive = [share(independent[key]) for key in cells]
            mean = sum(shares.values()) / len(shares)
            worst = max(shares.values(), key=lambda value: abs(value - 0.95))
            width = sum(one.width for found in cells.values() for one in found) / sum(len(found) for found in cells.values())
            print(
                f"{images:>6}  {name.replace('_', ' '):<28}{100 * mean:>6.1f}  (worst {100 * worst:>5.1f})"
                f"{100 * sum(naive) / len(naive):>28.1f}  (worst {100 * min(naive):>5.1f}){width:>12.3f}",
                flush=True,
            )
            if images == max(IMAGES):
                farthest = max(farthest, abs(worst - 0.95))
    headline(f"intervals of results at {max(IMAGES)} images, farthest from 95 %", 100 * farthest, "points", "<= 2.5")


if __name__ == "__main__":
    main()

"""How often the interval of a level holds the truth, by readers and pictures: ``python -m tests.benchmarks.coverage``.

Panels are drawn about a known level, as normal effects of readers, pictures, both together and repeats, under three mixes of
variance; each is given to ``statistics.panel.consensus``. Told: the share of panels whose interval holds the level, its
Monte-Carlo standard error and the mean half width. ``--tails`` draws all effects from Student's t with 3 degrees of freedom
instead, which gives a reader far from the others now and then.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np

from medqdeg_desktop.statistics.panel import consensus
from tests.benchmarks.headline import headline

TRUTH = 0.4
#: SDs of readers, pictures, readers on pictures, and repeats, on the severity axis.
MIXES = {
    "readers differ most": (0.10, 0.04, 0.04, 0.05),
    "pictures differ most": (0.04, 0.10, 0.04, 0.05),
    "both differ": (0.08, 0.08, 0.06, 0.06),
}
READERS, IMAGES = (3, 5, 10), (4, 6, 10)


@dataclass(frozen=True)
class Coverage:
    """Share of ``studies`` whose interval holds the truth, and the mean of half its width."""

    share: float
    half_width: float
    studies: int

    @property
    def standard_error(self) -> float:
        return math.sqrt(self.share * (1 - self.share) / self.studies)


def panels(mix: str, readers: int, images: int, studies: int, *, seed: int = 0, tails: bool = False) -> Iterator[np.ndarray]:
    """(readers, images) settings of ``studies`` panels about ``TRUTH``."""
    rng = np.random.default_rng([seed, readers, images, list(MIXES).index(mix)])
    draw = (lambda shape: rng.standard_t(3, shape) / math.sqrt(3)) if tails else rng.standard_normal
    whole, by_reader, by_image = (readers, images), (readers, 1), (1, images)
    for _ in range(studies):
        parts = [sd * draw(shape) for sd, shape in zip(MIXES[mix], (by_reader, by_image, whole, whole), strict=True)]
        yield TRUTH + sum(parts)


def coverage(
    mix: str, readers: int, images: int, studies: int, *, replicates: int = 1000, seed: int = 0, tails: bool = False
) -> Coverage:
    hits, widths = 0, 0.0
    for number, table in enumerate(panels(mix, readers, images, studies, seed=seed, tails=tails)):
        found = consensus(table, replicates=replicates, seed=number)
        hits += found.low <= TRUTH <= found.high
        widths += found.high - found.low
    return Coverage(hits / studies, widths / studies / 2, studies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--tails", action="store_true")
    options = parser.parse_args()
    designs = list(product(READERS, IMAGES, MIXES))
    with ProcessPoolExecutor(options.processes) as pool:
        asked = [pool.submit(coverage, mix, r, i, options.studies, tails=options.tails) for r, i, mix in designs]
        print("readers  pictures  mix                     coverage   SE    half width", flush=True)
        worst = 0.0
        for (readers, images, mix), future in zip(designs, asked, strict=True):
            c = future.result()
            print(f"{readers:>7}{images:>10}  {mix:<22}{c.share:>10.1%}{c.standard_error:>7.2%}{c.half_width:>10.3f}", flush=True)
            if readers == max(READERS):
                worst = max(worst, abs(c.share - 0.95))
    headline("farthest from 95 % at ten readers", 100 * worst, "points", "<= 2")


if __name__ == "__main__":
    main()

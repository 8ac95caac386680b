"""What it takes to begin, and what stays in memory: import of the engine, a long series scrolled and degraded.

    python -m tests.benchmarks.start [--slices 512]

import    processor and wall time of a fresh process that loads the engine and lists its types, median of 5
peak      largest resident memory of a process that scrolls through a CT series of 512 x 512 and shows each slice degraded, beside
          that of a process that has read and shown the first slice only
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.headline import headline
from tests.benchmarks.reading import write_series

_IMPORT = """
import time
wall, cpu = time.perf_counter(), time.process_time()
from medqdeg_desktop.engine.degradation import registry
registry()
print(time.perf_counter() - wall, time.process_time() - cpu)
"""

_SCROLL = """
import queue, resource, sys
from medqdeg_desktop.engine.preview import PreviewSession
from medqdeg_desktop.engine.reading import read_series
series, results = read_series(sys.argv[1]), queue.Queue()
session = PreviewSession(results.put)
types = ("gaussian_blur", "low_dose", "sparse_view", "gaussian_noise")
for index in range(min(int(sys.argv[2]), series.frame_count)):
    session.request(series.frame(index), types[index % len(types)], 0.4, seed=1, final=index % 8 == 0)
    result = results.get(timeout=60)
    assert result.error is None, result.error
session.close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _python(code: str, *arguments: str) -> list[float]:
    run = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return [float(word) for word in run.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=512)
    slices = parser.parse_args().slices
    _python(_IMPORT)
    walls, cpus = zip(*(_python(_IMPORT) for _ in range(5)), strict=True)
    wall, cpu = statistics.median(walls), statistics.median(cpus)
    print(f"import of the engine   {wall:6.2f} s, processor {cpu:.2f} s")
    headline("import of the engine", cpu, "s (processor)", "< 0.5")
    # ru_maxrss counts bytes on macOS, kilobytes elsewhere.
    scale = 1 if sys.platform == "darwin" else 1024
    with tempfile.TemporaryDirectory() as name:
        write_series(Path(name), slices)
        (one,), (all_,) = (_python(_SCROLL, name, str(count)) for count in (1, slices))
    print(f"one slice shown        {one * scale / 2**20:6.0f} MB")
    print(f"{slices} slices scrolled  {all_ * scale / 2**20:6.0f} MB")
    headline(f"peak memory, {slices} slices scrolled and degraded", all_ * scale / 2**20, "MB")


if __name__ == "__main__":
    main()

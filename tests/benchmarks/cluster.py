"""Generation on Dask: one worker against four on the same machine, and against local processes.

    python -m tests.benchmarks.cluster [--items 240] [--side 512] [--workers 1 4]

A real scheduler and workers of one thread each, as processes of this machine; times begin when all workers have joined. More
workers than cores cannot be quicker than the cores: with two cores the gain of four over one is at most two, and it is told
beside the number of cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medqdeg_desktop.bank.cluster import connected
from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.engine import batch
from tests.benchmarks.batch import synthetic_bank
from tests.benchmarks.headline import headline

_WORKER = "from distributed.cli.dask_worker import main; main()"
_SCHEDULER = "from distributed.cli.dask_scheduler import main; main()"


@contextmanager
def scheduler(folder: Path, workers: int) -> Iterator[str]:
    """Address of a scheduler with ``workers`` workers of one thread each."""
    folder.mkdir()
    file = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    options = ["--scheduler-file", str(file)]
    first = [sys.executable, "-c", _SCHEDULER, *options, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    worker = [sys.executable, "-c", _WORKER, *options, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    processes = [subprocess.Popen(first, **quiet)]  # type: ignore[call-overload]
    try:
        end = time.monotonic() + 60
        while not file.exists() or not file.read_text().strip().endswith("}"):
            assert time.monotonic() < end, "the scheduler did not start"
            time.sleep(0.1)
        places = [["--local-directory", str(folder / f"worker-{n}")] for n in range(workers)]
        processes += [subprocess.Popen([*worker, *place], **quiet) for place in places]  # type: ignore[call-overload]
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


def main() -> None:
    arguments = argparse.ArgumentParser(description="Generation on Dask.")
    arguments.add_argument("--items", type=int, default=240)
    arguments.add_argument("--side", type=int, default=512)
    arguments.add_argument("--workers", type=int, nargs="+", default=[1, 4])
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="medqdeg-bench-") as name:
        folder = Path(name)
        study = synthetic_bank(folder, options.items, options.side)
        rates, sets = {}, set()
        for count in options.workers:
            from distributed import Client

            with scheduler(folder / f"dask-{count}", count) as address:
                with Client(address, set_as_default=False) as client:
                    client.wait_for_workers(count, timeout=120)
                with connected(address) as (make_executor, size):
                    # What a process makes once is paid before the clock starts.
                    generate(study, folder / f"warm-{count}", Asked(limit=4 * count), workers=size, make_executor=make_executor)
                    started = time.perf_counter()
                    done = generate(study, folder / f"set-{count}", Asked(), workers=size, make_executor=make_executor)
                    seconds = time.perf_counter() - started
            rates[count] = done.images / seconds
            sets.add(Dataset.open(folder / f"set-{count}").sha256)
            print(f"{count} Dask workers: {done.images:,} images in {seconds:.1f} s, {rates[count]:.0f} images/s")
        assert len(sets) == 1, "the same bytes for any number of workers"
        study.close()
    few, many = min(rates), max(rates)
    cores = batch.core_count()
    print(f"{many} workers against {few} on {cores} cores: {rates[many] / rates[few]:.2f} times the images")
    headline(f"{many} Dask workers against {few} on {cores} cores", rates[many] / rates[few], "x", f"at most {min(many, cores)}")


if __name__ == "__main__":
    main()

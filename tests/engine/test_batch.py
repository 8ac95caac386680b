"""Chunks on workers: all results come, a bounded number is in flight, a worker that dies costs its own chunk alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from medqdeg_desktop.engine import batch


def squared(number: int) -> int:
    return number * number


def threads_of_a_worker(_: int) -> tuple[int, str]:
    import cv2

    return cv2.getNumThreads(), os.environ["OMP_NUM_THREADS"]


def dies_on_seven(number: int) -> int:
    if number == 7:
        os._exit(1)
    return number


def fails_on_three(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


def sleeps(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def test_every_chunk_is_done_once_by_processes_with_one_thread() -> None:
    pool = partial(batch.process_pool, 2)
    done = list(batch.run_chunks(pool, squared, range(20), ahead=4))
    assert sorted((d.task, d.result) for d in done) == [(n, n * n) for n in range(20)]
    assert {d.result for d in batch.run_chunks(pool, threads_of_a_worker, range(2), ahead=2)} == {(1, "1")}


def test_a_worker_that_dies_costs_its_own_chunk_and_no_other() -> None:
    done = list(batch.run_chunks(partial(batch.process_pool, 2), dies_on_seven, range(12), ahead=4))
    assert sorted(d.task for d in done) == list(range(12))
    assert [d.task for d in done if d.killed] == [7]
    assert all(d.result == d.task for d in done if not d.killed)


def test_an_error_of_the_function_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="three"):
        list(batch.run_chunks(partial(ThreadPoolExecutor, 1), fails_on_three, range(9), ahead=2))


def test_no_more_than_asked_is_in_flight_and_tasks_are_taken_as_needed() -> None:
    taken: list[int] = []

    def tasks() -> object:
        for n in range(50):
            taken.append(n)
            yield n

    class Counting(ThreadPoolExecutor):
        flying = most = 0

        def submit(self, *args: object, **more: object) -> Future:  # type: ignore[override,type-arg]
            future = super().submit(*args, **more)  # type: ignore[arg-type]
            Counting.flying += 1
            Counting.most = max(Counting.most, Counting.flying)
            return future

    executor: Executor = Counting(1)
    for count, _ in enumerate(batch.run_chunks(lambda: executor, squared, tasks(), ahead=3), 1):  # type: ignore[arg-type]
        Counting.flying -= 1
        assert len(taken) <= count + 3
    assert Counting.most <= 3
    assert len(taken) == 50


@pytest.mark.skipif(os.name == "nt", reason="kills a process by signal")
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_batch import sleeps\n"
        "from medqdeg_desktop.engine.batch import process_pool\n"
        "if __name__ == '__main__':\n"
        "    pool = process_pool(1)\n"
        "    print(pool.submit(sleeps, 0).result(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    os.kill(worker, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(worker):
        time.sleep(0.05)
    assert not _runs(worker)


def _runs(process: int) -> bool:
    """Whether a process exists and is no zombie that waits to be reaped."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"

"""Many renders at once: chunks of work through a standard ``concurrent.futures.Executor``, a bounded number in flight.

Image work scales by processes, one a core with one thread each: that leaves no cache and no core contended, and the order
of floating-point sums cannot depend on a thread count. Any other Executor (a cluster's) takes the same chunks. Results come
as they finish; the caller orders them. A worker that dies (out of memory, a decoder that crashes on a hostile file) breaks
a process pool: the pool is made again and what was in flight is run one chunk at a time, so that only the chunk that kills
its worker is given up.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait as wait_for_objects
from typing import Generic, TypeVar

from medqdeg_desktop.engine.memory import keep_freed_memory

T = TypeVar("T")
R = TypeVar("R")

#: Environment of a worker: every numerical library keeps to one thread.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")


_QUIET_TRACKER = "ignore::UserWarning:multiprocessing.resource_tracker"


@dataclass(frozen=True, slots=True)
class Done(Generic[T, R]):
    """A chunk that is finished: its ``result``, or ``killed`` where it took its worker process with it (twice)."""

    task: T
    result: R | None
    killed: bool = False


def core_count() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def process_pool(workers: int) -> Executor:
    """``workers`` fresh processes (spawn) that compute with one thread each and end when this process does, however it ends."""
    os.environ.update(ONE_THREAD)
    _start_tracker()
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker)


def _start_tracker() -> None:
    """Starts the process that clears a pool's semaphores, so that it does so without a word when this process is killed.

    It inherits the warning filters of whoever starts it, and would warn of what it is there to clear. Windows has neither: what
    a process holds there goes with it.
    """
    if os.name == "nt":
        return
    sys.warnoptions.append(_QUIET_TRACKER)
    try:
        resource_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(_QUIET_TRACKER)


def one_thread() -> None:
    """Makes this process compute with one thread, in memory that it keeps."""
    os.environ.update(ONE_THREAD)
    keep_freed_memory()
    import cv2

    cv2.setNumThreads(1)


def _start_worker() -> None:
    """Initialiser of a pool's worker: one thread, an end with its parent, and Ctrl+C left to the parent."""
    one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # A pool's worker waits on a pipe whose other end it holds itself: without this it would outlive a killed parent.
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def run_chunks(
    make_executor: Callable[[], Executor], function: Callable[[T], R], tasks: Iterable[T], *, ahead: int
) -> Iterator[Done[T, R]]:
    """``function`` of each of ``tasks`` on workers, as they finish; at most ``ahead`` chunks are in flight.

    ``function`` and tasks must be picklable. An exception of ``function`` ends the run: chunks in flight are dropped.
    """
    waiting = iter(tasks)
    executor = make_executor()
    flying: dict[Future[R], T] = {}
    try:
        while True:
            broken: list[T] = []
            try:
                for task in waiting:
                    flying[executor.submit(function, task)] = task
                    if len(flying) >= ahead:
                        break
            except BrokenProcessPool:
                broken.append(task)
            if not flying and not broken:
                return
            ready = wait(flying, return_when=FIRST_COMPLETED).done if flying else set()
            for future in ready:
                task = flying.pop(future)
                try:
                    yield Done(task, future.result())
                except BrokenProcessPool:
                    broken.append(task)
            if broken:
                broken += flying.values()
                flying.clear()
                executor.shutdown(wait=False)
                for task in broken:
                    yield _alone(make_executor, function, task)
                executor = make_executor()
    finally:
        # A generator that is left early must not wait for chunks nobody wants. Cancelled one by one, because not every Executor
        # takes ``cancel_futures``.
        for future in flying:
            future.cancel()
        executor.shutdown(wait=False)


def _alone(make_executor: Callable[[], Executor], function: Callable[[T], R], task: T) -> Done[T, R]:
    """One chunk on an executor of its own, tried twice: what kills its worker both times is the chunk's own doing."""
    for _ in range(2):
        executor = make_executor()
        try:
            return Done(task, executor.submit(function, task).result())
        except BrokenProcessPool:
            continue
        finally:
            executor.shutdown(wait=False)
    return Done(task, None, killed=True)


def _end_with(sentinel: int) -> None:
    with contextlib.suppress(OSError):
        wait_for_objects([sentinel])
    os._exit(1)

"""The guarded decoder: files are described and decoded in child processes, so that a hostile file costs a message.

Up to two children are kept, started when first needed, shared by all threads of the program, restarted after death and ended
with the program. A child is a fresh interpreter (never a fork, which a Qt or threaded program would not survive) that has a
memory limit; the program kills it when one answer takes longer than the time limit. A file stays with the child that has
it open, where that child can be had, since inflating a volume twice would cost more than waiting.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading import wire
from medqdeg_desktop.engine.reading.facts import DecodedFrame, FileFacts
from medqdeg_desktop.engine.reading.limits import Limits
from medqdeg_desktop.engine.reading.operations import Operations

#: Files a child describes in one request: short enough that a frame asked for meanwhile waits for some 20 ms.
_BATCH = 32
_START_SECONDS = 60.0
#: How long a request waits for a child that is busy before another one is started for it.
_PATIENCE_SECONDS = 0.05


class Decoder(Protocol):
    """What a series needs: in child processes (``shared_decoder``) or here (``decoder_here``)."""

    def describe(self, paths: Sequence[str], axis: str = "") -> list[FileFacts | UnreadableImageError]:
        """Facts or refusal of each path, in order."""

    def frame(self, path: str, index: int, axis: str = "") -> DecodedFrame:
        """One decoded frame. Raises UnreadableImageError."""

    def percentiles(self, frames: Sequence[tuple[str, int]], axis: str, low: float, high: float) -> tuple[float, float]:
        """Percentiles over several frames. Raises UnreadableImageError."""

    def directory(self, path: str) -> list[str]:
        """Image paths that a DICOMDIR names. Raises UnreadableImageError."""

    def members(self, path: str) -> tuple[list[str], list[UnreadableImageError]]:
        """Paths of the files in an archive, and refusals of the rest. Raises UnreadableImageError."""


class HereDecoder:
    """Decodes in the calling process: for batch workers, which are expendable children themselves."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._operations = Operations(limits or Limits.from_environment())
        self._lock = threading.Lock()

    def describe(self, paths: Sequence[str], axis: str = "") -> list[FileFacts | UnreadableImageError]:
        found: list[FileFacts | UnreadableImageError] = []
        with self._lock:
            for path in paths:
                try:
                    found.append(self._operations.describe(path, axis))
                except UnreadableImageError as error:
                    found.append(error)
        return found

    def frame(self, path: str, index: int, axis: str = "") -> DecodedFrame:
        with self._lock:
            return self._operations.frame(path, index, axis)

    def percentiles(self, frames: Sequence[tuple[str, int]], axis: str, low: float, high: float) -> tuple[float, float]:
        with self._lock:
            return self._operations.percentiles(frames, axis, low, high)

    def directory(self, path: str) -> list[str]:
        with self._lock:
            return self._operations.directory(path)

    def members(self, path: str) -> tuple[list[str], list[UnreadableImageError]]:
        with self._lock:
            paths, refused = self._operations.members(path)
        return paths, [UnreadableImageError(*one) for one in refused]


class _Child:
    """One decoder process and the thread-unsafe conversation with it; ``GuardedDecoder`` lends it to one thread at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._shared = wire.memory_file()
        environment = dict(os.environ)
        package_home = str(Path(__file__).resolve().parents[3])
        environment["PYTHONPATH"] = os.pathsep.join(p for p in (package_home, environment.get("PYTHONPATH", "")) if p)
        # One frame at a time: threads of numerical libraries would only cost address space and start-up time.
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        module = "medqdeg_desktop.engine.reading.child"
        self._process = subprocess.Popen(
            # -P: a folder of images that holds a "pydicom.py" must not be searched for modules when it is the current one.
            [sys.executable, "-P", "-m", module, str(self._shared), json.dumps(asdict(limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._shared,) if self._shared >= 0 else (),
            env=environment,
        )
        self._timed_out = False
        self.holds = ""
        # Starting is not the first file's fault: it has a limit of its own.
        try:
            self.ask({"do": "ready"}, "decoder")("decoder", _START_SECONDS)
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: dict[str, Any], path: str) -> Callable[[str, float], dict[str, Any]]:
        """Sends ``request``; the function returned fetches one answer about a path within so many seconds."""
        assert self._process.stdin is not None
        try:
            wire.send(self._process.stdin, request)
        except OSError:
            raise self._died(path) from None
        return self._answer

    def _answer(self, path: str, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        timer = threading.Timer(seconds, self._time_is_up)
        timer.daemon = True
        timer.start()
        try:
            answer = wire.receive(self._process.stdout)
            if "frame" in answer:
                answer["arrays"] = wire.receive_arrays(self._process.stdout, self._shared, answer, self._limits.frame_bytes)
        except (wire.ClosedError, ValueError, OSError):
            raise self._died(path) from None
        finally:
            timer.cancel()
        if "refused" in answer:
            raise UnreadableImageError(str(answer.get("path", path)), str(answer["refused"]))
        return answer

    def _time_is_up(self) -> None:
        self._timed_out = True
        self._process.kill()

    def _died(self, path: str) -> UnreadableImageError:
        self._process.kill()
        code = self._process.wait()
        if self._timed_out:
            return UnreadableImageError(path, f"decoding took longer than {self._limits.seconds:g} s")
        with contextlib.suppress(ValueError):
            return UnreadableImageError(path, f"crashed the decoder ({signal.Signals(-code).name}); it was started again")
        return UnreadableImageError(path, f"ended the decoder (code {code}); it was started again")

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._shared >= 0:
            os.close(self._shared)
            self._shared = -1


class GuardedDecoder:
    """Describes and decodes in up to ``children`` guarded processes; may be used from any thread."""

    def __init__(self, limits: Limits | None = None, *, children: int = 2) -> None:
        self.limits = limits or Limits.from_environment()
        self._most = children
        self._children: list[_Child] = []
        self._idle: list[_Child] = []
        self._starting = 0
        self._start_failure: BaseException | None = None
        self._queue: list[tuple[object, str]] = []
        self._free = threading.Condition()
        self._closings = 0

    def warm_up(self) -> None:
        """Starts one child and waits until it has loaded what DICOM takes (some 0.5 s), so that the first image need not."""
        with self._lease("") as child:
            child.ask({"do": "load"}, "decoder")("decoder", _START_SECONDS)

    def start_all(self) -> None:
        """Has the other children started as well, without waiting for them."""
        with self._free:
            if len(self._children) + self._starting < self._most and not self._starting:
                self._begin_start()

    def describe(self, paths: Sequence[str], axis: str = "") -> list[FileFacts | UnreadableImageError]:
        found: list[FileFacts | UnreadableImageError] = []
        while len(found) < len(paths):
            batch = paths[len(found) : len(found) + _BATCH]
            with self._lease(batch[0]) as child:
                try:
                    answer = child.ask({"do": "describe", "paths": list(batch), "axis": axis}, batch[0])
                except UnreadableImageError as error:
                    found.append(error)
                    continue
                for path in batch:
                    try:
                        found.append(FileFacts.from_json(answer(path, self.limits.seconds)["facts"]))
                    except UnreadableImageError as error:
                        found.append(error)
                        if not child.alive:
                            break
                child.holds = batch[-1]
        return found

    def frame(self, path: str, index: int, axis: str = "") -> DecodedFrame:
        with self._lease(path) as child:
            answer = child.ask({"do": "frame", "path": path, "index": index, "axis": axis}, path)(path, self.limits.seconds)
            child.holds = path
        return DecodedFrame.from_json(answer["frame"], answer["arrays"])

    def percentiles(self, frames: Sequence[tuple[str, int]], axis: str, low: float, high: float) -> tuple[float, float]:
        path = frames[0][0]
        request = {"do": "percentiles", "frames": list(frames), "axis": axis, "low": low, "high": high}
        with self._lease(path) as child:
            ends = child.ask(request, path)(path, self.limits.seconds * 3)["percentiles"]
            child.holds = frames[-1][0]
        return float(ends[0]), float(ends[1])

    def directory(self, path: str) -> list[str]:
        with self._lease(path) as child:
            answer = child.ask({"do": "directory", "path": path}, path)(path, self.limits.seconds)
        return [str(p) for p in answer["paths"]]

    def members(self, path: str) -> tuple[list[str], list[UnreadableImageError]]:
        with self._lease(path) as child:
            answer = child.ask({"do": "members", "path": path}, path)(path, self.limits.seconds)
        return [str(p) for p in answer["paths"]], [UnreadableImageError(str(p), str(r)) for p, r in answer["refused_members"]]

    def process_ids(self) -> list[int]:
        """Ids of the children that run now."""
        with self._free:
            return [child.pid for child in self._children if child.alive]

    def close(self) -> None:
        """Ends all children; a request that comes later starts new ones."""
        with self._free:
            self._closings += 1
            children, self._children, self._idle = self._children, [], []
            self._free.notify_all()
        for child in children:
            child.close()

    def forget(self) -> None:
        """In a forked process: the children belong to the parent; their pipes must not be used from here."""
        self.__init__(self.limits, children=self._most)  # type: ignore[misc]

    @contextlib.contextmanager
    def _lease(self, path: str) -> Iterator[_Child]:
        child = self._take(path)
        try:
            yield child
        except UnreadableImageError:
            raise
        except BaseException:
            # An interrupt in the middle of a conversation: what the child would still say belongs to nobody.
            self._drop(child)
            raise
        finally:
            self._give_back(child)

    def _take(self, path: str) -> _Child:
        """A child that nobody else talks to: the one that holds ``path`` where there is one, else the first to be free.

        Requests are served in the order of their coming, so that a frame need not wait for all of a folder to be described. A
        second child is started only for a request that has waited for a while: starting takes longer than most requests.
        """
        ticket = object()
        impatient = time.monotonic() + _PATIENCE_SECONDS
        with self._free:
            self._queue.append((ticket, path))
            try:
                while True:
                    child = self._free_child(path, ticket)
                    if child is not None:
                        return child
                    running = len(self._children) + self._starting
                    if self._start_failure is not None and not running:
                        failure, self._start_failure = self._start_failure, None
                        raise failure
                    waits_for_start = not running or (time.monotonic() >= impatient and not self._held(path))
                    if waits_for_start and running < self._most and not self._starting:
                        self._begin_start()
                    self._free.wait(None if self._starting else _PATIENCE_SECONDS)
            finally:
                self._queue.remove((ticket, path))
                self._free.notify_all()

    def _held(self, path: str) -> _Child | None:
        return next((c for c in self._children if path and c.holds == path and c.alive), None)

    def _free_child(self, path: str, ticket: object) -> _Child | None:
        holder = self._held(path)
        # Whoever waits for the child that has its file open stands in nobody's way.
        if holder is None and next(t for t, p in self._queue if self._held(p) is None) is not ticket:
            return None
        while holder in self._idle if holder is not None else self._idle:
            child = holder or self._idle[-1]
            self._idle.remove(child)
            if child.alive:
                return child
            self._children.remove(child)
            child.close()
            holder = None
        return None

    def _begin_start(self) -> None:
        self._starting += 1
        threading.Thread(target=self._start, args=(self._closings,), name="start decoder", daemon=True).start()

    def _start(self, closings: int) -> None:
        """Starts a child and puts it among the idle ones; in a thread of its own. ``closings``: how many there had been."""
        try:
            child = _Child(self.limits)
        except BaseException as error:
            with self._free:
                self._starting -= 1
                self._start_failure = error
                self._free.notify_all()
            return
        with self._free:
            self._starting -= 1
            self._start_failure = None
            # One that was still starting when the others were ended lives on only where somebody waits for it.
            unwanted = closings != self._closings and not self._queue
            if not unwanted:
                self._children.append(child)
                self._idle.append(child)
            self._free.notify_all()
        if unwanted:
            child.close()

    def _drop(self, child: _Child) -> None:
        with self._free:
            if child in self._children:
                self._children.remove(child)
        child._process.kill()
        child.close()

    def _give_back(self, child: _Child) -> None:
        with self._free:
            if child in self._children:
                if child.alive:
                    self._idle.append(child)
                else:
                    self._children.remove(child)
                    child.close()
            self._free.notify_all()


_shared: GuardedDecoder | None = None
_here: HereDecoder | None = None
_lock = threading.Lock()


def shared_decoder() -> GuardedDecoder:
    """The program's guarded decoder."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = GuardedDecoder()
            atexit.register(_shared.close)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_shared.forget)
        return _shared


def decoder_here() -> HereDecoder:
    """The decoder of this very process."""
    global _here
    with _lock:
        if _here is None:
            _here = HereDecoder()
        return _here

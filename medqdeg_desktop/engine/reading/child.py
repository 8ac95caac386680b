"""The decoder process: ``python -P -m ...reading.child DESCRIPTOR LIMITS`` answers requests until its input ends.

It has a memory limit of its own, writes no core file (which would hold patients' pixels), ignores the terminal's interrupt
(the program decides when it ends) and ends itself when one request takes far longer than the program would wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import warnings
from typing import IO, Any

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading import wire
from medqdeg_desktop.engine.reading.limits import Limits
from medqdeg_desktop.engine.reading.operations import Operations


def main(arguments: list[str]) -> None:
    """Serves requests from standard input; standard output carries answers and nothing else."""
    shared, limits = int(arguments[0]), Limits(**json.loads(arguments[1]))
    answers: IO[bytes] = os.fdopen(os.dup(1), "wb")
    # Whatever a native library prints must not end up among the answers.
    os.dup2(2, 1)
    _confine(limits)
    warnings.simplefilter("ignore")
    operations = Operations(limits)
    requests = sys.stdin.buffer
    while True:
        try:
            request = wire.receive(requests)
        except wire.ClosedError:
            return
        _answer(request, operations, answers, shared, limits)


def _confine(limits: Limits) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(ImportError):  # Windows has no resource limits; size checks and the time limit remain.
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = limits.memory_bytes if hard == resource.RLIM_INFINITY else min(limits.memory_bytes, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses a limit on address space.
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _answer(request: dict[str, Any], operations: Operations, answers: IO[bytes], shared: int, limits: Limits) -> None:
    name = request["do"]
    if name == "describe":
        for path in request["paths"]:
            with _time_limit(limits):
                try:
                    wire.send(answers, {"facts": operations.describe(path, request["axis"]).to_json()})
                except UnreadableImageError as error:
                    wire.send(answers, {"refused": error.reason})
        return
    with _time_limit(limits):
        try:
            if name == "frame":
                frame = operations.frame(request["path"], request["index"], request["axis"])
                values, arrays = frame.to_json()
                wire.send_arrays(answers, shared, {"frame": values}, arrays)
            elif name == "percentiles":
                frames = [(str(path), int(index)) for path, index in request["frames"]]
                ends = operations.percentiles(frames, request["axis"], request["low"], request["high"])
                wire.send(answers, {"percentiles": ends})
            elif name == "directory":
                wire.send(answers, {"paths": operations.directory(request["path"])})
            elif name == "members":
                paths, refused = operations.members(request["path"])
                wire.send(answers, {"paths": paths, "refused_members": refused})
            elif name == "load":
                operations.load()
                wire.send(answers, {"ready": True})
            else:
                wire.send(answers, {"ready": True})
        except UnreadableImageError as error:
            wire.send(answers, {"refused": error.reason, "path": error.path})
        except MemoryError:
            wire.send(answers, {"refused": "needs more memory than decoding may use"})


@contextlib.contextmanager
def _time_limit(limits: Limits) -> Any:
    """Ends the process by SIGALRM should the program be gone and unable to: an orphan must not run on."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 10 * limits.seconds + 5)
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main(sys.argv[1:])

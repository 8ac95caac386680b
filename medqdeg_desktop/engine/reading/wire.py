"""How the program and its decoder process talk: JSON messages with a length in front, pixels beside them.

Where the system has file descriptors that children inherit (POSIX), pixels lie in a memory file that both hold; the program
reads them from it into an array of its own, so that a decoder that dies or misbehaves later cannot pull memory away. Elsewhere
they follow the message in the pipe.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_DTYPES: dict[str, np.dtype[Any]] = {"<f4": np.dtype("<f4"), "|u1": np.dtype("u1")}
_MESSAGE_LIMIT = 256 << 20


class ClosedError(EOFError):
    """The other side has gone."""


def send(pipe: IO[bytes], message: dict[str, Any]) -> None:
    body = json.dumps(message, separators=(",", ":")).encode()
    pipe.write(struct.pack(">I", len(body)) + body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> dict[str, Any]:
    """The next message. Raises ClosedError at the end of the stream."""
    (length,) = struct.unpack(">I", _exactly(pipe, 4))
    if length > _MESSAGE_LIMIT:
        raise ClosedError("message too long")
    message = json.loads(_exactly(pipe, length))
    if not isinstance(message, dict):
        raise ClosedError("no message")
    return message


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = pipe.read(count)
        if not part:
            raise ClosedError("the other side closed the pipe")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def memory_file() -> int:
    """Descriptor of an anonymous file in memory (on disk and unlinked where the system has none); -1 where none is inherited."""
    if os.name != "posix":
        return -1
    if hasattr(os, "memfd_create"):
        return os.memfd_create("medqdeg-pixels", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile(prefix="medqdeg-") as file:
        return os.dup(file.fileno())


def send_arrays(pipe: IO[bytes], shared: int, message: dict[str, Any], arrays: list[Array]) -> None:
    """``message`` with the shapes of ``arrays`` under "arrays", and their bytes."""
    plain = [np.ascontiguousarray(a, "<f4" if a.dtype.kind == "f" else "u1") for a in arrays]
    message["arrays"] = [[a.dtype.str, list(a.shape)] for a in plain]
    if shared < 0:
        send(pipe, message)
        for array in plain:
            pipe.write(array.data)
        pipe.flush()
        return
    # Nothing of an earlier, larger frame stays in memory.
    os.ftruncate(shared, sum(a.nbytes for a in plain))
    offset = 0
    for array in plain:
        view = memoryview(array.data).cast("B") if array.size else memoryview(b"")
        while view:
            written = os.pwrite(shared, view, offset)
            view = view[written:]
            offset += written
    send(pipe, message)


def receive_arrays(pipe: IO[bytes], shared: int, message: dict[str, Any], most_bytes: int) -> list[Array]:
    """The arrays that ``message`` announces, each in memory of its own; ClosedError where they cannot be what they claim."""
    arrays: list[Array] = []
    offset = 0
    for dtype, shape in message.pop("arrays"):
        if dtype not in _DTYPES or len(shape) > 3 or any(not isinstance(n, int) or n < 0 for n in shape):
            raise ClosedError("impossible array")
        size = int(np.prod(shape, dtype=object)) * _DTYPES[dtype].itemsize
        if size > most_bytes:
            raise ClosedError("array too large")
        array: Array = np.empty(shape, _DTYPES[dtype])
        view = memoryview(array.data).cast("B") if size else memoryview(b"")
        while view:
            if shared < 0:
                part = pipe.read(len(view))
                count = len(part)
                view[:count] = part
            else:
                count = os.preadv(shared, [view], offset)
            if not count:
                raise ClosedError("array is cut off")
            view = view[count:]
            offset += count
        arrays.append(array)
    return arrays

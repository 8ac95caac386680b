"""What of a set is finished: one line an item, appended after the item's images are on the disk.

The journal lies in ``.journal`` of the set's folder: the plan, and one ``part-I-of-N.jsonl`` for each shard (I = N = 1
without shards). A line that a kill cut short is dropped; an item whose line is there but whose file is gone is made again.
When all items are done their lines, in the plan's order, become ``metadata.jsonl`` and the journal is removed. Only byte
offsets are held in memory.
"""

from __future__ import annotations

import errno
import json
import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from medqdeg_desktop.bank import plan
from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.bank.render import Rendered
from medqdeg_desktop.engine import atomic


class Journal:
    """The journal of one set, written by one shard and read over all of them."""

    def __init__(self, dataset: Path, folder: Path, items: int, part: tuple[int, int] = (1, 1)) -> None:
        self._dataset = dataset
        self.folder = folder
        self._items = items
        self._own = folder / f"part-{part[0]}-of-{part[1]}.jsonl"
        self._file: IO[bytes] | None = None

    def open(self) -> None:
        """Takes this shard's part for writing. DatasetError when another process writes it."""
        self._file = self._own.open("ab+")
        if not _lock(self._file):
            self._file.close()
            self._file = None
            raise DatasetError(f"{self._dataset}: another process is generating this set")
        self._file.truncate(_whole_lines(self._file))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def append(self, done: list[Rendered]) -> None:
        """Makes finished items durable; an item counts as done after this, not before."""
        assert self._file is not None
        self._file.write(b"".join(map(_line, done)))
        self._file.flush()
        os.fsync(self._file.fileno())

    def restore(self, dataset: Dataset) -> None:
        """Writes a finished set's items back as this shard's part, so that what is missing from it can be made again."""
        remaining = dataset.rows()
        row = next(remaining, None)
        with atomic.opened(self._own) as file:
            for _, _, line in plan.located(self.folder / plan.PLAN):
                own = []
                while row is not None and row["item_id"] == line["item"]["item_id"]:
                    own.append(row)
                    row = next(remaining, None)
                if own:
                    file.write(_line(Rendered(line["n"], own[0]["item_id"], tuple(own))))

    def finished(self) -> Finished:
        """Where the line of each finished item stands, over the parts of all shards."""
        found = Finished(self._items)
        for path, at, line in self._lines():
            # Left-out items are tried again by a later run: what was unreadable then may have been put right.
            if not line["reason"] and all((self._dataset / row["file_name"]).is_file() for row in line["rows"]):
                found.note(path, at, line)
        return found

    def left_out(self, finished: Finished) -> list[tuple[str, str]]:
        """(item, reason) of every item that was tried and is not finished, in the plan's order."""
        reasons = {line["n"]: (line["item"], line["reason"]) for _, _, line in self._lines() if line["reason"]}
        return [reasons[n] for n in sorted(reasons) if n not in finished]

    def _lines(self) -> Iterator[tuple[Path, int, dict[str, Any]]]:
        for path in sorted(self.folder.glob("part-*.jsonl")):
            with path.open("rb") as file:
                at = 0
                for raw in file:
                    if raw.endswith(b"\n"):
                        yield path, at, json.loads(raw)
                    at += len(raw)


class Finished:
    """Index of the finished items: which part of the journal and where in it, as two flat arrays."""

    def __init__(self, items: int) -> None:
        self._parts: list[Path] = []
        self._part = array("h", [-1]) * items
        self._offset = array("q", [0]) * items
        self.count = 0
        self.images = 0

    def __contains__(self, n: int) -> bool:
        return self._part[n] >= 0

    def note(self, path: Path, offset: int, line: dict[str, Any]) -> None:
        """Remembers that ``line`` stands at ``offset`` of ``path``; the first line of an item counts."""
        if line["n"] in self:
            return
        if not self._parts or self._parts[-1] != path:
            self._parts.append(path)
        self._part[line["n"]] = len(self._parts) - 1
        self._offset[line["n"]] = offset
        self.count += 1
        self.images += len(line["rows"])

    def rows(self) -> Iterator[dict[str, Any]]:
        """All lines of metadata in the plan's order, one at a time."""
        files = [path.open("rb") for path in self._parts]
        try:
            for part, offset in zip(self._part, self._offset, strict=True):
                if part >= 0:
                    files[part].seek(offset)
                    yield from json.loads(files[part].readline())["rows"]
        finally:
            for file in files:
                file.close()


def _line(done: Rendered) -> bytes:
    line = {"n": done.n, "item": done.item_id, "reason": done.reason, "rows": done.rows}
    return f"{json.dumps(line, ensure_ascii=False, allow_nan=False)}\n".encode()


def _whole_lines(file: IO[bytes]) -> int:
    """Length of ``file`` up to its last line end: what a kill cut short is not counted."""
    length = file.seek(0, os.SEEK_END)
    step = 1 << 16
    while length > 0:
        start = max(0, length - step)
        file.seek(start)
        at = file.read(length - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        length = start
    return 0


def _lock(file: IO[bytes]) -> bool:
    """False when another process holds the file; the lock ends with the process, however it ends.

    Where the file system knows no locks (some network shares) the file counts as free.
    """
    try:
        if os.name == "nt":
            import msvcrt

            # Windows bars others from reading what is locked: a byte far behind the end bars nobody.
            file.seek(1 << 40)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True

"""What the window remembers of itself between starts: sizes, places, the last study and reader; never a decision."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import platformdirs

from medqdeg_desktop.engine.atomic import write_bytes


def data_folder() -> Path:
    """The user's folder for studies and the window's own state."""
    return Path(platformdirs.user_data_dir("medqdeg", appauthor=False))


class Preferences:
    """A small JSON file, read once, written whole. One that cannot be read counts as empty."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or data_folder() / "window.json"
        self._values: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._waiting: bytes | None = None
        self._writer: threading.Thread | None = None
        self._newest = b""
        try:
            read = json.loads(self.path.read_text("utf-8"))
            if isinstance(read, dict):
                self._values = read
        except (OSError, ValueError):
            pass

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``; ``default`` also where what is stored is of another kind."""
        value = self._values.get(key, default)
        return value if default is None or isinstance(value, type(default)) else default

    def set(self, key: str, value: Any) -> None:
        self._values[key] = value

    def save(self) -> None:
        """Writes the file; a disk that refuses costs the memory of sizes, not the window."""
        with self._lock:
            self._waiting, writer = None, self._writer
        if writer is not None:
            writer.join()
        self._newest = self._as_bytes()
        self._write(self._newest)

    def save_aside(self) -> None:
        """As ``save``, where something has changed since, without waiting for the disk."""
        now = self._as_bytes()
        if now == self._newest:
            return
        self._newest = now
        with self._lock:
            self._waiting = now
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_waiting, name="preferences")
                self._writer.start()

    def _as_bytes(self) -> bytes:
        return json.dumps(self._values, sort_keys=True).encode()

    def _write_waiting(self) -> None:
        while True:
            with self._lock:
                data, self._waiting = self._waiting, None
                if data is None:
                    self._writer = None
                    return
            self._write(data)

    def _write(self, data: bytes) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(self.path, data)
        except OSError:
            return

"""What the window remembers of itself between starts: sizes, places, the last study and reader; never a decision."""

from __future__ import annotations

import json
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
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(self.path, json.dumps(self._values, indent=1, sort_keys=True).encode())
        except OSError:
            return

"""A keyring for tests: keyring's own interface over one JSON file, which the commands that a window starts see as well.

``PYTHON_KEYRING_BACKEND=tests.kept_keyring.KeptKeyring`` with ``MEDQDEG_TEST_KEYRING=FILE`` makes it that of a process. The
file's entry ``mood`` makes it refuse as real ones do: ``locked``, ``denied``, ``absent`` or ``forgetful``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, NoKeyringError, PasswordDeleteError, PasswordSetError


class KeptKeyring(KeyringBackend):
    """Holds (service, user) -> password in the file."""

    priority = 1.0  # type: ignore[assignment]
    name = "the keyring of the tests"

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        self.path = path or Path(os.environ["MEDQDEG_TEST_KEYRING"])
        #: Services and users that were asked for, in order.
        self.asked: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append(username)
        return self._read().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        held = self._read()
        if held.get("mood") == "denied":
            # Some systems repeat what they were given.
            raise PasswordSetError(f"Can't store {password!r} on keychain: (-128, 'user cancelled')")
        if held.get("mood") != "forgetful":
            self._write(held | {f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        held = self._read()
        if held.pop(f"{service}/{username}", None) is None:
            raise PasswordDeleteError("No such password!")
        self._write(held)

    def become(self, mood: str) -> None:
        self._write(json.loads(self.path.read_text("utf-8") if self.path.exists() else "{}") | {"mood": mood})

    def held(self) -> dict[str, str]:
        """What it holds, whatever its mood."""
        read = json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}
        return {name: value for name, value in read.items() if name != "mood"}

    def _read(self) -> dict[str, str]:
        held: dict[str, str] = json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}
        if held.get("mood") == "locked":
            raise KeyringLocked("Failed to unlock the collection!")
        if held.get("mood") == "absent":
            raise NoKeyringError
        return held

    def _write(self, held: dict[str, str]) -> None:
        self.path.write_text(json.dumps(held), "utf-8")

"""Where the files that ship with the product lie: ``resources/`` of a checkout, or the copy inside an installed wheel."""

from __future__ import annotations

from pathlib import Path

from medqdeg_desktop.errors import MedqdegError

_PACKAGE = Path(__file__).resolve().parent
_ROOTS = (_PACKAGE / "resources", _PACKAGE.parent / "resources")


def shipped(name: str) -> Path:
    """Path of the shipped file or folder ``name`` (for example ``"profiles/default.json"``).

    Raises MedqdegError when the installation is incomplete.
    """
    for root in _ROOTS:
        path = root / name
        if path.exists():
            return path
    raise MedqdegError(f"the installation lacks resources/{name}; install the package again")

"""The study file (SQLite): schema and migrations, records, audit chain, bundles for exchange.

The window opens a study as it starts, and sqlite-utils loads pandas (a second, and 100 MB) wherever it is installed, only to know
the name of one of its types. It is loaded here without: nothing in a study file is a data frame.
"""

from __future__ import annotations

import sys


def _load_sqlite_utils_alone() -> None:
    if "pandas" in sys.modules or "sqlite_utils" in sys.modules:
        return
    # The import system's own way to say that a module is not to be had, for the length of one import.
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        import sqlite_utils  # noqa: F401
    finally:
        del sys.modules["pandas"]


_load_sqlite_utils_alone()

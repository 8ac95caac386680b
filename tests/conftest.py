"""Fixtures that all areas share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

_CHECKOUT = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("MEDQDEG_TEST_DATA", _CHECKOUT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the openly licensed sample files; a test that needs it says so when it is absent."""
    if not (SHARED_DATA / "MANIFEST.md").is_file():
        pytest.skip(f"sample files not found at {SHARED_DATA} (set MEDQDEG_TEST_DATA)")
    return SHARED_DATA

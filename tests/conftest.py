"""Fixtures that all areas share, and what the continuous run is strict about: skips and leaks."""

from __future__ import annotations

import gc
import multiprocessing
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The tests never write to the user's own keyring, settings or recent lists.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
os.environ["MEDQDEG_SKILLS"] = str(Path(tempfile.gettempdir()) / "no site table of skills.csv")

_CHECKOUT = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("MEDQDEG_TEST_DATA", _CHECKOUT.parent / "shared" / "data"))
STRICT = os.environ.get("MEDQDEG_STRICT") == "1"

#: Reasons for which a test may skip even in the strict run: what the machine itself cannot have.
_EXPECTED_SKIPS = (
    r"^sample files not found at .*" if not SHARED_DATA.is_dir() else r"(?!)",
    r"^no GPU on this machine",
    r"^runs on (Windows|macOS) only",
    r"^no installed .* to compare with \(extra bench\)",
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the openly licensed sample files; a test that needs it says so when it is absent."""
    if not (SHARED_DATA / "MANIFEST.md").is_file():
        pytest.skip(f"sample files not found at {SHARED_DATA} (set MEDQDEG_TEST_DATA)")
    return SHARED_DATA


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if STRICT and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(re.search(pattern, reason) for pattern in _EXPECTED_SKIPS):
            report.outcome = "failed"
            report.longrepr = f"unexpected skip: {reason}"
    return report


@pytest.fixture(scope="session", autouse=True)
def one_application(qapp: object) -> object:
    """The one application object of the process, made before anything prints: printing alone would make one without widgets."""
    return qapp


def _left_behind() -> list[str]:
    gc.collect()
    threads = [f"thread {t.name}" for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    children = [f"child process {p.name}" for p in multiprocessing.active_children() if not p.daemon]
    return threads + children


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """After the last test no thread, child process or temporary folder of the product is left."""
    temporary = Path(tempfile.gettempdir())
    before = set(temporary.glob("medqdeg*"))
    yield
    deadline = time.monotonic() + 10
    while (left := _left_behind()) and time.monotonic() < deadline:
        time.sleep(0.1)
    left += [f"temporary {path}" for path in sorted(set(temporary.glob("medqdeg*")) - before)]
    if STRICT and left:
        pytest.fail(f"left behind after the last test: {', '.join(left)}")

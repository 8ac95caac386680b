"""What the product asks of the operating system."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that asks a program to end")
def test_a_command_told_to_stop_removes_its_temporary_folder(tmp_path: Path) -> None:
    code = """
import tempfile, time
from medqdeg_desktop.system import stop_deferred
with stop_deferred() as stop, tempfile.TemporaryDirectory(prefix="estimate-"):
    print("ready", flush=True)
    while not stop.is_set():
        time.sleep(0.01)
print("not stopped", flush=True)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert child.stdout is not None
    with child, child.stdout:
        assert child.stdout.readline() == "ready\n"
        assert list(tmp_path.iterdir())
        child.send_signal(signal.SIGTERM)
        assert child.stdout.read() == "" and child.wait(30) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []

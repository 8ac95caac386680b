"""Freed memory is kept: arrays made and dropped again touch no fresh pages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_COUNT = """
import resource, sys, threading
import numpy as np
from medqdeg_desktop.engine.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()

def pictures(count):
    for _ in range(count):
        planes = [np.ones((512, 512, 3), np.float32) for _ in range(4)]
        del planes

def run():
    pictures(3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pictures(10)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_pictures_after_the_first_ones_touch_no_fresh_pages() -> None:
    def faults(how: str) -> int:
        run = subprocess.run([sys.executable, "-c", _COUNT, how], capture_output=True, text=True, check=True)
        return int(run.stdout)

    assert faults("keep") < 500
    # Ten times four arrays of 3 MB are 30,000 pages.
    assert faults("as it is") > 5000

"""What the engine costs before the first picture."""

from __future__ import annotations

import subprocess
import sys

_START = """
import sys, time
begin = time.process_time()
from medqdeg_desktop.engine.degradation import registry
assert len(registry()) == 18
print(time.process_time() - begin, *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def _started() -> tuple[float, set[str]]:
    seconds, *modules = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), set(modules)


def test_the_engine_loads_nothing_that_a_picture_may_never_need() -> None:
    modules = _started()[1]
    assert {"numpy", "cv2"} <= modules
    assert not modules & {"scipy", "pydicom", "SimpleITK", "nibabel", "PIL", "torch", "PySide6", "sqlite_utils"}


def test_the_engine_starts_within_half_a_second_of_processor_time() -> None:
    assert min(_started()[0] for _ in range(3)) < 0.5

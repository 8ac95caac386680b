"""What the engine costs before the first picture."""

from __future__ import annotations

import subprocess
import sys

_START = """
import sys
from medqdeg_desktop.engine.degradation import registry
assert len(registry()) == 18
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_engine_loads_nothing_that_a_picture_may_never_need() -> None:
    started = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True)
    modules = set(started.stdout.split())
    assert {"numpy", "cv2"} <= modules
    assert not modules & {"scipy", "pydicom", "SimpleITK", "nibabel", "PIL", "torch", "PySide6", "sqlite_utils"}

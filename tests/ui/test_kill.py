"""A window killed at any moment loses nothing that it had said was kept."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medqdeg_desktop.study.store import Study

_READER = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from medqdeg_desktop.ui import application, main_window

class Window(main_window.MainWindow):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.session.kept.connect(self.tell)
        self.work = QTimer(self, interval=20)
        self.work.timeout.connect(self.set_next)
        self.work.start()
        self.step = 0

    def set_next(self):
        calibrate = self.workspace("calibrate")
        if calibrate.live.confirmable is not None and self.session.is_open:
            self.step += 1
            calibrate.nudge(0.05 if self.step % 19 else -0.9)
            calibrate.set_level("L1" if self.step % 2 else "L2")

    def tell(self, at):
        # What the foot says at this moment, for the test to hold against the file.
        made = self.workspace("calibrate").desk._made
        if made:
            print(made[-1][0], flush=True)

main_window.MainWindow = Window
application.run([Path(sys.argv[1]), Path(sys.argv[2])])
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a signal of Unix")
def test_kill_while_levels_are_being_set_loses_nothing_kept(tmp_path: Path, shared_data: Path) -> None:
    study_path = tmp_path / "killed.medq"
    Study.create(study_path).close()
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    picture = shared_data / "dicom" / "ct" / "CT_small.dcm"
    said: list[str] = []
    for turn in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", _READER, str(study_path), str(picture)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        for _ in range(6):
            line = child.stdout.readline()
            assert line, "the window ended by itself"
            said.append(line.strip())
        time.sleep(random.Random(turn).uniform(0, 0.15))
        child.send_signal(signal.SIGKILL)
        said += child.stdout.read().split()
        child.stdout.close()
        child.wait()
        with Study.open(study_path) as study:
            recorded = {s.event_id for s in study.setting_history()}
            assert set(said) <= recorded
            assert study.verify() == []
    assert len(set(said)) >= 18

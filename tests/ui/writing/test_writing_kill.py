"""A window killed while somebody types loses at most the last two seconds of typing, and never what the foot called kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medqdeg_desktop.bank.writing import drafts, versions
from medqdeg_desktop.samples.ct import ct_abdomen
from medqdeg_desktop.samples.dicom_file import write_dicom
from medqdeg_desktop.study.store import Study

_WRITER = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from medqdeg_desktop.ui import application, main_window

class Window(main_window.MainWindow):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.session.kept.connect(self.tell)
        self.work = QTimer(self, interval=30)
        self.work.timeout.connect(self.type_on)
        self.work.start()
        self.letters = 0

    def type_on(self):
        calibrate = self.workspace("calibrate")
        if calibrate.image is None or not self.session.is_open:
            return
        if not calibrate.writing:
            calibrate.toggle_writing()
        # A letter every 30 ms and never a pause: nothing waits for the hand to rest.
        self.letters += 1
        calibrate.writing_panel.form.question.insertPlainText("abcdefghij"[self.letters % 10])

    def tell(self, at):
        kept = self.workspace("calibrate").desk_of_questions.written
        print(max((len(one.draft.question) for one in kept.values()), default=0), flush=True)

main_window.MainWindow = Window
application.run([Path(sys.argv[1]), Path(sys.argv[2])])
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a signal of Unix")
def test_typing_survives_the_window(tmp_path: Path) -> None:
    study_path, picture = tmp_path / "killed.medq", tmp_path / "a.dcm"
    Study.create(study_path).close()
    write_dicom(ct_abdomen(1, size=64).image, picture, series="a", description="Phantom")
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    child = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(study_path), str(picture)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    said = []
    while len(said) < 3:
        line = child.stdout.readline()
        assert line, "the window ended by itself"
        said.append(int(line))
    child.send_signal(signal.SIGKILL)
    said += [int(line) for line in child.stdout.read().split()]
    child.stdout.close()
    child.wait()
    with Study.open(study_path) as study:
        (draft,) = drafts(study)
        assert len(draft.question) >= said[-1] > 0
        assert draft.question.startswith("bcdefghija")
        lengths = [len(one.question) for one in versions(study, draft.item_id)]
        assert lengths == sorted(lengths) and len(lengths) >= 2
        assert study.verify() == []

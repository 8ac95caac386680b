"""The window of a reader study killed at random instants: what was confirmed stays, and nothing confirmed is asked again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from reading_hands import skin_pictures, skin_study

from medqdeg_desktop.calibration.protocol import CellDesign
from medqdeg_desktop.calibration.trials import ADJUST, adjustment
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality

_KILLS = 10
_TYPES = ("adjust_brightness", "gaussian_blur", "low_resolution", "motion_blur")


def _noted(path: Path, word: str) -> list[str]:
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]


def _until_shown(notes: Path, trials: int, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while len(_noted(notes, "shown")) < trials and child.poll() is None:
        assert time.monotonic() < deadline, f"{trials} trials were not shown within a minute"
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a signal of Unix")
def test_a_window_killed_ten_times_in_a_session_loses_nothing_confirmed_and_asks_nothing_twice(tmp_path: Path) -> None:
    pictures = skin_pictures(tmp_path, 6)
    cells = tuple(CellDesign(t, Modality.DERMOSCOPY, tuple(p.image_id for p in pictures)) for t in _TYPES)
    path, fixed, protocol = skin_study(tmp_path, pictures, cells=cells, catch_share=0.1)
    here = Path(__file__).parent
    environment = os.environ | {
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_DATA_HOME": str(tmp_path),
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parent.parent)]),
    }
    with Study.open(path) as study:
        planned = [t.key for t in adjustment(fixed, protocol, study.ensure_reader("Reader 1").reader_id)]
    # Repeats wait for a session other than that of their first showing, so that theirs may change places.
    first = [key for key in planned if "again" not in key]
    rng = random.Random(3)
    on_disk: list[list[str]] = [[]]
    for attempt in range(_KILLS + 1):
        notes = tmp_path / f"notes{attempt}"
        command = [sys.executable, str(here / "reading_window.py"), str(path), str(notes)]
        said = tmp_path / "said"
        with said.open("w") as stderr, subprocess.Popen(command, env=environment, stderr=stderr) as child:
            try:
                if attempt < _KILLS:
                    # Somewhere in one of the next few trials, however quick the machine is.
                    _until_shown(notes, rng.randrange(1, 6), child)
                    time.sleep(rng.uniform(0.0, 0.05))
                    assert child.poll() is None, f"the window ended by itself: {said.read_text('utf-8')}"
                else:
                    assert child.wait(timeout=90) == 0, said.read_text("utf-8")
            finally:
                child.kill()
        shown, kept = _noted(notes, "shown"), _noted(notes, "kept")
        with Study.open(path) as study:
            answered = [a.key for a in study.trials(fixed.protocol_id, "Reader 1")]
            assert study.verify() == []
        # What was there stays in its place, and what the window went on from is on disk.
        assert answered[: len(on_disk[-1])] == on_disk[-1] and set(kept) <= set(answered)
        # Nothing that is on disk is shown again, a run shows each trial once and begins at the very one that was open.
        assert len(shown) == len(set(shown)) and not set(shown) & set(on_disk[-1])
        left = [key for key in first if key not in on_disk[-1]]
        assert not left or shown[0] == left[0]
        on_disk.append(answered)
    assert "finished" in notes.read_text("utf-8").splitlines()
    assert sum(len(after) > len(before) for before, after in pairwise(on_disk[:-1])) >= _KILLS // 2
    with Study.open(path) as study:
        assert (study.ensure_reader("Reader 1").reader_id, ADJUST) in study.locks(fixed.protocol_id)
    assert sorted(on_disk[-1]) == sorted(planned) and len(planned) == 6 + 4 * 7 * 2 + round(0.1 * 48) + round(0.1 * 8)
    assert on_disk[-1][: len(first)] == first

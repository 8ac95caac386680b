"""A reader's session killed at random moments: what was confirmed stays, nothing is asked twice, and the order never changes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from simulated_readers import fixed_protocol, make_protocol

from medqdeg_desktop.calibration.trials import adjustment
from medqdeg_desktop.study.store import Study


@pytest.mark.slow
def test_a_session_killed_ten_times_loses_nothing_and_asks_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "killed.medq"
    with Study.create(path) as study:
        protocol = make_protocol(("gaussian_blur", "gaussian_noise", "low_dose"))
        fixed = fixed_protocol(study, protocol)
        reader = study.ensure_reader("R1").reader_id
    here = Path(__file__).parent
    command = [sys.executable, str(here / "reading_process.py"), str(path), fixed.protocol_id]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent.parent)])}
    rng = random.Random(5)
    said: list[list[str]] = []
    for attempt in range(11):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            if attempt < 10:
                # Somewhere in the next few trials, between showing and keeping as well.
                lines += [process.stdout.readline() for _ in range(rng.randrange(1, 9))]
                time.sleep(rng.random() * 0.02)
                process.kill()
            lines += process.stdout.readlines()
        said.append([line.strip() for line in lines if line.strip()])
    assert said[-1][-1] == "finished"
    with Study.open(path) as study:
        kept = [a.key for a in study.trials(fixed.protocol_id, "R1")]
        assert study.verify() == []
        planned = [t.key for t in adjustment(fixed, protocol, reader)]
        assert sorted(kept) == sorted(planned)
        # Repeats wait for a session other than that of their first showing, so that theirs may change places.
        first = [key for key in planned if "again" not in key]
        assert kept[: len(first)] == first
    told = [line.removeprefix("kept ") for lines in said for line in lines if line.startswith("kept ")]
    assert len(told) == len(set(told)) and set(told) <= set(kept)
    confirmed: set[str] = set()
    for before, after in pairwise(said):
        confirmed |= {line.removeprefix("kept ") for line in before if line.startswith("kept ")}
        assert not confirmed & {line.removeprefix("shown ") for line in after}

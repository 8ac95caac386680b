"""A disk without room: refused before anything is begun, or stopped with one line; room completes the set with the same bytes.

The limits are the system's own: a maximal file size, and a small file system of its own where this machine lets a user mount
one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bank_samples import here, tree

from medqdeg_desktop.bank import room
from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.verify import verify_dataset
from medqdeg_desktop.study.store import Study

ASKED = Asked(seed=11)
_IN_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def _may_mount() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        probe = subprocess.run([*_IN_NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    except OSError:
        return False
    return probe.returncode == 0


def test_a_set_that_will_not_fit_is_refused_before_anything_is_begun(
    bank_of: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = bank_of(12)
    monkeypatch.setattr(room, "free_bytes", lambda _: 20_000)
    with pytest.raises(DatasetError, match=r"room for 0\.0 GB and the \d+ images still to make .* nothing was begun"):
        generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
    assert not (tmp_path / "set" / "images").exists()
    assert not list((tmp_path / "set").glob(".tmp-*"))
    monkeypatch.setattr(room, "free_bytes", lambda _: 2_000_000)
    assert generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here).complete


def test_a_run_stops_as_soon_as_its_own_images_say_that_the_rest_will_not_fit(
    bank_of: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = bank_of(24)
    monkeypatch.setattr(room, "check_before", lambda *_: None)
    monkeypatch.setattr(room, "SPARE_BYTES", 1 << 62)
    with pytest.raises(DatasetError, match=r"room for 0\.0 GB .* what is finished is kept"):
        generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
    monkeypatch.undo()
    result = generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
    assert 0 < result.rendered < result.images


def test_a_limit_on_file_sizes_stops_the_run_with_one_line_and_its_end_completes_it(
    bank_of: Callable[..., Study], tmp_path: Path
) -> None:
    study = bank_of(16)
    arguments = ["generate", str(study.path), "--out", str(tmp_path / "set"), "--seed", "11", "--workers", "1"]
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000));"
        "from medqdeg_desktop.cli import main; main()"
    )
    study.close()
    stopped = subprocess.run([sys.executable, "-c", limited, *arguments], capture_output=True, text=True, check=False)
    assert stopped.returncode == 1
    last = stopped.stderr.strip().splitlines()[-1]
    assert "limit on the size of files is reached; what is finished is kept" in last
    # The limit fell into a line of the journal: what stands of it must not be taken for a finished item.
    part = tmp_path / "set" / ".journal" / "part-1-of-1.jsonl"
    assert part.stat().st_size == 60_000
    with Study.open(study.path) as again:
        result = generate(again, tmp_path / "set", ASKED, workers=1, make_executor=here)
        assert 0 < result.rendered < result.images
        generate(again, tmp_path / "undisturbed", ASKED, workers=1, make_executor=here)
    assert tree(tmp_path / "set") == tree(tmp_path / "undisturbed")


_FILL = """
import shutil, subprocess, sys
from pathlib import Path
from bank_samples import here
from medqdeg_desktop.bank import room
from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.store import Study

study_path, disk, out = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], check=True)
room.SPARE_BYTES = 1 << 20
filler = Path(disk) / "filler"

class FillUp(Progress):
    def update(self, done, total, message="", **figures):
        if done and not filler.exists():
            room.SPARE_BYTES = -(1 << 40)
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError as error:
                    print("filled", error.errno)

with Study.open(study_path) as study:
    asked = dict(workers=1, make_executor=here)
    try:
        generate(study, Path(disk) / "set", Asked(seed=11), progress=FillUp("g"), **asked)
    except DatasetError as error:
        print(error)
    filler.unlink()
    print("complete", generate(study, Path(disk) / "set", Asked(seed=11), **asked).complete)
shutil.copytree(Path(disk) / "set", out)
"""

if _may_mount():

    def test_a_disk_that_fills_up_in_mid_run_loses_nothing(bank_of: Callable[..., Study], tmp_path: Path) -> None:
        study = bank_of(30)
        generate(study, tmp_path / "undisturbed", ASKED, workers=1, make_executor=here)
        study.close()
        disk = tmp_path / "disk"
        disk.mkdir()
        command = [*_IN_NAMESPACE, sys.executable, "-c", _FILL, str(study.path), str(disk), str(tmp_path / "set")]
        there = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=there)
        assert done.returncode == 0, done.stderr
        said = done.stdout.splitlines()
        assert said[0] == "filled 28"
        assert "set: the disk is full; what is finished is kept" in said[1]
        assert said[2] == "complete True"
        assert tree(tmp_path / "set") == tree(tmp_path / "undisturbed")
        assert verify_dataset(tmp_path / "set") == []

"""A hostile file costs one message: the program lives, the decoder comes back, nothing is left behind."""

from __future__ import annotations

import gc
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from dicom_files import (
    dataset,
    deeply_nested,
    deflate_bomb,
    rle_that_claims_gigabytes,
    save,
    stack,
    truncated,
    two_million_frames,
)

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading import guard, read_image, scan, shared_decoder
from medqdeg_desktop.engine.reading.guard import GuardedDecoder
from medqdeg_desktop.engine.reading.limits import MIB, Limits


@pytest.fixture
def decoder() -> Iterator[GuardedDecoder]:
    made = GuardedDecoder(Limits(seconds=5), children=2)
    yield made
    made.close()


@pytest.fixture
def good(tmp_path: Path) -> str:
    return str(save(tmp_path / "good.dcm", dataset(np.arange(64, dtype=np.uint16).reshape(8, 8))))


def _bomb(path: Path) -> Path:
    return deflate_bomb(path, 300)


@pytest.mark.parametrize(
    "make,reason",
    [
        (rle_that_claims_gigabytes, r"would take 16,384 MB; the limit is 512 MB"),
        (_bomb, r"inflates to more than 256 MB"),
        (two_million_frames, r"says 2,000,000 frames; the limit is 100,000"),
        (deeply_nested, r"nested too deeply"),
        (truncated, r"5,192 bytes where 1 x 64 x 64 need 8,192"),
    ],
)
def test_a_hostile_file_is_refused_with_its_reason_in_one_line(
    make: Callable[[Path], Path], reason: str, tmp_path: Path, good: str
) -> None:
    path = make(tmp_path / "hostile.dcm")
    assert path.stat().st_size < 2 * MIB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    with pytest.raises(UnreadableImageError, match=reason) as caught:
        read_image(path)
    assert time.monotonic() - started < 20
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    # The program itself inflated, allocated and parsed nothing.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024
    found = scan(tmp_path)
    assert [Path(r.path).name for r in found.refused] == ["hostile.dcm"]
    assert read_image(good).pixels.shape == (8, 8)


def test_memory_beyond_the_limit_is_a_refusal_and_not_the_end(tmp_path: Path) -> None:
    small = GuardedDecoder(Limits(memory_bytes=700 * MIB), children=1)
    try:
        # Small enough for the size check; in double precision it needs 512 MB on its way.
        huge = save(tmp_path / "huge.dcm", dataset(np.zeros((8000, 8000), np.uint8), RescaleSlope=1.5))
        with pytest.raises(UnreadableImageError, match=r"memory|crashed|ended the decoder"):
            small.frame(str(huge), 0)
        tiny = save(tmp_path / "tiny.dcm", dataset(np.zeros((4, 4), np.uint16)))
        assert small.frame(str(tiny), 0).pixels.shape == (4, 4)
    finally:
        small.close()


def test_a_decoder_that_dies_is_started_again(decoder: GuardedDecoder, good: str) -> None:
    decoder.frame(good, 0)
    (first,) = decoder.process_ids()
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while decoder.process_ids() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert decoder.frame(good, 0).pixels[7, 7] == 63 - 1024
    assert decoder.process_ids() and first not in decoder.process_ids()


def test_a_decoder_that_hangs_is_ended_in_time(good: str, tmp_path: Path) -> None:
    quick = GuardedDecoder(Limits(seconds=1.5), children=1)
    try:
        quick.warm_up()
        (child,) = quick.process_ids()
        # A stopped process stands for a decoder that never comes back.
        os.kill(child, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(UnreadableImageError, match=r"took longer than 1\.5 s"):
            quick.frame(good, 0)
        assert time.monotonic() - started < 6
        assert quick.frame(good, 0).pixels.shape == (8, 8)
    finally:
        quick.close()


def test_a_crash_in_the_middle_of_a_folder_refuses_one_file(tmp_path: Path) -> None:
    """The third of five files kills the decoder (here: a pipe that stops it for too long)."""
    paths = [str(p) for p in stack(tmp_path, [0, 3, 6, 9])]
    os.mkfifo(tmp_path / "slice001b.dcm")
    paths.insert(2, str(tmp_path / "slice001b.dcm"))
    quick = GuardedDecoder(Limits(seconds=2), children=1)
    try:
        quick.warm_up()
        found = quick.describe(paths)
    finally:
        quick.close()
    assert [isinstance(f, UnreadableImageError) for f in found] == [False, False, True, False, False]


def test_many_threads_share_the_decoder_and_each_gets_its_own_frame(tmp_path: Path, decoder: GuardedDecoder) -> None:
    paths = [str(p) for p in stack(tmp_path, [float(i) for i in range(12)])]
    wrong: list[str] = []

    def work(offset: int) -> None:
        for i in range(40):
            index = (i * 7 + offset) % 12
            pixels = decoder.frame(paths[index], 0).pixels
            if not (pixels == 1000 + index - 1024).all():
                wrong.append(f"{index}: {pixels[0, 0]}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and 1 <= len(decoder.process_ids()) <= 2


def test_closing_ends_the_children_and_leaves_no_descriptor(good: str) -> None:
    gc.collect()
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(5):
        made = GuardedDecoder(children=2)
        made.frame(good, 0)
        (child,) = made.process_ids()
        made.close()
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
    gc.collect()
    assert len(list(descriptors.iterdir())) <= before


def test_a_child_that_is_still_starting_when_the_others_are_ended_ends_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, started, child_of = threading.Event(), list[guard._Child](), guard._Child

    def start(limits: Limits) -> guard._Child:
        assert go_on.wait(30)
        started.append(child_of(limits))
        return started[0]

    monkeypatch.setattr(guard, "_Child", start)
    made = GuardedDecoder(children=2)
    made.start_all()
    made.close()
    go_on.set()
    next(t for t in threading.enumerate() if t.name == "start decoder").join(30)
    assert made.process_ids() == []
    with pytest.raises(ProcessLookupError):
        os.kill(started[0].pid, 0)


def test_the_children_end_with_the_program(good: str) -> None:
    script = (
        "from medqdeg_desktop.engine.reading import read_image, shared_decoder\n"
        f"read_image({good!r})\n"
        "print(shared_decoder().process_ids()[0], flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(int(done.stdout), 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the decoder outlived the program")


def test_a_killed_program_takes_its_decoder_with_it(good: str) -> None:
    script = (
        "import os, signal\n"
        "from medqdeg_desktop.engine.reading import read_image, shared_decoder\n"
        f"read_image({good!r})\n"
        "print(shared_decoder().process_ids()[0], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not Path(f"/proc/{done.stdout.strip()}").exists():
            return
        time.sleep(0.05)
    pytest.fail("the decoder outlived the program")


def test_the_program_itself_never_imports_a_format_library(good: str) -> None:
    script = (
        "import sys\n"
        "from medqdeg_desktop.engine.reading import read_image\n"
        f"read_image({good!r})\n"
        "print([m for m in ('pydicom', 'nibabel', 'SimpleITK', 'PIL') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_forked_process_starts_a_decoder_of_its_own(good: str) -> None:
    script = (
        "import os\n"
        "from medqdeg_desktop.engine.reading import read_image, shared_decoder\n"
        f"read_image({good!r})\n"
        "mine = shared_decoder().process_ids()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    assert shared_decoder().process_ids() == []\n"
        f"    read_image({good!r})\n"
        "    shared_decoder().close()\n"
        "    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        f"read_image({good!r})\n"
        "assert shared_decoder().process_ids() == mine\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_modules_in_a_folder_of_images_are_never_run(tmp_path: Path, good: str) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    for name in ("pydicom", "numpy", "json"):
        (trap / f"{name}.py").write_text("import pathlib; pathlib.Path('sprung').touch(); raise ImportError")
    script = f"from medqdeg_desktop.engine.reading import read_image; read_image({good!r})"
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).resolve().parents[3]))
    done = subprocess.run([sys.executable, "-P", "-c", script], cwd=trap, env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not (trap / "sprung").exists()


def test_a_larger_limit_can_be_set_for_a_site_with_larger_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDQDEG_DECODER_LIMIT_MB", "2048")
    assert Limits.from_environment().frame_bytes == 2048 * MIB
    monkeypatch.setenv("MEDQDEG_DECODER_LIMIT_MB", "plenty")
    assert Limits.from_environment() == Limits()


def test_the_shared_decoder_is_one(good: str) -> None:
    assert shared_decoder() is shared_decoder()

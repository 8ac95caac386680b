"""Generation on a Dask cluster: real scheduler and workers, one of them killed in mid-run, the bytes of a local run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bank_samples import tree

from medqdeg_desktop.bank.cluster import connected
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.store import Study

pytest.importorskip("distributed", reason="needs the extra 'cluster'")

_WORKER = "from distributed.cli.dask_worker import main; main()"
_SCHEDULER = "from distributed.cli.dask_scheduler import main; main()"


@pytest.mark.slow
def test_a_worker_killed_in_mid_run_costs_nothing_but_time(bank_of: Callable[..., Study], tmp_path: Path) -> None:
    study = bank_of(24, side=96)
    generate(study, tmp_path / "local", Asked(seed=4), workers=1)
    file = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options = ["--scheduler-file", str(file)]
    scheduler = [sys.executable, "-c", _SCHEDULER, *options, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    worker = [sys.executable, "-c", _WORKER, *options, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    worker += ["--local-directory", str(tmp_path / "dask")]
    processes = [subprocess.Popen(scheduler, cwd=tmp_path, **quiet)]
    try:
        _wait_for(file)
        address = json.loads(file.read_text())["address"]
        processes += [subprocess.Popen(worker, cwd=tmp_path, **quiet) for _ in range(2)]
        killed = threading.Event()

        class KillOne(Progress):
            """Kills a worker as soon as the first images are done."""

            def update(self, done: int, total: int, message: str = "", **figures: object) -> None:
                if done and not killed.is_set():
                    killed.set()
                    processes[1].send_signal(signal.SIGKILL)

        with connected(address) as (make_executor, size):
            result = generate(
                study, tmp_path / "set", Asked(seed=4), workers=max(size, 2), make_executor=make_executor, progress=KillOne("g")
            )
        assert killed.is_set()
        assert result.complete
        assert tree(tmp_path / "set") == tree(tmp_path / "local")
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_an_address_without_a_scheduler_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medqdeg_desktop.bank.cluster._CONNECT_SECONDS", 1)
    with pytest.raises(BankError, match="no Dask scheduler answers"), connected("tcp://127.0.0.1:9"):
        pass


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() or not path.read_text().strip().endswith("}"):
        assert time.monotonic() < deadline, "the scheduler did not start"
        time.sleep(0.05)

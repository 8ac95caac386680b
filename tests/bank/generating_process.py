"""A process that generates and may be killed: forked from a server that has the program imported, so that it starts at once."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from bank_samples import here

from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.study.store import Study

_CONTEXT = multiprocessing.get_context("forkserver")
# Installed modules only: the server does not search where the tests lie.
_CONTEXT.set_forkserver_preload(["medqdeg_desktop.bank.generate", "medqdeg_desktop.engine.degradations", "PIL.Image"])


def started(study: Path, folder: Path, seed: int, shard: tuple[int, int] = (1, 1)) -> multiprocessing.process.BaseProcess:
    """A process at work on the set in ``folder``; its exit code is 0 when it has ended well."""
    process = _CONTEXT.Process(target=_generate, args=(study, folder, seed, shard))
    process.start()
    return process


def _generate(study: Path, folder: Path, seed: int, shard: tuple[int, int]) -> None:
    with Study.open(study) as opened:
        generate(opened, folder, Asked(seed=seed), workers=1, shard=shard, make_executor=here)

"""The few figures of an area that the page leads with: noted by its own run, collected by ``python -m tests.benchmarks``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_FILE: Final = "MEDQDEG_BENCHMARK_HEADLINES"
"""Environment variable with the file that headlines are appended to, as JSON lines."""


@dataclass(frozen=True)
class Headline:
    """One figure. ``goal``: what it is held against, "" where it is only reported."""

    what: str
    value: float
    unit: str
    goal: str = ""


def headline(what: str, value: float, unit: str, goal: str = "") -> None:
    """Notes a figure for the page; does nothing where an area runs on its own."""
    path = os.environ.get(_FILE)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(Headline(what, float(value), unit, goal))) + "\n")


def environment(path: Path) -> dict[str, str]:
    """Environment that makes an area note its headlines in ``path``."""
    return {_FILE: str(path)}


def noted(path: Path) -> list[Headline]:
    """Headlines in ``path``, in the order in which they were noted."""
    if not path.exists():
        return []
    return [Headline(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]

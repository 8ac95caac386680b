"""Names of runs, told apart: two runs of one model on one set never have the same name, wherever they are shown.

A run keeps its label; what tells it from the others of that label is put behind it, and no more than is needed: mode and T, else
settings that a person chose, else when it was begun, else a number. Names follow from the runs of a study alone, not from what is
shown of them, so that a table, a chart and the list of runs agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from medqdeg_desktop.study.records import Run

MODE_SHORT: Final[dict[str, str]] = {"vote": "paper", "option": "exact", "verbal": "verbal"}


def mode_note(mode: str, trials: int) -> str:
    """``paper T=10``."""
    return f"{MODE_SHORT.get(mode, mode)} T={trials}"


def told_apart(runs: Sequence[Run]) -> list[Run]:
    """``runs`` in their order, each with the ``notes`` that tell it from the others of its label on the same set."""
    notes: dict[str, tuple[str, ...]] = {}
    for alike in _grouped(runs, lambda run: (run.dataset_sha256, run.label)):
        notes |= _notes(alike, _STEPS)
    return [replace(run, notes=notes[run.run_id]) for run in runs]


def _notes(runs: Sequence[Run], steps: Sequence[Callable[[Run], str]]) -> dict[str, tuple[str, ...]]:
    """By run id: what of the first step that tells some of ``runs`` apart, then of the steps after it."""
    if len(runs) == 1:
        return {runs[0].run_id: ()}
    if not steps:
        return {run.run_id: (f"#{number}",) for number, run in enumerate(runs, 1)}
    step, later = steps[0], steps[1:]
    groups = _grouped(runs, step)
    if len(groups) == 1:
        return _notes(runs, later)
    found: dict[str, tuple[str, ...]] = {}
    for group in groups:
        own = step(group[0])
        rest = _notes(group, later)
        found |= {run_id: ((own, *notes) if own else notes) for run_id, notes in rest.items()}
    return found


def _setting(key: str, words: str) -> Callable[[Run], str]:
    def told(run: Run) -> str:
        value = run.settings.get(key, "")
        return words.format(value) if value not in ("", None) else ""

    return told


def _moment(run: Run) -> str:
    return run.started_at[:16].replace("T", " ")


_STEPS: Final[tuple[Callable[[Run], str], ...]] = (
    lambda run: mode_note(run.mode, run.trials),
    _setting("precision", "{0}"),
    _setting("temperature", "temperature {0:g}"),
    _setting("max_tokens", "{0} tokens"),
    lambda run: run.started_at[:10],
    _moment,
    lambda run: run.started_at[:19].replace("T", " "),
)


def _grouped(runs: Iterable[Run], key: Callable[[Run], object]) -> list[list[Run]]:
    groups: dict[object, list[Run]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return list(groups.values())

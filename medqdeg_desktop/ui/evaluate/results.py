"""Results off the window's thread: first with few replicates, marked provisional, then with all of them.

The scores are read once for a set of runs; another filter only cuts them anew. A newer request ends an older one in the middle
of its replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.analysis import Analysis
from medqdeg_desktop.eval.tables import load, reliability, results_of
from medqdeg_desktop.eval.wording import FINAL_REPLICATES
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.background import Background

Json = dict[str, Any]
Filters = Mapping[str, Sequence[str]]

FIRST_REPLICATES: Final = 2_000


class _OutdatedError(MedqdegError):
    """Somebody asked for something else meanwhile."""


class _Watch(Progress):
    """Ends a computation that nobody waits for any more."""

    def __init__(self, stands: Callable[[], bool]) -> None:
        super().__init__("results")
        self._stands = stands

    def update(self, done: int, total: int, message: str = "", **figures: Any) -> None:
        if not self._stands():
            raise _OutdatedError("outdated")


class Results(QObject):
    """The newest results of the runs asked for.

    changed   ``json`` and ``analysis`` are others; ``final`` says whether all replicates are in.
    failed    one line; what is shown stays.
    busy      whether something is being computed.
    """

    changed = Signal()
    failed = Signal(str)
    busy = Signal(bool)

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._key: tuple[Any, ...] = ()
        self._wanted: tuple[Path, tuple[str, ...], dict[str, list[str]]] | None = None
        self._final_replicates = FINAL_REPLICATES
        self.json: Json = {}
        self.analysis: Analysis | None = None

    @property
    def final(self) -> bool:
        return bool(self.json) and self.json["replicates"] >= self._final_replicates

    def clear(self) -> None:
        self._background.drop("results")
        self._background.drop("reliability")
        self.json, self.analysis, self._key = {}, None, ()
        self.busy.emit(False)
        self.changed.emit()

    def ask(self, study: Path, run_ids: Sequence[str], filters: Filters, *, again: bool = True, final: bool = True) -> None:
        """Results of ``run_ids``; ``again`` reads their answers anew; without ``final`` only the provisional ones."""
        kept = {name: list(values) for name, values in filters.items() if values}
        self._wanted = (study, tuple(run_ids), kept)
        if again:
            self._key = ()
        self.busy.emit(True)
        self._run(FIRST_REPLICATES, final)

    def _run(self, replicates: int, final: bool) -> None:
        assert self._wanted is not None
        study, run_ids, filters = self._wanted
        key = (study, run_ids)
        known = self.analysis if key == self._key else None
        box: list[Callable[[], bool]] = []
        work = partial(_compute, study, run_ids, filters, replicates, known, lambda: not box or box[0]())
        box.append(self._background.run("results", work, partial(self._on_done, key, final), self._on_failed))

    def _on_done(self, key: tuple[Any, ...], final: bool, done: tuple[Analysis, Json]) -> None:
        self.analysis, self.json = done
        self._key = key
        more = final and not self.final
        if more:
            self._run(self._final_replicates, final)
        else:
            self.busy.emit(False)
        self.changed.emit()

    def _on_failed(self, text: str) -> None:
        self.busy.emit(False)
        self.failed.emit(text)

    def ask_reliability(self, run_id: str, done: Callable[[Json], None]) -> None:
        """Bins of one run for its reliability diagram, with the replicates and filters of the results shown."""
        if self.analysis is None or self._wanted is None:
            return
        work = partial(reliability, self.analysis, run_id, replicates=self.json["replicates"], filters=self._wanted[2] or None)
        self._background.run("reliability", work, done, self.failed.emit)


def _compute(
    study: Path,
    run_ids: tuple[str, ...],
    filters: dict[str, list[str]],
    replicates: int,
    known: Analysis | None,
    stands: Callable[[], bool],
) -> tuple[Analysis, Json]:
    analysis = known
    if analysis is None:
        with Study.open(study, read_only=True) as opened:
            analysis = load(opened, run_ids)
    return analysis, results_of(analysis, replicates=replicates, filters=filters or None, progress=_Watch(stands))

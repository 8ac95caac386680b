"""Results off the window's thread: estimates at once, then intervals from few replicates, marked provisional, then from all.

The scores are read once for a set of runs; another filter only cuts them anew. A newer request ends an older one in the middle
of its replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.analysis import Analysis
from medqdeg_desktop.eval.real_images import compared
from medqdeg_desktop.eval.sweeps import Limits
from medqdeg_desktop.eval.tables import PARTS, load, reliability, results_of
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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be shown: the runs, which questions count, what stands on the screen, and the limits of a safe envelope."""

    study: Path
    run_ids: tuple[str, ...]
    filters: dict[str, list[str]]
    parts: tuple[str, ...]
    limits: Limits | None
    final: bool

    def steps(self) -> list[tuple[int, tuple[str, ...]]]:
        """(replicates, parts) in the order in which they are computed: what is looked at first, then everything."""
        out = [(0, self.parts), (FIRST_REPLICATES, self.parts), (FIRST_REPLICATES, PARTS)]
        if self.final:
            out.append((FINAL_REPLICATES, PARTS))
        # Nothing twice where everything is looked at.
        return list(dict.fromkeys(out))


class Results(QObject):
    """The newest results of the runs asked for.

    changed   ``json`` and ``analysis`` are others; ``final`` says whether all replicates and all parts are in.
    failed    one line; what is shown stays.
    busy      whether something is being computed.

    Estimates of what is looked at come first, then their intervals, then everything else, then all replicates.
    """

    changed = Signal()
    failed = Signal(str)
    busy = Signal(bool)

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._key: tuple[Any, ...] = ()
        self._wanted: _Wanted | None = None
        self._steps: list[tuple[int, tuple[str, ...]]] = []
        self._standings: list[Json] = []
        self._standings_of: object = None
        self.json: Json = {}
        self.analysis: Analysis | None = None

    @property
    def final(self) -> bool:
        return bool(self.json) and self.json["replicates"] >= FINAL_REPLICATES and set(self.json["parts"]) == set(PARTS)

    def clear(self) -> None:
        for topic in ("results", "reliability", "standings"):
            self._background.drop(topic)
        self.json, self.analysis, self._key, self._wanted = {}, None, (), None
        self._standings, self._standings_of = [], None
        self.busy.emit(False)
        self.changed.emit()

    def ask(
        self,
        study: Path,
        run_ids: Sequence[str],
        filters: Filters,
        *,
        parts: Sequence[str] = PARTS,
        limits: Limits | None = None,
        again: bool = True,
        final: bool = True,
    ) -> None:
        """Results of ``run_ids``; ``again`` reads their answers anew; without ``final`` only the provisional ones.

        parts   what is looked at, and is computed first (``tables.PARTS``).
        """
        kept = {name: list(values) for name, values in filters.items() if values}
        self._wanted = _Wanted(study, tuple(run_ids), kept, tuple(parts), limits, final)
        if again:
            self._key = ()
        self._begin()

    def look_at(self, parts: Sequence[str]) -> None:
        """Something else is looked at: its parts come first, where they are not there yet."""
        if self._wanted is not None and not (self.json and set(parts) <= set(self.json["parts"])):
            self._wanted = replace(self._wanted, parts=tuple(parts))
            self._begin()

    def _begin(self) -> None:
        assert self._wanted is not None
        self._steps = self._wanted.steps()
        self.busy.emit(True)
        self._next()

    def _next(self) -> None:
        assert self._wanted is not None
        wanted = self._wanted
        (replicates, parts), self._steps = self._steps[0], self._steps[1:]
        key = (wanted.study, wanted.run_ids)
        known = self.analysis if key == self._key else None
        box: list[Callable[[], bool]] = []
        work = partial(_compute, wanted, replicates, parts, known, lambda: not box or box[0]())
        box.append(self._background.run("results", work, partial(self._on_done, key), self._on_failed))

    def _on_done(self, key: tuple[Any, ...], done: tuple[Analysis, Json]) -> None:
        self.analysis, self.json = done
        self.json["real_standings"] = self._standings
        self._key = key
        if self._steps:
            self._next()
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
        filters = self._wanted.filters or None
        work = partial(reliability, self.analysis, run_id, replicates=self.json["replicates"], filters=filters)
        self._background.run("reliability", work, done, self.failed.emit)

    def ask_standings(self, runs: object) -> None:
        """How the models stand on real against simulated images; ``runs`` says when to look again."""
        if self._wanted is not None and runs != self._standings_of:
            self._standings_of = runs
            self._background.run("standings", partial(_standings, self._wanted.study), self._on_standings, self.failed.emit)

    def _on_standings(self, found: list[Json]) -> None:
        self._standings = found
        if found and self.json:
            self.json["real_standings"] = found
            self.changed.emit()


def _compute(
    wanted: _Wanted, replicates: int, parts: tuple[str, ...], known: Analysis | None, stands: Callable[[], bool]
) -> tuple[Analysis, Json]:
    analysis = known
    if analysis is None:
        with Study.open(wanted.study, read_only=True) as opened:
            analysis = load(opened, wanted.run_ids)
    found = results_of(
        analysis,
        replicates=replicates,
        filters=wanted.filters or None,
        parts=parts,
        limits=wanted.limits,
        progress=_Watch(stands),
    )
    return analysis, found


def _standings(study: Path) -> list[Json]:
    with Study.open(study, read_only=True) as opened:
        return [asdict(model) for model in compared(opened)]

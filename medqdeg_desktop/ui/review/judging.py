"""One reader's judgement of the item in front: marks so far, what they need to be complete, and time. Qt-free."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from medqdeg_desktop.bank.review import State
from medqdeg_desktop.bank.review_queue import Entry
from medqdeg_desktop.study.records import Review, ReviewStage

#: Longer than this on one item is a break, not work.
LONGEST_SECONDS = 300.0


@dataclass(slots=True)
class Judgement:
    """The marks on ``entry``: 0 keeps a degradation, 1 to 5 removes it for that reason, a missing one is undecided."""

    entry: Entry
    marks: dict[str, int] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    started: float = 0.0
    version: int = 0

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def stage(self) -> ReviewStage:
        """A dispute among others is settled, everything else is judged blind."""
        return "settled" if self.entry.state is State.CONFLICT and not self.entry.mine else "blind"

    @property
    def complete(self) -> bool:
        return all(name in self.marks for name in self.entry.types)

    @property
    def undecided(self) -> list[str]:
        return [name for name in self.entry.types if name not in self.marks]

    def mark(self, column: int, mark: int) -> bool:
        """Judges the type in ``column``; False where there is none."""
        if not 0 <= column < len(self.entry.types):
            return False
        self.marks[self.entry.types[column]] = mark
        return True

    def adopt_agreed(self, sides: Iterable[dict[str, int]]) -> None:
        """What nobody disputes is taken over, so that only the dispute is left to judge."""
        sides = list(sides)
        for name in self.undecided:
            said = [marks[name] for marks in sides if name in marks]
            if said and len({mark == 0 for mark in said}) == 1:
                self.marks[name] = said[0]

    def keep_rest(self) -> None:
        for name in self.undecided:
            self.marks[name] = 0

    def review(self, reader: str, stage: ReviewStage | None = None) -> Review:
        """The decision as it is recorded."""
        seconds = min(self.clock() - self.started, LONGEST_SECONDS)
        marks = {name: self.marks[name] for name in self.entry.types if name in self.marks}
        return Review(reader, self.entry.item_id, marks, stage or self.stage, self.version, seconds=seconds)

"""Answers on their way into the study: groups of 64 or of 200 ms, counted as done only once they are on disk.

One task takes answers from a queue, hands each group to the study's write thread, waits for the commit, and only then adds
them to the tally that progress shows.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.study.writer import StudyWriter

GROUP_SIZE = 64
GROUP_SECONDS = 0.2
#: Questions that must be answered before the time left is told.
ITEMS_FOR_ESTIMATE = 20


@dataclass(slots=True)
class LevelTally:
    """Committed answers of one level: ``correct`` counts expectations in exact mode."""

    answered: int = 0
    correct: float = 0.0
    unparsed: int = 0
    refused: int = 0

    def add(self, answer: Answer, right: str) -> None:
        self.answered += 1
        self.unparsed += answer.status == "unparsed"
        self.refused += answer.status == "refused"
        self.correct += answer.probabilities.get(right, 0.0) if answer.probabilities else float(answer.choice == right)


@dataclass(frozen=True, slots=True)
class Known:
    """What counting needs of a question: its level, its right letter, and how much work an answer to it is (any unit)."""

    level: str
    right: str
    size: float


class Tally:
    """Counts by level and failures by kind, and how long the rest will take.

    known   by a question's key;  total  answers wanted;  work  the sum of their sizes.
    also    further figures for the live panel.
    """

    def __init__(self, known: Mapping[str, Known], total: int, work: float, also: Callable[[], dict[str, Any]] = dict) -> None:
        self._known = known
        self.total = total
        self.done = 0
        self._work = work
        self._worked = 0.0
        self._also = also
        self._began: tuple[float, float] | None = None
        self._met: set[str] = set()
        self.failures: Counter[str] = Counter()
        self._levels: dict[str, LevelTally] = {}

    def add(self, answer: Answer) -> None:
        if answer.file_name not in self._known:
            return
        if answer.status == "failed":
            self.failures[answer.error.partition(":")[0]] += 1
            return
        known = self._known[answer.file_name]
        self._levels.setdefault(known.level, LevelTally()).add(answer, known.right)
        self.done += 1
        self._worked += known.size
        if self._began is not None and len(self._met) < ITEMS_FOR_ESTIMATE:
            self._met.add(answer.file_name)

    def begin(self) -> None:
        """From now on answers cost time; those counted before were there already."""
        self._began = time.monotonic(), self._worked

    def seconds_left(self) -> float | None:
        """Time for what is missing at the pace so far, by size; None until twenty questions were answered."""
        if self._began is None or len(self._met) < min(ITEMS_FOR_ESTIMATE, len(self._known)):
            return None
        since, at = self._began
        return (time.monotonic() - since) * max(0.0, self._work - self._worked) / (self._worked - at)

    def figures(self) -> dict[str, Any]:
        """For the live panel: what stands by level, failures by kind, time left, and what else was asked for."""
        levels = {
            level: {"answered": t.answered, "correct": round(t.correct, 6), "unparsed": t.unparsed, "refused": t.refused}
            for level, t in sorted(self._levels.items())
        }
        return {"levels": levels, "failures": dict(self.failures), "seconds_left": self.seconds_left(), **self._also()}


def _append(study: Study, *, run_id: str, group: list[Answer]) -> int:
    return study.append_answers(run_id, group)


class Ledger:
    """Takes answers with ``put``; ``close`` returns when all of them are committed. Errors of the study surface in both."""

    def __init__(self, writer: StudyWriter, run_id: str, tally: Tally, progress: Progress) -> None:
        self._writer = writer
        self._run_id = run_id
        self._tally = tally
        self._progress = progress
        self._queue: asyncio.Queue[Answer | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._commit())

    def put(self, answer: Answer) -> None:
        if self._task.done():
            self._task.result()
        self._queue.put_nowait(answer)

    async def close(self) -> None:
        self._queue.put_nowait(None)
        await asyncio.shield(self._task)

    async def _commit(self) -> None:
        open_ = True
        while open_:
            group, open_ = await self._group()
            if not group:
                continue
            await asyncio.wrap_future(self._writer.submit(partial(_append, run_id=self._run_id, group=group)))
            for answer in group:
                self._tally.add(answer)
            self._progress.update(self._tally.done, self._tally.total, **self._tally.figures())

    async def _group(self) -> tuple[list[Answer], bool]:
        """The next answers to commit, and whether more may come."""
        first = await self._queue.get()
        if first is None:
            return [], False
        group, deadline = [first], time.monotonic() + GROUP_SECONDS
        while len(group) < GROUP_SIZE:
            if self._queue.empty():
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                try:
                    answer = await asyncio.wait_for(self._queue.get(), left)
                except TimeoutError:
                    break
            else:
                answer = self._queue.get_nowait()
            if answer is None:
                return group, False
            group.append(answer)
        return group, True

"""Guessers that look at nothing: what any model must beat, and what its confidence must be compared with.

``uniform`` picks an option at random. ``prior`` knows how often each letter is right among the dataset's questions with as
many options, and draws from these frequencies. Both draw from counter-based seeds, so that a run can be repeated exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from medqdeg_desktop.eval.backends.base import Decoding, FatalError, Reply, Request, trial_seed
from medqdeg_desktop.eval.questions import Question


class BaselineBackend:
    """Answers from option frequencies alone."""

    batch_size = 256
    concurrency = (1, 1)
    random_weights = False
    length = None

    def __init__(self, name: str, decoding: Decoding, run_seed: str, known: Iterable[Question] = ()) -> None:
        if decoding.mode == "verbal":
            raise FatalError(f"baseline:{name} states no confidence; use --confidence vote or option")
        self._name = name
        self._decoding = decoding
        self._run_seed = run_seed
        self._frequencies = _letter_frequencies(known) if name == "prior" else {}

    @property
    def facts(self) -> dict[str, Any]:
        return {"backend": "baseline"}

    async def prepare(self, sample: Sequence[Request]) -> list[str]:
        return []

    async def answer(self, requests: Sequence[Request]) -> list[list[Reply]]:
        return [[self._reply(request, trial) for trial in request.trials] for request in requests]

    async def close(self) -> None:
        return

    def _reply(self, request: Request, trial: int) -> Reply:
        letters = list(request.options)
        weights = self._frequencies.get(len(letters), {})
        p = np.array([weights.get(letter, 0.0) for letter in letters]) if weights else np.ones(len(letters))
        p = p / p.sum()
        if self._decoding.mode == "option":
            probabilities = dict(zip(letters, map(float, p), strict=True))
            return Reply(trial, letters[int(p.argmax())], probabilities, detail={"option_mass": 1.0})
        draw = np.random.Generator(np.random.Philox(trial_seed(self._run_seed, request.question.key, trial)))
        return Reply(trial, letters[int(draw.choice(len(letters), p=p))])


def _letter_frequencies(known: Iterable[Question]) -> dict[int, dict[str, float]]:
    """For each number of options, how often each letter is the answer; an item counts once, however often it is degraded."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    seen: set[str] = set()
    for question in known:
        if question.item_id not in seen:
            seen.add(question.item_id)
            counts[len(question.options)][question.answer] += 1
    return {k: {letter: n / counter.total() for letter, n in counter.items()} for k, counter in counts.items()}

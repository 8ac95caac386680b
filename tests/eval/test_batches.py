"""Requests of like length stand together, longest first, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from medqdeg_desktop.eval.backends.base import Request
from medqdeg_desktop.eval.batches import by_length
from medqdeg_desktop.eval.plan import Asked
from medqdeg_desktop.eval.questions import Question


def asked(length: int, trials: int = 1) -> Asked:
    question = Question(f"{length}", "i", "L0", "?", {"A": "a", "B": "b"}, "A", ())
    return Asked(Request(question, "x" * length, question.options, tuple(range(trials))), {})


def test_the_longest_come_first_within_a_window_and_none_is_lost() -> None:
    lengths = [3, 9, 1, 7, 2, 8, 4, 6, 5]
    found = [len(one.request.prompt) for one in by_length(map(asked, lengths), lambda r: len(r.prompt), window=4)]
    assert found == [9, 7, 3, 1, 8, 6, 4, 2, 5]


def test_requests_for_as_many_trials_stay_together() -> None:
    mixed = [asked(n, trials=1 + n % 2) for n in range(10)]
    found = list(by_length(iter(mixed), lambda r: len(r.prompt)))
    changes = sum(len(a.request.trials) != len(b.request.trials) for a, b in pairwise(found))
    assert changes == 1


def test_no_more_than_a_window_is_read_ahead() -> None:
    read = 0

    def endless() -> Iterator[Asked]:
        nonlocal read
        while True:
            read += 1
            yield asked(read % 13)

    ordered = by_length(endless(), lambda r: len(r.prompt), window=100)
    for _ in range(150):
        next(ordered)
    assert read == 200

"""No two runs of one label on one set are called the same, and no name says more than it needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medqdeg_desktop.study.records import Run
from medqdeg_desktop.study.run_names import told_apart

ONE = Run("1", "local:phi", "phi", "vote", 10, "set", "/sets/ward", {"precision": "float32"}, "2026-11-20T08:00:00.000000Z")


def names(*runs: Run) -> list[str]:
    told = told_apart([replace(run, run_id=str(number)) for number, run in enumerate(runs)])
    assert len({(run.dataset_sha256, run.name) for run in told}) == len(runs)
    return [run.name for run in told]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"label": "psi"}, ["phi", "psi"]),
        ({"dataset_sha256": "another"}, ["phi", "phi"]),
        ({"mode": "option"}, ["phi (paper T=10)", "phi (exact T=10)"]),
        ({"trials": 3, "started_at": "2026-11-21T09:00:00Z"}, ["phi (paper T=10)", "phi (paper T=3)"]),
        ({"settings": {"precision": "bfloat16"}}, ["phi (float32)", "phi (bfloat16)"]),
        ({"settings": {"precision": "float32", "temperature": 0.5}}, ["phi", "phi (temperature 0.5)"]),
        ({"started_at": "2026-11-21T08:00:00.000000Z"}, ["phi (2026-11-20)", "phi (2026-11-21)"]),
        ({"started_at": "2026-11-20T09:30:00.000000Z"}, ["phi (2026-11-20 08:00)", "phi (2026-11-20 09:30)"]),
        ({"started_at": "2026-11-20T08:00:09.000000Z"}, ["phi (2026-11-20 08:00:00)", "phi (2026-11-20 08:00:09)"]),
        ({}, ["phi (#1)", "phi (#2)"]),
    ],
)
def test_two_runs_of_one_label_are_told_apart_by_what_differs_first(other: dict[str, object], expected: list[str]) -> None:
    assert names(ONE, replace(ONE, **other)) == expected  # type: ignore[arg-type]


def test_several_runs_are_told_apart_by_as_many_things_as_it_takes() -> None:
    exact, later = replace(ONE, mode="option"), replace(ONE, started_at="2026-11-21T08:00:00Z")
    assert names(ONE, exact, later, replace(later, label="psi")) == [
        "phi (paper T=10, 2026-11-20)",
        "phi (exact T=10)",
        "phi (paper T=10, 2026-11-21)",
        "psi",
    ]
    assert names() == []


def test_notes_are_no_part_of_what_a_run_is() -> None:
    assert replace(ONE, notes=("2026-11-20",)) == ONE

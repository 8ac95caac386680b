"""Forty simulated models on a set of the published size, in memory: what timings are taken on."""

from __future__ import annotations

from typing import Any

import numpy as np

from medqdeg_desktop.eval.analysis import Analysis
from medqdeg_desktop.eval.question_table import question_table
from medqdeg_desktop.eval.scores import Votes, score
from medqdeg_desktop.study.records import Run
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, TASKS, Modality

QUESTIONS, PAIRS, TRIALS = 4306, 10_294, 10


def forty_models(models: int = 40) -> Analysis:
    """4,306 clean questions and 10,294 at each of L1 and L2, ten trials each, of ``models`` models."""
    rng = np.random.default_rng(0)
    table = question_table(_rows(rng))
    n = len(table)
    runs, scores = [], []
    for m in range(models):
        known = rng.random((n, TRIALS)) < 0.75 - 0.01 * m - 0.05 * table.level[:, None]
        guessed = (rng.random((n, TRIALS)) * table.options[:, None]).astype(np.int64)
        chosen = np.where(known, table.answer[:, None], guessed)
        counts = np.stack([(chosen == k).sum(axis=1) for k in range(len(table.letters))], axis=1).astype(np.uint16)
        run = Run(f"run{m}", f"baseline:{m}", f"model {m}", "vote", TRIALS, "0" * 64, "", {})
        runs.append(run)
        scores.append(score(run, Votes(counts, np.zeros(n, dtype=np.uint16)), table))
    return Analysis(table, runs, scores)


def _rows(rng: np.random.Generator) -> list[dict[str, Any]]:
    skills = [(task.name, skill) for task in TASKS for skill, _ in task.skills]
    # As published, on average 2.39 of the types a question.
    drawn = np.full(QUESTIONS, 2)
    drawn[: PAIRS - 2 * QUESTIONS] = 3
    rows: list[dict[str, Any]] = []
    for q in range(QUESTIONS):
        task, skill = skills[rng.integers(len(skills))]
        letters = "ABCDE"[: rng.choice([2, 4, 4, 5])]
        base = {
            "item_id": f"q{q}",
            "source_sha256": f"{q:064x}",
            "modality": str(list(Modality)[rng.integers(7)]),
            "task": task,
            "skill": skill,
            "answer": letters[rng.integers(len(letters))],
            **dict.fromkeys(letters, "option"),
        }
        rows.append({**base, "file_name": f"{q}", "level": "L0"})
        for t in rng.choice(len(DEGRADATION_TYPES), size=drawn[q], replace=False):
            kind = DEGRADATION_TYPES[t]
            for level in ("L1", "L2"):
                name = {"degradation": kind.name, "category": str(kind.category)}
                rows.append({**base, **name, "file_name": f"{q}_{t}_{level}", "level": level})
    return rows

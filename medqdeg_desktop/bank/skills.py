"""From a source's own labels to the two capabilities, six tasks and thirty skills of MedQ-Deg.

The mapping is a table (``resources/skills/mapping.csv``: source, label, task, skill) that a person may edit. The
publications name the thirty skills but not the mapping, so a label that is not in the table is kept as it came and reported
with a suggestion, never forced into a skill.
"""

from __future__ import annotations

import csv
import difflib
from dataclasses import dataclass
from functools import cache

from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.taxonomy import TASK_OF_SKILL, TASKS


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an item belongs; ``mapped`` is False where the labels are kept as they came."""

    capability: str
    task: str
    skill: str
    mapped: bool


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


@cache
def _tables() -> tuple[dict[tuple[str, str], tuple[str, str]], dict[str, tuple[str, str]]]:
    """(source, label) -> (task, skill) as written, and label -> (task, skill) where all sources agree."""
    exact: dict[tuple[str, str], tuple[str, str]] = {}
    shared: dict[str, set[tuple[str, str]]] = {}
    with shipped("skills/mapping.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            place = (line["task"], line["skill"])
            exact[_key(line["source"]), _key(line["label"])] = place
            # An abbreviation means something in its own source alone: "AR" is one skill there and a whole task here.
            if not line["label"].isupper():
                shared.setdefault(_key(line["label"]), set()).add(place)
    for skill, task in TASK_OF_SKILL.items():
        shared.setdefault(_key(skill), set()).add((task.name, skill))
    return exact, {label: next(iter(places)) for label, places in shared.items() if len(places) == 1}


_TASK_BY_NAME = {_key(name): task for task in TASKS for name in (task.name, task.code)}


def place(source: str, skill: str, task: str = "", capability: str = "") -> Placement:
    """Where an item labelled ``skill`` and ``task`` belongs: a published skill as it is, else the table, else as it came."""
    exact, shared = _tables()
    for label in (skill, task):
        if not label:
            continue
        found = exact.get((_key(source), _key(label))) or shared.get(_key(label))
        if found:
            return Placement(str(TASK_OF_SKILL[found[1]].capability), found[0], found[1], True)
    known = _TASK_BY_NAME.get(_key(task))
    if known:
        return Placement(str(known.capability), known.name, skill, not skill)
    return Placement(capability, task, skill, not (skill or task))


def suggestion(label: str) -> str:
    """The published skill whose name is nearest to ``label``, or "" when none is near."""
    by_core = {_core(skill): skill for skill in TASK_OF_SKILL}
    near = difflib.get_close_matches(_core(label), by_core, n=1, cutoff=0.6)
    return by_core[near[0]] if near else ""


def _core(label: str) -> str:
    """The words of a label that tell it from others: half of all labels end in "recognition"."""
    return " ".join(word for word in _key(label).split() if word != "recognition")

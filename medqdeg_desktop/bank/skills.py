"""From a source's own labels to the two capabilities, six tasks and thirty skills of MedQ-Deg.

The mapping is a table (``resources/skills/mapping.csv``: source, label, task, skill); a site adds lines of its own in a second
table, or puts other ones in their place (``site_table``). The publications name the thirty skills but not the mapping, so a
label that is in neither table is kept as it came and reported with a suggestion, never forced into a skill.
"""

from __future__ import annotations

import csv
import difflib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import platformdirs

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.taxonomy import TASK_OF_SKILL, TASKS

_SHIPPED: Final = "skills/mapping.csv"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an item belongs; ``mapped`` is False where the labels are kept as they came."""

    capability: str
    task: str
    skill: str
    mapped: bool


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def site_table() -> Path:
    """The site's own table: ``MEDQDEG_SKILLS``, else ``skills.csv`` in the user's data folder. It need not be there.

    Same columns as the shipped one; a line of it takes the place of the shipped line for the same source and label.
    """
    named = os.environ.get("MEDQDEG_SKILLS", "")
    return Path(named) if named else Path(platformdirs.user_data_dir("medqdeg", appauthor=False)) / "skills.csv"


def reload() -> None:
    """The site's table may have changed since it was read."""
    _tables.cache_clear()


@cache
def _tables() -> tuple[dict[tuple[str, str], tuple[str, str]], dict[str, tuple[str, str]]]:
    """(source, label) -> (task, skill) as written, and label -> (task, skill) where all sources agree."""
    exact: dict[tuple[str, str], tuple[str, str]] = {}
    shared: dict[str, set[tuple[str, str]]] = {}
    lines = {(_key(line["source"]), _key(line["label"])): line for line in [*_lines(shipped(_SHIPPED)), *_site_lines()]}
    for key, line in lines.items():
        place = exact[key] = (TASK_OF_SKILL[line["skill"]].name, line["skill"])
        # An abbreviation means something in its own source alone: "AR" is one skill there and a whole task here.
        if not line["label"].isupper():
            shared.setdefault(key[1], set()).add(place)
    for skill, task in TASK_OF_SKILL.items():
        shared.setdefault(_key(skill), set()).add((task.name, skill))
    return exact, {label: next(iter(places)) for label, places in shared.items() if len(places) == 1}


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _site_lines() -> list[dict[str, str]]:
    """The lines of the site's table. BankError names one that cannot be used: a mapping is never guessed."""
    path = site_table()
    try:
        lines = _lines(path)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BankError(f"{path}: cannot be read ({error})") from None
    for number, line in enumerate(lines, 2):
        if not (line.get("source") or "").strip() or not (line.get("label") or "").strip():
            raise BankError(f"{path} line {number}: no source or no label")
        if line.get("skill") not in TASK_OF_SKILL:
            near = _nearest(line.get("skill") or "", {_core(skill): skill for skill in TASK_OF_SKILL}, 0.6)
            told = f"; nearest: {near}" if near else ""
            raise BankError(f"{path} line {number}: skill {line.get('skill')!r} is none of the thirty{told}")
    return lines


def write_site_lines(assigned: Mapping[tuple[str, str], str]) -> Path:
    """Adds (source, label) -> skill to the site's table, in place of what it said of these labels; returns where it lies.

    Written whole and atomically, so that a table that people edit by hand is never left half.
    """
    path = site_table()
    kept = {(_key(line["source"]), _key(line["label"])): line for line in _site_lines()}
    for (source, label), skill in assigned.items():
        if skill not in TASK_OF_SKILL:
            raise BankError(f"skill {skill!r} is none of the thirty")
        task = TASK_OF_SKILL[skill].name
        kept[_key(source), _key(label)] = {"source": source, "label": label, "task": task, "skill": skill}
    out = io.StringIO()
    writer = csv.DictWriter(out, ("source", "label", "task", "skill"), lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(kept.values())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, out.getvalue().encode())
    except OSError as error:
        raise BankError(f"{path}: cannot be written ({error.strerror or error})") from None
    reload()
    return path


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
    """The published skill that is nearest to ``label`` by its name, or by a label that is mapped; "" when none is near."""
    near = _nearest(label, {_core(skill): skill for skill in TASK_OF_SKILL}, 0.6)
    if near:
        return near
    _, shared = _tables()
    return _nearest(label, {_core(known): skill for known, (_, skill) in shared.items()}, 0.7)


def _nearest(label: str, by_core: Mapping[str, str], cutoff: float) -> str:
    near = difflib.get_close_matches(_core(label), by_core, n=1, cutoff=cutoff)
    return by_core[near[0]] if near else ""


def _core(label: str) -> str:
    """The words of a label that tell it from others: half of all labels end in "recognition"."""
    return " ".join(word for word in _key(label).split() if word != "recognition")

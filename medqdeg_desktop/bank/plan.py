"""The plan of a set: which items, which types each, in which order, under which number each image is written.

It is decided before the first pixel is read and kept in the set's journal as JSON lines, so that generation neither holds the
items in memory nor sees the study change meanwhile, and so that a run that goes on is known to be the same run: the plan's hash
covers seed, rule, profiles, items and draws, everything but the folders that the images lie in on this site.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePath
from typing import Any

from medqdeg_desktop.bank.drawing import asks_for_quality
from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.bank.levels import LevelTable
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, Level, Modality

PLAN = "plan.jsonl"
HEADER = "plan.json"
FORMAT = 1
_ITEM_FIELDS = tuple(f.name for f in fields(Item))

#: The types that an item gets.
Draw = Callable[[Item], tuple[str, ...]]


@dataclass(frozen=True)
class Asked:
    """What a set is generated from besides its items.

    types         every item gets those of them that its modality has, instead of a draw.
    severities    a sweep: levels S250, ... at these severities instead of L1 and L2.
    mark_regions  regions that items carry as data are drawn on the finished pictures.
    """

    seed: int = 0
    rule: str = "uniform"
    release: bool = False
    limit: int | None = None
    types: tuple[str, ...] = ()
    severities: tuple[float, ...] = ()
    mark_regions: bool = False


@dataclass
class PlanSummary:
    """Numbers of a plan, and its hash. ``types`` counts items drawn with a type; ``cells`` (modality, type) pairs of them;
    ``quality``, items that ask about the quality of their picture; ``regions``, items that carry a region as data."""

    items: int = 0
    images: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    tasks: Counter[str] = field(default_factory=Counter)
    modalities: Counter[str] = field(default_factory=Counter)
    quality: int = 0
    regions: int = 0
    notes: list[str] = field(default_factory=list)
    merged: list[dict[str, str]] = field(default_factory=list)
    sha256: str = ""


def plan_lines(items: Iterable[Item], draw: Draw, levels: LevelTable, summary: PlanSummary) -> Iterator[str]:
    """Plan lines of ``items`` in their order, one JSON object each; fills ``summary`` on the way.

    A line has ``n`` (the item's number), ``first`` (number of its first image), ``item`` and ``types``.
    """
    digest = hashlib.sha256()
    for item in items:
        types = draw(item)
        known = {name: getattr(item, name) for name in _ITEM_FIELDS}
        line = {"n": summary.items, "first": summary.images, "item": known, "types": types}
        # Moving the images to another folder makes no other set; clearing an item or reviewing it does not either.
        said = {key: value for key, value in known.items() if key not in ("images", "cleared_by", "state")}
        # Fields that came later count only where they say something: plans of older sets keep their hash.
        said = {key: value for key, value in said.items() if value or key not in ("value_range", "others")}
        named = [PurePath(name).name for name in item.images]
        digest.update(_canonical([summary.items, summary.images, said, named, types]).encode() + b"\n")
        summary.items += 1
        summary.quality += asks_for_quality(item)
        summary.regions += item.region is not None
        summary.images += len(item.images) * (1 + len(levels.names) * len(types))
        summary.levels[Level.L0] += len(item.images)
        for level in levels.names:
            summary.levels[level] += len(item.images) * len(types)
        summary.types.update(types)
        summary.modalities[item.modality] += 1
        summary.tasks[item.task] += 1
        summary.cells.update((str(item.modality), name) for name in types)
        yield json.dumps(line, ensure_ascii=False)
    summary.sha256 = digest.hexdigest()


def header(asked: Asked, levels: LevelTable, summary: PlanSummary) -> dict[str, Any]:
    """What names a plan, as it stands in the journal's header and in the manifest."""
    cells = {}
    for modality, name in sorted(summary.cells):
        for (_, _, level), use in levels.cells([name], Modality(modality)).items():
            cells[f"{name} / {modality} / {level}"] = {
                "severity": use.cell.severity,
                "path_version": use.cell.path_version,
                "parameters": use.cell.parameters,
                "profile": use.profile,
                "status": use.status,
                "basis": use.cell.basis,
            }
    # Wishes that came later stand only where they were made: headers of older sets stay as they are.
    wishes: dict[str, Any] = {"asked_types": list(asked.types), "severities": list(asked.severities)}
    wishes["mark_regions"] = asked.mark_regions
    # Doubles that gave way to an item of this set: where they came from stays on record.
    wishes["merged"] = summary.merged
    return {
        **{key: value for key, value in wishes.items() if value},
        "format": FORMAT,
        "seed": asked.seed,
        "rule": asked.rule,
        "release": asked.release,
        "limit": asked.limit,
        "profiles": levels.described(),
        "cells": cells,
        "items": summary.items,
        "images": summary.images,
        "levels": {str(k): v for k, v in sorted(summary.levels.items())},
        "types": {t.name: summary.types[t.name] for t in DEGRADATION_TYPES if summary.types[t.name]},
        "modalities": {str(k): v for k, v in sorted(summary.modalities.items())},
        "tasks": dict(sorted(summary.tasks.items())),
        "notes": summary.notes,
        "plan_sha256": summary.sha256,
    }


def write(folder: Path, lines: Iterable[str]) -> None:
    """The plan's lines to ``folder`` (the journal), atomically."""
    with atomic.opened(folder / PLAN) as file:
        file.writelines(f"{text}\n".encode() for text in lines)


def located(path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(offset, length, line) of every line of the plan at ``path``."""
    with path.open("rb") as file:
        at = 0
        for raw in file:
            yield at, len(raw), json.loads(raw)
            at += len(raw)


def check_same(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raises DatasetError when ``folder`` holds (part of) another set than the one whose header is ``new``."""
    why = _difference(old, new)
    if why:
        raise DatasetError(f"{folder}: holds a set made from {why}; choose another folder or remove this one")


def _difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Why plan ``new`` is not plan ``old``, in words; "" when they are the same."""
    for key in ("seed", "rule", "release", "limit", "asked_types", "severities", "mark_regions"):
        if old.get(key) != new.get(key):
            return f"{key.replace('_', ' ')} {old.get(key)}, not {new.get(key)}"
    if [p["sha256"] for p in old.get("profiles", [])] != [p["sha256"] for p in new["profiles"]]:
        return "another severity profile"
    if old.get("plan_sha256") != new["plan_sha256"] or old.get("cells") != new["cells"]:
        return "other items, questions or draws"
    return ""


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

"""Severity profiles: the default one, a draft from the settings of a study, JSON in and out, and what two profiles differ in.

A draft takes, for each type, modality and level, the median over readers of each reader's median severity, within the path
version that the program has now, and derives the parameters again from the path. Custom settings (a parameter off the path) are
not pooled: their severity does not say what was shown.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.engine.degradation import ParameterValue, find, parameters_at, parameters_from
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.study.records import Profile, ProfileCell, Setting
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Level, Modality, modality_of

FORMAT = "medqdeg-profile/1"

CellKey = tuple[str, Modality, Level]


class _Drawable(Protocol):
    """What a picture can be drawn from: a cell of a profile, a point of a severity path."""

    @property
    def type(self) -> str: ...
    @property
    def modality(self) -> Modality: ...
    @property
    def severity(self) -> float: ...
    @property
    def path_version(self) -> int: ...
    @property
    def parameters(self) -> dict[str, Any]: ...


@cache
def load_default_profile() -> Profile:
    """The profile that ships with the product, for cells that nobody has calibrated."""
    path = shipped("profiles/default.json")
    return profile_from_json(path.read_text(encoding="utf-8"), str(path))


def draft_from_settings(study: Study, reader: str | None = None, *, name: str = "", version: str = "0.0.0-draft") -> Profile:
    """The draft that the current settings of ``study`` propose; only those of ``reader`` (id or pseudonym) where named.

    A study without poolable settings gives a draft without cells. ``basis`` of a cell says what was left out.
    """
    pooled, left_out = _poolable(study.settings(reader))
    cells = tuple(_cell(key, settings, left_out[key]) for key, settings in sorted(pooled.items()))
    readers = {s.reader for settings in pooled.values() for s in settings}
    return Profile(
        name=name or study.name,
        version=version,
        status="draft",
        cells=cells,
        source=f"study {study.study_id}, readers: {len(readers)}, median of reader medians",
    )


def _poolable(settings: Iterable[Setting]) -> tuple[dict[CellKey, list[Setting]], dict[CellKey, dict[str, int]]]:
    pooled: dict[CellKey, list[Setting]] = defaultdict(list)
    left_out: dict[CellKey, dict[str, int]] = defaultdict(lambda: {"custom": 0, "older path": 0})
    for setting in settings:
        key = (setting.type, setting.modality, setting.level)
        if setting.custom:
            left_out[key]["custom"] += 1
        elif setting.path_version != find(setting.type).path_version:
            left_out[key]["older path"] += 1
        else:
            pooled[key].append(setting)
    return dict(pooled), left_out


def _cell(key: CellKey, settings: list[Setting], left_out: dict[str, int]) -> ProfileCell:
    type_name, modality, level = key
    by_reader: dict[str, list[float]] = defaultdict(list)
    for setting in settings:
        by_reader[setting.reader].append(setting.severity)
    severity = median(median(values) for values in by_reader.values())
    notes = [f"{count} {why} not pooled" for why, count in left_out.items() if count]
    return ProfileCell(
        type=type_name,
        modality=modality,
        level=level,
        severity=severity,
        path_version=find(type_name).path_version,
        parameters=path_parameters(type_name, severity, modality),
        readers=len(by_reader),
        decisions=len(settings),
        basis="; ".join(["median of reader medians", *notes]),
    )


def path_parameters(type_name: str, severity: float, modality: Modality) -> dict[str, Any]:
    """What a profile stores for ``severity``: path values and defaults, checked, without what the seed decides.

    Signs and directions belong to the realisation; defaults are written down so that the cell means the same for good.
    """
    degradation = find(type_name)
    known = {p.name: p for p in degradation.parameters(modality)}
    values = {p.name: p.default for p in known.values() if p.default is not None} | degradation.path(severity, modality)
    return {name: known[name].checked(value) for name, value in values.items()}


def render_parameters(cell: _Drawable, seed: int) -> dict[str, ParameterValue]:
    """Complete parameters of a render of ``cell`` with the realisation ``seed``; the cell's own are authoritative.

    Signs, directions and start angles belong to the realisation: a profile fixes how strong a level is, so they are taken
    from the seed even where the decision behind the cell happened to be shown with particular ones. A cell that has only a
    severity needs the path version that the program has (CalibrationError).
    """
    degradation = find(cell.type)
    from_seed = set(degradation.drawn_parameters(seed, cell.modality))
    own = {key: value for key, value in cell.parameters.items() if key not in from_seed}
    if own:
        return parameters_from(cell.type, own, cell.modality, seed)
    if cell.path_version != degradation.path_version:
        raise CalibrationError(
            f"the severity of {cell.type} on {cell.modality} belongs to path version {cell.path_version}, the program has "
            f"{degradation.path_version}; run `medqdeg profile redraw`"
        )
    return parameters_at(cell.type, cell.severity, cell.modality, seed)


def profile_to_json(profile: Profile) -> str:
    """``profile`` as indented JSON text with its content hash; ``profile_from_json`` reads it back to an equal value."""
    cells = sorted(profile.cells, key=lambda c: (c.type, c.modality, c.level))
    document = {
        "format": FORMAT,
        "name": profile.name,
        "version": profile.version,
        "status": profile.status,
        "source": profile.source,
        "published_by": profile.published_by,
        "published_at": profile.published_at,
        "content_hash": profile.content_hash,
        "cells": [
            {
                "type": c.type,
                "modality": str(c.modality),
                "level": str(c.level),
                "severity": c.severity,
                "path_version": c.path_version,
                "parameters": c.parameters,
                "readers": c.readers,
                "decisions": c.decisions,
                "basis": c.basis,
            }
            for c in cells
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def profile_from_json(text: str, where: str = "profile") -> Profile:
    """The profile written in ``text``; ``where`` names it in errors.

    ``content_hash`` is checked where it is given. Raises CalibrationError naming the field or cell that is wrong.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise CalibrationError(f"{where}: not JSON ({error})") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CalibrationError(f"{where}: not a severity profile ({FORMAT})")
    status = document.get("status")
    if status not in ("default", "draft", "published"):
        raise CalibrationError(f"{where}: status {status!r} is not default, draft or published")
    entries = document.get("cells")
    if not isinstance(entries, list):
        raise CalibrationError(f"{where}: the list of cells is missing")
    profile = Profile(
        name=_text(document, "name", where),
        version=_text(document, "version", where),
        status=status,
        cells=tuple(_read_cell(entry, f"{where}: cell {number}") for number, entry in enumerate(entries, 1)),
        source=str(document.get("source", "")),
        published_by=str(document.get("published_by", "")),
        published_at=str(document.get("published_at", "")),
    )
    _refuse_doubles(profile, where)
    stated = document.get("content_hash")
    if stated and stated != profile.content_hash:
        raise CalibrationError(f"{where}: its cells have been changed since it was written (content hash differs)")
    return profile


def read_profile(path: Path) -> Profile:
    """The profile in the file at ``path``; CalibrationError where it cannot be read."""
    try:
        return profile_from_json(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise CalibrationError(f"{path}: {reason}") from None


def _text(document: dict[str, Any], key: str, where: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value.strip():
        raise CalibrationError(f"{where}: {key} is missing")
    return value


def _read_cell(entry: Any, where: str) -> ProfileCell:
    if not isinstance(entry, dict):
        raise CalibrationError(f"{where}: not an object")
    kind = DEGRADATION_BY_NAME.get(str(entry.get("type")))
    modality = modality_of(str(entry.get("modality")))
    level, severity, parameters = entry.get("level"), entry.get("severity"), entry.get("parameters")
    if kind is None:
        raise CalibrationError(f"{where}: unknown type {entry.get('type')!r}")
    if modality is None:
        raise CalibrationError(f"{where}: unknown modality {entry.get('modality')!r}")
    if level not in (Level.L1, Level.L2):
        raise CalibrationError(f"{where}: level {level!r} is not L1 or L2")
    if isinstance(severity, bool) or not isinstance(severity, int | float) or not 0 <= severity <= 1:
        raise CalibrationError(f"{where}: severity {severity!r} is not a number from 0 to 1")
    if not isinstance(parameters, dict):
        raise CalibrationError(f"{where}: parameters are missing")
    counts = {}
    for key, default in (("path_version", None), ("readers", 0), ("decisions", 0)):
        value = entry.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise CalibrationError(f"{where}: {key} {value!r} is not a count")
        counts[key] = value
    return ProfileCell(
        type=kind.name,
        modality=modality,
        level=Level(level),
        severity=float(severity),
        parameters=parameters,
        basis=str(entry.get("basis", "")),
        **counts,
    )


def _refuse_doubles(profile: Profile, where: str) -> None:
    seen: set[CellKey] = set()
    for cell in profile.cells:
        key = (cell.type, cell.modality, cell.level)
        if key in seen:
            raise CalibrationError(f"{where}: {cell.type} {cell.level} on {cell.modality} comes twice")
        seen.add(key)


@dataclass(frozen=True, slots=True)
class CellDifference:
    """A cell in which two profiles differ; None where one of them lacks it."""

    type: str
    modality: Modality
    level: Level
    before: ProfileCell | None
    after: ProfileCell | None


def compare(before: Profile, after: Profile) -> list[CellDifference]:
    """Cells whose meaning (severity, path version or parameters) differs, by type, modality and level."""
    old = {(c.type, c.modality, c.level): c for c in before.cells}
    new = {(c.type, c.modality, c.level): c for c in after.cells}
    return [
        CellDifference(*key, old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if _meaning(old.get(key)) != _meaning(new.get(key))
    ]


def _meaning(cell: ProfileCell | None) -> tuple[Any, ...] | None:
    return (cell.severity, cell.path_version, cell.parameters) if cell else None

"""Which files form a series, and in which order: by identifier, orientation, size and spacing, then along the normal.

InstanceNumber is no position (it may follow acquisition time); only ImagePositionPatient and the direction cosines say where a
frame lies. Frames that share their places with others (echoes, b-values, time points) become series of their own.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medqdeg_desktop.engine.reading.facts import FileFacts
from medqdeg_desktop.engine.reading.geometry import Stack, stack


@dataclass(slots=True)
class Group:
    """Frames of one series in order: (facts of the file, frame in the file)."""

    key: str
    frames: list[tuple[FileFacts, int]]
    spacing: float | None
    warnings: list[str]
    label: str


def group(files: Sequence[FileFacts]) -> list[Group]:
    """Series in the order in which their first file was given; the files of one slide are that slide once."""
    together: dict[str, list[FileFacts]] = defaultdict(list)
    slides: set[tuple[str, Path]] = set()
    for facts in files:
        if facts.slide is not None and facts.series_key:
            slide = (facts.series_key, Path(facts.path).parent)
            if slide in slides:
                continue
            slides.add(slide)
        together[_key(facts)].append(facts)
    groups: list[Group] = []
    for key, members in together.items():
        if len(members) == 1:
            groups.append(_single(key, members[0]))
            continue
        for part, part_members in _split(members).items():
            groups.append(_ordered(_digest(key, part) if part else key, part_members, part))
    _tell_siblings(groups)
    return groups


def _key(facts: FileFacts) -> str:
    """Files with equal keys can be slices of one stack."""
    if facts.format != "DICOM" or facts.frames > 1 or not facts.series_key:
        return _digest(facts.path, facts.axis)
    orientation = facts.orientations[0] if facts.orientations else None
    # Two decimals: cosines of one stack vary by rounding, those of two scout views do not agree by chance.
    cosines = "" if orientation is None else ",".join(f"{c + 0.0:.2f}".replace("-0.00", "0.00") for c in orientation)
    spacing = "" if facts.spacing is None else f"{facts.spacing[0]:.4f},{facts.spacing[1]:.4f}"
    size = f"{facts.rows}x{facts.columns}x{facts.colour}"
    return _digest(facts.series_key, facts.modality, cosines, size, spacing)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def _single(key: str, facts: FileFacts) -> Group:
    """One file; the frames of an enhanced object are sorted by place where they all share one orientation."""
    frames = [(facts, i) for i in range(facts.frames)]
    warnings = list(facts.warnings)
    spacing = facts.slice_spacing
    if facts.format == "DICOM" and facts.frames > 1:
        found = _stack_of(frames)
        cosines = {tuple(round(c, 2) for c in o) for o in facts.orientations if o is not None}
        if found is not None and not found.duplicates:
            frames = [frames[i] for i in found.order]
            spacing = found.spacing or spacing
            warnings += found.warnings
        elif len(cosines) > 1:
            warnings.append(f"{len(cosines)} orientations in one file: frames in the file's order")
    return Group(key, frames, spacing, warnings, facts.label)


def _split(members: list[FileFacts]) -> dict[str, list[FileFacts]]:
    """Parts by the first element that tells frames at one position apart; the whole, under "", where none does."""
    found = _stack_of([(m, 0) for m in members])
    if found is None or not found.duplicates:
        return {"": members}
    for name in dict.fromkeys(name for m in members for name in m.splits):
        parts: dict[str, list[FileFacts]] = defaultdict(list)
        for member in members:
            parts[member.splits.get(name, "")].append(member)
        if not 1 < len(parts) < len(members):
            continue
        stacks = [_stack_of([(m, 0) for m in part]) for part in parts.values()]
        if all(s is not None and not s.duplicates for s in stacks):
            return {f"{name} {value}": part for value, part in parts.items()}
    return {"": members}


def _ordered(key: str, members: list[FileFacts], part: str) -> Group:
    # Where places say nothing (projections, missing tags) or coincide, the instance number decides.
    members = sorted(members, key=lambda m: (m.instance_number is None, m.instance_number or 0, m.path))
    frames = [(m, 0) for m in members]
    warnings = list(dict.fromkeys(w for m in members for w in m.warnings))
    found = _stack_of(frames)
    spacing = None
    if found is not None:
        frames = [frames[i] for i in found.order]
        spacing = found.spacing
        warnings += found.warnings
        if abs(members[0].gantry_tilt) > 0.5 and not any("tilt" in w for w in warnings):
            warnings.append(f"gantry tilted by {members[0].gantry_tilt:.1f} degrees")
    elif any(m.positions and m.positions[0] is not None for m in members):
        warnings.append("some files lack their position: sorted by instance number")
    label = members[0].label + (f" · {part}" if part else "")
    return Group(key, frames, spacing, warnings, label)


def _stack_of(frames: Sequence[tuple[FileFacts, int]]) -> Stack | None:
    """Order along the normal, or None where a frame lacks position or orientation, or where orientations differ."""
    positions = [f.positions[i] if i < len(f.positions) else None for f, i in frames]
    orientations = [f.orientations[i] if i < len(f.orientations) else None for f, i in frames]
    first = orientations[0]
    if first is None or any(p is None for p in positions):
        return None
    if any(o is None or max(abs(a - b) for a, b in zip(o, first, strict=True)) > 0.02 for o in orientations):
        return None
    return stack([p for p in positions if p is not None], first)


def _tell_siblings(groups: list[Group]) -> None:
    """Says where one series identifier had to be divided, so that nobody takes a part for the whole."""
    by_series: dict[str, list[Group]] = defaultdict(list)
    for g in groups:
        facts = g.frames[0][0]
        if facts.series_key and facts.frames == 1:
            by_series[facts.series_key].append(g)
    for siblings in by_series.values():
        orientations = {
            tuple(round(c, 2) for c in f.orientations[0])
            for g in siblings
            for f, _ in g.frames[:1]
            if f.orientations and f.orientations[0] is not None
        }
        if len(orientations) > 1:
            for g in siblings:
                g.warnings.append(f"the series holds {len(orientations)} orientations, shown as separate stacks")

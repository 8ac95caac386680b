"""What Generate knows, without Qt: the study's questions and levels, what is asked for, and the plan that follows from it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from medqdeg_desktop.bank.dataset import JOURNAL, MANIFEST, METADATA, Dataset
from medqdeg_desktop.bank.levels import LevelTable, profile_name
from medqdeg_desktop.bank.unmapped import label_of
from medqdeg_desktop.calibration.profiles import load_default_profile
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, PUBLISHED_TOTALS, TASKS, Level, Modality

CellState = Literal["calibrated", "default", "not drawn"]

#: What the printed counts of the paper amount to, by type and by task: pairs of L1 and L2.
PUBLISHED_TYPES: Final[dict[str, int]] = {t.name: t.published_count for t in DEGRADATION_TYPES}
PUBLISHED_TASKS: Final[dict[str, int]] = {task.name: sum(n for _, n in task.skills) for task in TASKS}
PUBLISHED_IMAGES: Final = sum(PUBLISHED_TOTALS.values())


@dataclass(frozen=True, slots=True)
class Cell:
    """A type on a modality: whose levels stand there, and their severities."""

    state: CellState
    l1: float
    l2: float
    profile: str


@dataclass(frozen=True, slots=True)
class BankView:
    """The questions that take part, counted by (modality, skill), and the matrix of levels for the modalities they have.

    ``regions`` counts those of them that carry a region as data; ``unmapped``, the labels that no skill matches.
    """

    items: int = 0
    accepted: int = 0
    removed: int = 0
    regions: int = 0
    unmapped: int = 0
    skills: dict[tuple[str, str], int] = field(default_factory=dict)
    modalities: tuple[Modality, ...] = ()
    cells: dict[tuple[str, Modality], Cell] = field(default_factory=dict)
    profile: str = ""

    @property
    def modality_counts(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for (modality, _), count in self.skills.items():
            counts[modality] += count
        return dict(counts)


def read_bank(path: Path) -> BankView:
    """Counts the study's questions and looks up its levels; for a thread that may wait for the disk."""
    skills: Counter[tuple[str, str]] = Counter()
    states: Counter[str] = Counter()
    regions = 0
    labels: set[tuple[str, str]] = set()
    with Study.open(path, read_only=True) as study:
        for item in study.items():
            if item.draft:
                continue
            states[item.state] += 1
            if item.state != "removed":
                regions += item.region is not None
                labels.add((item.source, label_of(item)))
                skills[str(item.modality), item.skill or item.task] += 1
        levels = LevelTable(study.newest_profile(), load_default_profile())
    present = {modality for modality, _ in skills}
    modalities = tuple(m for m in Modality if str(m) in present)
    return BankView(
        items=sum(skills.values()),
        accepted=states["accepted"],
        removed=states["removed"],
        regions=regions,
        unmapped=sum(bool(label) for _, label in labels),
        skills=dict(sorted(skills.items())),
        modalities=modalities,
        cells=_cells(levels, modalities or tuple(Modality)),
        profile=profile_name(levels.published) if levels.published is not None else "",
    )


def _cells(levels: LevelTable, modalities: tuple[Modality, ...]) -> dict[tuple[str, Modality], Cell]:
    out: dict[tuple[str, Modality], Cell] = {}
    for modality in modalities:
        drawn = levels.types_for(modality)
        for kind in DEGRADATION_TYPES:
            mild, severe = (levels.use(kind.name, modality, level) for level in (Level.L1, Level.L2))
            if mild is None or severe is None:
                continue
            own: CellState = "calibrated" if mild.status == "published" else "default"
            state: CellState = own if kind.name in drawn else "not drawn"
            out[kind.name, modality] = Cell(state, mild.cell.severity, severe.cell.severity, mild.profile)
    return out


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the form asks for. ``limit`` 0 takes all items, ``workers`` 0 one a core.

    ``types`` and ``severities`` are lists with commas, as the command takes them; "" leaves types to the rule and severities
    to the levels.
    """

    folder: Path
    seed: int = 0
    rule: str = "uniform"
    release: bool = False
    limit: int = 0
    workers: int = 0
    cluster: str = ""
    mark_regions: bool = False
    types: str = ""
    severities: str = ""

    def arguments(self, study: Path) -> list[str]:
        """The command of this set."""
        out = ["generate", str(study), "--out", str(self.folder), "--seed", str(self.seed), "--rule", self.rule]
        if self.release:
            out.append("--release")
        if self.mark_regions:
            out.append("--mark-regions")
        if self.limit:
            out += ["--limit", str(self.limit)]
        if self.workers:
            out += ["--workers", str(self.workers)]
        if self.cluster:
            out += ["--cluster", self.cluster]
        if self.types:
            out += ["--types", self.types]
        if self.severities:
            out += ["--severities", self.severities]
        return out

    def plan_arguments(self, study: Path, *, estimate: bool) -> list[str]:
        """The command that tells what would be made."""
        return [*self.arguments(study), "--dry-run", *(["--estimate"] if estimate else [])]


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan in numbers. ``seconds`` and ``size`` (bytes) are None until a few items have been rendered."""

    items: int
    images: int
    levels: dict[str, int]
    types: dict[str, int]
    tasks: dict[str, int]
    modalities: dict[str, int]
    notes: tuple[str, ...]
    seconds: float | None = None
    size: int | None = None
    sampled: int = 0
    workers: int = 0


def plan_of(text: str) -> Plan:
    """From what ``generate --dry-run`` prints; ValueError for anything else."""
    told: dict[str, Any] = json.loads(text)
    guess = told.get("estimate") or {}
    return Plan(
        items=int(told["items"]),
        images=int(told["images"]),
        levels=dict(told["levels"]),
        types=dict(told["types"]),
        tasks=dict(told["tasks"]),
        modalities=dict(told["modalities"]),
        notes=tuple(told["notes"]),
        seconds=guess.get("seconds"),
        size=guess.get("bytes"),
        sampled=int(guess.get("images_sampled", 0)),
        workers=int(guess.get("workers", 0)),
    )


@dataclass(frozen=True, slots=True)
class FolderState:
    """What is in the folder that a set is to go to: ``kind`` is new, finished, unfinished or taken."""

    kind: str
    images: int = 0
    free: int = 0


def look_at_folder(folder: Path) -> FolderState:
    """For a thread that may wait for the disk."""
    import shutil

    home = next((p for p in (folder, *folder.parents) if p.is_dir()), Path("/"))
    free = shutil.disk_usage(home).free
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return FolderState("new", free=free)
    if not folder.is_dir():
        return FolderState("taken", free=free)
    if (folder / JOURNAL).is_dir():
        return FolderState("unfinished", free=free)
    if (folder / METADATA).is_file() and (folder / MANIFEST).is_file():
        return FolderState("finished", Dataset.open(folder).row_count, free)
    return FolderState("taken", free=free)


def newest_pictures(folder: Path, last: str, count: int) -> list[Path]:
    """The picture named ``last`` and those written before it in the same folder, newest first."""
    path = folder / last
    if not path.is_file():
        return []
    names = sorted((p for p in path.parent.glob("*.png") if p.name <= path.name), reverse=True)
    return names[:count]

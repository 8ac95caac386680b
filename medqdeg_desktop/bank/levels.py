"""Which severity a level means for a type on a modality: the newest published profile first, the default one for the rest.

In a sweep the levels are points of the severity path instead: S250 is severity 0.25.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.profiles import render_parameters
from medqdeg_desktop.engine.degradation import ParameterValue, find
from medqdeg_desktop.study.records import Profile, ProfileCell
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, Level, Modality, types_drawn_for

DEGRADED = (Level.L1, Level.L2)
#: Severities of a sweep have at most three decimals, so that their names tell them apart.
_PER_MILLE = 1000


@dataclass(frozen=True, slots=True)
class PathPoint:
    """A point of the severity path of a type on a modality, as a sweep renders it."""

    type: str
    modality: Modality
    severity: float
    path_version: int
    parameters: dict[str, ParameterValue] = field(default_factory=dict)
    basis: str = "a point of the severity path"


@dataclass(frozen=True, slots=True)
class LevelUse:
    """A cell as it is rendered from, with the name and status of the profile that it comes from."""

    cell: ProfileCell | PathPoint
    profile: str
    status: str

    def parameters(self, seed: int) -> dict[str, ParameterValue]:
        """Complete parameters of a render with the realisation ``seed``: see ``calibration.profiles.render_parameters``."""
        try:
            return render_parameters(self.cell, seed)
        except CalibrationError as error:
            raise BankError(f"profile {self.profile}: {error}") from None


#: (type, modality, level) -> what the level means.
Cells = dict[tuple[str, str, str], LevelUse]


def level_names(severities: Iterable[float]) -> dict[str, float]:
    """Name of the level -> severity, for a sweep: 0.05 is S050. BankError for what is no severity, too fine or named twice."""
    found: dict[str, float] = {}
    for severity in severities:
        if not 0 < severity <= 1:
            raise BankError(f"severity {severity:g} is not above 0 and at most 1; the clean picture is always there")
        per_mille = round(severity * _PER_MILLE)
        if abs(per_mille / _PER_MILLE - severity) > 1e-9:
            raise BankError(f"severity {severity} has more than three decimals")
        name = f"S{per_mille:03d}"
        if name in found:
            raise BankError(f"severity {severity:g} stands twice")
        found[name] = per_mille / _PER_MILLE
    return found


@dataclass(frozen=True)
class LevelTable:
    """Cells of a published profile (or none) over those of the default profile; with ``severities``, a sweep over them."""

    published: Profile | None
    default: Profile
    severities: tuple[float, ...] = ()

    @cached_property
    def _sweep(self) -> dict[str, float]:
        return level_names(self.severities)

    @property
    def names(self) -> tuple[str, ...]:
        """Levels that each drawn type is rendered at, from mild to severe as they were given."""
        return tuple(self._sweep) if self.severities else tuple(str(level) for level in DEGRADED)

    def cells(self, types: Sequence[str], modality: Modality) -> Cells:
        """What every level of ``types`` means on ``modality``; they must be of ``types_for`` it."""
        found: Cells = {}
        for name in types:
            for level in self.names:
                use = self.use(name, modality, level)
                assert use is not None, "a type is drawn only where its levels are known"
                found[name, str(modality), level] = use
        return found

    def use(self, type_name: str, modality: Modality, level: str) -> LevelUse | None:
        """What ``level`` means, or None. Both levels of a type come from one profile, else they could cross."""
        if level in self._sweep:
            version = find(type_name).path_version
            return LevelUse(PathPoint(type_name, modality, self._sweep[level], version), f"severity path {version}", "sweep")
        for cells, name, status in self._tables:
            if all((type_name, modality, one) in cells for one in DEGRADED):
                return LevelUse(cells[type_name, modality, Level(level)], name, status)
        return None

    def types_for(self, modality: Modality, *, calibrated_only: bool = False) -> tuple[str, ...]:
        """Types that an item of ``modality`` may be drawn with: the published list extended by the study's calibrated cells.

        With ``calibrated_only`` (a release) only types whose two levels the study has published.
        """
        allowed = set() if calibrated_only else set(types_drawn_for(modality))
        if self.published is not None:
            cells = self._tables[0][0]
            allowed |= {t.name for t in DEGRADATION_TYPES if all((t.name, modality, level) in cells for level in DEGRADED)}
        return tuple(t.name for t in DEGRADATION_TYPES if t.name in allowed and self.use(t.name, modality, Level.L1) is not None)

    def described(self) -> list[dict[str, Any]]:
        """The profiles in use with their hashes, for the manifest."""
        return [
            {"name": p.name, "version": p.version, "status": str(p.status), "sha256": p.content_hash, "source": p.source}
            for p in self._profiles
        ]

    @property
    def _profiles(self) -> tuple[Profile, ...]:
        return (self.default,) if self.published is None else (self.published, self.default)

    @cached_property
    def _tables(self) -> list[tuple[dict[tuple[str, Modality, Level], ProfileCell], str, str]]:
        return [({(c.type, c.modality, c.level): c for c in p.cells}, profile_name(p), str(p.status)) for p in self._profiles]


def profile_name(profile: Profile) -> str:
    """How a profile is named in rows and messages: name, version and the beginning of its content hash."""
    return f"{profile.name} {profile.version} ({profile.content_hash[:12]})"

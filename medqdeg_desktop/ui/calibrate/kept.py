"""What one reader has decided, as the Calibrate screen needs it. Qt-free; filled from the study and after each decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from medqdeg_desktop.study.records import CleanDecision, Profile, ProfileCell, Setting
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, Level, Modality

SET_LEVELS = (Level.L1, Level.L2)

#: Modelled from projections, which a scanner measures in the axial plane: a picture across it never had such projections.
MEASURED_AXIALLY = frozenset({"limited_angle", "sparse_view", "low_dose"})


@dataclass(frozen=True, slots=True)
class LevelMark:
    """A level's place on the slider. ``kind``: "here" (kept on this picture), "elsewhere" (kept on another), "default"."""

    level: Level
    severity: float
    kind: str
    at: str = ""
    custom: bool = False


@dataclass(slots=True)
class KeptDecisions:
    """Current decisions of one reader in one study and the profiles whose values stand in where there is none."""

    settings: dict[tuple[str, str, Modality, Level], Setting] = field(default_factory=dict)
    clean: dict[str, CleanDecision] = field(default_factory=dict)
    profiles: tuple[Profile, ...] = ()

    @classmethod
    def of(cls, settings: Iterable[Setting], clean: Iterable[CleanDecision], profiles: Sequence[Profile]) -> KeptDecisions:
        """``profiles`` in the order in which they are asked for a default (published before shipped)."""
        kept = cls(profiles=tuple(profiles))
        for setting in settings:
            kept.settings[_key(setting)] = setting
        for decision in clean:
            kept.clean[decision.image_id] = decision
        return kept

    def keep_setting(self, setting: Setting) -> None:
        self.settings.pop(_key(setting), None)
        self.settings[_key(setting)] = setting

    def keep_clean(self, decision: CleanDecision) -> None:
        self.clean.pop(decision.image_id, None)
        self.clean[decision.image_id] = decision

    @property
    def last_decision(self) -> Setting | CleanDecision | None:
        """The newest decision: what the foot tells the time of."""
        decided: list[Setting | CleanDecision] = [*self.settings.values(), *self.clean.values()]
        return max(decided, key=lambda d: (d.at, d.event_id), default=None)

    def here(self, image_id: str, type_name: str, modality: Modality, level: Level) -> Setting | None:
        """The setting on this very picture."""
        return self.settings.get((image_id, type_name, modality, level))

    def nearest(self, image_id: str, type_name: str, modality: Modality, level: Level) -> Setting | None:
        """The setting on this picture, else the newest of the cell on another one."""
        here = self.here(image_id, type_name, modality, level)
        if here is not None:
            return here
        others = [s for (_, t, m, v), s in self.settings.items() if (t, m, v) == (type_name, modality, level)]
        return max(others, key=lambda s: (s.at, s.event_id), default=None)

    def default(self, type_name: str, modality: Modality, level: Level) -> ProfileCell | None:
        cells = (profile.cell(type_name, modality, level) for profile in self.profiles)
        return next((cell for cell in cells if cell is not None), None)

    def marks(self, image_id: str, type_name: str, modality: Modality) -> list[LevelMark]:
        """The marks of L1 and L2 for a picture: its own, else another picture's, else the profile's."""
        marks = []
        for level in SET_LEVELS:
            setting = self.nearest(image_id, type_name, modality, level)
            if setting is not None:
                kind = "here" if setting.image_id == image_id else "elsewhere"
                marks.append(LevelMark(level, setting.severity, kind, setting.at, setting.custom))
            elif (cell := self.default(type_name, modality, level)) is not None:
                marks.append(LevelMark(level, cell.severity, "default"))
        return marks

    def levels_kept(self, type_name: str, modality: Modality) -> set[Level]:
        """Levels kept for a cell, on any picture."""
        return {v for (_, t, m, v) in self.settings if (t, m) == (type_name, modality)}

    def calibrated(self, type_name: str, modality: Modality) -> bool:
        """Whether a cell has an L1 and an L2 above it (the newest of each, on any picture)."""
        low, high = (self.nearest("", type_name, modality, level) for level in SET_LEVELS)
        return low is not None and high is not None and not out_of_order(low, high)


def out_of_order(low: Setting | LevelMark, high: Setting | LevelMark) -> bool:
    """Whether L2 (``high``) is not above L1 (``low``). A severity does not rank values that were set by hand."""
    return not low.custom and not high.custom and low.severity >= high.severity


def _key(setting: Setting) -> tuple[str, str, Modality, Level]:
    return (setting.image_id, setting.type, setting.modality, setting.level)


def types_for(modality: Modality | None, axis: str = "") -> tuple[list[str], list[str]]:
    """Names of the types that suit ``modality``, its own specific ones first, and of those that do not.

    Where the modality is unknown only the general types are offered: a specific one would model physics of nobody knows what.
    Across the body (``axis`` "coronal" or "sagittal") none that a scanner measures axially is offered.
    """
    suiting = [t for t in DEGRADATION_TYPES if (t.general if modality is None else t.suits(modality))]
    if axis not in ("", "axial"):
        suiting = [t for t in suiting if t.name not in MEASURED_AXIALLY]
    suiting.sort(key=lambda t: t.general)
    names = [t.name for t in suiting]
    return names, [t.name for t in DEGRADATION_TYPES if t.name not in names]

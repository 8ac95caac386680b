"""Two profiles side by side: which cells differ, by how much, and what each of them makes of one picture.

A profile is named by "default", "draft", the version of a published one, or a JSON file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.profiles import (
    compare,
    draft_from_settings,
    load_default_profile,
    read_profile,
    render_parameters,
)
from medqdeg_desktop.calibration.protocol import LEVELS
from medqdeg_desktop.calibration.trials import CALIBRATION_SET
from medqdeg_desktop.engine.degradation import Prepared
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.seeding import realisation_seed
from medqdeg_desktop.samples import ct, mr, photographs, radiograph, tissue, ultrasound
from medqdeg_desktop.samples.shapes import Phantom
from medqdeg_desktop.study.records import Profile, ProfileCell
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Level, Modality

_PHANTOMS: Final[dict[Modality, Callable[[int], Phantom]]] = {
    Modality.CT: ct.ct_abdomen,
    Modality.MRI: mr.mr_head,
    Modality.XRAY: radiograph.chest_radiograph,
    Modality.ULTRASOUND: ultrasound.ultrasound_sector,
    Modality.HISTOPATHOLOGY: tissue.tissue_section,
    Modality.DERMOSCOPY: photographs.dermoscopy,
    Modality.ENDOSCOPY: photographs.endoscopy,
    Modality.FUNDUS: photographs.fundus,
}

#: As ``consensus`` writes it into the basis of a cell.
_INTERVAL: Final = re.compile(r"95 % interval (\d\.\d+) to (\d\.\d+)")


def profiles_of(study: Study) -> dict[str, Profile]:
    """What can be compared in a study, by name: published versions, newest first, the draft of its settings, the default."""
    found = {f"{p.name} {p.version}": p for p in sorted(study.profiles(), key=lambda p: p.published_at, reverse=True)}
    draft = draft_from_settings(study)
    if draft.cells:
        found["draft"] = draft
    return {**found, "default": load_default_profile()}


def profile_named(name: str, study: Study | None) -> Profile:
    """The profile that ``name`` means: see the head of this module. CalibrationError where there is none."""
    if name == "default":
        return load_default_profile()
    if Path(name).suffix == ".json":
        return read_profile(Path(name))
    if study is None:
        raise CalibrationError(f"profile {name!r}: name the study that holds it, or a JSON file")
    if name == "draft":
        return draft_from_settings(study)
    published = study.profiles()
    for profile in reversed(published):
        if name in (profile.version, f"{profile.name} {profile.version}"):
            return profile
    known = ", ".join(p.version for p in published) or "none published"
    raise CalibrationError(f"{study.path}: no profile version {name!r} (known: {known}, draft, default)")


@dataclass(frozen=True, slots=True)
class CellPair:
    """A cell of two profiles: at each level what either says, None where it says nothing."""

    type: str
    modality: Modality
    levels: dict[Level, tuple[ProfileCell | None, ProfileCell | None]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{DEGRADATION_BY_NAME[self.type].label} · {self.modality}"

    def difference(self, level: Level) -> float:
        """Severity of the second minus that of the first; NaN where one of them lacks the level."""
        first, second = self.levels.get(level, (None, None))
        return second.severity - first.severity if first is not None and second is not None else math.nan

    @property
    def in_both(self) -> bool:
        """Whether both profiles have a level of it, so that there is something to compare."""
        return any(not math.isnan(self.difference(level)) for level in self.levels)

    @property
    def largest(self) -> float:
        """The larger of the two differences, without sign; infinite where a profile lacks a level that the other has."""
        differences = [abs(self.difference(level)) for level in self.levels]
        return max(math.inf if math.isnan(d) else d for d in differences)

    def parameters(self, level: Level) -> dict[str, tuple[Any, Any]]:
        """Parameters that differ at ``level``: (first, second), None where a profile does not say."""
        first, second = ((c.parameters if c else {}) for c in self.levels.get(level, (None, None)))
        names = dict.fromkeys((*first, *second))
        return {n: (first.get(n), second.get(n)) for n in names if first.get(n) != second.get(n)}


def interval_of(cell: ProfileCell | None) -> tuple[float, float] | None:
    """The 95 % interval that a cell was published with, where it was."""
    found = _INTERVAL.search(cell.basis) if cell is not None else None
    return (float(found[1]), float(found[2])) if found else None


def cell_pairs(first: Profile, second: Profile) -> list[CellPair]:
    """Cells that mean something else in the two, the most different first; what only one of them has stands at the end."""
    found: dict[tuple[str, Modality], CellPair] = {}
    for difference in compare(first, second):
        key = (difference.type, difference.modality)
        if key not in found:
            levels = {level: (first.cell(*key, level), second.cell(*key, level)) for level in LEVELS}
            found[key] = CellPair(*key, {level: pair for level, pair in levels.items() if pair != (None, None)})
    return sorted(found.values(), key=lambda p: (math.isinf(p.largest), -p.largest if p.largest < math.inf else 0, p.label))


def has_picture(modality: Modality) -> bool:
    """Whether there is a built-in picture of ``modality``."""
    return modality in _PHANTOMS


def picture_for(modality: Modality, images: Iterable[MedicalImage] = ()) -> MedicalImage:
    """A picture to look at a cell of ``modality`` on: the first of ``images`` that fits, else the built-in phantom.

    Raises CalibrationError where there is no phantom either.
    """
    for image in images:
        if image.modality is modality:
            return image
    if modality not in _PHANTOMS:
        raise CalibrationError(f"there is no built-in picture of {modality}; open one")
    return _PHANTOMS[modality](0).image


def drawn(image: MedicalImage, cell: ProfileCell | None) -> MedicalImage | None:
    """``image`` at the level that ``cell`` sets, with the realisation of calibration: both profiles draw the same noise."""
    if cell is None:
        return None
    seed = realisation_seed(CALIBRATION_SET, image.source_sha256, cell.type)
    return image.with_pixels(Prepared(cell.type, image, seed).render(render_parameters(cell, seed)))


def pictures(image: MedicalImage, pair: CellPair) -> dict[tuple[Level, int], MedicalImage | None]:
    """The picture at each level (row) under the first and the second profile (0, 1)."""
    return {(level, side): drawn(image, cells[side]) for level, cells in pair.levels.items() for side in (0, 1)}


def rows(pairs: Iterable[CellPair]) -> list[dict[str, Any]]:
    """A row a cell and level: both severities with their intervals, the difference, the parameters that differ."""
    made = []
    for pair in pairs:
        for level, (first, second) in pair.levels.items():
            made.append(
                {
                    "type": pair.type,
                    "modality": str(pair.modality),
                    "level": str(level),
                    **_side("first", first),
                    **_side("second", second),
                    "difference": pair.difference(level),
                    "parameters": {name: list(values) for name, values in pair.parameters(level).items()},
                }
            )
    return made


def _side(name: str, cell: ProfileCell | None) -> dict[str, Any]:
    low, high = interval_of(cell) or (None, None)
    said: Mapping[str, Any] = {
        "severity": cell.severity if cell else None,
        "low": low,
        "high": high,
        "path_version": cell.path_version if cell else None,
        "readers": cell.readers if cell else None,
        "basis": cell.basis if cell else "not in this profile",
    }
    return {f"{name}_{key}": value for key, value in said.items()}

"""Pictures of a trial: the very frame that the protocol names, found by its hash, and what is drawn of it at once.

A frame keeps the place in its series and the value range that it had when it was recorded; both belong to what is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.trials import Trial
from medqdeg_desktop.engine.degradation import degrade, find, parameters_at
from medqdeg_desktop.engine.image import MedicalImage, frozen, pixel_sha256
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.engine.reading.archives import file_of
from medqdeg_desktop.study.records import ImageRecord


@dataclass(frozen=True, slots=True)
class Shown:
    """``image`` is the original as shown (mirrored where the trial says so); ``first`` what is drawn when the trial appears,
    ``second`` the other picture of a pair; ``drawn`` how what is rated or compared was drawn, with the hash of its pixels."""

    trial: Trial
    record: ImageRecord
    image: MedicalImage
    first: MedicalImage
    second: MedicalImage | None = None
    drawn: dict[str, Any] = field(default_factory=dict)


def picture(record: ImageRecord) -> MedicalImage:
    """The recorded frame; CalibrationError where it is not on this machine or has other pixels."""
    if not record.path or not file_of(record.path).exists():
        where = f" (last at {record.path})" if record.path else ""
        raise CalibrationError(f"picture {record.alias} ({record.image_id[:12]}) is not on this machine{where}")
    facts = record.facts
    image = read_image(Path(record.path), record.frame, modality=record.modality, axis=str(facts.get("axis", "")))
    if image.source_sha256 != record.image_id:
        raise CalibrationError(f"{record.path}: its pixels are not those of picture {record.alias} ({record.image_id[:12]})")
    low, high = facts.get("value_range", image.value_range)
    return replace(image, frame=int(facts.get("slice", image.frame)), value_range=(float(low), float(high)))


def shown(trial: Trial, record: ImageRecord, image: MedicalImage | None = None) -> Shown:
    """What ``trial`` shows first; ``image`` where the frame has been decoded already."""
    original = image or picture(record)
    if trial.mirrored:
        original = mirrored(original)
    if trial.kind == "pair":
        first, facts = _recorded(original, trial.type, trial.severity, trial.seed)
        second, other = _recorded(original, trial.other_type, trial.other_severity, replace(trial, type=trial.other_type).seed)
        return Shown(trial, record, original, first, second, {**facts, "other": other})
    if trial.kind == "rate":
        first, facts = _recorded(original, trial.type, trial.severity, trial.seed)
        return Shown(trial, record, original, first, drawn=facts)
    if trial.kind == "set" and trial.start > 0:
        return Shown(trial, record, original, _drawn(original, trial.type, trial.start, trial.seed))
    return Shown(trial, record, original, original)


def mirrored(image: MedicalImage) -> MedicalImage:
    """``image`` and what lies over it left to right; its hash is that of the mirrored pixels: nothing drawn of it is mixed up."""
    pixels = frozen(image.pixels[:, ::-1])
    sides = image.orientation and (image.orientation[1], image.orientation[0], image.orientation[2], image.orientation[3])
    planes = None if image.overlay is None else frozen(image.overlay[:, ::-1])
    return replace(image, pixels=pixels, source_sha256=pixel_sha256(pixels), orientation=sides, overlay=planes)


def _recorded(image: MedicalImage, type_name: str, severity: float, seed: int) -> tuple[MedicalImage, dict[str, Any]]:
    """The picture, and what is kept with the answer so that it can be drawn again."""
    picture = _drawn(image, type_name, severity, seed)
    parameters = parameters_at(type_name, severity, image.modality, seed) if severity > 0 else {}
    version = find(type_name).path_version
    return picture, {
        "parameters": parameters, "path_version": version, "seed": str(seed), "render_sha256": pixel_sha256(picture.pixels)
    }  # fmt: skip


def _drawn(image: MedicalImage, type_name: str, severity: float, seed: int) -> MedicalImage:
    return degrade(image, type_name, severity, seed=seed) if severity > 0 else image

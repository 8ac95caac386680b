"""Drawing a stored decision again: from the image it was made on, its parameters and its seed, to the hash of what was shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.showing import mirrored
from medqdeg_desktop.engine.degradation import Prepared, find
from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import MedicalImage, pixel_sha256
from medqdeg_desktop.engine.reading import read_series
from medqdeg_desktop.study.records import Setting
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level, Modality


@dataclass(frozen=True, slots=True)
class Redrawn:
    """``sha256`` is the hash of the pixels drawn now; ``setting.render_sha256`` of those that were shown.

    ``why`` begins with "; " and names what may explain a difference, or is empty.
    """

    setting: Setting
    image: MedicalImage
    sha256: str
    why: str


def redraw(study: Study, event_id: str, image_path: Path | None = None) -> Redrawn:
    """Draws the setting recorded as ``event_id`` again; its stored parameters, seed and value range are authoritative.

    Raises CalibrationError where there is no such setting, where it was made without an image, or where its image cannot be
    found again (by the hash of its pixels).
    """
    setting = study.setting(event_id) or _set_in_trial(study, event_id)
    if setting is None:
        raise CalibrationError(f"{study.path}: no setting {event_id}")
    if not setting.image_id:
        raise CalibrationError(f"{event_id}: was set without an image ({setting.provenance.get('stage', 'no stage recorded')})")
    record = study.image(setting.image_id)
    path = image_path or Path(record.path if record else "")
    if path == Path():
        raise CalibrationError(f"{event_id}: this site has not opened its image; name it with --image")
    axis = str(setting.provenance.get("axis", record.facts.get("axis", "") if record else ""))
    image = replace(_frame(path, setting, axis), value_range=setting.value_range)
    if setting.provenance.get("mirrored"):
        image = mirrored(image)
    drawn = image.with_pixels(Prepared(setting.type, image, setting.seed).render(setting.parameters))
    now = find(setting.type).path_version
    why = f"; its path version is {setting.path_version}, the program has {now}" if now != setting.path_version else ""
    return Redrawn(setting, drawn, pixel_sha256(drawn.pixels), why)


def _set_in_trial(study: Study, event_id: str) -> Setting | None:
    """A level set in a trial of a protocol, as far as it may be read, as the setting that it is."""
    answer = study.trial_answer(event_id)
    if answer is None or "render_sha256" not in answer.detail:
        return None
    detail = answer.detail
    record = study.image(answer.image_id)
    window = detail["window"]
    return Setting(
        reader=answer.reader,
        type=answer.type,
        modality=Modality(answer.modality),
        level=Level(answer.level),
        severity=float(answer.severity or 0.0),
        path_version=int(detail["path_version"]),
        parameters=detail["parameters"],
        custom=False,
        seed=int(detail["seed"]),
        image_id=answer.image_id,
        frame=record.frame if record else 0,
        window=(float(window[0]), float(window[1])) if window else None,
        value_range=(float(detail["value_range"][0]), float(detail["value_range"][1])),
        render_sha256=str(detail["render_sha256"]),
        provenance={"slice": record.facts.get("slice", record.frame) if record else 0, "mirrored": detail["mirrored"]},
        event_id=event_id,
        at=answer.at,
    )


def _frame(path: Path, setting: Setting, axis: str) -> MedicalImage:
    """The frame whose pixels have the hash ``setting.image_id``, in the place in its series that it had when it was shown."""
    # The place in the series is part of the realisation: noise differs from slice to slice.
    place = int(setting.provenance.get("slice", setting.frame))
    try:
        series = read_series(path, modality=setting.modality, axis=axis)
        likely = (place, setting.frame, *(i for i, source in enumerate(series.frames) if source.index == setting.frame))
        for index in dict.fromkeys(likely):
            if index < series.frame_count and (image := series.frame(index)).source_sha256 == setting.image_id:
                return replace(image, frame=place)
    except EngineError as error:
        raise CalibrationError(f"{setting.event_id}: {' '.join(str(error).split())}") from None
    raise CalibrationError(
        f"{setting.event_id}: {path}: no frame has the pixels that the decision was made on ({setting.image_id[:12]})"
    )

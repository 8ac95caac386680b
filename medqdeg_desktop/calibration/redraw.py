"""Drawing a stored decision again: from the image it was made on, its parameters and its seed, to the hash of what was shown.

Any decision on a picture: a level that was set, freely, in a trial or in a vote; a rating, each picture of a comparison, and the
confirmation of a clean picture or a catch trial, where the original itself was shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.showing import mirrored
from medqdeg_desktop.engine.degradation import Prepared, find
from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import MedicalImage, pixel_sha256
from medqdeg_desktop.engine.reading import read_series
from medqdeg_desktop.study.readings import TrialAnswer
from medqdeg_desktop.study.records import ImageRecord, Setting
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


@dataclass(frozen=True, slots=True)
class Redrawn:
    """``sha256`` is the hash of the pixels drawn now, ``shown_sha256`` of those that were shown; ``what`` says what was decided.

    ``why`` begins with "; " and names what may explain a difference, or is empty.
    """

    what: str
    image: MedicalImage
    sha256: str
    shown_sha256: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What a decision needs to be drawn again. An empty ``type`` is the original; ``place`` is that in its series."""

    event_id: str
    what: str
    image_id: str
    modality: Modality | None
    frame: int
    place: int
    shown_sha256: str = ""
    type: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    path_version: int = 0
    value_range: tuple[float, float] | None = None
    axis: str = ""
    mirrored: bool = False


def redraw(study: Study, event_id: str, image_path: Path | None = None) -> Redrawn:
    """The picture of the decision ``event_id`` drawn again, the first of two where it was a comparison; see ``redraw_all``."""
    return redraw_all(study, event_id, image_path)[0]


def redraw_all(study: Study, event_id: str, image_path: Path | None = None) -> list[Redrawn]:
    """Draws what ``event_id`` decided on again; its stored parameters, seed and value range are authoritative.

    Raises CalibrationError where there is no such decision or the panel has not closed its stage, where it was made without an
    image or fixed no picture, or where its image cannot be found again (by the hash of its pixels).
    """
    return [_drawn(study, drawing, image_path) for drawing in _drawings(study, event_id)]


def _drawings(study: Study, event_id: str) -> list[_Drawing]:
    setting = study.setting(event_id)
    if setting is not None:
        return [_of_setting(setting, study.image(setting.image_id))]
    answer = study.trial_answer(event_id)
    if answer is not None:
        return list(_of_answer(answer, study.image(answer.image_id)))
    for clean in study.clean_decisions():
        if clean.event_id == event_id:
            record = study.image(clean.image_id)
            place = int(record.facts.get("slice", clean.frame)) if record else clean.frame
            modality = record.modality if record else None
            said = f"clean picture, {clean.verdict}"
            axis = str(record.facts.get("axis", "")) if record else ""
            return [_Drawing(event_id, said, clean.image_id, modality, clean.frame, place, clean.image_id, axis=axis)]
    raise CalibrationError(f"{study.path}: no setting {event_id}, nor another decision on a picture that may be read yet")


def _of_setting(s: Setting, record: ImageRecord | None) -> _Drawing:
    if not s.image_id:
        raise CalibrationError(f"{s.event_id}: was set without an image ({s.provenance.get('stage', 'no stage recorded')})")
    return _Drawing(
        event_id=s.event_id,
        what=f"{s.type} {s.level} on {s.modality}, severity {s.severity:g}",
        image_id=s.image_id,
        modality=s.modality,
        frame=s.frame,
        place=int(s.provenance.get("slice", s.frame)),
        shown_sha256=s.render_sha256,
        type=s.type,
        parameters=s.parameters,
        seed=s.seed,
        path_version=s.path_version,
        value_range=s.value_range,
        axis=str(s.provenance.get("axis", record.facts.get("axis", "") if record else "")),
    )


def _of_answer(a: TrialAnswer, record: ImageRecord | None) -> Iterator[_Drawing]:
    detail = a.detail
    facts = record.facts if record else {}
    span = detail.get("value_range")
    original = _Drawing(
        event_id=a.event_id,
        what=f"{a.stage}: {a.verdict}",
        image_id=a.image_id,
        modality=Modality(a.modality),
        frame=record.frame if record else 0,
        place=int(facts.get("slice", record.frame if record else 0)),
        shown_sha256=a.image_id,
        value_range=(float(span[0]), float(span[1])) if span else None,
        axis=str(facts.get("axis", "")),
        mirrored=bool(detail.get("mirrored")),
    )
    if detail.get("kind") in ("clean", "catch"):
        yield original
        return
    shown = [detail, *([detail["other"]] if "other" in detail else [])]
    for part, type_name in zip(shown, (a.type, str(detail.get("other_type", ""))), strict=False):
        if "render_sha256" not in part:
            raise CalibrationError(f"{a.event_id}: {a.stage}, {a.verdict}: no picture was fixed by it")
        said = f"{type_name} {a.level} on {a.modality}, {a.stage}: {a.verdict}"
        if a.verdict == "set":
            said = f"{type_name} {a.level} on {a.modality}, severity {a.severity or 0:g}"
        yield replace(
            original,
            what=said,
            shown_sha256=str(part["render_sha256"]),
            type=type_name if part["parameters"] else "",
            parameters=part["parameters"],
            seed=int(part["seed"]),
            path_version=int(part["path_version"]),
        )


def _drawn(study: Study, drawing: _Drawing, image_path: Path | None) -> Redrawn:
    record = study.image(drawing.image_id)
    path = image_path or Path(record.path if record else "")
    if path == Path():
        raise CalibrationError(f"{drawing.event_id}: this site has not opened its image; name it with --image")
    image = _frame(path, drawing)
    if drawing.value_range is not None:
        image = replace(image, value_range=drawing.value_range)
    if drawing.mirrored:
        image = mirrored(image)
    if not drawing.type:
        # What a catch trial or a clean picture showed is known by the pixels of its file.
        shown = image.source_sha256 if drawing.shown_sha256 == drawing.image_id else pixel_sha256(image.pixels)
        return Redrawn(drawing.what, image, shown, drawing.shown_sha256)
    drawn = image.with_pixels(Prepared(drawing.type, image, drawing.seed).render(drawing.parameters))
    now = find(drawing.type).path_version
    why = f"; its path version is {drawing.path_version}, the program has {now}" if now != drawing.path_version else ""
    return Redrawn(drawing.what, drawn, pixel_sha256(drawn.pixels), drawing.shown_sha256, why)


def _frame(path: Path, drawing: _Drawing) -> MedicalImage:
    """The frame whose pixels have the hash ``image_id``, in the place in its series that it had when it was shown."""
    # The place in the series is part of the realisation: noise differs from slice to slice.
    try:
        series = read_series(path, modality=drawing.modality, axis=drawing.axis)
        likely = (drawing.place, drawing.frame, *(i for i, s in enumerate(series.frames) if s.index == drawing.frame))
        for index in dict.fromkeys(likely):
            if index < series.frame_count and (image := series.frame(index)).source_sha256 == drawing.image_id:
                return replace(image, frame=drawing.place)
    except EngineError as error:
        raise CalibrationError(f"{drawing.event_id}: {' '.join(str(error).split())}") from None
    raise CalibrationError(
        f"{drawing.event_id}: {path}: no frame has the pixels that the decision was made on ({drawing.image_id[:12]})"
    )

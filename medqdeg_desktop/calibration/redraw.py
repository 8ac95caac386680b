"""Drawing a stored decision again: from the image it was made on, its parameters and its seed, to the hash of what was shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.engine.degradation import Prepared, find
from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import MedicalImage, pixel_sha256
from medqdeg_desktop.engine.reading import read_image, read_series
from medqdeg_desktop.study.records import Setting
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


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
    setting = study.setting(event_id)
    if setting is None:
        raise CalibrationError(f"{study.path}: no setting {event_id}")
    if not setting.image_id:
        raise CalibrationError(f"{event_id}: was set without an image ({setting.provenance.get('stage', 'no stage recorded')})")
    record = study.image(setting.image_id)
    path = image_path or Path(record.path if record else "")
    if path == Path():
        raise CalibrationError(f"{event_id}: this site has not opened its image; name it with --image")
    image = replace(_frame(path, setting), value_range=setting.value_range)
    drawn = image.with_pixels(Prepared(setting.type, image, setting.seed).render(setting.parameters))
    now = find(setting.type).path_version
    why = f"; its path version is {setting.path_version}, the program has {now}" if now != setting.path_version else ""
    return Redrawn(setting, drawn, pixel_sha256(drawn.pixels), why)


def _frame(path: Path, setting: Setting) -> MedicalImage:
    """The frame whose pixels have the hash ``setting.image_id``: as the series that it was part of, or as a file of its own."""
    reason = "its pixels are not those that the decision was made on"
    for attempt in _readings(path, setting.frame, setting.modality):
        try:
            image = attempt()
        except (EngineError, IndexError) as error:
            reason = " ".join(str(error).split())
            continue
        if image.source_sha256 == setting.image_id:
            # The index belongs to the realisation: noise differs from slice to slice.
            return replace(image, frame=setting.frame)
    raise CalibrationError(f"{setting.event_id}: {path}, frame {setting.frame}: {reason}")


def _readings(path: Path, frame: int, modality: Modality) -> list[Callable[[], MedicalImage]]:
    if path.is_dir():
        return [lambda: read_series(path, modality=modality).frame(frame)]
    # A file of a series is frame 0 of itself, whatever its place in the series.
    return [lambda: read_image(path, frame, modality=modality), lambda: read_image(path, 0, modality=modality)]

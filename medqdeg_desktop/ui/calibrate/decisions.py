"""What goes into the study when a reader decides: records made from what was on the screen, and the work that keeps them.

Qt-free. The functions named ``keep_...`` and ``load`` run on the study's write thread.
"""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import replace
from typing import Any

from medqdeg_desktop import __version__
from medqdeg_desktop.calibration.profiles import load_default_profile
from medqdeg_desktop.engine.degradation import ParameterValue, find
from medqdeg_desktop.engine.image import MedicalImage, Pixels, Window, pixel_sha256
from medqdeg_desktop.engine.preview import PreviewResult
from medqdeg_desktop.engine.seeding import realisation_seed
from medqdeg_desktop.study.records import CleanDecision, ImageRecord, Setting
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.calibrate.kept import KeptDecisions
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries

#: Reasons for rejecting a clean picture, as offered; another may be written.
REJECTIONS = (
    "motion or breathing",
    "noise or low dose",
    "artifact in the field",
    "exposure or window cannot be mended",
    "burned-in text or marks",
    "not the organ asked for",
    "damaged data",
)

#: The realisation that calibration shows: one for each picture and type, the same at every site.
_CALIBRATION_SET = 0


def calibration_seed(image: MedicalImage, type_name: str) -> int:
    return realisation_seed(_CALIBRATION_SET, image.source_sha256, type_name)


def image_record(opened: OpenSeries, image: MedicalImage) -> ImageRecord:
    """The frame without pixels or identity; ``path`` and ``frame`` are what ``read_image`` takes."""
    source = opened.shown.frames[image.frame]
    facts = {
        "shape": list(image.shape),
        "unit": image.unit,
        "spacing": list(image.spacing) if image.spacing else None,
        "value_range": list(image.value_range),
        "format": opened.shown.format,
        "transfer_syntax": opened.shown.transfer_syntax,
        "axis": source.axis,
        "slice": image.frame,
        **{str(k): v for k, v in image.provenance.items()},
    }
    return ImageRecord(image.source_sha256, image.modality, opened.title, source.path, source.index, facts)


def clean_decision(
    reader: str, opened: OpenSeries, image: MedicalImage, window: Window | None, reason: str = ""
) -> CleanDecision:
    """Diagnostic without a ``reason``, rejected with one."""
    return CleanDecision(
        reader=reader,
        image_id=image.source_sha256,
        frame=opened.shown.frames[image.frame].index,
        window=_pair(window),
        verdict="rejected" if reason else "diagnostic",
        reason=reason,
    )


def level_setting(
    reader: str,
    opened: OpenSeries,
    image: MedicalImage,
    level: Level,
    result: PreviewResult,
    overrides: dict[str, ParameterValue],
    window: Window | None,
    provenance: dict[str, Any],
) -> Setting:
    """The decision "this is ``level``" for the exact full-size ``result`` on the screen; its hash is added when it is kept."""
    assert image.modality is not None and not result.is_preview
    return Setting(
        reader=reader,
        type=result.type_name,
        modality=image.modality,
        level=level,
        severity=result.severity,
        path_version=find(result.type_name).path_version,
        parameters=dict(result.parameters),
        custom=bool(overrides),
        seed=calibration_seed(image, result.type_name),
        image_id=image.source_sha256,
        frame=opened.shown.frames[image.frame].index,
        window=_pair(window),
        value_range=image.value_range,
        render_sha256="",
        # Where the frame stood in its series belongs to the realisation (noise differs from slice to slice).
        provenance={"stage": "native", **_versions(), **_place(opened, image), **provenance},
    )


def _place(opened: OpenSeries, image: MedicalImage) -> dict[str, Any]:
    return {"slice": image.frame, "axis": opened.shown.frames[image.frame].axis}


def keep_clean(study: Study, record: ImageRecord, decision: CleanDecision) -> CleanDecision:
    study.record_image(record)
    return study.decide_clean(decision)


def keep_setting(study: Study, record: ImageRecord, setting: Setting, pixels: Pixels) -> Setting:
    study.record_image(record)
    return study.set_level(replace(setting, render_sha256=pixel_sha256(pixels)))


def load(study: Study, reader: str) -> KeptDecisions:
    """The reader's current decisions; a published profile's values come before the shipped ones."""
    newest = study.newest_profile()
    profiles = (newest, load_default_profile()) if newest is not None else (load_default_profile(),)
    return KeptDecisions.of(study.settings(reader), study.clean_decisions(reader), profiles)


def _pair(window: Window | None) -> tuple[float, float] | None:
    return (window.center, window.width) if window is not None else None


def _versions() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "opencv-python-headless")}
    return {"application": __version__, "python": platform.python_version(), **versions}

"""Finding the pictures of a study on this machine: by the hash of their pixels, whatever they are called there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.reading import scan
from medqdeg_desktop.study.records import ImageRecord


def locate(folder: Path, wanted: Mapping[str, ImageRecord]) -> dict[str, ImageRecord]:
    """Those of ``wanted`` (by image id) that lie under ``folder``, with their place there; every frame of it is decoded."""
    found: dict[str, ImageRecord] = {}
    modalities = {record.modality for record in wanted.values()}
    for series in scan(folder).series:
        if series.modality is not None and series.modality not in modalities:
            continue
        for place, source in enumerate(series.frames):
            try:
                image = series.frame(place)
            except EngineError:
                continue  # a frame that cannot be read is not one that was recorded
            record = wanted.get(image.source_sha256)
            if record is not None:
                found[record.image_id] = replace(record, path=str(source.path), frame=source.index)
        if len(found) == len(wanted):
            break
    return found

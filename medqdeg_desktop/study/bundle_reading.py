"""A bundle as it lies on disk: held to its hashes, and every line understood before any of it is taken in.

Events are never deleted: one that the program cannot read back would leave the study that took it in unreadable for good.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.study import audit, decisions, readings, reviews
from medqdeg_desktop.study.errors import NOT_UNDERSTOOD, StudyError
from medqdeg_desktop.study.expectations import expect, expect_records, expect_texts
from medqdeg_desktop.study.identifiers import canonical_json, utc_text
from medqdeg_desktop.study.profiles import cell_from_json
from medqdeg_desktop.study.records import Event, Profile
from medqdeg_desktop.taxonomy import Modality

FORMAT = "medqdeg-bundle/2"
#: Bundles without decisions of a review, as they were before.
_FIRST_FORMAT = "medqdeg-bundle/1"
FILES = ("readers.jsonl", "images.jsonl", "items.jsonl", "events.jsonl", "profiles.jsonl")
_LARGEST = 1 << 30
Line = dict[str, Any]


def read_bundle(source: Path) -> tuple[Line, dict[str, list[Line]]]:
    """The manifest of the bundle at ``source`` and the lines of each of ``FILES``.

    Raises StudyError where the file is no bundle or has been changed since it was written, and names the first line that says
    what no study of this program says.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            for info in archive.infolist():
                if info.file_size > _LARGEST:
                    raise StudyError(f"{source}: {info.filename} is larger than any bundle ({info.file_size:,} bytes)")
            manifest = json.loads(archive.read("manifest.json"))
            if manifest.get("format") not in (FORMAT, _FIRST_FORMAT):
                raise StudyError(f"{source}: not a bundle of this program ({FORMAT})")
            expect_texts(manifest, "study_id", "study_name")
            present = [name for name in FILES if name != "items.jsonl" or manifest["format"] != _FIRST_FORMAT]
            data = {name: archive.read(name) for name in present}
            for name in present:
                if hashlib.sha256(data[name]).hexdigest() != manifest["files"][name]["sha256"]:
                    raise StudyError(f"{source}: {name}: has been changed since the bundle was written")
    except OSError as error:
        raise StudyError(f"{source}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, *NOT_UNDERSTOOD) as error:
        raise StudyError(f"{source}: not a bundle ({' '.join(str(error).split())})") from error
    return manifest, {name: _lines(data.get(name, b""), f"{source}: {name}", _CHECKS[name]) for name in FILES}


def _lines(data: bytes, where: str, check: Callable[[Line], None]) -> list[Line]:
    lines = []
    for number, text in enumerate(data.splitlines(), 1):
        try:
            line = json.loads(text)
            expect(isinstance(line, dict), "is no record")
            check(line)
        except (StudyError, *NOT_UNDERSTOOD) as error:
            said = f"lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
            raise StudyError(f"{where} line {number}: {said}") from error
        lines.append(line)
    return lines


def _reader(line: Line) -> None:
    expect_texts(line, "reader_id", "pseudonym", "role", "origin", "added_at")


def _image(line: Line) -> None:
    expect_texts(line, "image_id", "modality", "alias", "facts")
    expect(isinstance(line["frame"], int) and line["frame"] >= 0, "frame is no number of a frame")
    expect(not line["modality"] or line["modality"] in set(Modality), f"unknown modality {line['modality']!r}")
    expect_records(facts=json.loads(line["facts"]))


def _item(line: Line) -> None:
    expect_texts(line, "item_id", "sha256")
    expect(type(line["version"]) is int, "version is no number")


def _profile(line: Line) -> None:
    profile = Profile(**{**line, "cells": tuple(cell_from_json(cell) for cell in line["cells"])})
    expect_texts(line, "name", "version", "source", "published_by", "published_at")
    for cell in profile.cells:
        expect_records(parameters=cell.parameters)


def _event(line: Line) -> None:
    event = Event(**line)
    expect_texts(line, "event_id", "kind", "reader", "at", "reason", "image_id", "undoes", "origin", "hash")
    expect_records(payload=event.payload)
    content = {**line, "payload": canonical_json(event.payload)}
    stated = content.pop("hash")
    del content["seq"]
    expect(audit.event_hash(**content) == stated, "the content is not what its hash was made from")
    # A reader's next decision is timed after the one before it.
    expect(utc_text(datetime.fromisoformat(event.at)) == event.at, f"{event.at!r} is no time of an event")
    understand = _UNDERSTOOD.get(event.kind)
    expect(understand is not None, f"a bundle holds no events of kind {event.kind!r}")
    if understand is not None:
        understand(event)


def _reader_added(event: Event) -> None:
    expect_texts(event.payload, "reader_id", "pseudonym", "role")
    expect(event.payload["reader_id"] == event.reader, "adds another person than the one who joins")


def _published(event: Event) -> None:
    expect_texts(event.payload, "name", "version", "sha256")


def _undone(event: Event) -> None:
    expect(bool(event.undoes), "takes back nothing")


_UNDERSTOOD: Final[dict[str, Callable[[Event], object]]] = {
    "reader_added": _reader_added,
    "profile_published": _published,
    "undo": _undone,
    **decisions.UNDERSTOOD,
    **readings.UNDERSTOOD,
    **reviews.UNDERSTOOD,
}
#: The kinds of events that travel.
KINDS: Final = tuple(kind for kind in _UNDERSTOOD if kind != "undo")
#: The kinds of them that may be taken back.
TAKEN_BACK: Final = (*decisions.UNDERSTOOD, *reviews.UNDERSTOOD)

_CHECKS: Final[dict[str, Callable[[Line], None]]] = {
    "readers.jsonl": _reader,
    "images.jsonl": _image,
    "items.jsonl": _item,
    "events.jsonl": _event,
    "profiles.jsonl": _profile,
}

"""Exchange between sites: the decisions of a study as one file, taken into another study as often as one likes.

A bundle is a ZIP of ``manifest.json`` and JSON lines: readers, images (without paths), events and profiles. The manifest has the
SHA-256 of every file; every event carries the hash it has in its own study's chain. Taking a bundle in appends what
is new to this study's chain, keeps identities and times as they were, and never changes what stands: where both sites say
something different under one identity, this study's record stays and the conflict is listed. The order in which bundles arrive
makes no difference to settings and drafts. Questions, clearances and model answers stay at their site; decisions of a review
travel and are taken in where the same question stands (see ``review_exchange``).
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sqlite_utils import Database

from medqdeg_desktop.study import audit
from medqdeg_desktop.study.backup import put_in_place
from medqdeg_desktop.study.bundle_reading import FILES, FORMAT, KINDS, TAKEN_BACK, Line, read_bundle
from medqdeg_desktop.study.decisions import add_known_reader
from medqdeg_desktop.study.errors import StudyError
from medqdeg_desktop.study.identifiers import canonical_json
from medqdeg_desktop.study.profiles import cell_from_json, find_profile, keep_profile, profile_sha256, read_profiles
from medqdeg_desktop.study.records import Event, Profile, Reader
from medqdeg_desktop.study.review_exchange import REVIEW_KINDS, Versions, insert_row, reviewed_versions, versions_of, why_not
from medqdeg_desktop.study.store import Study


@dataclass(slots=True)
class TakenIn:
    """What an import did: numbers of new and known records, what was renamed, and what was refused with the reason.

    ``reviewed`` are the questions on which decisions came in or were taken back.
    """

    added: int = 0
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    reviewed: set[str] = field(default_factory=set)


def export_bundle(study: Study, target: Path) -> dict[str, int]:
    """Writes the bundle of ``study`` to ``target`` (must not exist); returns the number of lines of each file.

    The same decisions give the same bytes.
    """
    if target.exists():
        raise StudyError(f"{target}: already exists; it was left as it is")
    with study._snapshot() as db:
        parts = {
            "readers.jsonl": _rows(db, "SELECT reader_id, pseudonym, role, origin, added_at FROM readers ORDER BY reader_id"),
            "images.jsonl": _rows(db, "SELECT image_id, modality, alias, frame, facts FROM images ORDER BY image_id"),
            "items.jsonl": reviewed_versions(db),
            "events.jsonl": [asdict(event) for event in _exchanged(db)],
            "profiles.jsonl": [asdict(p) for p in read_profiles(db, "ORDER BY name, version")],
        }
    files = {name: "".join(f"{canonical_json(line)}\n" for line in parts[name]).encode() for name in FILES}
    manifest = {
        "format": FORMAT,
        "study_id": study.study_id,
        "study_name": study.name,
        "files": {name: {"sha256": hashlib.sha256(data).hexdigest(), "lines": len(parts[name])} for name, data in files.items()},
    }
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, data in {"manifest.json": f"{canonical_json(manifest)}\n".encode(), **files}.items():
                    archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(partial, target)
    except OSError as error:
        raise StudyError(f"{target}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return {name: len(lines) for name, lines in parts.items()}


def _rows(db: Database, sql: str) -> list[Line]:
    cursor = db.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _exchanged(db: Database) -> list[Event]:
    kinds, undone = (", ".join(f"'{kind}'" for kind in named) for named in (KINDS, TAKEN_BACK))
    taken_back = f"undoes IN (SELECT event_id FROM events WHERE kind IN ({undone}))"
    return audit.events(db, f"WHERE kind IN ({kinds}) OR {taken_back} ORDER BY seq")


def import_bundle(study: Study, source: Path) -> TakenIn:
    """Takes the bundle at ``source`` into ``study``: all that does not conflict, in one transaction; nothing twice.

    Raises StudyError where the file is no bundle or has been changed since it was written.
    """
    manifest, parts = read_bundle(source)
    taken = TakenIn()
    with study._writing() as db:
        for line in parts["readers.jsonl"]:
            _take_reader(db, line, taken)
        for line in parts["images.jsonl"]:
            _take_image(db, line, taken)
        refused = {_key(line) for line in parts["profiles.jsonl"] if not _take_profile(db, line, taken)}
        versions, left_out = versions_of(parts["items.jsonl"]), _LeftOut()
        for line in parts["events.jsonl"]:
            if line["kind"] == "profile_published" and not _published_here(db, line["payload"], refused, taken):
                continue
            if line["undoes"] in left_out.events or _no_such_question(db, line, versions, left_out):
                continue
            _take_event(db, line, taken)
        taken.conflicts += left_out.conflicts
        taken.notes += left_out.notes
        if taken.added:
            origin = {"study_id": manifest["study_id"], "study_name": manifest["study_name"]}
            counts = {"added": taken.added, "conflicts": len(taken.conflicts)}
            audit.append_event(db, "bundle_imported", {**origin, **counts})
    return taken


def _key(named: Line) -> tuple[str, str]:
    return named["name"], named["version"]


def _take_reader(db: Database, line: Line, taken: TakenIn) -> None:
    known = db.execute("SELECT role FROM readers WHERE reader_id = ?", (line["reader_id"],)).fetchone()
    if known:
        taken.unchanged += 1
        if known[0] != line["role"]:
            taken.conflicts.append(f"reader {line['pseudonym']!r} is {known[0]} here and {line['role']} there; kept {known[0]}")
        return
    pseudonym = line["pseudonym"]
    if db.execute("SELECT 1 FROM readers WHERE pseudonym = ?", (pseudonym,)).fetchone():
        # Pseudonyms belong to a site. The random end of the identifier tells namesakes apart, and the same way at every site.
        pseudonym = f"{pseudonym} ({line['reader_id'][-6:]})"
        taken.notes.append(f"reader {line['pseudonym']!r} is another person here; taken in as {pseudonym!r}")
    add_known_reader(db, Reader(line["reader_id"], pseudonym, line["role"]), line["origin"], line["added_at"])
    taken.added += 1


def _take_image(db: Database, line: Line, taken: TakenIn) -> None:
    known = db.execute("SELECT modality FROM images WHERE image_id = ?", (line["image_id"],)).fetchone()
    if known is None:
        db.execute(
            "INSERT INTO images (image_id, modality, alias, path, frame, facts) VALUES (?, ?, ?, '', ?, ?)",
            (line["image_id"], line["modality"], line["alias"], line["frame"], line["facts"]),
        )
        taken.added += 1
        return
    taken.unchanged += 1
    if known[0] != line["modality"]:
        here, there = known[0] or "unknown", line["modality"] or "unknown"
        taken.conflicts.append(f"image {line['alias']!r} ({line['image_id'][:12]}) is {here} here and {there} there; kept {here}")


def _take_profile(db: Database, line: Line, taken: TakenIn) -> bool:
    profile = Profile(**{**line, "cells": tuple(cell_from_json(cell) for cell in line["cells"])})
    standing = find_profile(db, profile.name, profile.version)
    if standing is None:
        keep_profile(db, profile)
        taken.added += 1
        return True
    if profile_sha256(standing) == profile_sha256(profile):
        taken.unchanged += 1
        return True
    taken.conflicts.append(f"profile {profile.name} {profile.version} is published here with other content; kept this study's")
    return False


def _published_here(db: Database, said: Line, refused: set[tuple[str, str]], taken: TakenIn) -> bool:
    """Whether the profile that an event says was published stands here with that content; a refused one is told already."""
    standing = find_profile(db, *_key(said))
    if standing is not None and profile_sha256(standing) == said["sha256"]:
        return True
    if _key(said) not in refused:
        taken.conflicts.append(f"profile {said['name']} {said['version']} was published there but is not in the bundle")
    return False


@dataclass(slots=True)
class _LeftOut:
    """Decisions on questions that are not here (told once a bundle) or say something else here (a conflict each)."""

    events: set[str] = field(default_factory=set)
    conflicts: list[str] = field(default_factory=list)
    absent: int = 0

    @property
    def notes(self) -> list[str]:
        return [f"{self.absent} decisions are on questions that are not here; import the questions first"] if self.absent else []


def _no_such_question(db: Database, line: Line, versions: Versions, left_out: _LeftOut) -> bool:
    if line["kind"] not in REVIEW_KINDS:
        return False
    why = why_not(db, line["payload"], versions)
    if why:
        left_out.events.add(line["event_id"])
        if why.endswith("is not here"):
            left_out.absent += 1
        else:
            left_out.conflicts.append(f"event {line['event_id']} ({line['kind']}): {why}; kept this study's")
    return bool(why)


def _take_event(db: Database, line: Line, taken: TakenIn) -> None:
    name = f"event {line['event_id']} ({line['kind']})"
    known = audit.events(db, "WHERE event_id = ?", (line["event_id"],))
    if known:
        if _said(asdict(known[0])) == _said(line):
            taken.unchanged += 1
        else:
            taken.conflicts.append(f"{name} says something else here; kept this study's")
        return
    for lacking, missing in _LACKING.items():
        if line[lacking] and missing(db, line[lacking]):
            taken.conflicts.append(f"{name} refers to {lacking} {line[lacking]}, which is not here")
            return
    if line["undoes"] and not _own(db, line):
        taken.conflicts.append(f"{name} takes back event {line['undoes']}, which is not a decision of the same person; it stands")
        return
    if line["undoes"] and db.execute("SELECT 1 FROM events WHERE undoes = ?", (line["undoes"],)).fetchone():
        taken.notes.append(f"{name}: {line['undoes']} has been taken back here as well")
        return
    trial = line["payload"].get("trial")
    if (
        trial is not None
        and db.execute("SELECT 1 FROM events WHERE reader_id = ? AND trial = ?", (line["reader"], trial)).fetchone()
    ):
        taken.conflicts.append(f"{name} answers {trial}, which the same reader has answered here; kept this study's")
        return
    given = {key: line[key] for key in ("event_id", "kind", "reader", "at", "reason", "image_id", "undoes", "origin")}
    audit.append_known_event(db, **given, payload=canonical_json(line["payload"]))
    if line["kind"] in REVIEW_KINDS:
        insert_row(db, line["kind"], line["event_id"], line["reader"], line["payload"])
        taken.reviewed.add(line["payload"]["item"])
    elif line["undoes"]:
        undone = audit.events(db, "WHERE event_id = ?", (line["undoes"],))[0]
        taken.reviewed |= {undone.payload["item"]} if undone.kind in REVIEW_KINDS else set()
    taken.added += 1


def _own(db: Database, line: Line) -> bool:
    """Whether an event takes back what a bundle may, a decision of the same person: a clearance of this site is not."""
    undone = audit.events(db, "WHERE event_id = ?", (line["undoes"],))[0]
    return undone.kind in TAKEN_BACK and undone.reader == line["reader"]


def _absent(table: str, column: str) -> Callable[[Database, str], bool]:
    return lambda db, value: db.execute(f"SELECT 1 FROM {table} WHERE {column} = ?", (value,)).fetchone() is None


_LACKING = {
    "reader": _absent("readers", "reader_id"),
    "image_id": _absent("images", "image_id"),
    "undoes": _absent("events", "event_id"),
}


def _said(line: Line) -> Line:
    """An event without its place in a chain."""
    return {key: value for key, value in line.items() if key not in ("seq", "previous_hash", "hash")}

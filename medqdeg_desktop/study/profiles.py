"""Published severity profiles: kept for good under a name and a semantic version, never changed."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from typing import Any

from sqlite_utils import Database

from medqdeg_desktop.study import audit
from medqdeg_desktop.study.decisions import Decisions
from medqdeg_desktop.study.errors import StudyError
from medqdeg_desktop.study.identifiers import canonical_json, now_after, sha256_text, utc_text
from medqdeg_desktop.study.records import Profile, ProfileCell
from medqdeg_desktop.taxonomy import Level, Modality

_SEMANTIC_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?")


def version_order(version: str) -> tuple[Any, ...]:
    """Sort key of a semantic version (semver.org 2.0.0, item 11); StudyError where it is none."""
    match = _SEMANTIC_VERSION.fullmatch(version)
    if match is None:
        raise StudyError(f"version {version!r} is not a semantic version such as 1.0.0")
    numbers = tuple(int(part) for part in match.group(1, 2, 3))
    if match[4] is None:
        return (*numbers, 1, ())
    # A pre-release comes before its release; numeric parts come before words and compare as numbers.
    parts = tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in match[4].split("."))
    return (*numbers, 0, parts)


def profile_sha256(profile: Profile) -> str:
    """SHA-256 of everything a published profile says, counts of readers and decisions included."""
    return sha256_text(canonical_json(asdict(replace(profile, cells=()))) + _cells_text(profile))


class Profiles(Decisions):
    """The part of a study that fixes what the levels mean."""

    def publish_profile(self, profile: Profile, by: str) -> Profile:
        """Publishes ``profile`` for good, signed by the reader ``by`` (added as chair where new).

        Publishing the same content under the same version again returns what stands. Raises StudyError for an empty profile, a
        version that already stands for other content, a cell given twice or an L1 that is not milder than its L2.
        """
        version_order(profile.version)
        _check_cells(profile)
        with self._writing() as db:
            if standing := self._standing(db, profile):
                return standing
            chair = self.ensure_reader(by, "chair")
            published = replace(profile, status="published", published_by=chair.pseudonym, published_at=utc_text(now_after()))
            _keep_with_event(db, published, chair.reader_id)
        return published

    def import_profile(self, profile: Profile) -> Profile:
        """Keeps a profile that was published elsewhere exactly as it stands, signature and time included.

        Raises StudyError for a draft or default profile and in the cases of ``publish_profile``.
        """
        if profile.status != "published":
            raise StudyError(
                f"profile {profile.name} {profile.version} is a {profile.status} profile; only published ones travel"
            )
        version_order(profile.version)
        _check_cells(profile)
        with self._writing() as db:
            if standing := self._standing(db, profile):
                return standing
            _keep_with_event(db, profile, "")
        return profile

    def _standing(self, db: Database, profile: Profile) -> Profile | None:
        """The profile that stands under this name and version, if its content is the same; StudyError if it is not."""
        rows = profile_rows(db, "WHERE name = ? AND version = ?", (profile.name, profile.version))
        standing = next(iter(self._understood(profile_of, rows)), None)
        if standing is not None and standing.content_hash != profile.content_hash:
            raise StudyError(
                f"{self.path}: profile {profile.name} {profile.version} is published with other content "
                f"({standing.content_hash[:12]}); choose a new version"
            )
        return standing

    def profiles(self) -> list[Profile]:
        """Published profiles by name, then by semantic version."""
        with self._reading() as db:
            rows = profile_rows(db)
        found = self._understood(profile_of, rows)
        return sorted(found, key=lambda p: (p.name, version_order(p.version)))

    def newest_profile(self) -> Profile | None:
        """The published profile with the highest version (the later published one where names share it), or None."""
        return max(self.profiles(), key=lambda p: (version_order(p.version), p.published_at), default=None)


def profile_rows(db: Database, where: str = "", values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    return db.execute(f"SELECT name, version, source, published_by, published_at, cells FROM profiles {where}", values).fetchall()


def profile_of(row: tuple[Any, ...]) -> Profile:
    """The Profile of one of ``profile_rows``."""
    name, version, source, by, at, cells = row
    return Profile(
        name=name,
        version=version,
        status="published",
        cells=tuple(cell_from_json(cell) for cell in json.loads(cells)),
        source=source,
        published_by=by,
        published_at=at,
    )


def read_profiles(db: Database, where: str = "", values: tuple[Any, ...] = ()) -> list[Profile]:
    return [profile_of(row) for row in profile_rows(db, where, values)]


def find_profile(db: Database, name: str, version: str) -> Profile | None:
    found = read_profiles(db, "WHERE name = ? AND version = ?", (name, version))
    return found[0] if found else None


def keep_profile(db: Database, profile: Profile) -> None:
    """Writes a published profile as it is; call it inside a write transaction."""
    db.execute(
        "INSERT INTO profiles (name, version, content_hash, source, published_by, published_at, cells, sha256)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            profile.name,
            profile.version,
            profile.content_hash,
            profile.source,
            profile.published_by,
            profile.published_at,
            _cells_text(profile),
            profile_sha256(profile),
        ),
    )


def _keep_with_event(db: Database, profile: Profile, reader: str) -> None:
    keep_profile(db, profile)
    said = {
        "name": profile.name,
        "version": profile.version,
        "content_hash": profile.content_hash,
        "sha256": profile_sha256(profile),
    }
    audit.append_event(db, "profile_published", said, reader=reader)


def cell_from_json(cell: dict[str, Any]) -> ProfileCell:
    return ProfileCell(**{**cell, "modality": Modality(cell["modality"]), "level": Level(cell["level"])})


def _cells_text(profile: Profile) -> str:
    return canonical_json(sorted((asdict(c) for c in profile.cells), key=lambda c: (c["type"], c["modality"], c["level"])))


def _check_cells(profile: Profile) -> None:
    name = f"profile {profile.name} {profile.version}"
    if not profile.cells:
        raise StudyError(f"{name} has no cells; set L1 and L2 of at least one type first")
    severities: dict[tuple[str, Modality, Level], float] = {}
    for cell in profile.cells:
        key = (cell.type, cell.modality, cell.level)
        if key in severities:
            raise StudyError(f"{name} has {cell.type} {cell.level} on {cell.modality} twice")
        severities[key] = cell.severity
    for (type_name, modality, level), severity in severities.items():
        stronger = severities.get((type_name, modality, Level.L2))
        if level is Level.L1 and stronger is not None and severity >= stronger:
            raise StudyError(f"{name}: L1 of {type_name} on {modality} ({severity:g}) is not milder than its L2 ({stronger:g})")

"""Review decisions in bundles: questions stay at their site, so a decision is taken in where the very same question stands.

A bundle names each reviewed version of a question by a hash over what its readers saw: words, options, answer, and the names of
its pictures, not where they lie. A decision on a question that is not here, or that says something else here, is left out and
told.
"""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any, Final

from sqlite_utils import Database

from medqdeg_desktop.study.identifiers import canonical_json, sha256_text

#: Event kind -> what is inserted beside the event: (event id, item, version, reader, stage).
REVIEW_KINDS: Final = {
    "item_reviewed": "INSERT INTO item_reviews VALUES (:event_id, :item, :version, :reader, :stage)",
    "item_noted": "INSERT INTO item_notes VALUES (:event_id, :item, :version)",
}

Versions = dict[tuple[str, int], str]


def content_sha256(body: str) -> str:
    """The hash of a question's stored ``body`` without where its pictures lie on this site."""
    said = json.loads(body)
    said["images"] = [PurePath(str(path).replace("\\", "/")).name for path in said["images"]]
    return sha256_text(canonical_json(said))


def reviewed_versions(db: Database) -> list[dict[str, Any]]:
    """A line for each version of a question that somebody reviewed or commented on."""
    rows = db.execute(
        "SELECT v.item_id, v.version, v.body FROM item_versions v WHERE EXISTS (SELECT 1 FROM item_reviews r"
        " WHERE r.item_id = v.item_id AND r.version = v.version) OR EXISTS (SELECT 1 FROM item_notes n"
        " WHERE n.item_id = v.item_id AND n.version = v.version) ORDER BY v.item_id, v.version"
    )
    return [{"item_id": item_id, "version": version, "sha256": content_sha256(body)} for item_id, version, body in rows]


def versions_of(lines: list[dict[str, Any]]) -> Versions:
    return {(line["item_id"], int(line["version"])): line["sha256"] for line in lines}


def why_not(db: Database, payload: dict[str, Any], theirs: Versions) -> str:
    """Why a decision on a question cannot be taken in, or "": the same words must stand here under the same version."""
    item, version = payload["item"], int(payload["version"])
    row = db.execute("SELECT body FROM item_versions WHERE item_id = ? AND version = ?", (item, version)).fetchone()
    if row is None:
        return f"question {item!r} (version {version}) is not here"
    if content_sha256(row[0]) != theirs.get((item, version)):
        return f"question {item!r} (version {version}) says something else here"
    return ""


def insert_row(db: Database, kind: str, event_id: str, reader: str, payload: dict[str, Any]) -> None:
    """The row beside an event of ``REVIEW_KINDS`` that has been appended."""
    values = {"event_id": event_id, "item": payload["item"], "version": int(payload["version"]), "reader": reader}
    db.execute(REVIEW_KINDS[kind], {**values, "stage": payload.get("stage", "")})

"""What is wrong with a study file, one line for each problem, as far as a damaged file still lets itself be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlite_utils import Database

from medqdeg_desktop.study import audit
from medqdeg_desktop.study.connection import StudyFile
from medqdeg_desktop.study.errors import NOT_UNDERSTOOD, SQLITE_ERRORS, StudyError
from medqdeg_desktop.study.frozen_runs import frozen_run_problems
from medqdeg_desktop.study.identifiers import sha256_text
from medqdeg_desktop.study.migrations import upgrade
from medqdeg_desktop.study.profiles import profile_sha256, read_profiles


def problems(study: StudyFile) -> list[str]:
    """Every problem found: pages, references, tables and triggers, audit chain, readers, profiles, questions."""
    found: list[str] = []
    checks: tuple[tuple[str, Callable[[Database], Iterator[str]]], ...] = (
        ("pages", _pages),
        ("references", _references),
        ("tables and triggers", _declarations),
        ("audit chain", audit.chain_problems),
        ("readers", _readers),
        ("profiles", _profiles),
        ("questions", _items),
        ("runs and answers", _answers),
    )
    for name, check in checks:
        try:
            # One moment of the file for each check, and not for all of them: others wait until a check is over.
            with study._snapshot() as db:
                found.extend(check(db))
        except (StudyError, *SQLITE_ERRORS) as error:
            found.append(f"{name}: cannot be read ({' '.join(str(error).split())})")
        except NOT_UNDERSTOOD as error:
            found.append(f"{name}: holds a value that cannot be understood ({' '.join(str(error).split())})")
    # Names and messages out of a damaged file may hold anything; a problem stays one line.
    return [" ".join(line.split()) for line in found]


def _pages(db: Database) -> Iterator[str]:
    for (line,) in db.execute("PRAGMA integrity_check(20)"):
        if line != "ok":
            yield f"pages: {line}"


def _references(db: Database) -> Iterator[str]:
    for table, row, parent, _ in db.execute("PRAGMA foreign_key_check").fetchall():
        yield f"{table} row {row}: refers to a row that {parent} does not have"


def declarations(db: Database) -> dict[tuple[str, str], str]:
    """SQL of everything declared in the file, by (kind, name)."""
    rows = db.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'")
    return {(kind, name): sql for kind, name, sql in rows}


def fresh_declarations() -> dict[tuple[str, str], str]:
    """What ``declarations`` gives for a study made by this version of the program."""
    db = Database(memory=True, execute_plugins=False)
    try:
        upgrade(db, Path(":memory:"), keep_copy=False)
        return declarations(db)
    finally:
        db.close()


def _declarations(db: Database) -> Iterator[str]:
    here, fresh = declarations(db), fresh_declarations()
    for kind, name in sorted(here.keys() | fresh.keys()):
        if (kind, name) not in here:
            yield f"{kind} {name} is missing"
        elif (kind, name) not in fresh:
            yield f"{kind} {name} does not belong to a study"
        elif here[kind, name] != fresh[kind, name]:
            yield f"{kind} {name} is not declared as this program declares it"


def _readers(db: Database) -> Iterator[str]:
    said = {}
    for (payload,) in db.execute("SELECT payload FROM events WHERE kind = 'reader_added'"):
        reader = json.loads(payload)
        said[reader["reader_id"]] = (reader["pseudonym"], reader["role"])
    for reader_id, pseudonym, role in db.execute("SELECT reader_id, pseudonym, role FROM readers"):
        known = said.get(reader_id)
        if known is None:
            yield f"reader {pseudonym!r} ({reader_id}): no event says that they joined"
        # A namesake from another site carries a suffix here.
        elif role != known[1] or not (pseudonym == known[0] or pseudonym.startswith(f"{known[0]} (")):
            yield f"reader {pseudonym!r} ({reader_id}): joined as {known[0]!r}, {known[1]}"


def _profiles(db: Database) -> Iterator[str]:
    published = {}
    for (payload,) in db.execute("SELECT payload FROM events WHERE kind = 'profile_published'"):
        event = json.loads(payload)
        published[event["name"], event["version"]] = event["sha256"]
    stored = {
        (name, version): (content, digest)
        for name, version, content, digest in db.execute("SELECT name, version, content_hash, sha256 FROM profiles")
    }
    for profile in read_profiles(db):
        key = (profile.name, profile.version)
        name = f"profile {profile.name} {profile.version}"
        content, digest = stored[key]
        if profile.content_hash != content or profile_sha256(profile) != digest:
            yield f"{name}: its cells are not what its hash was made from"
        if key not in published:
            yield f"{name}: no event says that it was published"
        elif published[key] != digest:
            yield f"{name}: differs from what was published"
    for name, version in published.keys() - stored.keys():
        yield f"profile {name} {version}: was published but is missing"


def _items(db: Database) -> Iterator[str]:
    for item_id, version, digest, body in db.execute("SELECT item_id, version, sha256, body FROM item_versions"):
        if sha256_text(body) != digest:
            yield f"item {item_id!r} version {version}: its content is not what its hash was made from"
    rows = db.execute(
        "SELECT i.item_id, i.version, (SELECT max(v.version) FROM item_versions v WHERE v.item_id = i.item_id) AS newest"
        " FROM items i WHERE i.version <> newest"
    )
    for item_id, version, newest in rows:
        yield f"item {item_id!r}: version {version} counts although version {newest} is newer"
    for table, kind in (("item_clearances", "items_cleared"), ("item_judgements", "item_judged")):
        yield from _decided(db, table, kind)
    for table, kind in (("item_reviews", "item_reviewed"), ("item_notes", "item_noted")):
        yield from _spoken_of(db, table, kind)
    given = {
        event_id: (reader, role) for event_id, reader, role in db.execute("SELECT event_id, reader_id, role FROM reader_roles")
    }
    for event_id, payload in db.execute("SELECT event_id, payload FROM events WHERE kind = 'role_given'"):
        said = json.loads(payload)
        if given.pop(event_id, None) != (said["reader_id"], said["role"]):
            yield f"reader_roles: has no row, or another one, for event {event_id} on reader {said['reader_id']}"
    for event_id in given:
        yield f"reader_roles: a row refers to event {event_id}, which gives no role"


def _decided(db: Database, table: str, kind: str) -> Iterator[str]:
    """Where the rows of ``table`` and the events of ``kind`` do not name the same versions of the same items."""
    rows: dict[str, set[tuple[str, int]]] = {}
    for item_id, version, event_id in db.execute(f"SELECT item_id, version, event_id FROM {table}"):
        rows.setdefault(event_id, set()).add((item_id, version))
    for event_id, payload in db.execute("SELECT event_id, payload FROM events WHERE kind = ?", (kind,)):
        said, kept = set(json.loads(payload)["items"].items()), rows.pop(event_id, set())
        for item_id, version in sorted(kept - said):
            yield f"{table}, item {item_id!r} version {version}: event {event_id} does not say so"
        for item_id, version in sorted(said - kept):
            yield f"{table}, item {item_id!r} version {version}: is missing though event {event_id} says so"
    for event_id in rows:
        yield f"{table}: rows refer to event {event_id}, which decides nothing of this kind"


def _spoken_of(db: Database, table: str, kind: str) -> Iterator[str]:
    """Where a row of ``table`` and its event of ``kind`` do not speak of the same version of the same item."""
    rows = {
        event_id: (item_id, version)
        for event_id, item_id, version in db.execute(f"SELECT event_id, item_id, version FROM {table}")
    }
    for event_id, payload in db.execute("SELECT event_id, payload FROM events WHERE kind = ?", (kind,)):
        said = json.loads(payload)
        if rows.pop(event_id, None) != (said["item"], said["version"]):
            yield f"{table}: has no row, or another one, for event {event_id} on item {said['item']!r}"
    for event_id in rows:
        yield f"{table}: a row refers to event {event_id}, which is none of this kind"


def _answers(db: Database) -> Iterator[str]:
    for run_id, settings in db.execute("SELECT run_id, settings FROM runs"):
        try:
            json.loads(settings)
        except ValueError:
            yield f"run {run_id}: its settings are not JSON"
    yield from frozen_run_problems(db)

"""The audit chain: every decision is an event whose hash covers its content and the hash of the event before.

``hash = SHA-256(canonical JSON of [previous_hash, event_id, kind, reader, at, reason, image_id, undoes, origin, payload text])``.
Changing, removing or inserting a row anywhere breaks the chain from that row on; the newest hash and the number of events
stand in the study row, so that cutting off the end shows as well. A chain protects against accident and quiet editing; who
can rewrite the whole file can rewrite the chain too, which is why a bundle or a printed head, kept elsewhere, is the anchor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from sqlite_utils import Database

from medqdeg_desktop.study.identifiers import canonical_json, now_after, sha256_text, utc_text, uuid7
from medqdeg_desktop.study.records import Event

_COLUMNS = (
    "seq, event_id, kind, coalesce(reader_id, ''), at, reason, coalesce(image_id, ''), coalesce(undoes, ''), payload, "
    "origin, previous_hash, hash"
)

_FIELDS = tuple(field.name for field in fields(Event))

#: What CHECKs and views need of a payload: columns of the table under the names of the payload's keys.
QUERIED = ("type", "modality", "level", "severity", "verdict", "trial")


def event_hash(
    previous_hash: str,
    event_id: str,
    kind: str,
    reader: str,
    at: str,
    reason: str,
    image_id: str,
    undoes: str,
    payload: str,
    origin: str,
) -> str:
    """The hash of an event; ``payload`` is its stored text, so that no number is ever formatted twice."""
    content = [previous_hash, event_id, kind, reader, at, reason, image_id, undoes, origin, payload]
    return sha256_text(canonical_json(content))


def append_event(
    db: Database,
    kind: str,
    payload: dict[str, Any],
    *,
    reader: str = "",
    reason: str = "",
    image_id: str = "",
    undoes: str = "",
) -> Event:
    """Appends an event that happens now to the chain; call it inside a write transaction.

    A reader's times never run backwards, whatever the clock does: the newest decision is the one made last.
    """
    (earlier,) = db.execute("SELECT coalesce(max(at), '') FROM events WHERE reader_id IS ?", (reader or None,)).fetchone()
    moment = now_after(earlier)
    (study_id,) = db.execute("SELECT study_id FROM study").fetchone()
    return append_known_event(
        db,
        event_id=uuid7(moment),
        kind=kind,
        reader=reader,
        at=utc_text(moment),
        reason=reason,
        image_id=image_id,
        undoes=undoes,
        payload=canonical_json(payload),
        origin=study_id,
    )


def append_known_event(
    db: Database,
    *,
    event_id: str,
    kind: str,
    reader: str,
    at: str,
    reason: str,
    image_id: str,
    undoes: str,
    payload: str,
    origin: str,
) -> Event:
    """Appends an event whose identity and time are given (it may come from another site) to this file's chain."""
    (previous,) = db.execute("SELECT head FROM study").fetchone()
    digest = event_hash(previous, event_id, kind, reader, at, reason, image_id, undoes, payload, origin)
    said = json.loads(payload)
    cursor = db.execute(
        "INSERT INTO events (event_id, kind, reader_id, at, reason, image_id, undoes, payload, origin, previous_hash, hash,"
        f" {', '.join(QUERIED)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {', '.join('?' * len(QUERIED))})",
        (
            event_id,
            kind,
            reader or None,
            at,
            reason,
            image_id or None,
            undoes or None,
            payload,
            origin,
            previous,
            digest,
            *(said.get(name) for name in QUERIED),
        ),
    )
    seq = int(cursor.lastrowid or 0)
    return Event(seq, event_id, kind, reader, at, reason, image_id, undoes, said, origin, previous, digest)


def event_rows(db: Database, where: str = "", values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Rows of events in the order of the chain; ``where`` may end the statement (condition, order, limit)."""
    return db.execute(f"SELECT {_COLUMNS} FROM events {where or 'ORDER BY seq'}", values).fetchall()


def event_of(row: tuple[Any, ...]) -> Event:
    """The Event of one of ``event_rows``; ValueError where its payload is no JSON."""
    values = dict(zip(_FIELDS, row, strict=True))
    return Event(**{**values, "payload": json.loads(values["payload"])})


def events(db: Database, where: str = "", values: tuple[Any, ...] = ()) -> list[Event]:
    """``event_rows`` as Events."""
    return [event_of(row) for row in event_rows(db, where, values)]


def chain_problems(db: Database) -> Iterator[str]:
    """One line for each place where the chain does not hold, naming the row."""
    previous, expected_seq, count = "", 1, 0
    for row in db.execute(f"SELECT {_COLUMNS}, {', '.join(QUERIED)} FROM events ORDER BY seq"):
        seq, event_id, kind, reader, at, reason, image_id, undoes, payload, origin, linked, stored, *columns = row
        name = f"event {seq} ({kind}, {event_id})"
        if seq != expected_seq:
            yield f"events {expected_seq} to {seq - 1} are missing before {name}"
        if linked != previous:
            yield f"{name}: does not follow the event before it"
        if event_hash(linked, event_id, kind, reader, at, reason, image_id, undoes, payload, origin) != stored:
            yield f"{name}: its content is not what its hash was made from"
        elif columns != [json.loads(payload).get(name) for name in QUERIED]:
            yield f"{name}: its columns do not say what its payload says"
        previous, expected_seq, count = stored, seq + 1, count + 1
    recorded, head = db.execute("SELECT events, head FROM study").fetchone()
    if recorded != count:
        yield f"the study row counts {recorded} events, the file has {count}: the end was cut off or rows were added"
    elif head != previous:
        yield "the study row names another newest event than the chain ends with"

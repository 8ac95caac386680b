"""Questions: versions that are never overwritten, and what people decided about each version."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from sqlite_utils import Database

from medqdeg_desktop.study import audit
from medqdeg_desktop.study.errors import StudyError
from medqdeg_desktop.study.identifiers import canonical_json, now_after, sha256_text, utc_text
from medqdeg_desktop.study.profiles import Profiles
from medqdeg_desktop.study.records import Event, Item, ItemCounts
from medqdeg_desktop.taxonomy import Modality

_CHUNK = 1000
_PAGE = 500
Verdict = Literal["accepted", "removed", "imported"]


class Items(Profiles):
    """The part of a study that holds questions."""

    def add_items(self, items: Iterable[Item], by: str = "", reason: str = "") -> ItemCounts:
        """Keeps ``items``, streamed: new ones, new versions of changed ones; those that stand already are left alone.

        An import is committed by the thousand, so that one of any length holds neither the lock nor memory; run it again after an
        interruption. What the person ``by`` wrote is kept together with who wrote it, or not at all. Raises StudyError where one
        call brings two different items under one id.
        """
        if by:
            with self._writing():
                return self._add_items(items, by, reason)
        return self._add_items(items, by, reason)

    def _add_items(self, items: Iterable[Item], by: str, reason: str) -> ItemCounts:
        added = updated = unchanged = 0
        written: dict[str, int] = {}
        seen: dict[str, str] = {}
        iterator = iter(items)
        while chunk := list(itertools.islice(iterator, _CHUNK)):
            rows = self._checked(chunk, seen)
            with self._writing() as db:
                versions = _versions(db, [row[0] for row in rows])
                at = utc_text(now_after())
                fresh = []
                for item_id, digest, source, modality, public, body in rows:
                    version, standing = versions.get(item_id, (0, ""))
                    if standing == digest:
                        unchanged += 1
                        continue
                    added, updated = (added, updated + 1) if version else (added + 1, updated)
                    fresh.append((item_id, version + 1, digest, source, modality, public, body, at))
                _insert_versions(db, fresh)
            if by:
                written |= {item_id: version for item_id, version, *_ in fresh}
        counts = ItemCounts(added, updated, unchanged)
        if added or updated:
            person = self.ensure_reader(by, "curator").reader_id if by else ""
            named = {"items": written} if by else {}
            with self._writing() as db:
                audit.append_event(db, "items_added", {**counts._asdict(), **named}, reader=person, reason=reason)
        return counts

    def _checked(self, chunk: list[Item], seen: dict[str, str]) -> list[tuple[str, str, str, str, int, str]]:
        rows = []
        for item in chunk:
            if not item.item_id:
                raise StudyError(f"{self.path}: an item from {item.source or 'an unnamed source'} has no id")
            body = item_body(item)
            digest = sha256_text(body)
            earlier = seen.setdefault(item.item_id, digest)
            if earlier != digest:
                raise StudyError(f"{self.path}: item {item.item_id!r} comes twice with different content")
            rows.append((item.item_id, digest, item.source, str(item.modality), int(item.public), body))
        return list({row[0]: row for row in rows}.values())

    def items(
        self,
        *,
        modality: Modality | None = None,
        source: str | None = None,
        state: str | None = None,
    ) -> Iterator[Item]:
        """Current versions by item id (code point order), streamed in pages: no lock is held between two items."""
        conditions, values = ["item_id > ?"], []
        for column, value in (("modality", modality), ("source", source), ("state", state)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(str(value))
        last = ""
        while True:
            page = self._items(f"WHERE {' AND '.join(conditions)} ORDER BY item_id LIMIT {_PAGE}", [last, *values])
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].item_id

    def item(self, item_id: str) -> Item | None:
        found = self._items("WHERE item_id = ?", [item_id])
        return found[0] if found else None

    def item_versions(self, item_id: str) -> list[Item]:
        """Every version of an item, oldest first, as imported (without clearance or state)."""
        with self._reading() as db:
            rows = db.execute("SELECT body FROM item_versions WHERE item_id = ? ORDER BY version", (item_id,)).fetchall()
        return self._understood(lambda row: _item(item_id, row[0], "", "imported"), rows)

    def items_written(self) -> dict[str, tuple[str, str]]:
        """Item id -> (pseudonym of who wrote its first version, time of its newest), of all that people wrote here."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT e.payload, r.pseudonym, e.at FROM events e JOIN readers r ON r.reader_id = e.reader_id"
                " WHERE e.kind = 'items_added' ORDER BY e.at, e.event_id"
            ).fetchall()
        found: dict[str, tuple[str, str]] = {}
        for payload, pseudonym, at in rows:
            for item_id in json.loads(payload).get("items", ()):
                found[item_id] = (found[item_id][0] if item_id in found else pseudonym, at)
        return found

    def item_count(self) -> int:
        with self._reading() as db:
            return int(db.execute("SELECT count(*) FROM items").fetchone()[0])

    def clear_items(
        self, ids: Iterable[str], by: str, reason: str = "", pictures: Mapping[str, Sequence[str]] | None = None
    ) -> Event:
        """Records that the person ``by`` allows the current versions of ``ids`` to leave the site: one event, all or nothing.

        pictures   hashes of the decoded pixels of each item's pictures as they are now: the clearance is for these.

        Raises StudyError naming the first id that is unknown. Taking the event back (``undo``) withdraws the clearance.
        """
        said = {"pictures": {item_id: list(hashes) for item_id, hashes in pictures.items()}} if pictures else {}
        return self._decide_items("items_cleared", said, ids, by, reason)

    def cleared_pictures(self) -> dict[str, frozenset[str]]:
        """Item ids that people cleared in their present version, with the hashes of the pictures that they cleared."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT c.item_id, e.event_id, e.payload FROM item_clearances c"
                " JOIN items i ON i.item_id = c.item_id AND i.version = c.version JOIN events e ON e.event_id = c.event_id"
                " WHERE NOT EXISTS (SELECT 1 FROM events u WHERE u.undoes = e.event_id) ORDER BY e.seq"
            )
            said: dict[str, dict[str, list[str]]] = {}
            found: dict[str, frozenset[str]] = {}
            for item_id, event_id, payload in rows:
                if event_id not in said:
                    said[event_id] = json.loads(payload).get("pictures", {})
                found[item_id] = found.get(item_id, frozenset()) | frozenset(said[event_id].get(item_id, ()))
        return found

    def judge_items(self, ids: Iterable[str], verdict: Verdict, by: str, reason: str = "") -> Event:
        """Records that ``by`` accepts or removes the current versions of ``ids``, or reopens them (``"imported"``)."""
        if verdict not in ("accepted", "removed", "imported"):
            raise StudyError(f"{self.path}: verdict {verdict!r} is not accepted, removed or imported")
        if verdict == "removed" and not reason.strip():
            raise StudyError(f"{self.path}: removing an item needs a reason")
        return self._decide_items("item_judged", {"verdict": verdict}, ids, by, reason)

    def _decide_items(self, kind: str, said: dict[str, Any], ids: Iterable[str], by: str, reason: str) -> Event:
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            raise StudyError(f"{self.path}: no items were named")
        with self._writing() as db:
            versions = _versions(db, wanted)
            for item_id in wanted:
                if item_id not in versions:
                    raise StudyError(f"{self.path}: no item {item_id!r}")
            person = self.ensure_reader(by, "curator")
            payload = {**said, "items": {item_id: versions[item_id][0] for item_id in wanted}}
            event = audit.append_event(db, kind, payload, reader=person.reader_id, reason=reason)
            verdict = said.get("verdict")
            rows = [(item_id, versions[item_id][0], event.event_id, *((verdict,) if verdict else ())) for item_id in wanted]
            table = "item_judgements" if verdict else "item_clearances"
            db.conn.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        return event

    def _items(self, where: str, values: Sequence[Any]) -> list[Item]:
        with self._reading() as db:
            rows = db.execute(f"SELECT item_id, body, cleared_by, state FROM current_items {where}", values).fetchall()
        return self._understood(lambda row: _item(*row), rows)


def item_body(item: Item) -> str:
    """What an item says, as canonical JSON: all but its id and what people decided about it."""
    body = asdict(item)
    for decided in ("item_id", "cleared_by", "state"):
        del body[decided]
    # Fields that came later stand only where they say something: what was recorded before keeps its hash.
    for later in ("question_type", "description", "draft", "value_range", "others"):
        if not body[later]:
            del body[later]
    # Options are shown in the order given; sorted keys would lose it.
    body["options"] = list(item.options.items())
    return canonical_json(body)


def _item(item_id: str, body: str, cleared_by: str, state: str) -> Item:
    values = json.loads(body)
    window, value_range = values.pop("window"), values.pop("value_range", None)
    return Item(
        item_id=item_id,
        modality=Modality(values.pop("modality")),
        options=dict(values.pop("options")),
        images=tuple(values.pop("images")),
        window=None if window is None else (window[0], window[1]),
        value_range=None if value_range is None else (value_range[0], value_range[1]),
        others=tuple(values.pop("others", ())),
        cleared_by=cleared_by,
        state=state,
        **values,
    )


def _versions(db: Database, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    rows = db.execute(
        "SELECT i.item_id, i.version, v.sha256 FROM items i JOIN item_versions v USING (item_id, version)"
        " WHERE i.item_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    ).fetchall()
    return {item_id: (version, digest) for item_id, version, digest in rows}


def _insert_versions(db: Database, rows: list[tuple[Any, ...]]) -> None:
    db.conn.executemany("INSERT INTO item_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    db.conn.executemany(
        "INSERT INTO items VALUES (?, ?) ON CONFLICT (item_id) DO UPDATE SET version = excluded.version",
        [row[:2] for row in rows],
    )

"""Questions that look alike, and what people said of them: merged into one, or kept apart.

Merging removes all but one of them by a judgement in the chain and records beside it where each came from; nothing is deleted,
and taking the decision back brings them back. A decision belongs to the versions that it was made on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from medqdeg_desktop.study import audit
from medqdeg_desktop.study.errors import StudyError
from medqdeg_desktop.study.records import DoubleDecision, Event
from medqdeg_desktop.study.reviews import Reviews


class Doubles(Reviews):
    """The part of a study that tells questions from their doubles."""

    def judge_doubles(
        self, items: Iterable[str], kept: str, by: str, why: str = "", seen: Mapping[str, int] | None = None
    ) -> DoubleDecision:
        """Records that ``items`` are one question, of which ``kept`` stays, or (``kept`` "") that each is its own.

        seen   versions that the person looked at, where known: a question that was changed since is looked at again.

        Raises StudyError where fewer than two are named, one is unknown, has been removed or changed, or ``kept`` is not among
        them.
        """
        wanted = list(dict.fromkeys(items))
        if len(wanted) < 2:
            raise StudyError(f"{self.path}: doubles are two questions or more")
        if kept and kept not in wanted:
            raise StudyError(f"{self.path}: {kept} is not one of the questions that are merged")
        with self._writing() as db:
            sources: dict[str, list[str]] = {}
            versions: dict[str, int] = {}
            for item_id in wanted:
                item = self.item(item_id)
                if item is None:
                    raise StudyError(f"{self.path}: no item {item_id!r}")
                if item.state == "removed":
                    raise StudyError(f"{self.path}: {item_id} has been removed meanwhile")
                sources[item_id] = [item.source, item.source_id]
                versions[item_id] = self._current_version(db, item_id, (seen or {}).get(item_id, 0))
            person = self.ensure_reader(by, "curator").reader_id
            judgement = ""
            if kept:
                others = [item_id for item_id in wanted if item_id != kept]
                judgement = self.judge_items(others, "removed", by, f"the same question as {kept}").event_id
            payload = {"items": versions, "kept": kept, "why": why, "sources": sources, "judgement": judgement}
            event = audit.append_event(db, "doubles_judged", payload, reader=person)
        return _decision(event)

    def doubles(self) -> list[DoubleDecision]:
        """Decisions that were not taken back and whose questions stand as they did then, oldest first.

        What was merged into another stays so whatever becomes of the other; what was kept apart is looked at again when any of
        it has changed.
        """
        events = self._events(
            "WHERE kind = 'doubles_judged' AND event_id NOT IN (SELECT undoes FROM events WHERE undoes IS NOT NULL) ORDER BY seq"
        )
        decisions = self._understood(_decision, events)
        named = json.dumps(list({item_id for decision in decisions for item_id in decision.versions}))
        with self._reading() as db:
            sql = "SELECT item_id, version FROM items WHERE item_id IN (SELECT value FROM json_each(?))"
            current = dict(db.execute(sql, (named,)).fetchall())
        return [d for d in decisions if all(current.get(i) == d.versions[i] for i in d.merged or d.versions)]

    def item_version_count(self) -> int:
        """How many versions of questions there ever were: any import or edit makes it larger."""
        with self._reading() as db:
            return int(db.execute("SELECT count(*) FROM item_versions").fetchone()[0])

    def merged_items(self) -> dict[str, str]:
        """Question that gave way -> the one that stays in its place."""
        return {item_id: decision.kept for decision in self.doubles() for item_id in decision.merged}

    def undo_doubles(self, event_id: str, reader: str) -> DoubleDecision:
        """Takes back a decision of ``reader`` with the removal that came of it; StudyError where it is somebody else's."""
        with self._writing() as db:
            found = self._events("WHERE kind = 'doubles_judged' AND event_id = ?", (event_id,))
            if not found or found[0].reader != self._reader_id(db, reader):
                raise StudyError(f"{self.path}: {event_id} is no decision of {reader!r} on doubles")
            decision = _decision(found[0])
            self.undo(event_id, reader)
            if decision.judgement:
                self.undo(decision.judgement, reader)
        return decision


def _decision(event: Event) -> DoubleDecision:
    said = event.payload
    return DoubleDecision(
        reader=event.reader,
        versions={str(item_id): int(version) for item_id, version in said["items"].items()},
        kept=said["kept"],
        why=said["why"],
        sources={item_id: (source[0], source[1]) for item_id, source in said["sources"].items()},
        judgement=said["judgement"],
        event_id=event.event_id,
        at=event.at,
    )

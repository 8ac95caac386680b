"""Doubles that were searched for, kept in a file beside the study, and which of them still wait for a person's word.

The search reads every picture, which takes minutes for a large bank; its result is what was found, not what was decided.
Decisions stand in the study. A group of look-alikes is asked about pair by pair: what merged leaves the group, what is kept
apart is not asked about again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from medqdeg_desktop.bank.deduplication import Duplicate, find_duplicates
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.records import DoubleDecision
from medqdeg_desktop.study.store import Study

_FORMAT = 1
_KINDS = ("exact", "near")


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found; ``versions`` is the number of item versions that the study had then."""

    groups: tuple[Duplicate, ...]
    versions: int


def file_of(study: Path) -> Path:
    """Where the doubles of a study are kept."""
    return study.with_name(f"{study.stem}.doubles.json")


def search(study: Study, *, make_executor: Callable[[], Executor] | None = None, progress: Progress | None = None) -> Search:
    """Looks through all items that nobody has removed and that are no drafts, and keeps what was found beside the study.

    Raises BankError where the file cannot be written.
    """
    versions = study.item_version_count()
    items = (item for item in study.items() if item.state != "removed" and not item.draft)
    found = Search(tuple(find_duplicates(items, make_executor=make_executor, progress=progress)), versions)
    said = {
        "format": _FORMAT,
        "versions": found.versions,
        "groups": [{"kind": one.kind, "items": one.items, "why": one.why} for one in found.groups],
    }
    target = file_of(Path(study.path))
    try:
        atomic.write_bytes(target, json.dumps(said, ensure_ascii=False).encode())
    except OSError as error:
        raise BankError(f"{target}: {error.strerror or error}") from None
    return found


def last_search(study: Path) -> Search | None:
    """What the last search found; None without one. BankError where the file is no such file."""
    path = file_of(study)
    try:
        said = json.loads(path.read_bytes())
        groups = tuple(Duplicate(one["kind"], tuple(map(str, one["items"])), str(one["why"])) for one in said["groups"])
        if said["format"] != _FORMAT or any(one.kind not in _KINDS or len(one.items) < 2 for one in groups):
            raise ValueError("not in the format of this program")
        return Search(groups, int(said["versions"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BankError(f"{path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise BankError(f"{path}: no result of a search for doubles ({error}); search again") from None


@dataclass
class Standing:
    """What people have said so far: pairs that are kept apart, and items that are not in the set any more."""

    apart: set[frozenset[str]] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def pending(self, group: Duplicate) -> tuple[str, str] | None:
        """The next two of a group that nobody has spoken of; None when the group is settled."""
        live = [item_id for item_id in group.items if item_id not in self.gone]
        return next((pair for pair in combinations(live, 2) if frozenset(pair) not in self.apart), None)

    def unsettled(self, group: Duplicate) -> tuple[str, ...]:
        """What is left of a group where not every pair of it was spoken of; () when the group is settled."""
        return tuple(item_id for item_id in group.items if item_id not in self.gone) if self.pending(group) else ()

    def note(self, decision: DoubleDecision) -> None:
        """Takes in a decision that was just made."""
        if decision.kept:
            self.gone.update(decision.merged)
        else:
            self.apart.update(frozenset(pair) for pair in combinations(decision.versions, 2))


def standing(study: Study, groups: Iterable[Duplicate]) -> Standing:
    """What has been decided of ``groups``, and which of their items are removed, are drafts or do not exist."""
    found = Standing()
    for decision in study.doubles():
        found.note(decision)
    named = {item_id for group in groups for item_id in group.items}
    there = {item.item_id for item in study.items() if item.item_id in named and item.state != "removed" and not item.draft}
    found.gone |= named - there
    return found


def merge_exact(study: Study, groups: Iterable[Duplicate], by: str) -> int:
    """Merges every group of exact doubles into one of its items, an accepted one where there is one; returns how many went."""
    groups = [group for group in groups if group.kind == "exact"]
    known = standing(study, groups)
    count = 0
    for group in groups:
        live = known.unsettled(group)
        if len(live) < 2:
            continue
        states = {item_id: item.state for item_id in live if (item := study.item(item_id)) is not None}
        kept = next((item_id for item_id in live if states[item_id] == "accepted"), live[0])
        decision = study.judge_doubles(live, kept, by, group.why)
        known.note(decision)
        count += len(decision.merged)
    return count

"""What a release demands of a study: accepted items, published levels, and clean pictures that a reader has confirmed.

The three are checked before anything is rendered; the refusal names the first item that falls short and how many do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.planning import taking_part
from medqdeg_desktop.bank.render import read_source
from medqdeg_desktop.bank.reviewed_draw import check_reviewed_draw, draw_under_review
from medqdeg_desktop.bank.views import FIELDS, views_of
from medqdeg_desktop.engine import batch
from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import pixel_sha256
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.records import Item, ReviewSetup
from medqdeg_desktop.study.store import Study

_ITEMS_A_CHUNK = 16


@dataclass(frozen=True, slots=True)
class _Sources:
    """Items whose source images are to be named by the hash of their pixels: (item id, fields for reading)."""

    items: tuple[tuple[str, dict[str, Any]], ...]


def check_release(
    study: Study, seed: int, rule: str, limit: int | None, make_executor: Callable[[], Executor], workers: int, progress: Progress
) -> None:
    """Raises BankError unless every item that takes part is accepted and each of its clean images is confirmed as diagnostic.

    An image counts as confirmed when a reader's current decision on its pixels is "diagnostic" and nobody's is "rejected".
    """
    if study.newest_profile() is None:
        raise BankError(f"{study.path}: a release needs a published severity profile; `medqdeg profile publish` makes one")
    check_reviewed_draw(study, seed, rule)
    total = 0
    for item in _released(study, seed, rule, limit):
        if item.state != "accepted":
            raise BankError(f"{study.path}: a release takes accepted items only; {item.item_id} is {item.state}")
        total += 1
    decisions = study.clean_decisions()
    confirmed = {d.image_id for d in decisions if d.verdict == "diagnostic"}
    confirmed -= {d.image_id for d in decisions if d.verdict == "rejected"}
    unconfirmed: list[str] = []
    checked = 0
    for done in batch.run_chunks(make_executor, source_hashes, _chunks(_released(study, seed, rule, limit)), ahead=3 * workers):
        hashes = done.result or [(item_id, ("",)) for item_id, _ in done.task.items]
        unconfirmed += [item_id for item_id, sources in hashes if not confirmed.issuperset(sources)]
        checked += len(hashes)
        progress.update(checked, total, "clean images confirmed")
    if unconfirmed:
        raise BankError(
            f"{study.path}: a release takes confirmed clean images only; {len(unconfirmed):,} items have an image without an "
            f"L0 decision, the first is {min(unconfirmed)}"
        )


def source_hashes(task: _Sources) -> list[tuple[str, tuple[str, ...]]]:
    """(item, hashes of the pixels of its source images); "" for an image that cannot be read. Runs in workers."""
    found = []
    for item_id, fields in task.items:
        hashes = []
        for view in views_of(fields):
            try:
                image = read_source(view)
                hashes.append(image.source_sha256 or pixel_sha256(image.pixels))
            except EngineError:
                hashes.append("")
        found.append((item_id, tuple(hashes)))
    return found


def _released(study: Study, seed: int, rule: str, limit: int | None) -> Iterator[Item]:
    """Items of the set: all that take part, under the rule ``published`` those that it takes."""
    items = taking_part(study)
    if rule != "uniform":
        drawn = draw_under_review(study, ReviewSetup(seed, release=True, rule=rule))
        items = (item for item in items if drawn(item))
    return islice(items, limit)


def _chunks(released: Iterator[Item]) -> Iterator[_Sources]:
    items = ((item.item_id, {name: getattr(item, name) for name in FIELDS}) for item in released)
    while chunk := tuple(islice(items, _ITEMS_A_CHUNK)):
        yield _Sources(chunk)

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
from medqdeg_desktop.bank.review import check_reviewed_draw
from medqdeg_desktop.engine import batch
from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import pixel_sha256
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.store import Study

_ITEMS_A_CHUNK = 16


@dataclass(frozen=True, slots=True)
class _Sources:
    """Items whose source images are to be named by the hash of their pixels: (item id, fields for reading)."""

    items: tuple[tuple[str, dict[str, Any]], ...]


def check_release(
    study: Study, seed: int, limit: int | None, make_executor: Callable[[], Executor], workers: int, progress: Progress
) -> None:
    """Raises BankError unless every item that takes part is accepted and each of its clean images is confirmed as diagnostic.

    An image counts as confirmed when a reader's current decision on its pixels is "diagnostic" and nobody's is "rejected".
    """
    if study.newest_profile() is None:
        raise BankError(f"{study.path}: a release needs a published severity profile; `medqdeg profile publish` makes one")
    check_reviewed_draw(study, seed)
    total = 0
    for item in islice(taking_part(study), limit):
        if item.state != "accepted":
            raise BankError(f"{study.path}: a release takes accepted items only; {item.item_id} is {item.state}")
        total += 1
    decisions = study.clean_decisions()
    confirmed = {d.image_id for d in decisions if d.verdict == "diagnostic"}
    confirmed -= {d.image_id for d in decisions if d.verdict == "rejected"}
    unconfirmed: list[str] = []
    checked = 0
    for done in batch.run_chunks(make_executor, source_hashes, _chunks(study, limit), ahead=3 * workers):
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
        for path in fields["images"]:
            try:
                image = read_source(path, fields)
                hashes.append(image.source_sha256 or pixel_sha256(image.pixels))
            except EngineError:
                hashes.append("")
        found.append((item_id, tuple(hashes)))
    return found


def _chunks(study: Study, limit: int | None) -> Iterator[_Sources]:
    items = (
        (
            item.item_id,
            {"images": item.images, "frame": item.frame, "axis": item.axis, "modality": str(item.modality)},
        )
        for item in islice(taking_part(study), limit)
    )
    while chunk := tuple(islice(items, _ITEMS_A_CHUNK)):
        yield _Sources(chunk)

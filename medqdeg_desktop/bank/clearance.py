"""Clearing questions for other machines: a person allows them with the pictures that they show now, and with no others."""

from __future__ import annotations

from collections.abc import Iterable

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.render import read_source
from medqdeg_desktop.bank.views import FIELDS, views_of
from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import pixel_sha256
from medqdeg_desktop.study.items import item_body
from medqdeg_desktop.study.records import Event, Item
from medqdeg_desktop.study.store import Study


def picture_hashes(item: Item) -> tuple[str, ...]:
    """Hashes of the decoded pixels of the item's pictures, as a dataset made from it records them; EngineError for an unreadable
    one."""
    images = [read_source(view) for view in views_of({name: getattr(item, name) for name in FIELDS})]
    return tuple(image.source_sha256 or pixel_sha256(image.pixels) for image in images)


def clear(study: Study, ids: Iterable[str], by: str, reason: str = "") -> Event:
    """Records that ``by`` allows the items ``ids`` to leave this machine, as worded and with the pictures that they have now.

    One event, all or nothing. BankError names the first item that is unknown, whose picture cannot be read, or that somebody
    changed while the pictures were looked at.
    """
    wanted = list(dict.fromkeys(ids))
    pictures = {}
    said = {}
    for item_id in wanted:
        item = study.item(item_id)
        if item is None:
            raise BankError(f"{study.path}: no item {item_id!r}")
        said[item_id] = item_body(item)
        try:
            pictures[item_id] = picture_hashes(item)
        except EngineError as error:
            raise BankError(f"item {item_id}: its picture cannot be looked at, so that it cannot be cleared ({error})") from None
    with study.together():
        for item_id in wanted:
            now = study.item(item_id)
            if now is None or item_body(now) != said[item_id]:
                raise BankError(f"item {item_id}: was changed meanwhile; look at it again before it is cleared")
        return study.clear_items(wanted, by, reason, pictures)

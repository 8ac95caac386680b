"""Clearing questions for other machines: as they are worded and shown when a person looks at them, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from medqdeg_desktop.bank import clearance
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.study.store import Study


def test_a_question_that_is_changed_while_its_picture_is_looked_at_is_not_cleared(
    bank_of: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = bank_of(2)
    look = clearance.picture_hashes

    def look_while_another_edits(item: Item) -> tuple[str, ...]:
        if item.item_id == "q001":
            study.edit_item(replace(item, question="Who is this?"), "ben", "a name")
        return look(item)

    monkeypatch.setattr(clearance, "picture_hashes", look_while_another_edits)
    with pytest.raises(BankError, match="item q001: was changed meanwhile"):
        clearance.clear(study, ["q000", "q001"], "ann")
    assert study.cleared_pictures() == {}
    monkeypatch.undo()
    clearance.clear(study, ["q000", "q001"], "ann")
    assert study.cleared_pictures().keys() == {"q000", "q001"}

"""The rule ``published``: the paper's counts exactly, the tasks within rounding, and shortfalls said rather than forced."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from medqdeg_desktop.bank.apportionment import PUBLISHED_TASKS, apportion
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, GEOMETRY_CHANGING, TASKS, Modality, types_drawn_for

# A pool in which CT and MRI are frequent, as the paper's type counts imply, and the tasks have the paper's weights.
# The seven modalities of the paper, which come first.
SHARES = dict(zip(list(Modality)[:7], (0.38, 0.22, 0.14, 0.08, 0.06, 0.06, 0.06), strict=True))


def pool(size: int, *, modalities: dict[Modality, float] = SHARES, position: float = 0.1) -> list[Item]:
    rng = np.random.default_rng(0)
    names = list(modalities)
    weights = np.array(list(modalities.values()))
    tasks = np.array([PUBLISHED_TASKS[t.code] for t in TASKS], float)
    items = []
    for n in range(size):
        question = "Which side is it on?" if rng.random() < position else "What is shown?"
        task = TASKS[rng.choice(len(TASKS), p=tasks / tasks.sum())]
        modality = names[rng.choice(len(names), p=weights / weights.sum())]
        items.append(Item(f"{n:05d}", "s", str(n), modality, question, {"A": "x", "B": "y"}, "A", ("a.png",), task=task.name))
    return items


@pytest.fixture(scope="module")
def large() -> tuple[list[Item], dict[str, tuple[str, ...]], list[str]]:
    items = pool(5200)
    result = apportion(items, types_drawn_for, 7)
    return items, result.types, result.notes


def test_the_published_totals_and_type_counts_come_out_exactly(large: tuple) -> None:
    _, types, _ = large
    assert len(types) == 4306
    counts = Counter(name for names in types.values() for name in names)
    assert counts.total() == 10294
    assert counts == {t.name: t.published_count // 2 for t in DEGRADATION_TYPES}


def test_every_item_has_one_to_three_types_of_its_modality_and_no_type_twice(large: tuple) -> None:
    items, types, _ = large
    by_id = {item.item_id: item for item in items}
    for item_id, names in types.items():
        assert 1 <= len(names) == len(set(names)) <= 3
        assert set(names) <= set(types_drawn_for(by_id[item_id].modality))
        if "side" in by_id[item_id].question:
            assert not set(names) & GEOMETRY_CHANGING
    assert set(Counter(map(len, types.values()))) == {1, 2, 3}


def test_the_six_tasks_come_out_within_rounding_and_inconsistencies_are_listed(large: tuple) -> None:
    items, types, notes = large
    code = {task.name: task.code for task in TASKS}
    pairs = Counter(code[item.task] for item in items for _ in types.get(item.item_id, ()))
    for name, count in PUBLISHED_TASKS.items():
        assert abs(pairs[name] - count / 2) <= 1, name
    assert any("7,215" in note for note in notes)
    assert not any("of items without" in note or "pairs a level, published" in note for note in notes)


def test_the_same_seed_gives_the_same_set_and_another_seed_another() -> None:
    items = pool(400)
    one = apportion(items, types_drawn_for, 1).types
    assert one == apportion(items, types_drawn_for, 1).types
    assert one != apportion(items, types_drawn_for, 2).types


def test_fewer_items_shrink_all_counts_in_proportion() -> None:
    types = apportion(pool(431), types_drawn_for, 0).types
    counts = Counter(name for names in types.values() for name in names)
    assert counts.total() == round(10294 * 431 / 4306)
    for t in DEGRADATION_TYPES:
        assert abs(counts[t.name] - t.published_count / 2 * 431 / 4306) <= 1


def test_counts_that_the_items_cannot_meet_are_named_not_forced() -> None:
    result = apportion(pool(60, modalities={Modality.ULTRASOUND: 1.0}), types_drawn_for, 0)
    assert all(set(names) <= set(types_drawn_for(Modality.ULTRASOUND)) for names in result.types.values())
    assert any(note.startswith("sparse_view: 0 of") for note in result.notes)


def test_items_without_any_type_are_refused() -> None:
    with pytest.raises(BankError, match="no item may be drawn"):
        apportion(pool(5), lambda _: (), 0)

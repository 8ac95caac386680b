"""The rule ``published``: types are shared out so that the set has the paper's counts, 4,306 items and 10,294 pairs at each
level.

Items fall into classes (modality, task, whether turning is forbidden). How many items of each class get each type is an
integer programme: every type gets its published count (Table 5), every item one to three types, the tasks come as near to
theirs (Table 4) as the items allow, and each type is spread over its classes in proportion to their size. Which items, and
in which combination, is then drawn with the set's seed. With fewer items than published all counts shrink in proportion;
what cannot be met is said in a note, not forced.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.bank.drawing import MOST_TYPES, allowed_types, asks_for_quality, keeps_still
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.engine.seeding import generator, realisation_seed
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, PUBLISHED_TOTALS, TASKS, Level, Modality

Integers = npt.NDArray[np.int64]

#: Degraded pairs of each task at both levels as the parents of Table 4; for AR the sum that the other tables imply (6,215).
PUBLISHED_TASKS = {"CU": 13206, "IP": 530, "AR": 6215, "BS": 104, "Diag": 384, "Treat": 148}
_INCONSISTENT = (
    "Table 4 prints skills of Anatomical Recognition that add up to 7,215 pairs where its share implies 6,215; the six tasks add "
    "up to 20,587 where the types add up to 20,588: tasks are met within rounding, types exactly"
)
# Weights of the programme: a pair that a type lacks, an item that lacks, a pair by which a task is off, a pair by which a cell of
# class and type is off its share.
_TYPE_LACKS, _ITEM_LACKS, _TASK_OFF, _SHARE_OFF = 10_000.0, 1_000.0, 100.0, 1.0


@dataclass
class Apportionment:
    """Types of each item that takes part, and what could not be met."""

    types: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self.types

    def types_of(self, item: Item, allowed: tuple[str, ...]) -> tuple[str, ...]:
        """The draw of the rule ``published``."""
        return tuple(name for name in allowed if name in self.types[item.item_id])


@dataclass
class _Class:
    """Items that may have the same types and count for the same task."""

    task: str
    types: tuple[str, ...]
    items: list[str] = field(default_factory=list)


def apportion(
    items: Iterable[Item], types_for: Callable[[Modality], Sequence[str]], seed: int, *, marked: bool = False
) -> Apportionment:
    """Shares the published counts out over ``items``; BankError when not one of them may have a type."""
    classes = _classes(items, types_for, marked)
    usable = sum(len(c.items) for c in classes)
    if not usable:
        raise BankError("no item may be drawn with any type")
    wanted = min(usable, PUBLISHED_TOTALS[Level.L0])
    share = wanted / PUBLISHED_TOTALS[Level.L0]
    published = {t.name: t.published_count // 2 * share for t in DEGRADATION_TYPES}
    type_counts = _whole(published, round(PUBLISHED_TOTALS[Level.L1] * share))
    task_counts = {code: count / 2 * share for code, count in PUBLISHED_TASKS.items()}
    cells, chosen = _solve(classes, type_counts, task_counts, wanted)
    result = Apportionment(notes=_notes(classes, cells, chosen, type_counts, task_counts, wanted))
    numbers = generator(realisation_seed(seed, "", ""), "apportionment")
    for group, counts, count in zip(classes, cells, chosen, strict=True):
        members = [group.items[i] for i in numbers.permutation(len(group.items))[:count]]
        for item_id, types in zip(members, _combinations(group.types, counts, int(count), numbers), strict=True):
            result.types[item_id] = types
    return result


def _classes(items: Iterable[Item], types_for: Callable[[Modality], Sequence[str]], marked: bool) -> list[_Class]:
    codes = {task.name: task.code for task in TASKS} | {task.code: task.code for task in TASKS}
    found: dict[tuple[str, str, bool], _Class] = {}
    for item in items:
        if asks_for_quality(item):
            continue
        key = (str(item.modality), codes.get(item.task, ""), keeps_still(item, marked=marked))
        if key not in found:
            found[key] = _Class(key[1], allowed_types(item, tuple(types_for(item.modality)), marked=marked))
        found[key].items.append(item.item_id)
    return [found[key] for key in sorted(found) if found[key].types]


def _whole(exact: dict[str, float], total: int) -> dict[str, int]:
    """Whole numbers next to ``exact`` that add up to ``total`` (largest remainders; ties by name)."""
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (counts[name] - exact[name], name))
    for name in by_remainder[: max(0, total - sum(counts.values()))]:
        counts[name] += 1
    return counts


def _solve(
    classes: list[_Class], type_counts: dict[str, int], task_counts: dict[str, float], wanted: int
) -> tuple[list[Integers], list[int]]:
    """(items of each class that get each of its types, items taken from each class)."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    cells = [(c, name) for c, group in enumerate(classes) for name in group.types]
    names, codes = list(type_counts), list(task_counts)
    # Columns: cells | items of each class | lack of each type | lack of items | tasks below, above | cells' distance from share.
    n_cells, n_classes = len(cells), len(classes)
    at_items = n_cells
    at_type = at_items + n_classes
    at_lack = at_type + len(names)
    at_task = at_lack + 1
    at_share = at_task + 2 * len(codes)
    width = at_share + n_cells
    entries: list[tuple[int, int, float]] = []
    low: list[float] = []
    high: list[float] = []

    def constrain(terms: Iterable[tuple[int, float]], least: float, most: float) -> None:
        entries.extend((len(low), column, factor) for column, factor in terms)
        low.append(least)
        high.append(most)

    of_type: dict[str, list[int]] = defaultdict(list)
    of_class: dict[int, list[int]] = defaultdict(list)
    for column, (c, name) in enumerate(cells):
        of_type[name].append(column)
        of_class[c].append(column)
        constrain([(column, 1), (at_items + c, -1)], -np.inf, 0)
    for k, name in enumerate(names):
        constrain([*((column, 1.0) for column in of_type[name]), (at_type + k, 1.0)], type_counts[name], type_counts[name])
    for c in range(n_classes):
        constrain([*((column, 1.0) for column in of_class[c]), (at_items + c, -1.0)], 0, np.inf)
        constrain([*((column, 1.0) for column in of_class[c]), (at_items + c, -float(MOST_TYPES))], -np.inf, 0)
    constrain([*((at_items + c, 1.0) for c in range(n_classes)), (at_lack, 1.0)], wanted, wanted)
    for k, code in enumerate(codes):
        terms = [(column, 1.0) for column, (c, _) in enumerate(cells) if classes[c].task == code]
        off = [(at_task + 2 * k, 1.0), (at_task + 2 * k + 1, -1.0)]
        constrain([*terms, *off], task_counts[code], task_counts[code])
    for column, (c, name) in enumerate(cells):
        size = sum(len(classes[other].items) for other in {cells[i][0] for i in of_type[name]})
        fair = min(type_counts[name] * len(classes[c].items) / size, len(classes[c].items))
        constrain([(column, 1.0), (at_share + column, -1.0)], -np.inf, fair)
        constrain([(column, 1.0), (at_share + column, 1.0)], fair, np.inf)
    cost = np.zeros(width)
    cost[at_type:at_lack] = _TYPE_LACKS
    cost[at_lack] = _ITEM_LACKS
    cost[at_task:at_share] = _TASK_OFF
    cost[at_share:] = _SHARE_OFF
    whole = np.zeros(width)
    whole[:at_task] = 1
    upper = np.full(width, np.inf)
    for c, group in enumerate(classes):
        upper[at_items + c] = len(group.items)
    rows_, columns, factors = zip(*entries, strict=True)
    matrix = coo_array((factors, (rows_, columns)), shape=(len(low), width)).tocsr()
    found = milp(
        cost,
        integrality=whole,
        bounds=Bounds(np.zeros(width), upper),
        constraints=LinearConstraint(matrix, np.array(low), np.array(high)),
        # A gap below one pair off a task: what is left to prove concerns the spread alone.
        options={"mip_rel_gap": 1e-3},
    )
    if found.x is None:
        raise BankError(f"the published counts cannot be shared out over these items: {found.message}")
    values = np.rint(found.x[:at_type]).astype(np.int64)
    return [values[of_class[c]] for c in range(n_classes)], [int(v) for v in values[at_items:]]


def _combinations(types: tuple[str, ...], counts: Integers, items: int, numbers: np.random.Generator) -> list[tuple[str, ...]]:
    """Types of each of ``items`` items so that type k stands on ``counts[k]`` of them and every item has one to three.

    How many each item has is drawn, then adjusted to the sum; each type goes to the items that still lack most (the bipartite
    form of Havel and Hakimi, which finds a sharing-out wherever there is one). Even numbers always have one.
    """
    if not items:
        return []
    total = int(counts.sum())
    most = min(MOST_TYPES, len(types))
    drawn = numbers.integers(1, most + 1, items)
    while drawn.sum() != total:
        step = 1 if drawn.sum() < total else -1
        open_ = np.flatnonzero(drawn < most if step > 0 else drawn > 1)
        drawn[numbers.permutation(open_)[: abs(total - int(drawn.sum()))]] += step
    even = np.full(items, total // items) + (np.arange(items) < total % items)
    for lacking in (drawn, numbers.permutation(even)):
        given: list[list[str]] = [[] for _ in range(items)]
        left = lacking.copy()
        for k in np.argsort(-counts, kind="stable"):
            order = numbers.permutation(items)
            order = order[np.argsort(-left[order], kind="stable")][: counts[k]]
            left[order] -= 1
            for i in order:
                given[i].append(types[k])
        if not left.any():
            return [tuple(names) for names in given]
    raise AssertionError("even numbers can always be shared out")


def _notes(
    classes: list[_Class],
    cells: list[Integers],
    chosen: list[int],
    type_counts: dict[str, int],
    task_counts: dict[str, float],
    wanted: int,
) -> list[str]:
    """What the set lacks of the published counts, and what the publications leave inconsistent."""
    notes = [_INCONSISTENT]
    if wanted < PUBLISHED_TOTALS[Level.L0]:
        notes.append(f"{wanted:,} items of {PUBLISHED_TOTALS[Level.L0]:,} published: all counts are in proportion")
    if sum(chosen) < wanted:
        notes.append(f"{sum(chosen):,} of {wanted:,} items can be used under the published counts")
    have: dict[str, int] = defaultdict(int)
    tasks: dict[str, int] = defaultdict(int)
    for group, counts in zip(classes, cells, strict=True):
        tasks[group.task] += int(counts.sum())
        for name, count in zip(group.types, counts, strict=True):
            have[name] += int(count)
    notes += [f"{name}: {have[name]:,} of {count:,} pairs a level" for name, count in type_counts.items() if have[name] < count]
    notes += [
        f"task {code}: {tasks[code]:,} pairs a level, published share {count:,.1f}"
        for code, count in task_counts.items()
        if abs(tasks[code] - count) > 1
    ]
    if tasks[""]:
        notes.append(f"{tasks['']:,} pairs a level are of items without one of the six tasks")
    return notes

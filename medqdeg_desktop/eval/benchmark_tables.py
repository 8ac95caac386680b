"""The publication's tables as charts: models in groups with their averages, a column a task, category or level, cells shaded.

Table 2 (tasks) and Table 3 (categories) show accuracy over L1 and L2 with its change from the same questions at L0; their ``Avg``
is the unweighted mean over the columns, as published. Table 6 shows the levels and the changes from L0. Published models come in
only where asked for, in their own groups and with hollow words for what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from medqdeg_desktop.chart.figure import (
    SMALL_SIZE,
    TEXT_SIZE,
    Axis,
    Figure,
    Key,
    Panel,
    Rect,
    Text,
    elided,
    footer,
    header,
    text_width,
)
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import published
from medqdeg_desktop.eval.row_chart import LEVELS, MARGIN, REFERENCE, DataRow, notes
from medqdeg_desktop.eval.wording import level_words, mode_words, model_words, signed
from medqdeg_desktop.taxonomy import TASKS, Category

Json = dict[str, Any]

OWN: Final = "This study"
_GROUPS: Final = (("commercial", "Commercial"), ("open", "Open general"), ("medical", "Medical"))
_TASKS: Final = {task.name: task.code for task in TASKS}
_CATEGORIES: Final = {
    str(Category.INTENSITY): "Intensity",
    str(Category.NOISE): "Noise",
    str(Category.RESOLUTION): "R&B",
    str(Category.ARTIFACTS): "Artifacts",
    str(Category.MOTION): "Motion",
}
_AVERAGE: Final = "Avg"
_ROW: Final = 22.0
#: Shading at the largest distance from a column's mean: strong enough to see, weak enough to read on.
_FULL: Final = 0.55


@dataclass(frozen=True, slots=True)
class Value:
    """Accuracy (fraction) and its change from L0, None where there is nothing to compare with; ``n`` questions of this study."""

    accuracy: float
    change: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A model's row: its group, its values by column, and the run it comes from ("" for published ones)."""

    label: str
    group: str
    values: Mapping[str, Value]
    run_id: str = ""


def average(entries: Sequence[Entry], column: str) -> Value | None:
    """The mean over models of a column, of those that have it; the change likewise."""
    values = [entry.values[column] for entry in entries if column in entry.values]
    if not values:
        return None
    changes = [value.change for value in values if value.change is not None]
    return Value(fmean(value.accuracy for value in values), fmean(changes) if changes else None)


def own_parts(results: Json, dimension: str, names: Mapping[str, str]) -> list[Entry]:
    """This study's models by the parts of ``dimension``: accuracy over all questions at L1 and L2, and ``Avg`` over the parts."""
    out = []
    for model in results["models"]:
        values: dict[str, Value] = {}
        for name, column in names.items():
            cells = [c for c in model["by"].get(dimension, ()) if c["name"] == name and c["level"] != "L0" and c["n"]]
            n = sum(cell["n"] for cell in cells)
            if not n:
                continue
            paired = [cell["matched_l0"] for cell in cells if cell["matched_l0"]]
            pairs = sum(match["n"] for match in paired)
            change = sum(match["n"] * match["accuracy_difference"] for match in paired) / pairs if pairs else None
            values[column] = Value(sum(cell["n"] * cell["accuracy"] for cell in cells) / n, change, n)
        if values:
            changes = [value.change for value in values.values() if value.change is not None]
            mean = fmean(value.accuracy for value in values.values())
            values[_AVERAGE] = Value(mean, fmean(changes) if len(changes) == len(values) else None)
            out.append(Entry(model_words(model, results["models"]), OWN, values, model["run_id"]))
    return out


def published_parts(rows: Sequence[published.PartResult]) -> list[Entry]:
    """Published rows of Table 2 or 3 with their groups."""
    group = {model.name: model.group for model in published.models()}
    values: dict[str, dict[str, Value]] = {}
    for row in rows:
        values.setdefault(row.model, {})[row.part] = Value(row.accuracy, row.change)
    return [Entry(model, group[model], parts) for model, parts in values.items()]


def table_by_task(results: Json, *, with_published: bool = False, width: float = 1060.0) -> Figure:
    """Table 2: tasks. MedqdegError where neither the results nor, if asked for, the publication has a row."""
    entries = own_parts(results, "task", _TASKS) + (published_parts(published.by_task()) if with_published else [])
    title = "Accuracy over L1 and L2 by task, and its change from L0"
    return _table(results, "table_by_task", title, entries, (_AVERAGE, *_TASKS.values()), _AVERAGE, "task", _TASKS, width)


def table_by_category(results: Json, *, with_published: bool = False, width: float = 1060.0) -> Figure:
    """Table 3: degradation categories."""
    entries = own_parts(results, "category", _CATEGORIES) + (published_parts(published.by_category()) if with_published else [])
    title = "Accuracy over L1 and L2 by category of degradation, and its change from L0"
    columns = (_AVERAGE, *_CATEGORIES.values())
    return _table(results, "table_by_category", title, entries, columns, _AVERAGE, "category", _CATEGORIES, width)


def table_by_level(results: Json, *, with_published: bool = False, width: float = 1060.0) -> Figure:
    """Table 6: the three levels, each degraded one with its change from L0 (as published: not matched)."""
    entries = []
    for model in results["models"]:
        cells = {cell["level"]: cell for cell in model["levels"] if cell["accuracy"] is not None}
        clean = cells["L0"]["accuracy"] if "L0" in cells else None
        values = {
            level: Value(cell["accuracy"], None if level == "L0" or clean is None else cell["accuracy"] - clean, cell["n"])
            for level, cell in cells.items()
        }
        if values:
            entries.append(Entry(model_words(model, results["models"]), OWN, values, model["run_id"]))
    if with_published:
        group = {model.name: model.group for model in published.models()}
        levels: dict[str, dict[str, float]] = {}
        for row in published.accuracy_by_level():
            levels.setdefault(row.model, {})[row.level] = row.accuracy
        entries += [
            Entry(model, group[model], {k: Value(v, None if k == "L0" else v - own["L0"]) for k, v in own.items()})
            for model, own in levels.items()
        ]
    title = "Accuracy by level, and its change from L0"
    return _table(results, "table_by_level", title, entries, LEVELS, "L0", "level", {}, width)


#: The tables by name, in the order of the publication.
TABLES: Final[dict[str, Callable[..., Figure]]] = {
    "table_by_task": table_by_task,
    "table_by_category": table_by_category,
    "table_by_level": table_by_level,
}


def tables_of(results: Json, *, with_published: bool = False) -> list[Figure]:
    """The tables that there are rows for."""
    out = []
    for name, table in TABLES.items():
        dimension = name.removeprefix("table_by_")
        if with_published or dimension == "level" or any(model["by"].get(dimension) for model in results["models"]):
            try:
                out.append(table(results, with_published=with_published))
            except MedqdegError:
                # Names of another vocabulary than the publication's have no column in its table.
                continue
    return out


def _table(
    results: Json,
    name: str,
    title: str,
    entries: Sequence[Entry],
    columns: Sequence[str],
    sort: str,
    dimension: str,
    names: Mapping[str, str],
    width: float,
) -> Figure:
    if not entries:
        raise MedqdegError(f"no model has a result by {dimension}")
    columns = [column for column in columns if any(column in entry.values for entry in entries)]
    lines = _lines(entries, sort)
    words, _, y = header(title, mode_words(results), [], width)
    label_width = min(max(text_width(line[0]) for line in lines) + 18, 0.36 * width)
    top, depth = y + 30, float(len(lines))
    panel_width = min(width - 2 * MARGIN - label_width, 128.0 * len(columns))
    spread = _spread(entries, columns)
    full = {column: own for own, column in names.items()}
    rects, notes_, ticks, data = [], [], [], []
    for i, (label, entry, members) in enumerate(lines):
        middle = depth - i - 0.5
        if entry is None and not members:
            notes_.append(Text(0.0, middle, label, SMALL_SIZE, "muted", "start", bold=True, dx=-label_width + 2, dy=4))
            continue
        ticks.append((middle, elided(label, label_width - 16)))
        if members:
            rects.append(Rect(0.0, middle - 0.5, float(len(columns)), middle + 0.5, "band"))
        for k, column in enumerate(columns):
            value = entry.values.get(column) if entry is not None else average(members, column)
            if value is None:
                continue
            text = f"{value.accuracy * 100:.1f}" + (f" ({signed(value.change * 100)})" if value.change is not None else "")
            run_id, group = (entry.run_id, entry.group) if entry is not None else ("", members[0].group)
            if entry is None:
                notes_.append(Text(k + 0.5, middle, text, SMALL_SIZE, "text", "middle", bold=True, dy=4))
            else:
                mean, reach = spread[column]
                shade = (mean - value.accuracy) / reach * _FULL if reach else 0.0
                source = f"n = {value.n:,}" if value.n else REFERENCE if entry.group != OWN else "macro average over the columns"
                what = level_words(column) if dimension == "level" else full.get(column, "average")
                tip = f"{label}, {what}: {text}; {source}"
                level, part = (column, "") if dimension == "level" else ("", full.get(column, ""))
                key = Key(run_id, level, dimension, part) if run_id and column != _AVERAGE else None
                rects.append(Rect(k, middle - 0.5, k + 1.0, middle + 0.5, f"diverge:{shade:+.4f}", tip, key, text))
            row: DataRow = {"model": label, "group": group, dimension: full.get(column, column), "accuracy": value.accuracy}
            data.append(row | {"change": value.change, "n": value.n})
    heads = [Text(k + 0.5, depth, column, TEXT_SIZE, "text", "middle", bold=True, dy=-8) for k, column in enumerate(columns)]
    x = Axis(0.0, float(len(columns)), grid=False, line=False)
    vertical = Axis(0.0, depth, tuple(ticks), grid=False, line=False, names=True)
    panel = Panel(
        MARGIN + label_width, top, panel_width, depth * _ROW, x, vertical,
        rects=tuple(rects), annotations=(*heads, *notes_),
    )  # fmt: skip
    remarks = ["Accuracy, %; in brackets the change from L0 in points. Teal above, red below the column's mean over the models."]
    if dimension == "level":
        remarks.append("Each level is a micro average: every question counts once, whatever its task or type of degradation.")
    else:
        remarks.append(
            "Avg: macro average, the unweighted mean over the columns, as published. The change is from the same questions at L0."
        )
    if any(entry.group != OWN for entry in entries):
        remarks.append(f"Commercial, open and medical models: published values ({REFERENCE}); other questions and images.")
    below, total = footer([*remarks, *notes(results)], top + depth * _ROW + 14, width)
    suffix = "_published" if any(entry.group != OWN for entry in entries) else ""
    return Figure(f"{name}{suffix}", title, mode_words(results), width, total, (panel,), tuple(words + below), (), tuple(data))


def _lines(entries: Sequence[Entry], sort: str) -> list[tuple[str, Entry | None, list[Entry]]]:
    """Rows from the top: (heading, None, []), (model, its entry, []), (average, None, the entries it is over)."""
    out: list[tuple[str, Entry | None, list[Entry]]] = []
    reference = [entry for entry in entries if entry.group != OWN]
    for group, words in ((OWN, OWN), *_GROUPS):
        own = sorted((e for e in entries if e.group == group), key=lambda e: (-_of(e, sort), e.label))
        if not own:
            continue
        if reference:
            out.append((words if group == OWN else f"{words} ({REFERENCE})", None, []))
        out += [(entry.label, entry, []) for entry in own]
        if len(own) > 1:
            out.append((f"Avg. {words[0].lower()}{words[1:]}", None, own))
    if reference:
        out.append(("Avg. all published", None, reference))
    return out


def _of(entry: Entry, column: str) -> float:
    return entry.values[column].accuracy if column in entry.values else -1.0


def _spread(entries: Sequence[Entry], columns: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Mean and largest distance from it of each column over the models."""
    out = {}
    for column in columns:
        values = [entry.values[column].accuracy for entry in entries if column in entry.values]
        mean = fmean(values)
        out[column] = mean, max(abs(value - mean) for value in values)
    return out

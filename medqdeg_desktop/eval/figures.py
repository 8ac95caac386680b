"""The two charts that answer the question first: accuracy by level, and accuracy, confidence and Calibration Shift side by side.

They are made from ``results.json`` as ``tables.results`` returns it, so that a report, the window and a program that has only
the file draw the same picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import published
from medqdeg_desktop.eval.figure import (
    LEVEL_SHAPE,
    SMALL_SIZE,
    TEXT_SIZE,
    Axis,
    Figure,
    Key,
    LegendEntry,
    Line,
    Mark,
    Panel,
    Rect,
    Text,
    Whisker,
    elided,
    footer,
    header,
    percent_axis,
    spread,
    text_width,
)
from medqdeg_desktop.eval.wording import level_words, mode_words, model_words, number_words, sample_words

Json = dict[str, Any]
DataRow = dict[str, str | float | int | None]

#: What published values are always called beside a study's own.
REFERENCE = "MedQ-Deg, not this dataset"
#: More models than this are shown one a row instead of as lines.
_MOST_LINES = 6
_LEVELS = ("L0", "L1", "L2")


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of a row chart: a model with its values by level; ``reference`` for published ones."""

    label: str
    run_id: str
    levels: dict[str, Json]
    reference: bool = False


def accuracy_by_level(results: Json, *, width: float = 880.0, with_published: bool = False) -> Figure:
    """Accuracy at L0, L1 and L2 with its intervals: lines for a few models, one row a model for more or beside published ones."""
    rows = _rows(results)
    if with_published:
        rows += _published_rows(published.accuracy_by_level())
    if len(rows) > _MOST_LINES:
        columns = [_Column("Accuracy", "accuracy", "accuracy, %")]
        return _row_chart(results, rows, columns, "accuracy_by_level", "Accuracy by level of degradation", width)
    return _slopes(results, rows, width)


def three_panel(results: Json, *, width: float = 1180.0, with_published: bool = False) -> Figure:
    """Accuracy, confidence and Calibration Shift side by side, one row a model, sorted by accuracy at L0."""
    rows = _rows(results)
    if with_published:
        rows += _published_rows(published.calibration())
    columns = [
        _Column("Accuracy", "accuracy", "accuracy, %"),
        _Column("Confidence", "confidence", "confidence, %", floor=True),
        _Column("Calibration Shift", "calibration_shift", "confidence \N{MINUS SIGN} accuracy, points", difference=True),
    ]
    return _row_chart(results, rows, columns, "three_panel", "Does confidence follow accuracy down?", width)


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    value: str
    axis: str
    difference: bool = False
    floor: bool = False


def _rows(results: Json) -> list[_Row]:
    models = results["models"]
    if not models:
        raise MedqdegError("the results hold no model to chart")
    rows = [
        _Row(model_words(model, models), model["run_id"], {level["level"]: level for level in model["levels"]})
        for model in models
    ]
    return sorted(rows, key=lambda row: (-_first(row), row.label))


def _first(row: _Row) -> float:
    """Accuracy at the mildest level that the model has, for sorting."""
    for level in _LEVELS:
        value = row.levels.get(level, {}).get("accuracy")
        if value is not None:
            return float(value)
    return -1.0


def _published_rows(values: Sequence[published.LevelResult]) -> list[_Row]:
    levels: dict[str, dict[str, Json]] = {}
    for value in values:
        levels.setdefault(value.model, {})[value.level] = {
            "accuracy": value.accuracy,
            "confidence": value.confidence,
            "calibration_shift": value.calibration_shift,
        }
    return [_Row(model, "", by_level, reference=True) for model, by_level in levels.items()]


def _tooltip(row: _Row, level: str, value: str, cell: Json) -> str:
    source = f" ({REFERENCE})" if row.reference else ""
    text = f"{row.label}{source}, {level_words(level)}: {number_words(value, cell)}"
    return text if row.reference else f"{text}; {sample_words(cell)}"


def _data(rows: Sequence[_Row], columns: Sequence[_Column]) -> tuple[DataRow, ...]:
    out: list[DataRow] = []
    for row in rows:
        for level, cell in row.levels.items():
            line: DataRow = {
                "model": row.label,
                "dataset": REFERENCE if row.reference else "this dataset",
                "level": level,
                "n": cell.get("n"),
                "n_clusters": cell.get("n_clusters"),
            }
            for column in columns:
                low, high = cell.get(f"{column.value}_ci") or (None, None)
                line |= {column.value: cell.get(column.value), f"{column.value}_low": low, f"{column.value}_high": high}
            out.append(line)
    return tuple(out)


def _legend(rows: Sequence[_Row]) -> list[LegendEntry]:
    shown = [level for level in _LEVELS if any(level in row.levels for row in rows)]
    entries = [LegendEntry(level_words(level), LEVEL_SHAPE[level], level) for level in shown]
    if any(row.reference for row in rows):
        entries.append(LegendEntry(REFERENCE, "circle", "reference", hollow=True))
    return entries


def _notes(results: Json, rows: Sequence[_Row], floor: bool) -> list[str]:
    notes = []
    if floor:
        notes.append("Blue tick: the confidence that a uniform guesser would show with the same questions and trials.")
    if any(model["random_weights"] for model in results["models"]):
        notes.append("Random weights: an untrained network that shows that the path works, not what a model can do.")
    if any(row.reference for row in rows):
        notes.append(f"Hollow grey: published values ({REFERENCE}); other questions and images, so only the shape compares.")
    return notes


# -- rows ------------------------------------------------------------------------------------------------------------------


def _row_chart(results: Json, rows: list[_Row], columns: Sequence[_Column], name: str, title: str, width: float) -> Figure:
    subtitle = mode_words(results)
    floor = any(column.floor for column in columns)
    words, legend, y = header(title, subtitle, _legend(rows), width)
    margin, gap = 16.0, 36.0
    label_width = min(max(text_width(row.label) for row in rows) + 14, 0.3 * width)
    section = next((i for i, row in enumerate(rows) if row.reference), None)
    pitch = 44.0 if len(rows) <= 3 else 34.0 if len(rows) <= 12 else 26.0 if len(rows) <= 24 else 21.0
    # Places of the rows in units of one row from the top; published ones stand apart, under their own heading.
    places = [i + (1.0 if section is not None and i >= section else 0.0) + 0.5 for i in range(len(rows))]
    depth = places[-1] + 0.5
    top = y + 36
    panel_width = (width - 2 * margin - label_width - gap * (len(columns) - 1)) / len(columns)
    height = depth * pitch
    panels = []
    shared = [v for row in rows for c in columns if not c.difference for v in _spread_of(row, c.value, floor and c.floor)]
    for k, column in enumerate(columns):
        own = [v for row in rows for v in _spread_of(row, column.value, False)]
        axis = percent_axis(own if column.difference else shared, column.axis, difference=column.difference)
        left = margin + label_width + k * (panel_width + gap)
        ticks = tuple(
            (depth - place, elided(row.label, label_width - 14) if k == 0 else "")
            for row, place in zip(rows, places, strict=True)
        )
        vertical = Axis(0.0, depth, ticks, grid=False, line=False, names=True)
        panels.append(_row_panel(rows, places, depth, column, (left, top, panel_width, height), axis, vertical))
    if section is not None:
        heading_y = top + (places[section] - 1.0) * pitch + TEXT_SIZE * 0.36
        words.append(Text(margin, heading_y, REFERENCE, SMALL_SIZE, "muted", bold=True))
    notes, total = footer(_notes(results, rows, floor), top + height + 44, width)
    return Figure(name, title, subtitle, width, total, tuple(panels), tuple(words + notes), tuple(legend), _data(rows, columns))


def _spread_of(row: _Row, value: str, floor: bool) -> list[float]:
    out = []
    for cell in row.levels.values():
        out += [v for v in (cell.get(value), *(cell.get(f"{value}_ci") or ())) if v is not None]
        if floor and cell.get("uniform_confidence") is not None:
            out.append(cell["uniform_confidence"])
    return out


def _row_panel(
    rows: Sequence[_Row],
    places: Sequence[float],
    depth: float,
    column: _Column,
    box: tuple[float, float, float, float],
    x: Axis,
    y: Axis,
) -> Panel:
    rects, lines, whiskers, marks = [], [], [], []
    pitch = box[3] / depth
    size = 9.0 if pitch > 30 else 7.5 if pitch > 24 else 6.5
    for i, (row, place) in enumerate(zip(rows, places, strict=True)):
        if i % 2 == 0:
            rects.append(Rect(x.low, depth - place - 0.5, x.high, depth - place + 0.5, "band"))
        present = [(level, row.levels[level]) for level in _LEVELS if row.levels.get(level, {}).get(column.value) is not None]
        # Levels stand a little apart within the row, so that whiskers do not hide one another.
        where = {"L0": 0.26, "L1": 0.0, "L2": -0.26}
        points = []
        for level, cell in present:
            at = depth - place + where[level]
            value = float(cell[column.value])
            points.append((value, at))
            if cell.get(f"{column.value}_ci"):
                low, high = cell[f"{column.value}_ci"]
                whiskers.append(Whisker(at, low, high, level))
            marks.append(
                Mark(
                    value,
                    at,
                    LEVEL_SHAPE[level],
                    "reference" if row.reference else level,
                    row.label,
                    _tooltip(row, level, column.value, cell),
                    Key(row.run_id, level, "level"),
                    row.reference,
                    size,
                )
            )
            if column.floor and cell.get("uniform_confidence") is not None:
                guess = float(cell["uniform_confidence"])
                lines.append(Line(((guess, at - 0.13), (guess, at + 0.13)), "floor", 2.0))
        if len(points) > 1:
            lines.append(Line(tuple(points), "connector", 1.3))
    if column.difference:
        lines.insert(0, Line(((0.0, 0.0), (0.0, depth)), "zero", 1.2))
    return Panel(*box, x, y, column.title, tuple(rects), tuple(lines), tuple(whiskers), tuple(marks))


# -- lines -----------------------------------------------------------------------------------------------------------------


def _slopes(results: Json, rows: list[_Row], width: float) -> Figure:
    title, subtitle = "Accuracy by level of degradation", mode_words(results)
    words, legend, y = header(title, subtitle, _legend(rows), width)
    margin, left = 16.0, 56.0
    label_width = min(max(text_width(row.label) for row in rows) + 90, 0.36 * width)
    top, height = y + 34, 320.0
    x = Axis(-0.4, 2.4, tuple((float(i), level_words(level)) for i, level in enumerate(_LEVELS)), grid=False)
    values = [v for row in rows for v in _spread_of(row, "accuracy", False)]
    vertical = percent_axis(values, "accuracy, %")
    panel_width = width - left - margin - label_width
    lines, whiskers, marks, ends = [], [], [], []
    for i, row in enumerate(rows):
        offset = (i - (len(rows) - 1) / 2) * min(0.09, 0.5 / max(len(rows), 1))
        points = []
        for k, level in enumerate(_LEVELS):
            cell = row.levels.get(level, {})
            if cell.get("accuracy") is None:
                continue
            at, value = k + offset, float(cell["accuracy"])
            points.append((at, value))
            if cell.get("accuracy_ci"):
                low, high = cell["accuracy_ci"]
                whiskers.append(Whisker(at, low, high, level, vertical=True))
            tooltip = _tooltip(row, level, "accuracy", cell)
            marks.append(Mark(at, value, LEVEL_SHAPE[level], level, row.label, tooltip, Key(row.run_id, level, "level"), size=10))
        if len(points) > 1:
            lines.append(Line(tuple(points), "connector", 1.6))
        if points:
            ends.append((points[-1], row))
    box = Panel(left, top, panel_width, height, x, vertical)
    wanted = [box.place(*point)[1] for point, _ in ends]
    given = spread(wanted, TEXT_SIZE * 1.35, top + 6, top + height - 2)
    labels = []
    for (point, row), at in zip(ends, given, strict=True):
        text = f"{elided(row.label, label_width - 60)}  {point[1] * 100:.1f}"
        labels.append(Text(left + panel_width + 8, at + TEXT_SIZE * 0.36, text))
        # A thin leader joins a label that had to move to its line.
        edge = vertical.low + (1 - (at - top) / height) * (vertical.high - vertical.low)
        lines.append(Line((point, (2.4, edge)), "grid", 1.0))
    panel = Panel(left, top, panel_width, height, x, vertical, "", (), tuple(lines), tuple(whiskers), tuple(marks))
    notes, total = footer(_notes(results, rows, False), top + height + 30, width)
    columns = [_Column("Accuracy", "accuracy", "accuracy, %")]
    return Figure(
        "accuracy_by_level",
        title,
        subtitle,
        width,
        total,
        (panel,),
        tuple(words + labels + notes),
        tuple(legend),
        _data(rows, columns),
    )


#: Charts of a report by name.
CHARTS: dict[str, Callable[..., Figure]] = {"accuracy_by_level": accuracy_by_level, "three_panel": three_panel}

"""Charts with one row a model and one column a quantity: level marks with whiskers, joined by a line, published rows below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from medqdeg_desktop.chart.figure import (
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
    text_width,
)
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import published
from medqdeg_desktop.eval.wording import level_words, mode_words, model_words, number_words, sample_words

Json = dict[str, Any]
DataRow = dict[str, str | float | int | None]
Cells = Mapping[str, Json]

#: What published values are always called beside a study's own.
REFERENCE: Final = "MedQ-Deg, not this dataset"
LEVELS: Final = ("L0", "L1", "L2")
MARGIN: Final = 16.0
_GAP = 36.0
_NARROWEST = 96.0
#: Pixels of a row from which on its name may take two lines.
_TWO_LINES = 26.0
#: Floors closer than this are one to the eye.
_SAME_FLOOR = 0.01
# Levels stand a little apart within the row, so that whiskers do not hide one another.
_OFFSET = {"L0": 0.26, "L1": 0.0, "L2": -0.26}


@dataclass(frozen=True, slots=True)
class Row:
    """A model: its cells by level, for each part of a dimension or for "" (everything). ``reference`` for published ones.

    ``second`` is what of the label stands on a second line where there is no room for one: what is in brackets if not given.
    """

    label: str
    run_id: str
    parts: Mapping[str, Cells]
    reference: bool = False
    second: str = ""

    @property
    def lines(self) -> tuple[str, str]:
        """The label on two lines; the second is "" where it cannot be broken."""
        if self.second:
            return self.label.removesuffix(self.second).rstrip(), self.second
        name, bracket, said = self.label.partition(" (")
        return name, f"{bracket.strip()}{said}"

    @property
    def levels(self) -> Cells:
        return self.parts.get("", {})


@dataclass(frozen=True, slots=True)
class Column:
    """A quantity of a cell (``accuracy``, ``confidence``, ``calibration_shift``), of everything or of one part of a dimension.

    ``difference`` axes hold zero; the other columns share one range. ``floor`` marks what a uniform guesser would show.
    """

    title: str
    value: str
    axis: str
    difference: bool = False
    floor: bool = False
    dimension: str = "level"
    part: str = ""

    def cells(self, row: Row) -> list[tuple[str, Json]]:
        """The levels at which ``row`` has this quantity, with their cells."""
        cells = row.parts.get(self.part, {})
        return [(level, cells[level]) for level in LEVELS if cells.get(level, {}).get(self.value) is not None]


def rows_of(results: Json, dimension: str = "level") -> list[Row]:
    """Rows of a study's models, sorted by accuracy at their mildest level; MedqdegError without a model."""
    models = results["models"]
    if not models:
        raise MedqdegError("the results hold no model to chart")
    rows = []
    for model in models:
        parts: dict[str, dict[str, Json]] = {"": {cell["level"]: cell for cell in model["levels"]}}
        if dimension != "level":
            for cell in model["by"][dimension]:
                parts.setdefault(cell["name"], {})[cell["level"]] = cell
        rows.append(Row(model_words(model, models), model["run_id"], parts))
    return sorted(rows, key=lambda row: (-_mildest(row), row.label))


def _mildest(row: Row) -> float:
    for level in LEVELS:
        value = row.levels.get(level, {}).get("accuracy")
        if value is not None:
            return float(value)
    return -1.0


def published_rows(values: Sequence[published.LevelResult]) -> list[Row]:
    """Rows of published models in the order given."""
    levels: dict[str, dict[str, Json]] = {}
    for value in values:
        levels.setdefault(value.model, {})[value.level] = {
            "accuracy": value.accuracy,
            "confidence": value.confidence,
            "calibration_shift": value.calibration_shift,
        }
    return [Row(model, "", {"": by_level}, reference=True) for model, by_level in levels.items()]


def tooltip(row: Row, level: str, value: str, cell: Json, part: str = "") -> str:
    """Model, level, value with interval, and n where the value is this study's own."""
    source = f" ({REFERENCE})" if row.reference else ""
    where = f"{part}, " if part else ""
    text = f"{row.label}{source}, {where}{level_words(level)}: {number_words(value, cell)}"
    return text if row.reference else f"{text}; {sample_words(cell)}"


def data_rows(rows: Sequence[Row], columns: Sequence[Column]) -> tuple[DataRow, ...]:
    """What the columns show, a line for each model, part and level."""
    out: list[DataRow] = []
    for part in dict.fromkeys(column.part for column in columns):
        own = [column for column in columns if column.part == part]
        for row in rows:
            for level, cell in row.parts.get(part, {}).items():
                line: DataRow = {"model": row.label, "dataset": REFERENCE if row.reference else "this dataset"}
                if part:
                    line[own[0].dimension] = part
                line |= {"level": level, "n": cell.get("n"), "n_clusters": cell.get("n_clusters")}
                for column in own:
                    low, high = cell.get(f"{column.value}_ci") or (None, None)
                    line |= {column.value: cell.get(column.value), f"{column.value}_low": low, f"{column.value}_high": high}
                out.append(line)
    return tuple(out)


def level_legend(rows: Sequence[Row]) -> list[LegendEntry]:
    """The levels that occur, and published values where there are any."""
    shown = [level for level in LEVELS if any(level in cells for row in rows for cells in row.parts.values())]
    entries = [LegendEntry(level_words(level), LEVEL_SHAPE[level], level) for level in shown]
    if any(row.reference for row in rows):
        entries.append(LegendEntry(REFERENCE, "circle", "reference", hollow=True))
    return entries


def notes(results: Json, rows: Sequence[Row] = (), floor: bool = False) -> list[str]:
    """What a reader must know about marks that are not plain measurements."""
    out = []
    if floor:
        out.append("Blue tick: the confidence that a uniform guesser would show with the same questions and trials.")
    if any(model["random_weights"] for model in results["models"]):
        out.append("Random weights: an untrained network that shows that the path works, not what a model can do.")
    if any(row.reference for row in rows):
        out.append(f"Hollow grey: published values ({REFERENCE}); other questions and images, so only the shape compares.")
    return out


def values_of(rows: Sequence[Row], column: Column, floor: bool = False) -> list[float]:
    """All values and interval ends that ``column`` has to hold."""
    out = []
    for row in rows:
        for _, cell in column.cells(row):
            out += [float(v) for v in (cell[column.value], *(cell.get(f"{column.value}_ci") or ()))]
            if floor and cell.get("uniform_confidence") is not None:
                out.append(float(cell["uniform_confidence"]))
    return out


def row_chart(
    results: Json,
    rows: Sequence[Row],
    columns: Sequence[Column],
    name: str,
    title: str,
    width: float,
    *,
    alike: Sequence[Column] = (),
    labels: float = 0.3,
) -> Figure:
    """One row a model, one panel a column; published rows last, under their own heading.

    alike    further columns whose values the shared axis has to hold.
    labels   share of the width that names may take.
    """
    subtitle = mode_words(results)
    floor = any(column.floor for column in columns)
    gap = _GAP if len(columns) <= 3 else 26.0
    label_width = min(max(text_width(row.label) for row in rows) + 14, labels * width)
    width = max(width, 2 * MARGIN + label_width + len(columns) * (_NARROWEST + gap) - gap)
    words, legend, y = header(title, subtitle, level_legend(rows), width)
    section = next((i for i, row in enumerate(rows) if row.reference), None)
    pitch = 44.0 if len(rows) <= 3 else 34.0 if len(rows) <= 12 else 26.0 if len(rows) <= 24 else 21.0
    places = [i + (1.0 if section is not None and i >= section else 0.0) + 0.5 for i in range(len(rows))]
    depth = places[-1] + 0.5
    top, height = y + 36, depth * pitch
    panel_width = (width - 2 * MARGIN - label_width - gap * (len(columns) - 1)) / len(columns)
    most = max(2, min(6, int(panel_width / 40)))
    shared = [v for column in (*columns, *alike) if not column.difference for v in values_of(rows, column, column.floor)]
    panels = []
    for k, column in enumerate(columns):
        values = values_of(rows, column) if column.difference else shared
        axis = percent_axis(values, column.axis, difference=column.difference, most=most)
        left = MARGIN + label_width + k * (panel_width + gap)
        ticks = tuple(
            (depth - place, elided(row.label, label_width - 14) if k == 0 else "")
            for row, place in zip(rows, places, strict=True)
        )
        vertical = Axis(0.0, depth, ticks, grid=False, line=False, names=True)
        panels.append(_panel(rows, places, depth, column, (left, top, panel_width, height), axis, vertical))
    if pitch >= _TWO_LINES:
        panels[0] = _stacked(panels[0], rows, label_width - 14)
    if section is not None:
        heading_y = top + (places[section] - 1.0) * pitch + TEXT_SIZE * 0.36
        words.append(Text(MARGIN, heading_y, REFERENCE, SMALL_SIZE, "muted", bold=True))
    below, total = footer(notes(results, rows, floor), top + height + 44, width)
    return Figure(
        name, title, subtitle, width, total, tuple(panels), tuple(words + below), tuple(legend), data_rows(rows, columns)
    )


def _stacked(panel: Panel, rows: Sequence[Row], room: float) -> Panel:
    """``panel`` with those names of its rows on two lines that have no room (pixels) on one."""
    ticks, words = [], []
    for (place, shown), row in zip(panel.y.ticks, rows, strict=True):
        upper, lower = row.lines
        stacked = bool(lower) and text_width(row.label) > room
        ticks.append((place, "" if stacked else shown))
        if stacked:
            words += [
                Text(panel.x.low, place, elided(line, room, SMALL_SIZE), SMALL_SIZE, colour, "end", dx=-10.0, dy=dy)
                for line, colour, dy in ((upper, "text", -3.0), (lower, "muted", 10.0))
            ]
    return replace(panel, y=replace(panel.y, ticks=tuple(ticks)), annotations=(*panel.annotations, *words))


def _floors(row: Row, column: Column) -> list[tuple[float, float, float]]:
    """(from, to, value) of the ticks of a uniform guesser in a row, in row heights: one through the whole row, which no mark can
    hide, or one a level where the levels ask with other numbers of options."""
    if not column.floor:
        return []
    cells = [
        (level, cell["uniform_confidence"]) for level, cell in column.cells(row) if cell.get("uniform_confidence") is not None
    ]
    if not cells:
        return []
    values = [float(value) for _, value in cells]
    if max(values) - min(values) < _SAME_FLOOR:
        return [(-0.46, 0.46, sum(values) / len(values))]
    return [(_OFFSET[level] - 0.2, _OFFSET[level] + 0.2, float(value)) for level, value in cells]


def _panel(
    rows: Sequence[Row],
    places: Sequence[float],
    depth: float,
    column: Column,
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
        points = []
        for level, cell in column.cells(row):
            at, value = depth - place + _OFFSET[level], float(cell[column.value])
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
                    tooltip(row, level, column.value, cell, column.part),
                    Key(row.run_id, level, column.dimension, column.part),
                    row.reference,
                    size,
                )
            )
        for low, high, guess in _floors(row, column):
            lines.append(Line(((guess, depth - place + low), (guess, depth - place + high)), "floor", 2.0))
        if len(points) > 1:
            lines.append(Line(tuple(points), "connector", 1.3))
    if column.difference:
        lines.insert(0, Line(((0.0, 0.0), (0.0, depth)), "zero", 1.2))
    title = elided(column.title, box[2] + 6, 13 * 1.06)
    return Panel(*box, x, y, title, tuple(rects), tuple(lines), tuple(whiskers), tuple(marks))

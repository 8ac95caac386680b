"""Charts with the models along the bottom: heatmaps of accuracy lost by type or skill, and grouped bars by level."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from medqdeg_desktop.chart.figure import (
    LEVEL_SHAPE,
    SMALL_SIZE,
    TEXT_SIZE,
    Axis,
    Figure,
    Key,
    LegendEntry,
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
from medqdeg_desktop.eval.row_chart import LEVELS, MARGIN, REFERENCE, DataRow, level_legend, notes, rows_of, tooltip
from medqdeg_desktop.eval.wording import level_words, mode_words, model_words, points, points_interval

Json = dict[str, Any]

#: Accuracy lost at which the colour is full, by dimension, as in the published heatmaps.
_FULL: Final[dict[str, float]] = {"type": 0.4, "skill": 1.0}
_ROW = 24.0
_TILT = -50.0
#: Lines that a name under a chart may take before it is tilted.
_MOST_LINES = 5


def heatmap(results: Json, dimension: str = "type", level: str = "L2", *, width: float = 1180.0) -> Figure:
    """Accuracy lost from the same questions at L0, names of ``dimension`` by models, both sorted by descending mean loss."""
    models = results["models"]
    if not models:
        raise MedqdegError("the results hold no model to chart")
    losses: dict[tuple[str, str], float] = {}
    tips: dict[tuple[str, str], str] = {}
    for model in models:
        words = model_words(model, models)
        for cell in model["by"][dimension]:
            match = cell["matched_l0"]
            if cell["level"] != level or not match:
                continue
            key = cell["name"], words
            losses[key] = -match["accuracy_difference"]
            limits = points_interval(match.get("accuracy_difference_ci"))
            tips[key] = (
                f"{words}, {cell['name']}, {level_words(level)}: {points(match['accuracy_difference'])} points"
                f"{f' ({limits})' if limits else ''} from the same questions at L0; n = {match['n']:,}"
            )
    if not losses:
        raise MedqdegError(f"no {dimension} has answers at {level} and at L0 to compare")
    runs = {model_words(model, models): model["run_id"] for model in models}
    title = f"Accuracy lost at {level_words(level)}, by {dimension}"
    name = f"heatmap_{dimension}_{level}"
    return _heatmap(name, title, mode_words(results), losses, tips, runs, dimension, level, width, notes(results))


def published_heatmap(level: str = "L2", *, width: float = 1180.0) -> Figure:
    """The published heatmap of 19 ids and 25 models, sorted as published."""
    losses = {(row.published_type, row.model): row.l1 if level == "L1" else row.l2 for row in published.drop_by_type()}
    tips = {
        (name, model): f"{model}, {name}, {level_words(level)}: {points(-loss)} points ({REFERENCE})"
        for (name, model), loss in losses.items()
    }
    title = f"Accuracy lost at {level_words(level)}, by type: {REFERENCE}"
    subtitle = "Published values, 25 models, digitised to half a point; no intervals were published."
    return _heatmap(f"published_heatmap_{level}", title, subtitle, losses, tips, {}, "type", level, width, [])


def _heatmap(
    name: str,
    title: str,
    subtitle: str,
    losses: Mapping[tuple[str, str], float],
    tips: Mapping[tuple[str, str], str],
    runs: Mapping[str, str],
    dimension: str,
    level: str,
    width: float,
    remarks: Sequence[str],
) -> Figure:
    rows = _by_mean_loss(losses, 0)
    columns = _by_mean_loss(losses, 1)
    words, _, y = header(title, subtitle, [], width)
    label_width = min(max(text_width(row) for row in rows) + 15, 0.3 * width)
    left = MARGIN + label_width
    room = width - left - MARGIN - 70
    widest = max(text_width(column) for column in columns) + 14
    # Few models stand wide enough apart for their names to lie flat.
    pitch = max(96.0, widest) if widest * len(columns) <= room else min(130.0, room / len(columns))
    full = _FULL.get(dimension, 0.4)
    top = y + 34
    panel_width, height = pitch * len(columns), _ROW * len(rows)
    rects = []
    for i, row in enumerate(rows):
        for k, column in enumerate(columns):
            if (row, column) not in losses:
                continue
            loss = losses[row, column]
            low = len(rows) - i - 1.0
            text = f"{loss * 100:.1f}" if pitch >= 40 else f"{loss * 100:.0f}" if pitch >= 24 else ""
            text = "0" if text in ("-0", "-0.0", "0.0") else text.replace("-", "\N{MINUS SIGN}")
            rects.append(
                Rect(
                    k,
                    low,
                    k + 1.0,
                    low + 1.0,
                    f"diverge:{max(-1.0, min(1.0, loss / full)):+.4f}",
                    tips[row, column],
                    Key(runs.get(column, ""), level, dimension, row),
                    text,
                )
            )
    ticks = tuple((len(rows) - i - 0.5, elided(row, label_width - 14)) for i, row in enumerate(rows))
    x_axis = Axis(0.0, float(len(columns)), grid=False, line=False)
    y_axis = Axis(0.0, float(len(rows)), ticks, grid=False, line=False, names=True)
    panel = Panel(left, top, panel_width, height, x_axis, y_axis, rects=tuple(rects))
    labels, depth = _tilted([(left + (k + 0.5) * pitch, column) for k, column in enumerate(columns)], top + height + 8)
    scale = _scale(left, top - 20, full, panel_width)
    below, total = footer(
        [f"Points lost against the same questions at L0; colour is full at {full * 100:.0f} points. Teal: gained.", *remarks],
        top + height + 8 + depth,
        width,
    )
    data: tuple[DataRow, ...] = tuple(
        {dimension: row, "model": column, "level": level, "accuracy_lost": losses.get((row, column))}
        for row in rows
        for column in columns
    )
    return Figure(name, title, subtitle, width, total, (panel, scale), tuple(words + labels + below), (), data)


def _by_mean_loss(losses: Mapping[tuple[str, str], float], axis: int) -> list[str]:
    found: dict[str, list[float]] = {}
    for key, loss in losses.items():
        found.setdefault(key[axis], []).append(loss)
    return sorted(found, key=lambda name: (-sum(found[name]) / len(found[name]), name))


def _scale(left: float, top: float, full: float, width: float) -> Panel:
    """A colour bar above the matrix."""
    steps = 24
    across = min(width, 220.0)
    rects = tuple(Rect(i, 0.0, i + 1.0, 1.0, f"diverge:{(i + 0.5) / steps * 2 - 1:+.4f}") for i in range(steps))
    words = (
        Text(0.0, 0.0, f"\N{MINUS SIGN}{full * 100:.0f}", SMALL_SIZE, "muted", "end", dx=-6, dy=-1),
        Text(float(steps), 0.0, f"{full * 100:.0f} points lost", SMALL_SIZE, "muted", dx=6, dy=-1),
    )
    axis = Axis(0.0, float(steps), grid=False, line=False)
    return Panel(left, top, across, 10.0, axis, Axis(0.0, 1.0, grid=False, line=False), rects=rects, annotations=words)


def _tilted(
    places: Sequence[tuple[float, str]], top: float, colours: Mapping[str, str] | None = None
) -> tuple[list[Text], float]:
    """Names under the places given (x, name), flat on a few lines where all fit, else rising to their place; and the depth
    they take."""
    slope = math.radians(-_TILT)
    words, depth = [], 0.0
    apart = places[1][0] - places[0][0] if len(places) > 1 else math.inf
    room = [min(apart, 2 * x) - 12 for x, _ in places]
    lines = [broken(name, width, TEXT_SIZE) for (_, name), width in zip(places, room, strict=True)]
    if all(
        len(parts) <= _MOST_LINES and all(text_width(part) <= width for part in parts)
        for parts, width in zip(lines, room, strict=True)
    ):
        for (x, name), parts in zip(places, lines, strict=True):
            colour = (colours or {}).get(name, "text")
            words += [
                Text(x, top + TEXT_SIZE * (1 + 1.25 * i), part, TEXT_SIZE, colour, "middle") for i, part in enumerate(parts)
            ]
        return words, TEXT_SIZE * (0.6 + 1.25 * max(map(len, lines)))
    for x, name in places:
        colour = (colours or {}).get(name, "text")
        # What would begin left of the canvas, or reach too deep, is elided.
        short = elided(name, min(200.0, (x - 2.0) / math.cos(slope)), TEXT_SIZE)
        words.append(Text(x + 4, top + 6, short, TEXT_SIZE, colour, "end", rotate=_TILT))
        depth = max(depth, text_width(short, TEXT_SIZE) * math.sin(slope) + 14)
    return words, depth


def broken(name: str, width: float, size: float = TEXT_SIZE) -> list[str]:
    """``name`` on lines of at most ``width`` pixels, broken at spaces and after hyphens and underscores, what stands in brackets
    kept together where it can be; a part that is wider stands on a line of its own."""
    parts = [part for part in re.split(r"(?<=[-_ ])(?![^(]*\))|(?<= )(?=\()", name) if part]
    if any(text_width(part.strip(), size) > width for part in parts):
        parts = [piece for part in parts for piece in re.split(r"(?<=[-_ ])", part) if piece]
    lines: list[str] = []
    for part in parts:
        if lines and text_width((lines[-1] + part).strip(), size) <= width:
            lines[-1] += part
        else:
            lines.append(part)
    return [line.strip() for line in lines] or [""]


# -- bars ------------------------------------------------------------------------------------------------------------------


def grouped_bars(results: Json, *, width: float = 1180.0) -> Figure:
    """Accuracy by level as bars from zero, a group a model, sorted by accuracy at L0."""
    rows = rows_of(results)
    bars = [
        (row.label, [(level, cell, tooltip(row, level, "accuracy", cell), row.run_id) for level, cell in row.levels.items()])
        for row in rows
    ]
    title = "Accuracy by model and level"
    return _bars("grouped_bars", title, mode_words(results), bars, level_legend(rows), width, {}, notes(results))


def published_bars(*, width: float = 1180.0) -> Figure:
    """The 40 published models as grouped bars, names coloured by group as published."""
    values: dict[str, list[tuple[str, Json, str, str]]] = {}
    for value in published.accuracy_by_level():
        tip = f"{value.model}, {level_words(value.level)}: {value.accuracy * 100:.2f} % ({REFERENCE})"
        values.setdefault(value.model, []).append((value.level, {"accuracy": value.accuracy}, tip, ""))
    colours = {model.name: model.group for model in published.models()}
    legend = [LegendEntry(level_words(level), LEVEL_SHAPE[level], level) for level in LEVELS]
    remark = "Names: brown commercial, blue open, purple medical models."
    title = f"Accuracy by model and level: {REFERENCE}"
    subtitle = "Published values, 40 models, T = 3; no intervals were published."
    return _bars("published_bars", title, subtitle, list(values.items()), legend, width, colours, [remark])


def _bars(
    name: str,
    title: str,
    subtitle: str,
    groups: Sequence[tuple[str, Sequence[tuple[str, Json, str, str]]]],
    legend: Sequence[LegendEntry],
    width: float,
    colours: Mapping[str, str],
    remarks: Sequence[str],
) -> Figure:
    words, marks, y = header(title, subtitle, legend, width)
    left = 64.0
    group = max(150.0, max(text_width(label, SMALL_SIZE) for label, _ in groups) + 16)
    panel_width = min(width - left - MARGIN, group * len(groups))
    top, height = y + 34, 280.0
    cells_of_all = [cell for _, cells in groups for _, cell, _, _ in cells]
    tops = [v for cell in cells_of_all for v in (cell["accuracy"], *(cell.get("accuracy_ci") or ())) if v is not None]
    vertical = percent_axis([0.0, *tops], "accuracy, %")
    rects, whiskers, data = [], [], []
    bar = 0.26
    for i, (label, cells) in enumerate(groups):
        for level, cell, tip, run_id in cells:
            if cell["accuracy"] is None:
                continue
            middle = i + 0.5 + (LEVELS.index(level) - 1) * bar
            rects.append(
                Rect(middle - bar / 2, 0.0, middle + bar / 2, float(cell["accuracy"]), level, tip, Key(run_id, level, "level"))
            )
            low, high = cell.get("accuracy_ci") or (None, None)
            if low is not None and high is not None:
                whiskers.append(Whisker(middle, low, high, "text", vertical=True))
            row: DataRow = {"model": label, "level": level, "n": cell.get("n"), "accuracy": cell["accuracy"]}
            data.append(row | {"accuracy_low": low, "accuracy_high": high})
    x = Axis(0.0, float(len(groups)), grid=False)
    panel = Panel(left, top, panel_width, height, x, vertical, rects=tuple(rects), whiskers=tuple(whiskers))
    pitch = panel_width / len(groups)
    labels, depth = _tilted([(left + (i + 0.5) * pitch, label) for i, (label, _) in enumerate(groups)], top + height + 8, colours)
    below, total = footer(remarks, top + height + 8 + depth + TEXT_SIZE / 2, width)
    return Figure(name, title, subtitle, width, total, (panel,), tuple(words + labels + below), tuple(marks), tuple(data))

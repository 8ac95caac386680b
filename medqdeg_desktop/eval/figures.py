"""Accuracy by level, accuracy beside confidence and shift, and accuracy by modality, from ``results.json``.

Published models stand beside a study's own only
where asked for: they are facts of another dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from medqdeg_desktop.chart.figure import (
    LEVEL_SHAPE,
    TEXT_SIZE,
    Axis,
    Figure,
    Key,
    Line,
    Mark,
    Panel,
    Text,
    Whisker,
    elided,
    footer,
    header,
    percent_axis,
    spread,
    text_width,
)
from medqdeg_desktop.eval import published
from medqdeg_desktop.eval.row_chart import (
    LEVELS,
    MARGIN,
    Column,
    Row,
    data_rows,
    level_legend,
    notes,
    published_rows,
    row_chart,
    rows_of,
    tooltip,
    values_of,
)
from medqdeg_desktop.eval.wording import level_words, mode_words

Json = dict[str, Any]

#: More models than this are shown one a row instead of as lines.
_MOST_LINES = 6
#: A panel of a modality is at least as wide as this, with the gap beside it.
_NARROWEST_PANEL = 150
_ACCURACY = Column("Accuracy", "accuracy", "accuracy, %")


def accuracy_by_level(results: Json, *, width: float = 880.0, with_published: bool = False) -> Figure:
    """Accuracy at L0, L1 and L2 with its intervals: lines for a few models, one row a model for more or beside published ones."""
    rows = rows_of(results)
    if with_published:
        rows += published_rows(published.accuracy_by_level())
    if len(rows) > _MOST_LINES:
        return row_chart(results, rows, [_ACCURACY], "accuracy_by_level", "Accuracy by level of degradation", width)
    return _slopes(results, rows, width)


def three_panel(results: Json, *, width: float = 1180.0, with_published: bool = False) -> Figure:
    """Accuracy, confidence and Calibration Shift side by side, one row a model, sorted by accuracy at L0."""
    rows = rows_of(results)
    if with_published:
        rows += published_rows(published.calibration())
    columns = [
        _ACCURACY,
        Column("Confidence", "confidence", "confidence, %", floor=True),
        Column("Calibration Shift", "calibration_shift", "confidence \N{MINUS SIGN} accuracy, points", difference=True),
    ]
    return row_chart(results, rows, columns, "three_panel", "Does confidence follow accuracy down?", width)


def by_modality(results: Json, *, width: float = 1180.0, with_published: bool = False) -> Figure:
    """Accuracy by level, one panel a modality, all on one axis."""
    rows = rows_of(results, "modality")
    present = dict.fromkeys(part for row in rows for part in row.parts if part)
    if with_published:
        found: dict[str, dict[str, dict[str, Json]]] = {}
        for (modality, level), models in published.accuracy_by_modality().items():
            for model, accuracy in models.items():
                found.setdefault(model, {}).setdefault(modality, {})[level] = {"accuracy": accuracy}
        order = dict.fromkeys(value.model for value in published.accuracy_by_level())
        rows += [Row(model, "", found[model], reference=True) for model in order if model in found]
    columns = [Column(part, "accuracy", "accuracy, %", dimension="modality", part=part) for part in present]
    across = max(1, min(len(columns), int((width - 240) / _NARROWEST_PANEL)))
    across = -(-len(columns) // -(-len(columns) // across))
    title = "Accuracy by modality and level"
    parts = [columns[i : i + across] for i in range(0, len(columns), across)]
    return _stacked([row_chart(results, rows, part, "by_modality", title, width, alike=columns) for part in parts], rows, columns)


def _stacked(figures: Sequence[Figure], rows: Sequence[Row], columns: Sequence[Column]) -> Figure:
    """Charts of the same rows under one another, with the head of the first and one foot."""
    first = figures[0]
    panel = first.panels[0]
    pitch = panel.height + 92.0
    panels = list(first.panels)
    for i, figure in enumerate(figures[1:], 1):
        # As wide as those above, so that all can be read against each other.
        lefts = [one.left for one in first.panels]
        panels += [
            replace(one, left=left, width=panel.width, top=panel.top + i * pitch)
            for one, left in zip(figure.panels, lefts, strict=False)
        ]
    more = (len(figures) - 1) * pitch
    end = panel.top + panel.height + 40
    words = tuple(replace(word, y=word.y + more) if word.y > end else word for word in first.words)
    heading = [word for word in first.words if panel.top < word.y < end]
    words += tuple(replace(word, y=word.y + i * pitch) for i in range(1, len(figures)) for word in heading)
    return replace(first, height=first.height + more, panels=tuple(panels), words=words, data=data_rows(rows, columns))


def _slopes(results: Json, rows: Sequence[Row], width: float) -> Figure:
    title, subtitle = "Accuracy by level of degradation", mode_words(results)
    words, legend, y = header(title, subtitle, level_legend(rows), width)
    left = 56.0
    label_width = min(max(text_width(row.label) for row in rows) + 90, 0.36 * width)
    top, height = y + 34, 320.0
    panel_width = width - left - MARGIN - label_width
    x = Axis(-0.4, 2.4, tuple((float(i), level_words(level)) for i, level in enumerate(LEVELS)), grid=False)
    vertical = percent_axis(values_of(rows, _ACCURACY), "accuracy, %")
    lines, whiskers, marks, ends = [], [], [], []
    for i, row in enumerate(rows):
        # Models stand a little apart on each level, so that whiskers do not hide one another.
        offset = (i - (len(rows) - 1) / 2) * min(0.09, 0.5 / len(rows))
        points = []
        for level, cell in _ACCURACY.cells(row):
            at, value = LEVELS.index(level) + offset, float(cell["accuracy"])
            points.append((at, value))
            if cell.get("accuracy_ci"):
                low, high = cell["accuracy_ci"]
                whiskers.append(Whisker(at, low, high, level, vertical=True))
            tip, key = tooltip(row, level, "accuracy", cell), Key(row.run_id, level, "level")
            marks.append(Mark(at, value, LEVEL_SHAPE[level], level, row.label, tip, key, size=10))
        if len(points) > 1:
            lines.append(Line(tuple(points), "connector", 1.6))
        if points:
            ends.append((points[-1], row))
    box = Panel(left, top, panel_width, height, x, vertical)
    given = spread([box.place(*point)[1] for point, _ in ends], TEXT_SIZE * 1.35, top + 6, top + height - 2)
    for (point, row), at in zip(ends, given, strict=True):
        text = f"{elided(row.label, label_width - 60)}  {point[1] * 100:.1f}"
        words.append(Text(left + panel_width + 8, at + TEXT_SIZE * 0.36, text))
        # A thin leader joins a label that had to move to its line.
        edge = vertical.low + (1 - (at - top) / height) * (vertical.high - vertical.low)
        lines.append(Line((point, (x.high, edge)), "grid", 1.0))
    panel = Panel(left, top, panel_width, height, x, vertical, "", (), tuple(lines), tuple(whiskers), tuple(marks))
    below, total = footer(notes(results, rows), top + height + 30, width)
    data = data_rows(rows, [_ACCURACY])
    return Figure("accuracy_by_level", title, subtitle, width, total, (panel,), tuple(words + below), tuple(legend), data)

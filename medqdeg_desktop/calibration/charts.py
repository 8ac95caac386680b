"""The charts of the evidence as data: levels by cell, limits of agreement, readers side by side, blind ratings, the paired scale.

Each states its n and how its interval was made, and holds the numbers it shows, for export.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from medqdeg_desktop.calibration.adjudication import CellStanding, Standing
from medqdeg_desktop.calibration.agreement_charts import between_readers, test_retest
from medqdeg_desktop.calibration.chart_parts import (
    MARGIN,
    PANEL_NOTE,
    DataRow,
    assembled,
    cell_words,
    counted,
    interval_row,
    label_room,
    limits_words,
    number_axis,
    plain,
)
from medqdeg_desktop.calibration.comparison import Scale
from medqdeg_desktop.calibration.figures import PanelFigures
from medqdeg_desktop.calibration.verification import STEPS
from medqdeg_desktop.chart.figure import (
    LEVEL_SHAPE,
    Axis,
    Figure,
    LegendEntry,
    Mark,
    Panel,
    Rect,
    Whisker,
    elided,
    header,
)
from medqdeg_desktop.statistics.distributions import binomial_bounds
from medqdeg_desktop.statistics.panel import ENOUGH_READERS
from medqdeg_desktop.statistics.reliability import Interval
from medqdeg_desktop.taxonomy import Level

_GAP = 34.0
_OFFSET = {Level.L1: 0.2, Level.L2: -0.2}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the charts are made from."""

    now: Standing
    figures: PanelFigures
    scales: tuple[Scale, ...]


#: Charts by name, in the order of the report; None where there is nothing to show.
CHARTS: Final[dict[str, Callable[[Shown, float], Figure | None]]] = {
    "levels": lambda s, width: levels_chart(s.now.cells, s.now.names, width=width),
    "test_retest": lambda s, width: test_retest(s.figures, s.now.names, width=width),
    "readers": lambda s, width: readers_chart(s.figures, s.now.names, width=width),
    "between_readers": lambda s, width: between_readers(s.figures, s.now.names, width=width),
    "confusion": lambda s, width: confusion_chart(s.figures, width=width),
    "scale": lambda s, width: scale_chart(s.scales, width=width),
}


def evidence_charts(shown: Shown, *, width: float = 1180.0) -> dict[str, Figure]:
    """All charts that have something to show, by name."""
    made = {name: make(shown, width) for name, make in CHARTS.items()}
    return {name: figure for name, figure in made.items() if figure is not None}


def levels_chart(cells: Sequence[CellStanding], names: Mapping[str, str], *, width: float) -> Figure | None:
    """A row a cell: readers' medians as hollow marks, the consensus with its interval as a full one."""
    if not cells:
        return None
    readers = max(len(c.proposal.levels[level].reader_medians) for c in cells for level in c.proposal.levels)
    title = "Levels: each reader's median and the consensus"
    how = "95 % interval over readers and pictures: panels drawn again from the spreads of these readings."
    subtitle = f"{counted(readers, 'reader')}. {how}"
    if readers < ENOUGH_READERS:
        subtitle += f" {PANEL_NOTE}"
    entries = [LegendEntry(f"{level}, consensus", LEVEL_SHAPE[level], str(level)) for level in _OFFSET]
    words, legend, y = header(title, subtitle, [*entries, LegendEntry("a reader", "circle", "reference", hollow=True)], width)
    labels = [cell_words(c.proposal.cell.type, str(c.proposal.cell.modality)) for c in cells]
    left = label_room(labels, width)
    row, top = 38.0, y + 14
    marks, whiskers, ticks, bands = [], [], [], []
    data: list[DataRow] = []
    for number, (standing, label) in enumerate(zip(cells, labels, strict=True)):
        p = standing.proposal
        at = len(cells) - number - 0.5
        ticks.append((at, elided(label, left - MARGIN - 12)))
        if number % 2:
            bands.append(Rect(0, at - 0.5, 1, at + 0.5, "band"))
        for level, severity in p.severities.items():
            place = at + _OFFSET[level]
            interval = p.levels[level].severity
            for reader, value in sorted(p.levels[level].reader_medians.items()):
                tip = f"{label}, {level}, {names.get(reader, reader)}: {value:.2f}"
                marks.append(Mark(value, place, LEVEL_SHAPE[level], str(level), tooltip=tip, hollow=True, size=7.0))
                data.append(_level_row(p.cell.type, str(p.cell.modality), level, names.get(reader, reader), value, None))
            if not math.isnan(interval.low):
                whiskers.append(Whisker(place, max(interval.low, 0.0), min(interval.high, 1.0), str(level)))
            if not math.isnan(severity):
                tip = f"{label}, {level}: {severity:.2f}{limits_words(interval)}"
                marks.append(Mark(severity, place, LEVEL_SHAPE[level], str(level), tooltip=tip, size=11.0))
            data.append(_level_row(p.cell.type, str(p.cell.modality), level, "consensus", severity, interval))
    x = Axis(0.0, 1.0, tuple((t / 5, f"{t / 5:g}") for t in range(6)), "severity")
    vertical = Axis(0.0, float(len(cells)), tuple(ticks), grid=False, line=False, names=True)
    panel = Panel(
        left, top, width - left - 2 * MARGIN, row * len(cells), x, vertical,
        rects=tuple(bands), whiskers=tuple(whiskers), marks=tuple(marks),
    )  # fmt: skip
    return assembled("levels", (title, subtitle), width, [panel], (words, legend), top + row * len(cells) + 44, data)


def _level_row(type_name: str, modality: str, level: Level, reader: str, value: float, interval: Interval | None) -> DataRow:
    low, high = (interval.low, interval.high) if interval else (math.nan, math.nan)
    return {
        "type": type_name, "modality": modality, "level": str(level), "reader": reader,
        "severity": plain(value), "low": plain(low), "high": plain(high),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Quantity:
    """A column of the chart of readers."""

    field: str
    title: str
    about_zero: bool


_QUANTITIES: Final = (
    _Quantity("bias", "Bias", True),
    _Quantity("inconsistency", "Inconsistency (SD)", False),
    _Quantity("within", "Within-reader SD", False),
    _Quantity("drift", "Drift an hour", True),
    _Quantity("start_effect", "Effect of the start", True),
    _Quantity("seconds", "Seconds a setting", False),
)


def readers_chart(figures: PanelFigures, names: Mapping[str, str], *, width: float) -> Figure | None:
    """A row a reader, a column a quantity, each with its interval."""
    readers = [r for r in figures.readers if r.settings]
    shown = [q for q in _QUANTITIES if any(not math.isnan(getattr(r, q.field).value) for r in readers)]
    if not shown:
        return None
    title = "Readers"
    subtitle = (
        "Severity axis, 95 % intervals. Bias: setting minus the panel's mean on the same picture. Inconsistency: SD"
        " about what the panel finds, bias taken out. Drift: its change in an hour. Start: begun at 1 minus begun at 0."
    )
    words, legend, y = header(title, subtitle, [], width)
    labels = [names.get(r.reader, r.reader) for r in readers]
    left = label_room(labels, width)
    row, top = 24.0, y + 30
    room = (width - left - 2 * MARGIN - _GAP * (len(shown) - 1)) / len(shown)
    panels = []
    data: list[DataRow] = []
    for number, quantity in enumerate(shown):
        marks, whiskers = [], []
        values = []
        for i, (reader, label) in enumerate(zip(readers, labels, strict=True)):
            interval: Interval = getattr(reader, quantity.field)
            at = len(readers) - i - 0.5
            data.append(interval_row({"reader": label, "quantity": quantity.field}, interval))
            if math.isnan(interval.value):
                continue
            values += [v for v in (interval.value, interval.low, interval.high) if not math.isnan(v)]
            if not math.isnan(interval.low):
                whiskers.append(Whisker(at, interval.low, interval.high, "accent"))
            tip = f"{label}, {quantity.title.lower()}: {interval.value:.3g}{limits_words(interval, 3)}; n = {interval.n}"
            marks.append(Mark(interval.value, at, "circle", "accent", tooltip=tip, size=8.0))
        ticks = tuple(
            (len(readers) - i - 0.5, elided(label, left - MARGIN - 12) if number == 0 else "") for i, label in enumerate(labels)
        )
        vertical = Axis(0.0, float(len(readers)), ticks, line=False, names=True)
        panels.append(
            Panel(
                left + number * (room + _GAP), top, room, row * len(readers), number_axis([0.0, *values], most=3),
                vertical, quantity.title, whiskers=tuple(whiskers), marks=tuple(marks),
            )
        )  # fmt: skip
    return assembled("readers", (title, subtitle), width, panels, (words, legend), top + row * len(readers) + 26, data)


def confusion_chart(figures: PanelFigures, *, width: float) -> Figure | None:
    """What blind ratings said by what the picture was meant to show, as shares of a row."""
    if not figures.confusion:
        return None
    total = sum(map(sum, figures.confusion.values()))
    title = "Blind ratings: meant and perceived"
    subtitle = f"{total:,} ratings; shares of each row, with counts. - and + are a step milder and stronger than the level."
    words, legend, y = header(title, subtitle, [], width)
    names = list(figures.confusion)
    left, top, row = MARGIN + 80.0, y + 14, 28.0
    cell = min(150.0, (width - left - MARGIN) / len(STEPS))
    rects = []
    data: list[DataRow] = []
    for i, name in enumerate(names):
        counts = figures.confusion[name]
        n = sum(counts)
        low = len(names) - i - 1.0
        for step, count in enumerate(counts):
            share = count / n if n else 0.0
            bounds = binomial_bounds(count, n) if n else (math.nan, math.nan)
            limits = f"{share:.0%}, 95 % interval {bounds[0]:.0%} to {bounds[1]:.0%}"
            tip = f"meant as {name}, rated {STEPS[step]}: {count} of {n} ({limits})"
            text = f"{share:.0%} ({count})" if count else ""
            # Twice the share at most: a full colour would hide its own words.
            rects.append(Rect(step, low, step + 1.0, low + 1.0, f"diverge:{-0.75 * share:+.4f}", tip, None, text))
            data.append({"meant": name, "rated": STEPS[step], "count": count, "n": n, "share": share,
                         "low": plain(bounds[0]), "high": plain(bounds[1])})  # fmt: skip
    ticks = tuple((step + 0.5, name) for step, name in enumerate(STEPS))
    vertical = tuple((len(names) - i - 0.5, name) for i, name in enumerate(names))
    panel = Panel(
        left, top, cell * len(STEPS), row * len(names), Axis(0.0, float(len(STEPS)), ticks, "rated as", grid=False, line=False),
        Axis(0.0, float(len(names)), vertical, grid=False, line=False, names=True), rects=tuple(rects),
    )  # fmt: skip
    return assembled("confusion", (title, subtitle), width, [panel], (words, legend), top + row * len(names) + 44, data)


def scale_chart(found: Sequence[Scale], *, width: float) -> Figure | None:
    """The paired comparisons of L1 pictures on one scale a modality."""
    rows = [(s, i) for s in found for i in range(len(s.types)) if not math.isnan(float(s.strengths.log_strength[i]))]
    if not rows:
        return None
    title = "Is L1 the same for every degradation?"
    n = sum(s.strengths.comparisons for s in found)
    subtitle = (
        f"Bradley-Terry strengths of {n:,} paired comparisons of L1 pictures, with 95 % intervals (curvature of the likelihood)."
        " Above 0: worse for reading than the average of its modality. Reported, not made equal."
    )
    words, legend, y = header(title, subtitle, [], width)
    labels = [cell_words(s.types[i], str(s.modality)) for s, i in rows]
    left, row, top = label_room(labels, width), 24.0, y + 14
    marks, whiskers, ticks = [], [], []
    data: list[DataRow] = []
    values = [0.0]
    for number, ((scale, i), label) in enumerate(zip(rows, labels, strict=True)):
        at = len(rows) - number - 0.5
        value, low, high = (float(part[i]) for part in (scale.strengths.log_strength, scale.strengths.low, scale.strengths.high))
        values += [value, low, high]
        ticks.append((at, elided(label, left - MARGIN - 12)))
        whiskers.append(Whisker(at, low, high, str(Level.L1)))
        marks.append(Mark(value, at, LEVEL_SHAPE["L1"], "L1", tooltip=f"{label}: {value:+.2f} ({low:+.2f} to {high:+.2f})"))
        data.append({"modality": str(scale.modality), "type": scale.types[i], "strength": value, "low": low, "high": high,
                     "comparisons": scale.strengths.comparisons})  # fmt: skip
    x = number_axis(values, "log strength: milder to worse")
    vertical = Axis(0.0, float(len(rows)), tuple(ticks), grid=False, line=False, names=True)
    panel = Panel(
        left, top, width - left - 2 * MARGIN, row * len(rows), x, vertical, whiskers=tuple(whiskers), marks=tuple(marks)
    )
    return assembled("scale", (title, subtitle), width, [panel], (words, legend), top + row * len(rows) + 44, data)

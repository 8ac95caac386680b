"""Limits of agreement (Bland & Altman 1986) as charts: each reader with themselves, and pairs of readers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from medqdeg_desktop.calibration.chart_parts import (
    MARGIN,
    DataRow,
    assembled,
    cell_words,
    counted,
    interval_row,
    limits_words,
    number_axis,
)
from medqdeg_desktop.calibration.figures import PairFigures, PanelFigures
from medqdeg_desktop.chart.figure import (
    LEVEL_SHAPE,
    Axis,
    Figure,
    LegendEntry,
    Line,
    Mark,
    Panel,
    Rect,
    Shape,
    Text,
    elided,
    header,
    spread,
)
from medqdeg_desktop.statistics.reliability import Interval, LimitsOfAgreement

#: Pairs that are drawn; every pair is in the tables.
MOST_PAIRS: Final = 6
_COLUMNS, _GAP, _HEIGHT = 3, 56.0, 200.0
_COLOURS: Final = ("#2f6fb5", "#b45309", "#6d3fd0", "#1f8a82", "#b91c1c", "#7a5195", "#5b7f2b", "#c2185b", "#607d8b", "#8a5a1c")
_SHAPES: Final[tuple[Shape, ...]] = ("circle", "triangle", "square")
#: mean of the two, their difference, shape, colour, tooltip.
_Point = tuple[float, float, Shape, str, str]


def test_retest(figures: PanelFigures, names: Mapping[str, str], *, width: float) -> Figure | None:
    """Second minus first setting of what was shown again, all readers in one picture; None where nothing was."""
    points: list[_Point] = []
    entries: list[LegendEntry] = []
    data: list[DataRow] = []
    for number, (reader, pairs) in enumerate(figures.repeats.items()):
        if not pairs:
            continue
        name = names.get(reader, reader)
        shape, colour = _SHAPES[number % len(_SHAPES)], _COLOURS[number % len(_COLOURS)]
        entries.append(LegendEntry(name, shape, colour))
        for first, again in pairs:
            tip = f"{name}: {first:.2f}, then {again:.2f}"
            points.append(((first + again) / 2, again - first, shape, colour, tip))
            data.append({"reader": name, "first": first, "again": again, "difference": again - first})
    if not points:
        return None
    title = "Test and retest: the same picture, days apart"
    subtitle = (
        f"{counted(len(points), 'setting')} made twice. Lines: mean difference and the limits that hold 95 % of differences;"
        " bands: their 95 % intervals."
    )
    words, legend, y = header(title, subtitle, entries, width)
    top, left, height = y + 30, MARGIN + 56, 240.0
    reach = _reach([p[1] for p in points], [figures.retest])
    panel = _panel(left, top, min(900.0, width - left - 130), height, points, figures.retest, reach, "", ends=True)
    data += [interval_row({"reader": "all", "quantity": what}, value) for what, value in _named(figures.retest)]
    return assembled("test_retest", (title, subtitle), width, [panel], (words, legend), top + height + 44, data)


def between_readers(figures: PanelFigures, names: Mapping[str, str], *, width: float) -> Figure | None:
    """A panel for each pair of readers, first minus second; the most differing ``MOST_PAIRS`` where there are more."""
    pairs = [p for p in figures.pairs if not math.isnan(p.limits.lower.value)]
    if not pairs:
        return None
    shown = sorted(pairs, key=lambda p: -max(abs(p.limits.lower.value), abs(p.limits.upper.value)))[:MOST_PAIRS]
    title = "Between readers: settings of the same picture"
    subtitle = (
        "First reader minus second. Lines: mean difference and the limits that hold 95 % of differences; bands: 95 % intervals."
    )
    if len(pairs) > len(shown):
        subtitle += f" The {len(shown)} pairs that lie furthest apart, of {len(pairs)}."
    entries = [LegendEntry(level, LEVEL_SHAPE[level], level) for level in ("L1", "L2")]
    words, legend, y = header(title, subtitle, entries, width)
    left, top = MARGIN + 48, y + 34
    columns = min(_COLUMNS, len(shown))
    room = min(460.0, (width - left - MARGIN - _GAP * (columns - 1)) / columns)
    points = {id(p): list(_pair_points(p, figures, names)) for p in shown}
    reach = _reach([q[1] for found in points.values() for q in found], [p.limits for p in shown])
    panels = []
    data: list[DataRow] = []
    for number, pair in enumerate(shown):
        line, column = divmod(number, columns)
        name = f"{names.get(pair.first, pair.first)} \N{MINUS SIGN} {names.get(pair.second, pair.second)}"
        place = (left + column * (room + _GAP), top + line * (_HEIGHT + 74))
        heading = f"{elided(name, room - 70, 13)}   n = {pair.limits.bias.n}"
        panels.append(_panel(*place, room, _HEIGHT, points[id(pair)], pair.limits, reach, heading, ends=False))
        both: DataRow = {"first": names.get(pair.first, pair.first), "second": names.get(pair.second, pair.second)}
        data += [
            interval_row({**both, "quantity": what}, v)
            for what, v in _named(pair.limits)
        ]  # fmt: skip
    lines = math.ceil(len(shown) / columns)
    bottom = top + lines * (_HEIGHT + 74) - 30
    return assembled("between_readers", (title, subtitle), width, panels, (words, legend), bottom, data)


def _pair_points(pair: PairFigures, figures: PanelFigures, names: Mapping[str, str]) -> list[_Point]:
    found: list[_Point] = []
    for (type_name, modality, level, _image), by in sorted(figures.means.items()):
        if pair.first in by and pair.second in by:
            one, two = by[pair.first], by[pair.second]
            said = f"{names.get(pair.first, '?')} {one:.2f}, {names.get(pair.second, '?')} {two:.2f}"
            tip = f"{cell_words(type_name, modality)}, {level}: {said}"
            found.append(((one + two) / 2, one - two, LEVEL_SHAPE[level], level, tip))
    return found


def _named(limits: LimitsOfAgreement) -> list[tuple[str, Interval]]:
    return [("mean difference", limits.bias), ("lower limit", limits.lower), ("upper limit", limits.upper)]


def _reach(differences: Sequence[float], limits: Sequence[LimitsOfAgreement]) -> float:
    """How far the axis of differences goes, the same in all panels of a figure and to both sides."""
    edges = [v for found in limits for _, i in _named(found) for v in (i.low, i.high, i.value) if not math.isnan(v)]
    return max([abs(v) for v in (*differences, *edges)] or [0.1])


def _panel(
    left: float,
    top: float,
    width: float,
    height: float,
    points: Sequence[_Point],
    limits: LimitsOfAgreement,
    reach: float,
    heading: str,
    *,
    ends: bool,
) -> Panel:
    """Differences against means; ``ends`` writes the numbers of the lines, with their intervals, right of the panel."""
    rects, lines = [], []
    for what, interval in _named(limits):
        if math.isnan(interval.value):
            continue
        if not math.isnan(interval.low):
            tip = f"{what} {interval.value:+.3f}{limits_words(interval, 3)}"
            rects.append(Rect(0.0, interval.low, 1.0, interval.high, "band", tip))
        lines.append(Line(((0.0, interval.value), (1.0, interval.value)), "accent", 1.5, dashed=what != "mean difference"))
    marks = [Mark(x, y, shape, colour, tooltip=tip, size=6.0) for x, y, shape, colour, tip in points]
    vertical = number_axis([-reach, reach], "difference")
    across = Axis(0.0, 1.0, tuple((t / 5, f"{t / 5:g}") for t in range(6)), "mean of the two")
    if heading:
        vertical = number_axis([-reach, reach], most=5)
        across = Axis(0.0, 1.0, across.ticks, "mean of the two")
    panel = Panel(left, top, width, height, across, vertical, heading, tuple(rects), tuple(lines), marks=tuple(marks))
    return replace(panel, annotations=tuple(_numbers(panel, limits, ends=ends)))


def _numbers(panel: Panel, limits: LimitsOfAgreement, *, ends: bool) -> Iterator[Text]:
    """The values of the three lines beside or above them, moved apart where the lines lie close."""
    known = [interval for _, interval in _named(limits) if not math.isnan(interval.value)]
    places = [panel.place(1.0, interval.value)[1] for interval in known]
    moved = spread(places, 13.0, panel.top + 6, panel.top + panel.height - 2)
    for interval, place, at in zip(known, places, moved, strict=True):
        said = f"{interval.value:+.2f}"
        if ends:
            said = f"{said}{limits_words(interval)}".replace("-", "\N{MINUS SIGN}")
            yield Text(1.0, interval.value, said, 11.0, "muted", dx=6, dy=at - place + 4)
        else:
            yield Text(1.0, interval.value, said.replace("-", "\N{MINUS SIGN}"), 11.0, "muted", "end", dx=-2, dy=at - place - 4)

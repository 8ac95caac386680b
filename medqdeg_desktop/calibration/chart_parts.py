"""What the charts of the evidence share: names of cells, axes about a number, words of an interval, rows of the export."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from medqdeg_desktop.chart.figure import Axis, Figure, Mark, Panel, Text, footer, nice_ticks, text_width
from medqdeg_desktop.statistics.reliability import Interval
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME

DataRow = dict[str, str | float | int | None]

MARGIN: Final = 16.0
PANEL_NOTE: Final = "Fewer than five readers: intervals describe this panel, not readers in general."


def cell_words(type_name: str, modality: str) -> str:
    return f"{DEGRADATION_BY_NAME[type_name].label}, {modality}"


def counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def limits_words(interval: Interval, digits: int = 2) -> str:
    """`` (low to high)``, or nothing where there is no interval."""
    return "" if math.isnan(interval.low) else f" ({interval.low:.{digits}f} to {interval.high:.{digits}f})"


def plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def interval_row(head: DataRow, interval: Interval) -> DataRow:
    return {**head, "value": plain(interval.value), "low": plain(interval.low), "high": plain(interval.high), "n": interval.n}


def number_axis(values: Sequence[float], label: str = "", *, most: int = 6) -> Axis:
    """An axis of round numbers that holds all of ``values``."""
    finite = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(finite), max(finite)
    if high - low < 1e-6:
        low, high = low - 0.05, high + 0.05
    ticks = nice_ticks(low, high, most)
    signed = ticks[0] < 0
    words = tuple((t, _signed(t) if signed else f"{t:g}") for t in ticks)
    return Axis(ticks[0], ticks[-1], words, label)


def _signed(value: float) -> str:
    return "0" if abs(value) < 1e-12 else f"{value:+g}".replace("-", "\N{MINUS SIGN}")


def label_room(labels: Sequence[str], width: float) -> float:
    """Where the panel begins, right of names of rows."""
    return MARGIN + min(max(text_width(label) for label in labels) + 14, 0.3 * width)


def assembled(
    name: str,
    words: tuple[str, str],
    width: float,
    panels: Sequence[Panel],
    head: tuple[list[Text], list[Mark]],
    bottom: float,
    data: Sequence[DataRow],
    notes: Sequence[str] = (),
) -> Figure:
    """The figure of ``panels`` that end at ``bottom``; ``words`` are title and subtitle, ``head`` their texts and legend."""
    below, height = footer(notes, bottom, width)
    texts, legend = head
    return Figure(name, *words, width, height, tuple(panels), tuple(texts + below), tuple(legend), tuple(data))

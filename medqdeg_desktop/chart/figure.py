"""A chart as data: panels with axes, and marks, whiskers, lines, rectangles and words in the axes' own units.

Nothing here draws. ``svg.svg`` turns a Figure into SVG, the window paints the same Figure with Qt: both only map an axis
range to a box of pixels and colour tokens to colours. All lengths outside the panels are CSS pixels of a canvas of
``width`` x ``height``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from medqdeg_desktop.csv_text import csv_text

Shape = Literal["circle", "triangle", "square"]
Anchor = Literal["start", "middle", "end"]

#: Shape of each level; its colour token is the level's own name.
LEVEL_SHAPE: dict[str, Shape] = {"L0": "circle", "L1": "triangle", "L2": "square"}

TITLE_SIZE = 16.0
TEXT_SIZE = 12.0
SMALL_SIZE = 11.0


@dataclass(frozen=True, slots=True)
class Key:
    """What a mark stands for, enough to list the answers behind it. ``run_id`` is empty for published values."""

    run_id: str = ""
    level: str = ""
    dimension: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """Range, ticks (value, label) and title of one direction; ``names`` where the ticks are names of rows, not numbers."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...] = ()
    label: str = ""
    grid: bool = True
    line: bool = True
    names: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A point at (x, y). ``colour`` is a token or #rrggbb; ``hollow`` marks are references, not measurements of this study."""

    x: float
    y: float
    shape: Shape
    colour: str
    label: str = ""
    tooltip: str = ""
    key: Key | None = None
    hollow: bool = False
    size: float = 9.0


@dataclass(frozen=True, slots=True)
class Whisker:
    """An interval of ``low`` to ``high`` along one axis at the place ``at`` of the other."""

    at: float
    low: float
    high: float
    colour: str
    vertical: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A polyline through ``points``."""

    points: tuple[tuple[float, float], ...]
    colour: str = "connector"
    width: float = 1.5
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Rect:
    """A filled rectangle (a bar, a cell of a heatmap) with an optional word in its middle."""

    x0: float
    y0: float
    x1: float
    y1: float
    colour: str
    tooltip: str = ""
    key: Key | None = None
    text: str = ""
    text_colour: str = "text"


@dataclass(frozen=True, slots=True)
class Text:
    """Words at (x, y) of their baseline; ``dx``, ``dy`` are pixels to the right and down, ``rotate`` degrees clockwise."""

    x: float
    y: float
    text: str
    size: float = TEXT_SIZE
    colour: str = "text"
    anchor: Anchor = "start"
    bold: bool = False
    dx: float = 0.0
    dy: float = 0.0
    rotate: float = 0.0


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes over the box (left, top, width, height) in pixels of the figure.

    Drawn in this order: rectangles coloured ``band``, grid, other rectangles, lines, whiskers, marks, annotations.
    """

    left: float
    top: float
    width: float
    height: float
    x: Axis
    y: Axis
    title: str = ""
    rects: tuple[Rect, ...] = ()
    lines: tuple[Line, ...] = ()
    whiskers: tuple[Whisker, ...] = ()
    marks: tuple[Mark, ...] = ()
    annotations: tuple[Text, ...] = ()

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point given in the axes' units."""
        right = (x - self.x.low) / (self.x.high - self.x.low)
        up = (y - self.y.low) / (self.y.high - self.y.low)
        return self.left + right * self.width, self.top + (1.0 - up) * self.height


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart. ``subtitle`` states n, mode, T and the interval method; ``data`` is what it shows, for export.

    words   title, subtitle, legend words and notes, placed in pixels of the canvas;  legend   marks beside them, likewise.
    """

    name: str
    title: str
    subtitle: str
    width: float
    height: float
    panels: tuple[Panel, ...]
    words: tuple[Text, ...] = ()
    legend: tuple[Mark, ...] = ()
    data: tuple[dict[str, str | float | int | None], ...] = field(default=(), repr=False)


def figure_csv(figure: Figure) -> str:
    """The numbers that ``figure`` shows, one row a value, as CSV."""
    return csv_text(figure.data)


# -- layout ----------------------------------------------------------------------------------------------------------------

_NARROW = frozenset("iljtfrI.,:;'|!()[]- ")
_WIDE = frozenset("mwMW%@—…")


def text_width(text: str, size: float = TEXT_SIZE, bold: bool = False) -> float:
    """Width in pixels that ``text`` takes at most in the sans-serif faces in use (Inter, Noto Sans, DejaVu Sans, Arial)."""
    units = sum(0.36 if c in _NARROW else 0.93 if c in _WIDE else 0.7 if c.isupper() else 0.62 for c in text)
    return units * size * (1.06 if bold else 1.0)


def elided(text: str, width: float, size: float = TEXT_SIZE) -> str:
    """``text``, or its beginning and end around an ellipsis where it would be wider than ``width`` pixels.

    What stands in brackets at its end ("random weights", a mode) is kept whole where it fits: it says how to read the name.
    """
    if text_width(text, size) <= width:
        return text
    name, bracket, said = text.partition(" (")
    if said.endswith(")") and text_width(f"{name[:2]}…{bracket}{said}", size) <= width:
        return f"{elided(name, width - text_width(bracket + said, size), size)}{bracket}{said}"
    for kept in range(len(text) - 1, 3, -1):
        head = (kept + 1) // 2
        short = f"{text[:head]}…{text[len(text) - (kept - head) :]}"
        if text_width(short, size) <= width:
            return short
    return f"{text[:2]}…"


def wrapped(text: str, width: float, size: float = TEXT_SIZE) -> list[str]:
    """``text`` broken at spaces into lines of at most ``width`` pixels; "95 %" is kept together."""
    lines: list[str] = []
    for word in re.split(r"\s+(?!%)", text.strip()):
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines or [""]


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values (1, 2, 2.5 or 5 times a power of ten apart) from at or below ``low`` to at or above ``high``."""
    span = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(s * power for s in (1, 2, 2.5, 5, 10, 20) if span / (s * power) <= most)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def percent_axis(values: Iterable[float], label: str, *, difference: bool = False, most: int = 6) -> Axis:
    """An axis in per cent around fractions ``values``, with about ``most`` ticks.

    A difference axis always holds zero; the others stay in 0 to 100 %.
    """
    finite = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(finite), max(finite)
    if difference:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 0.1:
        middle = (low + high) / 2
        low, high = (min(low, 0.0), max(high, 0.1)) if difference else (middle - 0.05, middle + 0.05)
    ticks = nice_ticks(low * 100, high * 100, most)
    if not difference:
        ticks = [t for t in ticks if 0 <= t <= 100]
    labels = tuple((t / 100, _signed(t) if difference else f"{t:g}") for t in ticks)
    return Axis(ticks[0] / 100, ticks[-1] / 100, labels, label)


def _signed(value: float) -> str:
    return "0" if value == 0 else f"{value:+g}".replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A mark with its meaning."""

    text: str
    shape: Shape
    colour: str
    hollow: bool = False


def header(
    title: str, subtitle: str, legend: Sequence[LegendEntry], width: float, margin: float = 16.0
) -> tuple[list[Text], list[Mark], float]:
    """Words and legend marks of a figure's head, and the y below them (pixels)."""
    y = margin + TITLE_SIZE
    words = []
    for line in wrapped(title, width - 2 * margin, TITLE_SIZE * 1.06):
        words.append(Text(margin, y, line, TITLE_SIZE, bold=True))
        y += TITLE_SIZE * 1.3
    for line in wrapped(subtitle, width - 2 * margin):
        words.append(Text(margin, y, line, TEXT_SIZE, "muted"))
        y += TEXT_SIZE * 1.4
    marks = []
    if legend:
        y += 6
        x = margin
        for entry in legend:
            needed = 16 + text_width(entry.text) + 20
            if x > margin and x + needed > width - margin:
                x = margin
                y += TEXT_SIZE * 1.6
            marks.append(Mark(x + 5, y - 4, entry.shape, entry.colour, hollow=entry.hollow))
            words.append(Text(x + 16, y, entry.text))
            x += needed
        y += TEXT_SIZE
    return words, marks, y


def footer(notes: Sequence[str], top: float, width: float, margin: float = 16.0) -> tuple[list[Text], float]:
    """Words of the notes under a figure, and the figure's height."""
    words = []
    y = top
    for note in notes:
        for line in wrapped(note, width - 2 * margin, SMALL_SIZE):
            y += SMALL_SIZE * 1.4
            words.append(Text(margin, y, line, SMALL_SIZE, "muted"))
        y += 2
    return words, y + margin


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """``places`` moved as little as needed to be ``gap`` apart within ``low`` to ``high``; the order of the input is kept."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [places[i] for i in order]
    for i, place in enumerate(moved):
        moved[i] = max(place, moved[i - 1] + gap if i else low)
    for i in range(len(moved) - 1, -1, -1):
        moved[i] = min(moved[i], moved[i + 1] - gap if i + 1 < len(moved) else high)
    out = [0.0] * len(places)
    for i, place in zip(order, moved, strict=True):
        out[i] = place
    return out

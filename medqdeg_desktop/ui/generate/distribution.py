"""The plan's shares beside the published ones, as a Figure: bars for this set, a hollow mark for the paper."""

from __future__ import annotations

from collections.abc import Mapping

from medqdeg_desktop.chart.figure import Axis, Figure, LegendEntry, Mark, Panel, Rect, footer, header, percent_axis, text_width
from medqdeg_desktop.taxonomy import Category
from medqdeg_desktop.ui.tokens import CATEGORY_COLOUR

_ROW = 22.0
_MARGIN = 16.0


def distribution(
    name: str,
    title: str,
    subtitle: str,
    planned: Mapping[str, int],
    published: Mapping[str, int],
    labels: Mapping[str, str],
    width: float,
    groups: Mapping[str, str] | None = None,
) -> Figure:
    """Shares of ``planned`` and of ``published``, one row a name, sorted as published. Counts behind them are in the tooltips.

    groups   the group of each name whose colour its bar has (a category); without them all bars are alike.
    """
    own, theirs = sum(planned.values()) or 1, sum(published.values()) or 1
    names = sorted({*planned, *published}, key=lambda n: (-published.get(n, 0), -planned.get(n, 0), n))
    words, legend, y = header(
        title,
        subtitle,
        [*_bars(groups), LegendEntry("MedQ-Deg", "circle", "reference", hollow=True)],
        width,
    )
    left = _MARGIN + max(text_width(labels.get(n, n)) for n in names) + 14
    panel_width = max(80.0, width - left - 56.0)
    top, height = y + 14, _ROW * len(names)
    shares = [planned.get(n, 0) / own for n in names] + [published.get(n, 0) / theirs for n in names]
    x = percent_axis([0.0, *shares], "share of degraded images, %", most=6)
    rects, marks, ticks = [], [], []
    data: list[dict[str, str | float | int | None]] = []
    for i, n in enumerate(names):
        at = len(names) - i - 0.5
        share, other = planned.get(n, 0) / own, published.get(n, 0) / theirs
        label = labels.get(n, n)
        ticks.append((at, label))
        tip = f"{label}: {share * 100:.1f} % ({planned.get(n, 0):,} draws); MedQ-Deg {other * 100:.1f} %"
        rects.append(Rect(0.0, at - 0.32, max(share, 1e-6), at + 0.32, _colour(groups, n), tip))
        if n in published:
            marks.append(Mark(other, at, "circle", "reference", "", tip, hollow=True, size=8.0))
        data.append({"name": n, "planned": planned.get(n, 0), "planned_share": share, "published_share": other})
    vertical = Axis(0.0, float(len(names)), tuple(ticks), grid=False, line=False, names=True)
    panel = Panel(left, top, panel_width, height, x, vertical, rects=tuple(rects), marks=tuple(marks))
    below, total = footer([], top + height + 40, width)
    return Figure(name, title, subtitle, width, total, (panel,), tuple(words + below), tuple(legend), tuple(data))


def _bars(groups: Mapping[str, str] | None) -> list[LegendEntry]:
    """What the bars are in the legend: this set, by group where there are groups."""
    if groups is None:
        return [LegendEntry("this set", "square", "accent")]
    present = [category for category in CATEGORY_COLOUR if category in groups.values()]
    return [LegendEntry(f"this set: {c}" if not n else str(c), "square", CATEGORY_COLOUR[c]) for n, c in enumerate(present)]


def _colour(groups: Mapping[str, str] | None, name: str) -> str:
    return "accent" if groups is None or name not in groups else CATEGORY_COLOUR[Category(groups[name])]

"""The report's own charts as SVG: the levels of each reader by cell, and intervals about zero."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from medqdeg_desktop.calibration.adjudication import CellStanding
from medqdeg_desktop.statistics.reliability import Interval
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Level

_COLOUR = {Level.L1: "#b45309", Level.L2: "#b91c1c"}
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 900.0, 250.0, 24.0, 44.0, 30.0


def _head(width: float, height: float, title: str) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
        f' role="img" font-family="Inter, Arial, sans-serif" font-size="12" aria-label="{escape(title, {chr(34): "&quot;"})}">',
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
        f'<text x="16" y="24" font-size="15" font-weight="600">{escape(title)}</text>',
    ]


def levels_chart(cells: Sequence[CellStanding], title: str) -> str:
    """A row a cell: readers' medians as small marks, the consensus with its interval as a large one; L1 amber, L2 red."""
    height = _TOP + _ROW * len(cells) + 36
    scale = _WIDTH - _LEFT - _RIGHT
    bottom = _TOP + _ROW * len(cells)

    def x(severity: float) -> float:
        return _LEFT + severity * scale

    out = _head(_WIDTH, height, title)
    for tick in range(6):
        place = x(tick / 5)
        out.append(f'<path d="M{place:.1f} {_TOP - 6:g}V{bottom:g}" stroke="#d8dee4"/>')
        out.append(f'<text x="{place:.1f}" y="{bottom + 16:g}" text-anchor="middle" fill="#57606a">{tick / 5:g}</text>')
    out.append(f'<text x="{x(0.5):.1f}" y="{bottom + 31:g}" text-anchor="middle" fill="#57606a">severity</text>')
    for number, standing in enumerate(cells):
        proposal = standing.proposal
        y = _TOP + _ROW * (number + 0.5)
        name = f"{DEGRADATION_BY_NAME[proposal.cell.type].label}, {proposal.cell.modality}"
        out.append(f'<text x="16" y="{y + 4:.1f}">{escape(name)}</text>')
        for level, severity in proposal.severities.items():
            colour, offset = _COLOUR[level], -5 if level is Level.L1 else 5
            for value in proposal.levels[level].reader_medians.values():
                out.append(_mark(level, x(value), y + offset, 3.0, colour, hollow=True))
            interval = proposal.levels[level].severity
            if not math.isnan(interval.low):
                low, high = x(max(interval.low, 0.0)), x(min(interval.high, 1.0))
                out.append(f'<path d="M{low:.1f} {y + offset:.1f}H{high:.1f}" stroke="{colour}" stroke-width="1.5"/>')
            if not math.isnan(severity):
                out.append(_mark(level, x(severity), y + offset, 5.0, colour))
    return "\n".join([*out, "</svg>"])


def _mark(level: Level, x: float, y: float, size: float, colour: str, *, hollow: bool = False) -> str:
    paint = f'fill="{"none" if hollow else colour}" stroke="{colour}"'
    if level is Level.L1:
        return f'<path d="M{x:.1f} {y - size:.1f}l{size:g} {2 * size:g}h{-2 * size:g}z" {paint}/>'
    return f'<rect x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size:g}" height="{2 * size:g}" {paint}/>'


def intervals_chart(rows: Mapping[str, Interval], title: str, label: str) -> str:
    """One interval a row about zero: biases, drifts, effects of the start."""
    shown = {name: i for name, i in rows.items() if not math.isnan(i.value)}
    reach = max([abs(v) for i in shown.values() for v in (i.value, i.low, i.high) if not math.isnan(v)] or [0.1])
    reach = max(reach * 1.1, 0.05)
    bottom = _TOP + _ROW * len(shown)
    scale = (_WIDTH - _LEFT - _RIGHT) / (2 * reach)

    def x(value: float) -> float:
        return _LEFT + (value + reach) * scale

    out = _head(_WIDTH, bottom + 36, title)
    for value in (-reach / 1.1, 0.0, reach / 1.1):
        out.append(f'<path d="M{x(value):.1f} {_TOP - 6:g}V{bottom:g}" stroke="{"#8c959f" if value == 0 else "#d8dee4"}"/>')
        out.append(f'<text x="{x(value):.1f}" y="{bottom + 16:g}" text-anchor="middle" fill="#57606a">{_signed(value)}</text>')
    out.append(f'<text x="{x(0):.1f}" y="{bottom + 31:g}" text-anchor="middle" fill="#57606a">{escape(label)}</text>')
    for number, (name, interval) in enumerate(shown.items()):
        y = _TOP + _ROW * (number + 0.5)
        out.append(f'<text x="16" y="{y + 4:.1f}">{escape(name)}</text>')
        if not math.isnan(interval.low):
            out.append(f'<path d="M{x(interval.low):.1f} {y:.1f}H{x(interval.high):.1f}" stroke="#2f6fb5" stroke-width="1.5"/>')
        out.append(f'<circle cx="{x(interval.value):.1f}" cy="{y:.1f}" r="4.5" fill="#2f6fb5"/>')
    return "\n".join([*out, "</svg>"])


def _signed(value: float) -> str:
    return "0" if value == 0 else f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")

"""What a model answered over severity: points, where the answer flips, and which severity to ask next. Qt-free."""

from __future__ import annotations

import bisect
import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from medqdeg_desktop.csv_text import cell

#: Severities of a sweep, a twentieth apart.
SWEEP: Final = tuple(round(k / 20, 4) for k in range(21))
#: How closely a flip is bracketed: half of what ``,`` and ``.`` move the slider by.
RESOLUTION: Final = 0.005
#: Flips that are refined. An answer that flips more often than this is a coin, and its flips mean nothing.
_REFINED: Final = 6


@dataclass(frozen=True, slots=True)
class Point:
    """An answer at one severity. ``p``: probability of each letter, summing to 1; ``confidence``: C of ten trials;
    ``option_mass``: how much of the next token's probability the letters had together.
    """

    severity: float
    p: Mapping[str, float]
    top: str
    confidence: float
    option_mass: float

    @classmethod
    def of(cls, severity: float, line: Mapping[str, Any]) -> Point:
        """From a line that the model's process said."""
        p = {str(letter): float(value) for letter, value in line["p"].items()}
        return cls(severity, p, str(line["top"]), float(line["confidence"]), float(line["option_mass"]))


@dataclass(frozen=True, slots=True)
class Flip:
    """Between the two nearest severities tried the answer changes from ``before`` to ``after``."""

    low: float
    high: float
    before: str
    after: str

    @property
    def middle(self) -> float:
        return round((self.low + self.high) / 2, 4)


@dataclass(slots=True)
class Curve:
    """Points by severity, each once: the same picture and question have one answer."""

    _points: dict[float, Point] = field(default_factory=dict)
    _order: list[float] = field(default_factory=list)

    def add(self, point: Point) -> None:
        if point.severity not in self._points:
            bisect.insort(self._order, point.severity)
        self._points[point.severity] = point

    def at(self, severity: float) -> Point | None:
        return self._points.get(severity)

    @property
    def points(self) -> list[Point]:
        """By rising severity."""
        return [self._points[severity] for severity in self._order]

    def flips(self) -> list[Flip]:
        return [Flip(a.severity, b.severity, a.top, b.top) for a, b in pairwise(self.points) if a.top != b.top]

    def to_sweep(self) -> list[float]:
        """Severities of the sweep that have no answer yet."""
        return [severity for severity in SWEEP if severity not in self._points]

    def to_refine(self) -> list[float]:
        """The middle of each bracket that is wider than the resolution, for the first flips."""
        return [flip.middle for flip in self.flips()[:_REFINED] if flip.high - flip.low > RESOLUTION]


def as_csv(curve: Curve, letters: Iterable[str], facts: Mapping[str, str]) -> str:
    """The points as CSV, one a row, with ``facts`` (model, question, picture) repeated in each row."""
    letters = list(letters)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["severity", *(f"p_{letter}" for letter in letters), "top", "confidence_T10", "option_mass", *facts])
    for point in curve.points:
        values = [point.p[letter] for letter in letters]
        writer.writerow([point.severity, *values, point.top, point.confidence, point.option_mass, *map(cell, facts.values())])
    return out.getvalue()

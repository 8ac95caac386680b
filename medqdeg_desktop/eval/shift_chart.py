"""Calibration Shift against accuracy, a panel a level: is the weaker model the surer one (equation 6)?"""

from __future__ import annotations

from typing import Any, Final

from medqdeg_desktop.chart.figure import (
    LEVEL_SHAPE,
    SMALL_SIZE,
    Axis,
    Figure,
    Key,
    Mark,
    Panel,
    Text,
    footer,
    header,
    percent_axis,
    wrapped,
)
from medqdeg_desktop.eval import published
from medqdeg_desktop.eval.row_chart import LEVELS, MARGIN, DataRow, level_legend, notes, published_rows, rows_of, tooltip
from medqdeg_desktop.eval.wording import decimals, level_words, mode_words, percent
from medqdeg_desktop.statistics.correlation import spearman
from medqdeg_desktop.statistics.dke import inter_model
from medqdeg_desktop.study.run_names import mode_note

Json = dict[str, Any]

_LEFT: Final = 44.0
_GAP: Final = 56.0


def shift_against_accuracy(results: Json, *, with_published: bool = False, width: float = 1180.0) -> Figure:
    """A mark a model with Spearman's correlation and the share of pairs in which the weaker model has the larger shift."""
    rows = rows_of(results)
    if with_published:
        rows += published_rows(published.calibration())
    title = "Is the weaker model the surer one?"
    words, legend, y = header(title, mode_words(results), level_legend(rows), width)
    side = min((width - 2 * MARGIN - 3 * _LEFT - 2 * _GAP) / 3, 340.0)
    points = [(cell["accuracy"], cell["calibration_shift"]) for row in rows for cell in row.levels.values()]
    points = [(a, s) for a, s in points if a is not None and s is not None]
    x_axis = percent_axis([a for a, _ in points], "accuracy, %")
    y_axis = percent_axis([s for _, s in points], "", difference=True)
    panels, data = [], []
    most = 0
    for k, level in enumerate(LEVELS):
        marks = []
        for row in rows:
            cell = row.levels.get(level, {})
            if cell.get("accuracy") is None or cell.get("calibration_shift") is None:
                continue
            tip = f"{tooltip(row, level, 'accuracy', cell)}; {tooltip(row, level, 'calibration_shift', cell).split(': ', 1)[1]}"
            colour = "reference" if row.reference else level
            key = Key(row.run_id, level, "level")
            marks.append(
                Mark(
                    cell["accuracy"], cell["calibration_shift"], LEVEL_SHAPE[level], colour, row.label, tip, key, row.reference, 8
                )
            )
            line: DataRow = {"model": row.label, "level": level, "published": int(row.reference), "n": cell.get("n")}
            data.append(line | {"accuracy": cell["accuracy"], "calibration_shift": cell["calibration_shift"]})
        left = MARGIN + _LEFT + k * (side + _GAP + _LEFT)
        room = min(side + _GAP - 8, width - left - MARGIN)
        told = [line for text in _told(results, level, with_published) for line in wrapped(text, room, SMALL_SIZE)]
        most = max(most, len(told))
        # Below the axis: within it they would lie on the marks.
        notes_ = [Text(x_axis.low, y_axis.low, text, SMALL_SIZE, "muted", dy=54 + 15 * i) for i, text in enumerate(told)]
        panels.append(
            Panel(
                left, y + 40, side, side, x_axis,
                Axis(y_axis.low, y_axis.high, y_axis.ticks), level_words(level), marks=tuple(marks), annotations=tuple(notes_),
            )
        )  # fmt: skip
    remarks = [
        "Vertical axes: Calibration Shift, points. Pairs: those in which the weaker model has the larger shift (equation 6)."
    ]
    below, total = footer([*remarks, *notes(results, rows)], y + 40 + side + 52 + 15 * most, width)
    return Figure(
        "shift_against_accuracy", title, mode_words(results), width, total, tuple(panels), tuple(words + below), tuple(legend),
        tuple(data),
    )  # fmt: skip


def _told(results: Json, level: str, with_published: bool) -> list[str]:
    out = []
    groups = results.get("inter_model_dke", ())
    for group in groups:
        cell = group["levels"].get(level)
        if cell is None:
            continue
        name = f"{mode_note(group['mode'], group['trials'])}: " if len(groups) > 1 else ""
        ci = cell["spearman_ci"]
        reach = f" ({decimals(ci[0], 2)} to {decimals(ci[1], 2)})" if ci else ""
        out.append(f"{name}Spearman {decimals(cell['spearman'], 2)}{reach}")
        shares = cell["share_of_pairs_ci"]
        reach = f" ({percent(shares[0])} to {percent(shares[1])})" if shares else ""
        out.append(f"{percent(cell['share_of_pairs'])} % of pairs{reach}, {len(cell['models'])} models")
    if with_published:
        rho, share, n = published_agreement(level)
        out += [f"Published: Spearman {decimals(rho, 2)}", f"{percent(share)} % of pairs, {n} models"]
    return out


def published_agreement(level: str) -> tuple[float, float, int]:
    """(Spearman of accuracy and shift, share of pairs in which equation 6 holds, models) of the published calibration figure."""
    rows = [row for row in published.calibration() if row.level == level and row.calibration_shift is not None]
    accuracy, shift = [row.accuracy for row in rows], [row.calibration_shift for row in rows]
    n = len(rows)
    return float(spearman(accuracy, shift)), float(inter_model(accuracy, shift).sum() / (n * (n - 1) / 2)), n  # type: ignore[arg-type]

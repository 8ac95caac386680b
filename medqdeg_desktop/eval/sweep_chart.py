"""Curves over severity: accuracy and confidence of one model, a panel a type, the cliff and the safe envelope marked."""

from __future__ import annotations

from typing import Any, Final

from medqdeg_desktop.chart.figure import (
    SMALL_SIZE,
    Axis,
    Figure,
    Key,
    LegendEntry,
    Line,
    Mark,
    Panel,
    Rect,
    Text,
    Whisker,
    elided,
    footer,
    header,
    percent_axis,
)
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.row_chart import MARGIN, DataRow, notes
from medqdeg_desktop.eval.wording import mode_words, model_words, number_words, sample_words

Json = dict[str, Any]

_GAP: Final = 44.0
_LEFT: Final = 48.0
_HEIGHT: Final = 210.0
_BELOW: Final = 74.0
_TICKS: Final = tuple((v / 4, f"{v / 4:g}") for v in range(5))


def severity_curves(results: Json, run_id: str = "", *, width: float = 1180.0) -> Figure:
    """The curves of one run (the first where none is named): points with intervals, and the closest falling curve through them.

    MedqdegError where the set has no sweep over severity, or the run no answers in it.
    """
    models = results["models"]
    model = next((model for model in models if not run_id or model["run_id"] == run_id), None)
    parts = [
        (sweep, curve)
        for sweep in results.get("sweeps", ())
        for curve in sweep["models"]
        if model is not None and curve["run_id"] == model["run_id"]
    ]
    if model is None or not parts:
        raise MedqdegError(
            "no answers over a sweep of severities; generate a set with many severities to see where accuracy falls"
        )
    name = model_words(model, models)
    title = f"Accuracy over severity: {name}"
    legend = [
        LegendEntry("accuracy, with its 95 % interval", "circle", "accent"),
        LegendEntry("confidence", "square", "muted"),
    ]
    counts = [point["n"] for _, curve in parts for point in curve["points"] if point["severity"]]
    least, most = min(counts, default=0), max(counts, default=0)
    subtitle = f"{mode_words(results)} Points: n = {least:,}{f' to {most:,}' if most > least else ''}."
    words, marks, y = header(title, subtitle, legend, width)
    across = min(3, len(parts))
    panel_width = (width - 2 * MARGIN - _LEFT - (across - 1) * (_GAP + _LEFT)) / across
    axis = percent_axis(_values(parts), "")
    panels = []
    for i, (sweep, curve) in enumerate(parts):
        row, column = divmod(i, across)
        left = MARGIN + _LEFT + column * (panel_width + _GAP + _LEFT)
        box = (left, y + 36 + row * (_HEIGHT + _BELOW), panel_width, _HEIGHT)
        panels.append(_panel(sweep, curve, box, axis, last=i + across >= len(parts)))
    rows = -(-len(parts) // across)
    remarks = [
        "Vertical axes: %. Line: the closest falling curve through the points; the gap to confidence is the Calibration Shift.",
        "Shaded: 95 % interval of the cliff, the severity from which accuracy falls faster, where two pieces describe it better.",
        *notes(results),
    ]
    if any(curve["safe"] for _, curve in parts):
        limits = next(sweep["limits"] for sweep, _ in parts if sweep["limits"])
        remarks.insert(
            2,
            f"Dashed: safe up to this severity: accuracy at least {limits['least_accuracy'] * 100:g} %, Calibration Shift at "
            f"most {limits['most_shift'] * 100:g} points.",
        )
    below, total = footer(remarks, y + 36 + rows * (_HEIGHT + _BELOW) - 26, width)
    data = tuple(row for sweep, curve in parts for row in _data(name, sweep, curve))
    return Figure(
        f"severity_curves_{model['run_id'][:12]}", title, subtitle, width, total, tuple(panels),
        tuple(words + below), tuple(marks), data,
    )  # fmt: skip


def _values(parts: list[tuple[Json, Json]]) -> list[float]:
    out = []
    for _, curve in parts:
        for point in curve["points"]:
            for key in ("accuracy", "confidence"):
                if point[key] is not None:
                    out += [point[key], *(point[f"{key}_ci"] or ())]
    return out


def _panel(sweep: Json, curve: Json, box: tuple[float, float, float, float], y: Axis, *, last: bool) -> Panel:
    points = curve["points"]
    # The name is the first place of a key: a click lists the answers behind the mark.
    keys = [
        Key(curve["run_id"], _level(point["severity"]), "type" if sweep["type"] else "level", sweep["type"]) for point in points
    ]
    rects, lines, whiskers, marks, words = [], [], [], [], []
    found = curve["cliff"]
    if found and found["better_than_line"]:
        low, high = found["severity_ci"] or (found["severity"], found["severity"])
        limits = f" ({low:.2f} to {high:.2f})" if found["severity_ci"] else ""
        told = found["probability"]
        share = "" if told is None else f"; two pieces better in {told * 100:.0f} % of replicates"
        tip = f"cliff at severity {found['severity']:.2f}{limits}{share}"
        rects.append(Rect(low, y.low, max(high, low + 0.004), y.high, "grid", tip))
        lines.append(Line(((found["severity"], y.low), (found["severity"], y.high)), "muted", 1.2))
        words.append(f"cliff {found['severity']:.2f}{limits}")
    safe = curve["safe"]
    if safe:
        if safe["severity"] is None:
            words.append("safe nowhere")
        else:
            limits = f" ({safe['severity_ci'][0]:.2f} to {safe['severity_ci'][1]:.2f})" if safe["severity_ci"] else ""
            lines.append(Line(((safe["severity"], y.low), (safe["severity"], y.high)), "gain", 1.6, dashed=True))
            words.append(f"safe to {safe['severity']:.2f}{limits}")
    told = [(p, k) for p, k in zip(points, keys, strict=True) if p["confidence"] is not None]
    if len(told) > 1:
        lines.append(Line(tuple((p["severity"], p["confidence"]) for p, _ in told), "muted", 1.2, dashed=True))
    if len(points) > 1:
        lines.append(Line(tuple((p["severity"], p["monotone_accuracy"]) for p in points), "accent", 1.8))
    for point, key in told:
        marks.append(Mark(point["severity"], point["confidence"], "square", "muted", "", _tip(point, "confidence"), key, size=6))
    for point, key in zip(points, keys, strict=True):
        if point["accuracy_ci"]:
            lowest, highest = point["accuracy_ci"]
            whiskers.append(Whisker(point["severity"], lowest, highest, "accent", vertical=True))
        marks.append(Mark(point["severity"], point["accuracy"], "circle", "accent", "", _tip(point, "accuracy"), key, size=7))
    x = Axis(0.0, 1.0, _TICKS, "severity" if last else "", grid=False)
    title = elided(sweep["type"] or "all types", box[2], 13 * 1.06)
    notes_ = tuple(Text(0.0, y.low, text, SMALL_SIZE, "muted", dx=6, dy=-6 - 15 * i) for i, text in enumerate(reversed(words)))
    return Panel(
        *box, x, y, title, tuple(rects), tuple(lines), tuple(whiskers), tuple(marks), notes_
    )  # fmt: skip


def _level(severity: float) -> str:
    return f"S{round(severity * 1000):03d}" if severity > 0 else "L0"


def _tip(point: Json, value: str) -> str:
    return f"severity {point['severity']:g}: {number_words(value, point)}; {sample_words(point)}"


def _data(name: str, sweep: Json, curve: Json) -> list[DataRow]:
    rows = []
    for point in curve["points"]:
        row: DataRow = {"model": name, "type": sweep["type"], "severity": point["severity"], "n": point["n"]}
        for key in ("accuracy", "confidence", "calibration_shift"):
            low, high = point[f"{key}_ci"] or (None, None)
            row |= {key: point[key], f"{key}_low": low, f"{key}_high": high}
        rows.append(row | {"monotone_accuracy": point["monotone_accuracy"]})
    return rows

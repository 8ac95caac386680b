"""Real degraded images against simulated ones: a rank chart of four columns, and a scatter a level with its correlation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from medqdeg_desktop.chart.figure import (
    LEVEL_SHAPE,
    SMALL_SIZE,
    TEXT_SIZE,
    Axis,
    Figure,
    Key,
    Line,
    Mark,
    Panel,
    Text,
    elided,
    footer,
    header,
    percent_axis,
    text_width,
)
from medqdeg_desktop.eval.real_images import LEVELS, Standing, agreement
from medqdeg_desktop.eval.row_chart import MARGIN, REFERENCE, DataRow
from medqdeg_desktop.eval.wording import decimals, level_words, percent_interval

_KINDS: Final = (("simulated", "Simulated"), ("real", "Real"))
#: A model that moves by this many ranks or more between neighbouring columns is drawn in the accent colour.
_JUMP: Final = 2


def rank_bump(models: Sequence[Standing], *, width: float = 880.0) -> Figure:
    """Ranks of the models by accuracy at L1 and L2 of the simulated and of the real set, joined by lines.

    MedqdegError with fewer than three models.
    """
    agreement(models)
    columns = [
        (f"{words} {level}", kind, level)
        for kind, words in _KINDS
        for level in LEVELS
        if all(level in m.simulated for m in models)
    ]
    n = len(models)
    ranks: dict[str, list[int]] = {}
    for _, kind, level in columns:
        values = [getattr(model, kind)[level] for model in models]
        order = sorted(range(n), key=lambda i: -values[i])
        for rank, i in enumerate(order, 1):
            ranks.setdefault(models[i].label, []).append(rank)
    title = "Rank of the models on simulated and on real images"
    words, _, y = header(title, _subtitle(models), [], width)
    labels = min(max(text_width(model.label) for model in models) + 60, 0.3 * width)
    top, pitch = y + 34, 30.0
    x = Axis(
        -0.12, len(columns) - 0.88, tuple((float(k), name) for k, (name, _, _) in enumerate(columns)), grid=False, line=False
    )
    vertical = Axis(0.0, float(n), grid=False, line=False)
    panel_width = width - 2 * MARGIN - 2 * labels
    lines, marks, names = [], [], []
    for model in models:
        own = ranks[model.label]
        points = tuple((float(k), n - rank + 0.5) for k, rank in enumerate(own))
        jumps = any(abs(a - b) >= _JUMP for a, b in pairwise(own))
        lines.append(Line(points, "accent" if jumps else "connector", 2.2 if jumps else 1.5))
        for (at, height), (name, kind, level), rank in zip(points, columns, own, strict=True):
            value = getattr(model, kind)[level]
            tip = f"{model.label}{_note(model)}, {name}: rank {rank} of {n}, accuracy {value * 100:.1f} %"
            run = model.simulated_run if kind == "simulated" else model.real_run
            key = Key(run, level, "level")
            marks.append(Mark(at, height, LEVEL_SHAPE[level], level, model.label, tip, key, hollow=not run, size=9))
        for place, rank, anchor in ((0, own[0], "end"), (-1, own[-1], "start")):
            _, kind, level = columns[place]
            value = f"{getattr(model, kind)[level] * 100:.1f}"
            label = elided(f"{model.label}{_note(model)}", labels - 46)
            text = f"{label}  {value}" if anchor == "end" else f"{value}  {label}"
            at = 0.0 if anchor == "end" else float(len(columns) - 1)
            dx = -14.0 if anchor == "end" else 14.0
            names.append(Text(at, n - rank + 0.5, text, TEXT_SIZE, "text", anchor, dx=dx, dy=4))  # type: ignore[arg-type]
    panel = Panel(MARGIN + labels, top, panel_width, n * pitch, x, vertical, "", (), tuple(lines), (), tuple(marks), tuple(names))
    remarks = [
        f"Lines in blue: {_JUMP} ranks or more between neighbouring columns. Equal accuracies keep the order of the first."
    ]
    below, total = footer(remarks, top + n * pitch + 30, width)
    data: tuple[DataRow, ...] = tuple(
        {"model": model.label, "images": kind, "level": level, "accuracy": getattr(model, kind)[level], "rank": rank}
        for model in models
        for (_, kind, level), rank in zip(columns, ranks[model.label], strict=True)
    )
    return Figure("real_rank_bump", title, _subtitle(models), width, total, (panel,), tuple(words + below), (), data)


def real_scatter(models: Sequence[Standing], *, width: float = 880.0) -> Figure:
    """Accuracy on real against accuracy on simulated images, a panel a level, with equality and the line of regression."""
    found = agreement(models)
    title = "Accuracy on real against simulated images"
    words, _, y = header(title, _subtitle(models), [], width)
    levels = [level for level in LEVELS if level in found]
    gap, left = 64.0, 44.0
    side = min((width - 2 * MARGIN - left - gap) / 2, 360.0)
    both = [v for m in models for kind in (m.simulated, m.real) for v in kind.values()]
    axis = percent_axis(both, "simulated, %")
    panels = []
    data: list[DataRow] = []
    for k, level in enumerate(levels):
        told = found[level]
        marks = []
        for model in models:
            if level not in model.simulated:
                continue
            x, value = model.simulated[level], model.real[level]
            tip = f"{model.label}{_note(model)}, {level_words(level)}: simulated {x * 100:.1f} %, real {value * 100:.1f} %"
            key = Key(model.real_run, level, "level")
            marks.append(Mark(x, value, LEVEL_SHAPE[level], level, model.label, tip, key, hollow=not model.real_run))
            data.append({"model": model.label, "level": level, "simulated": x, "real": value})
        lines = [Line(((axis.low, axis.low), (axis.high, axis.high)), "zero", 1.2, dashed=True), *_regression(marks, axis)]
        limits = percent_interval(told["pearson_ci"]) and f" ({told['pearson_ci'][0]:.2f} to {told['pearson_ci'][1]:.2f})"
        note = f"Pearson {decimals(told['pearson'])}{limits}, Spearman {decimals(told['spearman'])}, {told['n_models']} models"
        panels.append(
            Panel(
                MARGIN + left + k * (side + gap),
                y + 40,
                side,
                side,
                axis,
                Axis(axis.low, axis.high, axis.ticks),
                level_words(level),
                lines=tuple(lines),
                marks=tuple(marks),
                annotations=(Text(axis.low, axis.high, note, SMALL_SIZE, "muted", dx=8, dy=16),),
            )
        )
    remarks = ["Vertical axes: accuracy on real images, %. Dashed: equality. Line: least squares. The interval is over models."]
    below, total = footer(remarks, y + 40 + side + 44, width)
    return Figure("real_scatter", title, _subtitle(models), width, total, tuple(panels), tuple(words + below), (), tuple(data))


def _regression(marks: Sequence[Mark], axis: Axis) -> list[Line]:
    """The least-squares line of the marks over their own range."""
    x = [mark.x for mark in marks]
    mean_x, mean_y = sum(x) / len(x), sum(mark.y for mark in marks) / len(marks)
    spread = sum((v - mean_x) ** 2 for v in x)
    if spread == 0:
        return []
    slope = sum((mark.x - mean_x) * (mark.y - mean_y) for mark in marks) / spread
    ends = [(v, min(max(mean_y + slope * (v - mean_x), axis.low), axis.high)) for v in (min(x), max(x))]
    return [Line(tuple(ends), "muted", 1.6)]


def _subtitle(models: Sequence[Standing]) -> str:
    found = agreement(models)
    told = "; ".join(
        f"{level_words(level)}: Pearson {decimals(r['pearson'])}, Spearman {decimals(r['spearman'])}"
        for level, r in found.items()
    )
    source = "" if any(model.real_run for model in models) else f" {REFERENCE}."
    return f"{len(models)} models on both sets. {told}.{source}"


def _note(model: Standing) -> str:
    return " (random weights)" if model.random_weights else ""

"""The reliability diagram: accuracy against confidence in bins, one panel a level, the diagonal as perfect calibration."""

from __future__ import annotations

from typing import Any

from medqdeg_desktop.chart.figure import LEVEL_SHAPE, Axis, Figure, Key, Line, Mark, Panel, Text, Whisker, footer, header
from medqdeg_desktop.eval.row_chart import MARGIN, DataRow
from medqdeg_desktop.eval.wording import MODE_WORDS, SMALLEST_ECE, interval_words, level_words, model_words

Json = dict[str, Any]


def reliability_diagram(reliability: Json, *, width: float = 1180.0) -> Figure:
    """From ``tables.reliability``: bins of one run, with intervals, at each level that it has answers for."""
    model = reliability["model"]
    title = f"Reliability: {model_words(model)}"
    subtitle = (
        f"Accuracy of the top option against its share or probability, in bins of about equally many questions; "
        f"{MODE_WORDS[model['mode']]}, T = {model['trials']}; {interval_words(reliability['replicates'])}. "
        f"Above the line: underconfident; below: overconfident."
    )
    words, _, y = header(title, subtitle, [], width)
    gap = 48.0
    levels = reliability["levels"]
    side = min((width - 2 * MARGIN - 40 - gap * 2) / 3, 320.0)
    top = y + 40
    ticks = tuple((v / 100, str(v)) for v in (0, 20, 40, 60, 80, 100))
    panels, data = [], []
    for k, level in enumerate(levels):
        left = MARGIN + 40 + k * (side + gap)
        marks, whiskers = [], []
        name = level["level"]
        largest = max((b["n"] for b in level["bins"]), default=1)
        for b in level["bins"]:
            size = 6.0 + 8.0 * (b["n"] / largest) ** 0.5
            numbers = f"confidence {b['confidence'] * 100:.1f} %, accuracy {b['accuracy'] * 100:.1f} %"
            tip = f"{level_words(name)}: {numbers}; n = {b['n']:,}"
            key = Key(model["run_id"], name, "level")
            marks.append(Mark(b["confidence"], b["accuracy"], LEVEL_SHAPE[name], name, "", tip, key, size=size))
            if b["accuracy_ci"]:
                whiskers.append(Whisker(b["confidence"], b["accuracy_ci"][0], b["accuracy_ci"][1], name, vertical=True))
            low, high = b["accuracy_ci"] or (None, None)
            row: DataRow = {"model": model["label"], "level": name, "n": b["n"], "confidence": b["confidence"]}
            data.append(row | {"accuracy": b["accuracy"], "accuracy_low": low, "accuracy_high": high})
        # The common one, over bins of equal width, for comparison with other work.
        other = level.get("ece_equal_width")
        common = f"in equal widths {other:.3f}" if other is not None and level["n"] >= SMALLEST_ECE else ""
        ece = f"ECE {level['ece']:.3f}" if level["n"] >= SMALLEST_ECE else f"n < {SMALLEST_ECE}: no ECE"
        panels.append(
            Panel(
                left,
                top,
                side,
                side,
                Axis(0.0, 1.0, ticks, "confidence of the top option, %"),
                Axis(0.0, 1.0, ticks),
                f"{level_words(name)}",
                lines=(Line(((0.0, 0.0), (1.0, 1.0)), "zero", 1.2, dashed=True),),
                whiskers=tuple(whiskers),
                marks=tuple(marks),
                annotations=(
                    Text(0.03, 0.94, f"{ece}, n = {level['n']:,}", 11, "muted"),
                    *([Text(0.03, 0.94, common, 11, "muted", dy=15)] if common else []),
                ),
            )
        )
    below, total = footer(["Vertical axes: accuracy, %. Larger marks hold more questions."], top + side + 44, width)
    return Figure(
        f"reliability_{model['run_id'][:12]}", title, subtitle, width, total, tuple(panels), tuple(words + below), (), tuple(data)
    )

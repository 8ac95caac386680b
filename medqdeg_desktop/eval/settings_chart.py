"""Runs side by side: how they were asked, as far as they were not asked alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medqdeg_desktop.chart.figure import SMALL_SIZE, Axis, Figure, Key, Panel, Rect, Text, elided, footer, header, text_width
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.matrix_charts import broken
from medqdeg_desktop.eval.row_chart import MARGIN, DataRow, notes
from medqdeg_desktop.eval.wording import model_words
from medqdeg_desktop.study.run_names import MODE_SHORT

Json = dict[str, Any]


def runs_side_by_side(results: Json, *, width: float = 1180.0) -> Figure:
    """How the runs were asked, a column a run: only the settings in which they differ, shaded where one stands apart.

    MedqdegError with fewer than two runs.
    """
    models = results["models"]
    if len(models) < 2:
        raise MedqdegError("two runs are needed to set them side by side")
    told = [_asked(model) for model in models]
    keys = [key for key in dict.fromkeys(key for values in told for key in values) if len({v.get(key) for v in told}) > 1]
    title = "How the runs differ"
    words, _, y = header(title, "Settings in which the runs are not alike; what is not listed is the same in all.", [], width)
    label_width = min(max((text_width(key) for key in keys), default=0.0) + 20, 220.0)
    pitch = min(240.0, (width - 2 * MARGIN - label_width) / len(models))
    cells: list[Rect] = []
    data: list[DataRow] = []
    for i, key in enumerate(keys):
        counts: dict[str, int] = {}
        for values in told:
            counts[values.get(key, "")] = counts.get(values.get(key, ""), 0) + 1
        usual = max(counts, key=lambda value: counts[value])
        low = len(keys) - i - 1.0
        for k, (model, values) in enumerate(zip(models, told, strict=True)):
            value = values.get(key, "")
            tip = f"{model_words(model, models)}, {key}: {value or 'not recorded'}"
            shade = "band" if value == usual else "grid"
            text = elided(value, pitch - 8, SMALL_SIZE) if value and pitch >= 40 else ""
            cells.append(Rect(k, low, k + 1.0, low + 1.0, shade, tip, Key(model["run_id"]), text))
            data.append({"setting": key, "model": model_words(model, models), "run_id": model["run_id"], "value": value})
    heads = []
    for k, model in enumerate(models):
        # Mode and T stand in the rows below.
        name = model_words(model)
        lines = broken(name, pitch - 8, SMALL_SIZE)[:3]
        heads += [
            Text(k + 0.5, float(len(keys)), elided(line, pitch - 8, SMALL_SIZE), SMALL_SIZE, "text", "middle", dy=-8 - 14 * i)
            for i, line in enumerate(reversed(lines))
        ]
    if pitch < 40:
        heads = [Text(k + 0.5, float(len(keys)), str(k + 1), SMALL_SIZE, "muted", "middle", dy=-8) for k in range(len(models))]
    ticks = tuple((len(keys) - i - 0.5, elided(key, label_width - 12)) for i, key in enumerate(keys))
    height = 22.0 * len(keys)
    panel = Panel(
        MARGIN + label_width, y + 56, pitch * len(models), height, Axis(0.0, float(len(models)), grid=False, line=False),
        Axis(0.0, float(max(len(keys), 1)), ticks, grid=False, line=False, names=True), rects=tuple(cells),
        annotations=tuple(heads),
    )  # fmt: skip
    below, total = footer(notes(results), y + 56 + height + 6, width)
    subtitle = "Settings in which the runs are not alike."
    return Figure("runs_side_by_side", title, subtitle, width, total, (panel,), tuple(words + below), (), tuple(data))


def _asked(model: Json) -> dict[str, str]:
    known: Mapping[str, Any] = model.get("settings") or {}
    values: dict[str, Any] = {"model": model["model"], "mode": MODE_SHORT[model["mode"]], "T": model["trials"], **_flat(known)}
    values |= {"started": str(model.get("started_at", ""))[:16].replace("T", " ")}
    return {key.replace("_", " "): _words(value) for key, value in values.items()}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            # ``size height`` under ``image_size`` is the height of the image, not of its size.
            part = key.removesuffix("_size")
            out |= _flat(value, f"{prefix}{part} ")
        else:
            out[f"{prefix}{key}"] = value
    return out


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)

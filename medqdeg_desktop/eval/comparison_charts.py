"""Models beside each other: paired differences, what the words alone answer, places of options, steps between levels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from medqdeg_desktop.chart.figure import (
    SMALL_SIZE,
    Axis,
    Figure,
    Key,
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
    text_width,
)
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import published
from medqdeg_desktop.eval.row_chart import LEVELS, MARGIN, Column, DataRow, Row, notes, row_chart, rows_of
from medqdeg_desktop.eval.wording import (
    level_words,
    mode_words,
    model_words,
    number_words,
    percent,
    points,
    points_interval,
    probability,
    sample_words,
)

Json = dict[str, Any]

#: More pairs than this are a matrix of models by models instead of a row each.
MOST_PAIRS: Final = 15
#: An adjusted p below this is called a difference.
_ALPHA: Final = 0.05
#: Difference at which the colour of a matrix is full.
_FULL: Final = 0.4


def _labels(results: Json) -> dict[str, str]:
    return {model["run_id"]: model_words(model, results["models"]) for model in results["models"]}


def pair_count(results: Json) -> int:
    """Pairs of models that have a difference at some level."""
    return len({(entry["first"], entry["second"]) for entry in results.get("model_differences", ())})


def model_differences(results: Json, *, width: float = 1180.0) -> Figure:
    """A row a pair of models: the difference of accuracy on the same questions at each level, with its adjusted p.

    MedqdegError with fewer than two models that answered the same questions.
    """
    names = _labels(results)
    found: dict[tuple[str, str], dict[str, Json]] = {}
    for entry in results.get("model_differences", ()):
        found.setdefault((entry["first"], entry["second"]), {})[entry["level"]] = entry
    if not found:
        raise MedqdegError("no two models have answered the same questions")
    # The better model first, so that the eye reads by how much.
    rows = []
    for (first, second), levels in found.items():
        turned = sum(entry["difference"] for entry in levels.values()) < 0
        cells = {level: _turned(entry) if turned else entry for level, entry in levels.items()}
        one, other = (second, first) if turned else (first, second)
        less = f"\N{MINUS SIGN} {names[other]}"
        rows.append(Row(f"{names[one]} {less}", one, {"": cells}, second=less))
    rows.sort(key=lambda row: -max(cell["difference"] for cell in row.levels.values()))
    column = Column("First minus second", "difference", "difference of accuracy, points", difference=True)
    title = "Which model is better on the same questions?"
    figure = row_chart(results, rows, [column], "model_differences", title, width - 264.0, labels=0.5)
    text = [_adjusted(row) for row in rows]
    panel = figure.panels[0]
    at = [tick for tick, _ in panel.y.ticks]
    left = panel.left + panel.width + 28.0
    words = tuple(Text(0.0, y, line, SMALL_SIZE, "muted", dy=4) for y, line in zip(at, text, strict=True))
    head = Text(0.0, panel.y.high, "p (Holm, all pairs and levels)", SMALL_SIZE, "text", bold=True, dy=-10)
    beside = Panel(
        left, panel.top, max(220.0, width - left), panel.height, Axis(0.0, 1.0, grid=False, line=False),
        Axis(panel.y.low, panel.y.high, grid=False, line=False), annotations=(head, *words),
    )  # fmt: skip
    p_values = {(row.label, level): cell["p_holm"] for row in rows for level, cell in row.levels.items()}
    data = tuple({**line, "p_holm": p_values.get((str(line["model"]), str(line["level"])))} for line in figure.data)
    return replace(figure, width=max(width, left + 240.0), panels=(*figure.panels, beside), data=data)


def _turned(entry: Json) -> Json:
    """The difference the other way round."""
    return {**entry, "difference": -entry["difference"], "difference_ci": _turned_interval(entry["difference_ci"])}


def _turned_interval(ci: list[float] | None) -> list[float] | None:
    return None if ci is None else [-ci[1], -ci[0]]


def _adjusted(row: Row) -> str:
    return ", ".join(f"{level} {probability(row.levels[level]['p_holm'])}" for level in LEVELS if level in row.levels)


def difference_matrix(results: Json, level: str, *, width: float = 1180.0) -> Figure:
    """Each pair of models at one level, sorted by accuracy: the row minus the column, bold where the adjusted p is below .05."""
    entries = [entry for entry in results.get("model_differences", ()) if entry["level"] == level]
    if not entries:
        raise MedqdegError(f"no two models have answered the same questions at {level}")
    names = _labels(results)
    accuracy = {
        model["run_id"]: cell["accuracy"] for model in results["models"] for cell in model["levels"] if cell["level"] == level
    }
    order = sorted({run for entry in entries for run in (entry["first"], entry["second"])}, key=lambda run: -accuracy[run])
    place = {run: i for i, run in enumerate(order)}
    n, where = len(order), level_words(level)
    title = f"Difference of accuracy on the same questions, {where}"
    words, _, y = header(title, mode_words(results), [], width)
    label_width = min(max(text_width(names[run]) for run in order) + 44, 0.3 * width)
    pitch = min(64.0, (width - 2 * MARGIN - label_width) / n)
    row_height = min(24.0, max(17.0, pitch))
    top = y + 34
    rects: list[Rect] = []
    bold: list[Text] = []
    data: list[DataRow] = []
    for entry in entries:
        # One of each pair: the other is the same with the sign turned. The better model stands in the row.
        first, second, value, ci = entry["first"], entry["second"], entry["difference"], entry["difference_ci"]
        if place[first] > place[second]:
            first, second, value, ci = second, first, -value, _turned_interval(ci)
        i, k = place[first], place[second]
        sure = entry["p_holm"] is not None and entry["p_holm"] < _ALPHA
        limits = points_interval(ci)
        tip = (
            f"{names[first]} \N{MINUS SIGN} {names[second]}, {where}: {points(value)} points"
            f"{f' ({limits})' if limits else ''}, p (Holm) {probability(entry['p_holm'])}; {sample_words(entry)}"
        )
        shade = f"diverge:{max(-1.0, min(1.0, -value / _FULL)):+.4f}"
        rects.append(Rect(k, n - i - 1.0, k + 1.0, float(n - i), shade, tip, Key(first, level, "level")))
        text = _whole(value) if pitch >= 24 else "•" if sure else ""
        if text:
            colour = "text" if sure else "muted"
            bold.append(Text(k + 0.5, n - i - 0.5, text, SMALL_SIZE, colour, "middle", bold=sure, dy=4))
        low, high = ci or (None, None)
        data.append(
            {
                "first": names[first],
                "second": names[second],
                "level": level,
                "n": entry["n"],
                "difference": value,
                "low": low,
                "high": high,
                "p_holm": entry["p_holm"],
            }
        )
    # Columns are numbered: forty names do not fit above forty narrow columns.
    heads = [Text(k + 0.5, float(n), str(k + 1), SMALL_SIZE, "muted", "middle", dy=-6) for k in range(n)]
    ticks = tuple((n - i - 0.5, f"{elided(names[run], label_width - 40)}  {i + 1}") for i, run in enumerate(order))
    panel = Panel(
        MARGIN + label_width, top, pitch * n, row_height * n, Axis(0.0, float(n), grid=False, line=False),
        Axis(0.0, float(n), ticks, grid=False, line=False, names=True), rects=tuple(rects), annotations=(*heads, *bold),
    )  # fmt: skip
    remark = (
        f"The row minus the column, points; sorted by accuracy. {'Bold' if pitch >= 24 else 'Dot'}: adjusted p below .05 "
        "(Holm over all pairs and levels). Teal: the row is better."
    )
    below, total = footer([remark, *notes(results)], top + row_height * n + 10, width)
    return Figure(
        f"model_differences_{level}", title, mode_words(results), width, total, (panel,), tuple(words + below), (), tuple(data)
    )


def _whole(value: float) -> str:
    """Whole points, with a real minus sign and none for what rounds to zero."""
    text = f"{value * 100:.0f}"
    return "0" if text == "-0" else text.replace("-", "\N{MINUS SIGN}")


def language_prior(results: Json, *, width: float = 1180.0) -> Figure:
    """A row a model that was also asked without the images: accuracy with them, of the words alone, and the gain.

    MedqdegError where no model was asked both ways.
    """
    cells: dict[str, dict[str, Json]] = {}
    for entry in results.get("language_prior", ()):
        cells.setdefault(entry["run_id"], {})[entry["level"]] = entry
    if not cells:
        raise MedqdegError("no model was asked both with the images and with the words alone")
    names = _labels(results)
    rows = [Row(names[run], run, {"": levels}) for run, levels in cells.items()]
    columns = [
        Column("With the images", "accuracy", "accuracy, %"),
        Column("Words alone", "text_only_accuracy", "accuracy, %"),
        Column("Gain by the images", "gain", "points", difference=True),
    ]
    return row_chart(results, rows, columns, "language_prior", "What do the words alone answer?", width)


def position_bias(results: Json, *, width: float = 1180.0) -> Figure:
    """A panel a model that was asked with rotated options: how far each place is preferred to what stood there.

    MedqdegError where no model was asked so.
    """
    models = [model for model in results["models"] if model.get("position")]
    if not models:
        raise MedqdegError("no model was asked with rotated options")
    title = "Does the place of an option matter?"
    words, _, y = header(title, mode_words(results), [], width)
    across = min(3, len(models))
    gap, left, height = 40.0, 44.0, 190.0
    panel_width = min((width - 2 * MARGIN - across * left - (across - 1) * gap) / across, 380.0)
    ends = [v for m in models for p in m["position"]["places"] for v in (p["preference"], *(p["preference_ci"] or ()))]
    axis = percent_axis(ends, "points", difference=True)
    panels, data = [], []
    for i, model in enumerate(models):
        places = model["position"]["places"]
        row, column = divmod(i, across)
        told = model["position"]
        limits = told["bias_ci"]
        reach = f" ({percent(limits[0])} to {percent(limits[1])})" if limits else ""
        name = model_words(model, results["models"])
        marks, whiskers = [], []
        for k, place in enumerate(places):
            tip = (
                f"{name}, place {place['place']}: chosen {percent(place['chosen'])} %, right {percent(place['right'])} %; "
                f"{number_words('preference', place)}; accuracy there {percent(place['accuracy'])} %; "
                f"n = {place['n']:,.0f} answers"
            )
            marks.append(Mark(float(k), place["preference"], "circle", "accent", name, tip, Key(model["run_id"]), size=8))
            if place["preference_ci"]:
                lowest, highest = place["preference_ci"]
                whiskers.append(Whisker(float(k), lowest, highest, "accent", vertical=True))
            low, high = place["preference_ci"] or (None, None)
            line: DataRow = {"model": name, **{key: place[key] for key in ("place", "n", "chosen", "right", "preference")}}
            data.append(line | {"low": low, "high": high, "accuracy": place["accuracy"]})
        x = Axis(-0.5, len(places) - 0.5, tuple((float(k), p["place"]) for k, p in enumerate(places)), grid=False)
        top = y + 56 + row * (height + 84)
        note = Text(
            x.low, axis.high, f"answers that would have to move: {percent(told['bias'])} %{reach}", SMALL_SIZE, "muted", dy=-8
        )
        panels.append(
            Panel(
                MARGIN + left + column * (panel_width + gap + left), top, panel_width, height, x,
                replace(axis, label=""), "", lines=(Line(((x.low, 0.0), (x.high, 0.0)), "zero", 1.2),),
                whiskers=tuple(whiskers), marks=tuple(marks),
                annotations=(note, Text(x.low, axis.high, elided(name, panel_width, 13 * 1.06), 13, bold=True, dy=-24)),
            )
        )  # fmt: skip
    rows = -(-len(models) // across)
    remark = (
        "How often a place was chosen, minus how often the right option stood there, points. Without a preference all are zero, "
        "whatever the model knows."
    )
    below, total = footer([remark, *notes(results)], y + 56 + rows * (height + 84) - 54, width)
    return Figure("position_bias", title, mode_words(results), width, total, tuple(panels), tuple(words + below), (), tuple(data))


def steps(results: Json, *, with_published: bool = False, width: float = 1180.0) -> Figure:
    """A row a model: what the step to L1 and the step to L2 cost, their difference (the cliff), and equation 5.

    MedqdegError where no model has matched answers at both levels.
    """
    rows = []
    told: dict[str, str] = {}
    for row, model in zip(rows_of(results, "level"), _in_order(results), strict=True):
        found = model.get("cliff")
        if not found or "L2" not in row.levels:
            continue
        shared = {key: row.levels["L2"][key] for key in ("n", "n_clusters")}
        second = {"second_difference": found["second_difference"], "second_difference_ci": found["second_difference_ci"]}
        cells = {"L1": {"step": found["first_step"], **shared}, "L2": {"step": found["second_step"], **second, **shared}}
        rows.append(Row(row.label, row.run_id, {"": cells}))
        dke = model.get("intra_model_dke")
        if dke:
            sure = "" if dke["probability"] is None else f", in {dke['probability'] * 100:.0f} % of replicates"
            told[row.label] = f"{'holds' if dke['holds'] else 'does not hold'}{sure}"
    if not rows:
        raise MedqdegError("no model has answers at L0, L1 and L2 of the same questions")
    if with_published:
        rows += _published_steps()
    columns = [
        Column("What each step costs", "step", "change of accuracy, points", difference=True),
        Column("Cliff: second less first", "second_difference", "points", difference=True),
    ]
    title = "Is there a cliff between L1 and L2?"
    figure = row_chart(results, rows, columns, "steps", title, width - 264.0)
    panel = figure.panels[-1]
    left = panel.left + panel.width + 28.0
    places = {row.label: tick for row, (tick, _) in zip(rows, panel.y.ticks, strict=True) if not row.reference}
    words = tuple(Text(0.0, places[name], text, SMALL_SIZE, "muted", dy=4) for name, text in told.items())
    head = Text(0.0, panel.y.high, "Equation 5 (intra-model DKE)", SMALL_SIZE, "text", bold=True, dy=-10)
    beside = Panel(
        left, panel.top, max(220.0, width - left), panel.height, Axis(0.0, 1.0, grid=False, line=False),
        Axis(panel.y.low, panel.y.high, grid=False, line=False), annotations=(head, *words),
    )  # fmt: skip
    return replace(figure, width=max(width, left + 240.0), panels=(*figure.panels, beside))


def _in_order(results: Json) -> list[Json]:
    by_run = {model["run_id"]: model for model in results["models"]}
    return [by_run[row.run_id] for row in rows_of(results)]


def _published_steps() -> list[Row]:
    levels: dict[str, dict[str, float]] = {}
    for value in published.accuracy_by_level():
        levels.setdefault(value.model, {})[value.level] = value.accuracy
    out = []
    for model, own in levels.items():
        first, second = own["L1"] - own["L0"], own["L2"] - own["L1"]
        cells = {"L1": {"step": first}, "L2": {"step": second, "second_difference": second - first}}
        out.append(Row(model, "", {"": cells}, reference=True))
    return out

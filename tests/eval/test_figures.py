"""Charts as data: what they show, that words fit and do not collide, and that the SVG is sound."""

from __future__ import annotations

import csv
import io
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from itertools import combinations, pairwise
from typing import Any

import pytest

from medqdeg_desktop.chart.figure import (
    Figure,
    Key,
    Text,
    elided,
    figure_csv,
    nice_ticks,
    percent_axis,
    spread,
    text_width,
    wrapped,
)
from medqdeg_desktop.chart.svg import THEMES, colour, svg
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import published
from medqdeg_desktop.eval.charts import CHARTS, Chart, builds_of, charts_of
from medqdeg_desktop.eval.comparison_charts import model_differences
from medqdeg_desktop.eval.figures import accuracy_by_level, by_modality, three_panel
from medqdeg_desktop.eval.matrix_charts import grouped_bars, heatmap, published_bars, published_heatmap
from medqdeg_desktop.eval.reliability_chart import reliability_diagram
from medqdeg_desktop.eval.row_chart import REFERENCE
from medqdeg_desktop.taxonomy import TASKS, Category

Json = dict[str, Any]


def cell(level: str, accuracy: float, confidence: float) -> Json:
    shift = confidence - accuracy
    return {
        "level": level,
        "n": 120,
        "n_clusters": 60,
        "accuracy": accuracy,
        "accuracy_ci": [accuracy - 0.06, accuracy + 0.05],
        "confidence": confidence,
        "confidence_ci": [confidence - 0.03, confidence + 0.03],
        "calibration_shift": shift,
        "calibration_shift_ci": [shift - 0.07, shift + 0.07],
        "uniform_confidence": 0.12,
    }


def _parts(names: Iterable[str], base: float) -> list[Json]:
    out = []
    for k, name in enumerate(names):
        out.append({"name": name, "matched_l0": {}, **cell("L0", base, 0.85)})
        for level, loss in (("L1", 0.01), ("L2", 0.03 * (k + 1))):
            match = {"n": 30, "accuracy_difference": -loss, "accuracy_difference_ci": [-loss - 0.1, -loss + 0.1]}
            out.append({"name": name, **cell(level, max(base - loss, 0.07), 0.8), "matched_l0": match})
    return out


def results(models: int, **changes: Any) -> Json:
    made = []
    for m in range(models):
        base = 0.8 - 0.5 * m / max(models, 2)
        levels = [cell("L0", base, 0.85), cell("L1", base - 0.01, 0.84), cell("L2", base - 0.06, 0.82)]
        name = f"model-{m}" if m % 5 else f"an-organisation-{m}-with-a-very-long-model-name-Instruct-v1.5-Q4_K_M"
        by = {
            "type": _parts(("limited_angle", "xray_motion_blur_artifact", "gaussian_noise"), base),
            "skill": _parts((f"Skill number {k}" for k in range(30)), base),
            "modality": _parts(("CT", "MRI", "X-ray", "Ultrasound", "Dermoscopy", "Histopathology", "Endoscopy"), base),
        }
        by |= {"task": _parts((task.name for task in TASKS), base), "category": _parts(map(str, Category), base)}
        shared = {"mode": "vote", "trials": 10, "random_weights": False, "settings": {"temperature": m / 10, "prompt": "p"}}
        more = {"cliff": _CLIFF, "intra_model_dke": {"holds": True, "probability": 0.9}, "position": _POSITION}
        known = {"model": f"local:{name}", "label": name, "run_id": f"run{m}", "started_at": "2026-11-21T03:00:00.000000Z"}
        made.append({**known, **shared, "levels": levels, "by": by, **more})
    pairs = [_difference(i, k, level) for level in ("L0", "L1", "L2") for i in range(models) for k in range(i + 1, models)]
    prior = {"text_only": "t", "label": "x", "accuracy": 0.7, "text_only_accuracy": 0.4, "gain": 0.3, "gain_ci": [0.2, 0.4]}
    prior |= {"n": 120, "n_clusters": 60, "p_holm": 0.01}
    group = {"models": [f"model {m}" for m in range(models)], "share_of_pairs": 0.5, "share_of_pairs_ci": [0.3, 0.7]}
    group |= {"spearman": -0.4, "spearman_ci": [-0.8, 0.1], "pairs": []}
    compared = {
        "model_differences": pairs,
        "language_prior": [{**prior, "run_id": f"run{m}", "level": level} for m in range(models) for level in ("L0", "L2")],
        "inter_model_dke": [{"mode": "vote", "trials": 10, "levels": dict.fromkeys(("L0", "L1", "L2"), group)}],
        "sweeps": [],
    }
    return {"models": made, "replicates": 10_000, "clusters": 60, "filters": {}, **compared, **changes}


_CLIFF = {"first_step": -0.01, "second_step": -0.05, "second_difference": -0.04, "second_difference_ci": [-0.09, 0.01]}
_PLACE = {"n": 40.0, "chosen": 0.3, "right": 0.25, "preference": 0.05, "preference_ci": [-0.01, 0.11], "accuracy": 0.6}
_POSITION = {"bias": 0.08, "bias_ci": [0.05, 0.15], "places": [{"place": letter, **_PLACE} for letter in "ABCDE"]}


def _difference(i: int, k: int, level: str) -> Json:
    shared = {"n": 120, "n_clusters": 60, "difference_ci": [-0.1, 0.2], "p": 0.2, "p_holm": 0.01 if k % 2 else 0.4}
    return {"level": level, "first": f"run{i}", "second": f"run{k}", "difference": 0.02 * (k - i), **shared}


#: Every chart of the registry that results without a sweep and without a real set have data for, by name and number.
DRAWN = [chart for chart in CHARTS if chart.printed and chart.section not in ("severity", "real")]


def drawn(chart: Chart, made: Json) -> list[Figure]:
    return [build() for build in builds_of([chart], made)]


def words_on_canvas(figure: Figure) -> list[tuple[float, float, float, float, str]]:
    """Boxes (left, top, right, bottom, text) of every word, tick labels included, in pixels."""
    placed = [(word, word.x, word.y) for word in figure.words]
    for panel in figure.panels:
        placed += [(word, *panel.place(word.x, word.y)) for word in panel.annotations]
        bottom = panel.top + panel.height
        placed.append((Text(0, 0, panel.title, 13, bold=True), panel.left, panel.top - 10))
        placed.append((Text(0, 0, panel.y.label), panel.left - 10, panel.top - 10))
        placed.append((Text(0, 0, panel.x.label, anchor="middle"), panel.left + panel.width / 2, bottom + 34))
        for value, label in panel.x.ticks:
            placed.append((Text(0, 0, label, 11, anchor="middle"), panel.place(value, panel.y.low)[0], bottom + 16))
        for value, label in panel.y.ticks:
            placed.append((Text(0, 0, label, anchor="end"), panel.left - 10, panel.place(panel.x.low, value)[1] + 4))
    boxes = []
    for word, x, y in placed:
        if word.rotate:
            continue
        width = text_width(word.text, word.size, word.bold)
        left = x + word.dx - {"start": 0, "middle": width / 2, "end": width}[word.anchor]
        boxes.append((left, y + word.dy - 0.75 * word.size, left + width, y + word.dy + 0.2 * word.size, word.text))
    return [box for box in boxes if box[4]]


def overlap(a: tuple[float, float, float, float, str], b: tuple[float, float, float, float, str]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


BESIDE_PUBLISHED = {chart.__name__: chart for chart in (accuracy_by_level, three_panel, by_modality)}


def check_words(figure: Figure) -> None:
    boxes = words_on_canvas(figure)
    for left, top, right, bottom, text in boxes:
        assert left >= 0 and right <= figure.width and top >= 0 and bottom <= figure.height, text
    assert not [(a[4], b[4]) for a, b in combinations(boxes, 2) if overlap(a, b)]
    tilted = sorted((word for word in figure.words if word.rotate), key=lambda word: word.x)
    for word in tilted:
        angle = math.radians(-word.rotate)
        length = text_width(word.text, word.size)
        assert word.x - length * math.cos(angle) >= 0, word.text
        assert word.y + length * math.sin(angle) <= figure.height, word.text
    for first, second in pairwise(tilted):
        # Parallel lines of words are apart by their distance across.
        assert (second.x - first.x) * math.sin(math.radians(-first.rotate)) >= first.size


@pytest.mark.parametrize("chart", DRAWN, ids=lambda chart: chart.name)
@pytest.mark.parametrize("models", [1, 3, 12, 40])
def test_no_word_leaves_the_canvas_or_covers_another(chart: Chart, models: int) -> None:
    for figure in drawn(chart, results(models)):
        check_words(figure)


def test_every_chart_is_drawn_for_few_models_or_for_many() -> None:
    few, many = results(3), results(40)
    assert [chart.name for chart in DRAWN if not drawn(chart, few) and not drawn(chart, many)] == []


@pytest.mark.parametrize("chart", BESIDE_PUBLISHED.values(), ids=BESIDE_PUBLISHED)
@pytest.mark.parametrize("models", [1, 12])
def test_no_word_covers_another_beside_published_models(chart: Any, models: int) -> None:
    check_words(chart(results(models), with_published=True))


def test_no_word_covers_another_in_published_charts() -> None:
    for figure in (published_heatmap("L1"), published_heatmap("L2"), published_bars()):
        check_words(figure)


@pytest.mark.parametrize("chart", DRAWN, ids=lambda chart: chart.name)
@pytest.mark.parametrize("models", [1, 3, 40])
def test_every_mark_bar_and_whisker_lies_within_its_axes(chart: Chart, models: int) -> None:
    for figure in drawn(chart, results(models)):
        check_places(figure)


def check_places(figure: Figure) -> None:
    for panel in figure.panels:
        x = sorted((panel.x.low, panel.x.high))
        y = sorted((panel.y.low, panel.y.high))
        assert all(x[0] <= mark.x <= x[1] and y[0] <= mark.y <= y[1] for mark in panel.marks)
        assert all(x[0] <= rect.x0 <= rect.x1 <= x[1] and y[0] <= rect.y0 <= rect.y1 <= y[1] for rect in panel.rects)
        for whisker in panel.whiskers:
            low, high = y if whisker.vertical else x
            assert low - 1e-9 <= whisker.low <= whisker.high <= high + 1e-9
        assert panel.left >= 0 and panel.left + panel.width <= figure.width
    ElementTree.fromstring(svg(figure))


def test_levels_have_their_shape_and_colour_and_lead_to_their_answers() -> None:
    panel = three_panel(results(2)).panels[0]
    assert {(mark.colour, mark.shape) for mark in panel.marks} == {("L0", "circle"), ("L1", "triangle"), ("L2", "square")}
    assert [mark.key for mark in panel.marks if mark.colour == "L2"] == [Key("run0", "L2", "level"), Key("run1", "L2", "level")]
    assert panel.marks[0].tooltip == (
        "an-organisation-0-with-a-very-long-model-name-Instruct-v1.5-Q4_K_M, L0 clean: accuracy 80.0 % (74.0 to 85.0); "
        "n = 120 from 60 independent images or patients"
    )


def test_models_are_sorted_by_their_accuracy_at_l0() -> None:
    shuffled = results(3)
    shuffled["models"].reverse()
    panel = three_panel(shuffled).panels[0]
    assert [mark.key.run_id for mark in panel.marks if mark.colour == "L0" and mark.key] == ["run0", "run1", "run2"]


def test_the_axis_of_calibration_shift_holds_zero_and_the_other_two_share_theirs() -> None:
    accuracy, confidence, shift = three_panel(results(3)).panels
    assert shift.x.low <= 0 <= shift.x.high
    assert 0 in [value for value, _ in shift.x.ticks]
    assert (accuracy.x.low, accuracy.x.high) == (confidence.x.low, confidence.x.high)


def test_published_models_are_hollow_grey_marked_and_off_by_default() -> None:
    plain, beside = three_panel(results(2)), three_panel(results(2), with_published=True)
    assert not any(mark.hollow for panel in plain.panels for mark in panel.marks)
    marks = [mark for mark in beside.panels[0].marks if mark.hollow]
    assert len(marks) == 19 * 3
    assert {mark.colour for mark in marks} == {"reference"}
    assert all(REFERENCE in mark.tooltip and mark.key == Key("", mark.tooltip.split(", ")[-1][:2], "level") for mark in marks)
    assert len([mark for mark in accuracy_by_level(results(2), with_published=True).panels[0].marks if mark.hollow]) == 120
    assert [mark.label for mark in marks if mark.shape == "circle"] == list(
        dict.fromkeys(value.model for value in published.calibration())
    )
    assert REFERENCE in [word.text for word in beside.words]


def test_names_of_a_pair_stand_one_above_the_other_where_they_have_no_room_side_by_side() -> None:
    wide, narrow = (model_differences(results(4), width=width) for width in (2400.0, 840.0))
    assert all(label for _, label in wide.panels[0].y.ticks)
    whole = [label for _, label in narrow.panels[0].y.ticks if label]
    names = [text.text for text in narrow.panels[0].annotations if text.anchor == "end"]
    pairs = list(zip(names[::2], names[1::2], strict=True))
    assert len(set(pairs)) + len(set(whole)) == 6 and pairs
    assert all(second.startswith("\N{MINUS SIGN} ") for _, second in pairs) and not any("…" in label for label in whole)
    check_words(narrow)


def test_a_long_name_keeps_what_is_in_brackets_on_a_line_of_its_own() -> None:
    made = results(3)
    made["models"][1] |= {"label": "a-model-of-some-length (rotated options)", "notes": ["paper T=10"]}
    figure = three_panel(made, width=868.0)
    words = [text.text for text in figure.panels[0].annotations if text.anchor == "end"]
    assert "(rotated options) (paper T=10)" in words
    assert words[words.index("(rotated options) (paper T=10)") - 1].startswith("a-model")
    check_words(figure)


def test_random_weights_are_named_in_label_note_and_tooltip() -> None:
    made = results(2)
    made["models"][1]["random_weights"] = True
    for figure in (figure for chart in DRAWN for figure in drawn(chart, made)):
        assert any("Random weights" in word.text for word in figure.words)
        tips = [thing.tooltip for panel in figure.panels for thing in (*panel.marks, *panel.rects)]
        assert any("random weights" in tip for tip in tips)
        labels = [word.text for word in figure.words] + [label for panel in figure.panels for _, label in panel.y.ticks]
        labels += [word.text for panel in figure.panels for word in panel.annotations]
        # Marks in a cloud have their names in the tooltips alone.
        named = any("random weights" in label and "model-1" in label for label in labels)
        assert named or figure.name == "shift_against_accuracy"


def test_the_subtitle_states_n_mode_trials_and_the_interval() -> None:
    made = results(2, replicates=2000, filters={"modality": ["CT"]})
    assert three_panel(made).subtitle == (
        "n = 120 at L0, 120 at L1, 120 at L2, from 60 independent images or patients; paper mode (agreement of sampled "
        "answers), T = 10; 95 % cluster bootstrap intervals, 2,000 replicates, provisional. Only modality CT."
    )
    made["models"][0]["trials"] = 3
    assert "as named in the labels" in three_panel(made).subtitle
    assert any("paper T=3" in mark.label for mark in three_panel(made).panels[0].marks)


def test_the_exported_data_are_the_numbers_of_the_results() -> None:
    made = results(2)
    rows = list(csv.DictReader(io.StringIO(figure_csv(three_panel(made)))))
    assert len(rows) == 6
    assert float(rows[0]["calibration_shift"]) == made["models"][0]["levels"][0]["calibration_shift"]
    assert float(rows[0]["accuracy_low"]) == made["models"][0]["levels"][0]["accuracy_ci"][0]
    assert {row["dataset"] for row in rows} == {"this dataset"}


def test_missing_levels_intervals_and_values_leave_gaps_not_errors() -> None:
    made = results(2)
    made["models"][0]["levels"] = made["models"][0]["levels"][1:2]
    made["models"][1]["levels"][2] |= {"confidence": None, "calibration_shift": None, "confidence_ci": None, "accuracy_ci": None}
    for figure in charts_of(made):
        ElementTree.fromstring(svg(figure))
    assert len(three_panel(made).panels[2].marks) == 3


def test_charts_without_data_are_left_out() -> None:
    made = results(2)
    matrices = {"model_differences_L0", "model_differences_L1", "model_differences_L2"}
    assert [figure.name for figure in charts_of(made)] == [chart.name for chart in DRAWN if chart.name not in matrices]
    for model in made["models"]:
        model["by"] |= {key: [] for key in ("skill", "modality", "task", "category")}
        model |= {"cliff": None, "position": None}
        for part in model["by"]["type"]:
            part["matched_l0"] = {}
    made |= {"model_differences": [], "language_prior": [], "inter_model_dke": []}
    assert [figure.name for figure in charts_of(made)] == [
        *("three_panel", "accuracy_by_level", "grouped_bars"),
        *("table_by_level", "runs_side_by_side"),
    ]
    with pytest.raises(MedqdegError, match="no type has answers at L2 and at L0"):
        heatmap(made, "type", "L2")


def test_the_published_heatmap_is_sorted_by_mean_drop_as_published() -> None:
    figure = published_heatmap("L2")
    assert [label for _, label in figure.panels[0].y.ticks][:4] == [
        "limited_angle",
        "sparse_view",
        "ghosting_artifact",
        "undersampling_artifact",
    ]
    assert [label for _, label in figure.panels[0].y.ticks][-2:] == ["reduce_contrast", "dark_spots_artifact"]
    columns: dict[str, list[float]] = {}
    for row in figure.data:
        assert isinstance(row["accuracy_lost"], float)
        columns.setdefault(str(row["model"]), []).append(row["accuracy_lost"])
    means = [sum(values) / len(values) for values in columns.values()]
    assert len(columns) == 25
    assert all(left >= right - 1e-9 for left, right in pairwise(means))
    assert len(figure.panels[0].rects) == 19 * 25


def test_the_published_bars_are_sorted_by_accuracy_at_l0_and_named_by_group() -> None:
    figure = published_bars()
    names = [word.text for word in figure.words if word.rotate]
    assert len(names) == 40
    assert names[1] == "Qwen3-VL-Instruct(235B)"
    colours = {word.text: word.colour for word in figure.words if word.rotate}
    assert (colours["GPT-5"], colours["UniMedVL"], colours["GLM-4.5v"]) == ("commercial", "medical", "open")


def test_a_heatmap_shows_what_was_lost_and_leads_to_the_answers() -> None:
    panel = heatmap(results(3), "type", "L2").panels[0]
    worst = next(rect for rect in panel.rects if rect.key and rect.key.name == "gaussian_noise" and rect.key.run_id == "run1")
    assert worst.text == "9.0"
    assert worst.colour == "diverge:+0.2250"
    assert "9.0 points (−19.0 to +1.0) from the same questions at L0; n = 30" in worst.tooltip
    assert colour("diverge:0", "light") == THEMES["light"]["background"]
    assert colour("diverge:1", "dark") == THEMES["dark"]["loss"]
    assert colour("diverge:-1", "dark") == THEMES["dark"]["gain"]


def test_bars_begin_at_zero() -> None:
    panel = grouped_bars(results(3)).panels[0]
    assert panel.y.low == 0
    assert all(rect.y0 == 0 for rect in panel.rects)


def test_a_reliability_diagram_shows_its_bins_on_full_axes() -> None:
    bins = [
        {"n": 40, "confidence": 0.5, "accuracy": 0.45, "accuracy_ci": [0.3, 0.6]},
        {"n": 60, "confidence": 0.9, "accuracy": 0.6, "accuracy_ci": None},
    ]
    levels = [{"level": level, "n": 100, "ece": 0.2, "bins": bins} for level in ("L0", "L1", "L2")]
    figure = reliability_diagram({"model": results(1)["models"][0], "replicates": 500, "levels": levels})
    check_words(figure)
    assert [(panel.x.low, panel.x.high, panel.y.low, panel.y.high) for panel in figure.panels] == [(0, 1, 0, 1)] * 3
    assert [(mark.x, mark.y) for mark in figure.panels[2].marks] == [(0.5, 0.45), (0.9, 0.6)]
    assert len(figure.panels[0].whiskers) == 1
    assert "ECE 0.200, n = 100" in [word.text for word in figure.panels[0].annotations]


def test_results_without_models_are_refused() -> None:
    with pytest.raises(MedqdegError, match="no model to chart"):
        three_panel(results(0))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_svg_is_well_formed_and_holds_a_shape_for_every_mark(theme: Any) -> None:
    figure = three_panel(results(3))
    root = ElementTree.fromstring(svg(figure, theme))
    titles = list(root.iter("{http://www.w3.org/2000/svg}title"))
    assert len(titles) == 1 + sum(len(panel.marks) for panel in figure.panels)
    assert root.get("viewBox") == f"0 0 {figure.width:g} {figure.height:.2f}".rstrip("0").rstrip(".")
    assert THEMES[theme]["background"] in svg(figure, theme)


def test_words_with_markup_are_escaped() -> None:
    made = results(1)
    made["models"][0]["model"] = '<b>&"quoted"'
    ElementTree.fromstring(svg(three_panel(made)))


@pytest.mark.parametrize(("low", "high", "expected"), [(0, 100, [0, 20, 40, 60, 80, 100]), (-6, 13, [-10, -5, 0, 5, 10, 15])])
def test_ticks_are_round_and_enclose_the_values(low: float, high: float, expected: list[float]) -> None:
    assert nice_ticks(low, high) == expected


def test_a_percent_axis_of_close_values_is_not_blown_up() -> None:
    axis = percent_axis([0.5, 0.501], "accuracy, %")
    assert axis.high - axis.low >= 0.1
    assert percent_axis([0.99, 1.0], "accuracy, %").high == 1


def test_labels_are_elided_in_the_middle_wrapped_at_spaces_and_spread_apart() -> None:
    assert elided("short", 100) == "short"
    short = elided("a-very-long-model-name-Q4_K_M", 120)
    assert text_width(short) <= 120 and "…" in short and short.endswith("M")
    assert " ".join(wrapped("one two three four five", 60)) == "one two three four five"
    lines = wrapped("accuracy with its 95 % interval", text_width("accuracy with its 95") + 1)
    assert lines == ["accuracy with its", "95 % interval"], "a number is not parted from its per cent"
    assert spread([10, 11, 50], 8, 0, 100) == [10, 18, 50]
    assert spread([98, 99], 8, 0, 100) == [92, 100]

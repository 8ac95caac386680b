"""Charts as data: what they show, that words fit and do not collide, and that the SVG is sound."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from typing import Any

import pytest

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import published
from medqdeg_desktop.eval.figure import (
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
from medqdeg_desktop.eval.figures import CHARTS, REFERENCE, accuracy_by_level, three_panel
from medqdeg_desktop.eval.svg import THEMES, svg

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


def results(models: int, **changes: Any) -> Json:
    made = []
    for m in range(models):
        base = 0.8 - 0.5 * m / max(models, 2)
        levels = [cell("L0", base, 0.85), cell("L1", base - 0.01, 0.84), cell("L2", base - 0.06, 0.82)]
        name = f"model-{m}" if m % 5 else f"an-organisation-{m}-with-a-very-long-model-name-Instruct-v1.5-Q4_K_M"
        made.append({"model": name, "run_id": f"run{m}", "mode": "vote", "trials": 10, "random_weights": False, "levels": levels})
    return {"models": made, "replicates": 10_000, "clusters": 60, "filters": {}, **changes}


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
        width = text_width(word.text, word.size, word.bold)
        left = x + word.dx - {"start": 0, "middle": width / 2, "end": width}[word.anchor]
        boxes.append((left, y + word.dy - 0.75 * word.size, left + width, y + word.dy + 0.2 * word.size, word.text))
    return [box for box in boxes if box[4]]


def overlap(a: tuple[float, float, float, float, str], b: tuple[float, float, float, float, str]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
@pytest.mark.parametrize("models", [1, 3, 12, 40])
@pytest.mark.parametrize("with_published", [False, True])
def test_no_word_leaves_the_canvas_or_covers_another(chart: Any, models: int, with_published: bool) -> None:
    figure = chart(results(models), with_published=with_published)
    boxes = words_on_canvas(figure)
    for left, top, right, bottom, text in boxes:
        assert left >= 0 and right <= figure.width and top >= 0 and bottom <= figure.height, text
    assert not [(a[4], b[4]) for a, b in combinations(boxes, 2) if overlap(a, b)]


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
@pytest.mark.parametrize("models", [1, 3, 12, 40])
def test_every_mark_and_whisker_lies_within_its_axes(chart: Any, models: int) -> None:
    for panel in chart(results(models), with_published=True).panels:
        x = sorted((panel.x.low, panel.x.high))
        y = sorted((panel.y.low, panel.y.high))
        assert all(x[0] <= mark.x <= x[1] and y[0] <= mark.y <= y[1] for mark in panel.marks)
        for whisker in panel.whiskers:
            low, high = y if whisker.vertical else x
            assert low <= whisker.low <= whisker.high <= high


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


def test_random_weights_are_named_in_label_note_and_tooltip() -> None:
    made = results(2)
    made["models"][1]["random_weights"] = True
    for chart in CHARTS.values():
        figure = chart(made)
        assert "random weights" in svg(figure)
        assert any("Random weights" in word.text for word in figure.words)
        assert any("random weights" in mark.tooltip for mark in figure.panels[0].marks)


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
    for chart in CHARTS.values():
        ElementTree.fromstring(svg(chart(made)))
    assert len(three_panel(made).panels[2].marks) == 3


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
    assert spread([10, 11, 50], 8, 0, 100) == [10, 18, 50]
    assert spread([98, 99], 8, 0, 100) == [92, 100]

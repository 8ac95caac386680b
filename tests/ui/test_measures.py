from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hands import drag
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medqdeg_desktop.engine.image import MedicalImage, Window, frozen
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.viewer.comparison import Comparison
from medqdeg_desktop.ui.viewer.measures import (
    Measure,
    MeasureKind,
    angle,
    length,
    region_histogram,
    region_span,
    region_values,
)
from medqdeg_desktop.ui.viewer.series_view import SeriesView


def frame(rows: int = 300, columns: int = 400, spacing: tuple[float, float] | None = (2.0, 0.5)) -> MedicalImage:
    pixels = np.random.default_rng(0).normal(100, 20, (rows, columns)).astype(np.float32)
    return MedicalImage(frozen(pixels), Modality.CT, unit="HU", spacing=spacing, window=Window(100, 200), value_range=(0, 200))


def test_a_ruler_counts_rows_and_columns_with_their_own_spacing() -> None:
    ruler = Measure(MeasureKind.RULER, (10, 10), (13, 26))
    assert length(ruler, frame()) == (pytest.approx(math.hypot(3 * 2.0, 16 * 0.5)), "mm")
    assert ruler.text(frame()) == "10.0 mm"
    assert length(ruler, frame(spacing=None)) == (pytest.approx(math.hypot(3, 16)), "px")


def test_a_ruler_reads_the_same_on_a_proxy() -> None:
    ruler = Measure(MeasureKind.RULER, (10, 10), (210, 310))
    assert length(ruler, frame().proxy(100))[0] == pytest.approx(length(ruler, frame())[0], rel=1e-3)


def test_a_region_is_the_pixels_whose_centres_lie_in_the_ellipse() -> None:
    image = frame()
    values = region_values(Measure(MeasureKind.REGION, (50, 80), (110, 200)), image)
    rows, columns = np.mgrid[0:300, 0:400] + 0.5
    inside = ((rows - 80) / 30) ** 2 + ((columns - 140) / 60) ** 2 <= 1
    assert values is not None
    assert values.count == inside.sum() and values.count == pytest.approx(math.pi * 30 * 60, rel=0.01)
    assert values.mean == pytest.approx(image.pixels[inside].mean(), rel=1e-5)
    assert values.sd == pytest.approx(image.pixels[inside].std(ddof=1), rel=1e-4)
    swapped = region_values(Measure(MeasureKind.REGION, (110, 80), (50, 200)), image)
    assert swapped == values


def test_masked_pixels_do_not_count_and_a_region_outside_is_none() -> None:
    image = frame()
    holes = np.array(image.pixels)
    holes[:, 140:] = np.nan
    values = region_values(Measure(MeasureKind.REGION, (50, 80), (110, 200)), replace(image, pixels=frozen(holes)))
    assert values is not None and math.isfinite(values.mean) and values.count < math.pi * 30 * 60 * 0.51
    assert region_values(Measure(MeasureKind.REGION, (-50, -50), (-10, -10)), image) is None
    assert region_values(Measure(MeasureKind.REGION, (5, 5), (5, 5)), image) is None


def test_a_drag_measures_both_pictures_and_the_key_puts_it_away(qtbot: QtBot) -> None:
    pair = Comparison()
    qtbot.addWidget(pair)
    pair.resize(1002, 480)
    pair.show()
    pair.show_series(SeriesView())
    original = frame(spacing=(1.0, 1.0))
    degraded = original.with_pixels(original.pixels + 50)
    pair.show_original(original)
    pair.show_degraded(degraded, "Brightness", preview=False)
    QApplication.processEvents()
    pair.measure_with(MeasureKind.REGION)
    drag(pair.left_pane, Qt.MouseButton.LeftButton, QPoint(150, 180), QPoint(120, 80))
    measure = pair.left_pane._measure
    assert measure is not None and pair.right_pane._measure == measure
    placement = pair.left_pane.placement()
    assert placement is not None
    assert measure.start == placement.to_frame(150, 180) and measure.end == placement.to_frame(270, 260)
    before, after = region_values(measure, original), region_values(measure, degraded)
    assert before is not None and after is not None
    assert after.mean - before.mean == pytest.approx(50, abs=1e-3) and after.sd == pytest.approx(before.sd, rel=1e-4)
    assert measure.text(original).startswith(f"mean {before.mean:.1f} HU  SD {before.sd:.1f}")
    pair.measure_with(None)
    assert pair.left_pane._measure is None


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 180])
def test_an_angle_is_that_of_the_patient_and_not_of_the_pixels(degrees: float) -> None:
    """Pixels are four times as high as wide here: 100 mm along an arm are 50 rows or 200 columns."""
    turn = math.radians(degrees)
    vertex = (100.0, 150.0)
    other = (vertex[0] - 60 * math.sin(turn) / 2.0, vertex[1] + 60 * math.cos(turn) / 0.5)
    drawn = Measure(MeasureKind.ANGLE, (100.0, 250.0), vertex, other)
    assert angle(drawn, frame()) == pytest.approx(degrees, abs=1e-6)
    assert angle(drawn, frame().proxy(100)) == pytest.approx(degrees, abs=0.3)


def test_an_angle_needs_both_arms() -> None:
    assert angle(Measure(MeasureKind.ANGLE, (1, 1), (5, 5)), frame()) is None
    assert angle(Measure(MeasureKind.ANGLE, (5, 5), (5, 5), (9, 9)), frame()) is None
    assert Measure(MeasureKind.ANGLE, (1, 1), (5, 5)).text(frame()) == ""


def test_histograms_of_original_and_degraded_share_one_axis_and_count_every_pixel() -> None:
    image = frame()
    region = Measure(MeasureKind.REGION, (50, 80), (110, 200))
    span = region_span(region, image)
    values = region_values(region, image)
    assert span is not None and values is not None and span[0] < values.mean < span[1]
    region = replace(region, span=span)
    flat = replace(image, pixels=frozen(np.full_like(image.pixels, values.mean)))
    before, after = region_histogram(region, image), region_histogram(region, flat)
    assert before is not None and after is not None
    assert before.sum() == pytest.approx(1) and after.max() == 1
    centres = span[0] + (np.arange(len(before)) + 0.5) * (span[1] - span[0]) / len(before)
    assert (before * centres).sum() == pytest.approx(values.mean, abs=1)
    beyond = region_histogram(region, replace(image, pixels=frozen(image.pixels + 10_000)))
    assert beyond is not None and beyond[-1] == 1, "values off the axis stand at its end"


def test_an_angle_is_drawn_by_a_drag_and_a_click_and_the_next_press_begins_anew(qtbot: QtBot) -> None:
    panes = Comparison()
    qtbot.addWidget(panes)
    panes.resize(900, 500)
    panes.show()
    panes.show_series(SeriesView())
    panes.show_original(frame(spacing=(1.0, 1.0)))
    panes.measure_with(MeasureKind.ANGLE)
    left = Qt.MouseButton.LeftButton
    drag(panes.left_pane, left, QPoint(100, 200), QPoint(100, 0))
    assert panes.left_pane._measure is not None and panes.left_pane._measure.third is None
    QTest.mouseClick(panes.left_pane, left, Qt.KeyboardModifier.NoModifier, QPoint(200, 100))
    for pane in (panes.left_pane, panes.right_pane):
        assert pane._measure is not None
        assert angle(pane._measure, frame(spacing=(1.0, 1.0))) == pytest.approx(90, abs=0.01)
    drag(panes.right_pane, left, QPoint(50, 50), QPoint(80, 10))
    assert panes.left_pane._measure is not None and panes.left_pane._measure.third is None

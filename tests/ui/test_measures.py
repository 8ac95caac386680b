from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hands import drag
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medqdeg_desktop.engine.image import MedicalImage, Window, frozen
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.viewer.comparison import Comparison
from medqdeg_desktop.ui.viewer.measures import Measure, MeasureKind, length, region_values
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

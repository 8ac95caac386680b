"""Charts by Qt: the same picture as the SVG, numbers under the pointer, keys, clicks, and files."""

from __future__ import annotations

import csv
import io
import re
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
from evaluated import Evaluated
from hands import seen
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolTip
from pytestqt.qtbot import QtBot

from medqdeg_desktop.chart.figure import Axis, Figure, Key, Mark, Panel, Rect
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.figures import three_panel
from medqdeg_desktop.eval.matrix_charts import grouped_bars, heatmap, published_heatmap
from medqdeg_desktop.eval.tables import results
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.charts import export
from medqdeg_desktop.ui.charts.view import ChartView


def one_mark(width: float, *, key: Key | None = None) -> Figure:
    """A red square in the middle of its panel, and a blue bar below it at the left."""
    mark = Mark(0.5, 0.5, "square", "#ff0000", tooltip="the middle: 50 %, n = 12", key=key or Key("run", "L2", "type", "bubble"))
    bar = Rect(0.0, 0.0, 0.2, 0.2, "#0000ff", "a bar", Key("", "L1"))
    panel = Panel(50, 20, width - 100, 200, Axis(0.0, 1.0), Axis(0.0, 1.0), rects=(bar,), marks=(mark,))
    return Figure("one_mark", "One mark", "n = 12", width, 260, (panel,), data=({"model": "a", "accuracy": 0.5, "n": 12},))


@pytest.fixture
def chart(qtbot: QtBot) -> ChartView:
    view = ChartView()
    qtbot.addWidget(view)
    view.resize(700, 260)
    view.set_chart(one_mark)
    view.show()
    qtbot.waitExposed(view)
    return view


def test_a_chart_is_laid_out_for_the_width_that_it_has(chart: ChartView, qtbot: QtBot) -> None:
    assert chart.figure is not None and chart.figure.width == 700
    chart.resize(1000, 260)
    qtbot.waitUntil(lambda: chart.figure is not None and chart.figure.width == 1000)
    chart.resize(300, 260)
    qtbot.waitUntil(lambda: chart.figure is not None and chart.figure.width == 640)
    assert chart.minimumWidth() == 640, "what is wider than its place must be scrolled, not cut"


def test_marks_and_bars_are_painted_in_their_place_and_colour(chart: ChartView) -> None:
    picture = seen(chart)
    assert tuple(picture[120, 350]) == (255, 0, 0)
    assert tuple(picture[200, 110]) == (0, 0, 255)
    assert tuple(picture[200, 400]) == (0x15, 0x17, 0x1A)


def test_the_pointer_over_a_mark_shows_its_numbers(chart: ChartView, qtbot: QtBot) -> None:
    QTest.mouseMove(chart, QPoint(20, 250))
    QTest.mouseMove(chart, QPoint(352, 118))
    qtbot.waitUntil(lambda: "the middle: 50 %, n = 12" in QToolTip.text())
    assert chart.cursor().shape() is Qt.CursorShape.PointingHandCursor
    QTest.mouseMove(chart, QPoint(110, 200))
    assert chart.cursor().shape() is Qt.CursorShape.ArrowCursor, "a published value has no items behind it"


def test_a_click_on_a_mark_tells_what_it_stands_for(chart: ChartView, qtbot: QtBot) -> None:
    with qtbot.waitSignal(chart.clicked) as told:
        QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(350, 120))
    assert told.args == [Key("run", "L2", "type", "bubble")]
    with qtbot.assertNotEmitted(chart.clicked):
        QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(110, 200))
        QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(400, 60))


def test_the_keyboard_goes_from_mark_to_mark_and_opens_it(chart: ChartView, qtbot: QtBot) -> None:
    chart.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(chart, Qt.Key.Key_Right)
    QTest.keyClick(chart, Qt.Key.Key_Right)
    assert chart.accessibleDescription() == "the middle: 50 %, n = 12"
    with qtbot.waitSignal(chart.clicked) as told:
        QTest.keyClick(chart, Qt.Key.Key_Return)
    assert told.args[0].name == "bubble"


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_picture_file_is_sharp_at_any_scale(scale: float) -> None:
    picture = export.picture(one_mark(700), scale=scale)
    assert (picture.width(), picture.height()) == (700 * scale, 260 * scale)
    assert picture.pixelColor(round(350 * scale), round(120 * scale)).getRgb()[:3] == (255, 0, 0)


def test_charts_are_saved_in_four_formats(chart: ChartView, tmp_path: Path, qtbot: QtBot) -> None:
    for suffix in export.FORMATS:
        with qtbot.waitSignal(chart.said):
            chart.save(tmp_path / f"chart.{suffix}")
    assert ElementTree.fromstring((tmp_path / "chart.svg").read_text("utf-8")).tag.endswith("svg")
    assert QImage(str(tmp_path / "chart.png")).width() == 1400
    rows = list(csv.DictReader(io.StringIO((tmp_path / "chart.csv").read_text("utf-8"))))
    assert rows == [{"model": "a", "accuracy": "0.5", "n": "12"}]
    paper = (tmp_path / "chart.pdf").read_bytes()
    box = re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", paper)
    assert paper.startswith(b"%PDF") and box is not None
    # 96 CSS pixels are an inch, an inch has 72 points.
    assert (round(float(box[1])), round(float(box[2]))) == (525, 195)


def test_a_folder_that_refuses_and_an_unknown_format_are_told(chart: ChartView, tmp_path: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(chart.warned) as told:
        chart.save(tmp_path / "nowhere" / "chart.png")
    assert "nowhere" in told.args[0]
    with pytest.raises(MedqdegError, match="svg, pdf, png, csv"):
        export.save(one_mark(700), tmp_path / "chart.bmp")
    assert not list(tmp_path.iterdir())


def test_numbers_and_picture_go_to_the_clipboard(chart: ChartView) -> None:
    chart.copy_numbers()
    assert QGuiApplication.clipboard().text().splitlines() == ["model,accuracy,n", "a,0.5,12"]
    chart.copy_picture()
    assert QGuiApplication.clipboard().image().width() == 1400


def test_every_chart_of_real_results_paints_all_of_its_marks(evaluated: Evaluated, qtbot: QtBot) -> None:
    with Study.open(evaluated.study, read_only=True) as study:
        found = results(study, replicates=200)
    view = ChartView()
    qtbot.addWidget(view)
    view.resize(1000, 500)
    for build in (
        partial(three_panel, found, with_published=True),
        partial(heatmap, found),
        partial(grouped_bars, found),
        published_heatmap,
    ):
        view.set_chart(lambda width, build=build: build(width=width))
        assert view.figure is not None
        tips = sum(bool(m.tooltip) for p in view.figure.panels for m in (*p.marks, *p.rects))
        assert len(view.spots) == tips > 0
        assert "n =" in view.accessibleDescription() or "published" in view.accessibleDescription().casefold()
        for spot in view.spots:
            assert 0 <= spot.place.center().x() <= view.figure.width and 0 <= spot.place.center().y() <= view.figure.height
        assert len(set(map(tuple, seen(view).reshape(-1, 3)[::97]))) > 4
    assert not any(spot.live for spot in view.spots), "published cells lead to no items"


def test_an_empty_chart_takes_no_room(qtbot: QtBot) -> None:
    view = ChartView()
    qtbot.addWidget(view)
    view.set_chart(None)
    assert view.height() == 0 and view.menu_button.isHidden()


def test_a_narrow_label_loses_its_name_before_its_warning() -> None:
    from medqdeg_desktop.chart.figure import elided, text_width

    label = "tiny-llava-random-weights (random weights, exact T=10)"
    short = elided(label, 246)
    assert short.endswith(" (random weights, exact T=10)") and "…" in short
    assert text_width(short) <= 246
    assert elided("a-very-long-name-of-a-model", 60).count("…") == 1

"""Explore over real dataset folders: filters, counts, one item large, and folders that are broken."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hands import press
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medqdeg_desktop.bank.dataset import Dataset, write_dataset
from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.study.records import Answer, Run
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.action_table import actions_of
from medqdeg_desktop.ui.explore.catalogue import Catalogue, published_share
from medqdeg_desktop.ui.explore.workspace import ExploreWorkspace
from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


@pytest.fixture(autouse=True)
def starts_here(data_home: Path) -> None:
    """The window was closed in Explore the last time and opens there again."""
    data_home.mkdir(parents=True, exist_ok=True)
    (data_home / "window.json").write_text('{"current": "explore"}')


_TYPES = {"CT": ("gaussian_noise", "low_dose"), "MRI": ("gaussian_noise",)}


def make_dataset(folder: Path, items: int = 6, side: int = 24) -> Dataset:
    """Items of alternating modality, each clean and with its types at both levels; grey says the level."""

    def entries() -> object:
        for n in range(items):
            modality = "CT" if n % 2 == 0 else "MRI"
            common = {
                "item_id": f"q{n}",
                "pair_id": f"p{n}",
                "modality": modality,
                "skill": "Counting" if n < 2 else "Disease Diagnosis",
                "source": "kit",
                "question": f"What is shown in {n}?",
                "options": {"A": "liver", "B": "spleen <b>"},
                "answer": "A",
            }
            yield {**common, "level": "L0"}, np.full((side, side), 40, np.uint8)
            for name in _TYPES[modality]:
                for level, grey in ((Level.L1, 120), (Level.L2, 220)):
                    fields = {"level": str(level), "degradation": name, "category": "Noise", "severity": 0.5}
                    told = {"parameters": json.dumps({"sigma": 0.05}), "profile": "Test 1.0.0", "profile_status": "published"}
                    yield {**common, **fields, **told}, np.full((side, side), grey, np.uint8)

    return write_dataset(folder, entries())  # type: ignore[arg-type]


def explore(window: MainWindow) -> ExploreWorkspace:
    window.go_to("explore")
    workspace = window.workspace("explore")
    assert isinstance(workspace, ExploreWorkspace)
    return workspace


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "site" / "s.medq"
    path.parent.mkdir()
    Study.create(path, name="Site").close()
    return path


@pytest.fixture
def shown(open_window: OpenWindow, qtbot: QtBot, study: Path) -> tuple[MainWindow, ExploreWorkspace]:
    """The window on a study with a dataset beside it."""
    make_dataset(study.parent / "set")
    window = open_window(study)
    workspace = explore(window)
    qtbot.waitUntil(lambda: workspace.catalogue is not None, timeout=10_000)
    return window, workspace


# -- what it knows, without a window ------------------------------------------------------------------------------


def test_filters_join_values_of_one_field_and_intersect_fields(tmp_path: Path) -> None:
    catalogue = Catalogue.read(make_dataset(tmp_path / "set").folder)
    rows = list(catalogue.dataset.rows())
    chosen = {"level": frozenset({"L1", "L2"}), "modality": frozenset({"CT"})}
    wanted = [n for n, row in enumerate(rows) if row["level"] in ("L1", "L2") and row["modality"] == "CT"]
    assert catalogue.matching(chosen) == wanted
    assert catalogue.matching({}) == list(range(len(rows)))
    assert catalogue.matching({"degradation": frozenset({"bubble"})}) == []


def test_each_count_is_what_a_change_of_that_field_alone_would_show(tmp_path: Path) -> None:
    catalogue = Catalogue.read(make_dataset(tmp_path / "set").folder)
    chosen = {"level": frozenset({"L1"}), "modality": frozenset({"CT"})}
    counts = catalogue.counts(chosen)
    for name, values in counts.items():
        for value, count in values.items():
            assert count == len(catalogue.matching({**chosen, name: frozenset({value})})), (name, value)


def test_shares_are_of_degraded_pictures_as_in_the_published_tables(tmp_path: Path) -> None:
    catalogue = Catalogue.read(make_dataset(tmp_path / "set").folder)
    assert catalogue.share("degradation", "gaussian_noise") == pytest.approx(12 / 18)
    assert catalogue.share("level", "L0") == pytest.approx(6 / 24)
    assert published_share("degradation", "gaussian_noise") == pytest.approx(2680 / 20588)
    assert published_share("level", "L0") == pytest.approx(4306 / 24894)
    assert published_share("category", "Noise") == pytest.approx(3796 / 20588)
    assert published_share("source", "kit") is None


def test_an_item_brings_its_clean_picture_and_every_level_of_every_type(tmp_path: Path) -> None:
    catalogue = Catalogue.read(make_dataset(tmp_path / "set").folder)
    number = next(n for n, p in enumerate(catalogue.pictures) if (p.item_id, p.degradation) == ("q2", "low_dose"))
    found = catalogue.item(number)
    assert found.clean is not None and catalogue.line(found.clean)["item_id"] == "q2"
    assert set(found.types) == {"gaussian_noise", "low_dose"}
    assert [catalogue.line(n)["level"] for n in found.types["low_dose"].values()] == ["L1", "L2"]


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "set").folder
    metadata = folder / "metadata.jsonl"
    metadata.write_bytes(metadata.read_bytes() + b"{broken\n")
    with pytest.raises(DatasetError, match=r"metadata\.jsonl line 25: no JSON"):
        Catalogue.read(folder)


def test_a_verdict_becomes_a_filter(tmp_path: Path) -> None:
    catalogue = Catalogue.read(make_dataset(tmp_path / "set").folder)
    catalogue.with_verdicts({catalogue.pictures[1].file_name: "wrong"})
    assert catalogue.matching({"verdict": frozenset({"wrong"})}) == [1]
    catalogue.with_verdicts({})
    assert "verdict" not in catalogue.facets


# -- in the window ------------------------------------------------------------------------------------------------


def test_the_newest_dataset_beside_the_study_opens_by_itself(shown: tuple[MainWindow, ExploreWorkspace]) -> None:
    _, workspace = shown
    assert workspace.wall.pictures.rowCount() == 24
    assert workspace.told.text() == "24 pictures"


def test_ticking_a_value_narrows_the_wall_and_clearing_brings_all_back(shown: tuple[MainWindow, ExploreWorkspace]) -> None:
    _, workspace = shown
    workspace.filters.choose({"degradation": frozenset({"low_dose"})})
    assert workspace.wall.pictures.rowCount() == 6
    assert workspace.told.text() == "6 of 24 pictures"
    workspace.filters.choose({"degradation": frozenset({"low_dose"}), "modality": frozenset({"MRI"})})
    assert workspace.stack.currentWidget() is workspace.nothing
    workspace.nothing.acted.emit()
    assert workspace.wall.pictures.rowCount() == 24


def test_a_click_shows_the_item_at_three_levels_with_its_question_and_profile(
    shown: tuple[MainWindow, ExploreWorkspace], qtbot: QtBot
) -> None:
    window, workspace = shown
    index = workspace.wall.pictures.index(2, 0)
    centre = workspace.wall.visualRect(index).center()
    QTest.mouseClick(workspace.wall.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, centre)
    page = workspace.page
    qtbot.waitUntil(lambda: workspace.stack.currentWidget() is page, timeout=15_000)
    greys = [int(pane.image.pixels.flat[0]) for pane in page.panes.panes if pane.image is not None]
    assert greys == [40, 120, 220]
    assert page.question.text() == "What is shown in 0?"
    assert "spleen &lt;b&gt;" in page.options.text(), "an option is text, never markup"
    assert "sigma 0.05" in page.parameters.text() and "Test 1.0.0 (published)" in page.parameters.text()
    QTest.keyPress(page, Qt.Key.Key_Space)
    assert [int(p.image.pixels.flat[0]) for p in page.panes.panes if p.image is not None] == [40, 40, 40]
    QTest.keyRelease(page, Qt.Key.Key_Space)
    press(window, Qt.Key.Key_Escape)
    assert workspace.stack.currentWidget() is workspace.wall
    assert workspace.wall.currentIndex().row() == 2


def test_zooming_one_level_zooms_all_three(shown: tuple[MainWindow, ExploreWorkspace], qtbot: QtBot) -> None:
    _, workspace = shown
    workspace.open_picture(1)
    qtbot.waitUntil(lambda: workspace.stack.currentWidget() is workspace.page, timeout=15_000)
    panes = workspace.page.panes.panes
    panes[2].zoomed.emit(3.0, 10.0, 10.0)
    placements = [pane.placement() for pane in panes]
    assert len({(p.scale_x, p.rows) for p in placements if p is not None}) == 1
    assert workspace.page.panes.link.view.viewport.zoom is not None


def test_arrow_keys_go_through_the_pictures_that_the_filters_left(
    shown: tuple[MainWindow, ExploreWorkspace], qtbot: QtBot
) -> None:
    window, workspace = shown
    workspace.filters.choose({"level": frozenset({"L2"})})
    first = workspace.wall.number_at(0)
    assert first is not None
    workspace.open_picture(first)
    qtbot.waitUntil(lambda: workspace.stack.currentWidget() is workspace.page, timeout=15_000)
    press(window, Qt.Key.Key_Right)
    second = workspace.wall.number_at(1)
    assert second is not None and workspace.catalogue is not None
    picture = workspace.catalogue.pictures[second]
    qtbot.waitUntil(lambda: workspace.page.title.text() == picture.item_id, timeout=15_000)


def _drop(window: MainWindow, folder: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(folder))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    target = window.workspace("explore")
    QApplication.sendEvent(target, QDragEnterEvent(QPoint(40, 30), Qt.DropAction.CopyAction, mime, buttons, keys))
    QApplication.sendEvent(target, QDropEvent(QPointF(40, 30), Qt.DropAction.CopyAction, mime, buttons, keys))


def test_a_dropped_dataset_takes_the_place_of_the_one_shown(
    shown: tuple[MainWindow, ExploreWorkspace], qtbot: QtBot, tmp_path: Path
) -> None:
    window, workspace = shown
    other = make_dataset(tmp_path / "other", items=2).folder
    _drop(window, other)
    qtbot.waitUntil(lambda: workspace.catalogue is not None and workspace.catalogue.dataset.folder == other, timeout=10_000)
    assert workspace.wall.pictures.rowCount() == 8


def test_a_folder_without_a_dataset_is_named_in_the_banner_and_nothing_is_lost(
    shown: tuple[MainWindow, ExploreWorkspace], qtbot: QtBot, tmp_path: Path
) -> None:
    window, workspace = shown
    empty = tmp_path / "nothing here"
    empty.mkdir()
    workspace.open_dataset(empty)
    qtbot.waitUntil(window.banner.isVisible, timeout=10_000)
    assert "nothing here: no dataset here" in window.banner.text.text()
    assert workspace.wall.pictures.rowCount() == 24


def test_missing_and_damaged_pictures_are_told_and_the_rest_is_shown(open_window: OpenWindow, qtbot: QtBot, study: Path) -> None:
    dataset = make_dataset(study.parent / "set")
    rows = list(dataset.rows())
    dataset.image_path(rows[1]).unlink()
    dataset.image_path(rows[2]).write_bytes(b"no picture")
    window = open_window(study)
    workspace = explore(window)
    qtbot.waitUntil(lambda: workspace.catalogue is not None, timeout=10_000)
    assert f"files are missing (1 of the pictures, the first is {rows[1]['file_name']})" in window.banner.text.text()
    workspace.open_picture(0)
    qtbot.waitUntil(lambda: workspace.stack.currentWidget() is workspace.page, timeout=15_000)
    panes = workspace.page.panes.panes
    assert panes[0].image is not None and panes[1].image is None and panes[2].image is None
    assert panes[1].overlay.mark and panes[2].overlay.mark


def test_a_study_without_a_dataset_says_what_to_do(open_window: OpenWindow, qtbot: QtBot, study: Path) -> None:
    workspace = explore(open_window(study))
    QTest.qWait(200)
    assert workspace.faces.currentWidget() is workspace.empty
    assert "Drop a dataset folder" in workspace.empty.sentence.text()


def test_pictures_are_filtered_by_what_a_model_made_of_them(shown: tuple[MainWindow, ExploreWorkspace], qtbot: QtBot) -> None:
    window, workspace = shown
    catalogue = workspace.catalogue
    assert catalogue is not None and window.session.path is not None
    run = Run("run-1", "local:model", "A model", "vote", 3, catalogue.sha256, str(catalogue.dataset.folder), {"prompt": "x"})
    replies = {0: ["A", "A", "B"], 1: ["B", "B", "A"], 2: ["", "", "A"], 3: ["A", "B"]}
    with Study.open(window.session.path) as study:
        study.start_run(run)
        study.append_answers(
            "run-1",
            [
                Answer(catalogue.pictures[n].file_name, trial, choice or "?", choice, "ok" if choice else "unparsed")
                for n, choices in replies.items()
                for trial, choice in enumerate(choices)
            ],
        )
    workspace.entered()
    qtbot.waitUntil(lambda: workspace.model.count() == 2, timeout=10_000)
    workspace.model.setCurrentIndex(1)
    qtbot.waitUntil(lambda: "verdict" in catalogue.facets, timeout=10_000)
    counts = catalogue.counts({})["verdict"]
    assert counts == {"correct": 1, "wrong": 2, "unparsed": 1, "not answered": 20}
    workspace.filters.choose({"verdict": frozenset({"wrong"})})
    assert [workspace.wall.number_at(row) for row in range(2)] == [1, 3], "a tie is no correct answer"


def test_every_action_of_explore_has_its_method() -> None:
    for action in actions_of("explore"):
        assert callable(getattr(ExploreWorkspace, action.handler)), action.action_id


def test_twenty_five_thousand_pictures_are_filtered_and_counted_as_their_lines_say(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "set").folder
    lines = (folder / "metadata.jsonl").read_bytes()
    (folder / "metadata.jsonl").write_bytes(lines * 1000)
    catalogue = Catalogue.read(folder)
    assert len(catalogue.pictures) == 24_000 and catalogue.missing == []
    chosen = {"level": frozenset({"L1"}), "modality": frozenset({"CT"})}
    rows = [json.loads(line) for line in lines.splitlines()] * 1000
    of_ct = Counter(row["level"] for row in rows if row["modality"] == "CT")
    assert catalogue.counts(chosen)["level"] == of_ct
    assert 0 < of_ct["L1"] < len(rows)
    matching = [n for n, row in enumerate(rows) if row["level"] == "L1" and row["modality"] == "CT"]
    assert catalogue.matching(chosen) == matching

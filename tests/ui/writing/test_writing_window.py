"""A reader writes questions about the picture on the screen: by keys and mouse, kept while typing, and on to the finished set."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hands import drag, press, seen, wait_for_picture
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medqdeg_desktop.bank import writing as writing_of_bank
from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.export import export_dataset
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.region import drawn, outline
from medqdeg_desktop.bank.review import decide
from medqdeg_desktop.bank.reviewed_draw import draw_under_review
from medqdeg_desktop.bank.verify import verify_dataset
from medqdeg_desktop.bank.writing import begin, drafts, save, submit, versions
from medqdeg_desktop.bank.written_items import Book, Standing, read_book
from medqdeg_desktop.engine import png
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import Window
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.samples.ct import ct_abdomen
from medqdeg_desktop.samples.dicom_file import write_dicom
from medqdeg_desktop.study.records import Review, ReviewSetup
from medqdeg_desktop.study.store import Study, StudyError
from medqdeg_desktop.taxonomy import GEOMETRY_CHANGING, Level
from medqdeg_desktop.ui.explore.catalogue import Catalogue
from medqdeg_desktop.ui.generate.state import read_bank
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.writing import desk as desk_of_writing
from medqdeg_desktop.ui.writing.desk import WritingDesk
from medqdeg_desktop.ui.writing.panel import WritingPanel
from medqdeg_desktop.ui.writing.region_layer import RegionLayer
from medqdeg_desktop.ui.writing.workspace import WritingWorkspace

OpenWindow = Callable[..., MainWindow]
ALT, CTRL = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier
ORGANS = ("Liver", "Spleen", "Left kidney", "Stomach")


@pytest.fixture(scope="session")
def abdomen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CT of five slices, 96 x 96, as DICOM."""
    folder = tmp_path_factory.mktemp("abdomen")
    for n in range(5):
        phantom = ct_abdomen(3, size=96, z=0.1 * n)
        write_dicom(phantom.image, folder / f"{n}.dcm", series="abdomen", description="Phantom", z_mm=5.0 * n, instance=n + 1)
    return folder


class Writing:
    """The window in the mode of writing, and its parts."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        workspace = window.workspace("calibrate")
        assert isinstance(workspace, WritingWorkspace)
        self.workspace = workspace

    @property
    def desk(self) -> WritingDesk:
        assert self.workspace.desk_of_questions is not None
        return self.workspace.desk_of_questions

    @property
    def panel(self) -> WritingPanel:
        assert self.workspace.writing_panel is not None
        return self.workspace.writing_panel

    @property
    def layer(self) -> RegionLayer:
        assert self.workspace.layer is not None
        return self.workspace.layer

    def on_layer(self, x: float, y: float) -> QPoint:
        return self.layer.on_pane((x, y)).toPoint()

    def type(self, text: str) -> None:
        focus = QApplication.focusWidget()
        assert focus is not None
        QTest.keyClicks(focus, text)


@pytest.fixture
def study_path(tmp_path: Path) -> Path:
    path = tmp_path / "ward.medq"
    Study.create(path).close()
    return path


@pytest.fixture
def writing(open_window: OpenWindow, study_path: Path, abdomen: Path, qtbot: QtBot) -> Writing:
    window = open_window(study_path, abdomen, size=(1280, 800))
    press(window, Qt.Key.Key_I, CTRL)
    here = Writing(window)
    qtbot.waitUntil(lambda: here.desk.draft is not None, timeout=10_000)
    return here


def submitted(writing: Writing) -> int:
    return sum(one.standing is Standing.SUBMITTED for one in writing.desk.written.values())


def write(writing: Writing, question: str, options: tuple[str, ...], answer: int, skill: str) -> None:
    """A question from the keyboard alone, as far as its skill."""
    press(writing.window, Qt.Key.Key_Q, ALT)
    writing.type(question)
    for option in options:
        press(writing.window, Qt.Key.Key_Return)
        press(writing.window, Qt.Key.Key_A, CTRL)
        writing.type(option)
    press(writing.window, Qt.Key.Key_1.value + answer, ALT)  # type: ignore[arg-type]
    press(writing.window, Qt.Key.Key_S, ALT)
    writing.type(skill)
    listed = writing.panel.form.skill.completer().popup()
    if listed.isVisible():
        QTest.keyClick(listed, Qt.Key.Key_Escape)
        # What a window manager does when a list closes; the offscreen platform has none.
        writing.window.activateWindow()
    press(writing.window, Qt.Key.Key_Return)


def test_three_questions_from_dicom_are_reviewed_generated_exported_and_seen_in_explore(
    writing: Writing, study_path: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    workspace, window = writing.workspace, writing.window
    write(writing, "Which organ is marked?", ORGANS, 0, "abdominal str")
    press(window, Qt.Key.Key_E, ALT)
    drag(writing.layer, Qt.MouseButton.LeftButton, writing.on_layer(20, 30), writing.on_layer(50, 58) - writing.on_layer(20, 30))
    press(window, Qt.Key.Key_Return, CTRL)
    qtbot.waitUntil(lambda: submitted(writing) == 1, timeout=10_000)
    # The next keeps skill and options, and follows the picture until it is touched.
    following = writing.desk.draft
    assert following is not None and (following.options, following.skill) == (ORGANS, "Abdominal Structures")
    press(window, Qt.Key.Key_Escape)
    press(window, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: workspace.image is not None and workspace.image.frame == 3, timeout=10_000)
    press(window, Qt.Key.Key_3)
    write(writing, "What is the round bright structure in front of the spine?", ("Aorta", "Ureter"), 0, "Cardiovascular")
    for row in (2, 3):
        writing.panel.form.options[row].clear()
    press(window, Qt.Key.Key_Return, CTRL)
    qtbot.waitUntil(lambda: submitted(writing) == 2, timeout=10_000)
    write(writing, "How many kidneys are seen?", ("None", "One", "Two"), 2, "Counting")
    press(window, Qt.Key.Key_Return, CTRL)
    qtbot.waitUntil(lambda: submitted(writing) == 3, timeout=10_000)
    qtbot.waitUntil(lambda: "3" in writing.panel.list.shown.itemText(5), timeout=5_000)

    with Study.open(study_path) as study:
        items = sorted(study.items(), key=lambda item: item.item_id)
        assert [item.answer for item in items] == ["A", "A", "C"]
        assert [item.skill for item in items] == ["Abdominal Structures", "Cardiovascular", "Counting"]
        assert items[0].window != items[1].window and items[1].options == {"A": "Aorta", "B": "Ureter"}
        assert items[0].region is not None and items[0].region["kind"] == "ellipse"
        np.testing.assert_allclose(items[0].region["at"], [20, 30, 50, 58], atol=0.2)
        assert len(items[0].region["patient"]["points"]) == 4
        assert {item.patient for item in items} == {f"series {workspace.list.series.rows[0].series_id}"}
        study.open_review(ReviewSetup(seed=0, decisions=2), "dr_a")
        types = draw_under_review(study)
        for item in items:
            for reader in ("dr_a", "dr_b"):
                decide(study, Review(reader, item.item_id, dict.fromkeys(types(item), 0)))
        assert {one.standing for one in read_book(study).written} == {Standing.ACCEPTED}
        generate(study, tmp_path / "set", Asked(mark_regions=True), workers=1, make_executor=partial(ThreadPoolExecutor, 1))
        assert study.verify() == []
    assert verify_dataset(tmp_path / "set") == []
    dataset = Dataset.open(tmp_path / "set")
    rows = list(dataset.rows())
    assert {row["level"] for row in rows} == {"L0", "L1", "L2"}
    # The clean picture is what the screen showed, through the frozen window, with the mark drawn over it.
    for item in items:
        row = next(row for row in rows if row["item_id"] == item.item_id and row["level"] == "L0")
        assert item.window is not None
        clean = to_display(read_image(item.images[0], item.frame), Window(*item.window))
        written = png.decode(dataset.image_path(row).read_bytes())
        np.testing.assert_array_equal(written, drawn(clean, item.region) if item.region else clean)
    # The mark is as green at every level, along its own line.
    marked = [row for row in rows if row["item_id"] == items[0].item_id]
    x, y = np.rint(outline(items[0].region)).astype(int).T
    for row in marked:
        line = png.decode(dataset.image_path(row).read_bytes())[y, x].astype(int)
        assert (line[:, 1] - line[:, 0] > 100).mean() > 0.9, row["file_name"]
    for form in ("vlmevalkit", "imagefolder"):
        export_dataset(dataset.folder, form, tmp_path / form)
    catalogue = Catalogue.read(tmp_path / "set")
    assert catalogue.counts({})["skill"] == {
        skill: sum(row["skill"] == skill for row in rows) for skill in {item.skill for item in items}
    }
    window.go_to("explore")
    wall = window.workspace("explore").wall  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: wall.pictures.rowCount() == len(rows), timeout=10_000)
    # Nothing in what leaves the site names a file, a folder or a person of this one.
    text = (tmp_path / "set" / "metadata.jsonl").read_text("utf-8") + (tmp_path / "set" / "manifest.json").read_text("utf-8")
    for told in (
        str(tmp_path),
        str(Path(items[0].images[0]).parent),
        Path(items[0].images[0]).name,
        "PHANTOM",
        "dr_a",
        "Reader 1",
    ):
        assert told not in text


def test_what_is_typed_is_on_disk_before_anything_is_pressed_and_every_pause_is_a_version(
    writing: Writing, study_path: Path, qtbot: QtBot
) -> None:
    def kept() -> list[str]:
        with Study.open(study_path, read_only=True) as study:
            return [draft.question for draft in drafts(study)]

    writing.type("Is there  ")
    qtbot.waitUntil(lambda: kept() == ["Is there  "], timeout=5_000)
    writing.type("free air?")
    qtbot.waitUntil(lambda: kept() == ["Is there  free air?"], timeout=5_000)
    assert writing.desk.draft is not None
    item_id = writing.desk.draft.item_id
    with Study.open(study_path, read_only=True) as study:
        assert versions(study, item_id)[0].question == "Is there  "
        assert [one.by for one in read_book(study).written] == ["Reader 1"]


def test_words_that_the_study_refuses_are_not_given_up_when_another_question_comes_to_the_front(
    writing: Writing, study_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> bool:
        raise StudyError("ward.medq: in use by another program")

    monkeypatch.setattr(writing_of_bank, "save", refuse)
    writing.type("What was refused?")
    with qtbot.waitSignal(writing.desk.warned, timeout=10_000):
        writing.workspace.begin_question()
    monkeypatch.undo()
    qtbot.waitUntil(lambda: writing.desk.draft is not None and writing.desk.draft.question == "", timeout=10_000)
    press(writing.window, Qt.Key.Key_Q, ALT)
    writing.type("And then?")

    def on_disk() -> set[str]:
        with Study.open(study_path, read_only=True) as study:
            return {draft.question for draft in drafts(study)}

    qtbot.waitUntil(lambda: on_disk() == {"What was refused?", "And then?"}, timeout=10_000)


def test_a_list_that_was_read_meanwhile_takes_nothing_back(
    writing: Writing, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing.type("What")
    with qtbot.waitSignal(writing.desk.listed, timeout=10_000):
        writing.desk.save()
    read, may_go_on = desk_of_writing._read, threading.Event()

    def slow(path: Path) -> Book:
        book = read(path)
        may_go_on.wait(10)
        return book

    monkeypatch.setattr(desk_of_writing, "_read", slow)
    writing.desk.reload()
    writing.type(" is it?")
    with qtbot.waitSignal(writing.desk.listed, timeout=10_000):
        writing.desk.save()
    with qtbot.waitSignal(writing.desk.listed, timeout=10_000):
        may_go_on.set()
    assert [one.draft.question for one in writing.desk.written.values()] == ["What is it?"]


def test_a_draft_is_there_again_after_the_window_was_closed_with_its_frame_and_window(
    writing: Writing, open_window: OpenWindow, study_path: Path, abdomen: Path, qtbot: QtBot
) -> None:
    press(writing.window, Qt.Key.Key_Escape)
    press(writing.window, Qt.Key.Key_Home)
    qtbot.waitUntil(lambda: writing.workspace.image is not None and writing.workspace.image.frame == 0, timeout=10_000)
    press(writing.window, Qt.Key.Key_2)
    press(writing.window, Qt.Key.Key_Q, ALT)
    writing.type("Which side?")
    before = writing.desk.draft
    assert before is not None and before.window is not None
    writing.window.close()
    window = open_window(study_path, abdomen, size=(1280, 800))
    press(window, Qt.Key.Key_I, CTRL)
    again = Writing(window)
    qtbot.waitUntil(lambda: bool(again.desk.written), timeout=10_000)
    again.panel.list.show_only("drafts")
    again.workspace.step_question(1)
    qtbot.waitUntil(lambda: again.desk.exactly_shown, timeout=10_000)
    assert again.desk.draft == before
    assert again.workspace.image is not None and again.workspace.image.frame == 0
    assert again.panel.form.question.toPlainText() == "Which side?"


def test_a_touched_question_stays_with_its_picture_while_the_reader_looks_around(writing: Writing, qtbot: QtBot) -> None:
    writing.type("What is it?")
    frozen = writing.desk.draft
    press(writing.window, Qt.Key.Key_Escape)
    press(writing.window, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: writing.workspace.image is not None and writing.workspace.image.frame == 4, timeout=10_000)
    assert writing.desk.draft is frozen and writing.desk.picture_number is None
    press(writing.window, Qt.Key.Key_B, ALT)
    assert writing.layer.tool == ""
    press(writing.window, Qt.Key.Key_G, ALT)
    qtbot.waitUntil(lambda: writing.desk.exactly_shown, timeout=10_000)
    press(writing.window, Qt.Key.Key_I)
    press(writing.window, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: writing.workspace.image is not None and writing.workspace.image.frame == 4, timeout=10_000)
    press(writing.window, Qt.Key.Key_P, ALT)
    assert writing.desk.draft is not None and writing.desk.exactly_shown
    assert writing.desk.draft.question == "What is it?" and writing.desk.draft.image.endswith("4.dcm")


def test_a_region_never_comes_from_another_slice_than_the_one_asked_about(writing: Writing, qtbot: QtBot) -> None:
    def scroll(key: Qt.Key, frame: int) -> None:
        press(writing.window, key)
        qtbot.waitUntil(lambda: writing.workspace.image is not None and writing.workspace.image.frame == frame, timeout=10_000)

    writing.type("What is marked?")
    press(writing.window, Qt.Key.Key_Escape)
    press(writing.window, Qt.Key.Key_B, ALT)
    scroll(Qt.Key.Key_End, 4)
    drag(writing.layer, Qt.MouseButton.LeftButton, writing.on_layer(20, 20), writing.on_layer(40, 50) - writing.on_layer(20, 20))
    assert writing.desk.draft is not None and writing.desk.draft.region is None and writing.layer.region is None
    press(writing.window, Qt.Key.Key_G, ALT)
    qtbot.waitUntil(lambda: writing.desk.exactly_shown, timeout=10_000)
    press(writing.window, Qt.Key.Key_F, ALT)
    no_key = Qt.KeyboardModifier.NoModifier
    for corner in ((20, 20), (60, 22)):
        QTest.mouseClick(writing.layer, Qt.MouseButton.LeftButton, no_key, writing.on_layer(*corner))
    scroll(Qt.Key.Key_End, 4)
    press(writing.window, Qt.Key.Key_G, ALT)
    qtbot.waitUntil(lambda: writing.desk.exactly_shown, timeout=10_000)
    for corner in ((40, 40), (70, 42), (50, 70), (40, 40)):
        QTest.mouseClick(writing.layer, Qt.MouseButton.LeftButton, no_key, writing.on_layer(*corner))
    assert writing.desk.draft.region is not None and len(writing.desk.draft.region["points"]) == 3


def test_a_region_is_drawn_moved_bent_hidden_and_deleted_by_hand(writing: Writing) -> None:
    layer, desk = writing.layer, writing.desk

    def region() -> dict:
        assert desk.draft is not None and desk.draft.region is not None
        return desk.draft.region

    def pull(start: tuple[float, float], end: tuple[float, float]) -> None:
        drag(layer, Qt.MouseButton.LeftButton, writing.on_layer(*start), writing.on_layer(*end) - writing.on_layer(*start))

    press(writing.window, Qt.Key.Key_B, ALT)
    pull((20, 20), (40, 50))
    np.testing.assert_allclose(region()["at"], [20, 20, 40, 50], atol=0.2)
    first_place = region()["patient"]["points"]
    pull((30, 35), (35, 30))
    np.testing.assert_allclose(region()["at"], [25, 15, 45, 45], atol=0.4)
    assert region()["patient"]["points"] != first_place
    pull((45, 45), (60, 70))
    np.testing.assert_allclose(region()["at"], [25, 15, 60, 70], atol=0.6)
    pull((40, 40), (400, 40))
    assert region()["at"][2] == 95.5
    press(writing.window, Qt.Key.Key_Escape)
    press(writing.window, Qt.Key.Key_V)
    assert not layer.regions_shown
    press(writing.window, Qt.Key.Key_V)
    press(writing.window, Qt.Key.Key_Delete)
    assert desk.draft is not None and desk.draft.region is None
    # A save that comes back while the hand draws takes nothing out of it.
    press(writing.window, Qt.Key.Key_B, ALT)
    QTest.mousePress(layer, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, writing.on_layer(10, 10))
    desk.retold.emit()
    QTest.mouseMove(layer, writing.on_layer(30, 20))
    desk.listed.emit()
    QTest.mouseRelease(layer, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, writing.on_layer(40, 30))
    np.testing.assert_allclose(region()["at"], [10, 10, 40, 30], atol=0.2)
    # Corner by corner: clicks, closed on the first of them.
    press(writing.window, Qt.Key.Key_F, ALT)
    for corner in ((20, 20), (60, 22), (40, 60), (20, 20)):
        QTest.mouseClick(layer, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, writing.on_layer(*corner))
    assert region()["kind"] == "contour" and len(region()["points"]) == 3
    np.testing.assert_allclose(outline(region()).mean(axis=0), [40, 34], atol=0.5)


def test_two_frames_are_compared_and_the_region_lies_on_the_second(writing: Writing, study_path: Path, qtbot: QtBot) -> None:
    write(writing, "In which picture is the marked vessel wider?", ("First", "Second"), 1, "Cardiovascular")
    press(writing.window, Qt.Key.Key_Escape)
    press(writing.window, Qt.Key.Key_Home)
    qtbot.waitUntil(lambda: writing.workspace.image is not None and writing.workspace.image.frame == 0, timeout=10_000)
    press(writing.window, Qt.Key.Key_A, ALT)
    press(writing.window, Qt.Key.Key_E, ALT)
    drag(writing.layer, Qt.MouseButton.LeftButton, writing.on_layer(40, 40), writing.on_layer(55, 55) - writing.on_layer(40, 40))
    press(writing.window, Qt.Key.Key_Return, CTRL)
    qtbot.waitUntil(lambda: submitted(writing) == 1, timeout=10_000)
    with Study.open(study_path, read_only=True) as study:
        (item,) = study.items()
    assert [Path(path).name for path in item.images] == ["2.dcm", "0.dcm"]
    assert item.region is not None and item.region["image"] == 1


def test_what_is_missing_or_doubtful_is_said_and_nothing_half_is_submitted(writing: Writing, qtbot: QtBot) -> None:
    write(writing, "Is the liver marked?", ("Liver", "liver ", "Spleen"), 0, "nosuchskill")
    qtbot.waitUntil(
        lambda: "names its answer" not in writing.panel.notes.text() and bool(writing.panel.notes.text()), timeout=5_000
    )
    press(writing.window, Qt.Key.Key_Return, CTRL)
    assert "stands twice" in writing.panel.notes.toolTip() and "none of the thirty" in writing.panel.notes.toolTip()
    assert submitted(writing) == 0 and writing.desk.draft is not None and writing.desk.draft.question == "Is the liver marked?"
    writing.panel.form.options[1].setText("Kidney")
    writing.panel.form.skill.setText("Abdominal Structures")
    qtbot.waitUntil(lambda: "names its answer" in writing.panel.notes.text(), timeout=5_000)
    assert "no region is drawn" in writing.panel.notes.text()
    press(writing.window, Qt.Key.Key_Return, CTRL)
    qtbot.waitUntil(lambda: submitted(writing) == 1, timeout=10_000)


def test_a_submitted_question_is_closed_until_it_is_taken_up_again(writing: Writing, qtbot: QtBot) -> None:
    write(writing, "Which organ is it?", ORGANS, 1, "Abdominal Structures")
    press(writing.window, Qt.Key.Key_Return, CTRL)
    qtbot.waitUntil(lambda: submitted(writing) == 1, timeout=10_000)
    press(writing.window, Qt.Key.Key_Down, CTRL)
    assert writing.desk.standing is Standing.SUBMITTED
    assert writing.panel.form.question.isReadOnly() and writing.panel.submit.isHidden()
    writing.panel.form.choose_answer(0)
    press(writing.window, Qt.Key.Key_E, CTRL)
    qtbot.waitUntil(lambda: writing.desk.standing is Standing.DRAFT, timeout=10_000)
    assert writing.desk.draft is not None and writing.desk.draft.answer == "B"
    press(writing.window, Qt.Key.Key_1, ALT)
    press(writing.window, Qt.Key.Key_Return, CTRL)
    qtbot.waitUntil(lambda: [one.draft.answer for one in writing.desk.written.values()] == ["A"], timeout=10_000)
    qtbot.waitUntil(lambda: submitted(writing) == 1, timeout=10_000)


def test_no_level_can_be_set_while_questions_are_written_and_all_is_as_before_after_it(writing: Writing, qtbot: QtBot) -> None:
    workspace, window = writing.workspace, writing.window
    press(window, Qt.Key.Key_Escape)
    press(window, Qt.Key.Key_Return)
    press(window, Qt.Key.Key_BracketRight)
    assert workspace.severity == 0 and workspace.desk.clean(workspace.image) is None
    assert workspace.panel.isHidden() and workspace.acting == (workspace, "writing")
    press(window, Qt.Key.Key_I, CTRL)
    wait_for_picture(qtbot, workspace)
    assert not workspace.panel.isHidden() and writing.panel.isHidden() and writing.layer.isHidden()
    assert workspace.acting == (workspace, "calibrate")
    press(window, Qt.Key.Key_BracketRight)
    assert workspace.severity == pytest.approx(0.05)
    press(window, Qt.Key.Key_Return, CTRL)
    assert submitted(writing) == 0


def test_fifty_questions_go_through_the_desk_without_one_being_lost(writing: Writing, study_path: Path, qtbot: QtBot) -> None:
    desk = writing.desk
    for n in range(50):
        assert desk.draft is not None
        region = {"kind": "box", "at": [n, n, n + 10, n + 12]}
        desk._change(replace(desk.draft, question=f"Question {n}?", options=ORGANS, answer="ABCD"[n % 4], region=region))
        if n == 0:
            desk._change(replace(desk.draft, skill="Abdominal Structures"))
        desk.submit()
    qtbot.waitUntil(lambda: submitted(writing) == 50, timeout=20_000)
    with Study.open(study_path, read_only=True) as study:
        items = sorted(study.items(), key=lambda item: item.item_id)
        assert [item.question for item in items] == [f"Question {n}?" for n in range(50)]
        assert {item.skill for item in items} == {"Abdominal Structures"}
        assert [item.answer for item in items[:5]] == list("ABCDA")
        assert study.verify() == []
        assert json.loads(json.dumps(items[49].region)) == {"kind": "box", "at": [49, 49, 59, 61]}


def test_reviewers_see_the_region_where_it_was_drawn_and_the_generator_offers_to_draw_it(
    open_window: OpenWindow, study_path: Path, abdomen: Path, qtbot: QtBot
) -> None:
    image = read_image(abdomen / "2.dcm")
    region = {"kind": "box", "at": [30, 40, 60, 55]}
    with Study.open(study_path) as study:
        save(study, begin(image, abdomen / "1.dcm"), "dr_a")
        draft = replace(begin(image, abdomen / "2.dcm"), question="Which organ is marked?", options=ORGANS, answer="A")
        submit(study, replace(draft, skill="Abdominal Structures", region=region), "dr_a")
        (item,) = (item for item in study.items() if not item.draft)
        types = draw_under_review(study)(item)
    window = open_window(study_path)
    window.go_to("review")
    grid = window.workspace("review").grid  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: grid.clean is not None and grid.cells[0, Level.L2].image is not None, timeout=20_000)
    pane = grid.cells[0, Level.L0].panes[0]
    placement, ratio = pane.placement(), pane.devicePixelRatioF()
    assert placement is not None
    shown = seen(pane).astype(int)
    across, down = (round(v) for v in placement.to_pane(40.5, 45.5))
    edge = shown[down - 2 : down + 3, across]
    assert (edge[:, 1] - edge[:, 0]).max() > 80, "the upper edge of the box is green"
    across, down = (round(v) for v in placement.to_pane(48, 45))
    assert np.ptp(shown[down, across]) < 10 and ratio >= 1
    for column, name in enumerate(types):
        glass = grid.cells[column, Level.L1]._glasses[0]
        qtbot.waitUntil(lambda column=column: grid.cells[column, Level.L1].image is not None, timeout=20_000)
        assert glass.isHidden() == (name in GEOMETRY_CHANGING)
    bank = read_bank(study_path)
    assert (bank.items, bank.regions) == (1, 1)
    window.go_to("generate")
    form = window.workspace("generate").form  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: not form.regions.isHidden(), timeout=10_000)
    assert form.wanted.mark_regions

"""Sessions of the reader study in the real window: trials by key and mouse, pauses, refusals, pictures elsewhere, a design."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hands import press, seen
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMenu, QMessageBox
from pytestqt.qtbot import QtBot
from reading_hands import answer, begin, drag_to, read_all, skin_pictures, skin_study, study_pages, texts

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.protocol import CellDesign
from medqdeg_desktop.calibration.redraw import redraw
from medqdeg_desktop.calibration.trials import ADJUST, adjustment
from medqdeg_desktop.study.records import ImageRecord
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level, Modality
from medqdeg_desktop.ui.calibrate.reading.session_page import SessionPage
from medqdeg_desktop.ui.calibrate.study_mode import CalibrateModes
from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def pictures(tmp_path: Path) -> list[ImageRecord]:
    return skin_pictures(tmp_path)


def test_a_session_by_keyboard_keeps_every_answer_before_the_next_trial(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, fixed, protocol = skin_study(tmp_path, pictures)
    window = open_window(path)
    keys = read_all(qtbot, window)
    reader = window.session.reader
    with Study.open(path, read_only=True) as study:
        answers = study.trials(fixed.protocol_id, reader)
        plan = adjustment(fixed, protocol, answers[0].reader)
        assert keys == [a.key for a in answers] == [t.key for t in plan]
        for answer, trial in zip(answers, plan, strict=True):
            if trial.kind == "set":
                assert answer.severity == pytest.approx(0.3 if trial.level is Level.L1 else 0.6)
                assert answer.detail["start"] == trial.start and answer.detail["slider_events"] > 0
            elif trial.kind == "catch":
                assert answer.verdict == "cannot_set"
        assert {d.verdict for d in study.clean_decisions(reader)} == {"diagnostic"}
        settings = [a for a in answers if a.verdict == "set"]
        assert {a.detail["mirrored"] for a in settings} == {False, True}
        # Before the panel has locked nobody draws anybody's level again: the picture would tell it.
        with pytest.raises(CalibrationError, match="no setting"):
            redraw(study, settings[0].event_id)
    with Study.open(path) as study:
        for name in (reader, "Reader 2"):
            study.ensure_reader(name)
            study.lock_stage(fixed.protocol_id, name, ADJUST)
        for answer in answers:
            drawn = redraw(study, answer.event_id)
            assert drawn.sha256 == drawn.shown_sha256 == answer.detail.get("render_sha256", answer.image_id)
        (clean, *_) = study.clean_decisions(reader)
        assert redraw(study, clean.event_id).sha256 == clean.image_id
        assert study.verify() == []


def test_a_session_goes_on_at_the_very_trial_after_the_window_was_closed(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, fixed, _protocol = skin_study(tmp_path, pictures)
    window = open_window(path)
    page = begin(qtbot, window)
    done = [answer(qtbot, window, page) for _ in range(4)]
    assert page.shown is not None
    left_at = page.shown.trial.key
    press(window, "]")
    window.close()
    window = open_window(path)
    page = begin(qtbot, window)
    assert page.shown is not None and page.shown.trial.key == left_at
    assert page.panel.place.text() == "Trial 5 of 9"
    with Study.open(path, read_only=True) as study:
        assert [a.key for a in study.trials(fixed.protocol_id, window.session.reader)] == done


def test_a_trial_shows_its_anchor_and_no_number_but_its_place(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, _fixed, protocol = skin_study(tmp_path, pictures, catch_share=0.0)
    window = open_window(path)
    page = begin(qtbot, window)
    while page.shown is not None and page.shown.trial.kind == "clean":
        answer(qtbot, window, page)
    press(window, "]")
    assert page.panel.anchor.text() == protocol.anchors["L1"]
    shown = [t for t in texts(page.panel) if any(c.isdigit() for c in t.replace("L1", "").replace("F1", "")) and t]
    visible = [label.text() for label in page.panel.findChildren(QLabel) if label.isVisible() and label.text() in shown]
    assert visible == ["Trial 3 of 8"]
    assert page.panel.slider._marks == []


def test_a_setting_without_a_move_or_at_the_original_is_refused(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, fixed, _protocol = skin_study(tmp_path, pictures, catch_share=0.0, dwell_seconds=0.4)
    window = open_window(path)
    page = begin(qtbot, window)
    press(window, Qt.Key.Key_Return)
    assert "longer" in page.panel.note.text()
    qtbot.wait(450)
    while page.shown is not None and page.shown.trial.kind == "clean":
        qtbot.wait(450)
        answer(qtbot, window, page)
    qtbot.wait(450)
    press(window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "Move the slider" in page.panel.note.text(), timeout=5_000)
    for key in "]" + "[" * 21:
        press(window, key)
    press(window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "The original cannot be L1" in page.panel.note.text(), timeout=5_000)
    with Study.open(path, read_only=True) as study:
        assert {a.verdict for a in study.trials(fixed.protocol_id, window.session.reader)} == {"diagnostic"}


def test_a_catch_trial_shows_the_original_wherever_the_slider_stands(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, _fixed, _protocol = skin_study(tmp_path, pictures, catch_share=0.5)
    window = open_window(path)
    page = begin(qtbot, window)
    while page.shown is not None and page.shown.trial.kind != "catch":
        answer(qtbot, window, page)
    slider = page.panel.slider
    drag_to(page, 0.7)
    qtbot.wait(250)
    assert page.comparison.right_pane.image is page.shown.image if page.shown is not None else False
    assert slider.severity == pytest.approx(0.7, abs=0.02)


def test_a_rejected_picture_keeps_its_reason_and_is_not_asked_about(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, fixed, _protocol = skin_study(tmp_path, pictures)
    window = open_window(path)
    page = begin(qtbot, window)
    assert page.shown is not None
    first = page.shown.trial
    press(window, "x")
    menu = page.panel.findChild(QMenu)
    assert menu is not None
    QTest.keyClick(menu, "1")
    qtbot.waitUntil(lambda: page.shown is not None and page.shown.trial.key != first.key, timeout=10_000)
    assert page.panel.place.text() == "Trial 2 of 5" or page.shown.trial.image_id != first.image_id
    with Study.open(path, read_only=True) as study:
        (answer,) = study.trials(fixed.protocol_id, window.session.reader)
        assert (answer.verdict, answer.reason) == ("rejected", "motion or breathing")
        assert study.clean_decisions(window.session.reader)[0].verdict == "rejected"
        assert study.clean_decisions() == []  # nobody else sees it while the panel is reading


def test_keys_of_free_calibration_sleep_during_a_session_and_wake_after_it(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, _fixed, _protocol = skin_study(tmp_path, pictures)
    window = open_window(path)
    workspace = window.workspace("calibrate")
    assert isinstance(workspace, CalibrateModes)
    page = begin(qtbot, window)
    assert workspace.acting == (page, "reading")
    before = seen(page.comparison.right_pane)
    press(window, "i")
    assert not np.array_equal(seen(page.comparison.right_pane), before) and page.comparison.view.inverted
    press(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not isinstance(workspace.acting[0], SessionPage), timeout=5_000)
    press(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    assert workspace.acting == (workspace, "calibrate") and not workspace.in_study


def test_a_break_is_suggested_once_and_leaves_the_trial_as_it_is(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, _fixed, _protocol = skin_study(tmp_path, pictures, session_minutes=0.0)
    page = begin(qtbot, open_window(path))
    trial = page.shown
    assert not page.panel.rest.isVisible()
    page._clock.timeout.emit()
    assert page.panel.rest.isVisible() and page.shown is trial
    page.panel.went_on.emit()
    page._clock.timeout.emit()
    assert not page.panel.rest.isVisible() and page.panel.primary.isEnabled()


def test_a_pair_is_shown_without_names_and_answered_by_an_arrow(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    ids = tuple(p.image_id for p in pictures)
    cells = tuple(CellDesign(t, Modality.DERMOSCOPY, ids[:2], ids[2:]) for t in ("gaussian_blur", "gaussian_noise"))
    path, fixed, _protocol = skin_study(tmp_path, pictures, cells=cells)
    with Study.open(path) as study:
        levels = [{"type": c.type, "modality": "Dermoscopy", "L1": 0.4, "L2": 0.8, "step": 0.1} for c in cells]
        study.fix_proposal(fixed.protocol_id, {"cells": levels}, "Chair")
    window = open_window(path)
    page = begin(qtbot, window, "compare")
    assert page.shown is not None and page.shown.second is not None
    left, right = page.comparison.left_pane, page.comparison.right_pane
    assert (left.overlay.title, right.overlay.title) == ("", "")
    assert left.image is page.shown.first and right.image is page.shown.second
    key = page.shown.trial.key
    press(window, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: page.sitting is None, timeout=10_000)
    with Study.open(path, read_only=True) as study:
        (answer,) = study.trials(fixed.protocol_id, window.session.reader, "compare")
        assert (answer.key, answer.verdict) == (key, "second")


def test_a_picture_that_is_elsewhere_is_looked_for_by_its_pixels(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _fixed, _protocol = skin_study(tmp_path, pictures)
    moved = tmp_path / "moved"
    moved.mkdir()
    for record in pictures:
        Path(record.path).rename(moved / f"renamed-{Path(record.path).name}")
    window = open_window(path)
    pages = study_pages(window)
    qtbot.waitUntil(lambda: bool(pages.home.cards), timeout=10_000)
    QTest.mouseClick(pages.home.cards[0].buttons[ADJUST], Qt.MouseButton.LeftButton)
    page = pages.reading
    qtbot.waitUntil(lambda: page.panel.locate.isVisible(), timeout=10_000)
    assert "is not on this machine" in page.panel.note.text()
    monkeypatch.setattr(
        "medqdeg_desktop.ui.calibrate.reading.session_page.QFileDialog.getExistingDirectory", lambda *a: str(moved)
    )
    QTest.mouseClick(page.panel.locate, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.shown is not None, timeout=15_000)


def test_a_protocol_is_designed_from_open_pictures_and_fixed_once_that_is_confirmed(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, ct_series: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ct.medq"
    Study.create(path).close()
    window = open_window(path, ct_series)
    pages = study_pages(window)
    QTest.mouseClick(pages.home.design, Qt.MouseButton.LeftButton)
    designer = pages.designer
    assert designer.pictures.topLevelItemCount() == 1
    designer.readers.setValue(5)
    spin = designer.pictures.itemWidget(designer.pictures.topLevelItem(0), 1)  # type: ignore[arg-type]
    spin.setValue(8)  # type: ignore[union-attr]
    assert "on 4 pictures" in designer.told.text() and designer.warning.text() == ""
    designer.repeats.setValue(0)
    assert "Without repeats" in designer.warning.text()
    asked: list[tuple[str, QMessageBox.StandardButton]] = []
    replies = [QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Ok]

    def reply(_: object, __: str, text: str, ___: object, default: QMessageBox.StandardButton) -> QMessageBox.StandardButton:
        asked.append((text, default))
        return replies.pop(0)

    monkeypatch.setattr(QMessageBox, "question", reply)
    QTest.mouseClick(designer.fix, Qt.MouseButton.LeftButton)
    text, default = asked[0]
    assert default is QMessageBox.StandardButton.Cancel and "Without repeats" in text and "7 cells" in text and " hours" in text
    assert designer.fix.isEnabled() and "on 4 pictures" in designer.told.text(), "nothing has happened yet"
    QTest.mouseClick(designer.fix, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "is fixed" in pages.home.said.text(), timeout=20_000)
    with Study.open(path, read_only=True) as study:
        (fixed,) = study.protocols()
        assert fixed.body["readers"] == 5 and len(fixed.body["cells"]) == 7
        assert all(len(c["images"]) == 4 and len(c["held_out"]) == 4 for c in fixed.body["cells"])
        assert len(study.images()) == 8

"""Labels without a skill in the window: offered where questions are imported, the suggestion filled in, decided by a person."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox
from pytestqt.qtbot import QtBot

from medqdeg_desktop.bank import skills
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import TASK_OF_SKILL
from medqdeg_desktop.ui.generate.skills_dialog import SkillsDialog
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.writing.skill_box import SkillBox

OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "skills.csv"
    monkeypatch.setenv("MEDQDEG_SKILLS", str(path))
    skills.reload()
    yield path
    monkeypatch.undo()
    skills.reload()


def test_a_label_is_placed_by_a_person_and_the_table_learns_it(
    open_window: OpenWindow, table: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    asked = {"image": "a.png", "modality": "CT", "question": "Which?", "options": ["x", "y"], "answer": "A"}
    labels = ("Lesion gradation", "Lesion gradation", "Marrow")
    lines = [json.dumps(asked | {"id": f"q{n}", "skill": label}) for n, label in enumerate(labels)]
    (tmp_path / "ward.jsonl").write_text("\n".join(lines), "utf-8")
    path = tmp_path / "ward.medq"
    with Study.create(path) as study:
        import_items(study, tmp_path / "ward.jsonl")
    window = open_window(path)
    window.go_to("generate")
    workspace = window.workspace("generate")
    button = workspace.form.skills_button  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: not button.isHidden(), timeout=10_000)
    assert "(2)" in button.text()
    button.click()
    qtbot.waitUntil(lambda: bool(window.findChildren(SkillsDialog)), timeout=10_000)
    (dialog,) = window.findChildren(SkillsDialog)
    assert [box.text() for box in dialog.boxes] == ["Lesion Grading", ""]
    ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    dialog.boxes[1].setText("no such skill")
    assert not ok.isEnabled() and "no such skill" in dialog.told.text()
    dialog.boxes[1].clear()
    ok.click()
    qtbot.waitUntil(lambda: "(1)" in button.text(), timeout=10_000)
    with Study.open(path, read_only=True) as study:
        assert [item.skill for item in study.items()] == ["Lesion Grading", "Lesion Grading", "Marrow"]
    assert "ward,Lesion gradation,Clinical Understanding,Lesion Grading" in table.read_text("utf-8")


def test_a_skill_is_found_by_any_part_of_its_name_or_task_from_the_keyboard(qtbot: QtBot) -> None:
    box = SkillBox()
    qtbot.addWidget(box)
    box.show()
    qtbot.waitExposed(box)
    box.activateWindow()
    box.setFocus()
    qtbot.waitUntil(box.hasFocus, timeout=5_000)
    QTest.keyClick(box, Qt.Key.Key_Down)
    QApplication.processEvents()
    assert box.completer().completionCount() == len(TASK_OF_SKILL) == 30
    box.completer().popup().hide()
    treatment = "Pharmacological Treatment"
    for typed, meant in (("kelet", "Skeletal System"), ("DISEASE DIAGNOSIS", "Disease Diagnosis"), ("pharma", treatment)):
        box.clear()
        QTest.keyClicks(box, typed)
        box.completer().popup().hide()
        QTest.keyClick(box, Qt.Key.Key_Return)
        assert box.text() == meant and box.is_skill
    # From the open list: Down marks a row, Enter takes it and the list is gone.
    box.clear()
    QTest.keyClicks(box, "kelet")
    popup = box.completer().popup()
    QApplication.processEvents()
    QTest.keyClick(popup, Qt.Key.Key_Down)
    QTest.keyClick(popup, Qt.Key.Key_Return)
    assert box.text() == "Skeletal System" and not popup.isVisible()
    box.clear()
    QTest.keyClicks(box, "recogn")
    box.completer().popup().hide()
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert box.text() == "recogn" and not box.is_skill, "several skills are left: none is guessed"

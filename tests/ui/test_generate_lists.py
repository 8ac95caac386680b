"""Generate with a list of types and severities in place of a draw at two levels, by the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from evaluated import Evaluated
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from medqdeg_desktop.ui.generate.state import Wanted
from medqdeg_desktop.ui.generate.workspace import GenerateWorkspace
from medqdeg_desktop.ui.study_session import StudySession

LONG = 60_000


@pytest.fixture
def workspace(evaluated: Evaluated, tmp_path: Path, qtbot: QtBot) -> Iterator[GenerateWorkspace]:
    """The workspace on a study of sixteen questions, its plan made."""
    session = StudySession()
    made = GenerateWorkspace(session)
    session.opened.connect(made.study_changed)
    session.open(evaluated.copy_of_study(tmp_path / "study"), "Reader 1")
    made.resize(1280, 800)
    made.show()
    qtbot.waitUntil(lambda: made.plan.plan is not None and made.plan.start.isEnabled(), timeout=LONG)
    yield made
    made.jobs.stop_all()
    made.shut_down()
    session.close()
    made.close()
    made.deleteLater()


def typed(line: QLineEdit, text: str) -> None:
    line.setFocus()
    line.selectAll()
    QTest.keyClick(line, Qt.Key.Key_Delete)
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Return)


def test_a_sweep_is_planned_from_the_form_and_a_wrong_name_is_said(workspace: GenerateWorkspace, qtbot: QtBot) -> None:
    plan = workspace.plan
    typed(workspace.form.types, "gaussian_noise")
    typed(workspace.form.severities, "0.1, 0.25, 0.5")

    def swept() -> bool:
        return plan.plan is not None and set(plan.plan.levels) == {"L0", "S100", "S250", "S500"}

    qtbot.waitUntil(swept, timeout=LONG)
    assert plan.plan is not None
    assert set(plan.plan.types) == {"gaussian_noise"}
    items = plan.plan.items
    assert plan.plan.levels == {"L0": items, "S100": items, "S250": items, "S500": items}
    assert "S250" in plan.levels.text()
    typed(workspace.form.types, "snow")
    qtbot.waitUntil(lambda: "snow" in plan.error.text(), timeout=LONG)
    assert not plan.start.isEnabled()
    typed(workspace.form.types, "")
    typed(workspace.form.severities, "")
    qtbot.waitUntil(lambda: plan.plan is not None and set(plan.plan.levels) == {"L0", "L1", "L2"}, timeout=LONG)


def test_the_lists_stand_in_the_command_only_where_they_are_given(tmp_path: Path) -> None:
    said = Wanted(tmp_path, types="low_dose,motion_blur", severities="0.1,0.5").arguments(Path("ward.medq"))
    assert said[-4:] == ["--types", "low_dose,motion_blur", "--severities", "0.1,0.5"]
    assert not {"--types", "--severities"} & set(Wanted(tmp_path).arguments(Path("ward.medq")))

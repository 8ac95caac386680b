"""Generate by mouse and keyboard, with the real command behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evaluated import QUESTIONS, Evaluated, write_items
from hands import press
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.verify import verify_dataset
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.generate.state import Wanted, newest_pictures, plan_of, read_bank
from medqdeg_desktop.ui.generate.workspace import GenerateWorkspace
from medqdeg_desktop.ui.jobs import JobState
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.study_session import StudySession

OpenWindow = Callable[..., MainWindow]
LONG = 60_000


def generate_of(window: MainWindow) -> GenerateWorkspace:
    press(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    workspace = window.workspace("generate")
    assert isinstance(workspace, GenerateWorkspace) and workspace.isVisible()
    return workspace


OpenWorkspace = Callable[[Path], GenerateWorkspace]


@pytest.fixture
def open_workspace(qtbot: QtBot) -> Iterator[OpenWorkspace]:
    """The workspace alone, on a study: what the whole window adds is tested once."""
    made: list[GenerateWorkspace] = []

    def open_(study: Path) -> GenerateWorkspace:
        session = StudySession()
        workspace = GenerateWorkspace(session)
        made.append(workspace)
        session.opened.connect(workspace.study_changed)
        session.open(study, "Reader 1")
        workspace.resize(1280, 800)
        workspace.show()
        qtbot.waitExposed(workspace)
        qtbot.waitUntil(lambda: session.is_open, timeout=LONG)
        return workspace

    yield open_
    for workspace in made:
        workspace.jobs.stop_all()
        workspace.shut_down()
        workspace.session.close()
        workspace.close()
        workspace.deleteLater()


@pytest.fixture
def generating(open_workspace: OpenWorkspace, evaluated: Evaluated, tmp_path: Path, qtbot: QtBot) -> GenerateWorkspace:
    """The workspace on a study of sixteen questions, its plan made."""
    workspace = open_workspace(evaluated.copy_of_study(tmp_path / "study"))
    qtbot.waitUntil(lambda: workspace.plan.plan is not None and workspace.plan.start.isEnabled(), timeout=LONG)
    return workspace


def click(widget: object) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
    QApplication.processEvents()


def test_the_plan_stands_in_numbers_before_anything_runs(generating: GenerateWorkspace, qtbot: QtBot) -> None:
    workspace = generating
    plan = workspace.plan
    assert plan.items.text == str(QUESTIONS)
    assert plan.plan is not None and plan.images.text == f"{plan.plan.images:,}"
    assert "Generate" in plan.start.text() and f"{plan.plan.images:,}" in plan.start.text()
    qtbot.waitUntil(lambda: plan.plan is not None and plan.plan.seconds is not None, timeout=LONG)
    assert plan.time.text.startswith("about") and plan.disk.text.endswith("MB")
    assert plan.types.figure is not None and "published" in plan.types.figure.subtitle
    assert not workspace.form.wanted.folder.exists(), "a plan writes nothing"


def test_questions_are_counted_by_modality_and_skill_and_default_levels_are_warned_of(
    generating: GenerateWorkspace,
) -> None:
    workspace = generating
    rows = workspace.form.items.model()
    shown = {rows.index(i, 0).data(): rows.index(i, 1).data() for i in range(rows.rowCount())}
    assert shown == {"X-ray": "8", "Dermoscopy": "8"}
    first = rows.index(0, 0)
    assert sum(int(rows.index(i, 1, first).data()) for i in range(rows.rowCount(first))) == 8
    assert "default" in workspace.form.warning.text()
    cell = workspace.bank.cells["exposure", Modality.XRAY]
    assert cell.state == "default" and 0 < cell.l1 < cell.l2 <= 1
    assert workspace.bank.cells["exposure", Modality.DERMOSCOPY].state == "not drawn"


def test_another_seed_or_limit_makes_another_plan(generating: GenerateWorkspace, qtbot: QtBot) -> None:
    workspace = generating
    workspace.form.limit.setFocus()
    workspace.form.limit.selectAll()
    QTest.keyClicks(workspace.form.limit, "4")
    QTest.keyClick(workspace.form.limit, Qt.Key.Key_Return)
    assert not workspace.plan.start.isEnabled(), "numbers that are not the plan's cannot be started from"
    qtbot.waitUntil(lambda: workspace.plan.items.text == "4" and workspace.plan.start.isEnabled(), timeout=LONG)


def test_a_set_is_generated_followed_and_finished(
    open_window: OpenWindow, evaluated: Evaluated, tmp_path: Path, qtbot: QtBot
) -> None:
    window = open_window(evaluated.copy_of_study(tmp_path / "study"))
    workspace = generate_of(window)
    qtbot.waitUntil(lambda: workspace.plan.start.isEnabled(), timeout=LONG)
    folder = workspace.form.wanted.folder
    click(workspace.plan.start)
    assert workspace.run.job is not None
    qtbot.waitUntil(lambda: "generating" in window.foot.job.text(), timeout=LONG)
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.foot.stop.isVisible(), "a running job shows whatever the workspace"
    press(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: workspace.run.job.state is JobState.DONE, timeout=LONG)
    assert Dataset.open(folder).row_count == int(workspace.run.done.text.replace(",", ""))
    assert workspace.run.left_out.text == "0", "a note about default levels is no problem"
    assert workspace.run.evaluate.isVisible() and workspace.run.verify.isVisible()
    qtbot.waitUntil(lambda: bool(workspace.run.strip.pictures), timeout=LONG)
    assert workspace.run.strip.pictures[0][0].endswith(".png")
    click(workspace.run.verify)
    qtbot.waitUntil(lambda: "as recorded" in workspace.run.detail.text(), timeout=LONG)
    next(folder.glob("images/*/*.png")).unlink()
    click(workspace.run.verify)
    qtbot.waitUntil(lambda: workspace.run.detail.property("role") == "error", timeout=LONG)
    assert ".png" in workspace.run.detail.text()


def test_a_stopped_set_goes_on_and_is_the_same_as_an_undisturbed_one(
    generating: GenerateWorkspace, evaluated: Evaluated, qtbot: QtBot
) -> None:
    workspace = generating
    workspace.form.seed.setValue(3)
    qtbot.waitUntil(lambda: workspace.plan.start.isEnabled(), timeout=LONG)
    click(workspace.plan.start)
    job = workspace.run.job
    assert job is not None
    qtbot.waitUntil(lambda: job.total > 0 or job.has_ended, timeout=LONG)
    click(workspace.run.stop)
    qtbot.waitUntil(lambda: job.has_ended, timeout=LONG)
    if job.state is JobState.STOPPED:
        assert workspace.run.go_on.isVisible()
        click(workspace.run.go_on)
    qtbot.waitUntil(lambda: workspace.run.job.state is JobState.DONE, timeout=LONG)
    folder = workspace.form.wanted.folder
    assert verify_dataset(folder) == []
    assert Dataset.open(folder).sha256 == Dataset.open(evaluated.dataset).sha256


def test_a_folder_with_something_else_cannot_be_started_into(generating: GenerateWorkspace, qtbot: QtBot, tmp_path: Path) -> None:
    workspace = generating
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")
    workspace.form.folder.setFocus()
    workspace.form.folder.setText(str(tmp_path / "taken"))
    QTest.keyClick(workspace.form.folder, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "something else" in workspace.form.folder_state.text(), timeout=LONG)
    qtbot.waitUntil(lambda: not workspace.plan.busy.isVisible(), timeout=LONG)
    assert not workspace.plan.start.isEnabled()


def test_a_release_without_decisions_is_refused_with_the_reason(generating: GenerateWorkspace, qtbot: QtBot) -> None:
    workspace = generating
    workspace.form.release.setFocus()
    QTest.keyClick(workspace.form.release, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not workspace.plan.busy.isVisible(), timeout=LONG)
    if workspace.plan.start.isEnabled():
        click(workspace.plan.start)
        qtbot.waitUntil(lambda: workspace.run.job is not None and workspace.run.job.has_ended, timeout=LONG)
        assert workspace.run.job is not None and workspace.run.job.state is JobState.FAILED
        assert workspace.run.detail.property("role") == "error" and workspace.run.detail.text() == workspace.run.job.error
    else:
        assert workspace.plan.error.isVisible()


def test_an_empty_study_asks_for_questions_and_takes_them_by_drop(
    open_workspace: OpenWorkspace, tmp_path: Path, qtbot: QtBot
) -> None:
    Study.create(tmp_path / "new.medq", name="New").close()
    items = write_items(tmp_path / "pictures", 4)
    items.write_text(items.read_text("utf-8") + json.dumps({"id": "broken", "question": "?"}) + "\n", "utf-8")
    workspace = open_workspace(tmp_path / "new.medq")
    told: list[str] = []
    workspace.warned.connect(told.append)
    workspace.said.connect(told.append)
    qtbot.waitUntil(lambda: workspace.empty.isVisible(), timeout=LONG)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(items))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(9, 9), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(workspace, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(workspace, QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, mime, buttons, keys))
    qtbot.waitUntil(lambda: workspace.bank.items == 4 and workspace.plan.isVisible(), timeout=LONG)
    assert "4 rows came in, 1 were left out" in told[0] and "row 5" in told[0]


def test_questions_come_in_by_the_file_dialog_too(
    open_workspace: OpenWorkspace, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    Study.create(tmp_path / "new.medq", name="New").close()
    items = write_items(tmp_path / "pictures", 4)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args, **kwargs: (str(items), ""))
    workspace = open_workspace(tmp_path / "new.medq")
    told: list[str] = []
    workspace.warned.connect(told.append)
    workspace.said.connect(told.append)
    qtbot.waitUntil(lambda: workspace.empty.isVisible(), timeout=LONG)
    click(workspace.empty.button)
    qtbot.waitUntil(lambda: workspace.bank.items == 4, timeout=LONG)
    assert "4 questions added" in told[0]


def test_the_command_is_what_the_form_says(tmp_path: Path) -> None:
    wanted = Wanted(tmp_path / "out", seed=7, rule="published", release=True, limit=9, workers=2, cluster="tcp://a:1")
    said = " ".join(wanted.arguments(Path("ward.medq")))
    assert said == (
        f"generate ward.medq --out {tmp_path / 'out'} --seed 7 --rule published --release --limit 9 --workers 2"
        " --cluster tcp://a:1"
    )
    assert "--mark-regions" not in said
    assert "--mark-regions" in Wanted(tmp_path / "out", mark_regions=True).arguments(Path("ward.medq"))
    assert wanted.plan_arguments(Path("s"), estimate=True)[-2:] == ["--dry-run", "--estimate"]


def test_removed_questions_take_no_part(evaluated: Evaluated, tmp_path: Path) -> None:
    path = evaluated.copy_of_study(tmp_path)
    with Study.open(path) as study:
        study.ensure_reader("curator", "curator")
        study.judge_items(["item_00", "item_01"], "removed", "curator", "unclear")
        study.judge_items(["item_02"], "accepted", "curator")
    bank = read_bank(path)
    assert (bank.items, bank.accepted, bank.removed) == (QUESTIONS - 2, 1, 2)


def test_a_plan_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError):
        plan_of("no JSON")


def test_the_newest_pictures_come_newest_first(evaluated: Evaluated) -> None:
    names = sorted(p.name for p in evaluated.dataset.glob("images/0000/*.png"))
    found = newest_pictures(evaluated.dataset, f"images/0000/{names[5]}", 3)
    assert [p.name for p in found] == [names[5], names[4], names[3]]
    assert newest_pictures(evaluated.dataset, "images/0000/none.png", 3) == []

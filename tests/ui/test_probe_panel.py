"""The live probe in the real window, with the reference model in its own process."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hands import calibrate, choose, drag_slider, press
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medqdeg_desktop.samples import mr
from medqdeg_desktop.samples.dicom_file import write_dicom
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.ui.calibrate.study_mode import CalibrateModes
from medqdeg_desktop.ui.calibrate.workspace import CalibrateWorkspace
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.probe import model_process
from medqdeg_desktop.ui.probe.model_choice import reference_model
from medqdeg_desktop.ui.probe.model_process import State
from medqdeg_desktop.ui.probe.questions import ProbeQuestion
from medqdeg_desktop.ui.probe.strip import ProbeStrip

OpenWindow = Callable[..., MainWindow]
_LOADS_MS = 90_000


@pytest.fixture
def head(data_home: Path) -> Path:
    """A head with a lesion, one of the sample study's, with its items where the window keeps them."""
    folder = data_home / "sample"
    path = folder / "dicom" / "mr_head_0" / "001.dcm"
    phantom = mr.mr_head(0)
    write_dicom(phantom.image, path, series="mr_head 0", description="Phantom mr head")
    line = {
        "id": "sample_000", "image": "dicom/mr_head_0/001.dcm", "modality": "MRI",
        "question": "Which imaging modality was used to acquire this image?",
        "options": {"A": "CT", "B": "MRI", "C": "Ultrasound"}, "answer": "B",
    }  # fmt: skip
    (folder / "items.jsonl").write_text(json.dumps(line) + "\n", "utf-8")
    return path


def strip_of(workspace: CalibrateWorkspace) -> ProbeStrip:
    assert workspace.probe.strip is not None
    return workspace.probe.strip


def opened(open_window: OpenWindow, head: Path, qtbot: QtBot) -> tuple[MainWindow, CalibrateWorkspace, ProbeStrip]:
    """The window on the head with the probe opened by its key, and questions found."""
    window = open_window(head)
    workspace = calibrate(window)
    press(window, "q")
    strip = strip_of(workspace)
    assert strip.isVisible()
    qtbot.waitUntil(lambda: bool(strip.questions), timeout=10_000)
    return window, workspace, strip


@pytest.mark.local_model
def test_bars_follow_the_slider_the_curve_fills_and_a_lost_process_comes_back(
    open_window: OpenWindow, head: Path, qtbot: QtBot
) -> None:
    pytest.importorskip("torch", reason="needs the extra 'local'")
    window, workspace, strip = opened(open_window, head, qtbot)
    qtbot.waitUntil(lambda: strip.process.state is State.READY, timeout=_LOADS_MS)
    assert strip.model.text() == "medqdeg-reference" and strip.question.currentText() == strip.questions[0].text
    assert strip.questions[0].origin == "sample" and strip.questions[0].answer == "B"
    qtbot.waitUntil(lambda: strip.desk.shown is not None, timeout=20_000)
    clean = strip.desk.shown
    assert clean is not None and clean.severity == 0 and clean.top == "B" and clean.p["B"] > 0.9, "it knows a clean head"

    choose(qtbot, workspace, "adjust_brightness")
    drag_slider(workspace, 0.8)
    qtbot.waitUntil(lambda: strip.desk.shown is not None and strip.desk.shown.severity == workspace.severity, timeout=20_000)
    QTest.mouseClick(strip.fill, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: strip.desk.swept == (21, 21), timeout=40_000)
    assert workspace.desk.kept.settings == {}, "probing decides nothing"
    QTest.mouseClick(strip.copy, Qt.MouseButton.LeftButton)
    rows = QApplication.clipboard().text().splitlines()
    assert len(rows) == 1 + len(strip.desk.curve.points) and rows[0].startswith("severity,p_A,p_B,p_C,top,confidence_T10")

    place = strip.curve.place(0.25, 0.5).toPoint()
    QTest.mouseClick(strip.curve, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(place.x(), place.y()))
    assert workspace.severity == 0.25, "a click on the curve brings the slider there"

    probe = strip.process._probe
    assert probe is not None
    os.kill(probe._process.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: strip.process.state is State.DIED, timeout=10_000)
    assert "is gone" in strip.message.text() and strip.first.text() == "Restart" and strip.first.isVisible()
    QTest.mouseClick(strip.first, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: strip.process.state is State.READY, timeout=_LOADS_MS)
    qtbot.waitUntil(lambda: strip.desk.shown is not None, timeout=20_000)

    # A blind reader study and a probe exclude each other.
    again = strip.process._probe
    assert again is not None and isinstance(workspace, CalibrateModes)
    press(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    assert workspace.in_study and not workspace.probe.is_open and not strip.isVisible()
    qtbot.waitUntil(lambda: again._process.poll() is not None, timeout=10_000)
    press(window, "q")
    workspace.toggle_probe()
    assert not workspace.probe.is_open and strip.process.state is State.OFF


def test_without_the_extra_the_probe_says_how_to_install_it(
    open_window: OpenWindow, head: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_process, "local_models_run_here", lambda: False)
    _, workspace, strip = opened(open_window, head, qtbot)
    qtbot.waitUntil(lambda: strip.process.state is State.MISSING, timeout=10_000)
    assert "pip install 'medqdeg-desktop[local]'" in strip.message.text() and strip.message.isVisible()
    assert not strip.fill.isEnabled()
    drag_slider(workspace, 0.5)
    assert strip.desk.subject is None


def test_folders_that_cannot_be_asked_say_why_and_code_runs_only_after_consent(
    open_window: OpenWindow, head: Path, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[Path, bool]] = []

    class Started:
        """In the place of the model's process: notes how it was started."""

        def __init__(self, folder: Path, on_line: object, *, trust_remote_code: bool) -> None:
            started.append((folder, trust_remote_code))

        def forget(self) -> None: ...

        def close(self, timeout: float) -> None: ...

    monkeypatch.setattr(model_process, "Probe", Started)
    monkeypatch.setattr(model_process, "local_models_run_here", lambda: True)
    _, _, strip = opened(open_window, head, qtbot)
    qtbot.waitUntil(lambda: strip.process.state in (State.LOADING, State.FAILED), timeout=10_000)
    started.clear()
    empty = tmp_path / "empty"
    empty.mkdir()
    strip.start_model(empty)
    qtbot.waitUntil(lambda: strip.process.folder == empty, timeout=10_000)
    assert strip.process.state is State.FAILED and "config.json is missing" in strip.message.text()
    assert strip.first.text() == "Try again" and strip.second.isVisible() and not started

    with_code = tmp_path / "with_code"
    shutil.copytree(shipped("reference_model/medqdeg-reference"), with_code)
    config = json.loads((with_code / "config.json").read_text("utf-8"))
    (with_code / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "own.Model"}}), "utf-8")
    strip.start_model(with_code)
    qtbot.waitUntil(lambda: strip.process.folder == with_code, timeout=10_000)
    assert "code of its own" in strip.message.text() and strip.first.text() == "Run its code" and not started
    try:
        import torch  # noqa: F401
    except ImportError:
        return
    QTest.mouseClick(strip.first, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(started), timeout=10_000)
    assert started == [(with_code, True)]


def test_a_question_is_typed_with_its_options_and_one_without_options_is_not_asked(
    open_window: OpenWindow, head: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_process, "local_models_run_here", lambda: False)
    _, _, strip = opened(open_window, head, qtbot)
    last = strip.question.count() - 1
    strip.question.setCurrentIndex(last)
    strip.question.activated.emit(last)
    assert strip.typed.isVisible() and QApplication.focusWidget() is strip.typed.text
    QTest.keyClicks(strip.typed.text, "Is this a brain?")
    strip.typed.options.setPlainText("yes")
    QTest.mouseClick(strip.typed.ask, Qt.MouseButton.LeftButton)
    assert "Between 2 and 10 options" in strip.typed.problem.text() and strip.typed.isVisible()
    strip.typed.options.setPlainText("* yes\nno")
    QTest.mouseClick(strip.typed.ask, Qt.MouseButton.LeftButton)
    assert strip.desk.question == ProbeQuestion("Is this a brain?", (("A", "yes"), ("B", "no")), "A")
    assert strip.question.currentText() == "Is this a brain?" and not strip.typed.isVisible()

    strip.process.state = State.READY
    strip.desk.put(ProbeQuestion("Describe this picture.", (), origin="i1"))
    assert "has no options" in strip.message.text() and strip.desk.subject is None
    strip.process.state = State.OFF


def test_the_reference_model_is_told_to_know_phantoms_only_where_the_picture_is_none(
    open_window: OpenWindow, head: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    elsewhere = Path(shutil.copy(head, tmp_path / "own.dcm"))
    for path, told in ((head, False), (elsewhere, True)):
        window, _, strip = opened(open_window, path, qtbot)
        assert strip.model.current == reference_model()
        assert ("knows only the built-in phantoms" in strip._facts()) is told
    for size in ((1280, 800), (960, 600)):
        window.resize(*size)
        qtbot.waitUntil(lambda: strip.facts.maximumWidth() == strip.width() - 24, timeout=5_000)
        assert strip.facts.text().startswith("this model knows only the built-in phantoms")
        assert strip.facts.fontMetrics().horizontalAdvance(strip.facts.text()) <= strip.facts.width()


def test_a_long_question_is_one_line_that_tells_the_rest_when_pointed_at(
    open_window: OpenWindow, head: Path, qtbot: QtBot
) -> None:
    _, _, strip = opened(open_window, head, qtbot)
    long = "Which of these findings is seen in this picture? " * 6
    strip._show_words(long)
    assert strip.words.text().endswith("…") and strip.words.toolTip() == long
    assert strip.words.sizeHint().height() < 2 * strip.words.fontMetrics().height()
    assert strip.questions[0].text in strip.question.toolTip()


def test_in_the_smallest_window_the_question_and_the_options_can_be_read(
    open_window: OpenWindow, head: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_process, "local_models_run_here", lambda: False)
    monkeypatch.setattr(model_process.ModelProcess, "ask", lambda *_, **__: 1)
    window, _, strip = opened(open_window, head, qtbot)
    question = ProbeQuestion("On which side is the ring-enhancing lesion?", (("A", "The patient's right side"), ("B", "Neither")))
    strip.process.state = State.READY
    strip.desk.put(question)
    wide = strip.words.width()
    assert strip.model.text() == "medqdeg-reference" and abs(wide - strip.bars.width()) <= 1
    window.resize(960, 600)
    qtbot.waitUntil(lambda: strip.words.width() > strip.bars.width() + 100, timeout=5_000)
    assert strip.model.text() == "Model" and strip.words.text() == question.text
    assert strip.width() < 480 and strip.bars.width() >= 140
    assert strip.curve.geometry().top() >= strip.words.geometry().bottom()
    window.resize(1500, 900)
    qtbot.waitUntil(lambda: abs(strip.words.width() - strip.bars.width()) <= 1, timeout=5_000)
    assert (
        strip.width() > 600
        and strip.model.text() == "medqdeg-reference"
        and strip.curve.geometry().top() < strip.words.geometry().bottom()
    )
    strip.process.state = State.OFF

"""From readings to a published profile in the real window: consensus, blind rating, votes, signatures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from reading_hands import answer, lock, look_at_consensus, read_all, skin_pictures, skin_study, study_pages

from medqdeg_desktop.calibration.protocol import Protocol
from medqdeg_desktop.calibration.trials import ADJUST, adjustment
from medqdeg_desktop.study.readings import FixedProtocol, TrialAnswer
from medqdeg_desktop.study.records import ImageRecord
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def pictures(tmp_path: Path) -> list[ImageRecord]:
    return skin_pictures(tmp_path)


def _read_elsewhere(path: Path, fixed: FixedProtocol, protocol: Protocol, name: str, shift: float) -> None:
    """Another reader's readings, made through the study itself."""
    with Study.open(path) as study:
        reader = study.ensure_reader(name).reader_id
        session = study.open_session(fixed.protocol_id, name, ADJUST)
        for ordinal, trial in enumerate(adjustment(fixed, protocol, reader)):
            level = (0.3 if trial.level is Level.L1 else 0.6) + shift
            verdict = {"clean": "diagnostic", "catch": "cannot_set"}.get(trial.kind, "set")
            study.answer_trial(
                TrialAnswer(
                    reader, fixed.protocol_id, ADJUST, trial.key, session.session_id, ordinal, verdict, trial.type,
                    str(trial.modality), str(trial.level), level if verdict == "set" else None, trial.image_id, {"seconds": 9.0},
                )
            )  # fmt: skip
        study.lock_stage(fixed.protocol_id, name, ADJUST)


def test_from_readings_through_consensus_and_verification_to_a_published_profile(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, fixed, protocol = skin_study(tmp_path, pictures)
    _read_elsewhere(path, fixed, protocol, "Reader 2", 0.02)
    window = open_window(path)
    pages = look_at_consensus(qtbot, window)
    assert "1 of 2 readers have locked" in pages.consensus.said.text() and not pages.consensus.split.isVisible()
    QTest.mouseClick(pages.consensus.back, Qt.MouseButton.LeftButton)
    read_all(qtbot, window)
    lock(qtbot, window)
    look_at_consensus(qtbot, window)
    qtbot.waitUntil(lambda: pages.consensus.publish.isVisible(), timeout=10_000)
    consensus = pages.consensus
    assert consensus.table.topLevelItemCount() == 1 and consensus.propose.isVisible()
    qtbot.waitUntil(lambda: consensus.pictures.count() == 3, timeout=10_000)
    QTest.mouseClick(consensus.propose, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not consensus.propose.isVisible(), timeout=10_000)
    QTest.mouseClick(consensus.back, Qt.MouseButton.LeftButton)
    rated = read_all(qtbot, window, "verify")
    assert len(rated) == 7
    lock(qtbot, window, "verify")
    look_at_consensus(qtbot, window)
    qtbot.waitUntil(lambda: consensus.publish.isVisible(), timeout=10_000)
    consensus.write_report(tmp_path / "evidence")
    qtbot.waitUntil(lambda: consensus.said.text().startswith("Report"), timeout=15_000)
    assert "Blind verification" in (tmp_path / "evidence" / "calibration.html").read_text("utf-8")
    QTest.mouseClick(consensus.publish, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: consensus.said.text().startswith("Published Skin 1.0.0"), timeout=10_000)
    with Study.open(path, read_only=True) as study:
        profile = study.newest_profile()
        assert profile is not None and {c.level: c.severity for c in profile.cells} == {
            Level.L1: pytest.approx(0.31), Level.L2: pytest.approx(0.61)
        }  # fmt: skip
        assert study.verify() == []


def test_a_cell_that_is_not_agreed_is_voted_on_unseen_and_signed(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, fixed, protocol = skin_study(tmp_path, pictures)
    _read_elsewhere(path, fixed, protocol, "Reader 2", 0.3)
    _read_elsewhere(path, fixed, protocol, "Reader 1", 0.0)
    window = open_window(path)
    pages = study_pages(window)
    qtbot.waitUntil(lambda: bool(pages.home.cards), timeout=10_000)
    QTest.mouseClick(pages.home.cards[0].buttons["consensus"], Qt.MouseButton.LeftButton)
    consensus = pages.consensus
    qtbot.waitUntil(lambda: consensus.vote.isVisible(), timeout=10_000)
    assert not consensus.publish.isVisible() and "readers lie 0.30 apart" in consensus.doubts.text()
    QTest.mouseClick(consensus.vote, Qt.MouseButton.LeftButton)
    page = pages.reading
    qtbot.waitUntil(lambda: page.shown is not None, timeout=10_000)
    while page.sitting is not None:
        answer(qtbot, window, page)
    with Study.open(path) as study:
        who = study.ensure_reader("Reader 2").reader_id
        for level, severity in (("L1", 0.32), ("L2", 0.64)):
            key = f"vote|gaussian_blur|Dermoscopy|{level}"
            vote = TrialAnswer(
                who, fixed.protocol_id, "vote-1", key, "", 1, "set", "gaussian_blur", "Dermoscopy", level, severity
            )  # fmt: skip
            study.answer_trial(vote)
    for name in ("Reader 1", "Reader 2", "Chair"):
        window.session.change_reader(name)
        qtbot.waitUntil(lambda n=name: window.session.reader == n, timeout=5_000)  # type: ignore[misc]
        qtbot.waitUntil(lambda: pages.currentWidget() is pages.home and bool(pages.home.cards), timeout=5_000)
        qtbot.wait(100)
        QTest.mouseClick(pages.home.cards[0].buttons["consensus"], Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: consensus.adjudicate.isVisible() and "round 1" in consensus.doubts.text(), timeout=10_000)
        assert not consensus.accept.isEnabled()
        consensus.reason.setText("after discussion")
        QTest.mouseClick(consensus.accept, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda n=name: consensus.said.text() == f"Signed by {n}.", timeout=10_000)  # type: ignore[misc]
    qtbot.waitUntil(lambda: consensus.publish.isVisible(), timeout=10_000)
    QTest.mouseClick(consensus.publish, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: consensus.said.text().startswith("Published"), timeout=10_000)
    with Study.open(path, read_only=True) as study:
        profile = study.newest_profile()
        assert profile is not None and [c.severity for c in profile.cells] == pytest.approx([0.31, 0.62])

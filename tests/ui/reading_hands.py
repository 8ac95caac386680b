"""What people do in a reader study: to its pages, into a session, from trial to trial, by key and mouse."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol as Shape

import numpy as np
from hands import press
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from medqdeg_desktop.calibration.protocol import CellDesign, Protocol, body_of
from medqdeg_desktop.calibration.trials import ADJUST, Trial
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.study.readings import FixedProtocol
from medqdeg_desktop.study.records import ImageRecord
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level, Modality
from medqdeg_desktop.ui.calibrate.reading.pages import ReadingPages
from medqdeg_desktop.ui.calibrate.reading.session_page import SessionPage
from medqdeg_desktop.ui.calibrate.study_mode import CalibrateModes
from medqdeg_desktop.ui.main_window import MainWindow

_WAIT_MS = 15_000


class Reads(Shape):
    """Where a reader sets a level, how they rate a picture, and whether the first of a pair is worse."""

    def setting(self, trial: Trial) -> float: ...

    def rating(self, trial: Trial) -> int: ...

    def first_is_worse(self, trial: Trial) -> bool: ...


class Steady:
    """Sets L1 at 0.3 and L2 at 0.6, rates what is shown as what it is meant to be."""

    def setting(self, trial: Trial) -> float:
        return 0.3 if trial.level is Level.L1 else 0.6

    def rating(self, trial: Trial) -> int:
        return {"L0": 0, "L1": 2, "L2": 3}[trial.intended[:2]]

    def first_is_worse(self, trial: Trial) -> bool:
        return trial.type < trial.other_type


def skin_pictures(folder: Path, count: int = 3) -> list[ImageRecord]:
    """Small skin-coloured pictures on disk."""
    records = []
    for number in range(count):
        rng = np.random.default_rng(number)
        rows = np.clip(150 + 40 * np.sin(np.arange(72)[:, None] / (4 + number)) + rng.normal(0, 12, (72, 80)), 0, 255)
        path = folder / f"skin{number}.png"
        Image.fromarray(np.stack([rows, rows * 0.8, rows * 0.7], axis=-1).astype(np.uint8)).save(path)
        image = read_image(path, modality=Modality.DERMOSCOPY)
        records.append(ImageRecord(image.source_sha256, Modality.DERMOSCOPY, path.stem, str(path), 0, {"value_range": [0, 255]}))
    return records


def skin_study(folder: Path, pictures: list[ImageRecord], **changes: object) -> tuple[Path, FixedProtocol, Protocol]:
    """A study with a small protocol on ``pictures`` (the last one held out), without a dwell; ``changes`` of the protocol."""
    ids = tuple(p.image_id for p in pictures)
    values: dict[str, object] = {
        "name": "Skin",
        "version": "1.0.0",
        "cells": (CellDesign("gaussian_blur", Modality.DERMOSCOPY, ids[:2], ids[2:]),),
        "readers": 2,
        "repeats": 1,
        "repeat_days": 0.0,
        "catch_share": 0.25,
        "dwell_seconds": 0.0,
    }
    protocol = Protocol(**(values | changes)).checked()  # type: ignore[arg-type]
    path = folder / "skin.medq"
    with Study.create(path) as study:
        study.record_images(pictures)
        fixed = study.fix_protocol(body_of(protocol), "Chair")
    return path, fixed, protocol


def texts(widget: object) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel)]  # type: ignore[attr-defined]


def click(button: QAbstractButton) -> None:
    assert button.isEnabled(), button.text()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def study_pages(window: MainWindow) -> ReadingPages:
    """The pages of the reader study, brought to the front by their key."""
    workspace = window.workspace("calibrate")
    assert isinstance(workspace, CalibrateModes)
    if not workspace.in_study:
        press(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    assert workspace.pages is not None
    return workspace.pages


def button_of(qtbot: QtBot, pages: ReadingPages, key: str) -> QAbstractButton:
    """A button of the protocol's card on the front page, once it is there."""
    qtbot.waitUntil(lambda: bool(pages.home.cards) and key in pages.home.cards[0].buttons, timeout=_WAIT_MS)
    return pages.home.cards[0].buttons[key]


def begin(qtbot: QtBot, window: MainWindow, stage: str = ADJUST) -> SessionPage:
    pages = study_pages(window)
    click(button_of(qtbot, pages, stage))
    qtbot.waitUntil(lambda: pages.currentWidget() is pages.reading and pages.reading.shown is not None, timeout=_WAIT_MS)
    return pages.reading


def drag_to(page: SessionPage, severity: float) -> None:
    """The slider taken to ``severity`` by the mouse."""
    slider = page.panel.slider
    QTest.mouseClick(slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(round(slider.x_of(severity)), 34))


def respond(window: MainWindow, page: SessionPage, reader: Reads, *, mouse: bool = False) -> None:
    """The hand's part of an answer to the trial on the screen, as ``reader`` would give it.

    By keys, a level in steps of 5 and 1 %; with ``mouse`` the slider is taken by it and the buttons are clicked.
    """
    assert page.shown is not None
    trial, panel = page.shown.trial, page.panel
    if trial.kind == "catch":
        click(panel.secondary) if mouse else press(window, "x")
    elif trial.kind == "rate":
        step = reader.rating(trial)
        click(panel.step_buttons[step]) if mouse else press(window, str(step))
    elif trial.kind == "pair":
        first = reader.first_is_worse(trial)
        click(panel.left if first else panel.right) if mouse else press(window, Qt.Key.Key_Left if first else Qt.Key.Key_Right)
    else:
        if trial.kind == "set" and mouse:
            drag_to(page, reader.setting(trial))
        elif trial.kind == "set":
            for key in _steps(trial.start, reader.setting(trial)):
                press(window, key)
        click(panel.primary) if mouse else press(window, Qt.Key.Key_Return)


def _steps(start: float, target: float) -> str:
    """The keys that take the slider from ``start`` to within half a percent of ``target``."""
    coarse = round((target - start) / 0.05)
    fine = round((target - start - 0.05 * coarse) / 0.01)
    return ("]" if coarse > 0 else "[") * abs(coarse) + ("." if fine > 0 else ",") * abs(fine)


def answer(qtbot: QtBot, window: MainWindow, page: SessionPage, reader: Reads | None = None, *, mouse: bool = False) -> str:
    """Answers the trial on the screen and waits for the next; returns its key."""
    assert page.shown is not None and page.sitting is not None
    key, sitting, before = page.shown.trial.key, page.sitting, len(page.sitting.answers)
    qtbot.waitUntil(page.panel.primary.isEnabled, timeout=_WAIT_MS)
    respond(window, page, reader or Steady(), mouse=mouse)
    qtbot.waitUntil(lambda: len(sitting.answers) > before, timeout=_WAIT_MS)
    qtbot.waitUntil(lambda: page.sitting is None or (page.shown is not None and page.shown.trial.key != key), timeout=_WAIT_MS)
    return key


def read_all(
    qtbot: QtBot, window: MainWindow, stage: str = ADJUST, reader: Reads | None = None, *, mouse: bool = False
) -> list[str]:
    """All trials of a stage, in as many sessions as they take; returns their keys in the order in which they came."""
    keys: list[str] = []
    pages = study_pages(window)
    while True:
        page = begin(qtbot, window, stage)
        while page.sitting is not None:
            keys.append(answer(qtbot, window, page, reader, mouse=mouse))
        qtbot.waitUntil(lambda: pages.currentWidget() is pages.home, timeout=_WAIT_MS)
        # Pictures that are shown again need another session.
        if "again" not in pages.home.said.text():
            return keys


def lock(qtbot: QtBot, window: MainWindow, stage: str = ADJUST) -> None:
    """The reader's part of a stage, all answered, is locked by its button."""
    pages = study_pages(window)
    qtbot.waitUntil(lambda: "Lock" in button_of(qtbot, pages, stage).text(), timeout=_WAIT_MS)
    click(button_of(qtbot, pages, stage))
    qtbot.waitUntil(lambda: stage not in pages.home.cards[0].buttons, timeout=_WAIT_MS)


def look_at_consensus(qtbot: QtBot, window: MainWindow) -> ReadingPages:
    """The consensus page, filled."""
    pages = study_pages(window)
    pages.consensus.standing = None
    click(button_of(qtbot, pages, "consensus"))
    qtbot.waitUntil(lambda: pages.consensus.standing is not None, timeout=_WAIT_MS)
    return pages

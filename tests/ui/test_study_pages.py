"""The reader study's pages beside the sessions: what a trial must not tell, conditions, bundles, figures, two profiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hands import press, seen
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QToolTip, QWidget
from pytestqt.qtbot import QtBot
from reading_hands import answer, begin, click, drag_to, read_all, skin_pictures, skin_study, study_pages

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.profile_comparison import cell_pairs
from medqdeg_desktop.calibration.profiles import load_default_profile, profile_to_json
from medqdeg_desktop.calibration.protocol import CellDesign
from medqdeg_desktop.calibration.redraw import redraw_all
from medqdeg_desktop.calibration.trials import ADJUST, adjustment
from medqdeg_desktop.study.bundle import export_bundle, import_bundle
from medqdeg_desktop.study.readings import TrialAnswer
from medqdeg_desktop.study.records import ImageRecord, Profile, ProfileCell
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level, Modality
from medqdeg_desktop.ui.calibrate.reading.session_page import SessionPage
from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def pictures(tmp_path: Path) -> list[ImageRecord]:
    return skin_pictures(tmp_path)


def _hovered(page: SessionPage) -> None:
    """The pointer rests on each pane, at the places of a picture, and on the slider."""
    for pane in (page.comparison.left_pane, page.comparison.right_pane):
        for share in (0.3, 0.5, 0.7):
            QTest.mouseMove(pane, QPoint(round(pane.width() * share), round(pane.height() * share)))
            QApplication.processEvents()
    for widget in (page.panel.slider, page.comparison.right_pane, page.panel.primary, page.panel):
        middle = widget.rect().center()
        QApplication.sendEvent(widget, QHelpEvent(QEvent.Type.ToolTip, middle, widget.mapToGlobal(middle)))


def _told(window: MainWindow, page: SessionPage) -> str:
    """All that is written, drawn, shown on hovering or read aloud on the screen of a trial."""
    said: list[str] = [QToolTip.text()]
    for widget in window.findChildren(QWidget):
        if widget.isVisible():
            interface = QAccessible.queryAccessibleInterface(widget)
            kinds = (QAccessible.Text.Name, QAccessible.Text.Description, QAccessible.Text.Value, QAccessible.Text.Help)
            said += [interface.text(kind) for kind in kinds] if interface is not None else []
            said += [widget.toolTip(), widget.statusTip(), widget.accessibleName(), widget.accessibleDescription()]
            said += [widget.text()] if isinstance(widget, QLabel) else []
    for pane in (page.comparison.left_pane, page.comparison.right_pane):
        overlay = pane.overlay
        said += [overlay.title, overlay.reading, overlay.probe, overlay.mark]
    return "\n".join(said)


def test_neither_hovering_nor_reading_aloud_tells_a_severity_a_parameter_or_a_value(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, _fixed, _protocol = skin_study(tmp_path, pictures, catch_share=0.0)
    window = open_window(path)
    page = begin(qtbot, window)
    while page.shown is not None and page.shown.trial.kind == "clean":
        answer(qtbot, window, page)
    drag_to(page, 0.37)
    qtbot.waitUntil(lambda: page.live.confirmable is not None or bool(page.live.finish()), timeout=10_000)
    assert page._severity == pytest.approx(0.37, abs=0.02) and page.live.confirmable is not None
    shown = page.live.confirmable
    forbidden = {f"{page._severity:.{n}f}" for n in (1, 2, 3)} | {f"{page._severity * 100:.0f} %", f"{page._severity:g}"}
    for value in shown.parameters.values():
        if isinstance(value, float):
            forbidden |= {f"{value:.2f}", f"{value:.3g}", f"{value:.3f}"} - {"0.00", "0"}
    _hovered(page)
    said = _told(window, page)
    assert not [number for number in forbidden if number in said]
    assert page.comparison.left_pane.overlay.probe == page.comparison.right_pane.overlay.probe == ""
    for layout in ("w", "f"):
        press(window, layout)
        _hovered(page)
        assert page.comparison.right_pane.overlay.probe == "" and "→" not in _told(window, page)
    # Difference would show where a catch trial has none: it is not among the keys of a session.
    before = seen(page.comparison.right_pane)
    press(window, "d")
    assert np.array_equal(seen(page.comparison.right_pane), before)


def test_conditions_are_kept_with_the_session_and_offered_again(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, fixed, _protocol = skin_study(tmp_path, pictures)
    window = open_window(path)
    pages = study_pages(window)
    qtbot.waitUntil(lambda: bool(pages.home.cards), timeout=10_000)
    assert pages.home.conditions.values == {}
    pages.home.conditions.light.setCurrentIndex(1)
    pages.home.conditions.distance.setValue(65)
    pages.home.conditions.note.setText("room 3")
    page = begin(qtbot, window)
    assert page.sitting is not None
    facts = page.sitting.session.facts
    assert facts["ambient_light"].startswith("reading room") and (facts["distance_cm"], facts["conditions_note"]) == (
        65,
        "room 3",
    )
    assert "display_mode" not in facts
    assert "screen" in facts  # no name without a display
    for name in ("display", "window", "device_pixel_ratio", "dpi", "application", "numpy", "utc_offset"):
        assert facts[name] not in (None, ""), name
    assert len(facts["engine_sha256"]) == 64
    answer(qtbot, window, page)
    press(window, Qt.Key.Key_Escape)
    window.close()
    again = study_pages(open_window(path))
    qtbot.waitUntil(lambda: again.home.conditions.distance.value() == 65, timeout=10_000)
    assert again.home.conditions.values == {k: facts[k] for k in ("ambient_light", "distance_cm", "conditions_note")}
    with Study.open(path, read_only=True) as study:
        (kept,) = study.trials(fixed.protocol_id, "Reader 1")
        assert {"window", "zoom", "seconds", "session_minutes", "array", "layout", "start"} <= set(kept.detail)


def test_a_bundle_is_taken_in_and_what_conflicts_is_listed(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, fixed, protocol = skin_study(tmp_path, pictures)
    elsewhere = tmp_path / "elsewhere.medq"
    with Study.open(path) as study:
        reader = study.ensure_reader("Reader 2").reader_id
        export_bundle(study, tmp_path / "out.zip")
    with Study.create(elsewhere) as study:
        import_bundle(study, tmp_path / "out.zip")
    trial = adjustment(fixed, protocol, reader)[0]
    for site, verdict in ((path, "diagnostic"), (elsewhere, "rejected")):
        with Study.open(site) as study:
            study.answer_trial(
                TrialAnswer(
                    reader, fixed.protocol_id, ADJUST, trial.key, "", 1, verdict, modality="Dermoscopy", level="L0",
                    image_id=trial.image_id, reason="motion" if verdict == "rejected" else "",
                )
            )  # fmt: skip
    with Study.open(elsewhere) as study:
        study.ensure_reader("Reader 3")
        export_bundle(study, tmp_path / "back.zip")
    window = open_window(path)
    pages = study_pages(window)
    exchange = pages.home.exchange
    exchange.take_in(tmp_path / "back.zip")
    qtbot.waitUntil(lambda: "1 conflicts" in exchange.said.text(), timeout=10_000)
    assert exchange.lines.isVisible() and "which the same reader has answered here" in exchange.lines.item(0).text()
    with Study.open(path, read_only=True) as study:
        assert {r.pseudonym for r in study.readers()} >= {"Reader 2", "Reader 3"}
        assert [a.verdict for a in study.trials(fixed.protocol_id, "Reader 2")] == ["diagnostic"]
    exchange.write(tmp_path / "sent.zip")
    qtbot.waitUntil(lambda: "Written" in exchange.said.text(), timeout=10_000)
    assert (tmp_path / "sent.zip").stat().st_size > 500
    exchange.take_in(tmp_path / "nothing.zip")
    qtbot.waitUntil(lambda: "nothing.zip" in exchange.said.text() and "Taking" not in exchange.said.text(), timeout=10_000)


def _other_profile() -> Profile:
    """The default profile with noise on CT stronger, rotation of CT left out."""
    cells = []
    for cell in load_default_profile().cells:
        if (cell.type, cell.modality) == ("object_rotation", Modality.CT):
            continue
        if (cell.type, cell.modality) == ("gaussian_noise", Modality.CT):
            severity = cell.severity + 0.2
            cells.append(
                ProfileCell(
                    cell.type, cell.modality, cell.level, severity, cell.path_version,
                    {**cell.parameters, "sigma": 0.05 + severity / 4},
                    3, 18, "median of reader medians, 95 % interval 0.410 to 0.590",
                )
            )  # fmt: skip
        else:
            cells.append(cell)
    return Profile("Liver", "2.0.0", "published", tuple(cells), "", "chair", "2026-01-01T00:00:00.000000Z")


def test_two_profiles_are_compared_picture_beside_picture_by_keyboard(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, _fixed, _protocol = skin_study(tmp_path, pictures)
    other = _other_profile()
    (tmp_path / "liver.json").write_text(profile_to_json(other), "utf-8")
    window = open_window(path)
    pages = study_pages(window)
    click(pages.home.profiles)
    page = pages.profiles
    qtbot.waitUntil(lambda: "default" in page.profiles, timeout=10_000)
    page.add_file(tmp_path / "liver.json")
    qtbot.waitUntil(lambda: "Liver" in (page.chosen[1].name if page.profiles else ""), timeout=10_000)
    assert [p.type for p in page.pairs] == ["gaussian_noise", "object_rotation"]
    assert "1 cells differ" in page.said.text() and "1 are in one profile only" in page.said.text()
    assert page.table.topLevelItem(0).text(5) == "0.20"  # type: ignore[union-attr]
    assert "0.41 to 0.59" in page.table.topLevelItem(0).toolTip(2)  # type: ignore[union-attr]
    panes = page.panes.panes
    qtbot.waitUntil(lambda: all(p.image is not None for p in panes.values()), timeout=10_000)
    assert "sigma" in page.parameters.text()
    noise = [float(np.std(panes[0, side].image.pixels - page.panes._original.pixels)) for side in (0, 1)]  # type: ignore[union-attr]
    assert noise[1] > 1.5 * noise[0] > 0
    press(window, "=")
    placements = {pane.placement().scale_x for pane in panes.values() if pane.placement() is not None}  # type: ignore[union-attr]
    assert len(placements) == 1 and page.panes.view.viewport.zoom is not None
    QTest.keyPress(window, Qt.Key.Key_Space)
    assert all(pane.image is page.panes._original for pane in panes.values())
    QTest.keyRelease(window, Qt.Key.Key_Space)
    press(window, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: panes[0, 1].image is None and panes[0, 0].image is not None, timeout=10_000)
    assert page.current() == cell_pairs(load_default_profile(), other)[1]
    press(window, "x")
    qtbot.waitUntil(lambda: page.chosen[0].name == "Liver", timeout=5_000)
    press(window, Qt.Key.Key_Escape)
    assert pages.currentWidget() is pages.home


def test_the_figures_of_a_panel_are_on_the_screen_with_their_intervals(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, fixed, protocol = skin_study(tmp_path, pictures)
    rng = np.random.default_rng(0)
    with Study.open(path) as study:
        for name in ("Reader 1", "Reader 2"):
            reader = study.ensure_reader(name).reader_id
            session = study.open_session(fixed.protocol_id, name, ADJUST)
            for ordinal, trial in enumerate(adjustment(fixed, protocol, reader)):
                level = (0.3 if trial.level is Level.L1 else 0.6) + float(rng.normal(0, 0.02))
                verdict = {"clean": "diagnostic", "catch": "cannot_set"}.get(trial.kind, "set")
                study.answer_trial(
                    TrialAnswer(
                        reader, fixed.protocol_id, ADJUST, trial.key, session.session_id, ordinal, verdict, trial.type,
                        str(trial.modality), str(trial.level), level if verdict == "set" else None, trial.image_id,
                        {"seconds": 9.0, "start": trial.start},
                    )
                )  # fmt: skip
            study.lock_stage(fixed.protocol_id, name, ADJUST)
    window = open_window(path)
    pages = study_pages(window)
    qtbot.waitUntil(lambda: bool(pages.home.cards), timeout=10_000)
    click(pages.home.cards[0].buttons["consensus"])
    qtbot.waitUntil(pages.consensus.figures.isVisible, timeout=10_000)
    click(pages.consensus.figures)
    figures = pages.figures
    qtbot.waitUntil(lambda: figures.evidence is not None, timeout=10_000)
    assert figures.evidence is not None
    names = {view.figure.name for view in figures.charts.charts if view.figure is not None}
    assert names == set(figures.evidence.charts) >= {"levels", "test_retest", "between_readers", "readers"}
    assert "this panel only" in figures.said.text()
    rows = figures.tables["agreement"]
    words = {rows.topLevelItem(i).text(0): rows.topLevelItem(i).text(2) for i in range(rows.topLevelItemCount())}  # type: ignore[union-attr]
    assert " to " in words["within-reader SD"] and " to " in words["repeatability coefficient"]
    click(figures.back)
    assert pages.currentWidget() is pages.consensus


def test_a_bundle_that_comes_home_changes_nothing(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    path, _fixed, _protocol = skin_study(tmp_path, pictures)
    with Study.open(path) as study:
        export_bundle(study, tmp_path / "own.zip")
    exchange = study_pages(open_window(path)).home.exchange
    exchange.take_in(tmp_path / "own.zip")
    qtbot.waitUntil(lambda: "0 new" in exchange.said.text() and "0 conflicts" in exchange.said.text(), timeout=10_000)
    assert not exchange.lines.isVisible()
    with Study.open(path, read_only=True) as study:
        assert "bundle_imported" not in {event.kind for event in study.events()}


def test_what_was_rated_and_compared_is_drawn_again_to_the_same_pictures(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, pictures: list[ImageRecord]
) -> None:
    ids = tuple(p.image_id for p in pictures)
    cells = tuple(CellDesign(t, Modality.DERMOSCOPY, ids[:2], ids[2:]) for t in ("gaussian_blur", "gaussian_noise"))
    path, fixed, _protocol = skin_study(tmp_path, pictures, cells=cells, readers=1)
    with Study.open(path) as study:
        levels = [{"type": c.type, "modality": "Dermoscopy", "L1": 0.4, "L2": 0.8, "step": 0.1} for c in cells]
        study.fix_proposal(fixed.protocol_id, {"cells": levels}, "Chair")
    window = open_window(path)
    assert len(read_all(qtbot, window, "verify")) == 14 and len(read_all(qtbot, window, "compare")) == 1
    with Study.open(path) as study:
        for stage in ("verify", "compare"):
            study.lock_stage(fixed.protocol_id, "Reader 1", stage)
        for answer in study.trials(fixed.protocol_id, "Reader 1"):
            found = redraw_all(study, answer.event_id)
            assert len(found) == (2 if answer.stage == "compare" else 1)
            assert [r.sha256 for r in found] == [r.shown_sha256 for r in found]
            original = answer.detail["render_sha256"] == answer.image_id
            assert original == (answer.detail.get("intended") == "L0")
        compared = study.trials(fixed.protocol_id, "Reader 1", "compare")[0]
        assert compared.detail["other"]["render_sha256"] == redraw_all(study, compared.event_id)[1].sha256
        study.answer_trial(replace(compared, stage="adjust", key="set|x", verdict="cannot_set", detail={"kind": "set"}))
        study.lock_stage(fixed.protocol_id, "Reader 1", "adjust")
        given_up = study.trials(fixed.protocol_id, "Reader 1", "adjust")[0]
        with pytest.raises(CalibrationError, match="no picture was fixed"):
            redraw_all(study, given_up.event_id)

"""A whole reader study through real windows at two sites: three simulated readers, from the design to the published profile.

The readers' truth, biases and noise are known. In one cell they set what is too mild, as if they had misread the anchor: it
fails blind rating, and the adaptive run, votes and signatures bring it back to the truth.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hands import press
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSpinBox, QLineEdit, QMessageBox
from pytestqt.qtbot import QtBot
from reading_hands import answer as answer_trial
from reading_hands import button_of, click, lock, look_at_consensus, read_all, study_pages

from medqdeg_desktop.calibration.adaptive import ADAPT
from medqdeg_desktop.calibration.adjudication import Standing, standing
from medqdeg_desktop.calibration.comparison import COMPARE, scales
from medqdeg_desktop.calibration.protocol import protocol_of
from medqdeg_desktop.calibration.redraw import redraw
from medqdeg_desktop.calibration.trials import ADJUST, VERIFY, Trial, adjustment
from medqdeg_desktop.cli import group
from medqdeg_desktop.engine.image import frozen
from medqdeg_desktop.samples.dicom_file import write_dicom
from medqdeg_desktop.samples.photographs import dermoscopy
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.calibrate.reading.consensus_page import ConsensusPage
from medqdeg_desktop.ui.main_window import MainWindow
from tests.calibration.simulated_readers import TRUTH, SimulatedReader

OpenWindow = Callable[..., MainWindow]

TYPES = ("adjust_brightness", "gaussian_blur", "low_resolution", "motion_blur")
MISREAD, TOO_MILD = "motion_blur", 0.24
#: What the simulated readers find worse for reading at L1, in rising order.
WORSE = {name: strength for strength, name in enumerate(TYPES)}


@dataclass
class Panelist(SimulatedReader):
    """A simulated reader who misreads the anchor of one cell while adjusting, and sees straight ever after."""

    def setting(self, trial: Trial) -> float:
        misread = TOO_MILD if trial.type == MISREAD and trial.stage == ADJUST else 0.0
        return max(super().setting(trial) - misread, 0.02)

    def first_is_worse(self, trial: Trial) -> bool:
        return WORSE[trial.type] > WORSE[trial.other_type]


PANEL = {
    name: Panelist(name, bias, noise=0.015, rng=np.random.default_rng([9, number]))
    for number, (name, bias) in enumerate({"Reader 1": -0.02, "Reader 2": 0.0, "Reader 3": 0.02}.items())
}


def _pictures(folder: Path) -> Path:
    """Six small skin lesions as DICOM files."""
    folder.mkdir()
    for number in range(6):
        image = dermoscopy(number, size=128).image
        pixels = frozen(np.ascontiguousarray(image.pixels[::2, ::2]))
        small = image.with_pixels(pixels)
        write_dicom(small, folder / f"skin{number}.dcm", series=f"skin {number}", description=f"lesion {number}")
    return folder


def _command(*arguments: object) -> str:
    ran = CliRunner().invoke(group, [str(a) for a in arguments])
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return ran.output


class Site:
    """A study file with its window; bundles go out and come in by the commands, as people send them."""

    def __init__(self, path: Path, open_window: OpenWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self._open, self._qtbot, self._patch = path, open_window, qtbot, monkeypatch
        self.window: MainWindow | None = None
        self._sent = 0

    def sits(self, *targets: Path) -> MainWindow:
        self.window = self._open(self.path, *targets)
        return self.window

    def leaves(self) -> None:
        assert self.window is not None
        self.window.close()
        self.window = None

    def sends_to(self, other: Site) -> None:
        self._sent += 1
        bundle = self.path.with_name(f"{self.path.stem}-{self._sent}.zip")
        _command("study", "export", self.path, "--out", bundle)
        _command("study", "import", other.path, bundle)  # a conflict would fail it

    def reader(self, name: str) -> None:
        """Another person sits down in front of this window, and says so at its foot."""
        window = self.window
        assert window is not None
        window.activateWindow()
        self._qtbot.waitUntil(window.isActiveWindow, timeout=10_000)
        pages = study_pages(window)
        if window.session.reader != name:
            self._patch.setattr("medqdeg_desktop.ui.main_window.QInputDialog.getText", lambda *a, **k: (name, True))
            click(window.foot.study)
            self._qtbot.waitUntil(lambda: window.session.reader == name, timeout=10_000)
        pages.home.cards = []
        pages.go_home("")
        self._qtbot.waitUntil(lambda: pages.currentWidget() is pages.home and bool(pages.home.cards), timeout=10_000)

    def reads(self, name: str, stage: str, *, mouse: bool) -> int:
        assert self.window is not None
        self.reader(name)
        keys = read_all(self._qtbot, self.window, stage, PANEL[name], mouse=mouse)
        assert len(keys) == len(set(keys))
        lock(self._qtbot, self.window, stage)
        return len(keys)


def _type_into(box: QAbstractSpinBox | QLineEdit, text: str) -> None:
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, text)
    QTest.keyClick(box, Qt.Key.Key_Tab)


def _design(qtbot: QtBot, window: MainWindow) -> None:
    """The chair designs and fixes the protocol."""
    pages = study_pages(window)
    click(pages.home.design)
    designer = pages.designer
    _type_into(designer.name, "Skin levels")
    for box, text in ((designer.images, "4"), (designer.held_out, "2"), (designer.repeats, "1"), (designer.readers, "3")):
        _type_into(box, text)
    for amount, text in ((designer.days, "0"), (designer.dwell, "0")):
        _type_into(amount, text)
    said = designer.told.text()
    assert "4 cells" in said and "on 4 pictures" in said and "40 settings" in said, said
    assert "fewer than five readers" in designer.warning.text()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Ok)
        click(designer.fix)
    qtbot.waitUntil(lambda: "is fixed" in pages.home.said.text(), timeout=20_000)


@pytest.mark.slow
def test_a_study_at_two_sites_goes_from_its_design_to_the_profile_that_the_readers_are_made_of(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = _pictures(tmp_path / "pictures")
    elsewhere = Path(shutil.copytree(pictures, tmp_path / "elsewhere"))
    here, there = (Site(tmp_path / f"{n}.medq", open_window, qtbot, monkeypatch) for n in ("here", "there"))
    for site in (here, there):
        _command("study", "create", site.path)

    window = here.sits(pictures)
    _design(qtbot, window)
    with Study.open(here.path, read_only=True) as study:
        (fixed,) = study.protocols()
    protocol = protocol_of(fixed.body)
    assert [c.type for c in protocol.cells] == sorted(TYPES) and all(len(c.images) == 4 for c in protocol.cells)

    # Adjustment: two readers here, one at the other site, where the pictures lie elsewhere.
    trials = here.reads("Reader 1", ADJUST, mouse=True)
    assert trials == len(adjustment(fixed, protocol, "anybody")) == 4 + 40 + 4
    here.reads("Reader 2", ADJUST, mouse=False)
    here.leaves()
    here.sends_to(there)
    away = there.sits()
    there.reader("Reader 3")
    monkeypatch.setattr(
        "medqdeg_desktop.ui.calibrate.reading.session_page.QFileDialog.getExistingDirectory", lambda *a: str(elsewhere)
    )
    pages = study_pages(away)
    click(button_of(qtbot, pages, ADJUST))
    qtbot.waitUntil(pages.reading.panel.locate.isVisible, timeout=10_000)
    click(pages.reading.panel.locate)
    qtbot.waitUntil(lambda: pages.reading.shown is not None, timeout=10_000)
    press(away, Qt.Key.Key_Escape)
    there.reads("Reader 3", ADJUST, mouse=True)
    there.leaves()
    there.sends_to(here)

    # Proposal, blind rating, and pairs.
    window = here.sits()
    here.reader("Chair")
    consensus = look_at_consensus(qtbot, window).consensus
    assert consensus.table.topLevelItemCount() == 4 and "describe this panel only" in consensus.next.text()
    click(consensus.propose)
    qtbot.waitUntil(lambda: not consensus.propose.isVisible(), timeout=10_000)
    click(consensus.back)
    for number, name in enumerate(("Reader 1", "Reader 2")):
        assert here.reads(name, VERIFY, mouse=bool(number)) == 4 * 2 * 7
        assert here.reads(name, COMPARE, mouse=not number) == 6 * 2
    here.leaves()
    here.sends_to(there)
    there.sits()
    for stage in (VERIFY, COMPARE):
        there.reads("Reader 3", stage, mouse=False)
    there.sends_to(here)

    # The misread cell fails, and it alone; its steps are found one rating after the other.
    window = here.sits()
    here.reader("Chair")
    failed = _failures(look_at_consensus(qtbot, window).consensus.standing)
    assert list(failed) == [MISREAD], failed
    click(study_pages(window).consensus.back)
    here.reads("Reader 1", ADAPT, mouse=False)
    assert here.reads("Reader 2", ADAPT, mouse=False) == 40
    here.leaves()
    here.sends_to(there)
    there.reads("Reader 3", ADAPT, mouse=False)
    there.sends_to(here)
    with Study.open(here.path) as study:
        for cell in standing(study, fixed.protocol_id, "Chair").cells:
            if cell.proposal.cell.type == MISREAD:
                assert cell.proposal.basis(Level.L1) == "adaptive runs"
                for level, severity in cell.proposal.severities.items():
                    assert severity == pytest.approx(TRUTH[MISREAD, level], abs=0.08)

    # Votes that nobody sees before their own, then two signatures and the chair's.
    window = here.sits()
    for name in ("Reader 1", "Reader 2"):
        _votes(qtbot, here, name)
    here.sends_to(there)
    _votes(qtbot, there, "Reader 3")
    there.sends_to(here)
    there.leaves()
    for name in ("Reader 1", "Reader 2", "Chair"):
        here.reader(name)
        consensus = look_at_consensus(qtbot, window).consensus
        qtbot.waitUntil(consensus.adjudicate.isVisible, timeout=10_000)
        assert not consensus.accept.isEnabled() and "votes of round 1" in consensus.doubts.text()
        QTest.keyClicks(consensus.reason, "the anchor had been misread; agreed after looking together")
        click(consensus.accept)
        _until_said(qtbot, consensus, f"Signed by {name}.")

    # Publication; what it rests on; the same profile at both sites.
    qtbot.waitUntil(consensus.publish.isVisible, timeout=10_000)
    click(consensus.publish)
    _until_said(qtbot, consensus, "Published Skin levels 1.0.0")
    consensus.write_report(tmp_path / "evidence")
    _until_said(qtbot, consensus, "Report")
    assert "Blind verification" in (tmp_path / "evidence" / "calibration.html").read_text("utf-8")
    here.leaves()
    here.sends_to(there)
    there.sends_to(here)
    profiles = []
    for site in (here, there):
        _command("study", "verify", site.path)
        with Study.open(site.path) as study:
            profile = study.newest_profile()
            assert profile is not None and profile.status == "published" and len(profile.cells) == 8
            profiles.append(profile)
            for found in profile.cells:
                assert found.severity == pytest.approx(TRUTH[found.type, found.level], abs=0.05), found
            (scale,) = scales(protocol, study.trials(fixed.protocol_id, "Chair"))
            assert [scale.types[i] for i in np.argsort(scale.strengths.log_strength)] == list(TYPES)
    assert profiles[0].content_hash == profiles[1].content_hash
    with Study.open(here.path) as study:
        kept = study.trials(fixed.protocol_id, "Chair")
        assert len(kept) == len({(a.reader, a.stage, a.key) for a in kept}) == 3 * (48 + 56 + 12 + 40 + 2)
        for setting in [a for a in kept if a.verdict == "set" and a.stage == ADJUST and not a.key.startswith("catch")][::24]:
            assert redraw(study, setting.event_id).sha256 == setting.detail["render_sha256"]


def _until_said(qtbot: QtBot, consensus: ConsensusPage, beginning: str) -> None:
    qtbot.waitUntil(lambda: consensus.said.text().startswith(beginning), timeout=20_000)


def _failures(now: Standing | None) -> dict[str, str]:
    assert now is not None
    return {c.proposal.cell.type: c.verdict.failed for c in now.cells if c.verdict is not None and c.verdict.failed}


def _votes(qtbot: QtBot, site: Site, name: str) -> None:
    assert site.window is not None
    site.reader(name)
    pages = look_at_consensus(qtbot, site.window)
    assert pages.consensus.vote.isVisible() and "round 1" in pages.consensus.vote.text()
    click(pages.consensus.vote)
    qtbot.waitUntil(lambda: pages.currentWidget() is pages.reading and pages.reading.shown is not None, timeout=10_000)
    while pages.reading.sitting is not None:
        answer_trial(qtbot, site.window, pages.reading, PANEL[name], mouse=True)

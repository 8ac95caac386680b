"""Consensus: cells with their levels and what speaks against them, each reader's picture, votes, signatures, publication."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.calibration import adjudication as work
from medqdeg_desktop.calibration.adjudication import CellStanding, Standing
from medqdeg_desktop.calibration.protocol import LEVELS
from medqdeg_desktop.calibration.showing import picture
from medqdeg_desktop.calibration.trials import CALIBRATION_SET
from medqdeg_desktop.engine.degradation import degrade
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.seeding import realisation_seed
from medqdeg_desktop.study.records import ImageRecord, Profile
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.calibrate.reading.level_strip import LevelStrip
from medqdeg_desktop.ui.jobs import Job, JobState, jobs_of
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.viewer.pane import ImagePane
from medqdeg_desktop.ui.viewer.viewport import Viewport
from medqdeg_desktop.ui.vocabulary import type_words

_SEPARATOR = 12


class ConsensusPage(QWidget):
    """``left`` goes home; ``vote_wanted`` carries protocol id and stage, ``figures_wanted`` the protocol id."""

    left = Signal()
    vote_wanted = Signal(str, str)
    figures_wanted = Signal(str)

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._background = Background(self)
        self._protocol_id = ""
        self.standing: Standing | None = None
        self._cell = ""
        self._level = Level.L1
        self._job: Job | None = None
        self.title = QLabel()
        self.title.setFont(theme.font(t.HEADLINE, strong=True))
        self.said = _wrapped("muted")
        self.next = _wrapped("")
        self.table = QTreeWidget()
        self.table.setHeaderLabels([self.tr("Degradation"), "L1", "L2", self.tr("State")])
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.currentItemChanged.connect(self._on_cell_chosen)
        self.name = QLabel()
        self.name.setFont(theme.font(t.TITLE, strong=True))
        self.strip = LevelStrip()
        self.doubts = _wrapped("")
        self.levels = {level: QPushButton(self.tr("Pictures at {0}").format(level)) for level in LEVELS}
        for level, button in self.levels.items():
            button.setCheckable(True)
            button.clicked.connect(partial(self._on_level_chosen, level))
        self.pictures = QHBoxLayout()
        self.pictures.setSpacing(4)
        self.signed = _wrapped("small")
        self.reason = QLineEdit()
        self.reason.setPlaceholderText(self.tr("Reason, kept with your signature"))
        self.accept = QPushButton(self.tr("Sign these levels"))
        self.accept.clicked.connect(partial(self._on_sign, "accepted"))
        self.exclude = QPushButton(self.tr("Leave this cell out"))
        self.exclude.clicked.connect(partial(self._on_sign, "excluded"))
        self.reason.textChanged.connect(self._allow)
        self.vote = QPushButton()
        self.vote.clicked.connect(self._on_vote)
        self.propose = QPushButton(self.tr("Propose these levels for blind rating"))
        self.propose.clicked.connect(self._on_propose)
        self.figures = QPushButton(self.tr("Figures"))
        self.figures.setToolTip(self.tr("Repeatability, agreement, readers, blind ratings: the charts and tables of the report"))
        self.figures.clicked.connect(lambda: self.figures_wanted.emit(self._protocol_id))
        self.report = QPushButton(self.tr("Write the report…"))
        self.report.setToolTip(self.tr("HTML, PDF, tables as CSV, charts as SVG"))
        self.report.clicked.connect(self._on_report)
        self.version = QLineEdit("1.0.0")
        self.version.setFixedWidth(80)
        self.version.setAccessibleName(self.tr("Version of the profile"))
        self.publish = QPushButton(self.tr("Publish as"))
        self.publish.setProperty("role", "primary")
        self.publish.clicked.connect(self._on_publish)
        self.back = QPushButton(self.tr("Back"))
        self.back.clicked.connect(self.left)
        self._lay_out()
        self.split.hide()
        self._allow()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch(1)
        for widget in (self.vote, self.propose, self.figures, self.report, self.publish, self.version, self.back):
            head.addWidget(widget)
        self.detail = detail = QWidget()
        column = QVBoxLayout(detail)
        column.setContentsMargins(16, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.name)
        column.addWidget(self.strip)
        column.addWidget(self.doubts)
        choose = QHBoxLayout()
        for button in self.levels.values():
            choose.addWidget(button)
        choose.addStretch(1)
        column.addLayout(choose)
        column.addLayout(self.pictures, 1)
        self.adjudicate = QWidget()
        inner = QVBoxLayout(self.adjudicate)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.signed)
        row = QHBoxLayout()
        row.addWidget(self.reason, 1)
        row.addWidget(self.accept)
        row.addWidget(self.exclude)
        inner.addLayout(row)
        column.addWidget(self.adjudicate)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(detail)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.addWidget(self.table)
        self.split.addWidget(scroll)
        self.split.setStretchFactor(0, 4)
        self.split.setStretchFactor(1, 5)
        self.split.setSizes([460, 720])
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 24, 24, 16)
        whole.setSpacing(_SEPARATOR)
        whole.addLayout(head)
        whole.addWidget(self.said)
        whole.addWidget(self.next)
        whole.addWidget(self.split, 1)

    def close_down(self) -> None:
        self._background.close()

    # -- showing ----------------------------------------------------------------------------------------------

    def show_protocol(self, protocol_id: str) -> None:
        if protocol_id != self._protocol_id:
            self._protocol_id, self._cell, self.standing = protocol_id, "", None
            self.table.clear()
            self.split.hide()
            self.next.clear()
            self._allow()
        self._refresh("")

    def _tell(self, text: str) -> None:
        self.said.setText(text)
        self.said.show()

    def _refresh(self, said: str) -> None:
        protocol_id, reader = self._protocol_id, self._session.reader
        self._session.submit(
            lambda study: work.standing(study, protocol_id, reader), partial(self._on_standing, said), self._tell
        )

    def _on_standing(self, said: str, standing: Standing) -> None:
        self.standing = standing
        protocol = standing.protocol
        self.title.setText(f"{protocol.name} {protocol.version}")
        few = any(c.proposal.of_this_panel_only for c in standing.cells)
        note = self.tr("Fewer than five readers: the intervals describe this panel only.") if few else ""
        self.said.setText(said or standing.hidden)
        self.said.setVisible(bool(self.said.text()))
        self.next.setText("  ".join(part for part in (self._next_step(standing), note) if part))
        self.next.setVisible(bool(self.next.text()))
        self.split.setVisible(bool(standing.cells))
        self.table.blockSignals(True)
        self.table.clear()
        for cell in standing.cells:
            self.table.addTopLevelItem(self._row(cell))
        header = self.table.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        self.table.blockSignals(False)
        rows = [c.proposal.cell.name for c in standing.cells]
        first_open = next((i for i, c in enumerate(standing.cells) if not c.settled), 0)
        chosen = rows.index(self._cell) if self._cell in rows else first_open
        if rows:
            row = self.table.topLevelItem(chosen)
            assert row is not None
            self.table.setCurrentItem(row)
            self._show_cell()
        self._allow()

    def _next_step(self, standing: Standing) -> str:
        """What comes next, in a sentence."""
        if standing.hidden or not standing.cells:
            return ""
        readers = standing.protocol.readers
        left = sum(not cell.settled for cell in standing.cells)
        if standing.locked < readers:
            return self.tr("Next: {0} of {1} readers have locked; levels are proposed when all have.").format(
                standing.locked, readers
            )
        if self._can_rate(standing) and not standing.proposed:
            return self.tr("Next: propose these levels, so that readers rate them, blind, on other pictures.")
        if standing.proposed and standing.rated < readers:
            return self.tr("Next: readers rate the proposed levels (front page, step 2); {0} of {1} have locked.").format(
                standing.rated, readers
            )
        if left and standing.vote_stage and not any(cell.proposal.votes for cell in standing.cells):
            return self.tr("Next: look at the cells to settle ({0}), then vote on them again, unseen.").format(left)
        if left:
            return self.tr(
                "Next: talk about the cells to settle ({0}); two readers and a chair sign each, with a reason."
            ).format(left)
        if standing.published:
            return self.tr("Every cell is settled. Published: {0}.").format(", ".join(standing.published))
        return self.tr("Every cell is settled. Next: publish, or write the report first.")

    @staticmethod
    def _can_rate(standing: Standing) -> bool:
        return any(c.held_out for c in standing.protocol.cells)

    def _row(self, standing: CellStanding) -> QTreeWidgetItem:
        p = standing.proposal
        texts = [f"{type_words(p.cell.type)} · {p.cell.modality}"]
        texts += [f"{p.severities[level]:.2f}" for level in LEVELS]
        texts.append(self._state(standing))
        row = QTreeWidgetItem(texts)
        for column, level in enumerate(LEVELS, 1):
            interval = p.levels[level].severity
            row.setToolTip(column, self.tr("95 % interval {0:.2f} to {1:.2f}").format(interval.low, interval.high))
        row.setToolTip(3, "\n".join(p.doubts) or self.tr("inside the limits of the protocol"))
        return row

    def _state(self, standing: CellStanding) -> str:
        if standing.state == "accepted":
            return self.tr("accepted, signed") if standing.proposal.doubts else self.tr("accepted")
        if standing.state == "excluded":
            return self.tr("left out")
        return self.tr("to settle")

    def _on_cell_chosen(self, *_: object) -> None:
        self._show_cell()

    def _current(self) -> CellStanding | None:
        index = self.table.indexOfTopLevelItem(self.table.currentItem()) if self.table.currentItem() is not None else -1
        return self.standing.cells[index] if self.standing is not None and index >= 0 else None

    def _show_cell(self) -> None:
        cell = self._current()
        if cell is None or self.standing is None:
            return
        p = cell.proposal
        self._cell = p.cell.name
        self.name.setText(f"{type_words(p.cell.type)} · {p.cell.modality}")
        self.strip.show_cell(p, self.standing.names)
        lines = [f"•  {d}" for d in p.doubts] or [self.tr("Inside the limits of the protocol: accepted without adjudication.")]
        if p.votes or p.adaptive:
            lines.append(self.tr("The levels shown rest on: {0}.").format(p.basis(LEVELS[0])))
        self.doubts.setText("\n".join(lines))
        told = []
        for s in cell.signatures:
            decision = self.tr("signs") if s.decision == "accepted" else self.tr("leaves it out")
            told.append(f"{self.standing.names.get(s.reader, '?')} {decision}: {s.reason}")
        if not cell.settled:
            told.append(cell.state)
        self.signed.setText("\n".join(told))
        self.adjudicate.setVisible(bool(p.doubts) and not cell.settled)
        self._show_pictures()
        self._allow()

    def _on_level_chosen(self, level: Level, _checked: bool = False) -> None:
        self._level = level
        self._show_pictures()

    def _show_pictures(self) -> None:
        """One picture at each reader's own level, and the original."""
        for level, button in self.levels.items():
            button.setChecked(level is self._level)
        cell = self._current()
        if cell is None or self.standing is None:
            return
        p = cell.proposal
        record = self.standing.images.get(p.cell.images[0])
        medians = p.levels[self._level].reader_medians
        shown = [(self.standing.names.get(r, "?"), s) for r, s in sorted(medians.items(), key=lambda item: item[1])]
        self._clear_pictures()
        if record is None:
            return
        work_ = partial(_pictures, record, p.cell.type, [("", 0.0), *shown])
        self._background.run("pictures", work_, self._on_pictures, self._tell)

    def _clear_pictures(self) -> None:
        while (item := self.pictures.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def _on_pictures(self, made: list[tuple[str, MedicalImage]]) -> None:
        self._clear_pictures()
        for name, image in made:
            pane = ImagePane(name or self.tr("Original"))
            pane.setMinimumSize(100, 160)
            pane.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
            pane.overlay.title = name or self.tr("Original")
            pane.show_image(image)
            pane.show_as(Viewport(), image.window, False)
            self.pictures.addWidget(pane, 1)

    # -- acting -----------------------------------------------------------------------------------------------

    def _allow(self, *_: object) -> None:
        standing = self.standing
        reason = bool(self.reason.text().strip())
        self.accept.setEnabled(reason)
        self.exclude.setEnabled(reason)
        shown = standing is not None and not standing.hidden
        all_in = shown and standing is not None and standing.locked >= standing.protocol.readers
        can_rate = standing is not None and self._can_rate(standing)
        self.propose.setVisible(bool(all_in and can_rate and standing is not None and not standing.proposed))
        self.figures.setVisible(shown)
        self.report.setVisible(shown)
        self.report.setEnabled(self._job is None)
        self.vote.setVisible(bool(shown and standing is not None and standing.vote_stage))
        if standing is not None and standing.vote_stage:
            self.vote.setText(self.tr("Vote again, unseen ({0})").format(standing.vote_stage.replace("vote-", self.tr("round "))))
        publishable = bool(all_in and standing is not None and standing.publishable)
        self.publish.setVisible(publishable)
        self.version.setVisible(publishable)

    def _on_sign(self, decision: str, _checked: bool = False) -> None:
        cell = self._current()
        if cell is None:
            return
        reason, reader, protocol_id = self.reason.text().strip(), self._session.reader, self._protocol_id
        self._session.submit(
            lambda study: work.sign(study, protocol_id, reader, cell.proposal, decision, reason),
            lambda _signature: self._after(self.tr("Signed by {0}.").format(reader)),
            self._tell,
        )

    def _after(self, said: str) -> None:
        self.reason.clear()
        self._refresh(said)

    def _on_vote(self) -> None:
        if self.standing is not None:
            self.vote_wanted.emit(self._protocol_id, self.standing.vote_stage)

    def _on_propose(self) -> None:
        reader, protocol_id = self._session.reader, self._protocol_id
        self._session.submit(
            lambda study: work.propose_for_verification(study, protocol_id, reader),
            lambda _done: self._refresh(self.tr("Proposed: readers can rate these levels blind now.")),
            self._tell,
        )

    def _on_publish(self) -> None:
        reader, protocol_id, version = self._session.reader, self._protocol_id, self.version.text().strip()
        self._session.submit(lambda study: work.publish(study, protocol_id, reader, version), self._on_published, self._tell)

    def _on_published(self, profile: Profile) -> None:
        self._refresh(
            self.tr("Published {0} {1}: {2} levels, {3}. Generation uses it from now on.").format(
                profile.name, profile.version, len(profile.cells), profile.content_hash[:12]
            )
        )

    def _on_report(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Folder for the report"), _beside(self._session))
        if folder:
            self.write_report(Path(folder))

    def write_report(self, folder: Path) -> None:
        """Page, PDF, tables and charts, by the program's own command outside the window."""
        if self._session.path is None:
            return
        arguments = ["calibrate", "report", str(self._session.path), "--protocol", self._protocol_id]
        arguments += ["--reader", self._session.reader, "--out", str(folder)]
        self._tell(self.tr("Writing the report…"))
        self._job = Job(self.tr("Report"), arguments, tells=False)
        self._job.ended.connect(partial(self._on_reported, self._job, folder))
        self._allow()
        jobs_of(self._session).add(self._job)

    def _on_reported(self, job: Job, folder: Path) -> None:
        self._job = None
        self._allow()
        if job.state is JobState.DONE:
            self._tell(self.tr("Report: {0}").format(folder / "calibration.html"))
        else:
            self._tell(job.error or self.tr("The report was stopped."))


def _beside(session: StudySession) -> str:
    """The folder of the study, where dialogs begin."""
    return str(session.path.parent) if session.path is not None else ""


def _pictures(record: ImageRecord, type_name: str, wanted: list[tuple[str, float]]) -> list[tuple[str, MedicalImage]]:
    image = picture(record)
    seed = realisation_seed(CALIBRATION_SET, image.source_sha256, type_name)
    return [(name, degrade(image, type_name, s, seed=seed) if s > 0 else image) for name, s in wanted]


def _wrapped(role: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    if role:
        label.setProperty("role", role)
    return label

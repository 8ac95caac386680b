"""Studies of other sites: a bundle is sent and taken in, and what conflicts is listed line by line."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QListWidget, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.bank.review import follow_bundle
from medqdeg_desktop.study.bundle import TakenIn, export_bundle, import_bundle
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.study_session import StudySession


class Exchange(QFrame):
    """``taken_in`` when a bundle has changed the study."""

    taken_in = Signal()

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        title = QLabel(self.tr("Other sites"))
        why = QLabel(
            self.tr(
                "A bundle holds protocols, decisions and profiles; no pictures, no paths. Taking one in twice changes nothing."
            )
        )
        why.setProperty("role", "muted")
        why.setWordWrap(True)
        self.take = QPushButton(self.tr("Take in a bundle…"))
        self.take.clicked.connect(self.choose_bundle)
        self.send = QPushButton(self.tr("Send a bundle…"))
        self.send.clicked.connect(self.choose_target)
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.lines = QListWidget()
        self.lines.setAccessibleName(self.tr("Conflicts and notes"))
        self.lines.setWordWrap(True)
        self.lines.setMaximumHeight(160)
        self.lines.hide()
        self.said.hide()
        head = QHBoxLayout()
        head.addWidget(title)
        head.addWidget(why, 1)
        head.addWidget(self.take)
        head.addWidget(self.send)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(16, 4, 16, 4)
        whole.addLayout(head)
        whole.addWidget(self.said)
        whole.addWidget(self.lines)

    @property
    def _folder(self) -> str:
        return str(self._session.path.parent) if self._session.path is not None else ""

    def choose_bundle(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, self.tr("A bundle of another site"), self._folder, self.tr("Bundles (*.zip)"))
        if name:
            self.take_in(Path(name))

    def choose_target(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, self.tr("The bundle to write"), self._folder, self.tr("Bundles (*.zip)"))
        if name:
            self.write(Path(name if name.casefold().endswith(".zip") else f"{name}.zip"))

    def take_in(self, source: Path) -> None:
        self._tell(self.tr("Taking in {0}…").format(source.name), [])
        self._session.submit(lambda study: _import(study, source), self._on_taken_in, self._on_failed)

    def write(self, target: Path) -> None:
        """The dialog has asked before an older bundle is replaced."""
        self._session.submit(lambda study: _export(study, target), self._on_written, self._on_failed)

    def _on_taken_in(self, taken: TakenIn) -> None:
        said = self.tr("{0} new, {1} known, {2} conflicts.").format(taken.added, taken.unchanged, len(taken.conflicts))
        if taken.conflicts:
            said += self.tr(" In each, what this study says was kept:")
        self._tell(said, [*taken.conflicts, *taken.notes])
        if taken.added:
            self.taken_in.emit()

    def _on_written(self, target: Path) -> None:
        self._tell(self.tr("Written: {0}").format(target), [])

    def _on_failed(self, text: str) -> None:
        self._tell(text, [])

    def _tell(self, said: str, lines: list[str]) -> None:
        self.said.setText(said)
        self.said.show()
        self.lines.clear()
        self.lines.addItems(lines)
        self.lines.setVisible(bool(lines))


def _import(study: Study, source: Path) -> TakenIn:
    with study.together():
        taken = import_bundle(study, source)
        follow_bundle(study, taken.reviewed)
    return taken


def _export(study: Study, target: Path) -> Path:
    target.unlink(missing_ok=True)
    export_bundle(study, target)
    return target

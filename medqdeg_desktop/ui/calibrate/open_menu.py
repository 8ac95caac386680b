"""What the open button offers: files, a folder, and what was open lately, told by what it is, never by a path or a name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.calibrate.places import present


class OpenMenu(QMenu):
    """``files`` and ``folder``: a choice of them is wanted; ``recent``: the path to open; ``forgotten``: the list is to go."""

    files = Signal()
    folder = Signal()
    recent = Signal(Path)
    forgotten = Signal()

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._places: dict[Path, QAction] = {}

    def fill(self, recent: Mapping[str, str]) -> None:
        """Lists ``recent`` (path to its line). Whether a place is still there is asked elsewhere: a dead share answers late."""
        self.clear()
        self.addAction(self.tr("Files…"), self.files.emit)
        self.addAction(self.tr("A folder…"), self.folder.emit)
        self._places = {}
        if not recent:
            return
        self.addSection(self.tr("Recent"))
        for number, (path, text) in enumerate(recent.items(), 1):
            self._places[Path(path)] = self.addAction(f"#{number}  {text}", partial(self.recent.emit, Path(path)))
        self.addSeparator()
        self.addAction(self.tr("Forget these"), self.forgotten.emit)
        self._background.run("recent", partial(present, list(self._places)), self._on_present)

    def _on_present(self, found: list[Path]) -> None:
        for path, action in self._places.items():
            if path not in found:
                action.setText(self.tr("{0}  (not there now)").format(action.text()))
                action.setEnabled(False)

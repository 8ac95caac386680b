"""Which model is asked: the reference model first, folders used before, any other folder."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.reference.selfcheck import MODEL
from medqdeg_desktop.shipped import shipped

_KEPT: Final = 6


def reference_model() -> Path | None:
    """The shipped model's folder; None where the installation lacks it."""
    try:
        return shipped(MODEL)
    except MedqdegError:
        return None


class ModelChoice(QToolButton):
    """``chosen`` carries the folder; ``stop_wanted``: the present model is to be put away."""

    chosen = Signal(object)
    stop_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.folders: list[Path] = []
        self.current: Path | None = None
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(self.tr("Model"))
        self._short = False
        self._menu = QMenu(self)
        self.setMenu(self._menu)
        self._menu.aboutToShow.connect(self._fill)
        self.show_model(None)

    def remember(self, folders: Iterable[object]) -> None:
        """Folders of earlier days; what is no text is left out."""
        self.folders = [Path(folder) for folder in folders if isinstance(folder, str)][:_KEPT]

    def show_model(self, folder: Path | None) -> None:
        self.current = folder
        if folder is not None and folder != reference_model():
            self.folders = [folder, *(known for known in self.folders if known != folder)][:_KEPT]
        self.setToolTip(str(folder) if folder is not None else "")
        self._show_name()

    def show_short(self, short: bool) -> None:
        """In a narrow strip a name would be cut to nothing: the button says what it is for, its tip which model it is."""
        self._short = short
        self._show_name()

    def _show_name(self) -> None:
        whole = self.current.name if self.current is not None else self.tr("Choose a model")
        self.setText(self.tr("Model") if self._short else whole)

    def choose_folder(self) -> None:
        """Any folder with a model of the transformers library."""
        start = str(self.current.parent) if self.current is not None and self.current != reference_model() else ""
        name = QFileDialog.getExistingDirectory(self, self.tr("Folder of a model"), start)
        if name:
            self.chosen.emit(Path(name))

    def _fill(self) -> None:
        menu = self._menu
        menu.clear()
        shipped_one = reference_model()
        if shipped_one is not None:
            menu.addAction(
                self.tr("{0} (ships with the product)").format(shipped_one.name), partial(self.chosen.emit, shipped_one)
            )
        for folder in self.folders:
            if folder.is_dir():
                menu.addAction(f"{folder.name}   {folder.parent}", partial(self.chosen.emit, folder))
        menu.addSeparator()
        menu.addAction(self.tr("A folder…"), self.choose_folder)
        if self.current is not None:
            menu.addAction(self.tr("Start it anew"), partial(self.chosen.emit, self.current))
            menu.addAction(self.tr("Put it away"), self.stop_wanted)

"""Which folder something is written into; one that is typed and not there yet is made."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PySide6.QtWidgets import QDialog, QFileDialog, QWidget


class FolderDialog(QFileDialog):
    """Qt's own refuses a folder that does not exist. What cannot be made is still refused by it, by name."""

    def __init__(self, parent: QWidget | None, title: str, start: str) -> None:
        super().__init__(parent, title, start)
        self.setFileMode(QFileDialog.FileMode.Directory)
        self.setOption(QFileDialog.Option.ShowDirsOnly)

    def accept(self) -> None:
        for name in self.selectedFiles():
            with suppress(OSError):
                Path(name).mkdir(parents=True, exist_ok=True)
        super().accept()


def folder_to_write(parent: QWidget, title: str, start: str) -> str:
    """The folder chosen, which exists; "" where the dialog was put away."""
    dialog = FolderDialog(parent, title, start)
    try:
        chosen = dialog.selectedFiles() if dialog.exec() == QDialog.DialogCode.Accepted else []
    finally:
        dialog.deleteLater()
    return chosen[0] if chosen else ""

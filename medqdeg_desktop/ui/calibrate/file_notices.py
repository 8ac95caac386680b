"""Files that could not be read: told for as long as it concerns what is on the screen, and listed until the window closes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.problem_list import ProblemList

_LISTED_AT_MOST = 2000

#: How reasons begin that say something of the file ("is cut off"); the others are sentences of their own.
_OF_THE_FILE = frozenset({"is", "has", "holds", "cannot", "would", "inflates", "needs", "names", "crashed", "ended"})


class FileNotices(QObject):
    """``warned`` carries a line for the banner, its button and what that does; ``outdated`` a line that has had its time."""

    warned = Signal(str, str, object)
    outdated = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self._rows: dict[tuple[str, str], None] = {}
        self._of_opening, self._of_picture = "", ""
        self._opened: list[Path] = []

    def opened(self, paths: Sequence[Path], text: str, refused: Sequence[tuple[str, str]]) -> None:
        """What lies at ``paths`` was opened, but for ``refused`` (file, reason), of which ``text`` tells."""
        self._withdraw_opening()
        self._opened = list(paths)
        if refused:
            self._of_opening = text
            self._list(refused)
            self._tell(text)

    def failed(self, path: str, root: Path, text: str) -> str:
        """The picture at ``path`` cannot be shown; ``root``: where its series was opened from. Returns what stands there."""
        self._of_picture = text
        # Told by the names alone: it may be the disk that does not answer.
        whole = Path(path)
        name = whole.relative_to(root.parent).as_posix() if whole.is_relative_to(root.parent) else whole.name
        reason = text.removeprefix(f"{path}: ")
        self._list([(name, reason)])
        self._tell(text)
        # The place of the file is told in the banner alone.
        what = self.tr("The file {0}").format(reason) if reason.split(" ")[0] in _OF_THE_FILE else reason[:1].upper() + reason[1:]
        return self.tr("This picture cannot be shown.\n{0}").format(what)

    def doubted(self, text: str) -> None:
        """The picture shown is not to be trusted; ``text``: what is damaged."""
        self._of_picture = self.tr("The data of this picture are damaged; parts of it may be made up: {0}").format(text)
        self.warned.emit(self._of_picture, "", None)

    def shown(self, root: Path | None) -> None:
        """A picture is on the screen; ``root``: where its series was opened from, if it is another one than before."""
        self._withdraw_picture()
        if root is not None and root not in self._opened:
            self._withdraw_opening()

    def show_list(self) -> None:
        """All of them since the window was opened."""
        UnreadFiles(list(self._rows), self._window).open()

    def _list(self, rows: Sequence[tuple[str, str]]) -> None:
        for row in rows[-_LISTED_AT_MOST:]:
            self._rows.pop(row, None)
            self._rows[row] = None
        while len(self._rows) > _LISTED_AT_MOST:
            del self._rows[next(iter(self._rows))]

    def _tell(self, text: str) -> None:
        many = len(self._rows) > 1
        self.warned.emit(text, self.tr("All of them…") if many else "", self.show_list if many else None)

    def _withdraw_opening(self) -> None:
        if self._of_opening:
            self.outdated.emit(self._of_opening)
            self._of_opening = ""

    def _withdraw_picture(self) -> None:
        if self._of_picture:
            self.outdated.emit(self._of_picture)
            self._of_picture = ""


class UnreadFiles(QDialog):
    """A row each, the newest last."""

    def __init__(self, rows: list[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Files that could not be read"))
        self.list = ProblemList(wraps=True)
        self.list.show_rows(rows)
        note = self.tr("Since this window was opened. Ctrl+C copies the chosen rows.") if rows else self.tr("None so far.")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setText(self.tr("Close"))
        buttons.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(label(note, "muted", wraps=True))
        column.addWidget(self.list, 1)
        column.addWidget(buttons)
        self.resize(960, 480)

"""Why a degradation is removed: five reasons by digit. While it is open, every key is the popup's."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.bank.review import REASONS


class ReasonPopup(QFrame):
    """``chosen`` carries the number of the reason; Esc or a click beside it closes without one."""

    chosen = Signal(int)

    def __init__(self, title: str, parent: QWidget) -> None:
        # A popup window is the only receiver of keys while it is open, shortcuts of the window behind included.
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("role", "raised")
        self.setAccessibleName(title)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(4)
        head = QLabel(title)
        head.setProperty("role", "section")
        column.addWidget(head)
        for number, words in REASONS.items():
            button = QPushButton(f"{number}   {words}")
            button.setProperty("role", "quiet")
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(partial(self._choose, number))
            column.addWidget(button)

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        event.accept()
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.text().isdigit() and int(event.text()) in REASONS:
            self._choose(int(event.text()))

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        event.accept()

    def _choose(self, number: int, _checked: bool = False) -> None:
        self.chosen.emit(number)
        self.close()

"""A line above the workspace: what happened, to which file or row, and at most one thing to do about it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t


class Banner(QWidget):
    """Hidden until something is to be told; stays until it is closed or something newer comes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "raised")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        sign = QLabel()
        sign.setPixmap(theme.icon("warning", t.WARN).pixmap(16, 16))
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._button = QPushButton()
        self._button.clicked.connect(self._on_button)
        close = QToolButton()
        close.setProperty("role", "quiet")
        close.setIcon(theme.icon("close", t.MUTED))
        close.setAccessibleName(self.tr("Close this message"))
        close.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.setSpacing(12)
        row.addWidget(sign)
        row.addWidget(self.text, 1)
        row.addWidget(self._button)
        row.addWidget(close)
        self._act: Callable[[], None] | None = None
        self.hide()

    def tell(self, text: str, action: str = "", act: Callable[[], None] | None = None) -> None:
        """Shows ``text``; with ``action`` a button of that name that calls ``act``."""
        self.text.setText(text)
        self.setAccessibleName(text)
        self._button.setText(action)
        self._button.setVisible(bool(action))
        self._act = act
        self.show()

    def withdraw(self, text: str) -> None:
        """Hides ``text``, if that is what is shown."""
        if self.text.text() == text:
            self.hide()

    def _on_button(self) -> None:
        self.hide()
        if self._act is not None:
            self._act()

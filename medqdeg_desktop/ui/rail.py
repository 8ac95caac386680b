"""The rail at the left: one button a workspace."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QButtonGroup, QToolButton, QVBoxLayout, QWidget

from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.actions import said
from medqdeg_desktop.ui.workspace import RailEntry


class Rail(QWidget):
    """Shows which workspace is in front; a click triggers the same action as its keys."""

    def __init__(self, entries: tuple[RailEntry, ...], actions: dict[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(76)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(4)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        for entry in entries:
            if entry.entry_id == "help":
                column.addStretch(1)
            button = QToolButton()
            button.setProperty("role", "rail")
            button.setText(said(entry.text))
            button.setIcon(theme.icon(entry.icon, t.TEXT))
            button.setIconSize(QSize(20, 20))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setCheckable(True)
            button.setFixedWidth(76)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            action = actions[f"window.{entry.entry_id}"]
            button.setToolTip(action.toolTip())
            action.changed.connect(partial(self._on_action_changed, entry.entry_id, action))
            button.clicked.connect(action.trigger)
            column.addWidget(button)
            self._group.addButton(button)
            self._buttons[entry.entry_id] = button

    def _on_action_changed(self, entry_id: str, action: QAction) -> None:
        """Another key was given to it."""
        self._buttons[entry_id].setToolTip(action.toolTip())

    def mark(self, entry_id: str) -> None:
        """The workspace that is in front."""
        self._buttons[entry_id].setChecked(True)

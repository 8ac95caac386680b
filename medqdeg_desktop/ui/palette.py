"""The palette (Ctrl+K): every action that can be done now, found by typing a few letters of its name."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QDialog, QHeaderView, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.actions import Action, said, shown_keys


def matches(text: str, query: str) -> bool:
    """Whether every word of ``query`` stands in ``text``, in any order and case."""
    folded = text.casefold()
    return all(word in folded for word in query.casefold().split())


class Palette(QDialog):
    """Type, arrow keys, Enter. ``chosen`` carries the action's id after the dialog has gone."""

    chosen = Signal(str)

    def __init__(self, actions: Sequence[Action], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Find an action"))
        self._actions = [a for a in actions if not a.held]
        self.field = QLineEdit()
        self.field.setPlaceholderText(self.tr("What do you want to do?"))
        self.field.setAccessibleName(self.tr("Find an action"))
        self.list = QTreeWidget()
        self.list.setColumnCount(2)
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.header().setStretchLastSection(False)
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.addWidget(self.field)
        column.addWidget(self.list)
        self.setFixedSize(520, 420)
        self.field.textChanged.connect(self._on_text_changed)
        self.list.itemClicked.connect(self._on_item_clicked)
        self.field.installEventFilter(self)
        self._on_text_changed("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
            if step is not None:
                self._step(step)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._on_item_clicked(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def _on_text_changed(self, query: str) -> None:
        self.list.clear()
        for action in self._actions:
            if matches(f"{said(action.group)} {said(action.text)}", query):
                item = QTreeWidgetItem([said(action.text), shown_keys(action.keys[:1])])
                item.setData(0, Qt.ItemDataRole.UserRole, action.action_id)
                item.setForeground(1, QColor(t.MUTED))
                item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.list.addTopLevelItem(item)
        self._step(0)

    def _step(self, step: int) -> None:
        count = self.list.topLevelItemCount()
        if count:
            row = max(self.list.currentIndex().row(), 0)
            self.list.setCurrentIndex(self.list.model().index((row + step) % count, 0))

    def _on_item_clicked(self, item: QTreeWidgetItem | None) -> None:
        if item is None:
            return
        action_id = item.data(0, Qt.ItemDataRole.UserRole)
        self.close()
        self.chosen.emit(action_id)

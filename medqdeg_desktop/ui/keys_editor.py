"""Changing keys: every action with its keys, one field to press new ones in; a key that is taken is refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.action_table import TABLE, actions_in_force, own_keys, refusal, use_keys
from medqdeg_desktop.ui.actions import said, shown_keys
from medqdeg_desktop.ui.palette import matches

_PORTABLE = QKeySequence.SequenceFormat.PortableText


class KeysEditor(QDialog):
    """``changed`` after each change; it holds at once and is remembered by whoever listens."""

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Change keys"))
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Find an action"))
        self.filter.setAccessibleName(self.tr("Find an action"))
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(self.tr("Actions and their keys"))
        self.tree.setColumnCount(3)
        self.tree.setHeaderLabels([self.tr("Screen"), self.tr("Action"), self.tr("Keys")])
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.field = QKeySequenceEdit()
        self.field.setMaximumSequenceLength(1)
        self.field.setAccessibleName(self.tr("New key"))
        self.use = QPushButton(self.tr("Use this key"))
        self.use.setProperty("role", "primary")
        self.use.setAutoDefault(False)
        self.reset_one = QPushButton(self.tr("Back to its default"))
        self.reset_one.setAutoDefault(False)
        self.reset_all = QPushButton(self.tr("All back to default"))
        self.reset_all.setAutoDefault(False)
        self.told = QLabel()
        self.told.setProperty("role", "warn")
        self.told.setWordWrap(True)
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setMinimumHeight(18)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.field, 1)
        row.addWidget(self.use)
        row.addWidget(self.reset_one)
        row.addWidget(self.reset_all)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        column.addWidget(self.filter)
        column.addWidget(self.tree, 1)
        column.addWidget(self.told)
        column.addLayout(row)
        self.resize(min(760, parent.width() - 48), min(600, parent.height() - 48))
        self.filter.textChanged.connect(self._fill)
        self.tree.currentItemChanged.connect(self._on_current_changed)
        self.use.clicked.connect(self._on_use)
        self.reset_one.clicked.connect(self._on_reset_one)
        self.reset_all.clicked.connect(self._on_reset_all)
        self._fill()

    @property
    def action_id(self) -> str:
        """The action that is chosen."""
        item = self.tree.currentItem()
        return "" if item is None else str(item.data(0, Qt.ItemDataRole.UserRole))

    def choose(self, action_id: str) -> None:
        for row in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(row)
            if item is not None and item.data(0, Qt.ItemDataRole.UserRole) == action_id:
                self.tree.setCurrentItem(item)

    def _fill(self, _text: str = "") -> None:
        chosen = self.action_id
        self.tree.clear()
        own = own_keys()
        for action in actions_in_force():
            if not matches(f"{action.context} {said(action.group)} {said(action.text)}", self.filter.text()):
                continue
            screen = self.tr("everywhere") if action.context == "window" else said(action.context.capitalize())
            item = QTreeWidgetItem([screen, said(action.text), shown_keys(action.keys)])
            item.setData(0, Qt.ItemDataRole.UserRole, action.action_id)
            item.setForeground(0, QColor(t.MUTED))
            if action.action_id in own:
                item.setForeground(2, QColor(t.ACCENT))
            self.tree.addTopLevelItem(item)
        self.choose(chosen)
        first = self.tree.topLevelItem(0)
        if self.tree.currentItem() is None and first is not None:
            self.tree.setCurrentItem(first)

    def _on_current_changed(self) -> None:
        self.told.clear()
        action = next((a for a in actions_in_force() if a.action_id == self.action_id), None)
        first = action.keys[0] if action is not None and action.keys else ""
        self.field.setKeySequence(QKeySequence(first, _PORTABLE))
        for button in (self.use, self.reset_one):
            button.setEnabled(action is not None)

    def _on_use(self) -> None:
        action_id = self.action_id
        pressed = self.field.keySequence().toString(_PORTABLE)
        keys = (pressed,) if pressed else ()
        taken = refusal(action_id, keys)
        if taken:
            shown = self.field.keySequence().toString(QKeySequence.SequenceFormat.NativeText)
            self.told.setText(self.tr("{0} is taken by “{1}”. Give that another key first.").format(shown, said(taken)))
            return
        self._apply({**own_keys(), action_id: keys})

    def _on_reset_one(self) -> None:
        action_id = self.action_id
        taken = refusal(action_id, next(a.keys for a in TABLE if a.action_id == action_id))
        if taken:
            self.told.setText(self.tr("Its default key is now taken by “{0}”. Give that another key first.").format(said(taken)))
            return
        self._apply({key: value for key, value in own_keys().items() if key != action_id})

    def _on_reset_all(self) -> None:
        self._apply({})

    def _apply(self, own: Mapping[str, Sequence[str]]) -> None:
        use_keys(own)
        self.told.clear()
        self._fill()
        self.changed.emit()

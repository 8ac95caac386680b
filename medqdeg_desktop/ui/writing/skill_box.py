"""Choosing one of the thirty skills by typing any part of its name or of its task."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QCompleter, QLineEdit, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from medqdeg_desktop.taxonomy import TASK_OF_SKILL, TASKS
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t

_NAME = Qt.ItemDataRole.DisplayRole
_TASK = Qt.ItemDataRole.UserRole
_FOUND_BY = Qt.ItemDataRole.UserRole + 1
_KEY = Qt.Key
_WALKING = (_KEY.Key_Up, _KEY.Key_Down, _KEY.Key_PageUp, _KEY.Key_PageDown, _KEY.Key_Home, _KEY.Key_End, _KEY.Key_Escape)
_OPENING = (_KEY.Key_Up, _KEY.Key_Down)


class _SkillCompleter(QCompleter):
    """Finds by name and task, fills in the name alone."""

    def pathFromIndex(self, index: QModelIndex | QPersistentModelIndex) -> str:  # noqa: N802 - Qt's name
        return str(index.data(_NAME))


class _SkillRow(QStyledItemDelegate):
    """The name, and its task dim at the right where both have room."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().paint(painter, option, index)
        painter.save()
        painter.setFont(theme.font(t.SMALL))
        painter.setPen(QColor(t.MUTED))
        task = str(index.data(_TASK))
        rect = option.rect.adjusted(0, 0, -8, 0)
        name = painter.fontMetrics().horizontalAdvance(str(index.data(_NAME)))
        if name * 1.15 + painter.fontMetrics().horizontalAdvance(task) + 28 < rect.width():
            painter.drawText(rect, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), task)
        painter.restore()


class SkillBox(QLineEdit):
    """``changed`` with every letter; ``is_skill`` tells whether the text is one of the thirty."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Skill"))
        self.setPlaceholderText(self.tr("type a part of it, or press Down"))
        model = QStandardItemModel(self)
        for task in TASKS:
            for skill, _ in task.skills:
                item = QStandardItem(skill)
                item.setData(task.name, _TASK)
                item.setData(f"{skill} {task.name} {task.code}", _FOUND_BY)
                model.appendRow(item)
        found = self._found = _SkillCompleter(model, self)
        found.setCompletionRole(_FOUND_BY)
        found.setFilterMode(Qt.MatchFlag.MatchContains)
        found.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        found.setMaxVisibleItems(12)
        self.setCompleter(found)
        # The completer gives its popup a delegate of its own when it is taken over; this one comes after.
        self._popup = found.popup()
        assert self._popup is not None
        self._popup.setItemDelegate(_SkillRow(found))
        self._popup.installEventFilter(self)
        self.textChanged.connect(self.changed)

    @property
    def is_skill(self) -> bool:
        return self.text().strip() in TASK_OF_SKILL

    @property
    def _offers(self) -> bool:
        """Whether the list of skills hangs open."""
        return self._popup is not None and self._popup.isVisible()

    def settle(self) -> None:
        """A name typed in another case, or the only one that is left, becomes the skill itself."""
        typed = self.text().strip().casefold()
        if not typed or self.is_skill:
            return
        names = [skill for skill in TASK_OF_SKILL if skill.casefold() == typed] or [
            skill for skill, task in TASK_OF_SKILL.items() if typed in f"{skill} {task.name}".casefold()
        ]
        if len(names) == 1:
            self.setText(names[0])

    def event(self, event: QEvent) -> bool:
        # Events also come while the field is being made and taken apart: only this kind is looked at.
        if event.type() is QEvent.Type.ShortcutOverride and _keeps(event, _WALKING if self._offers else _OPENING):
            return True
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        return event.type() is QEvent.Type.ShortcutOverride and _keeps(event, _WALKING)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down and not self._offers:
            self._found.setCompletionPrefix("" if self.is_skill else self.text())
            self._found.complete()
            return
        # With the list open Enter is the list's: it takes the marked row and closes.
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not self._offers:
            self.settle()
            return
        super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if not self._offers:
            self.settle()


def _keeps(event: QEvent, keys: tuple[Qt.Key, ...]) -> bool:
    """The keys that walk through the list are not those of the slices while the field or its list has the keyboard."""
    if not isinstance(event, QKeyEvent) or event.key() not in keys:
        return False
    if event.modifiers() not in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier):
        return False
    event.accept()
    return True

"""Editing the wording of an item: question, options, answer, and why. What stands is never overwritten: it becomes a version."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.study.records import Item


class EditDialog(QDialog):
    """``changed`` is the item as edited, ``reason`` why; the button works once both differ from nothing."""

    def __init__(self, item: Item, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Edit {0}").format(item.item_id))
        self._item = item
        self.question = QPlainTextEdit(item.question)
        self.question.setTabChangesFocus(True)
        self.question.setMinimumHeight(64)
        self.question.setMaximumHeight(140)
        self.question.setAccessibleName(self.tr("Question"))
        self.options = {letter: QLineEdit(text) for letter, text in item.options.items()}
        self.answer = QComboBox()
        self.answer.addItems(list(item.options))
        self.answer.setCurrentText(item.answer)
        self.answer.setAccessibleName(self.tr("Answer"))
        self.why = QLineEdit()
        self.why.setPlaceholderText(self.tr("for the record"))
        self.why.setAccessibleName(self.tr("Reason for the edit"))
        form = QFormLayout()
        form.addRow(self.tr("Question"), self.question)
        for letter, field in self.options.items():
            field.setAccessibleName(self.tr("Option {0}").format(letter))
            field.textChanged.connect(self._tell)
            form.addRow(letter, field)
        form.addRow(self.tr("Answer"), self.answer)
        form.addRow(self.tr("Reason"), self.why)
        note = QLabel(self.tr("The edit makes a new version: decisions and clearances so far stay with the old wording."))
        note.setProperty("role", "muted")
        note.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText(self.tr("Keep as a new version"))
        for button in self.buttons.buttons():
            button.setIcon(QIcon())
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(note)
        column.addWidget(self.buttons)
        self.resize(620, 420)
        self.question.textChanged.connect(self._tell)
        self.answer.currentTextChanged.connect(self._tell)
        self.why.textChanged.connect(self._tell)
        self._tell()

    @property
    def changed(self) -> Item:
        return replace(
            self._item,
            question=self.question.toPlainText().strip(),
            options={letter: field.text().strip() for letter, field in self.options.items()},
            answer=self.answer.currentText(),
        )

    @property
    def reason(self) -> str:
        return self.why.text().strip()

    def _tell(self) -> None:
        changed = self.changed
        complete = bool(changed.question) and all(changed.options.values())
        ready = complete and changed != self._item and bool(self.reason)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(ready)

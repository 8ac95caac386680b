"""The fields of a question: its words, its options with the answer marked, its skill. Everything by keyboard, in one order."""

from __future__ import annotations

import string
from typing import Final

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLineEdit, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from medqdeg_desktop.bank.writing import FEWEST_OPTIONS, MOST_OPTIONS, Draft
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.writing.desk import Words
from medqdeg_desktop.ui.writing.skill_box import SkillBox

_USUAL: Final = 4


class _QuestionEdit(QPlainTextEdit):
    """Enter goes on to the options; Shift+Enter begins a line."""

    done = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and plain:
            self.done.emit()
            return
        super().keyPressEvent(event)


class _OptionEdit(QLineEdit):
    """Up, Down and Enter go through the options instead of the slices."""

    stepped = Signal(int)

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._step(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = self._step(event)
        if step:
            self.stepped.emit(step)
            return
        super().keyPressEvent(event)

    @staticmethod
    def _step(event: QKeyEvent) -> int:
        if event.modifiers() not in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier):
            return 0
        if event.key() == Qt.Key.Key_Up:
            return -1
        return 1 if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter) else 0


class QuestionForm(QWidget):
    """``changed`` with every letter that a hand changes; what ``show_draft`` puts in says nothing."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._filling = False
        self.question = _QuestionEdit()
        self.question.setTabChangesFocus(True)
        self.question.setAccessibleName(self.tr("Question"))
        self.question.setPlaceholderText(self.tr("What is asked about this picture?"))
        self.question.setFixedHeight(56)
        self.question.done.connect(lambda: self._focus_option(0))
        self.question.textChanged.connect(self._tell)
        self.options: list[_OptionEdit] = []
        self.letters = QButtonGroup(self)
        self.letters.setExclusive(True)
        self.letters.idClicked.connect(self._tell)
        self._rows: list[QWidget] = []
        self._column = QVBoxLayout()
        self._column.setSpacing(4)
        for number in range(MOST_OPTIONS):
            self._add_row(number)
        self.more = QToolButton()
        self.more.setProperty("role", "quiet")
        self.more.setIcon(theme.icon("plus", t.MUTED))
        self.more.setAccessibleName(self.tr("One more option"))
        self.more.setToolTip(self.more.accessibleName())
        self.more.clicked.connect(self._on_more)
        self.skill = SkillBox()
        self.skill.changed.connect(self._tell)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        head = QHBoxLayout()
        head.addWidget(label(self.tr("Options: press the letter of the answer"), "section"), 1)
        head.addWidget(self.more)
        column.addWidget(label(self.tr("Question"), "section"))
        column.addWidget(self.question)
        column.addLayout(head)
        column.addLayout(self._column)
        column.addWidget(label(self.tr("Skill"), "section"))
        column.addWidget(self.skill)
        self._show_rows(_USUAL)

    # -- told -------------------------------------------------------------------------------------------------

    def show_draft(self, draft: Draft | None, *, editable: bool) -> None:
        """Puts a question in; without one the fields are empty and closed."""
        self._filling = True
        if self.question.toPlainText() != (draft.question if draft else ""):
            self.question.setPlainText(draft.question if draft else "")
        options = draft.options if draft else ()
        for number, field in enumerate(self.options):
            field.setText(options[number] if number < len(options) else "")
        self._show_rows(max(_USUAL, len(options)))
        self._mark(draft.answer if draft else "")
        self.skill.setText(draft.skill if draft else "")
        self.question.setReadOnly(not editable)
        for line in (*self.options, self.skill):
            line.setReadOnly(not editable)
        for button in self.letters.buttons():
            button.setEnabled(editable)
        self.more.setEnabled(editable)
        self._filling = False

    @property
    def words(self) -> Words:
        """What stands in the fields, letter by letter."""
        shown = [field.text() for field in self.options if not field.isHidden()]
        while len(shown) > FEWEST_OPTIONS and not shown[-1]:
            shown.pop()
        checked = self.letters.checkedId()
        answer = string.ascii_uppercase[checked] if checked >= 0 else ""
        return Words(self.question.toPlainText(), tuple(shown), answer, self.skill.text())

    def choose_answer(self, number: int) -> None:
        """Option ``number`` is the answer, whatever has the keyboard."""
        button = self.letters.button(number)
        if button is not None and button.isEnabled() and not self._rows[number].isHidden():
            button.setChecked(True)
            self._tell()

    def focus_words(self) -> None:
        self.question.setFocus()

    def focus_skill(self) -> None:
        self.skill.setFocus()
        self.skill.selectAll()

    # -- inside -----------------------------------------------------------------------------------------------

    def _add_row(self, number: int) -> None:
        letter = string.ascii_uppercase[number]
        button = QToolButton()
        button.setText(letter)
        button.setCheckable(True)
        button.setProperty("role", "answer")
        button.setAccessibleName(self.tr("{0} is the answer").format(letter))
        button.setToolTip(self.tr("{0} is the answer  (Alt+{1})").format(letter, number + 1))
        self.letters.addButton(button, number)
        field = _OptionEdit()
        field.setAccessibleName(self.tr("Option {0}").format(letter))
        field.textChanged.connect(self._tell)
        field.stepped.connect(lambda step, here=number: self._focus_option(here + step))
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        line.addWidget(button)
        line.addWidget(field, 1)
        self.options.append(field)
        self._rows.append(row)
        self._column.addWidget(row)

    def _show_rows(self, count: int) -> None:
        for number, row in enumerate(self._rows):
            row.setVisible(number < count)
        # The field itself says whether it is offered: its row's visibility ends with the screen's.
        for number, field in enumerate(self.options):
            field.setHidden(number >= count)
        self.more.setVisible(count < MOST_OPTIONS)

    def _on_more(self) -> None:
        count = sum(not field.isHidden() for field in self.options)
        self._show_rows(min(count + 1, MOST_OPTIONS))
        self.options[min(count, MOST_OPTIONS - 1)].setFocus()

    def _focus_option(self, number: int) -> None:
        """The option ``number``; before the first the question, after the last the skill."""
        shown = sum(not field.isHidden() for field in self.options)
        if number < 0:
            self.question.setFocus()
        elif number >= shown:
            self.focus_skill()
        else:
            self.options[number].setFocus()
            self.options[number].selectAll()

    def _mark(self, answer: str) -> None:
        """Shows ``answer`` as the chosen letter, or none."""
        self.letters.setExclusive(False)
        for number, button in enumerate(self.letters.buttons()):
            button.setChecked(string.ascii_uppercase[number] == answer.strip().upper())
        self.letters.setExclusive(True)

    def _tell(self, *_said: object) -> None:
        if not self._filling:
            self.changed.emit()

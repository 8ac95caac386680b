"""The item in words: id, modality and skill, the question, its options with the answer marked, notes, edit and flag."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from medqdeg_desktop.study.records import Item, ItemNote
from medqdeg_desktop.ui import tokens as t


class ItemHead(QWidget):
    """``edit_clicked``, ``flag_clicked`` and ``comment_clicked`` say what was pressed."""

    edit_clicked = Signal()
    flag_clicked = Signal()
    comment_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = QLabel()
        self.name.setProperty("role", "title")
        self.facts = QLabel()
        self.facts.setProperty("role", "muted")
        self.facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._facts = ""
        self.status = QLabel()
        self.status.setProperty("role", "warn")
        self.edit = _button(self.tr("Edit"), self.tr("Edit the wording  (Ctrl+E)"))
        self.flag = _button(self.tr("Flag"), self.tr("Flag, or take the flag off  (F)"))
        self.flag.setCheckable(True)
        self.comment = _button(self.tr("Comment"), self.tr("Comment  (C)"))
        self.edit.clicked.connect(self.edit_clicked)
        self.flag.clicked.connect(self.flag_clicked)
        self.comment.clicked.connect(self.comment_clicked)
        upper = QHBoxLayout()
        upper.setSpacing(12)
        upper.addWidget(self.name)
        upper.addWidget(self.facts, 1)
        upper.addWidget(self.status)
        for button in (self.edit, self.flag, self.comment):
            upper.addWidget(button)
        self.question = QLabel()
        self.question.setWordWrap(True)
        self.question.setTextFormat(Qt.TextFormat.PlainText)
        self.options = QLabel()
        self.options.setWordWrap(True)
        self.options.setTextFormat(Qt.TextFormat.RichText)
        self.notes = QLabel()
        self.notes.setProperty("role", "small")
        self.notes.setWordWrap(True)
        self.notes.setTextFormat(Qt.TextFormat.PlainText)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 4)
        column.setSpacing(4)
        column.addLayout(upper)
        column.addWidget(self.question)
        column.addWidget(self.options)
        column.addWidget(self.notes)

    def show_waiting(self, item_id: str) -> None:
        """The item is known by its name only; the words are on their way."""
        self.name.setText(item_id)
        self._facts = ""
        self.facts.clear()
        self.question.setText("…")
        self.options.clear()
        self.show_notes([], {})

    def show_item(self, item: Item) -> None:
        self.name.setText(item.item_id)
        images = self.tr("{0} images").format(len(item.images)) if len(item.images) > 1 else ""
        where = " > ".join(part for part in (item.task, item.skill) if part)
        self._facts = "   ".join(part for part in (str(item.modality), where, item.source, images) if part)
        self._fit_facts()
        self.question.setText(item.question)
        shown = []
        for letter, text in item.options.items():
            words = f"{letter}&nbsp;&nbsp;{escape(text)}"
            right = letter == item.answer
            shown.append(f"<b>✓&nbsp;{words}</b>" if right else f'<span style="color:{t.MUTED}">{words}</span>')
        self.options.setText("&nbsp;&nbsp;&nbsp;&nbsp; ".join(shown))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # The row has been laid out by then.
        QTimer.singleShot(0, self, self._fit_facts)

    def _fit_facts(self) -> None:
        """What the line has no room for stands in the tool tip."""
        shown = self.facts.fontMetrics().elidedText(self._facts, Qt.TextElideMode.ElideRight, self.facts.width())
        self.facts.setText(shown)
        self.facts.setToolTip(self._facts if shown != self._facts else "")

    def show_notes(self, notes: list[ItemNote], names: dict[str, str]) -> None:
        """Comments with who wrote them, and whether the item is flagged."""
        self.flag.setChecked(bool(notes) and notes[-1].flagged)
        said = [f"{names.get(note.reader, '')}: {note.comment}".lstrip(": ") for note in notes if note.comment]
        self.notes.setText("\n".join(said))
        self.notes.setVisible(bool(said))


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("role", "quiet")
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button

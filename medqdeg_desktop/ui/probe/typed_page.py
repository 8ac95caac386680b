"""Typing a question with its options."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.probe.questions import TypedQuestionError, typed


class TypedPage(QWidget):
    """``asked`` carries the ProbeQuestion; ``cancelled`` goes back to the answers."""

    asked = Signal(object)
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLineEdit()
        self.text.setPlaceholderText(self.tr("Question"))
        self.text.setAccessibleName(self.tr("Question"))
        self.options = QPlainTextEdit()
        self.options.setPlaceholderText(self.tr("One option a line; * before the right one, if it is known"))
        self.options.setAccessibleName(self.tr("Options, one a line"))
        self.options.setTabChangesFocus(True)
        self.problem = label(role="warn", wraps=True)
        self.ask = QPushButton(self.tr("Ask"))
        self.ask.setProperty("role", "primary")
        self.cancel = QPushButton(self.tr("Cancel"))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.problem, 1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.ask)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 4, 12, 8)
        column.setSpacing(8)
        column.addWidget(self.text)
        column.addWidget(self.options, 1)
        column.addLayout(buttons)
        self.ask.clicked.connect(self._on_ask)
        self.text.returnPressed.connect(self.options.setFocus)
        self.cancel.clicked.connect(self.cancelled)

    def open(self) -> None:
        """The page has come to the front."""
        self.problem.setText("")
        self.text.setFocus()

    def _on_ask(self) -> None:
        try:
            question = typed(self.text.text(), self.options.toPlainText())
        except TypedQuestionError as error:
            self.problem.setText(str(error))
            return
        self.problem.setText("")
        self.asked.emit(question)

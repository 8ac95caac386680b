"""Labels in the roles of the style sheet, and figures under a caption."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget


def label(text: str = "", role: str = "", *, wraps: bool = False) -> QLabel:
    """A plain-text label in a role of the style sheet (title, headline, section, small, muted, warn, error)."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wraps)
    if role:
        made.setProperty("role", role)
    return made


def set_role(widget: QWidget, role: str) -> None:
    """Gives ``widget`` another role of the style sheet, visible at once."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class Quantity(QWidget):
    """A number with what it counts above it."""

    def __init__(self, caption: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._caption = label(caption, "section")
        self._value = label("–", "headline")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._caption)
        column.addWidget(self._value)

    def tell(self, value: str, hint: str = "") -> None:
        self._value.setText(value)
        self.setToolTip(hint)
        self.setAccessibleName(f"{self._caption.text()}: {value}")

    @property
    def text(self) -> str:
        return self._value.text()

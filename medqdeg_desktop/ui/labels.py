"""Labels in the roles of the style sheet, choices, and figures under a caption; what is too long has its middle left out."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QLabel, QStyle, QStyleOptionComboBox, QStylePainter, QVBoxLayout, QWidget


class WrappedLabel(QLabel):
    """Breaks lines between words; a word that is wider than the label (a path mostly) has its middle left out and stands whole
    in the tool tip. ``text`` is always the whole text."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = ""
        self._hint = QSize()
        self._elided = False
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setText(text)

    def text(self) -> str:
        return self._whole

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        self._whole = text
        self._measure()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._measure()

    def sizeHint(self) -> QSize:
        return QSize(self._hint.width(), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def _measure(self) -> None:
        super().setText(self._whole)
        # The width wished for is that of the whole text: what is left out must not make the label narrower still.
        self._hint = super().sizeHint()
        self._fit()

    def _fit(self) -> None:
        room, metrics = self.contentsRect().width() - 2 * self.margin(), self.fontMetrics()
        middle = Qt.TextElideMode.ElideMiddle
        shown = "".join(
            part if part.isspace() or metrics.horizontalAdvance(part) <= room else metrics.elidedText(part, middle, room)
            for part in re.split(r"(\s+)", self._whole)
        )
        if shown != super().text():
            super().setText(shown)
        if self._elided or shown != self._whole:
            self.setToolTip(self._whole if shown != self._whole else "")
        self._elided = shown != self._whole


class ElidedComboBox(QComboBox):
    """A choice whose text leaves out its middle where it has no room; the whole stands in the tool tip."""

    _tells = False

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        room = (
            self.style()
            .subControlRect(QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self)
            .width()
        )
        whole: str = option.currentText  # type: ignore[attr-defined]
        shown = self.fontMetrics().elidedText(whole, Qt.TextElideMode.ElideMiddle, room - 4)
        option.currentText = shown  # type: ignore[attr-defined]
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        if not self.toolTip() or self._tells:
            self._tells = shown != whole
            self.setToolTip(whole if self._tells else "")


def label(text: str = "", role: str = "", *, wraps: bool = False) -> QLabel:
    """A plain-text label in a role of the style sheet (title, headline, section, small, muted, warn, error)."""
    made = WrappedLabel(text) if wraps else QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
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

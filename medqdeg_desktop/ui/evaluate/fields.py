"""Fields of a form, as the pages of Evaluate lay them out."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QSpinBox, QWidget


def spin(low: int, high: int, value: int, special: str = "") -> QSpinBox:
    """A number in ``low`` to ``high``; ``special`` stands for the lowest."""
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setSpecialValueText(special)
    box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    box.setMaximumWidth(140)
    return box


def form(rows: Iterable[tuple[str, QWidget]]) -> QWidget:
    """Captions at the left, their widgets at the right."""
    page = QWidget()
    made = QFormLayout(page)
    made.setContentsMargins(0, 0, 0, 0)
    made.setHorizontalSpacing(12)
    made.setVerticalSpacing(8)
    made.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    for words, widget in rows:
        made.addRow(words, widget)
    return page

"""Where one reads: light, distance, display. Four small fields, none of them needed, filled as the reader left them last time."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QFrame, QHBoxLayout, QLabel, QLineEdit, QSpinBox, QVBoxLayout, QWidget

#: Stored words, as the standards name them (AAPM report 270: reading rooms 25 to 75 lux); shown translated.
LIGHT: Final = ("reading room (25 to 75 lux)", "office, dimmed", "office, bright", "daylight")
DISPLAY: Final = ("DICOM GSDF, calibrated", "sRGB", "as delivered")


class Conditions(QFrame):
    """``values`` are kept with every session that begins here."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.light = self._choice(self.tr("Light"), [self.tr(word) for word in LIGHT], LIGHT)
        self.display = self._choice(self.tr("Display"), [self.tr(word) for word in DISPLAY], DISPLAY)
        self.distance = QSpinBox()
        self.distance.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.distance.setRange(0, 300)
        self.distance.setSuffix(" cm")
        self.distance.setSpecialValueText(self.tr("distance not said"))
        self.distance.setAccessibleName(self.tr("Distance to the display"))
        self.note = QLineEdit()
        self.note.setMaxLength(200)
        self.note.setPlaceholderText(self.tr("Note: glasses, which room …"))
        title = QLabel(self.tr("Where you read"))
        why = QLabel(self.tr("Kept with each session, shown in the report. Leave open what you do not know."))
        why.setProperty("role", "muted")
        head = QHBoxLayout()
        head.addWidget(title)
        head.addWidget(why, 1)
        row = QHBoxLayout()
        row.setSpacing(8)
        for widget, stretch in ((self.light, 2), (self.display, 2), (self.distance, 1), (self.note, 3)):
            row.addWidget(widget, stretch)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(16, 4, 16, 4)
        whole.addLayout(head)
        whole.addLayout(row)

    def _choice(self, what: str, words: list[str], stored: tuple[str, ...]) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(what)
        box.addItem(self.tr("{0}: not said").format(what), "")
        for word, value in zip(words, stored, strict=True):
            box.addItem(word, value)
        return box

    @property
    def values(self) -> dict[str, Any]:
        """What was told, by the names of ``calibration.provenance.CONDITIONS``."""
        told = {
            "ambient_light": self.light.currentData(),
            "display_mode": self.display.currentData(),
            "distance_cm": self.distance.value(),
            "conditions_note": self.note.text().strip(),
        }
        return {key: value for key, value in told.items() if value}

    def show_values(self, values: dict[str, Any]) -> None:
        for box, key in ((self.light, "ambient_light"), (self.display, "display_mode")):
            box.setCurrentIndex(max(0, box.findData(values.get(key, ""))))
        distance = values.get("distance_cm", 0)
        self.distance.setValue(distance if isinstance(distance, int) else 0)
        self.note.setText(str(values.get("conditions_note", "")))

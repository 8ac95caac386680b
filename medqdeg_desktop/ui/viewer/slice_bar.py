"""The slider under the panes: which frame of the series is shown."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget


class SliceBar(QWidget):
    """Hidden for a single frame. ``moved`` carries the frame that was asked for."""

    moved = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slider.setAccessibleName(self.tr("Slice"))
        self.slider.setMinimumHeight(28)
        self.label = QLabel()
        self.label.setProperty("role", "small")
        self.label.setMinimumWidth(72)
        self.label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(8)
        row.addWidget(self.slider, 1)
        row.addWidget(self.label)
        self.slider.valueChanged.connect(self.moved)

    def show_frame(self, frame: int, count: int) -> None:
        """Places the slider without telling."""
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, count - 1))
        self.slider.setPageStep(10)
        self.slider.setValue(frame)
        self.slider.blockSignals(False)
        self.label.setText(f"{frame + 1} / {count}")
        self.setVisible(count > 1)

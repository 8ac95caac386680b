"""The bar under the panes: which frame of the series is shown, and along which axis of the body."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSlider, QWidget

from medqdeg_desktop.engine.reading.cuts import AXES


class SliceBar(QWidget):
    """Hidden for a single frame. ``moved`` carries the frame that was asked for, ``axis_chosen`` the axis."""

    moved = Signal(int)
    axis_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axis = QComboBox()
        self.axis.setAccessibleName(self.tr("Axis of the slices"))
        self.axis.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for axis in AXES:
            self.axis.addItem(axis.capitalize(), axis)
        self.axis.activated.connect(self._on_axis_activated)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slider.setAccessibleName(self.tr("Slice"))
        self.slider.setMinimumHeight(28)
        self.label = QLabel()
        self.label.setProperty("role", "small")
        self.label.setFixedSize(84, 28)
        self.label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(8)
        row.addWidget(self.axis)
        row.addWidget(self.slider, 1)
        row.addWidget(self.label)
        self.slider.valueChanged.connect(self.moved)
        self.show_axis("", can_be_cut=False)

    def show_frame(self, frame: int, count: int) -> None:
        """Places the slider without telling."""
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, count - 1))
        self.slider.setPageStep(10)
        self.slider.setValue(frame)
        self.slider.blockSignals(False)
        self.label.setText(f"{frame + 1} / {count}")
        self.setVisible(count > 1)

    def show_axis(self, axis: str, *, can_be_cut: bool) -> None:
        """The axis in force, without telling; the choice is there for stacks that can be cut."""
        self.axis.setCurrentIndex(self.axis.findData(axis))
        self.axis.setVisible(can_be_cut)

    def _on_axis_activated(self, index: int) -> None:
        self.axis_chosen.emit(self.axis.itemData(index))

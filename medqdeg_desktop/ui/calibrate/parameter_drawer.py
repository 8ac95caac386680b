"""The expert drawer: every parameter of the type as a control made from its description.

Values follow the slider until one is set by hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.engine.degradation import Parameter, ParameterValue
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.labels import set_role
from medqdeg_desktop.ui.vocabulary import in_words

_Control = QSpinBox | QDoubleSpinBox | QComboBox
_WIDTH = 284


class ParameterDrawer(QWidget):
    """``overridden`` tells the values set by hand whenever they change; an empty mapping is back on the path."""

    overridden = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.header = QToolButton()
        self.header.setProperty("role", "quiet")
        self.header.setCheckable(True)
        self.header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        # A fixed size: its text follows the slider, and no step of it may lay the whole panel out anew.
        self.header.setFixedSize(_WIDTH, t.TARGET)
        self.header.toggled.connect(self._on_toggled)
        self._body = QWidget()
        self._form = QFormLayout(self._body)
        self._form.setContentsMargins(8, 4, 0, 4)
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(4)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.reset = QPushButton(self.tr("Back to the path"))
        self.reset.setToolTip(self.tr("Forget the values set by hand; all parameters follow the slider again."))
        self.reset.clicked.connect(self.clear_overrides)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.header)
        column.addWidget(self._body)
        column.addWidget(self.reset)
        self._parameters: tuple[Parameter, ...] = ()
        self._controls: dict[str, _Control] = {}
        self._labels: dict[str, QLabel] = {}
        self._values: dict[str, ParameterValue] = {}
        self.overrides: dict[str, ParameterValue] = {}
        self._on_toggled(False)

    def describe(self, parameters: tuple[Parameter, ...]) -> None:
        """Another type (or modality): its controls take the place of the old ones, nothing is set by hand."""
        self.overrides = {}
        self._values = {}
        if parameters == self._parameters:
            self._mark()
            return
        self._parameters = parameters
        while self._form.rowCount():
            self._form.removeRow(0)
        self._controls, self._labels = {}, {}
        for parameter in parameters:
            control = _control(parameter)
            words = in_words(parameter.label)
            label = QLabel(f"{words} ({in_words(parameter.unit)})" if parameter.unit else words)
            label.setToolTip(in_words(parameter.help))
            control.setToolTip(in_words(parameter.help))
            control.setAccessibleName(words)
            self._form.addRow(label, control)
            self._controls[parameter.name], self._labels[parameter.name] = control, label
            changed = control.currentTextChanged if isinstance(control, QComboBox) else control.valueChanged
            changed.connect(partial(self._on_edited, parameter.name))
        self._mark()

    def follow(self, values: Mapping[str, ParameterValue]) -> None:
        """The values of the picture shown; those set by hand stay as they are."""
        self._values = dict(values)
        # Nobody sees the controls of a closed drawer; they catch up when it is opened.
        for name, value in values.items() if self.header.isChecked() else ():
            control = self._controls.get(name)
            if control is None or name in self.overrides:
                continue
            with QSignalBlocker(control):
                if isinstance(control, QComboBox):
                    control.setCurrentText(str(value))
                elif isinstance(control, QSpinBox):
                    control.setValue(round(float(value)))
                else:
                    control.setValue(float(value))
        self._mark()

    def clear_overrides(self) -> None:
        self.overrides = {}
        self._mark()
        self.overridden.emit({})

    def set_overrides(self, overrides: Mapping[str, ParameterValue]) -> None:
        """Values of a custom setting that is looked at again, without telling."""
        self.overrides = {}
        self.follow(overrides)
        self.overrides = dict(overrides)
        self._mark()

    def _on_edited(self, name: str, value: object) -> None:
        parameter = next(p for p in self._parameters if p.name == name)
        assert isinstance(value, str | int | float)
        self.overrides[name] = parameter.checked(value)
        self._mark()
        self.overridden.emit(dict(self.overrides))

    def _on_toggled(self, is_open: bool) -> None:
        self.header.setIcon(theme.icon("chevron-down" if is_open else "chevron-right", t.MUTED))
        self._body.setVisible(is_open)
        self.follow(self._values)

    def _mark(self) -> None:
        """The first parameter in the header, and which values are off the path."""
        text = self.tr("Parameters")
        if self._parameters and (first := self._parameters[0]).name in {**self._values, **self.overrides}:
            value = self.overrides.get(first.name, self._values.get(first.name))
            text += f"  ({in_words(first.label).lower()} {value:.3g})" if isinstance(value, int | float) else f"  ({value})"
        if self.overrides:
            text += self.tr("  · custom")
        self.header.setText(text)
        self.reset.setVisible(self.header.isChecked() and bool(self.overrides))
        for name, label in self._labels.items():
            set_role(label, "warn" if name in self.overrides else "muted")


def _control(parameter: Parameter) -> _Control:
    if parameter.kind == "choice":
        box = QComboBox()
        box.addItems(list(parameter.choices))
        return box
    spin: QSpinBox | QDoubleSpinBox
    if parameter.kind == "int":
        spin = QSpinBox()
        spin.setRange(math.ceil(parameter.minimum), min(math.floor(parameter.maximum), 2**31 - 1))
    else:
        spin = QDoubleSpinBox()
        span = parameter.maximum - parameter.minimum
        spin.setDecimals(5 if span <= 1 else 3 if span <= 100 else 1)
        spin.setRange(parameter.minimum, parameter.maximum)
    spin.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    spin.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
    spin.setKeyboardTracking(False)
    return spin

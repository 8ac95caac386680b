"""Choosing the degradation: those that suit the modality first, each with the marks of the levels that are kept."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPaintEvent, QPixmap, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QLabel, QStyle, QStyleOptionComboBox, QStylePainter, QVBoxLayout, QWidget

from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Level, Modality
from medqdeg_desktop.ui.calibrate.kept import MEASURED_AXIALLY, SET_LEVELS, KeptDecisions, types_for
from medqdeg_desktop.ui.calibrate.severity_slider import draw_mark
from medqdeg_desktop.ui.vocabulary import type_words

_HAS_MARKS = Qt.ItemDataRole.UserRole + 1


class _Box(QComboBox):
    """In the list names stand in line whether they have marks or not; the box itself keeps no room for marks that are none."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        if not self.currentData(_HAS_MARKS):
            option.currentIcon = QIcon()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()


class TypeChooser(QWidget):
    """``chosen`` carries the type's name when the reader picks another."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = _Box()
        self.box.setAccessibleName(self.tr("Degradation"))
        self.box.setIconSize(QSize(36, 16))
        self.box.setMaxVisibleItems(24)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(12)
        self.note = QLabel()
        self.note.setProperty("role", "small")
        self.note.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.box)
        column.addWidget(self.note)
        self._suiting: list[str] = []
        self.box.activated.connect(self._on_activated)

    @property
    def current(self) -> str:
        return str(self.box.currentData() or "")

    @property
    def suiting(self) -> list[str]:
        """Names of the types that may be chosen, in the order shown."""
        return self._suiting

    def fill(self, modality: Modality | None, kept: KeptDecisions, current: str, axis: str = "") -> None:
        """Lists the types for ``modality`` seen along ``axis``; the others stand below, greyed, for nobody to look in vain."""
        self._suiting, others = types_for(modality, axis)
        model = QStandardItemModel(self.box)
        any_kept = modality is not None and any(kept.levels_kept(n, modality) for n in self._suiting)
        for name in self._suiting:
            item = QStandardItem(type_words(name))
            done = kept.levels_kept(name, modality) if modality is not None else set()
            if any_kept:
                # Without marks an icon all the same: the names stay in line.
                item.setIcon(_marks_icon(done))
                item.setData(bool(done), _HAS_MARKS)
            item.setData(name, Qt.ItemDataRole.UserRole)
            model.appendRow(item)
        for name in others:
            kind = DEGRADATION_BY_NAME[name]
            item = QStandardItem(type_words(name))
            if any_kept:
                item.setIcon(_marks_icon(set()))
            item.setEnabled(False)
            item.setToolTip(self.tr("For {0}").format(", ".join(kind.modalities or ()) or self.tr("most others")))
            if name in MEASURED_AXIALLY and modality is not None and kind.suits(modality):
                item.setText(self.tr("{0} (measured axially)").format(type_words(name)))
                item.setToolTip(self.tr("A scanner measures axially: set it on the axial slices"))
            model.appendRow(item)
        self.box.setModel(model)
        self.choose(current if current in self._suiting else (self._suiting[0] if self._suiting else ""))
        what = str(modality) if modality else self.tr("any picture")
        both = sum(1 for name in self._suiting if modality and kept.calibrated(name, modality))
        self.note.setText(self.tr("{0} suit {1}, {2} of them calibrated").format(len(self._suiting), what, both))

    def choose(self, name: str) -> None:
        """Shows ``name`` as chosen without telling."""
        self.box.setCurrentIndex(self.box.findData(name))

    def _on_activated(self, index: int) -> None:
        name = self.box.itemData(index)
        if name:
            self.chosen.emit(name)


def _marks_icon(done: set[Level]) -> QIcon:
    icon = QIcon()
    for ratio in (1, 2):
        picture = QPixmap(36 * ratio, 16 * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place, level in enumerate(SET_LEVELS):
            if level in done:
                draw_mark(painter, QPointF(9 + 17 * place, 8), level, "here", 4)
        painter.end()
        icon.addPixmap(picture)
    return icon

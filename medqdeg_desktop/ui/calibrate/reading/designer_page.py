"""Designing a protocol: pictures, degradations, numbers, anchors; what it costs each reader and how sure it will be."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.calibration.protocol import ORDERS
from medqdeg_desktop.taxonomy import Level, Modality, types_drawn_for
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.calibrate.kept import types_for
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.calibrate.reading.design import Design, Source
from medqdeg_desktop.ui.vocabulary import type_words

_FEW_READERS = 5


class DesignerPage(QWidget):
    """``fix_wanted`` carries the finished design; ``left`` goes back without one."""

    fix_wanted = Signal(object)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.design = Design()
        self._filling = False
        self.name = QLineEdit()
        self.name.setPlaceholderText(self.tr("for example: Abdominal CT"))
        self.version = QLineEdit("1.0.0")
        self.pictures = QTreeWidget()
        self.pictures.setHeaderLabels([self.tr("Pictures"), self.tr("slices")])
        self.pictures.setRootIsDecorated(False)
        self.pictures.setColumnWidth(0, 230)
        self.types = QTreeWidget()
        self.types.setHeaderLabels([self.tr("Degradations")])
        self.readers = _count(1, 30, self.design.readers)
        self.images = _count(1, 20, self.design.images)
        self.held_out = _count(0, 20, self.design.held_out)
        self.repeats = _count(0, 10, self.design.repeats)
        self.catches = _count(0, 50, round(self.design.catch_share * 100), " %")
        self.days = _number(0, 60, self.design.repeat_days, self.tr(" days"))
        self.minutes = _count(5, 60, round(self.design.session_minutes), self.tr(" min"))
        self.dwell = _number(0, 30, self.design.dwell_seconds, self.tr(" s"))
        self.order = QComboBox()
        for order, words in zip(ORDERS, (self.tr("one degradation after the other"), self.tr("mixed")), strict=True):
            self.order.addItem(words, order)
        self.separation = _number(0, 10, self.design.limits.separation, self.tr(" SD"))
        self.pass_share = _count(0, 100, round(self.design.limits.pass_share * 100), " %")
        self.within = _number(0.01, 0.5, self.design.limits.within_sd)
        self.between = _number(0.01, 1, self.design.limits.between_range)
        self.anchors = {level: QPlainTextEdit(self.design.anchors[str(level)]) for level in (Level.L1, Level.L2)}
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.warning = QLabel()
        self.warning.setWordWrap(True)
        self.warning.setStyleSheet(f"color: {t.WARN}")
        self.fix = QPushButton(self.tr("Fix this protocol"))
        self.fix.setProperty("role", "primary")
        self.fix.setMinimumHeight(36)
        self.fix.clicked.connect(self._on_fix_clicked)
        self.back = QPushButton(self.tr("Back"))
        self.back.clicked.connect(self.left)
        self._lay_out()
        counts = (self.readers, self.images, self.held_out, self.repeats, self.catches, self.minutes)
        for box in (*counts, self.days, self.dwell, self.within, self.between, self.separation, self.pass_share):
            box.valueChanged.connect(self._on_changed)
        self.order.currentIndexChanged.connect(self._on_changed)
        for line in (self.name, self.version):
            line.textChanged.connect(self._on_changed)
        for anchor in self.anchors.values():
            anchor.textChanged.connect(self._on_changed)
        self.pictures.itemChanged.connect(self._on_pictures_changed)
        self.types.itemChanged.connect(self._on_changed)

    def _lay_out(self) -> None:
        title = QLabel(self.tr("Design a protocol"))
        title.setFont(theme.font(t.HEADLINE, strong=True))
        names = QFormLayout()
        names.addRow(self.tr("Name"), self.name)
        names.addRow(self.tr("Version"), self.version)
        parts: list[QWidget | QFormLayout] = [names, self.pictures]
        for level, anchor in self.anchors.items():
            anchor.setFixedHeight(76)
            anchor.setAccessibleName(self.tr("Anchor of {0}").format(level))
            anchor.setTabChangesFocus(True)
            parts += [_small(self.tr("Anchor of {0}, shown with every trial").format(level)), anchor]
        first = _column(*parts)
        second = _column(self.types)
        numbers = QFormLayout()
        numbers.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        numbers.setVerticalSpacing(6)
        for text, box in (
            (self.tr("Readers"), self.readers),
            (self.tr("Pictures a degradation"), self.images),
            (self.tr("Held out for verification"), self.held_out),
            (self.tr("Shown again"), self.repeats),
            (self.tr("…after"), self.days),
            (self.tr("Catch trials"), self.catches),
            (self.tr("Break after"), self.minutes),
            (self.tr("Look at least"), self.dwell),
            (self.tr("Order of pictures"), self.order),
            (self.tr("Accept: within-reader SD to"), self.within),
            (self.tr("Accept: readers apart to"), self.between),
            (self.tr("Accept: L2 above L1 by"), self.separation),
            (self.tr("Pass: rated within a step"), self.pass_share),
        ):
            numbers.addRow(text, box)
        cost = QFrame()
        cost.setProperty("role", "raised")
        inner = QVBoxLayout(cost)
        inner.setContentsMargins(12, 12, 12, 12)
        inner.addWidget(self.told)
        inner.addWidget(self.warning)
        inner.addWidget(self.fix)
        third = _column(numbers, cost)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(self.back)
        row = QHBoxLayout()
        row.setSpacing(16)
        for widget, stretch in ((first, 3), (second, 3), (third, 4)):
            row.addWidget(widget, stretch)
        inside = QWidget()
        inside.setMaximumWidth(1320)
        column = QVBoxLayout(inside)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        column.addLayout(head)
        column.addLayout(row, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        scroll.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)

    # -- filling ----------------------------------------------------------------------------------------------

    def fill(self, series: list[OpenSeries], name: str) -> None:
        """Offers the series that are open; a volume gives four slices at first, a single picture itself."""
        self._filling = True
        self.design = Design(name=name)
        self.name.setText(name)
        self.pictures.clear()
        for opened in series:
            if opened.series.modality is None:
                continue
            source = Source(opened, min(4, opened.series.frame_count))
            self.design.sources.append(source)
            row = QTreeWidgetItem([f"{opened.title} · {opened.series.modality}"])
            row.setToolTip(0, opened.title)
            row.setFlags(row.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            row.setCheckState(0, Qt.CheckState.Checked)
            self.pictures.addTopLevelItem(row)
            spin = _count(1, opened.series.frame_count, source.take)
            spin.valueChanged.connect(self._on_pictures_changed)
            self.pictures.setItemWidget(row, 1, spin)
        self._filling = False
        self._on_pictures_changed()

    def _on_pictures_changed(self, *_: object) -> None:
        if self._filling:
            return
        before = self.design.modalities()
        for number, source in enumerate(self.design.sources):
            row = self.pictures.topLevelItem(number)
            assert row is not None
            spin = self.pictures.itemWidget(row, 1)
            checked = row.checkState(0) is Qt.CheckState.Checked
            source.take = spin.value() if checked and isinstance(spin, QSpinBox) else 0
        now = self.design.modalities()
        if now != before or self.types.topLevelItemCount() == 0:
            self._fill_types(now)
        self._on_changed()

    def _fill_types(self, modalities: list[Modality]) -> None:
        self._filling = True
        self.types.clear()
        for modality in modalities:
            group = QTreeWidgetItem([str(modality)])
            self.types.addTopLevelItem(group)
            drawn = types_drawn_for(modality)
            for name in types_for(modality)[0]:
                row = QTreeWidgetItem([type_words(name)])
                row.setData(0, Qt.ItemDataRole.UserRole, (name, str(modality)))
                row.setFlags(row.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                row.setCheckState(0, Qt.CheckState.Checked if name in drawn else Qt.CheckState.Unchecked)
                group.addChild(row)
            group.setExpanded(True)
        self._filling = False

    # -- reading ----------------------------------------------------------------------------------------------

    def _on_changed(self, *_: object) -> None:
        if self._filling:
            return
        d = self.design
        d.name, d.version = self.name.text(), self.version.text()
        d.readers, d.images, d.held_out = self.readers.value(), self.images.value(), self.held_out.value()
        d.repeats, d.repeat_days = self.repeats.value(), self.days.value()
        d.catch_share, d.session_minutes = self.catches.value() / 100, float(self.minutes.value())
        d.dwell_seconds = self.dwell.value()
        d.limits = type(d.limits)(
            self.within.value(), self.between.value(), self.separation.value(), self.pass_share.value() / 100
        )
        d.order = self.order.currentData()
        d.anchors |= {str(level): " ".join(box.toPlainText().split()) for level, box in self.anchors.items()}
        d.types = set()
        for group in (self.types.topLevelItem(i) for i in range(self.types.topLevelItemCount())):
            if group is None:
                continue
            for row in (group.child(i) for i in range(group.childCount())):
                if row.checkState(0) is Qt.CheckState.Checked:
                    name, modality = row.data(0, Qt.ItemDataRole.UserRole)
                    d.types.add((name, Modality(modality)))
        self._tell()

    def _tell(self) -> None:
        protocol, cost = self.design.estimate()
        if not protocol.cells:
            self.told.setText(self.tr("Choose pictures and degradations."))
            self.warning.clear()
            self.fix.setEnabled(False)
            return
        if math.isnan(cost.half_width):
            width = self.tr("An interval needs two readers and two pictures a degradation.")
        else:
            width = self.tr("Expected 95 % interval of a level: ± {0:.2f} of the slider.").format(cost.half_width)
        self.told.setText(
            self.tr(
                "{0} cells (a degradation on a modality) on {1} pictures. Each reader: {2} settings, {3} catch trials, "
                "{4} blind ratings, about {5:.1f} hours; sessions: {6}.\n{7}"
            ).format(
                len(protocol.cells), len(protocol.images()), cost.settings, cost.catches, cost.ratings, cost.hours, cost.sessions,
                width,
            )
        )  # fmt: skip
        notes = []
        if self.design.readers < _FEW_READERS:
            notes.append(self.tr("With fewer than five readers the interval describes this panel only."))
        if any(not c.held_out for c in protocol.cells):
            notes.append(self.tr("Some cells have no pictures left for blind verification: take more slices or series."))
        if not self.design.repeats:
            notes.append(self.tr("Without repeats nobody knows how well a reader repeats."))
        self.warning.setText("\n".join(notes))
        self.fix.setEnabled(bool(self.design.name.strip() and self.design.version.strip()))

    def _on_fix_clicked(self) -> None:
        buttons = QMessageBox.StandardButton.Ok | QMessageBox.StandardButton.Cancel
        title, cancel = self.tr("Fix this protocol"), QMessageBox.StandardButton.Cancel
        if QMessageBox.question(self, title, self.asking(), buttons, cancel) != QMessageBox.StandardButton.Ok:
            return
        self.fix.setEnabled(False)
        self.told.setText(self.tr("Reading the pictures…"))
        self.fix_wanted.emit(self.design)

    def asking(self) -> str:
        """What is asked before the protocol is fixed: how much it lays on each reader, and every warning that stands."""
        protocol, cost = self.design.estimate()
        text = self.tr(
            "Fix {0} {1}? It can never be changed afterwards; another design is another protocol.\n\n"
            "{2} cells; each reader: {3} trials in all, about {4:.1f} hours; readers: {5}."
        ).format(
            protocol.name, protocol.version, len(protocol.cells), cost.settings + cost.catches + cost.ratings, cost.hours,
            self.design.readers,
        )  # fmt: skip
        return "\n\n".join(part for part in (text, self.warning.text()) if part)

    def tell_failure(self, text: str) -> None:
        self._tell()
        self.warning.setText(text)


def _column(*parts: QWidget | QFormLayout) -> QWidget:
    widget = QWidget()
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(8)
    for part in parts:
        if isinstance(part, QWidget):
            column.addWidget(part)
        else:
            column.addLayout(part)
    return widget


def _count(low: int, high: int, value: int, suffix: str = "") -> QSpinBox:
    box = QSpinBox()
    box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
    box.setRange(low, high)
    box.setValue(value)
    box.setSuffix(suffix)
    return box


def _number(low: float, high: float, value: float, suffix: str = "") -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
    box.setRange(low, high)
    box.setDecimals(2 if high <= 1 else 1)
    box.setSingleStep(0.01 if high <= 1 else 1.0)
    box.setValue(value)
    box.setSuffix(suffix)
    return box


def _small(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "small")
    return label

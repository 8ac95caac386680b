"""The left of Review: what is listed, the queue, and how it goes."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from medqdeg_desktop.bank.review import Dashboard
from medqdeg_desktop.ui.review.queue_model import SHOWN, Filter, QueueList, QueueModel


class QueueSide(QWidget):
    """``filter_changed`` when the list is narrowed in another way."""

    filter_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.model = QueueModel(self)
        self.title = QLabel()
        self.title.setProperty("role", "title")
        self.shown = QComboBox()
        self.shown.setAccessibleName(self.tr("Which items are listed"))
        for key, words in SHOWN.items():
            self.shown.addItem(words, key)
        self.modality = QComboBox()
        self.modality.setAccessibleName(self.tr("Modality"))
        self.modality.addItem(self.tr("All modalities"), "")
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Find by id, skill or type"))
        self.search.setAccessibleName(self.search.placeholderText())
        self.search.setClearButtonEnabled(True)
        self.list = QueueList(self.model)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Items that you have decided"))
        self.pace = _line()
        self.agreement = _line()
        self.on_items = _line()
        self.gold = _line()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.shown, 1)
        row.addWidget(self.modality, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(8)
        for part in (self.title, row, self.search):
            if isinstance(part, QHBoxLayout):
                column.addLayout(part)
            else:
                column.addWidget(part)
        column.addWidget(self.list, 1)
        for widget in (self.bar, self.pace, self.agreement, self.on_items, self.gold):
            column.addWidget(widget)
        for box in (self.shown, self.modality):
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            box.currentIndexChanged.connect(self._on_narrowed)
        self.search.textChanged.connect(self._on_narrowed)

    @property
    def wanted(self) -> Filter:
        return Filter(str(self.shown.currentData()), str(self.modality.currentData() or ""), self.search.text().strip())

    def show_only(self, shown: str) -> None:
        """Lists the items of one kind (a key of ``SHOWN``)."""
        self.shown.setCurrentIndex(max(0, self.shown.findData(shown)))

    def fill_modalities(self, names: list[str]) -> None:
        chosen = self.modality.currentData()
        self.modality.blockSignals(True)
        self.modality.clear()
        self.modality.addItem(self.tr("All modalities"), "")
        for name in names:
            self.modality.addItem(name, name)
        self.modality.setCurrentIndex(max(0, self.modality.findData(chosen)))
        self.modality.blockSignals(False)

    def show_progress(self) -> None:
        """How many of all items the reader has decided, and how many are listed."""
        total = len(self.model.entries)
        mine = self.model.mine
        self.title.setText(self.tr("Queue {0:,}/{1:,}").format(mine, total))
        self.title.setToolTip(self.tr("Decided by you, of all items; {0:,} are listed").format(self.model.rowCount()))
        self.bar.setRange(0, max(1, total))
        self.bar.setValue(mine)

    def show_dashboard(self, told: Dashboard) -> None:
        share = told.accepted_share
        parts = [] if share is None else [self.tr("accepted {0:.0f} %").format(share * 100)]
        if told.pace is not None:
            parts.append(self.tr("mine {0:.0f} s an item").format(told.pace))
        self.pace.setText("   ".join(parts))
        found = told.agreement
        if found is None or math.isnan(found.kappa):
            self.agreement.setText(self.tr("agreement: not yet") if found is None else self.tr("agreement: all alike"))
        else:
            words = self.tr("agreement κ {0} ({1} to {2})") if not math.isnan(found.low) else self.tr("agreement κ {0}")
            self.agreement.setText(words.format(_two(found.kappa), _two(found.low), _two(found.high)))
            self.agreement.setToolTip(
                self.tr("Fleiss' kappa of keep against remove on {0:,} degradations of {1:,} items, 95 % interval").format(
                    found.subjects, found.clusters
                )
            )
        whole = told.on_items
        known = whole is not None and not math.isnan(whole.kappa)
        self.on_items.setVisible(known)
        if whole is not None and known:
            words = self.tr("on items κw {0} ({1} to {2})") if not math.isnan(whole.low) else self.tr("on items κw {0}")
            self.on_items.setText(words.format(_two(whole.kappa), _two(whole.low), _two(whole.high)))
            self.on_items.setToolTip(
                self.tr(
                    "Linearly weighted kappa of items kept whole, in part or not at all: {0:,} pairs of readers on {1:,} items, "
                    "95 % interval"
                ).format(whole.subjects, whole.clusters)
            )
        gold = self.tr("gold {0}/{1}").format(told.gold_hits, told.gold_marks) if told.gold_marks else ""
        self.gold.setText(gold)
        self.gold.setVisible(bool(gold))

    def _on_narrowed(self) -> None:
        self.filter_changed.emit()


def _line() -> QLabel:
    label = QLabel()
    label.setProperty("role", "small")
    return label


def _two(value: float) -> str:
    return f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}"

"""The left side of Generate: what the set is made from, with which levels, by which rule, where to."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.taxonomy import DEGRADATION_TYPES
from medqdeg_desktop.ui.generate.matrix import LevelMatrix
from medqdeg_desktop.ui.generate.state import BankView, FolderState, Wanted
from medqdeg_desktop.ui.labels import label, set_role

RULES = (("uniform", "Uniform: one to three types an item"), ("published", "Published: the paper's counts by type"))
_ROW_HEIGHT = 28
_MOST_ROWS = 8


class GenerateForm(QScrollArea):
    """``changed`` when the set asked for is another one; ``import_clicked`` for more questions; ``doubles_clicked`` to look for
    doubles among those that came in; ``skills_clicked`` to say which skill a label of a source is."""

    changed = Signal()
    import_clicked = Signal()
    doubles_clicked = Signal()
    skills_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedWidth(404)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        page = QWidget()
        page.setProperty("role", "panel")
        page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWidget(page)

        self.items = QTreeView()
        self.items.setAccessibleName(self.tr("Questions by modality and skill"))
        self.items.setHeaderHidden(True)
        self.items.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.items.setSelectionMode(QTreeView.SelectionMode.NoSelection)
        self.items.setVerticalScrollMode(QTreeView.ScrollMode.ScrollPerPixel)
        self.items.setIndentation(16)
        self._rows = QStandardItemModel(0, 2, self)
        self.items.setModel(self._rows)
        self.items.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.items.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.items.header().setStretchLastSection(False)
        self.items.expanded.connect(self._fit_items)
        self.items.collapsed.connect(self._fit_items)
        self.total = label()
        self.import_button = QPushButton(self.tr("Import…"))
        self.import_button.setToolTip(self.tr("Questions from .jsonl, .tsv or .json; or drop the file here"))
        self.import_button.clicked.connect(self.import_clicked)
        self.doubles_button = QPushButton(self.tr("Look for doubles among the questions…"))
        self.doubles_button.setToolTip(self.tr("Questions that look alike, to be merged or kept apart before the set is made"))
        self.doubles_button.setProperty("role", "quiet")
        self.doubles_button.clicked.connect(self.doubles_clicked)
        self.doubles_button.hide()

        self.skills_button = QPushButton()
        self.skills_button.setProperty("role", "quiet")
        self.skills_button.setToolTip(self.tr("Labels of a source that are none of the thirty skills: say which each one is"))
        self.skills_button.clicked.connect(self.skills_clicked)
        self.skills_button.hide()

        self.matrix = LevelMatrix()
        self.warning = label(role="small", wraps=True)

        self.rule = QComboBox()
        self.rule.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.rule.setMinimumContentsLength(20)
        for value, words in RULES:
            self.rule.addItem(words, value)
        self.types = QLineEdit()
        self.types.setPlaceholderText(self.tr("by the rule, or names: gaussian_noise, …"))
        self.types.setToolTip(
            self.tr("For every item that may have them, without a draw: {0}").format(", ".join(t.name for t in DEGRADATION_TYPES))
        )
        self.severities = QLineEdit()
        self.severities.setPlaceholderText(self.tr("L1 and L2, or a sweep: 0.1, 0.25, 0.5"))
        self.severities.setToolTip(self.tr("From 0 to 1 on the severity path of each type, in place of the two levels"))
        self.seed = _spin(0, 2**31 - 1)
        self.limit = _spin(0, 10_000_000, self.tr("all"))
        self.workers = _spin(0, 4 * (os.cpu_count() or 1), self.tr("one a core"))
        self.cluster = QLineEdit()
        self.cluster.setPlaceholderText(self.tr("this machine, or tcp://scheduler:8786"))
        self.release = QCheckBox(self.tr("For a release"))
        self.release.setToolTip(
            self.tr("Refused unless every item is accepted, every clean image confirmed and every level published")
        )
        self.regions = QCheckBox(self.tr("Draw the regions that questions point at"))
        self.regions.setToolTip(self.tr("On finished pictures, equally sharp at every level; nothing is moved under them"))
        self.regions.setChecked(True)
        self.regions.hide()
        self.folder = QLineEdit()
        self.browse = QPushButton(self.tr("Browse…"))
        self.browse.clicked.connect(self._on_browse)
        self.folder_state = label(role="small", wraps=True)
        self._build(page)
        for box in (self.seed, self.limit, self.workers):
            box.valueChanged.connect(self.changed)
        self.rule.activated.connect(self.changed)
        self.release.toggled.connect(self.changed)
        self.regions.toggled.connect(self.changed)
        self.folder.editingFinished.connect(self.changed)
        for line in (self.cluster, self.types, self.severities):
            line.editingFinished.connect(self.changed)

    # -- told by the workspace ---------------------------------------------------------------------------------

    def show_bank(self, bank: BankView) -> None:
        self._rows.removeRows(0, self._rows.rowCount())
        for modality, count in sorted(bank.modality_counts.items(), key=lambda entry: -entry[1]):
            row = [QStandardItem(modality), _number(count)]
            for (other, skill), own in bank.skills.items():
                if other == modality:
                    row[0].appendRow([QStandardItem(skill or self.tr("no skill")), _number(own)])
            self._rows.appendRow(row)
        self._fit_items()
        words = self.tr("{0:,} questions").format(bank.items)
        if bank.accepted:
            words += self.tr(", {0:,} accepted").format(bank.accepted)
        if bank.removed:
            words += self.tr(", {0:,} removed").format(bank.removed)
        self.total.setText(words)
        self.regions.setText(self.tr("Draw the regions that questions point at ({0:,})").format(bank.regions))
        self.regions.setVisible(bank.regions > 0)
        self.skills_button.setText(self.tr("Labels without a skill ({0:,})…").format(bank.unmapped))
        self.skills_button.setVisible(bank.unmapped > 0)
        self.matrix.show_bank(bank)
        default = sum(c.state == "default" for c in bank.cells.values())
        if not bank.items:
            self.warning.setText("")
        elif not bank.profile:
            self.warning.setText(self.tr("No profile is published in this study: all levels are the default ones."))
        elif default:
            self.warning.setText(
                self.tr("Profile {0}. {1} cells are not in it: their levels are the default ones.").format(bank.profile, default)
            )
        else:
            self.warning.setText(self.tr("Profile {0}: every level drawn is calibrated in this study.").format(bank.profile))
        set_role(self.warning, "warn" if bank.items and (default or not bank.profile) else "small")

    def show_folder(self, state: FolderState) -> None:
        words = {
            "new": self.tr("A new folder."),
            "finished": self.tr("Holds a finished set of {0:,} images; the same plan leaves it as it is.").format(state.images),
            "unfinished": self.tr("Holds an unfinished set; the same plan goes on with it."),
            "taken": self.tr("Holds something else; choose another folder."),
        }[state.kind]
        self.folder_state.setText(self.tr("{0} {1:.0f} GB free.").format(words, state.free / 1e9))
        set_role(self.folder_state, "warn" if state.kind == "taken" else "small")

    @property
    def wanted(self) -> Wanted:
        return Wanted(
            folder=Path(self.folder.text().strip()).expanduser(),
            seed=self.seed.value(),
            rule=str(self.rule.currentData()),
            release=self.release.isChecked(),
            limit=self.limit.value(),
            workers=self.workers.value(),
            cluster=self.cluster.text().strip(),
            mark_regions=self.regions.isChecked() and not self.regions.isHidden(),
            types=self.types.text().strip(),
            severities=self.severities.text().strip(),
        )

    # -- inside ------------------------------------------------------------------------------------------------

    def _build(self, page: QWidget) -> None:
        head = QHBoxLayout()
        head.addWidget(self.total, 1)
        head.addWidget(self.import_button)
        place = QHBoxLayout()
        place.setSpacing(8)
        place.addWidget(self.folder, 1)
        place.addWidget(self.browse)
        form = QFormLayout()
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for words, widget in (
            (self.tr("&Rule"), self.rule),
            (self.tr("&Types"), self.types),
            (self.tr("Se&verities"), self.severities),
            (self.tr("&Seed"), self.seed),
            (self.tr("&Items"), self.limit),
            (self.tr("&Workers"), self.workers),
            (self.tr("&Cluster"), self.cluster),
        ):
            form.addRow(words, widget)
            widget.setAccessibleName(words.replace("&", ""))
        self.folder.setAccessibleName(self.tr("Output folder"))
        column = QVBoxLayout(page)
        column.setContentsMargins(16, 12, 16, 16)
        column.setSpacing(8)
        column.addWidget(label(self.tr("Questions"), "section"))
        column.addLayout(head)
        column.addWidget(self.items)
        column.addWidget(self.doubles_button)
        column.addWidget(self.skills_button)
        column.addSpacing(8)
        column.addWidget(label(self.tr("Draw"), "section"))
        column.addLayout(form)
        column.addWidget(self.release)
        column.addWidget(self.regions)
        column.addSpacing(8)
        column.addWidget(label(self.tr("Folder of the set"), "section"))
        column.addLayout(place)
        column.addWidget(self.folder_state)
        column.addSpacing(8)
        column.addWidget(label(self.tr("Levels"), "section"))
        column.addWidget(self.matrix)
        column.addWidget(self.warning)
        column.addStretch(1)

    def _fit_items(self) -> None:
        rows = self._rows.rowCount()
        for i in range(self._rows.rowCount()):
            index = self._rows.index(i, 0)
            if self.items.isExpanded(index):
                rows += self._rows.rowCount(index)
        self.items.setFixedHeight(min(rows, _MOST_ROWS) * _ROW_HEIGHT + 4 if rows else 0)

    def _on_browse(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Folder of the set"), self.folder.text())
        if name:
            self.folder.setText(name)
            self.changed.emit()


def _spin(low: int, high: int, special: str = "") -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setGroupSeparatorShown(True)
    box.setSpecialValueText(special)
    box.setKeyboardTracking(False)
    box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    return box


def _number(count: int) -> QStandardItem:
    item = QStandardItem(f"{count:,}")
    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item

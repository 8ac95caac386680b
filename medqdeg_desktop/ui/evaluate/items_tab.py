"""Items: the questions behind the numbers, filtered, and one of them at large."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from medqdeg_desktop.chart.figure import Key
from medqdeg_desktop.eval.analysis import Analysis
from medqdeg_desktop.eval.wording import level_words
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.evaluate.item_detail import ItemDetail
from medqdeg_desktop.ui.evaluate.item_list import ItemList
from medqdeg_desktop.ui.evaluate.items import (
    VERDICTS,
    Detail,
    Entry,
    Filter,
    ItemIndex,
    Score,
    filter_of,
    listed,
    read_detail,
    read_index,
    scores_of,
)
from medqdeg_desktop.ui.evaluate.run_choice import RunChoice
from medqdeg_desktop.ui.labels import ElidedComboBox, label
from medqdeg_desktop.ui.vocabulary import type_words

Json = dict[str, Any]
_PARTS = ("type", "modality", "skill")


class ItemsTab(QWidget):
    """Reads the set's lines once for each dataset; scores come with the results."""

    warned = Signal(str)

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._study: Path | None = None
        self._analysis: Analysis | None = None
        self.index: ItemIndex | None = None
        self._scores: dict[str, Score] = {}
        self._outdated = False
        self._further: tuple[tuple[str, str], ...] = ()
        self.model = RunChoice()
        _sized(self.model, 12)
        self.level = _combo(self.tr("Level"), 8)
        self._show_levels(["L0", "L1", "L2"])
        self.parts = {name: _combo(name.capitalize(), 8) for name in _PARTS}
        self.verdict = _combo(self.tr("Verdict"), 8)
        for verdict in VERDICTS:
            self.verdict.addItem(verdict.capitalize(), verdict)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Words of the question, or an item"))
        self.search.setAccessibleName(self.tr("Find questions"))
        self.search.setClearButtonEnabled(True)
        self.count = label(role="small")
        self.list = ItemList()
        self.detail = ItemDetail(background)
        self.nothing = label(self.tr("No question passes this filter."), "muted")
        self.right = QStackedWidget()
        self.right.addWidget(self.detail)
        self.right.addWidget(self.nothing)
        filters = QHBoxLayout()
        filters.setSpacing(8)
        for box in (self.level, *self.parts.values(), self.verdict):
            filters.addWidget(box, 1)
        for box in (self.model, self.level, *self.parts.values(), self.verdict):
            box.activated.connect(self._on_filter)
        side = QVBoxLayout()
        side.setSpacing(8)
        # Names of runs are long, and are what one looks for first.
        side.addWidget(self.model)
        side.addWidget(self.search)
        side.addWidget(self.list, 1)
        side.addWidget(self.count)
        self.list.setFixedWidth(288)
        self.search.setFixedWidth(288)
        self.model.setFixedWidth(288)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addLayout(side)
        row.addWidget(self.right, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 12)
        column.setSpacing(12)
        column.addLayout(filters)
        column.addLayout(row, 1)
        self.search.textChanged.connect(self._on_filter)
        self.list.chosen.connect(self._on_chosen)
        self.detail.level_chosen.connect(self._on_level)

    # -- told by the workspace ---------------------------------------------------------------------------------

    def open(self, study: Path, dataset: Path | None) -> None:
        """The study and the set that questions and replies are read from."""
        self._study = study
        if dataset is None:
            self.index = None
            self._list()
        elif self.index is None or self.index.folder != dataset:
            self._background.run("index", partial(read_index, dataset), self._on_index, self.warned.emit)

    def show_results(self, results: Json, analysis: Analysis | None) -> None:
        self._analysis = analysis
        self.model.show_models(results.get("models", ()))
        # Scores of all questions are looked up only where somebody looks at them.
        self._outdated = True
        if self.isVisible():
            self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._outdated:
            self._refresh()

    def _refresh(self) -> None:
        self._outdated = False
        self._read_scores()
        self._list(keep=True)

    def follow(self, run_id: str) -> None:
        """The run chosen in the list of runs is the one whose answers are shown."""
        if self.model.choose(run_id):
            self._outdated = True
            if self.isVisible():
                self._refresh()

    def show_key(self, key: Key) -> None:
        """The questions behind a mark of a chart."""
        if key.run_id:
            self.model.choose(key.run_id)
        self._outdated = False
        self._read_scores()
        wanted = filter_of(key)
        self.level.setCurrentIndex(max(0, self.level.findData(wanted.level)))
        for name, box in self.parts.items():
            box.setCurrentIndex(max(0, box.findData(dict(wanted.parts).get(name, ""))))
        # Dimensions without a box of their own (category, task) hold until another filter is set.
        self._further = tuple(part for part in wanted.parts if part[0] not in self.parts)
        self.verdict.setCurrentIndex(0)
        self.search.clear()
        self._list()

    # -- inside ------------------------------------------------------------------------------------------------

    def _on_index(self, index: ItemIndex) -> None:
        self.index = index
        self._show_levels(sorted({entry.level for entry in index.entries} - {""}))
        for name, box in self.parts.items():
            box.clear()
            box.addItem(self.tr("Any {0}").format(name), "")
            for part in sorted({entry.part(name) for entry in index.entries} - {""}):
                known = DEGRADATION_BY_NAME.get(part) if name == "type" else None
                box.addItem(type_words(part) if known else part, part)
        self._list()

    def _show_levels(self, levels: list[str]) -> None:
        """The levels to choose from: three, or the steps of a sweep."""
        chosen = self.level.currentData()
        self.level.clear()
        self.level.addItem(self.tr("All levels"), "")
        for name in levels:
            self.level.addItem(level_words(name), name)
        self.level.setCurrentIndex(max(0, self.level.findData(chosen)))

    def _read_scores(self) -> None:
        run_id = self.model.currentData()
        self._scores = scores_of(self._analysis, run_id) if self._analysis is not None and run_id else {}

    def _on_filter(self) -> None:
        if self.sender() is self.model:
            self._read_scores()
        elif self.sender() is not self.search:
            self._further = ()
        self._list(keep=True)

    @property
    def wanted(self) -> Filter:
        parts = tuple((name, str(box.currentData() or "")) for name, box in self.parts.items())
        return Filter(
            level=str(self.level.currentData()),
            parts=(*parts, *self._further),
            verdict=str(self.verdict.currentData()),
            text=self.search.text().strip(),
        )

    def _list(self, *, keep: bool = False) -> None:
        before = self.detail.detail.entry.file_name if keep and self.detail.detail is not None else ""
        numbers = listed(self.index, self._scores, self.wanted) if self.index is not None else []
        self.list.items.show(self.index, self._scores, numbers)
        total = len(self.index.entries) if self.index is not None else 0
        further = "".join(f", {name}" for _, name in self._further)
        self.count.setText(self.tr("{0:,} of {1:,} questions{2}").format(len(numbers), total, further))
        self.right.setCurrentWidget(self.detail if numbers else self.nothing)
        if numbers:
            assert self.index is not None
            row = next((i for i, n in enumerate(numbers) if self.index.entries[n].file_name == before), 0)
            self.list.choose(row)
        else:
            self.detail.clear()

    def _on_chosen(self, entry: Entry) -> None:
        self._show(entry)

    def _on_level(self, level: str) -> None:
        if self.index is None or self.detail.detail is None:
            return
        other = self.index.at_level(self.detail.detail.entry, level)
        if other is not None:
            self._show(other)

    def _show(self, entry: Entry) -> None:
        if self.index is None or self._study is None:
            return
        run_id = str(self.model.currentData() or "")
        work = partial(read_detail, self.index, entry, self._study, run_id)
        self._background.run("detail", work, partial(self._on_detail, self.index), self.warned.emit)

    def _on_detail(self, index: ItemIndex, detail: Detail) -> None:
        score = self._scores.get(detail.entry.file_name)
        self.detail.show_detail(index, detail, score, self.model.currentText())


def _combo(name: str, width: int) -> QComboBox:
    box = ElidedComboBox()
    box.setAccessibleName(name)
    _sized(box, width)
    return box


def _sized(box: QComboBox, width: int) -> None:
    """As wide as ``width`` letters, whatever there is to choose from."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(width)

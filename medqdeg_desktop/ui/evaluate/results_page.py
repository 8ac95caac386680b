"""The right side of Evaluate: dataset, filter and published toggle above, the tabs of the results below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QProgressBar, QTabWidget, QVBoxLayout, QWidget

from medqdeg_desktop.chart.figure import Key
from medqdeg_desktop.eval.analysis import Analysis
from medqdeg_desktop.eval.row_chart import REFERENCE
from medqdeg_desktop.eval.wording import FINAL_REPLICATES
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.evaluate.chart_tabs import CalibrationTab, HeatmapTab, OverviewTab
from medqdeg_desktop.ui.evaluate.items_tab import ItemsTab
from medqdeg_desktop.ui.evaluate.table_tab import TableTab
from medqdeg_desktop.ui.labels import label

Json = dict[str, Any]
_FILTERS = ("modality", "category", "task")


class ResultsPage(QWidget):
    """``filtered`` when other questions are to count; ``dataset_chosen`` with the folder of another set."""

    filtered = Signal()
    dataset_chosen = Signal(str)
    said = Signal(str)
    warned = Signal(str)

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._results: Json = {}
        self.dataset = QComboBox()
        self.dataset.setAccessibleName(self.tr("Dataset"))
        self.dataset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.dataset.setMinimumContentsLength(16)
        self.filters = {name: QComboBox() for name in _FILTERS}
        for name, box in self.filters.items():
            box.setAccessibleName(name.capitalize())
            box.addItem(self.tr("Every {0}").format(name), "")
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(11)
            box.activated.connect(self.filtered)
        self.published = QCheckBox(self.tr("Published models"))
        self.published.setToolTip(
            self.tr("Hollow grey marks: {0}. Other questions and images, so only the shape compares.").format(REFERENCE)
        )
        self.state = label(role="small")
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setAccessibleName(self.tr("Results are being computed"))
        policy = self.busy.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.busy.setSizePolicy(policy)
        self.overview = OverviewTab()
        self.heatmaps = HeatmapTab()
        self.tables = TableTab()
        self.calibration = CalibrationTab()
        self.items = ItemsTab(background)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for page, words in (
            (self.overview, self.tr("Overview")),
            (self.heatmaps, self.tr("Heatmaps")),
            (self.tables, self.tr("Tables")),
            (self.calibration, self.tr("Calibration")),
            (self.items, self.tr("Items")),
        ):
            self.tabs.addTab(page, words)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.dataset)
        for box in self.filters.values():
            head.addWidget(box)
        head.addWidget(self.published)
        head.addStretch(1)
        head.addWidget(self.state)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 0)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self.busy)
        column.addWidget(self.tabs, 1)
        self.busy.hide()
        self.dataset.activated.connect(lambda index: self.dataset_chosen.emit(str(self.dataset.itemData(index))))
        self.published.toggled.connect(self._show)
        for page in (self.overview, self.heatmaps, self.tables, self.calibration):
            page.clicked.connect(self.show_items)
            page.said.connect(self.said)
            page.warned.connect(self.warned)
        self.items.warned.connect(self.warned)

    # -- told by the workspace ---------------------------------------------------------------------------------

    def show_datasets(self, folders: list[str], current: str) -> None:
        self.dataset.clear()
        for folder in folders:
            self.dataset.addItem(Path(folder).name, folder)
            self.dataset.setItemData(self.dataset.count() - 1, folder, 3)
        self.dataset.setCurrentIndex(max(0, self.dataset.findData(current)))
        self.dataset.setToolTip(current)

    def show_results(self, results: Json, analysis: Analysis | None) -> None:
        self._results = results
        if analysis is not None:
            for name, box in self.filters.items():
                self._fill(name, box, analysis.table.names.get(name, ()))
        self.items.show_results(results, analysis)
        self._show()

    def show_busy(self, busy: bool) -> None:
        self.busy.setVisible(busy)
        self._show_state()

    @property
    def chosen_filters(self) -> dict[str, list[str]]:
        """Dimension -> names that count."""
        return {name: [str(box.currentData())] for name, box in self.filters.items() if box.currentData()}

    def clear_filters(self) -> None:
        for box in self.filters.values():
            box.setCurrentIndex(0)

    def show_items(self, key: Key) -> None:
        """From a mark of a chart, or a row of a table, to the questions behind it."""
        self.items.show_key(key)
        self.tabs.setCurrentWidget(self.items)
        self.items.list.setFocus()

    # -- inside ------------------------------------------------------------------------------------------------

    def _fill(self, name: str, box: QComboBox, names: tuple[str, ...]) -> None:
        if [box.itemData(i) for i in range(1, box.count())] == list(names):
            return
        chosen = box.currentData()
        box.clear()
        box.addItem(self.tr("Every {0}").format(name), "")
        for part in names:
            box.addItem(part, part)
        box.setCurrentIndex(max(0, box.findData(chosen)))

    def _show(self) -> None:
        with_published = self.published.isChecked()
        if self._results:
            self.overview.show_results(self._results, with_published=with_published)
        else:
            self.overview.show_charts([])
        for page in (self.heatmaps, self.tables, self.calibration):
            page.show_results(self._results, with_published=with_published)
        self._show_state()

    def _show_state(self) -> None:
        if not self._results:
            self.state.setText(self.tr("computing") if self.busy.isVisible() else "")
            return
        final = self._results["replicates"] >= FINAL_REPLICATES
        self.state.setText("" if final else self.tr("provisional"))
        self.state.setToolTip(self.tr("Intervals rest on {0:,} replicates").format(self._results["replicates"]))

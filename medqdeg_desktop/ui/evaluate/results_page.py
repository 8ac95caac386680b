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
from medqdeg_desktop.ui.evaluate.chart_tabs import CalibrationTab, ChartTab, HeatmapTab, SeverityTab
from medqdeg_desktop.ui.evaluate.items_tab import ItemsTab
from medqdeg_desktop.ui.evaluate.table_tab import TableTab
from medqdeg_desktop.ui.labels import ElidedComboBox, label

Json = dict[str, Any]
_FILTERS = ("modality", "category", "task")


class ResultsPage(QWidget):
    """The tabs, of which only the one in front is filled.

    filtered         other questions are to count, or other limits hold.
    looked_at        another tab, or another choice in it, needs parts of the results (``needs``).
    dataset_chosen   the folder of another set.
    """

    filtered = Signal()
    looked_at = Signal()
    dataset_chosen = Signal(str)
    said = Signal(str)
    warned = Signal(str)

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._results: Json = {}
        self._followed = ""
        self.dataset = ElidedComboBox()
        self.dataset.setAccessibleName(self.tr("Dataset"))
        self.dataset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.dataset.setMinimumContentsLength(16)
        self.dataset.setMinimumWidth(96)
        self.filters = {name: ElidedComboBox() for name in _FILTERS}
        for name, box in self.filters.items():
            box.setAccessibleName(name.capitalize())
            box.addItem(self.tr("Every {0}").format(name), "")
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(11)
            # In a narrow window a choice gives way rather than the words beside it: it leaves out its middle.
            box.setMinimumWidth(72)
            box.activated.connect(self.filtered)
        self.published = QCheckBox(self.tr("Published models"))
        self.published.setToolTip(
            self.tr("Hollow grey marks: {0}. Other questions and images, so only the shape compares.").format(REFERENCE)
        )
        self.state = label(role="small")
        self.nothing = label(
            self.tr("No ticked run has answers about this set: tick one, add a model, or choose another set above."),
            "muted",
            wraps=True,
        )
        self.nothing.setMargin(8)
        self.nothing.hide()
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setAccessibleName(self.tr("Results are being computed"))
        policy = self.busy.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.busy.setSizePolicy(policy)
        self.overview = ChartTab(("overview",), self.tr("There are no levels to compare: this set is a sweep over severity."))
        self.heatmaps = HeatmapTab()
        self.tables = TableTab()
        self.calibration = CalibrationTab()
        self.severity = SeverityTab()
        self.comparisons = ChartTab(("comparisons", "real"), self.tr("There is nothing to compare yet: add a second model."))
        self.items = ItemsTab(background)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for page, words in (
            (self.overview, self.tr("Overview")),
            (self.heatmaps, self.tr("Heatmaps")),
            (self.tables, self.tr("Tables")),
            (self.calibration, self.tr("Calibration")),
            (self.severity, self.tr("Severity")),
            (self.comparisons, self.tr("Comparisons")),
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
        column.addWidget(self.nothing)
        column.addWidget(self.tabs, 1)
        self.busy.hide()
        self.dataset.activated.connect(lambda index: self.dataset_chosen.emit(str(self.dataset.itemData(index))))
        self.published.toggled.connect(self._show)
        self._filled: dict[QWidget, object] = {}
        for page in self._result_tabs:
            page.clicked.connect(self.show_items)
            page.said.connect(self.said)
            page.warned.connect(self.warned)
            page.wanted.connect(self.looked_at)
        self.severity.limited.connect(self.filtered)
        self.tabs.currentChanged.connect(self._on_tab)
        self.items.warned.connect(self.warned)

    # -- told by the workspace ---------------------------------------------------------------------------------

    def show_datasets(self, folders: list[str], current: str) -> None:
        self.dataset.clear()
        for folder in folders:
            self.dataset.addItem(Path(folder).name, folder)
            self.dataset.setItemData(self.dataset.count() - 1, folder, 3)
        self.dataset.setCurrentIndex(max(0, self.dataset.findData(current)))
        self.dataset.setToolTip(current)

    @property
    def _result_tabs(self) -> tuple[ChartTab | TableTab | CalibrationTab, ...]:
        return self.overview, self.heatmaps, self.tables, self.calibration, self.severity, self.comparisons

    @property
    def needs(self) -> tuple[str, ...]:
        """Parts of the results that the tab in front shows."""
        page = self.tabs.currentWidget()
        return () if page is self.items else page.needs  # type: ignore[attr-defined]

    def shut_down(self) -> None:
        self.severity.shut_down()

    def show_results(self, results: Json, analysis: Analysis | None) -> None:
        self._results = results
        if analysis is not None:
            for name, box in self.filters.items():
                self._fill(name, box, analysis.table.names.get(name, ()))
        self.items.show_results(results, analysis)
        self._show()

    def follow(self, run_id: str) -> None:
        """Another run is chosen in the list: the tabs that show a single one show it, until another is chosen in them."""
        if run_id == self._followed:
            return
        self._followed = run_id
        self.items.follow(run_id)
        if self.calibration.model.choose(run_id):
            self._filled.pop(self.calibration, None)
            self._fill_tab()

    def show_busy(self, busy: bool) -> None:
        self.busy.setVisible(busy)
        if busy and not self._results:
            self._show()
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
        self._filled.clear()
        self._fill_tab()
        self._show_state()

    def _fill_tab(self) -> None:
        """Draws the tab in front, where it does not show these results yet."""
        page = self.tabs.currentWidget()
        if page is self.items or self._filled.get(page) is self._results:
            return
        self._filled[page] = self._results
        if not self._results and not self.busy.isVisibleTo(self) and not self.published.isChecked():
            page.show_empty()  # type: ignore[attr-defined]
        else:
            page.show_results(self._results, with_published=self.published.isChecked())  # type: ignore[attr-defined]

    def _on_tab(self) -> None:
        self._fill_tab()
        self.looked_at.emit()

    def _show_state(self) -> None:
        self.nothing.setVisible(not self._results and not self.busy.isVisibleTo(self))
        if not self._results:
            self.state.setText(self.tr("computing") if self.busy.isVisible() else "")
            return
        final = self._results["replicates"] >= FINAL_REPLICATES
        if not self._results["replicates"]:
            self.state.setText(self.tr("intervals follow"))
            return
        self.state.setText("" if final else self.tr("provisional"))
        self.state.setToolTip(self.tr("Intervals rest on {0:,} replicates").format(self._results["replicates"]))

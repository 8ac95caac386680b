"""Tables: every number of the results with its n and its interval; sorted by any column, copied, or kept as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.chart.figure import Figure, Key
from medqdeg_desktop.csv_text import cell, csv_text
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.eval import wording
from medqdeg_desktop.eval.charts import builds_of, in_section, parts_of
from medqdeg_desktop.eval.csv_tables import csv_tables
from medqdeg_desktop.eval.question_table import DIMENSIONS
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.charts.page import ChartPage

Json = dict[str, Any]
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Row:
    """A cell of the results with the model it belongs to."""

    model: str
    run_id: str
    dimension: str
    name: str
    cell: Json


@dataclass(frozen=True, slots=True)
class Column:
    """``value`` sorts, ``words`` is read; ``number`` columns stand right."""

    title: str
    value: Callable[[Row], Any]
    words: Callable[[Row], str]
    number: bool = True
    hint: str = ""


def _shown(name: str, ci: str = "", *, points: bool = False) -> Callable[[Row], str]:
    number, limits = (wording.points, wording.points_interval) if points else (wording.percent, wording.percent_interval)

    def words(row: Row) -> str:
        interval = limits(row.cell.get(ci)) if ci else ""
        return f"{number(row.cell.get(name))}{f'  ({interval})' if interval else ''}"

    return words


def _matched(row: Row, key: str) -> Any:
    return (row.cell.get("matched_l0") or {}).get(key)


def _change(row: Row) -> str:
    if _matched(row, "accuracy_difference") is None:
        return ""
    limits = wording.points_interval(_matched(row, "accuracy_difference_ci"))
    return f"{wording.points(_matched(row, 'accuracy_difference'))}{f'  ({limits})' if limits else ''}"


def _ece(row: Row) -> str:
    return wording.decimals(row.cell["ece"]) if row.cell["n"] >= wording.SMALLEST_ECE else f"n < {wording.SMALLEST_ECE}"


COLUMNS: Final[tuple[Column, ...]] = (
    Column("Model", lambda r: r.model, lambda r: r.model, number=False),
    Column("Name", lambda r: r.name, lambda r: r.name, number=False),
    Column("Level", lambda r: r.cell["level"], lambda r: wording.level_words(r.cell["level"]), number=False),
    Column("n", lambda r: r.cell["n"], lambda r: f"{r.cell['n']:,}", hint="Questions"),
    Column(
        "Clusters", lambda r: r.cell["n_clusters"], lambda r: f"{r.cell['n_clusters']:,}", hint="Independent images or patients"
    ),
    Column(
        "Accuracy, %", lambda r: r.cell["accuracy"], _shown("accuracy", "accuracy_ci"), hint="Mean over trials, 95 % interval"
    ),
    Column(
        "Majority, %", lambda r: r.cell["majority_accuracy"], _shown("majority_accuracy"), hint="Accuracy of the majority vote"
    ),
    Column("Confidence, %", lambda r: r.cell["confidence"], _shown("confidence", "confidence_ci"), hint="C, 95 % interval"),
    Column(
        "Shift, points",
        lambda r: r.cell["calibration_shift"],
        _shown("calibration_shift", "calibration_shift_ci", points=True),
        hint="Calibration Shift: confidence minus accuracy, 95 % interval",
    ),
    Column("Unreadable, %", lambda r: r.cell["unparsed_rate"], _shown("unparsed_rate"), hint="Replies without a readable option"),
    Column("Change from L0, points", lambda r: _matched(r, "accuracy_difference"), _change, hint="Of the same questions"),
    Column(
        "p (Holm)",
        lambda r: _matched(r, "p_holm"),
        lambda r: wording.probability(_matched(r, "p_holm")) if r.cell["matched_l0"] else "",
    ),
    Column(
        "Detectable, points",
        lambda r: r.cell["mde"],
        _shown("mde"),
        hint="Smallest true change found with a power of 80 % at 5 %",
    ),
    Column("Guesser's C, %", lambda r: r.cell["uniform_confidence"], _shown("uniform_confidence"), hint="C of a uniform guesser"),
    Column(
        "Top option, %",
        lambda r: r.cell["top_confidence"],
        _shown("top_confidence"),
        hint="Share or probability of the top option",
    ),
    Column("ECE", lambda r: r.cell["ece"], _ece, hint="Adaptive, 15 bins"),
    Column("Brier", lambda r: r.cell["brier"], lambda r: wording.decimals(r.cell["brier"])),
    Column("AUROC", lambda r: r.cell["auroc"], lambda r: wording.decimals(r.cell["auroc"])),
)
_NAME = 1
#: Rows whose numbers are measured for the widths of columns, and the space beside a name.
_MEASURED_ROWS = 40
_MARGIN = 12


class ResultTable(QAbstractTableModel):
    """Rows are the cells of one dimension, for all models, in the order of the column that was chosen.

    Sorted here, a value of each row once: a proxy asks for two in each of the tens of thousands of comparisons of a long table.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []
        self._given: list[Row] = []
        self._column, self._descending = -1, False

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.words(row)
        if role == Qt.ItemDataRole.UserRole:
            return column.value(row)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.number:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ForegroundRole and column.title == "Level":
            return QColor(t.LEVEL_COLOUR[Level(row.cell["level"])])
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.hint or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def show_rows(self, rows: Sequence[Row]) -> None:
        self.beginResetModel()
        self._given = list(rows)
        self.rows = self._in_order()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By value; -1: as the results have them. What is chosen stays chosen."""
        self.layoutAboutToBeChanged.emit()
        self._column, self._descending = column, order is Qt.SortOrder.DescendingOrder
        before, self.rows = self.rows, self._in_order()
        places = {id(row): place for place, row in enumerate(self.rows)}
        kept = self.persistentIndexList()
        self.changePersistentIndexList(kept, [self.index(places[id(before[i.row()])], i.column()) for i in kept])
        self.layoutChanged.emit()

    def _in_order(self) -> list[Row]:
        if self._column < 0:
            return self._given
        value = COLUMNS[self._column].value
        known = [row for row in self._given if value(row) is not None]
        # What is not defined comes last in either direction.
        absent = [row for row in self._given if value(row) is None]
        return sorted(known, key=value, reverse=self._descending) + absent


class TableTab(QWidget):
    """``clicked`` carries the Key of a row that was activated."""

    clicked = Signal(object)
    said = Signal(str)
    warned = Signal(str)
    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._results: Json = {}
        self._published = False
        self.layouts = QComboBox()
        self.layouts.setAccessibleName(self.tr("Layout"))
        self.layouts.addItem(self.tr("All numbers"), False)
        self.layouts.addItem(self.tr("As published (Tables 2, 3, 6)"), True)
        self.layouts.activated.connect(self._choose)
        self.page = ChartPage()
        for signal, own in ((self.page.clicked, self.clicked), (self.page.said, self.said), (self.page.warned, self.warned)):
            signal.connect(own)
        self.dimension = QComboBox()
        self.dimension.setAccessibleName(self.tr("Broken down by"))
        self.dimension.addItem(self.tr("By level"), "level")
        for name in DIMENSIONS:
            self.dimension.addItem(self.tr("By {0}").format(name), name)
        self.dimension.activated.connect(self._choose)
        self.copy = QPushButton(self.tr("Copy"))
        self.copy.setToolTip(self.tr("The chosen rows, or all, with tabs between the columns"))
        self.copy.clicked.connect(self.copy_rows)
        self.export = QPushButton(self.tr("Save as CSV…"))
        self.export.clicked.connect(self.choose_file)
        self.table = ResultTable(self)
        self.view = QTableView()
        self.view.setAccessibleName(self.tr("Results"))
        self.view.setModel(self.table)
        self.view.setSortingEnabled(True)
        self.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.view.setShowGrid(False)
        self.view.setAlternatingRowColors(True)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(28)
        self.view.horizontalHeader().setHighlightSections(False)
        self.view.horizontalHeader().setResizeContentsPrecision(_MEASURED_ROWS)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setTabKeyNavigation(False)
        self.view.setWordWrap(False)
        self.view.activated.connect(self._on_activated)
        self.view.installEventFilter(self)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.layouts)
        head.addWidget(self.dimension)
        head.addStretch(1)
        head.addWidget(self.copy)
        head.addWidget(self.export)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 12)
        column.setSpacing(8)
        column.addLayout(head)
        self.faces = QStackedWidget()
        self.faces.addWidget(self.view)
        self.faces.addWidget(self.page)
        column.addWidget(self.faces, 1)

    @property
    def as_published(self) -> bool:
        return bool(self.layouts.currentData())

    @property
    def needs(self) -> tuple[str, ...]:
        if self.as_published:
            return parts_of(in_section("tables"))
        dimension = str(self.dimension.currentData())
        return ("calibration",) if dimension == "level" else (dimension, "calibration")

    def show_results(self, results: Json, *, with_published: bool) -> None:
        self._results, self._published = results, with_published
        self._show()

    def show_empty(self) -> None:
        self.show_results({}, with_published=False)

    def _choose(self) -> None:
        self._show()
        if self._results and not set(self.needs) <= set(self._results["parts"]):
            self.wanted.emit()

    def _show(self) -> None:
        for widget in (self.dimension, self.copy, self.export):
            widget.setVisible(not self.as_published)
        self.faces.setCurrentWidget(self.page if self.as_published else self.view)
        if self.as_published:
            builds = builds_of(in_section("tables"), self._results, with_published=self._published)
            self.page.show_charts([partial(_sized, build) for build in builds])
            return
        dimension = str(self.dimension.currentData())
        self.table.show_rows(rows_of(self._results, dimension))
        self.view.setColumnHidden(_NAME, dimension == "level")
        self._fit_columns()

    def _fit_columns(self) -> None:
        """As wide as the first rows need, and for every name: numbers are about as long in all rows, names are not."""
        self.view.resizeColumnsToContents()
        for number, column in enumerate(COLUMNS):
            if not column.number:
                words = {column.words(row) for row in self.table.rows}
                wide = max(map(self.view.fontMetrics().horizontalAdvance, words), default=0) + 2 * _MARGIN
                self.view.setColumnWidth(number, max(wide, self.view.columnWidth(number)))

    def _on_activated(self, index: QModelIndex) -> None:
        row = self.table.rows[index.row()]
        self.clicked.emit(Key(row.run_id, row.cell["level"], row.dimension, row.name))

    def copy_rows(self) -> None:
        """Chosen rows, or all of them, as a table for a spreadsheet."""
        chosen = sorted({index.row() for index in self.view.selectedIndexes()}) or range(len(self.table.rows))
        columns = [i for i in range(len(COLUMNS)) if not self.view.isColumnHidden(i)]
        out = io.StringIO()
        writer = csv.writer(out, delimiter="\t", lineterminator="\n")
        writer.writerow([COLUMNS[i].title for i in columns])
        for row in chosen:
            said = [(self.table.index(row, i).data(), COLUMNS[i].number) for i in columns]
            # A name is text to a spreadsheet, whatever it begins with; numbers keep their signs.
            writer.writerow([words if number else cell(words) for words, number in said])
        QGuiApplication.clipboard().setText(out.getvalue())
        self.said.emit(self.tr("{0} rows copied").format(len(chosen)))

    def choose_file(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Save the table"), f"{self._file_name()}.csv", "CSV (*.csv)")
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> None:
        """The table as in the report: unrounded, intervals as two columns."""
        rows = csv_tables(self._results).get(self._file_name(), []) if self._results else []
        try:
            atomic.write_bytes(path, csv_text(rows).encode())
        except OSError as error:
            self.warned.emit(f"{path}: {error.strerror or error}")
        else:
            self.said.emit(self.tr("{0} written").format(path.name))

    def _file_name(self) -> str:
        dimension = str(self.dimension.currentData())
        return "levels" if dimension == "level" else f"by_{dimension}"

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if watched is self.view and isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Copy):
            self.copy_rows()
            return True
        return super().eventFilter(watched, event)


def _sized(chart: Callable[..., Figure], width: float) -> Figure:
    return chart(width=width)


def rows_of(results: Json, dimension: str) -> list[Row]:
    """The cells of ``dimension`` in ``results``, model by model."""
    models = results.get("models", [])
    rows = []
    for model in models:
        words = wording.model_words(model, models)
        cells = model["levels"] if dimension == "level" else model["by"][dimension]
        rows += [Row(words, model["run_id"], dimension, cell.get("name", ""), cell) for cell in cells]
    return rows

"""What was left out and why, a row each, as it is told; kept short of what a list can bear by the job that tells it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QTableView, QWidget

Index = QModelIndex | QPersistentModelIndex


class _Problems(QAbstractTableModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[tuple[str, str]] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 2

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if index.isValid() and role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self.rows[index.row()][index.column()]
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation is Qt.Orientation.Horizontal:
            return (self.tr("Where"), self.tr("Reason"))[section]
        return None

    def add(self, where: str, reason: str) -> None:
        self.beginInsertRows(QModelIndex(), len(self.rows), len(self.rows))
        self.rows.append((where, reason))
        self.endInsertRows()

    def show_rows(self, rows: list[tuple[str, str]]) -> None:
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()


class _Wrapped(QStyledItemDelegate):
    """Room for the lines as they are drawn: the theme's padding, which Qt's own hint leaves out, makes them shorter."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        narrower = QStyleOptionViewItem(option)
        narrower.rect.setWidth(option.rect.width() - 24)  # type: ignore[attr-defined]
        return super().sizeHint(narrower, index) + QSize(0, 6)


class ProblemList(QTableView):
    """Where and reason; Ctrl+C copies the chosen rows. ``wraps``: a long reason takes as many lines as it needs."""

    def __init__(self, parent: QWidget | None = None, *, wraps: bool = False) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Problems"))
        self._problems = _Problems(self)
        self.setModel(self._problems)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        self.setShowGrid(False)
        self.setWordWrap(wraps)
        # Names of files differ at their end.
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().resizeSection(0, 240)
        self.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.setTabKeyNavigation(False)
        if wraps:
            self.setItemDelegate(_Wrapped(self))
            # Heights follow widths, once for all columns that change together.
            self._fits = QTimer(self, singleShot=True, interval=0)
            self._fits.timeout.connect(self.resizeRowsToContents)
            self.horizontalHeader().sectionResized.connect(self._fits.start)
            self._problems.modelReset.connect(self._fits.start)
            self._problems.rowsInserted.connect(self._fits.start)

    def add(self, where: str, reason: str) -> None:
        self._problems.add(where, reason)

    def show_rows(self, rows: list[tuple[str, str]]) -> None:
        self._problems.show_rows(rows)

    def count(self) -> int:
        return len(self._problems.rows)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            chosen = sorted({index.row() for index in self.selectedIndexes()})
            QGuiApplication.clipboard().setText("\n".join("\t".join(self._problems.rows[row]) for row in chosen))
            return
        super().keyPressEvent(event)

"""The groups of look-alikes at the left of the screen for doubles: what each is, and what of it is still to be said."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QTreeView, QWidget

from medqdeg_desktop.bank.deduplication import Duplicate
from medqdeg_desktop.bank.doubles import Standing
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.review.doubles_reading import readable

Index = QModelIndex | QPersistentModelIndex


class GroupModel(QAbstractListModel):
    """One row a group, in the order of the search."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.groups: tuple[Duplicate, ...] = ()
        self.open: list[bool] = []
        self._asked: Mapping[str, str] = {}

    def fill(self, groups: tuple[Duplicate, ...], standing: Standing, asked: Mapping[str, str] = MappingProxyType({})) -> None:
        """``asked``: the questions of items without a name of their own, which stand for it."""
        self.beginResetModel()
        self.groups, self._asked = groups, asked
        self.open = [standing.pending(group) is not None for group in groups]
        self.endResetModel()

    def tell(self, row: int, standing: Standing) -> None:
        """The group in ``row`` stands otherwise now; others that share an item with it may, too."""
        named = set(self.groups[row].items)
        for number, group in enumerate(self.groups):
            if named.intersection(group.items):
                self.open[number] = standing.pending(group) is not None
        self.dataChanged.emit(self.index(0), self.index(len(self.groups) - 1))

    @property
    def left(self) -> int:
        """Groups of which something is still to be said."""
        return sum(self.open)

    def next_open(self, row: int) -> int:
        """The first open row from ``row`` on, going round; -1 when none is open."""
        order = (*range(row, len(self.open)), *range(row))
        return next((number for number in order if self.open[number]), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.groups)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.groups):
            return None
        group, is_open = self.groups[index.row()], self.open[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            sign = "○" if is_open else "✓"
            more = f"  +{len(group.items) - 1}" if len(group.items) > 1 else ""
            return f"{sign}  {self._named(group.items[0])}{more}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{', '.join(self._named(one) for one in group.items[:8])}{' …' if len(group.items) > 8 else ''}\n{group.why}"
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(t.TEXT if is_open else t.MUTED)
        return None

    def _named(self, item_id: str) -> str:
        return self._asked.get(item_id) or readable(item_id)


class GroupList(QTreeView):
    """Rows of one height, so that ten thousand cost what twenty do."""

    def __init__(self, model: GroupModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setItemsExpandable(False)
        self.setIndentation(0)
        self.setUniformRowHeights(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setAccessibleName(self.tr("Groups of look-alikes"))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

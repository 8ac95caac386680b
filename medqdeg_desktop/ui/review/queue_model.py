"""The queue as a list model: entries of one reader, filtered in memory, drawn row by row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, QStringListModel, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTreeView, QWidget

from medqdeg_desktop.bank.review import State
from medqdeg_desktop.bank.review_queue import Entry
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t

Index = QModelIndex | QPersistentModelIndex
_ROW = 44

#: What the list can be narrowed to, in the order offered.
SHOWN: Final[dict[str, str]] = {
    "open": "To do",
    "mine": "Mine",
    "conflict": "Conflicts",
    "gold": "Gold",
    "flagged": "Flagged",
    "accepted": "Accepted",
    "removed": "Removed",
    "all": "All",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are listed. ``modality`` and ``text`` narrow nothing where empty."""

    shown: str = "open"
    modality: str = ""
    text: str = ""

    def takes(self, entry: Entry, words: str = "") -> bool:
        """``words`` are what ``text`` is looked for in, where they are known already."""
        if self.modality and entry.modality != self.modality:
            return False
        if self.text and self.text.casefold() not in (words or searched_words(entry)):
            return False
        match self.shown:
            case "open":
                return not entry.mine and entry.state is State.OPEN
            case "mine":
                return entry.mine
            case "conflict":
                return entry.state is State.CONFLICT and not entry.mine
            case "gold":
                return entry.gold
            case "flagged":
                return entry.flagged
            case "accepted" | "removed":
                return str(entry.state) == self.shown
            case _:
                return True


def searched_words(entry: Entry) -> str:
    """What the search field looks through."""
    return f"{entry.item_id} {entry.skill} {' '.join(entry.types)}".casefold()


class QueueModel(QStringListModel):
    """All entries in the order of the queue, and the rows that the filter lets through.

    The rows themselves are Qt's own, empty: the view asks for each of them whenever it lays itself out, and ten thousand
    questions to Python are a stutter.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []
        self.filter = Filter()
        self._rows: list[int] = []
        self._place: dict[str, int] = {}
        self._words: list[str] = []
        #: Items that the reader has decided.
        self.mine = 0

    def fill(self, entries: Iterable[Entry]) -> None:
        self.entries = list(entries)
        self._place = {entry.item_id: n for n, entry in enumerate(self.entries)}
        self._words = [searched_words(entry) for entry in self.entries]
        self.mine = sum(entry.mine for entry in self.entries)
        self.narrow(self.filter)

    def narrow(self, wanted: Filter, *, keep: str = "") -> None:
        """Another filter; the item ``keep`` stays in the list whatever the filter says."""
        self.filter = wanted
        self._rows = [
            n
            for n, (entry, words) in enumerate(zip(self.entries, self._words, strict=True))
            if wanted.takes(entry, words) or entry.item_id == keep
        ]
        self.setStringList([""] * len(self._rows))

    def replace(self, entry: Entry) -> None:
        """Another state of an item. Its row stays where it is until the filter changes: nothing jumps under the reader's eyes."""
        place = self._place.get(entry.item_id)
        if place is not None:
            self.mine += entry.mine - self.entries[place].mine
            self.entries[place] = entry
            row = self.row_of(entry.item_id)
            if row >= 0:
                self.dataChanged.emit(self.index(row, 0), self.index(row, 0))

    def entry(self, item_id: str) -> Entry | None:
        place = self._place.get(item_id)
        return None if place is None else self.entries[place]

    def entry_at(self, row: int) -> Entry | None:
        return self.entries[self._rows[row]] if 0 <= row < len(self._rows) else None

    def row_of(self, item_id: str) -> int:
        """The row of an item among those listed, or -1."""
        place = self._place.get(item_id)
        if place is None:
            return -1
        from bisect import bisect_left

        row = bisect_left(self._rows, place)
        return row if row < len(self._rows) and self._rows[row] == place else -1

    def following(self, item_id: str, count: int) -> list[Entry]:
        """The next ``count`` listed items after ``item_id`` that the filter still lets through."""
        from bisect import bisect_right

        start = bisect_right(self._rows, self._place.get(item_id, -1))
        found: list[Entry] = []
        for row in (*self._rows[start:], *self._rows[:start]):
            entry = self.entries[row]
            if entry.item_id != item_id and self.filter.takes(entry, self._words[row]):
                found.append(entry)
                if len(found) == count:
                    break
        return found

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry = self.entry_at(index.row()) if index.isValid() else None
        if entry is None:
            return None
        if role == Qt.ItemDataRole.UserRole:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.item_id
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return f"{entry.item_id}, {entry.modality}, {entry.skill}, {', '.join(entry.types)}: {told(entry)}"
        return None


def told(entry: Entry) -> str:
    """Where the item stands for this reader, in a word or two."""
    if entry.state is State.CONFLICT and not entry.mine:
        return "to settle"
    if not entry.mine:
        return "to do"
    return "decided" if entry.state in (State.OPEN, State.CONFLICT) else str(entry.state)


_SIGN: Final[dict[str, tuple[str, str]]] = {
    "to settle": ("≠", t.WARN),
    "to do": ("○", t.MUTED),
    "decided": ("●", t.ACCENT),
    "accepted": ("✓", t.TEXT),
    "removed": ("×", t.ERROR),
}


class _Row(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(120, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry = index.data(Qt.ItemDataRole.UserRole)
        if entry is None:
            return
        painter.save()
        box: QRect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, QColor("#26384f"))
        sign, colour = _SIGN[told(entry)]
        left = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.setFont(theme.font(t.BODY))
        painter.setPen(QColor(colour))
        painter.drawText(QRect(box.left() + 10, box.top(), 18, box.height()), int(left), sign)
        text = box.adjusted(32, 4, -10, -4)
        upper, lower = QRect(text), QRect(text)
        upper.setHeight(text.height() // 2)
        lower.setTop(text.top() + text.height() // 2)
        painter.setPen(QColor(t.TEXT))
        name = ("⚑ " if entry.flagged else "") + entry.item_id
        painter.drawText(upper, int(left), painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, upper.width()))
        painter.setFont(theme.font(t.SMALL))
        painter.setPen(QColor(t.MUTED))
        count = len(entry.types)
        under = f"{entry.modality}  ·  {count} type{'s' if count != 1 else ''}" + ("  ·  gold" if entry.gold else "")
        painter.drawText(lower, int(left), painter.fontMetrics().elidedText(under, Qt.TextElideMode.ElideRight, lower.width()))
        painter.restore()


class QueueList(QTreeView):
    """The rows at the left. A tree view without branches: unlike a list view it lays nothing out again when a row changes."""

    def __init__(self, model: QueueModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setItemDelegate(_Row(self))
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setItemsExpandable(False)
        self.setIndentation(0)
        self.setUniformRowHeights(True)
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.setAccessibleName(self.tr("Queue"))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

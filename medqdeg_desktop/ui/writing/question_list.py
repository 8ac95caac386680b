"""The written questions of the study: those on the picture shown, drafts, submitted ones, those in review."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QItemSelectionModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QComboBox, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from medqdeg_desktop.bank.doubts import Place
from medqdeg_desktop.bank.written_items import Standing, Written
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.study_session import local_clock

Index = QModelIndex | QPersistentModelIndex
_ROW: Final = 44
_VISIBLE: Final = 3

#: What the list can be narrowed to, in the order offered; ``{0}`` is how many there are.
SHOWN: Final[dict[str, str]] = {
    "here": "On this picture ({0})",
    "drafts": "My drafts ({0})",
    "submitted": "Submitted ({0})",
    "in review": "In review ({0})",
    "decided": "Decided ({0})",
    "all": "All written here ({0})",
}


@dataclass(frozen=True, slots=True)
class Where:
    """What the list is narrowed by: the picture on the screen and the person in front of it."""

    place: Place = ()
    reader: str = ""

    def takes(self, one: Written, shown: str) -> bool:
        match shown:
            case "here":
                return bool(self.place) and self.place[0] in one.places and one.standing is not Standing.REMOVED
            case "drafts":
                return one.standing is Standing.DRAFT and one.by in ("", self.reader)
            case "submitted":
                return one.standing is Standing.SUBMITTED
            case "in review":
                return one.standing is Standing.IN_REVIEW
            case "decided":
                return one.standing in (Standing.ACCEPTED, Standing.REMOVED)
            case _:
                return True


class _Questions(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[Written] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        one = self.rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return " ".join(one.draft.question.split()) or self.tr("(no words yet)")
        if role == Qt.ItemDataRole.UserRole:
            facts = [str(one.standing), one.draft.skill, one.by, local_clock(one.at)[:5]]
            return "  ·  ".join(fact for fact in facts if fact)
        return None

    def fill(self, rows: list[Written]) -> None:
        if [one.item_id for one in rows] == [one.item_id for one in self.rows]:
            self.rows = rows
            self.dataChanged.emit(self.index(0), self.index(max(0, len(rows) - 1)))
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()


class _Row(QStyledItemDelegate):
    """The question over its standing, skill, author and time."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(120, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor("#26384f"))
        area = option.rect.adjusted(8, 5, -8, -5)
        upper = QRect(area.left(), area.top(), area.width(), area.height() // 2)
        lower = upper.translated(0, area.height() // 2)
        for rect, text, size, colour in (
            (upper, index.data(), t.BODY, t.TEXT),
            (lower, index.data(Qt.ItemDataRole.UserRole), t.SMALL, t.MUTED),
        ):
            painter.setFont(theme.font(size))
            painter.setPen(QColor(colour))
            elided = painter.fontMetrics().elidedText(str(text), Qt.TextElideMode.ElideRight, rect.width())
            painter.drawText(rect, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), elided)
        painter.restore()


class _View(QListView):
    """Asks for three rows and takes what room there is."""

    def sizeHint(self) -> QSize:
        return QSize(120, _VISIBLE * _ROW)


class QuestionList(QWidget):
    """``chosen`` when a hand picks a question."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all: list[Written] = []
        self._where = Where()
        self.shown = QComboBox()
        self.shown.setAccessibleName(self.tr("Which questions are listed"))
        self.shown.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for key in SHOWN:
            self.shown.addItem("", key)
        self.shown.currentIndexChanged.connect(lambda _index: self._narrow())
        self.model = _Questions(self)
        self.view = _View()
        self.view.setAccessibleName(self.tr("Questions written here"))
        self.view.setModel(self.model)
        self.view.setItemDelegate(_Row(self.view))
        self.view.setUniformItemSizes(True)
        self.view.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.view.setMinimumHeight(_VISIBLE * _ROW)
        self.view.selectionModel().currentChanged.connect(self._on_current_changed)
        self.nothing = label(self.tr("None yet."), "small", wraps=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.shown)
        column.addWidget(self.nothing)
        column.addWidget(self.view, 1)
        self._current = ""
        self._narrow()

    def fill(self, written: Iterable[Written], where: Where, current: str) -> None:
        """Lists ``written``, newest first, with ``current`` marked."""
        self._all = sorted(written, key=lambda one: one.item_id, reverse=True)
        self._where, self._current = where, current
        self._narrow()

    def step(self, by: int) -> None:
        """The row ``by`` further on; from none at all the first."""
        row = self.view.currentIndex().row()
        row = 0 if row < 0 else min(max(row + by, 0), self.model.rowCount() - 1)
        if 0 <= row < self.model.rowCount():
            self.view.setCurrentIndex(self.model.index(row))

    def show_only(self, key: str) -> None:
        self.shown.setCurrentIndex(max(0, self.shown.findData(key)))

    def _narrow(self) -> None:
        for place, (key, words) in enumerate(SHOWN.items()):
            count = sum(self._where.takes(one, key) for one in self._all)
            self.shown.setItemText(place, self.tr(words).format(f"{count:n}"))
        key = str(self.shown.currentData())
        rows = [one for one in self._all if self._where.takes(one, key)]
        chosen = self.view.selectionModel()
        chosen.blockSignals(True)
        self.model.fill(rows)
        at = next((n for n, one in enumerate(rows) if one.item_id == self._current), -1)
        if at >= 0:
            chosen.setCurrentIndex(self.model.index(at), QItemSelectionModel.SelectionFlag.ClearAndSelect)
        else:
            chosen.clear()
        chosen.blockSignals(False)
        self.nothing.setVisible(not rows)
        self.view.setVisible(bool(rows))
        self.view.viewport().update()

    def _on_current_changed(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid():
            self._current = self.model.rows[current.row()].item_id
            self.chosen.emit(self._current)

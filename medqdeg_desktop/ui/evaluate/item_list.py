"""The questions that pass the filter: level, degradation, question, and what the chosen run made of each."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from medqdeg_desktop.chart.figure import LEVEL_SHAPE
from medqdeg_desktop.eval.wording import level_words
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Level
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.evaluate.items import Entry, ItemIndex, Score
from medqdeg_desktop.ui.vocabulary import type_words

Index = QModelIndex | QPersistentModelIndex


class ItemModel(QAbstractListModel):
    """Rows are numbers of entries in an ItemIndex."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.index_of_set: ItemIndex | None = None
        self.scores: dict[str, Score] = {}
        self.numbers: list[int] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.numbers)

    def entry(self, row: int) -> Entry:
        assert self.index_of_set is not None
        return self.index_of_set.entries[self.numbers[row]]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.numbers):
            return None
        entry = self.entry(index.row())
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.question
        if role == Qt.ItemDataRole.UserRole:
            return entry
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{title_of(entry)}, {entry.question}, {score_words(self.scores.get(entry.file_name))}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{entry.item_id}\n{entry.question}"
        return None

    def show(self, index: ItemIndex | None, scores: dict[str, Score], numbers: list[int]) -> None:
        self.beginResetModel()
        self.index_of_set, self.scores, self.numbers = index, scores, numbers
        self.endResetModel()


def title_of(entry: Entry) -> str:
    """``L2 Sparse view · CT``."""
    known = DEGRADATION_BY_NAME.get(entry.type)
    level = entry.level if entry.level in LEVEL_SHAPE else level_words(entry.level)
    return f"{level} {type_words(entry.type) if known else 'Clean'} · {entry.modality}"


def score_words(score: Score | None) -> str:
    """``30 % right, C 71 %``."""
    if score is None or score.accuracy is None:
        return "no answer"
    sure = f", C {score.confidence * 100:.0f} %" if score.confidence is not None else ""
    return f"{score.accuracy * 100:.0f} % right{sure}"


def paint_level(painter: QPainter, centre: QPointF, level: str) -> None:
    """The level's mark: circle, triangle or square in its colour; a plain circle for a step of a sweep."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(t.LEVEL_COLOUR[Level(level)] if level in LEVEL_SHAPE else t.ACCENT))
    if level not in ("L1", "L2"):
        painter.drawEllipse(centre, 4.5, 4.5)
    elif level == "L1":
        painter.drawPolygon(QPolygonF([centre + QPointF(0, -5), centre + QPointF(5, 4), centre + QPointF(-5, 4)]))
    else:
        painter.drawRect(QRectF(centre.x() - 4, centre.y() - 4, 8, 8))


class _ItemDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, 48)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry: Entry = index.data(Qt.ItemDataRole.UserRole)
        model = index.model()
        assert isinstance(model, ItemModel)
        score = model.scores.get(entry.file_name)
        area: QRect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, QColor("#26384f"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(area, QColor(t.RAISED))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(t.ACCENT), 1))
            painter.drawRect(QRectF(area).adjusted(0.5, 0.5, -0.5, -0.5))
        paint_level(painter, QPointF(area.left() + 14, area.top() + 15), entry.level)
        painter.setFont(theme.font(t.SMALL))
        line = QRect(area.left() + 26, area.top() + 6, area.width() - 34, 18)
        words = score_words(score)
        painter.setPen(QColor(t.MUTED))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        room = line.width() - painter.fontMetrics().horizontalAdvance(words) - 8
        title = painter.fontMetrics().elidedText(title_of(entry), Qt.TextElideMode.ElideRight, room)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)
        painter.setFont(theme.font(t.BODY))
        painter.setPen(QColor(t.TEXT))
        line.translate(0, 18)
        question = painter.fontMetrics().elidedText(entry.question, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, question)
        painter.restore()


class ItemList(QListView):
    """``chosen`` carries the Entry that becomes current."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Questions"))
        self.items = ItemModel(self)
        self.setModel(self.items)
        self.setItemDelegate(_ItemDelegate(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.selectionModel().currentChanged.connect(self._on_current_changed)

    def choose(self, row: int) -> None:
        if 0 <= row < len(self.items.numbers):
            self.setCurrentIndex(self.items.index(row))

    def _on_current_changed(self, current: QModelIndex, before: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(current.data(Qt.ItemDataRole.UserRole))

"""The list of runs: state, model, mode and T, accuracy so far, time left; a tick says whether the charts show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from medqdeg_desktop.study.run_names import mode_note
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.evaluate.state import RunRow
from medqdeg_desktop.ui.jobs import duration_words

Index = QModelIndex | QPersistentModelIndex
_HEIGHT: Final = 68
NO_ANSWERS: Final = "no answers yet"
_STATE_COLOUR: Final = {
    "done": t.ACCENT, "part": t.ACCENT, "running": t.TEXT, "stopping": t.MUTED, "waiting": t.MUTED, "stopped": t.WARN,
    "failed": t.ERROR, "frozen": t.ACCENT,
}  # fmt: skip


class RunModel(QAbstractListModel):
    """Rows are ``RunRow``; ``ticked`` when one is put into or out of the charts."""

    ticked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[RunRow] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role == Qt.ItemDataRole.UserRole:
            return row
        if role == Qt.ItemDataRole.ToolTipRole:
            run = f"run {row.run_id}" if row.run_id else ""
            return "\n".join(filter(None, (row.title, words_of(row), row.dataset, run, row.error)))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{row.title}, {words_of(row)}, {detail_of(row)}"
        if role == Qt.ItemDataRole.CheckStateRole and row.tickable:
            return Qt.CheckState.Checked if row.shown else Qt.CheckState.Unchecked
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsUserCheckable

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802 - Qt's name
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        self.rows[index.row()].shown = Qt.CheckState(value) is Qt.CheckState.Checked
        self.dataChanged.emit(index, index)
        self.ticked.emit()
        return True

    def show_rows(self, rows: list[RunRow]) -> None:
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def tell(self, row: RunRow) -> None:
        """Something in ``row`` is another."""
        if row in self.rows:
            index = self.index(self.rows.index(row))
            self.dataChanged.emit(index, index)


def words_of(row: RunRow) -> str:
    """``paper T=10`` and what is special about the run."""
    marks = [mode_note(row.mode, row.trials)]
    if row.random_weights:
        marks.append("random weights")
    if row.names_set:
        marks.append(Path(row.dataset).name)
    return " · ".join(marks)


def detail_of(row: RunRow) -> str:
    """The last line: accuracy so far, answers, time left."""
    accuracy = row.live_accuracy()
    parts = [f"{accuracy * 100:.1f} %"] if accuracy is not None else []
    job = row.job
    state = row.state
    if job is not None and state in ("running", "stopping") and job.total:
        parts.append(f"{job.done:,}/{job.total:,}")
        left = job.progress.get("seconds_left")
        parts.append(f"{duration_words(left)} left" if left and state == "running" else state)
    elif not row.answered and not row.active:
        parts += [NO_ANSWERS, row.error] if row.error else [NO_ANSWERS]
    elif state == "failed":
        parts.append(row.error)
    else:
        parts.append(state)
        if state in ("stopped", "part", "frozen") and row.standing is not None:
            parts.append(f"{row.answered:,} answers")
        if failed := sum(row.failures.values()):
            parts.append(f"{failed:,} failed")
    return " · ".join(parts)


class _RunDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, _HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: RunRow = index.data(Qt.ItemDataRole.UserRole)
        area: QRect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, QColor("#26384f"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(area, QColor(t.RAISED))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(t.ACCENT), 1))
            painter.drawRect(QRectF(area).adjusted(0.5, 0.5, -0.5, -0.5))
        _paint_state(painter, QPointF(area.left() + 18, area.top() + 20), row.state)
        text = QRect(area.left() + 34, area.top() + 9, area.width() - 34 - 34, 18)
        painter.setFont(theme.font(t.BODY))
        painter.setPen(QColor(t.TEXT if row.here else t.MUTED))
        title = painter.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideMiddle, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, title)
        painter.setFont(theme.font(t.SMALL))
        painter.setPen(QColor(t.WARN if row.random_weights else t.MUTED))
        text.translate(0, 19)
        words = painter.fontMetrics().elidedText(words_of(row), Qt.TextElideMode.ElideMiddle, text.width() + 20)
        painter.drawText(text.adjusted(0, 0, 20, 0), Qt.AlignmentFlag.AlignVCenter, words)
        text.translate(0, 17)
        painter.setPen(QColor(t.ERROR if row.state == "failed" else t.TEXT if row.active else t.MUTED))
        detail = painter.fontMetrics().elidedText(detail_of(row), Qt.TextElideMode.ElideRight, text.width() + 20)
        painter.drawText(text.adjusted(0, 0, 20, 0), Qt.AlignmentFlag.AlignVCenter, detail)
        if row.job is not None and row.state in ("running", "stopping") and row.job.total:
            line = QRectF(area.left(), area.bottom() - 2, area.width() * row.job.share, 2)
            painter.fillRect(line, QColor(t.ACCENT))
        if row.tickable:
            _paint_tick(painter, tick_box(area), row.shown)
        painter.restore()

    def editorEvent(self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: Index) -> bool:
        row: RunRow = index.data(Qt.ItemDataRole.UserRole)
        if not row.tickable:
            return False
        turned = Qt.CheckState.Unchecked if row.shown else Qt.CheckState.Checked
        released = isinstance(event, QMouseEvent) and event.type() is QEvent.Type.MouseButtonRelease
        inside = released and tick_box(option.rect).adjusted(-6, -6, 6, 6).contains(event.position().toPoint())  # type: ignore[attr-defined]
        pressed = isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Space
        if inside or pressed:
            return bool(model.setData(model.index(index.row(), 0), turned, Qt.ItemDataRole.CheckStateRole))
        return False


def tick_box(area: QRect) -> QRect:
    """Where the tick of a row stands."""
    return QRect(area.right() - 30, area.top() + 11, 16, 16)


def _paint_tick(painter: QPainter, box: QRect, on: bool) -> None:
    painter.setPen(QPen(QColor(t.ACCENT if on else t.EDGE), 1))
    painter.setBrush(QColor("#2f4a6b" if on else t.RAISED))
    painter.drawRoundedRect(QRectF(box).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
    if on:
        theme.icon("check").paint(painter, box)


def _paint_state(painter: QPainter, centre: QPointF, state: str) -> None:
    """A shape for each state, so that colour is not all there is."""
    colour = QColor(_STATE_COLOUR[state])
    painter.setPen(QPen(colour, 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if state in ("done", "part"):
        painter.setBrush(colour)
        painter.drawEllipse(centre, 4.5, 4.5)
    elif state == "frozen":
        # A filled square: closed on all sides.
        painter.setBrush(colour)
        painter.drawRect(QRectF(centre.x() - 4, centre.y() - 4, 8, 8))
    elif state in ("running", "stopping"):
        painter.drawEllipse(centre, 5, 5)
        painter.setBrush(colour)
        painter.drawEllipse(centre, 1.5, 1.5)
    elif state == "failed":
        painter.drawLine(centre + QPointF(-4, -4), centre + QPointF(4, 4))
        painter.drawLine(centre + QPointF(-4, 4), centre + QPointF(4, -4))
    elif state == "stopped":
        painter.drawLine(centre + QPointF(-2.5, -4), centre + QPointF(-2.5, 4))
        painter.drawLine(centre + QPointF(2.5, -4), centre + QPointF(2.5, 4))
    else:
        painter.drawEllipse(centre, 4.5, 4.5)


class RunList(QListView):
    """``chosen`` carries the RunRow that becomes current."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Runs"))
        self.runs = RunModel(self)
        self.setModel(self.runs)
        self.setItemDelegate(_RunDelegate(self))
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.selectionModel().currentChanged.connect(self._on_current_changed)

    @property
    def current(self) -> RunRow | None:
        index = self.currentIndex()
        return index.data(Qt.ItemDataRole.UserRole) if index.isValid() else None

    def show_rows(self, rows: list[RunRow]) -> None:
        """Another list; what was current stays so."""
        current = self.current
        self.selectionModel().blockSignals(True)
        self.runs.show_rows(rows)
        if current in rows:
            self.setCurrentIndex(self.runs.index(rows.index(current)))
        elif rows:
            self.setCurrentIndex(self.runs.index(len(rows) - 1))
        self.selectionModel().blockSignals(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The current run stays in sight when the log below takes room."""
        super().resizeEvent(event)
        self.scrollTo(self.currentIndex())

    def _on_current_changed(self, current: QModelIndex, before: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(current.data(Qt.ItemDataRole.UserRole))

"""The wall of thumbnails: as many rows as there are pictures, and only what is on the screen is ever decoded or drawn."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.calibrate.severity_slider import draw_mark
from medqdeg_desktop.ui.explore.catalogue import Catalogue, shown_value
from medqdeg_desktop.ui.explore.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex
SIDE = 148
_TEXT = 40
_GAP = 8
_REPAINT_MS = 40
_LEVELS = frozenset(Level)
_UNDER_TEXT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
_SELECTED, _BLACK, _EMPTY, _PLATE = QColor("#26384f"), QColor(t.VIEWER), QColor(t.PANEL), QColor(0, 0, 0, 150)
_INK = {colour: QColor(colour) for colour in (t.TEXT, t.MUTED)}


class WallModel(QStringListModel):
    """Rows are the pictures that the filters let through, as numbers in the catalogue (``UserRole``).

    The rows themselves are Qt's own, empty: the view asks for each of them whenever it lays itself out, and thirty thousand
    questions to Python are a stutter.
    """

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.catalogue: Catalogue | None = None
        self.numbers: list[int] = []
        self._thumbnails = thumbnails

    def show_pictures(self, catalogue: Catalogue | None, numbers: list[int]) -> None:
        self.catalogue, self.numbers = catalogue, numbers
        self.setStringList([""] * len(numbers))

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or self.catalogue is None or index.row() >= len(self.numbers):
            return None
        number = self.numbers[index.row()]
        picture = self.catalogue.pictures[number]
        if role == Qt.ItemDataRole.UserRole:
            return number
        if role == Qt.ItemDataRole.DisplayRole:
            return picture.item_id
        if role == Qt.ItemDataRole.DecorationRole:
            try:
                return self._thumbnails.picture(self.catalogue.path(number))
            except DatasetError:
                return None
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            kind = shown_value("degradation", picture.degradation) if picture.degradation else self.tr("clean")
            return f"{picture.item_id}, {kind}, {picture.level}\n{picture.file_name}"
        return None


class _Tile(QStyledItemDelegate):
    """A picture with its level's mark, its item and its type underneath."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(SIDE + _GAP, SIDE + _TEXT + _GAP)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = index.model()
        if not isinstance(model, WallModel) or model.catalogue is None:
            return
        picture = model.catalogue.pictures[model.numbers[index.row()]]
        small = model.data(index, Qt.ItemDataRole.DecorationRole)
        box: QRect = option.rect.adjusted(_GAP // 2, _GAP // 2, -_GAP // 2, -_GAP // 2)
        frame = QRect(box.left(), box.top(), SIDE, SIDE)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, _SELECTED)
        painter.fillRect(frame, _BLACK)
        if small is None:
            painter.fillRect(frame.adjusted(24, 24, -24, -24), _EMPTY)
        elif small.isNull():
            painter.setPen(QColor(t.WARN))
            painter.setFont(theme.font(t.SMALL))
            painter.drawText(frame, int(Qt.AlignmentFlag.AlignCenter), self.tr("cannot be read"))
        else:
            size = small.deviceIndependentSize().toSize().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(frame.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(target, small)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if picture.level in _LEVELS:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_PLATE)
            painter.drawRoundedRect(QRect(frame.left() + 4, frame.top() + 4, 20, 20), 3, 3)
            draw_mark(painter, QPointF(frame.left() + 14, frame.top() + 14), Level(picture.level), "here")
        name = shown_value("degradation", picture.degradation) if picture.degradation else self.tr("Clean")
        text = QRect(box.left() + 2, frame.bottom() + 3, SIDE - 4, 18)
        painter.setFont(theme.font(t.SMALL))
        metrics = painter.fontMetrics()
        for line, colour in ((f"{name}  {picture.level}", t.TEXT), (picture.item_id, t.MUTED)):
            painter.setPen(_INK[colour])
            painter.drawText(text, _UNDER_TEXT, metrics.elidedText(line, Qt.TextElideMode.ElideMiddle, text.width()))
            text.translate(0, 17)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(t.ACCENT), 2))
            painter.drawRect(box.adjusted(0, 0, -1, -1))
        painter.restore()


class Wall(QListView):
    """``opened`` carries the number of the picture that was clicked or chosen with Enter."""

    opened = Signal(int)

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pictures = WallModel(thumbnails, self)
        self.setModel(self.pictures)
        self.setItemDelegate(_Tile(self))
        self.setAccessibleName(self.tr("Pictures of the dataset"))
        # A wrapping list with tiles of one size is laid out in a fraction of what icon mode takes for the same rows.
        self.setViewMode(QListView.ViewMode.ListMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setUniformItemSizes(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(40)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.activated.connect(self._on_activated)
        self.clicked.connect(self._on_activated)
        # Pictures arrive by the dozen; the wall is painted once for all of them.
        self._repaint = QTimer(self, singleShot=True, interval=_REPAINT_MS)
        self._repaint.timeout.connect(self.viewport().update)
        thumbnails.arrived.connect(self._on_arrived)

    def number_at(self, row: int) -> int | None:
        """The picture in ``row`` of what is shown."""
        return self.pictures.numbers[row] if 0 <= row < len(self.pictures.numbers) else None

    def show_row(self, row: int) -> None:
        """Makes ``row`` the current one and brings it into sight."""
        index = self.pictures.index(row, 0)
        self.setCurrentIndex(index)
        self.scrollTo(index)

    def _on_activated(self, index: QModelIndex) -> None:
        self.opened.emit(int(index.data(Qt.ItemDataRole.UserRole)))

    def _on_arrived(self, path: object) -> None:
        # Which row it belongs to is not worth knowing: the view paints the visible tiles from the cache at once.
        if self.isVisible() and not self._repaint.isActive():
            self._repaint.start()

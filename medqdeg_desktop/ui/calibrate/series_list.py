"""The list of open series: thumbnail, label, modality and size. No name of a patient is among it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from medqdeg_desktop.engine.image import Pixels
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries

Index = QModelIndex | QPersistentModelIndex
THUMBNAIL = 56


class SeriesModel(QAbstractListModel):
    """Rows are ``OpenSeries``; thumbnails arrive later, one by one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[OpenSeries] = []
        self._thumbnails: dict[str, QImage] = {}
        self._differences: dict[str, str] = {}
        #: Names of files may be names of people: they are shown only while somebody asks for them.
        self.shows_names = False

    def show_names(self, shows: bool) -> None:
        self.shows_names = shows
        if self.rows:
            self.dataChanged.emit(self.index(0), self.index(len(self.rows) - 1))

    @staticmethod
    def name_of(row: OpenSeries) -> str:
        """The file of a series, or the folder of its files."""
        path = Path(row.series.paths[0])
        return path.name if len(row.series.paths) == 1 else path.parent.name

    def stands_for(self, series_id: str) -> str:
        """Why other files of this identity are not opened beside it."""
        row = self.row_of(series_id)
        name = self.name_of(self.rows[row]) if row >= 0 else ""
        told = self.tr("has the same identifiers as #{0} of the list ({1}), which is open: close that to open this one")
        return told.format(row + 1, name)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role == Qt.ItemDataRole.DecorationRole:
            return self._thumbnails.get(row.series_id)
        if role == Qt.ItemDataRole.ToolTipRole:
            names = (self.name_of(row),) if self.shows_names else ()
            return "\n".join((row.title, *names, f"#{index.row() + 1} · {self.detail_of(row)}", *row.warnings))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{index.row() + 1}: {self.name_of(row) if self.shows_names else row.title}, {self.detail_of(row)}"
        if role == Qt.ItemDataRole.UserRole:
            return row
        return None

    def difference_of(self, row: OpenSeries) -> str:
        """What tells the row from others of the same title and detail; empty where nothing has to."""
        return self._differences.get(row.series_id, "")

    def detail_of(self, row: OpenSeries) -> str:
        """The row's last line with what tells it apart."""
        difference = self.difference_of(row)
        return f"{row.detail} · {difference}" if difference else row.detail

    def add(self, rows: list[OpenSeries]) -> None:
        if rows:
            self._differences = differences([*self.rows, *rows])
            self.beginInsertRows(QModelIndex(), len(self.rows), len(self.rows) + len(rows) - 1)
            self.rows.extend(rows)
            self.endInsertRows()

    def remove(self, series_id: str) -> None:
        row = self.row_of(series_id)
        if row >= 0:
            self.beginRemoveRows(QModelIndex(), row, row)
            del self.rows[row]
            self._thumbnails.pop(series_id, None)
            self.endRemoveRows()

    def clear(self) -> None:
        self.beginResetModel()
        self.rows.clear()
        self._thumbnails.clear()
        self.endResetModel()

    def refresh(self, series_id: str) -> None:
        """What the row says has changed: its modality, or the axis it is seen along."""
        row = self.row_of(series_id)
        if row >= 0:
            self._differences = differences(self.rows)
            self.dataChanged.emit(self.index(0), self.index(len(self.rows) - 1))

    def row_of(self, series_id: str) -> int:
        return next((i for i, row in enumerate(self.rows) if row.series_id == series_id), -1)

    def set_thumbnail(self, series_id: str, pixels: Pixels) -> None:
        """uint8 (rows, columns) or (rows, columns, 3)."""
        row = self.row_of(series_id)
        if row < 0:
            return
        form = QImage.Format.Format_RGB888 if pixels.ndim == 3 else QImage.Format.Format_Grayscale8
        borrowed = QImage(pixels.data, pixels.shape[1], pixels.shape[0], pixels.strides[0], form)
        self._thumbnails[series_id] = borrowed.copy()
        index = self.index(row)
        self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])


class _SeriesDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(160, THUMBNAIL + 16)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: OpenSeries = index.data(Qt.ItemDataRole.UserRole)
        area: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, QColor("#26384f"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(area, QColor(t.RAISED))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(t.ACCENT), 1))
            painter.drawRect(area.adjusted(0, 0, -1, -1))
        box = QRect(area.left() + 8, area.top() + 8, THUMBNAIL, THUMBNAIL)
        painter.fillRect(box, QColor(t.VIEWER))
        picture: QImage | None = index.data(Qt.ItemDataRole.DecorationRole)
        if picture is not None:
            size = picture.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(box.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(target, picture)
        self._draw_number(painter, box, index.row() + 1)
        text = QRect(box.right() + 8, area.top() + 8, area.right() - box.right() - 14, THUMBNAIL)
        painter.setFont(theme.font(t.BODY))
        painter.setPen(QColor(t.TEXT))
        metrics = painter.fontMetrics()
        model = index.model()
        named = isinstance(model, SeriesModel) and model.shows_names
        if named:
            middle = Qt.TextElideMode.ElideMiddle
            lines = [metrics.elidedText(part, middle, text.width()) for part in (SeriesModel.name_of(row), row.title)]
        else:
            lines = _two_lines(row.title, metrics, text.width())
        difference = model.difference_of(row) if isinstance(model, SeriesModel) else ""
        # What tells it apart comes first: the width of the list ends the line.
        said = f"{difference} · {row.detail}" if difference and len(lines) > 1 else row.detail
        for line, part in enumerate(lines):
            painter.drawText(text.left(), text.top() + 13 + 16 * line, part)
        painter.setFont(theme.font(t.SMALL))
        painter.setPen(QColor(t.MUTED))
        if difference and len(lines) == 1:
            elided = painter.fontMetrics().elidedText(difference, Qt.TextElideMode.ElideRight, text.width())
            painter.drawText(text.left(), text.top() + 29, elided)
        painter.setPen(QColor(t.WARN if row.warnings else t.MUTED))
        parts = said.split(" · ")
        if painter.fontMetrics().horizontalAdvance(said) > text.width():
            # The modality is told by picture and title; size and number of slices are not.
            parts = [part for part in parts if part != str(row.series.modality)] or parts
        detail = painter.fontMetrics().elidedText(" · ".join(parts), Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text.left(), text.bottom() - 4, detail)
        painter.restore()

    @staticmethod
    def _draw_number(painter: QPainter, box: QRect, number: int) -> None:
        """What tells apart two series of the same label, and people can say to each other."""
        painter.setFont(theme.font(t.SMALL))
        plate = QRect(0, 0, painter.fontMetrics().horizontalAdvance(str(number)) + 8, 16)
        plate.moveBottomLeft(box.bottomLeft())
        painter.fillRect(plate, QColor(0, 0, 0, 175))
        painter.setPen(QColor(t.TEXT))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, str(number))


def differences(rows: Sequence[OpenSeries]) -> dict[str, str]:
    """What tells apart series of equal title and detail, by series id: the first property in which all of them differ.

    Where there is none, the properties in which any two differ; equal in everything they are told apart by their numbers alone.
    """
    alike: dict[tuple[str, str], list[OpenSeries]] = {}
    for row in rows:
        alike.setdefault((row.title, row.detail), []).append(row)
    found: dict[str, str] = {}
    for twins in alike.values():
        if len(twins) < 2:
            continue
        columns = [[text(row) for row in twins] for text in _PROPERTIES]
        telling = next(([c] for c in columns if len(set(c)) == len(twins)), [c for c in columns if len(set(c)) > 1])
        for place, row in enumerate(twins):
            found[row.series_id] = " · ".join(column[place] for column in telling if column[place])
    return found


def _size(row: OpenSeries) -> str:
    rows, columns = row.series.shape
    return f"{columns}×{rows}"


def _step(row: OpenSeries) -> str:
    step = row.series.slice_spacing
    return "" if step is None else f"every {step:.3g} mm"


def _pixel(row: OpenSeries) -> str:
    spacing = row.series.spacing
    return "" if spacing is None else f"{spacing[1]:.3g} mm"


def _axis(row: OpenSeries) -> str:
    return row.axis


def _coding(row: OpenSeries) -> str:
    """The transfer syntax in a word or two, as the narrow list has room for."""
    name = row.series.transfer_syntax
    if "VR" in name:
        return "deflated" if "Deflated" in name else "uncompressed"
    lossless = "Lossless" in name and "Near" not in name
    family = next((f for f in ("JPEG 2000", "JPEG-LS", "JPEG", "RLE") if f in name), name.split(",")[0])
    return family if lossless or family == "RLE" else f"{family} lossy"


_PROPERTIES = (_axis, _size, _step, _pixel, _coding)


def _two_lines(text: str, metrics: Any, width: int) -> list[str]:
    """``text`` broken at a space (or anywhere) into at most two lines, the second elided in its middle."""
    if metrics.horizontalAdvance(text) <= width:
        return [text]
    cut = next((i for i in range(len(text), 0, -1) if metrics.horizontalAdvance(text[:i]) <= width), 1)
    space = text.rfind(" ", 0, cut + 1)
    cut = space if space > cut // 2 else cut
    return [text[:cut].rstrip(), metrics.elidedText(text[cut:].lstrip(), Qt.TextElideMode.ElideMiddle, width)]


class SeriesList(QListView):
    """``chosen`` carries the series id when another row becomes current."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Open series"))
        self.series = SeriesModel(self)
        self.setModel(self.series)
        self.setItemDelegate(_SeriesDelegate(self))
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.selectionModel().currentChanged.connect(self._on_current_changed)

    def choose(self, series_id: str) -> None:
        row = self.series.row_of(series_id)
        if row >= 0:
            self.setCurrentIndex(self.series.index(row))

    def step(self, step: int) -> None:
        row = min(max(self.currentIndex().row() + step, 0), len(self.series.rows) - 1)
        if row >= 0:
            self.setCurrentIndex(self.series.index(row))

    def _on_current_changed(self, current: QModelIndex, before: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(current.data(Qt.ItemDataRole.UserRole).series_id)

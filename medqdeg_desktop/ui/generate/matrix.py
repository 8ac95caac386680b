"""Types by modalities: whose levels a picture is made with. Solid: this study's; hollow: the default's; a dot: not drawn."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, DegradationType, Modality
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.generate.state import BankView, Cell
from medqdeg_desktop.ui.vocabulary import type_words

_ROW = 20
_COLUMN = 26
_NAMES = 116
_HEAD = 92


class LevelMatrix(QWidget):
    """Painted, not a table: 18 x 9 signs are read as a picture; each cell tells its numbers under the pointer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Levels by type and modality"))
        self._modalities: tuple[Modality, ...] = ()
        self._types: tuple[DegradationType, ...] = ()
        self._cells: dict[tuple[str, Modality], Cell] = {}
        self._over: tuple[int, int] = (-1, -1)

    def show_bank(self, bank: BankView) -> None:
        self._modalities = bank.modalities
        self._cells = bank.cells
        self._types = tuple(d for d in DEGRADATION_TYPES if any((d.name, m) in bank.cells for m in bank.modalities))
        drawn = [c for c in bank.cells.values() if c.state != "not drawn"]
        default = sum(c.state == "default" for c in drawn)
        self.setAccessibleDescription(
            self.tr("{0} cells are drawn from, {1} of them with default levels").format(len(drawn), default)
        )
        self.updateGeometry()
        self.setFixedHeight(self.sizeHint().height())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_NAMES + _COLUMN * len(self._modalities) + 40, _HEAD + _ROW * len(self._types) + 4 if self._types else 0)

    def cell_centre(self, type_name: str, modality: Modality) -> QPointF:
        """Where a cell's sign is drawn."""
        row = [d.name for d in self._types].index(type_name)
        return QPointF(_NAMES + (self._modalities.index(modality) + 0.5) * _COLUMN, _HEAD + (row + 0.5) * _ROW)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        row, column = self._over
        if row >= 0:
            painter.fillRect(QRectF(0, _HEAD + row * _ROW, _NAMES + _COLUMN * len(self._modalities), _ROW), QColor(t.RAISED))
        painter.setFont(theme.font(t.SMALL))
        for i, modality in enumerate(self._modalities):
            painter.save()
            painter.translate(_NAMES + (i + 0.5) * _COLUMN, _HEAD - 6)
            painter.rotate(-60)
            painter.setPen(QColor(t.TEXT if i == column else t.MUTED))
            painter.drawText(QPointF(0, 4), str(modality))
            painter.restore()
        for r, kind in enumerate(self._types):
            painter.setPen(QColor(t.TEXT if r == row else t.MUTED))
            painter.drawText(QPointF(0, _HEAD + (r + 0.5) * _ROW + 4), type_words(kind.name))
            for modality in self._modalities:
                cell = self._cells.get((kind.name, modality))
                if cell is not None:
                    _sign(painter, self.cell_centre(kind.name, modality), cell)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            words = self._words_at(event.pos().toPointF())
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(self._index_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._point_at((-1, -1))

    def _point_at(self, over: tuple[int, int]) -> None:
        if over != self._over:
            self._over = over
            self.update()

    def _index_at(self, place: QPointF) -> tuple[int, int]:
        row, column = int((place.y() - _HEAD) // _ROW), int((place.x() - _NAMES) // _COLUMN)
        if 0 <= row < len(self._types) and 0 <= column < len(self._modalities):
            return row, column
        return -1, -1

    def _words_at(self, place: QPointF) -> str:
        row, column = self._index_at(place)
        if row < 0:
            return ""
        kind, modality = self._types[row], self._modalities[column]
        cell = self._cells.get((kind.name, modality))
        if cell is None:
            return self.tr("{0} makes no sense on {1}").format(type_words(kind.name), modality)
        levels = self.tr("{0} on {1}: L1 at {2:.2f}, L2 at {3:.2f}").format(type_words(kind.name), modality, cell.l1, cell.l2)
        source = {
            "calibrated": self.tr("Calibrated: profile {0}").format(cell.profile),
            "default": self.tr("Default levels: no reader of this study has set them"),
            "not drawn": self.tr("Not drawn for {0} questions: neither published for it nor calibrated here").format(modality),
        }[cell.state]
        return f"{levels}\n{source}"


def _sign(painter: QPainter, centre: QPointF, cell: Cell) -> None:
    if cell.state == "not drawn":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.EDGE))
        painter.drawEllipse(centre, 1.5, 1.5)
    elif cell.state == "calibrated":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.ACCENT))
        painter.drawEllipse(centre, 5, 5)
    else:
        painter.setPen(QPen(QColor(t.WARN), 1.4))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(centre, 4.3, 4.3)

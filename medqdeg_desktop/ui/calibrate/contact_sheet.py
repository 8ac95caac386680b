"""Contact sheets: every type that suits the picture at its levels, or one type over its severities; a click opens one large."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QImage, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QGridLayout, QLabel, QScrollArea, QSizePolicy, QWidget

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.calibrate.kept import KeptDecisions
from medqdeg_desktop.ui.calibrate.level_rows import LevelBadge
from medqdeg_desktop.ui.calibrate.sheet_render import SheetCell, SheetRender
from medqdeg_desktop.ui.hop import Hop
from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.viewer.turn import UPRIGHT, Turn
from medqdeg_desktop.ui.vocabulary import type_words

_SWEEP_STEPS, _SWEEP_COLUMNS = 11, 4
_NOTE_HEIGHT = 24


@dataclass(frozen=True, slots=True)
class Look:
    """How the picture is seen that the sheet is made of; ``notes`` say what of it is not as usual."""

    window: Window | None = None
    inverted: bool = False
    turn: Turn = UPRIGHT
    notes: tuple[str, ...] = ()


class _CellButton(QAbstractButton):
    """One picture, drawn to its aspect; a click or Space opens it."""

    def __init__(self, cell: SheetCell, name: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.cell = cell
        self.setProperty("keeps_space", True)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._image: MedicalImage | None = None
        self._millimetres = (1.0, 1.0)
        self._sides: tuple[str, ...] = ()
        self._picture: QImage | None = None

    def show_picture(self, image: MedicalImage, look: Look) -> None:
        shown = np.ascontiguousarray(look.turn.pixels(to_display(image, look.window, invert=look.inverted)))
        form = QImage.Format.Format_RGB888 if shown.ndim == 3 else QImage.Format.Format_Grayscale8
        self._image = image
        down, across = image.spacing or (1.0, 1.0)
        self._millimetres = look.turn.size((across, down))
        self._sides = look.turn.letters(image.orientation)[:2] if image.orientation else ()
        self._picture = QImage(shown.data, shown.shape[1], shown.shape[0], shown.strides[0], form).copy()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.VIEWER))
        if self._picture is not None:
            across, down = self._millimetres
            width, height = self._picture.width() * across, self._picture.height() * down
            scale = min(self.width() / width, self.height() / height)
            target = QRectF(0, 0, width * scale, height * scale)
            target.moveCenter(QRectF(self.rect()).center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(target, self._picture)
            self._draw_sides(painter)
        else:
            painter.setPen(QColor(t.MUTED))
            painter.setFont(theme.font(t.SMALL))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "…" if self.cell.severity is not None else "not set")
        if self.cell.level is None and self.cell.severity is not None:
            painter.setFont(theme.font(t.BODY))
            painter.fillRect(4, 4, 40, 20, QColor(0, 0, 0, 175))
            painter.setPen(QColor(t.TEXT))
            painter.drawText(4, 4, 40, 20, int(Qt.AlignmentFlag.AlignCenter), f"{self.cell.severity:.2f}")
        if self.hasFocus() or self.underMouse():
            painter.setPen(QPen(QColor(t.ACCENT), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def _draw_sides(self, painter: QPainter) -> None:
        """What lies left and right: the picture may be flipped, turned, or seen in another convention."""
        painter.setFont(theme.font(t.SMALL, strong=True))
        area, middle = self.rect().adjusted(6, 0, -6, 0), Qt.AlignmentFlag.AlignVCenter
        for letters, edge in zip(self._sides, (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight), strict=False):
            box = painter.boundingRect(area, int(edge | middle), letters)
            painter.fillRect(box.adjusted(-2, 0, 2, 0), QColor(0, 0, 0, 175))
            painter.setPen(QColor(t.TEXT))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), letters)


class ContactSheet(QScrollArea):
    """``opened`` carries the type and the level that was clicked, ``severity_opened`` the type and the severity."""

    opened = Signal(str, str)
    severity_opened = Signal(str, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._hop = Hop(self)
        self._render = SheetRender(self._on_picture_elsewhere)
        self._buttons: dict[SheetCell, _CellButton] = {}
        self._columns = len(Level)
        self.is_sweep = False
        self._look = Look()
        # Over the pictures, which scroll beneath it: it concerns all of them.
        self.note = label(role="warn")
        self.note.setParent(self)
        self.note.setContentsMargins(12, 4, 12, 0)
        self.note.hide()

    def fill(self, image: MedicalImage, types: list[str], kept: KeptDecisions, look: Look) -> None:
        """A sheet of ``image``: levels as kept by the reader, else as the profile has them."""
        self.is_sweep = False
        grid = self._new_page(len(Level), look)
        cells: list[SheetCell] = []
        for row, name in enumerate(types):
            marks = {m.level: m for m in kept.marks(image.source_sha256, name, image.modality)} if image.modality else {}
            title = QLabel(type_words(name))
            title.setContentsMargins(0, 8, 0, 0)
            grid.addWidget(title, 2 * row, 0)
            for column, level in enumerate(Level):
                mark = marks.get(level)
                severity = 0.0 if level is Level.L0 else (mark.severity if mark is not None else None)
                cell = SheetCell(name, level, severity)
                button = self._button(cell, f"{type_words(name)}, {level}")
                badge = LevelBadge(level, button)
                badge.move(4, 4)
                badge.set_kind("here" if mark is not None and mark.kind == "here" else "default")
                badge.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
                grid.addWidget(button, 2 * row + 1, column)
                cells.append(cell)
        grid.setRowStretch(2 * len(types), 1)
        self._size_cells()
        self._render.start(image, cells)

    def sweep(self, image: MedicalImage, type_name: str, look: Look) -> None:
        """One type from the original to its most severe form, in even steps."""
        self.is_sweep = True
        grid = self._new_page(_SWEEP_COLUMNS, look)
        words = type_words(type_name)
        title = QLabel(words)
        grid.addWidget(title, 0, 0, 1, _SWEEP_COLUMNS)
        cells = [SheetCell(type_name, None, step / _SWEEP_STEPS) for step in range(_SWEEP_STEPS + 1)]
        for place, cell in enumerate(cells):
            button = self._button(cell, self.tr("{0} at {1:.2f}").format(words, cell.severity))
            grid.addWidget(button, 1 + place // _SWEEP_COLUMNS, place % _SWEEP_COLUMNS)
        grid.setRowStretch(2 + len(cells) // _SWEEP_COLUMNS, 1)
        self._size_cells()
        self._render.start(image, cells)

    def _new_page(self, columns: int, look: Look) -> QGridLayout:
        self._look = look
        self.note.setText("  ·  ".join(look.notes))
        self.note.setVisible(bool(look.notes))
        self.setViewportMargins(0, _NOTE_HEIGHT if look.notes else 0, 0, 0)
        self._columns = columns
        self._buttons = {}
        page = QWidget()
        grid = QGridLayout(page)
        grid.setContentsMargins(12, 8, 12, 12)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(4)
        for column in range(columns):
            grid.setColumnStretch(column, 1)
        self.setWidget(page)
        return grid

    def _button(self, cell: SheetCell, name: str) -> _CellButton:
        button = _CellButton(cell, name, self.widget())
        button.clicked.connect(partial(self._on_clicked, cell))
        self._buttons[cell] = button
        return button

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The keyboard goes to the first picture: Tab and Space do the rest."""
        super().focusInEvent(event)
        first = next(iter(self._buttons.values()), None)
        if first is not None:
            first.setFocus(event.reason())

    def stop(self) -> None:
        self._render.stop()

    def close_down(self) -> None:
        self._render.stop()
        self._hop.close()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.note.setGeometry(0, 0, self.width(), _NOTE_HEIGHT)
        self._size_cells()

    def _size_cells(self) -> None:
        height = max(96, min(320, (self.viewport().width() - 32) // self._columns))
        for button in self._buttons.values():
            button.setFixedHeight(height)

    def _on_clicked(self, cell: SheetCell) -> None:
        if cell.level is not None:
            self.opened.emit(cell.type_name, str(cell.level))
        elif cell.severity is not None:
            self.severity_opened.emit(cell.type_name, cell.severity)

    def _on_picture_elsewhere(self, cell: SheetCell, image: MedicalImage) -> None:
        self._hop.post(partial(self._on_picture, cell, image))

    def _on_picture(self, cell: SheetCell, image: MedicalImage) -> None:
        button = self._buttons.get(cell)
        if button is not None:
            button.show_picture(image, self._look)

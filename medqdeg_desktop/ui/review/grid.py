"""The grid of an item: a column a degradation, a row a level, one view shared by all; under each column its judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from medqdeg_desktop.bank.review import REASONS, label_of
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.study.reviews import CLEAN
from medqdeg_desktop.taxonomy import GEOMETRY_CHANGING, Level
from medqdeg_desktop.ui.calibrate.level_rows import LevelBadge
from medqdeg_desktop.ui.review.render_ahead import ItemPictures
from medqdeg_desktop.ui.viewer.linked_panes import PaneLink
from medqdeg_desktop.ui.viewer.outlines import OutlineGlass
from medqdeg_desktop.ui.viewer.pane import ImagePane

_KEEP_KEYS, _REMOVE_KEYS = "123", "QWE"
MOST = 3


class _Pane(ImagePane):
    """A pane that tells when it is double-clicked."""

    opened = Signal()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.opened.emit()


class PictureCell(QWidget):
    """All pictures of an item at one type and level, beside each other; most items have one. ``opened`` on a double click."""

    opened = Signal()

    def __init__(self, link: PaneLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panes: list[_Pane] = []
        self._glasses: list[OutlineGlass] = []
        self._link = link
        self._name = ""
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self.show_images((None,), "", waits=False)

    @property
    def image(self) -> MedicalImage | None:
        """The first picture that is shown."""
        return self.panes[0].image

    def call(self, name: str) -> None:
        """Gives the pictures their accessible name."""
        self._name = name

    def show_images(self, images: Sequence[MedicalImage | None], title: str, *, waits: bool) -> None:
        """One pane a picture, in two rows from the fourth on; None stays black, with a line at its foot while it ``waits``."""
        count = len(images)
        across = count if count < 4 else (count + 1) // 2
        for number in range(len(self.panes), count):
            self._add_pane(number)
        for number, pane in enumerate(self.panes):
            pane.setVisible(number < count)
            if number >= count:
                pane.show_image(None)
                continue
            if self._layout.itemAtPosition(number // across, number % across) is None or count > 1:
                self._layout.addWidget(pane, number // across, number % across)
            reading = "" if count == 1 else f"{number + 1}/{count}"
            if (pane.overlay.title, pane.overlay.reading) != (title, reading):
                pane.overlay.title, pane.overlay.reading = title, reading
                pane.update()
            pane.setAccessibleName(self._name if count == 1 else f"{self._name}, {number + 1} of {count}")
            pane.set_busy(waits)
            pane.show_image(images[number])

    def show_region(self, region: Mapping[str, Any] | None) -> None:
        """The region that the question is about, on the picture that it names."""
        for number, glass in enumerate(self._glasses):
            glass.show_outlines([region] if region is not None and region.get("image", 0) == number else [])

    def _add_pane(self, number: int) -> None:
        pane = _Pane("", self)
        pane.setMinimumSize(90, 70)
        pane.overlay.show_scale = False
        pane.opened.connect(self.opened)
        self.panes.append(pane)
        self._glasses.append(OutlineGlass(pane))
        self._link.add(pane)
        pane.lower()


class _Judgement(QWidget):
    """Keep and remove of one column, and what is decided so far."""

    kept = Signal()
    removed = Signal()

    def __init__(self, number: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keep = QPushButton(self.tr("Keep  {0}").format(_KEEP_KEYS[number]))
        self.remove = QPushButton(self.tr("Remove  {0}").format(_REMOVE_KEYS[number]))
        self.said = QLabel()
        self.said.setProperty("role", "small")
        self.said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.said.setMinimumHeight(18)
        self.said.setWordWrap(True)
        for button in (self.keep, self.remove):
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.keep.clicked.connect(self._on_keep)
        self.remove.clicked.connect(self._on_remove)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        row.addWidget(self.keep)
        row.addWidget(self.remove)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self.said)

    def show_mark(self, name: str, mark: int | None, others: str) -> None:
        """``others`` is what the two sides said, for the person who settles."""
        label = label_of(name)
        self.keep.setAccessibleName(self.tr("Keep {0}").format(label))
        self.remove.setAccessibleName(self.tr("Remove {0}").format(label))
        self.keep.setChecked(mark == 0)
        self.remove.setChecked(bool(mark))
        self.said.setText(REASONS[mark] if mark else others)

    def _on_keep(self) -> None:
        self.kept.emit()

    def _on_remove(self) -> None:
        self.remove.setChecked(False)
        self.removed.emit()


class ItemGrid(QWidget):
    """Up to three columns. ``kept`` and ``removed`` carry the column; ``opened`` a column and a level."""

    kept = Signal(int)
    removed = Signal(int)
    opened = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.link = PaneLink()
        self._types: tuple[str, ...] = ()
        self._held = False
        self._across = False
        self._pictures: ItemPictures | None = None
        self._large_at = (0, Level.L2)
        self.cells: dict[tuple[int, Level], PictureCell] = {}
        self.judgements: list[_Judgement] = []
        self._titles: list[QLabel] = []
        page = QWidget()
        grid = QGridLayout(page)
        grid.setContentsMargins(8, 4, 8, 8)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(2)
        for column in range(MOST):
            title = QLabel()
            title.setProperty("role", "section")
            title.setAlignment(Qt.AlignmentFlag.AlignCenter)
            grid.addWidget(title, 0, column)
            self._titles.append(title)
            for row, level in enumerate(Level, 1):
                cell = PictureCell(self.link)
                cell.opened.connect(partial(self._on_opened, column, level))
                badge = LevelBadge(level, cell)
                badge.set_kind("here")
                badge.move(38, 9)
                badge.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
                self.cells[column, level] = cell
                grid.addWidget(cell, row, column)
                grid.setRowStretch(row, 1)
            judgement = _Judgement(column)
            judgement.kept.connect(partial(self.kept.emit, column))
            judgement.removed.connect(partial(self.removed.emit, column))
            self.judgements.append(judgement)
            grid.addWidget(judgement, 4, column)
        self._grid = grid
        self.large = PictureCell(self.link)
        self.large.call(self.tr("Picture, large"))
        self.large.opened.connect(self.close_large)
        self.pages = QStackedWidget()
        self.pages.addWidget(page)
        self.pages.addWidget(self.large)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages)

    # -- what to show -----------------------------------------------------------------------------------------

    def show_types(self, types: Sequence[str]) -> None:
        """Columns for another item; its pictures come by ``show_pictures``."""
        self._types = tuple(types)
        self._large_at = (min(self._large_at[0], max(0, len(types) - 1)), self._large_at[1])
        alone = len(types) == 1
        self._arrange(alone)
        for column in range(MOST):
            there = column < len(types)
            self._titles[column].setVisible(there)
            self.judgements[column].setVisible(there)
            self._grid.setColumnStretch(column, int(there or alone))
            if there:
                self._titles[column].setText(label_of(types[column]))
            for level in Level:
                cell = self.cells[column, level]
                cell.setVisible(there and (level is Level.L0 or types[column] != CLEAN))
                if there:
                    cell.call(f"{label_of(types[column])}, {level}")

    def _arrange(self, across: bool) -> None:
        """One degradation of one picture has its levels side by side, which makes each as large as the screen allows."""
        if across == self._across:
            return
        self._across = across
        wide = MOST if across else 1
        self._grid.addWidget(self._titles[0], 0, 0, 1, wide)
        self._grid.addWidget(self.judgements[0], 4, 0, 1, wide)
        for row, level in enumerate(Level):
            self._grid.addWidget(self.cells[0, level], 1 if across else row + 1, row if across else 0)
            self._grid.setRowStretch(row + 1, int(not across or row == 0))

    def show_pictures(self, pictures: ItemPictures | None) -> None:
        """What is there of the item's pictures; cells without one stay black and busy."""
        self._pictures = pictures
        if pictures is not None:
            self._arrange(len(self._types) == 1 and len(pictures.item.images) == 1)
        for (column, level), cell in self.cells.items():
            if column < len(self._types):
                self._put(cell, column, level)
        self._put(self.large, *self._large_at)
        self.link.refresh()

    def show_marks(self, marks: dict[str, int], others: dict[str, str]) -> None:
        for column, name in enumerate(self._types):
            self.judgements[column].show_mark(name, marks.get(name), others.get(name, ""))

    def hold_original(self, held: bool) -> None:
        """While held, the original stands in every place."""
        self._held = held
        self.show_pictures(self._pictures)

    @property
    def clean(self) -> MedicalImage | None:
        """The first original of the item in front, where it is there."""
        return self._pictures.clean[0] if self._pictures is not None and self._pictures.clean else None

    def _put(self, cell: PictureCell, column: int, level: Level) -> None:
        pictures = self._pictures
        name = self._types[column] if column < len(self._types) else ""
        images = self._images(name, level)
        label = f"{label_of(name)}  {level}" if cell is self.large and name else str(level)
        shown = self.tr("Original") if self._held and level is not Level.L0 else label
        waits = pictures is None or (not pictures.problem and not images)
        count = len(pictures.item.images) if pictures is not None else len([p for p in cell.panes if not p.isHidden()])
        cell.show_images(images or [None] * max(1, count), shown, waits=waits)
        # Where anatomy has moved, the mark of the original would lie beside it; such types are not drawn under a mark either.
        moves = name in GEOMETRY_CHANGING and level is not Level.L0 and not self._held
        cell.show_region(pictures.item.region if pictures is not None and images and not moves else None)

    def _images(self, name: str, level: Level) -> Sequence[MedicalImage]:
        if self._pictures is None:
            return ()
        if level is Level.L0 or self._held or name == CLEAN:
            return self._pictures.clean
        return self._pictures.cells.get((name, level), ())

    def pane_sizes(self) -> dict[tuple[int, int], frozenset[tuple[int, int]]]:
        """Sizes of the panes in device pixels, by (degradations, pictures) of the item that is shown."""
        if self._pictures is None or self.is_large:
            return {}
        panes = [pane for cell in self.cells.values() if cell.isVisible() for pane in cell.panes if pane.isVisible()]
        ratio = self.devicePixelRatioF()
        sizes = frozenset((round(pane.width() * ratio), round(pane.height() * ratio)) for pane in panes)
        return {(len(self._types), len(self._pictures.item.images)): sizes}

    # -- one cell large ---------------------------------------------------------------------------------------

    @property
    def is_large(self) -> bool:
        return self.pages.currentWidget() is self.large

    def open_large(self) -> None:
        self.pages.setCurrentWidget(self.large)
        self.show_pictures(self._pictures)

    def close_large(self) -> None:
        self.pages.setCurrentIndex(0)

    def step_large(self, columns: int, levels: int) -> None:
        """Another degradation or level in the large view."""
        column, level = self._large_at
        row = min(max(list(Level).index(level) + levels, 0), len(Level) - 1)
        column = min(max(column + columns, 0), max(0, len(self._types) - 1))
        self._large_at = (column, list(Level)[row])
        self.show_pictures(self._pictures)

    def _on_opened(self, column: int, level: Level) -> None:
        self._large_at = (column, level)
        self.open_large()
        self.opened.emit(column, str(level))

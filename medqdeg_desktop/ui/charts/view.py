"""A chart on the screen: laid out anew for the width it has, with its numbers under the pointer and its marks to be clicked.

By keyboard: arrows go from mark to mark, Enter does what a click does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QFileDialog, QMenu, QSizePolicy, QToolButton, QToolTip, QWidget

from medqdeg_desktop.chart.figure import Figure, Key
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.charts import export
from medqdeg_desktop.ui.charts.painting import paint, place_of

Build = Callable[[float], Figure]

_REACH = 12.0  #: pixels from a mark's middle at which it is meant
_RELAY_MS = 40
#: Wider than this a chart is harder to read, not easier.
_WIDEST = 1600.0


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that answers to the pointer. ``tall`` spots are rectangles (bars, cells), the others points."""

    place: QRectF
    tooltip: str
    key: Key | None
    tall: bool

    @property
    def live(self) -> bool:
        """Whether there is something of this study behind it."""
        return self.key is not None and bool(self.key.run_id)


class ChartView(QWidget):
    """Shows one Figure.

    clicked   the Key of a mark with items behind it.
    said      one line (a file was written).
    warned    one line of what went wrong.
    """

    clicked = Signal(object)
    said = Signal(str)
    warned = Signal(str)

    def __init__(self, parent: QWidget | None = None, *, narrowest: float = 640.0) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.figure: Figure | None = None
        self._spots: list[Spot] | None = []
        self._narrowest = narrowest
        self._build: Build | None = None
        self._picture = QPixmap()
        self._over = -1
        self._by_keyboard = False
        self._laid_out_for = 0.0
        self._relay = QTimer(self, singleShot=True, interval=_RELAY_MS)
        self._relay.timeout.connect(self._lay_out)
        self.menu_button = QToolButton(self)
        self.menu_button.setProperty("role", "quiet")
        self.menu_button.setIcon(theme.icon("export", t.MUTED))
        self.menu_button.setToolTip(self.tr("Save or copy this chart"))
        self.menu_button.setAccessibleName(self.tr("Save or copy this chart"))
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setMenu(self._menu())
        self.menu_button.setFixedSize(t.TARGET + 4, t.TARGET)
        self.menu_button.setStyleSheet("QToolButton { padding: 0; } QToolButton::menu-indicator { image: none; }")
        self.menu_button.hide()

    @property
    def spots(self) -> list[Spot]:
        """The places that answer to the pointer: found when the first is asked for, as most charts are only looked at."""
        if self._spots is None:
            self._spots = spots_of(self.figure) if self.figure is not None else []
        return self._spots

    def set_chart(self, build: Build | None) -> None:
        """``build(width)`` makes the Figure for a width in pixels; None shows nothing."""
        self._build = build
        self._lay_out()

    # -- layout and painting -----------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._over = -1
        self._picture = QPixmap()
        self._laid_out_for = float(self.width())
        figure = self._build(min(max(self._narrowest, self._laid_out_for), _WIDEST)) if self._build is not None else None
        self.figure = figure
        self._spots = None if figure is not None else []
        self.menu_button.setVisible(figure is not None)
        if figure is None:
            self.setFixedHeight(0)
        else:
            self.setMinimumWidth(round(figure.width) if figure.width > self._laid_out_for + 1 else 0)
            self.setFixedHeight(round(figure.height))
            self.setAccessibleName(figure.title)
            self.setAccessibleDescription(figure.subtitle)
        self._place_button()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place_button()
        # Within the narrowest width the same figure scrolls; it is not made again.
        if self._build is not None and abs(self.width() - self._laid_out_for) > 1:
            self._relay.start()

    def _place_button(self) -> None:
        self.menu_button.move(max(0, self.width() - self.menu_button.width() - 8), 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.figure is None:
            return
        ratio = self.devicePixelRatioF()
        if self._picture.isNull() or self._picture.devicePixelRatio() != ratio:
            self._picture = QPixmap(round(self.figure.width * ratio), round(self.figure.height * ratio))
            self._picture.setDevicePixelRatio(ratio)
            self._picture.fill(QColor(t.PANEL))
            drawing = QPainter(self._picture)
            paint(drawing, self.figure, "dark")
            drawing.end()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.PANEL))
        painter.drawPixmap(0, 0, self._picture)
        if 0 <= self._over < len(self.spots):
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, not self.spots[self._over].tall)
            painter.setPen(QPen(QColor(t.TEXT), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            place = self.spots[self._over].place
            if self.spots[self._over].tall:
                painter.drawRect(place)
            else:
                painter.drawEllipse(place.center(), place.width() / 2 + 4, place.height() / 2 + 4)
        if self._by_keyboard:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QPen(QColor(t.ACCENT), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    # -- pointer and keys --------------------------------------------------------------------------------------

    def spot_at(self, place: QPointF) -> int:
        """Index of the spot that is meant at ``place``; -1 for none."""
        best, nearest = -1, _REACH
        for i, spot in enumerate(self.spots):
            if spot.tall:
                continue
            away = (spot.place.center() - place).manhattanLength()
            if away <= nearest:
                best, nearest = i, away
        if best >= 0:
            return best
        return next((i for i, spot in enumerate(self.spots) if spot.tall and spot.place.contains(place)), -1)

    def focusInEvent(self, event: QFocusEvent) -> None:
        # A ring around a whole chart is for those who need to see where the keyboard is.
        self._by_keyboard = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._by_keyboard = False
        super().focusOutEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._show_spot(self.spot_at(event.position()), event.globalPosition().toPoint())

    def leaveEvent(self, event: QEvent) -> None:
        self._show_spot(-1, QPoint())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._act(self.spot_at(event.position()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}
        key = Qt.Key(event.key())
        if key in steps and self.spots:
            at = (self._over + steps[key]) % len(self.spots)
            centre = self.mapToGlobal(self.spots[at].place.center().toPoint())
            self._show_spot(at, centre)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._act(self._over)
        else:
            super().keyPressEvent(event)

    def _act(self, index: int) -> None:
        if 0 <= index < len(self.spots) and self.spots[index].live:
            self.clicked.emit(self.spots[index].key)

    def _show_spot(self, index: int, at: QPoint) -> None:
        if index == self._over:
            return
        self._over = index
        self.update()
        if index < 0:
            QToolTip.hideText()
            self.unsetCursor()
            return
        spot = self.spots[index]
        self.setCursor(Qt.CursorShape.PointingHandCursor if spot.live else Qt.CursorShape.ArrowCursor)
        hint = self.tr("\nClick: the items behind it") if spot.live else ""
        QToolTip.showText(at + QPoint(8, 8), f"{spot.tooltip}{hint}", self)
        self.setAccessibleDescription(spot.tooltip)

    # -- files -------------------------------------------------------------------------------------------------

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        for suffix, words in export.FORMATS.items():
            menu.addAction(self.tr("Save as {0}…").format(words), partial(self.choose_file, suffix))
        menu.addSeparator()
        menu.addAction(self.tr("Copy as a picture"), self.copy_picture)
        menu.addAction(self.tr("Copy the numbers"), self.copy_numbers)
        return menu

    def choose_file(self, suffix: str) -> None:
        if self.figure is None:
            return
        name, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the chart"), f"{self.figure.name}.{suffix}", f"{suffix.upper()} (*.{suffix})"
        )
        if name:
            path = Path(name)
            self.save(path if path.suffix else path.with_suffix(f".{suffix}"))

    def save(self, path: Path) -> None:
        """Writes the chart as shown to ``path``."""
        if self.figure is None:
            return
        try:
            export.save(self.figure, path)
        except MedqdegError as error:
            self.warned.emit(str(error))
        else:
            self.said.emit(self.tr("{0} written").format(path.name))

    def copy_picture(self) -> None:
        if self.figure is not None:
            QGuiApplication.clipboard().setImage(export.picture(self.figure))
            self.said.emit(self.tr("Chart copied"))

    def copy_numbers(self) -> None:
        if self.figure is not None:
            QGuiApplication.clipboard().setText(export.figure_csv(self.figure))
            self.said.emit(self.tr("Numbers copied"))


def spots_of(figure: Figure) -> list[Spot]:
    """Everything in ``figure`` that has something to say, in the order of its drawing."""
    spots: list[Spot] = []
    for panel in figure.panels:
        spots += [Spot(place_of(panel, rect), rect.tooltip, rect.key, True) for rect in panel.rects if rect.tooltip]
        for mark in panel.marks:
            if mark.tooltip:
                x, y = panel.place(mark.x, mark.y)
                place = QRectF(x - mark.size / 2, y - mark.size / 2, mark.size, mark.size)
                spots.append(Spot(place, mark.tooltip, mark.key, False))
    return spots

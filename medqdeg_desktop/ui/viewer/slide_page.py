"""A whole slide: its overview with a frame, and which region at which magnification is opened."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.reading.facts import SlideFacts
from medqdeg_desktop.engine.reading.slides import Region, magnification, magnifications
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.viewer.pane import ImagePane
from medqdeg_desktop.ui.viewer.viewport import Viewport

SIZES = (512, 1024, 2048)
_USUAL_SIZE = 1024
#: What most diagnoses are read at: 20x, or half a micrometre a pixel.
_USUAL_MICRONS = 0.5
_STEPS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class OverviewPane(ImagePane):
    """The overview with the frame on it. ``moved`` carries where the frame's middle is wanted, in fractions of the slide."""

    moved = Signal(float, float)
    stepped = Signal(int, int)
    accepted = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._frame: tuple[float, float, float, float] | None = None

    def show_frame(self, left: float, top: float, width: float, height: float) -> None:
        """Where the frame lies, in fractions of the slide."""
        self._frame = (left, top, width, height)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        placement = self.placement()
        if placement is None or self._frame is None:
            return
        left, top, width, height = self._frame
        ratio = self.devicePixelRatioF()
        x0, y0 = placement.to_pane(top * placement.rows, left * placement.columns)
        x1, y1 = placement.to_pane((top + height) * placement.rows, (left + width) * placement.columns)
        box = QRectF(QPointF(x0 / ratio, y0 / ratio), QPointF(x1 / ratio, y1 / ratio))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for pen in (QPen(QColor(0, 0, 0, 200), 5), QPen(QColor(t.TEXT), 2)):
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(box)
        if min(box.width(), box.height()) < 12:
            # A small frame on a large slide is found by its cross hair.
            painter.setPen(QPen(QColor(0, 0, 0, 200), 1))
            middle = box.center()
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                painter.drawLine(middle + QPointF(dx * 9, dy * 9), middle + QPointF(dx * 22, dy * 22))
        if self.hasFocus():
            painter.setPen(QPen(QColor(t.ACCENT), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self._tell(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._tell(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._tell(event)
        self.accepted.emit()

    def event(self, event: QEvent) -> bool:
        # Arrows and Enter belong to the frame while it has the keyboard, whatever the workspace does with them.
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_own(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not _is_own(event):
            super().keyPressEvent(event)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accepted.emit()
        else:
            self.stepped.emit(*_STEPS[Qt.Key(event.key())])

    def _tell(self, event: QMouseEvent) -> None:
        placement = self.placement()
        if placement is not None:
            ratio = self.devicePixelRatioF()
            row, column = placement.to_frame(event.position().x() * ratio, event.position().y() * ratio)
            self.moved.emit(column / placement.columns, row / placement.rows)


def _is_own(event: QKeyEvent) -> bool:
    plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    return plain and (event.key() in _STEPS or event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter))


class SlidePage(QWidget):
    """``chosen`` carries the Region that is to be opened."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._facts: SlideFacts | None = None
        self._middle = (0.5, 0.5)
        self.overview = OverviewPane(self.tr("Overview of the slide"))
        self.overview.overlay.title = self.tr("Whole slide: click where the region lies")
        self.magnification = QComboBox()
        self.magnification.setAccessibleName(self.tr("Magnification"))
        self.size_choice = QComboBox()
        self.size_choice.setAccessibleName(self.tr("Size of the region"))
        for side in SIZES:
            self.size_choice.addItem(self.tr("{0:,} × {0:,} pixels").format(side), side)
        self.size_choice.setCurrentIndex(SIZES.index(_USUAL_SIZE))
        self.told = label("", "small")
        self.button = QPushButton(self.tr("Open this region"))
        self.button.setProperty("role", "primary")
        self.button.setToolTip(self.tr("Enter, or a double click on the overview"))
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 8, 12, 8)
        foot.setSpacing(8)
        for caption, widget in ((self.tr("Magnification"), self.magnification), (self.tr("Size"), self.size_choice)):
            text = QLabel(caption)
            text.setBuddy(widget)
            foot.addWidget(text)
            foot.addWidget(widget)
        foot.addWidget(self.told, 1)
        foot.addWidget(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.overview, 1)
        column.addLayout(foot)
        self.overview.moved.connect(self._on_moved)
        self.overview.stepped.connect(self._on_stepped)
        self.overview.accepted.connect(self._on_accepted)
        self.overview.zoomed.connect(self._on_zoomed)
        self.magnification.currentIndexChanged.connect(self._refresh)
        self.size_choice.currentIndexChanged.connect(self._refresh)
        self.button.clicked.connect(self._on_accepted)

    def show_slide(self, facts: SlideFacts) -> None:
        """Another slide; its overview follows by ``show_overview``. The frame is in its middle, at the usual magnification."""
        self._facts = facts
        self._middle = (0.5, 0.5)
        self.overview.show_image(None)
        steps = magnifications(facts)
        self.magnification.blockSignals(True)
        self.magnification.clear()
        for downsample in steps:
            self.magnification.addItem(magnification(facts, downsample), downsample)
        usual = 0
        if facts.microns is not None:
            microns = facts.microns[1]
            usual = min(range(len(steps)), key=lambda i: abs(steps[i] * microns - _USUAL_MICRONS))
        self.magnification.setCurrentIndex(usual)
        self.magnification.blockSignals(False)
        self._refresh()

    def show_overview(self, image: MedicalImage) -> None:
        self.overview.show_image(image)
        self.overview.show_as(Viewport(), None, False)

    @property
    def region(self) -> Region | None:
        """What the frame encloses; it stays on the slide where that is large enough."""
        facts = self._facts
        if facts is None:
            return None
        downsample = float(self.magnification.currentData())
        side = int(self.size_choice.currentData())
        width, height = (min(side, int(n / downsample)) for n in (facts.columns, facts.rows))
        width, height = max(1, width), max(1, height)
        x = round(self._middle[0] * facts.columns - width * downsample / 2)
        y = round(self._middle[1] * facts.rows - height * downsample / 2)
        x = min(max(x, 0), max(0, round(facts.columns - width * downsample)))
        y = min(max(y, 0), max(0, round(facts.rows - height * downsample)))
        return Region(x, y, width, height, downsample)

    def _on_moved(self, across: float, down: float) -> None:
        self._middle = (min(max(across, 0.0), 1.0), min(max(down, 0.0), 1.0))
        self._refresh()

    def _on_stepped(self, across: int, down: int) -> None:
        region, facts = self.region, self._facts
        if region is None or facts is None:
            return
        # From where the frame is, which may not be where it was asked to be.
        step = region.downsample / 4
        x = region.x + region.width * (region.downsample / 2 + across * step)
        y = region.y + region.height * (region.downsample / 2 + down * step)
        self._on_moved(x / facts.columns, y / facts.rows)

    def _on_zoomed(self, factor: float, x: float, y: float) -> None:
        """Ctrl and the wheel change the magnification: the overview itself is always whole."""
        index = self.magnification.currentIndex() + (-1 if factor > 1 else 1)
        self.magnification.setCurrentIndex(min(max(index, 0), self.magnification.count() - 1))

    def _on_accepted(self) -> None:
        region = self.region
        if region is not None:
            self.chosen.emit(region)

    def _refresh(self) -> None:
        region, facts = self.region, self._facts
        if region is None or facts is None:
            return
        self.overview.show_frame(
            region.x / facts.columns,
            region.y / facts.rows,
            region.width * region.downsample / facts.columns,
            region.height * region.downsample / facts.rows,
        )
        text = self.tr("{0:,} × {1:,} pixels").format(region.width, region.height)
        if facts.microns is not None:
            across, down = (
                n * region.downsample * microns / 1000
                for n, microns in ((region.width, facts.microns[1]), (region.height, facts.microns[0]))
            )
            text += self.tr("  ·  {0:.2f} × {1:.2f} mm").format(across, down)
        whole = self.tr("  ·  of a slide of {0:,} × {1:,}").format(facts.columns, facts.rows)
        self.told.setText(text + whole)
        self.overview.setAccessibleDescription(text)

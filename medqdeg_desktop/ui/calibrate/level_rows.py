"""One row a level: its mark, what is kept, a look at it, and its decision."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from medqdeg_desktop.taxonomy import LEVEL_ANCHORS, Level
from medqdeg_desktop.ui.calibrate.severity_slider import draw_mark
from medqdeg_desktop.ui.vocabulary import in_words


class LevelBadge(QWidget):
    """The level's shape in its colour. ``kind`` as in ``LevelMark``: filled where it is kept."""

    def __init__(self, level: Level, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._level, self._kind = level, "default"
        self.setFixedSize(16, 16)

    def set_kind(self, kind: str) -> None:
        self._kind = kind
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(16, 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw_mark(painter, QPointF(8, 8), self._level, self._kind)
        painter.end()


class LevelRow(QWidget):
    """``looked`` asks to see the level, ``decided`` to set it here (for L0: to confirm it as diagnostic)."""

    looked = Signal(str)
    decided = Signal(str)

    def __init__(self, level: Level, decision: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._level = level
        self.badge = LevelBadge(level)
        self.name = QLabel(str(level))
        self.status = QLabel()
        self.status.setProperty("role", "small")
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.look = QPushButton(self.tr("Look"))
        self.look.setProperty("role", "quiet")
        self.look.setToolTip(self.tr("Show {0} again").format(level))
        self.look.setAccessibleName(self.tr("Look at {0}").format(level))
        self.decide = QPushButton(decision)
        self.decide.setToolTip(in_words(LEVEL_ANCHORS[level]))
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.name)
        row.addWidget(self.status, 1)
        row.addWidget(self.look)
        row.addWidget(self.decide)
        self.look.clicked.connect(lambda: self.looked.emit(str(level)))
        self.decide.clicked.connect(lambda: self.decided.emit(str(level)))

    def add(self, widget: QWidget) -> None:
        """A further decision at the end of the row."""
        self._row.addWidget(widget)

    def tell(self, kind: str, status: str) -> None:
        self.badge.set_kind(kind)
        self.status.setText(status)
        self.status.setToolTip(status)
        self.setAccessibleName(f"{self._level}: {status}")

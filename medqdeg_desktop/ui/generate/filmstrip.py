"""The pictures that were written last, small, newest at the left; they are read and made small off the window's thread."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QImageReader, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.generate.state import newest_pictures
from medqdeg_desktop.ui.vocabulary import type_words

SIDE = 144
_GAP = 8
_MOST = 24


class Filmstrip(QWidget):
    """``show_last`` may be called as often as progress is told; only the newest request is read."""

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(SIDE + 22)
        self.setAccessibleName(self.tr("Last pictures"))
        self._background = background
        self._last = ""
        self.pictures: list[tuple[str, QImage]] = []

    def clear(self) -> None:
        self._background.drop("filmstrip")
        self._last = ""
        self.pictures = []
        self.update()

    def show_last(self, folder: Path, last: str) -> None:
        """``last`` is the file name of the picture written last, within the set's ``folder``."""
        if last and last != self._last:
            self._last = last
            known = dict(self.pictures)
            count = min(_MOST, self.width() // (SIDE + _GAP) + 1)
            self._background.run("filmstrip", partial(_read, folder, last, count, known), self._on_read)

    def sizeHint(self) -> QSize:
        return QSize(600, SIDE + 22)

    def _on_read(self, pictures: list[tuple[str, QImage]]) -> None:
        if pictures:
            self.pictures = pictures
            self.setAccessibleDescription(", ".join(name for name, _ in pictures[:4]))
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(theme.font(t.SMALL))
        for i in range(self.width() // (SIDE + _GAP) + 1):
            box = QRectF(i * (SIDE + _GAP), 0, SIDE, SIDE)
            painter.fillRect(box, QColor(t.VIEWER if i < len(self.pictures) else t.PANEL))
            if i >= len(self.pictures):
                continue
            name, picture = self.pictures[i]
            size = picture.size().scaled(QSize(SIDE, SIDE), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRectF(0, 0, size.width(), size.height())
            target.moveCenter(box.center())
            painter.drawImage(target, picture)
            painter.setPen(QColor(t.MUTED))
            words = painter.fontMetrics().elidedText(caption(name), Qt.TextElideMode.ElideRight, SIDE)
            painter.drawText(QRectF(box.left(), SIDE + 4, SIDE, 18), Qt.AlignmentFlag.AlignLeft, words)


def caption(name: str) -> str:
    """``Sparse view L1`` for ``0000041_sparse_view_L1.png``."""
    kind, _, level = name.removesuffix(".png").partition("_")[2].rpartition("_")
    known = DEGRADATION_BY_NAME.get(kind)
    return f"{type_words(kind) if known else kind.replace('_', ' ').capitalize()} {level}".strip()


def _read(folder: Path, last: str, count: int, known: dict[str, QImage]) -> list[tuple[str, QImage]]:
    pictures = []
    for path in newest_pictures(folder, last, count):
        picture = known.get(path.name)
        if picture is None:
            reader = QImageReader(str(path))
            size = reader.size()
            if size.isValid():
                reader.setScaledSize(size.scaled(QSize(2 * SIDE, 2 * SIDE), Qt.AspectRatioMode.KeepAspectRatio))
            picture = reader.read()
        if not picture.isNull():
            pictures.append((path.name, picture))
    return pictures

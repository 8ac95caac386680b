"""Where each reader put L1 and L2 of a cell: a dot a reader, the proposal with its interval, on the severity axis."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from medqdeg_desktop.calibration.consensus import CellProposal
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.calibrate.severity_slider import draw_mark

_LEFT, _RIGHT, _ROW = 84.0, 16.0, 22.0


class LevelStrip(QWidget):
    """One line a reader and one for the proposal; names stand at the left."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._proposal: CellProposal | None = None
        self._names: dict[str, str] = {}
        self._readers: list[str] = []
        self.setMinimumHeight(120)

    def show_cell(self, proposal: CellProposal | None, names: dict[str, str]) -> None:
        self._proposal, self._names = proposal, names
        readers = {r for p in proposal.levels.values() for r in p.reader_medians} if proposal is not None else set()
        self._readers = sorted(readers, key=lambda r: names.get(r, r))
        self.setMinimumHeight(round(_ROW * (len(self._readers) + 2) + 20))
        self.setAccessibleName(self._said())
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, self.minimumHeight())

    def _said(self) -> str:
        if self._proposal is None:
            return ""
        parts = [f"{level}: {value:.2f}" for level, value in self._proposal.severities.items()]
        return self.tr("Proposed {0}").format(", ".join(parts))

    def _x(self, severity: float) -> float:
        return _LEFT + severity * (self.width() - _LEFT - _RIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(t.SMALL))
        if self._proposal is not None:
            self._axis(painter)
            for row, reader in enumerate(self._readers):
                self._reader(painter, row, reader)
            self._consensus(painter, len(self._readers))
        painter.end()

    def _axis(self, painter: QPainter) -> None:
        bottom = _ROW * (len(self._readers) + 1) + 8
        for tick in range(6):
            x = self._x(tick / 5)
            painter.setPen(QPen(QColor(t.LINE), 1))
            painter.drawLine(QPointF(x, 4), QPointF(x, bottom))
            painter.setPen(QColor(t.MUTED))
            painter.drawText(QRectF(x - 20, bottom + 2, 40, 16), Qt.AlignmentFlag.AlignHCenter, f"{tick / 5:g}")

    def _reader(self, painter: QPainter, row: int, reader: str) -> None:
        assert self._proposal is not None
        y = _ROW * (row + 0.5) + 4
        painter.setPen(QColor(t.TEXT))
        name = painter.fontMetrics().elidedText(self._names.get(reader, "?"), Qt.TextElideMode.ElideRight, int(_LEFT) - 10)
        painter.drawText(QRectF(0, y - 9, _LEFT - 10, 18), Qt.AlignmentFlag.AlignVCenter, name)
        for level, proposal in self._proposal.levels.items():
            if reader in proposal.reader_medians:
                draw_mark(painter, QPointF(self._x(proposal.reader_medians[reader]), y), level, "elsewhere")
            cast = self._proposal.votes.get(level, {})
            if reader in cast:
                draw_mark(painter, QPointF(self._x(cast[reader]), y), level, "here", 4)

    def _consensus(self, painter: QPainter, row: int) -> None:
        assert self._proposal is not None
        y = _ROW * (row + 0.5) + 4
        painter.setPen(QColor(t.MUTED))
        painter.drawText(QRectF(0, y - 9, _LEFT - 10, 18), Qt.AlignmentFlag.AlignVCenter, self.tr("proposed"))
        for level, severity in self._proposal.severities.items():
            # Intervals that overlap are told apart.
            y = _ROW * (row + 0.5) + (-1 if level is Level.L1 else 9)
            interval = self._proposal.levels[level].severity
            if not math.isnan(interval.low):
                painter.setPen(QPen(QColor(t.LEVEL_COLOUR[Level(level)]), 2))
                low, high = max(interval.low, 0.0), min(interval.high, 1.0)
                painter.drawLine(QPointF(self._x(low), y), QPointF(self._x(high), y))
            if not math.isnan(severity):
                draw_mark(painter, QPointF(self._x(severity), y), level, "here", 6)

"""A short tour: three hints beside what they are about, shown at the first start and on request; Escape ends it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

Stop = tuple[QWidget, str]
_WIDTH, _GAP = 300, 12
_OWN_KEYS = (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class Tour(QFrame):
    """Lies over ``window`` and never takes it away: everything beneath goes on working. ``ended`` once, however it ends."""

    ended = Signal()

    def __init__(self, window: QWidget, stops: Sequence[Stop]) -> None:
        super().__init__(window)
        self.setProperty("role", "hint")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(_WIDTH)
        self._window, self._stops, self._place = window, list(stops), 0
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.count = QLabel()
        self.count.setProperty("role", "small")
        self.skip = QPushButton(self.tr("Close the tour"))
        self.skip.setProperty("role", "quiet")
        self.next = QPushButton()
        self.next.setProperty("role", "primary")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.count)
        row.addStretch(1)
        row.addWidget(self.skip)
        row.addWidget(self.next)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 12, 12)
        column.setSpacing(12)
        column.addWidget(self.text)
        column.addLayout(row)
        self.skip.clicked.connect(self.end)
        self.next.clicked.connect(self._on_next)
        window.installEventFilter(self)
        self._show_stop()
        self.show()
        self.raise_()

    def end(self) -> None:
        self._window.removeEventFilter(self)
        self.hide()
        self.deleteLater()
        self.ended.emit()

    def event(self, event: QEvent) -> bool:
        # Escape and Enter have a meaning on the screen beneath, too: Enter would keep a decision that nobody has made.
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _OWN_KEYS:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape or (event.key() in _OWN_KEYS and self.skip.hasFocus()):
            self.end()
        elif event.key() in _OWN_KEYS:
            self._on_next()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Resize and watched is self._window:
            self._lie_beside(self._stops[self._place][0])
        # Escape ends it wherever the focus is; what needs Escape for itself (a text field, a list that is open) keeps it.
        if watched is self._window and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            if event.type() is QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() is QEvent.Type.KeyPress:
                self.end()
                return True
        return False

    def _on_next(self) -> None:
        self._place += 1
        if self._place == len(self._stops):
            self.end()
        else:
            self._show_stop()

    def _show_stop(self) -> None:
        target, text = self._stops[self._place]
        self.text.setText(text)
        self.setAccessibleName(text)
        self.count.setText(f"{self._place + 1} / {len(self._stops)}")
        last = self._place + 1 == len(self._stops)
        self.next.setText(self.tr("Done") if last else self.tr("Next"))
        self.skip.setVisible(not last)
        layout = self.layout()
        assert layout is not None
        self.setFixedHeight(layout.totalHeightForWidth(_WIDTH))
        self._lie_beside(target)
        self.next.setFocus()

    def _lie_beside(self, target: QWidget) -> None:
        area = QRect(target.mapTo(self._window, QPoint(0, 0)), target.size())
        right, left = area.right() + _GAP, area.left() - _GAP - self.width()
        x = right if right + self.width() < self._window.width() else left
        y = min(max(area.top(), _GAP), self._window.height() - self.height() - _GAP)
        self.move(max(_GAP, x), y)

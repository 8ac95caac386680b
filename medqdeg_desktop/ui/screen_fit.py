"""Where a window may lie: wholly on its screen, title bar too. Qt tells the frame only once the window manager has made it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMargins, QObject, QRect, QSize, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

#: A title bar and thin borders, until the window manager says what they really take.
_USUAL_FRAME = QMargins(2, 32, 2, 8)
_SHARE = 0.85  # of the screen's width and height, at the first start


def fitted(wanted: QRect, frame: QMargins, available: QRect) -> QRect:
    """``wanted`` (without frame) made small enough and moved so that it and its ``frame`` lie inside ``available``."""
    inside = available.marginsRemoved(frame)
    size = wanted.size().boundedTo(inside.size())
    left = min(max(wanted.left(), inside.left()), inside.right() + 1 - size.width())
    top = min(max(wanted.top(), inside.top()), inside.bottom() + 1 - size.height())
    return QRect(left, top, size.width(), size.height())


def first_size(usual: QSize, available: QSize) -> QSize:
    """``usual``, or most of a screen that is larger than it takes: pictures are looked at side by side."""
    return usual.expandedTo(available * _SHARE)


class ScreenFit(QObject):
    """Keeps one window on its screen: at its first showing, and when it comes to another screen."""

    def __init__(self, window: QWidget, smallest: QSize, usual: QSize) -> None:
        super().__init__(window)
        self._window, self._smallest, self._usual = window, smallest, usual
        self._watching = False
        self.reset()
        window.installEventFilter(self)

    def reset(self) -> None:
        """The size of a first start, in the middle of the screen."""
        available = self._available()
        self._bound(available)
        wanted = QRect(available.topLeft(), self._first_size(available))
        wanted.moveCenter(available.center())
        self._window.setGeometry(fitted(wanted, self._frame(), available))

    def fit(self) -> None:
        """Brings the window back to where all of it can be seen; a maximised one is left to the window manager."""
        window = self._window
        if window.isMaximized() or window.isFullScreen() or window.isMinimized():
            return
        available = self._available()
        self._bound(available)
        here = window.geometry()
        there = fitted(here, self._frame(), available)
        if there != here:
            window.setGeometry(there)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Show and watched is self._window:
            handle = self._window.windowHandle()
            if handle is not None and not self._watching:
                self._watching = True
                handle.screenChanged.connect(self._on_screen_changed)
            # The frame is known a turn or two after the window manager has taken the window.
            QTimer.singleShot(0, self, self.fit)
            QTimer.singleShot(250, self, self.fit)
        return False

    def _bound(self, available: QRect) -> None:
        """No smaller than ``smallest``, unless the screen itself is."""
        self._window.setMinimumSize(self._smallest.boundedTo(available.marginsRemoved(self._frame()).size()))

    def _first_size(self, available: QRect) -> QSize:
        # Where nobody looks, a picture of the window has one size on every machine.
        offscreen = QGuiApplication.platformName() == "offscreen"
        return self._usual if offscreen else first_size(self._usual, available.size())

    def _available(self) -> QRect:
        # Without a display Qt claims 800 x 800; nobody looks at that, and a grab may have any size.
        if QGuiApplication.platformName() == "offscreen":
            return QRect(0, 0, 3840, 2160)
        return self._window.screen().availableGeometry()

    def _frame(self) -> QMargins:
        handle = self._window.windowHandle()
        margins = handle.frameMargins() if handle is not None else QMargins()
        return _USUAL_FRAME if margins.isNull() and not self._window.isVisible() else margins

    def _on_screen_changed(self) -> None:
        QTimer.singleShot(0, self, self.fit)

"""Keys that act for as long as they are held, such as Space for the original."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget
from shiboken6 import isValid

from medqdeg_desktop.ui.actions import Action


class HeldKeys(QObject):
    """Watches the window's keyboard for one workspace at a time. Text fields keep the key for themselves.

    Keys reach the widget that has the focus, else the window: these two are watched. A filter on the whole application would
    carry every event of the program, paints and timers included, into Python and back.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._owner: QWidget | None = None
        self._actions: dict[QKeySequence, Action] = {}
        self._down: Action | None = None
        self._focus: QWidget | None = None
        window.installEventFilter(self)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    def watch(self, owner: QWidget, actions: Sequence[Action]) -> None:
        """``owner``'s held actions take the place of those of the workspace before."""
        self._release()
        self._owner = owner
        self._actions = {QKeySequence(k): a for a in actions if a.held for k in a.keys}

    def _on_focus_changed(self, before: QWidget | None, now: QWidget | None) -> None:
        # A widget that is being destroyed gives the focus away as well; there is nothing left of it to take the filter from.
        if self._focus is not None and isValid(self._focus):
            self._focus.removeEventFilter(self)
        self._focus = None
        if now is not None and now is not self._window and now.window() is self._window:
            now.installEventFilter(self)
            self._focus = now

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind is QEvent.Type.WindowDeactivate and watched is self._window:
            self._release()
        elif (
            isinstance(event, QKeyEvent)
            and kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease)
            and isinstance(watched, QWidget)
            and watched.window() is self._window
        ):
            return self._on_key(watched, event, pressed=kind is QEvent.Type.KeyPress)
        return False

    def _on_key(self, watched: QWidget, event: QKeyEvent, *, pressed: bool) -> bool:
        action = self._actions.get(QKeySequence(event.keyCombination()))
        if action is None or self._owner is None:
            return False
        if isinstance(watched, QLineEdit | QTextEdit | QPlainTextEdit):
            return False
        # A button reached by Tab is pressed by Space; that is how people without a mouse press it.
        if isinstance(watched, QAbstractButton) and watched.hasFocus() and self._down is None:
            return False
        if event.isAutoRepeat():
            return True
        if pressed and self._down is None:
            self._down = action
            getattr(self._owner, action.handler)(True)
        elif not pressed:
            self._release()
        return True

    def _release(self) -> None:
        if self._down is not None and self._owner is not None:
            getattr(self._owner, self._down.handler)(False)
        self._down = None

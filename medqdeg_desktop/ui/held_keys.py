"""Keys that act for as long as they are held, such as Space for the original."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTextEdit,
    QToolButton,
    QWidget,
)
from shiboken6 import isValid

from medqdeg_desktop.ui.actions import Action

#: Keys that move the focus.
_MOVING = (Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down)


class HeldKeys(QObject):
    """Watches the window's keyboard for one workspace at a time. Text fields keep the key for themselves.

    A button keeps it only if it was reached by Tab: after a click, and after a button that went or was disabled, the key would
    press what nobody chose. An owner with a ``rest_focus`` method gets the keyboard back then.

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
        self._reached: QWidget | None = None
        self._is_moving = False
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
        if self._is_moving:
            self._reached = now
        elif now is not None and now is not self._reached:
            # Coming back from another window leaves the focus where Tab had brought it.
            self._reached = None
        if not self._is_moving and self._is_gone(before):
            self._rest()

    def _is_gone(self, button: QWidget | None) -> bool:
        """Whether the owner's ``button`` lost the focus because it cannot be pressed any more; Qt gives it to the next one."""
        if not isinstance(button, QAbstractButton) or not isValid(button) or self._owner is None:
            return False
        return (button.isHidden() or not button.isEnabled()) and self._owner.isAncestorOf(button)

    def _rest(self) -> None:
        rest = getattr(self._owner, "rest_focus", None)
        if rest is not None:
            rest()

    def _after_click(self) -> None:
        """Unless the click has moved the focus elsewhere: a dialog, a field, another screen."""
        focus = QApplication.focusWidget()
        if isinstance(focus, QPushButton | QToolButton) and self._owner is not None and self._owner.isAncestorOf(focus):
            self._rest()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind is QEvent.Type.WindowDeactivate and watched is self._window:
            self._release()
        elif kind is QEvent.Type.MouseButtonRelease and isinstance(watched, QPushButton | QToolButton):
            # A button that loses the focus while it is down is not clicked: only once it has been.
            QTimer.singleShot(0, self, self._after_click)
        elif (
            isinstance(event, QKeyEvent)
            and kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease)
            and isinstance(watched, QWidget)
            and watched.window() is self._window
        ):
            pressed = kind is QEvent.Type.KeyPress
            self._is_moving = pressed and event.key() in _MOVING
            return self._on_key(watched, event, pressed=pressed)
        return False

    def _on_key(self, watched: QWidget, event: QKeyEvent, *, pressed: bool) -> bool:
        action = self._actions.get(QKeySequence(event.keyCombination()))
        if action is None or self._owner is None:
            return False
        if isinstance(watched, QLineEdit | QTextEdit | QPlainTextEdit):
            return False
        # A button reached by Tab is pressed by Space; that is how people without a mouse press it.
        # So are the pictures of a sheet, where there is no original to show.
        chosen = watched is self._reached or bool(watched.property("keeps_space"))
        if isinstance(watched, QAbstractButton) and chosen and self._down is None:
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

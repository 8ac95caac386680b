"""The thin row above the panes: layouts, window presets, zoom, turns. All of it is in the table of actions, only shown here."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from medqdeg_desktop.engine.presets import Preset
from medqdeg_desktop.ui import theme

_GROUP = 8
#: What goes first where there is no room: it has its key, and its line in the menu.
_SPARE = ("angle", "region", "ruler", "probe", "invert", "undo", "one_to_one")


class ViewerBar(QWidget):
    """``preset_chosen`` carries the digit of a window preset picked from the menu."""

    preset_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(8, 4, 8, 4)
        self._row.setSpacing(2)
        self.window_button = QToolButton()
        self.window_button.setProperty("role", "quiet")
        self.window_button.setText(self.tr("Window"))
        self.window_button.setAccessibleName(self.tr("Window"))
        self.window_button.setToolTip(self.tr("Window presets"))
        self.window_button.setIcon(theme.icon("window"))
        self.window_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.window_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.window_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._menu = QMenu(self.window_button)
        self.window_button.setMenu(self._menu)
        self.turn_button = _menu_button("turn-right", self.tr("Flip, turn, left and right"))
        self._layouts: dict[str, QAction] = {}
        self._actions: dict[str, QAction] = {}
        self._buttons: list[QToolButton] = []
        self._more = _menu_button("more", self.tr("More"))
        self._more.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """In a narrow window the least used buttons go into a menu at the end, and the window's button is an icon."""
        beside, alone = Qt.ToolButtonStyle.ToolButtonTextBesideIcon, Qt.ToolButtonStyle.ToolButtonIconOnly
        shown = [*self._buttons, self.window_button, self.turn_button]
        self.window_button.setToolButtonStyle(beside)
        if self._needed(shown) > self.width():
            self.window_button.setToolButtonStyle(alone)
        spare = []
        for verb in _SPARE if self._needed(shown) > self.width() else ():
            button = next((b for b in shown if b.defaultAction() is self._actions.get(f"calibrate.{verb}")), None)
            if button is not None and self._needed([*shown, self._more]) > self.width():
                shown.remove(button)
                spare.append(button)
        for button in self._buttons:
            button.setVisible(button not in spare)
        self._more.setVisible(bool(spare))
        menu = self._more.menu()
        menu.clear()
        menu.addActions([button.defaultAction() for button in reversed(spare)])

    def _needed(self, buttons: Sequence[QToolButton]) -> int:
        margins = self._row.contentsMargins()
        words = sum(button.minimumSizeHint().width() + self._row.spacing() for button in buttons)
        return margins.left() + margins.right() + 3 * _GROUP + words

    def fill(self, actions: dict[str, QAction], layouts: Sequence[str]) -> None:
        """Buttons for the actions of the workspace that have an icon and belong to a viewer."""
        self._actions = actions
        for action_id in layouts:
            action = actions[action_id]
            action.setCheckable(True)
            self._layouts[action_id] = action
            self._add(action)
        self._add(actions["calibrate.sheet"])
        self._add(actions["calibrate.probe"])
        self._row.addSpacing(_GROUP)
        self._row.addWidget(self.window_button)
        self._add(actions["calibrate.invert"])
        self._row.addSpacing(_GROUP)
        for verb in ("fit", "one_to_one"):
            self._add(actions[f"calibrate.{verb}"])
        self._row.addWidget(self.turn_button)
        self._fill_turns()
        self._row.addSpacing(_GROUP)
        for verb in ("ruler", "angle", "region"):
            self._add(actions[f"calibrate.{verb}"])
        self._row.addStretch(1)
        for verb in ("undo",):
            self._add(actions[f"calibrate.{verb}"])
        self._row.addWidget(self._more)
        self.fill_presets([])
        self._fit()

    def fill_presets(self, presets: Sequence[Preset]) -> None:
        """The presets of the picture's modality with their digits."""
        self._menu.clear()
        for preset in presets:
            action = self._menu.addAction(f"{preset.name}\t{preset.key}")
            action.triggered.connect(lambda checked=False, key=preset.key: self.preset_chosen.emit(key))
        if presets:
            self._menu.addSeparator()
        for verb in ("auto_window", "file_window", "invert"):
            if f"calibrate.{verb}" in self._actions:
                self._menu.addAction(self._actions[f"calibrate.{verb}"])

    def _fill_turns(self) -> None:
        menu = self.turn_button.menu()
        for verb in ("flip_across", "flip_down", "turn_right", "turn_left", "upright"):
            menu.addAction(self._actions[f"calibrate.{verb}"])
        menu.addSection(self.tr("Left and right"))
        for verb in ("neurological", "nose_right"):
            action = self._actions[f"calibrate.{verb}"]
            action.setCheckable(True)
            menu.addAction(action)

    def mark_convention(self, *, neurological: bool, nose_right: bool) -> None:
        """What of the convention is not as usual."""
        for verb, is_on in (("neurological", neurological), ("nose_right", nose_right)):
            if f"calibrate.{verb}" in self._actions:
                self._actions[f"calibrate.{verb}"].setChecked(is_on)

    def mark_layout(self, action_id: str) -> None:
        """Which layout is in force."""
        for name, action in self._layouts.items():
            action.setChecked(name == action_id)

    def _add(self, action: QAction) -> None:
        button = QToolButton()
        button.setProperty("role", "quiet")
        button.setDefaultAction(action)
        button.setIconSize(QSize(18, 18))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(action.text())
        self._row.addWidget(button)
        self._buttons.append(button)


def _menu_button(icon: str, words: str) -> QToolButton:
    """A button that is an icon and opens a menu of its own; ``words`` name it."""
    button = QToolButton()
    button.setProperty("role", "quiet")
    button.setIcon(theme.icon(icon))
    button.setIconSize(QSize(18, 18))
    button.setToolTip(words)
    button.setAccessibleName(words)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setMenu(QMenu(button))
    return button

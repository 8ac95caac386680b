"""Actions as data: what can be done, under which name, icon and keys, in which context; and how a table of them comes alive.

Menus, toolbars, the palette (Ctrl+K) and the keys sheet (F1) are made from ``action_table.TABLE``. An action names a method of
the widget that owns its context, so that the table holds no code and can be listed, searched and checked without a window.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from medqdeg_desktop.ui import theme

#: Under which the texts of the table are translated.
CONTEXT: Final = "Action"


def said(text: str) -> str:
    """A text of the table of actions (name, group, gesture, entry of the rail) in the language of the window."""
    return QCoreApplication.translate(CONTEXT, text)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done.

    action_id  unique, ``context.verb``.
    keys       default keys in Qt's portable notation; the first is shown.
    context    "window" (everywhere) or the id of a workspace.
    handler    method of the context's owner; called with ``argument`` where one is given.
    held       acts while the key is down (called with True, then False) and is not offered in the palette.
    repeats    goes on while the key is held down.
    """

    action_id: str
    text: str
    keys: tuple[str, ...]
    context: str
    handler: str
    icon: str = ""
    argument: int | float | str | None = None
    group: str = ""
    held: bool = False
    repeats: bool = False


def bind(owner: QWidget, actions: Iterable[Action]) -> dict[str, QAction]:
    """QActions on ``owner`` with window-wide keys; they fire while ``owner`` is visible, whatever has the focus inside.

    Text fields keep plain letters for themselves, as Qt lets them. Held actions are left to ``HeldKeys``.
    """
    bound: dict[str, QAction] = {}
    for action in actions:
        if action.held:
            continue
        made = QAction(said(action.text), owner)
        made.setObjectName(action.action_id)
        if action.icon:
            made.setIcon(theme.icon(action.icon))
        give_keys(made, action)
        made.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        made.setAutoRepeat(action.repeats)
        made.triggered.connect(partial(_call, owner, action))
        owner.addAction(made)
        bound[action.action_id] = made
    return bound


def give_keys(made: QAction, action: Action) -> None:
    """Puts the keys of ``action`` on its QAction and names the first in the tool tip."""
    made.setShortcuts([QKeySequence(k, QKeySequence.SequenceFormat.PortableText) for k in action.keys])
    text = said(action.text)
    made.setToolTip(f"{text}  ({shown_keys(action.keys[:1])})" if action.keys else text)


def call(owner: QObject, action: Action) -> None:
    """Does ``action`` on the owner of its context."""
    handler = getattr(owner, action.handler)
    if action.argument is None:
        handler()
    else:
        handler(action.argument)


def _call(owner: QObject, action: Action, _checked: bool = False) -> None:
    call(owner, action)


def shown_keys(keys: Iterable[str]) -> str:
    """Keys as people read them: ``Ctrl+K``, ``Space``, ``[``."""
    return ", ".join(dict.fromkeys(_WORDS.get(k, k) for k in keys))


_WORDS = {"Return": "Enter", "PgUp": "Page up", "PgDown": "Page down", "Ctrl+Return": "Ctrl+Enter"}


def double_bindings(table: Iterable[Action]) -> list[str]:
    """Keys that would do two things at once: twice in one context, or in a context and in the whole window."""
    seen: dict[tuple[str, str], str] = {}
    table = list(table)
    contexts = {a.context for a in table} | {"window"}
    clashes = []
    for action in table:
        reach = contexts if action.context == "window" else {action.context}
        for key in action.keys:
            normal = QKeySequence(key, QKeySequence.SequenceFormat.PortableText).toString()
            for context in sorted(reach):
                other = seen.setdefault((context, normal), action.action_id)
                if other != action.action_id:
                    clashes.append(f"{normal} in {context}: {other} and {action.action_id}")
    return clashes

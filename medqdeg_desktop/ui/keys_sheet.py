"""The keys of one screen, made from the table of actions: as a sheet over the window (F1) and as a part of the help page."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QScrollArea, QVBoxLayout, QWidget

from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.action_table import GESTURES
from medqdeg_desktop.ui.actions import Action, said, shown_keys

_COLUMNS = 3
GROUP_OF_GESTURES, GROUP_OF_THE_REST, PRESETS = "Mouse over a picture", "Other", "Window presets of the modality"


def keys_html(actions: tuple[Action, ...], *, gestures: bool, count: int = _COLUMNS) -> str:
    """A table of groups in ``count`` columns; consecutive actions that differ by a digit alone (presets) take one row."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for action in actions:
        if not action.keys:
            continue
        rows = groups.setdefault(said(action.group or GROUP_OF_THE_REST), [])
        if action.handler == "apply_preset":
            if action.argument == 1:
                rows.append(("1 … 9", said(PRESETS)))
            continue
        rows.append((shown_keys(action.keys), said(action.text)))
    if gestures:
        groups[said(GROUP_OF_GESTURES)] = [(said(gesture), said(what)) for gesture, what in GESTURES]
    columns: list[list[str]] = [[] for _ in range(count)]
    filled = [0] * count
    for name, rows in groups.items():
        side = filled.index(min(filled))
        filled[side] += len(rows) + 2
        body = "".join(
            f'<tr><td style="color:{t.TEXT}; font-weight: 600; padding: 2px 20px 2px 0; white-space: nowrap">{escape(keys)}</td>'
            f'<td style="color:{t.MUTED}; padding: 2px 0">{escape(text)}</td></tr>'
            for keys, text in rows
        )
        columns[side].append(f'<p style="color:{t.ACCENT}; margin: 8px 0 4px 0">{escape(name)}</p><table>{body}</table>')
    cells = "".join(f'<td style="padding-right: 32px">{"".join(column)}</td>' for column in columns)
    return f"<table><tr>{cells}</tr></table>"


def keys_markdown(actions: tuple[Action, ...], *, gestures: bool) -> str:
    """The same as a Markdown table, for the manual."""
    lines = ["| keys | what |", "|---|---|"]
    for action in actions:
        if action.handler == "apply_preset":
            if action.argument == 1:
                lines.append(f"| 1 … 9 | {PRESETS} |")
        elif action.keys:
            keys = " or ".join(f"`{key}`" for key in shown_keys(action.keys).split(", ") if key) or "`,`"
            lines.append(f"| {keys} | {action.text} |")
    if gestures:
        lines += [f"| {gesture} | {what} |" for gesture, what in GESTURES]
    return "\n".join(lines) + "\n"


class KeysSheet(QDialog):
    """Shown over the window until Escape or F1."""

    def __init__(self, title: str, actions: tuple[Action, ...], parent: QWidget, *, gestures: bool) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        head = QLabel(title)
        head.setProperty("role", "title")
        body = QLabel(keys_html(actions, gestures=gestures))
        body.setTextFormat(Qt.TextFormat.RichText)
        body.setAlignment(Qt.AlignmentFlag.AlignTop)
        area = QScrollArea()
        area.setWidget(body)
        area.setWidgetResizable(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(12)
        column.addWidget(head)
        column.addWidget(area)
        body.adjustSize()
        limit = parent.size()
        self.resize(min(body.width() + 80, limit.width() - 48), min(body.height() + 110, limit.height() - 48))

"""One item large: the clean picture and both levels of a type in a row, the question, and how the pictures were made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from medqdeg_desktop.bank.rows import options_of
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.explore.catalogue import ItemPictures, shown_value
from medqdeg_desktop.ui.viewer.linked_panes import LinkedPanes


@dataclass(frozen=True, slots=True)
class ItemShown:
    """What the page shows of an item: the numbers of its pictures and, by level, the line and picture of the chosen type."""

    pictures: ItemPictures
    type_name: str
    lines: dict[Level, dict[str, Any]]
    images: dict[Level, MedicalImage]
    problems: dict[Level, str]


class ItemPage(QWidget):
    """``type_chosen`` carries the type to look at; ``closed`` asks for the wall."""

    type_chosen = Signal(str)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._back = QPushButton(self.tr("All pictures"))
        self._back.setIcon(theme.icon("contact-sheet"))
        self._back.setToolTip(self.tr("Back to the wall  (Esc)"))
        self._back.clicked.connect(self.closed)
        self.title = QLabel()
        self.title.setProperty("role", "title")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._facts = QLabel()
        self._facts.setProperty("role", "muted")
        head = QHBoxLayout()
        head.setContentsMargins(8, 8, 12, 8)
        head.setSpacing(12)
        head.addWidget(self._back)
        head.addWidget(self.title, 1)
        head.addWidget(self._facts)
        self._types = QHBoxLayout()
        self._types.setContentsMargins(8, 0, 8, 4)
        self._types.setSpacing(4)
        self._group = QButtonGroup(self)
        self.panes = LinkedPanes([self.tr("Clean picture"), self.tr("Picture at L1"), self.tr("Picture at L2")])
        self.question = _text("title")
        self.options = _text("")
        self.options.setTextFormat(Qt.TextFormat.RichText)
        self.parameters = _text("muted")
        words = QWidget()
        column = QVBoxLayout(words)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        for label in (self.question, self.options, self.parameters):
            column.addWidget(label)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(words)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setMinimumHeight(120)
        scroll.setMaximumHeight(230)
        self._images: list[MedicalImage | None] = [None] * len(Level)
        self._held = False
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addLayout(head)
        page.addLayout(self._types)
        page.addWidget(self.panes, 1)
        page.addWidget(scroll)

    def show_item(self, shown: ItemShown) -> None:
        """Puts an item on the page; the view stays as it is while the same item is shown."""
        line = shown.lines.get(Level.L0) or next(iter(shown.lines.values()), {})
        self._show_types(shown)
        self.title.setText(str(line.get("item_id", "")))
        facts = [line.get("modality"), line.get("task"), line.get("skill"), line.get("source")]
        self._facts.setText("  ·  ".join(str(f) for f in facts if f))
        self.question.setText(str(line.get("question", "")))
        self.options.setText(_options_html(line))
        self.parameters.setText("\n".join(self._told(level, shown) for level in Level if level in shown.lines))
        for index, level in enumerate(Level):
            pane = self.panes.panes[index]
            pane.overlay.title = f"{level}  {self._severity(shown.lines.get(level))}".strip()
            pane.overlay.mark = shown.problems.get(level, "")
        self._images = [shown.images.get(level) for level in Level]
        self._show_images()

    def hold_original(self, held: bool) -> None:
        """While held, the clean picture stands in every place."""
        self._held = held
        self._show_images()

    def _show_images(self) -> None:
        clean = self._images[0]
        self.panes.show_images([clean if self._held and image is not None else image for image in self._images])

    def _show_types(self, shown: ItemShown) -> None:
        while (entry := self._types.takeAt(0)) is not None:
            if (old := entry.widget()) is not None:
                self._group.removeButton(old)  # type: ignore[arg-type]
                old.deleteLater()
        for name in shown.pictures.types:
            button = QPushButton(shown_value("degradation", name))
            button.setCheckable(True)
            button.setChecked(name == shown.type_name)
            button.setProperty("role", "primary" if name == shown.type_name else "")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(partial(self._on_type_clicked, name))
            self._group.addButton(button)
            self._types.addWidget(button)
        self._types.addStretch(1)

    def _on_type_clicked(self, name: str) -> None:
        self.type_chosen.emit(name)

    def _severity(self, line: dict[str, Any] | None) -> str:
        if not line or not line.get("degradation"):
            return ""
        return self.tr("severity {0:.2f}").format(float(line.get("severity") or 0))

    def _told(self, level: Level, shown: ItemShown) -> str:
        line = shown.lines[level]
        size = f"{line.get('width', '?')} × {line.get('height', '?')}"
        if not line.get("degradation"):
            window = _numbers(line.get("window"))
            seen = self.tr(", window L {0:g} W {1:g}").format(*window[:2]) if len(window) >= 2 else ""
            return self.tr("{0}: clean, {1}{2}").format(level, size, seen)
        said = ", ".join(f"{key} {_short(value)}" for key, value in _mapping(line.get("parameters")).items())
        profile = str(line.get("profile") or self.tr("no profile"))
        status = f" ({line['profile_status']})" if line.get("profile_status") else ""
        return self.tr("{0}: {1}.  Levels of {2}{3}").format(level, said or self.tr("no parameters"), profile, status)


def _text(role: str) -> QLabel:
    label = QLabel()
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _options_html(line: dict[str, Any]) -> str:
    """The options in a row, the correct one marked by a tick and strong type; nothing of them is taken for markup."""
    from html import escape

    shown = []
    for letter, text in options_of(line).items():
        words = f"{letter}&nbsp;&nbsp;{escape(text)}"
        right = letter == line.get("answer")
        shown.append(f"<b>✓&nbsp;{words}</b>" if right else f'<span style="color:{t.MUTED}">{words}</span>')
    return "&nbsp;&nbsp;&nbsp;&nbsp; ".join(shown)


def _mapping(text: Any) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (TypeError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _numbers(text: Any) -> list[float]:
    try:
        value = json.loads(text or "[]")
        return [float(number) for number in value]
    except (TypeError, ValueError):
        return []


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

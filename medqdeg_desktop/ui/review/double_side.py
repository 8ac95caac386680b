"""One question of a pair: where it is from, its words with what differs marked, its pictures."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from medqdeg_desktop.study.records import Item
from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.review.doubles_reading import Side, marked_options, marked_words, readable
from medqdeg_desktop.ui.review.grid import PictureCell
from medqdeg_desktop.ui.viewer.linked_panes import PaneLink

_WORDS_HEIGHT = 150


class DoubleSide(QWidget):
    """``stays`` when the button under the question is pressed."""

    stays = Signal()

    def __init__(self, link: PaneLink, name: str, button: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self.title = label(role="title")
        self.facts = label(role="muted")
        for one in (self.title, self.facts):
            one.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.question = _rich()
        self.options = _rich()
        words = QWidget()
        column = QVBoxLayout(words)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(8)
        column.addWidget(self.question)
        column.addWidget(self.options)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(words)
        scroll.setFixedHeight(_WORDS_HEIGHT)
        scroll.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        scroll.setAccessibleName(self.tr("{0}: its words").format(name))
        self.cell = PictureCell(link)
        self.cell.call(name)
        self.problem = label(role="error", wraps=True)
        self.button = QPushButton(button)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.clicked.connect(self._on_clicked)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(4)
        for part in (self.title, self.facts, scroll, self.cell, self.problem):
            whole.addWidget(part, 1 if part is self.cell else 0)
        whole.addWidget(self.button)

    def show_side(self, side: Side, other: Item) -> None:
        item = side.item
        self.title.setText(readable(item.item_id))
        self.title.setToolTip(item.item_id)
        where = " > ".join(part for part in (item.task, item.skill) if part)
        state = self.tr("accepted") if item.state == "accepted" else ""
        parts = (str(item.modality), where, " ".join(filter(None, (item.source, item.source_id))), state)
        self.facts.setText("   ".join(part for part in parts if part))
        self.facts.setToolTip(self.facts.text())
        self.question.setText(marked_words(item.question, other.question))
        self.options.setText(marked_options(item, other))
        self.problem.setText(self.tr("Its pictures cannot be shown: {0}").format(side.problem) if side.problem else "")
        self.problem.setVisible(bool(side.problem))
        self.cell.setVisible(not side.problem)
        self.show_pictures(side)

    def show_pictures(self, side: Side, title: str = "") -> None:
        """The pictures of ``side`` with its region, which are the other one's while they are held in this place."""
        self.cell.show_images(side.images or (None,), title, waits=False)
        self.cell.show_region(side.item.region if side.images else None)

    def _on_clicked(self) -> None:
        self.stays.emit()


def _rich() -> QLabel:
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.RichText)
    made.setWordWrap(True)
    made.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
    return made

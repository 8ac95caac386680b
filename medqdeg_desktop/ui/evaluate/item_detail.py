"""One question as the model saw it: the picture at its level, the options with the votes they got, every reply."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QImage, QImageReader, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QButtonGroup,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.eval.wording import level_words
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.evaluate.item_list import score_words, title_of
from medqdeg_desktop.ui.evaluate.items import Detail, ItemIndex, Score
from medqdeg_desktop.ui.labels import label

_ROW = 30
_NARROW = 440
#: Beside an option's bar and text: what parts them from the per cent, and the place of the tick behind it.
_BESIDE, _TICK = 4, 22


class PictureBox(QWidget):
    """A picture as large as fits, on black."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 160)
        self.picture = QImage()

    def show_picture(self, picture: QImage, words: str) -> None:
        self.picture = picture
        self.setAccessibleName(words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.VIEWER))
        if self.picture.isNull():
            return
        size = self.picture.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRectF(0, 0, size.width(), size.height())
        target.moveCenter(QRectF(self.rect()).center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, self.picture)


class VoteBars(QWidget):
    """A line an option: its letter, its text, the share of votes or the probability; the right one has a tick."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._options: dict[str, str] = {}
        self._shares: dict[str, float] = {}
        self._answer = ""

    def show_votes(self, options: dict[str, str], shares: dict[str, float], answer: str) -> None:
        self._options, self._shares, self._answer = options, shares, answer
        self.setFixedHeight(_ROW * len(options))
        words = (f"{letter} {text}, {_percent(shares.get(letter, 0))}" for letter, text in options.items())
        self.setAccessibleName("; ".join(words) + self.tr("; right: {0}").format(answer))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, _ROW * max(1, len(self._options)))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # The widest of them: the right option's are bold.
        percents = QFontMetrics(theme.font(t.BODY, strong=True)).horizontalAdvance(_percent(1.0)) + 2
        room = self.width() - 28 - _BESIDE - percents - _TICK
        for i, (letter, text) in enumerate(self._options.items()):
            right = letter == self._answer
            line = QRectF(0, i * _ROW, self.width(), _ROW)
            share = self._shares.get(letter, 0.0)
            bar = QRectF(28, line.bottom() - 6, max(room * share, 0.0), 3)
            painter.fillRect(QRectF(28, line.bottom() - 6, room, 3), QColor(t.RAISED))
            painter.fillRect(bar, QColor(t.ACCENT if right else t.MUTED))
            painter.setFont(theme.font(t.BODY, strong=right))
            painter.setPen(QColor(t.TEXT))
            painter.drawText(QPointF(8, line.top() + 17), letter)
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QPointF(28, line.top() + 17), shown)
            painter.setPen(QColor(t.TEXT if share else t.MUTED))
            percent = QRectF(28 + room + _BESIDE, line.top() + 3, percents, 20)
            painter.drawText(percent, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, _percent(share))
            if right:
                theme.icon("check", t.ACCENT).paint(painter, int(percent.right()) + 4, int(line.top()) + 5, 16, 16)


class ItemDetail(QWidget):
    """``level_chosen`` asks for the same question at another level."""

    level_chosen = Signal(str)

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self.detail: Detail | None = None
        self.title = label(role="section")
        self.question = label(role="title", wraps=True)
        self.summary = label(role="muted", wraps=True)
        self.picture = PictureBox()
        self.votes = VoteBars()
        self.levels = QButtonGroup(self)
        levels = QHBoxLayout()
        levels.setSpacing(8)
        for i, level in enumerate(("L0", "L1", "L2")):
            button = QPushButton(level_words(level))
            button.setCheckable(True)
            self.levels.addButton(button, i)
            levels.addWidget(button)
        levels.addStretch(1)
        self.levels.idClicked.connect(self._on_level)
        self.replies = QTableWidget(0, 4)
        self.replies.setAccessibleName(self.tr("Replies"))
        self.replies.setHorizontalHeaderLabels([self.tr("Trial"), self.tr("Choice"), self.tr("Reply"), self.tr("State")])
        self.replies.verticalHeader().hide()
        self.replies.verticalHeader().setDefaultSectionSize(26)
        self.replies.setShowGrid(False)
        self.replies.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.replies.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.replies.setTabKeyNavigation(False)
        self.replies.setWordWrap(False)
        header = self.replies.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        for column, width in ((0, 64), (1, 76), (3, 96)):
            header.resizeSection(column, width)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        words = QVBoxLayout()
        words.setSpacing(8)
        words.addWidget(self.title)
        words.addWidget(self.question)
        words.addWidget(self.votes)
        words.addWidget(self.summary)
        words.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(self.picture, 1)
        left.addLayout(levels)
        self._row = QHBoxLayout()
        self._row.setSpacing(16)
        self._row.addLayout(left, 5)
        self._row.addLayout(words, 4)
        page = QWidget()
        whole = QVBoxLayout(page)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(12)
        whole.addLayout(self._row, 3)
        whole.addWidget(self.replies, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The words beside the picture, below it where there is no room for both."""
        super().resizeEvent(event)
        narrow = self.width() < _NARROW
        self._row.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)

    def show_detail(self, index: ItemIndex, detail: Detail, score: Score | None, model: str) -> None:
        """One question and what ``model`` said to it."""
        self.detail = detail
        row = detail.row
        self.title.setText(f"{title_of(detail.entry)}   {detail.entry.item_id}")
        self.question.setText(str(row["question"]))
        self.votes.show_votes(detail.options, detail.shares(), detail.answer)
        facts = [score_words(score)] if detail.answers else [self.tr("This run has no answer to it")]
        if model:
            facts.insert(0, model)
        facts += [text for text in (str(row.get("skill") or ""), parameter_words(str(row.get("parameters") or ""))) if text]
        self.summary.setText(" · ".join(facts))
        for i, level in enumerate(("L0", "L1", "L2")):
            self.levels.button(i).setEnabled(index.at_level(detail.entry, level) is not None)
            self.levels.button(i).setChecked(detail.entry.level == level)
        self._show_replies(detail)
        words = f"{level_words(detail.entry.level)}, {title_of(detail.entry)}"
        self._background.run("picture", partial(_read_picture, detail.picture), partial(self._on_picture, words))

    def clear(self) -> None:
        self.detail = None
        for part in (self.title, self.question, self.summary):
            part.setText("")
        self.votes.show_votes({}, {}, "")
        self.replies.setRowCount(0)
        self.picture.show_picture(QImage(), "")

    def _on_picture(self, words: str, picture: QImage) -> None:
        self.picture.show_picture(picture, words)

    def _show_replies(self, detail: Detail) -> None:
        self.replies.setRowCount(len(detail.answers))
        for i, answer in enumerate(detail.answers):
            texts = (str(answer.trial + 1), answer.choice or "–", " ".join(answer.raw.split()), answer.error or answer.status)
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column == 2:
                    item.setToolTip(answer.raw)
                if column == 1 and answer.choice == detail.answer:
                    item.setForeground(QColor(t.ACCENT))
                self.replies.setItem(i, column, item)

    def _on_level(self, index: int) -> None:
        self.level_chosen.emit(("L0", "L1", "L2")[index])


def _percent(share: float) -> str:
    """``100 %``, which is never broken over two lines."""
    return f"{share * 100:.0f}\N{NO-BREAK SPACE}%"


def parameter_words(text: str) -> str:
    """``arc 135, taper 4`` for a row's parameters (JSON)."""
    try:
        values = json.loads(text or "{}")
    except ValueError:
        return text
    return ", ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items())


def _read_picture(path: Path) -> QImage:
    return QImageReader(str(path)).read()

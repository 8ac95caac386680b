"""The panel at the right while questions are written: pictures, words, region, what is wrong, submit, and the list."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.bank.views import View
from medqdeg_desktop.bank.written_items import Standing
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.labels import label, set_role
from medqdeg_desktop.ui.writing.desk import WritingDesk
from medqdeg_desktop.ui.writing.form import QuestionForm
from medqdeg_desktop.ui.writing.question_list import QuestionList

_WIDTH = 348
_MOST_NOTES = 3
#: How a view is told in words: modality, slice, window.
Describe = Callable[[View], str]


class _Upper(QScrollArea):
    """As high as what it holds where there is room, and scrolled where there is not."""

    def __init__(self, page: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._page = page
        self.setWidget(page)

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH, self._page.sizeHint().height())


class WritingPanel(QWidget):
    """Emits what the hand did; shows what the desk says."""

    modality_chosen = Signal(str)
    picture_wanted = Signal(int)

    def __init__(self, desk: WritingDesk, describe: Describe, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(_WIDTH)
        self._desk, self._describe = desk, describe
        self._actions: dict[str, QAction] = {}
        self.kind = QComboBox()
        self.kind.setAccessibleName(self.tr("Modality"))
        self.kind.addItem(self.tr("What is this picture?"), "")
        for modality in Modality:
            self.kind.addItem(str(modality), str(modality))
        self.kind.activated.connect(lambda index: self.modality_chosen.emit(self.kind.itemData(index)))
        self.pictures = QVBoxLayout()
        self.pictures.setSpacing(2)
        self.follows = label("", "small", wraps=True)
        self.form = QuestionForm()
        self.region_told = label("", "small")
        self.region_told.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.notes = label("", "warn", wraps=True)
        self.submit = QPushButton(self.tr("Submit and next   Ctrl+Enter"))
        self.submit.setProperty("role", "primary")
        self.standing = label("", "muted", wraps=True)
        self.take_up = QPushButton(self.tr("Take it up again"))
        self.keep_options = QCheckBox(self.tr("options"))
        self.keep_question = QCheckBox(self.tr("question"))
        self.list = QuestionList()
        self._build()
        self.keep_options.setChecked(desk.template.options)
        self.keep_options.toggled.connect(partial(setattr, desk.template, "options"))
        self.keep_question.toggled.connect(partial(setattr, desk.template, "question"))
        self.form.changed.connect(lambda: desk.type(self.form.words))
        self.list.chosen.connect(desk.open)
        desk.replaced.connect(self._on_replaced)
        desk.checked.connect(self._on_checked)

    def _build(self) -> None:
        page = QWidget()
        self._upper = QVBoxLayout(page)
        self._upper.setContentsMargins(16, 12, 16, 8)
        self._upper.setSpacing(4)
        self.picture_row = QHBoxLayout()
        self.picture_row.setSpacing(4)
        self.picture_row.addWidget(label(self.tr("The question is about"), "section"), 1)
        self._upper.addLayout(self.picture_row)
        self._upper.addWidget(self.kind)
        self._upper.addLayout(self.pictures)
        self._upper.addWidget(self.follows)
        self.region_row = QHBoxLayout()
        self.region_row.setSpacing(4)
        self._upper.addLayout(self.region_row)
        self._upper.addSpacing(4)
        self._upper.addWidget(self.form)
        page.setProperty("role", "panel")
        page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        keep = QHBoxLayout()
        keep.setSpacing(12)
        keep.addWidget(label(self.tr("The next one keeps"), "small"))
        keep.addWidget(self.keep_options)
        keep.addWidget(self.keep_question)
        keep.addStretch(1)
        foot = QVBoxLayout()
        foot.setContentsMargins(16, 4, 16, 12)
        foot.setSpacing(4)
        foot.addWidget(self.notes)
        foot.addWidget(self.standing)
        foot.addWidget(self.take_up)
        foot.addLayout(keep)
        foot.addWidget(self.submit)
        foot.addSpacing(8)
        foot.addWidget(self.list, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(_Upper(page))
        column.addLayout(foot, 1)

    def fill(self, actions: dict[str, QAction]) -> None:
        """Buttons from the table of actions."""
        self._actions = actions
        for verb in ("here", "add_picture"):
            self.picture_row.addWidget(_tool(actions[f"writing.{verb}"]))
        for verb in ("box", "ellipse", "contour", "region_delete"):
            self.region_row.addWidget(_tool(actions[f"writing.{verb}"]))
        self.region_row.addSpacing(4)
        self.region_row.addWidget(self.region_told, 1)
        self.submit.clicked.connect(actions["writing.submit"].trigger)
        self.submit.setToolTip(actions["writing.submit"].toolTip())
        self.take_up.clicked.connect(actions["writing.take_up"].trigger)

    # -- told -------------------------------------------------------------------------------------------------

    def show_kind(self, modality: Modality | None, *, known: bool) -> None:
        """``known``: the file says what it is; otherwise the reader is asked."""
        self.kind.setVisible(not known)
        self.kind.setCurrentIndex(max(0, self.kind.findData(str(modality or ""))))

    def show_facts(self) -> None:
        """Pictures, region and standing of the question in front."""
        desk, draft = self._desk, self._desk.draft
        while (old := self.pictures.takeAt(0)) is not None:
            widget = old.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for number, view in enumerate(draft.pictures if draft else ()):
            self.pictures.addWidget(self._picture_row(number, view, several=bool(draft and draft.others)))
        if draft is None:
            text = self.tr("Open a picture whose modality is known.")
        elif not desk.frozen:
            text = self.tr("Follows the picture shown, until you type.")
        elif desk.picture_number is None:
            text = self.tr("Another picture is shown. Alt+G goes to the question's own.")
        elif not desk.exactly_shown:
            text = self.tr("Shown through another window than the question's. Alt+P takes this one.")
        else:
            text = self.tr("Frozen as it is shown.")
        self.follows.setText(text)
        region = draft.region if draft else None
        if region is None:
            told = self.tr("no region")
        elif region.get("patient"):
            told = self.tr("{0} in pixels and mm").format(region.get("kind"))
        else:
            told = self.tr("{0} in pixels").format(region.get("kind"))
        self.region_told.setText(told)
        editable = desk.editable and draft is not None
        for name in ("box", "ellipse", "contour", "here", "add_picture", "submit", "discard"):
            if f"writing.{name}" in self._actions:
                self._actions[f"writing.{name}"].setEnabled(editable)
        self.submit.setVisible(desk.standing is Standing.DRAFT)
        self.submit.setEnabled(editable)
        self.take_up.setVisible(desk.standing is not Standing.DRAFT)
        words = {
            Standing.SUBMITTED: self.tr("Submitted. It waits for review."),
            Standing.IN_REVIEW: self.tr("In review. Taking it up again ends this review."),
            Standing.ACCEPTED: self.tr("Accepted in review. Taking it up again makes a new version, to be reviewed anew."),
            Standing.REMOVED: self.tr("Removed or discarded. Taking it up again makes it a draft."),
        }
        self.standing.setText(words.get(desk.standing, ""))
        self.standing.setVisible(desk.standing is not Standing.DRAFT)

    def _picture_row(self, number: int, view: View, *, several: bool) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        shown = self._desk.picture_number == number
        words = f"{number + 1}  {self._describe(view)}" if several else self._describe(view)
        room = _WIDTH - (96 if several else 56)
        button = QPushButton(self.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room))
        button.setProperty("role", "quiet")
        button.setToolTip(self.tr("{0}\nGo to this picture  (Alt+G)").format(words))
        # A long description is cut at the panel's edge; it never makes the panel wider.
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        button.setCheckable(True)
        button.setChecked(shown and several)
        button.clicked.connect(partial(self.picture_wanted.emit, number))
        line.addWidget(button, 1)
        if several and self._desk.editable:
            drop = QToolButton()
            drop.setProperty("role", "quiet")
            drop.setIcon(theme.icon("close", t.MUTED))
            drop.setAccessibleName(self.tr("Take this picture out of the question"))
            drop.setToolTip(drop.accessibleName())
            drop.clicked.connect(partial(self._desk.drop_picture, number))
            line.addWidget(drop)
        return row

    def _on_replaced(self) -> None:
        self.form.show_draft(self._desk.draft, editable=self._desk.editable)
        self.notes.clear()
        self.notes.hide()
        self.show_facts()

    def _on_checked(self, lacking: list[str], doubtful: list[str]) -> None:
        """Nothing is held against a question that nobody has begun; a draft says what it lacks, and what looks wrong."""
        desk = self._desk
        if not desk.frozen or desk.standing is not Standing.DRAFT:
            self.notes.hide()
            return
        notes = doubtful or lacking
        set_role(self.notes, "warn" if doubtful else "muted")
        words = [note[:1].upper() + note[1:] for note in notes[:_MOST_NOTES]]
        if not doubtful and len(lacking) > 1:
            words = [self.tr("Still open: {0}").format("; ".join(lacking[:_MOST_NOTES]))]
        self.notes.setText("\n".join(words))
        self.notes.setToolTip("\n".join([*doubtful, *lacking]))
        self.notes.setVisible(bool(notes))


def _tool(action: QAction) -> QToolButton:
    button = QToolButton()
    button.setDefaultAction(action)
    button.setIconSize(QSize(18, 18))
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setAccessibleName(action.text())
    return button

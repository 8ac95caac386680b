"""The live probe under the pictures: a question, the model's answer as bars, and its curve over severity as it fills in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.calibrate.kept import LevelMark
from medqdeg_desktop.ui.evaluate.model_folder import ModelFolder, describe
from medqdeg_desktop.ui.labels import ElidedComboBox, label, set_role
from medqdeg_desktop.ui.probe.curve import as_csv
from medqdeg_desktop.ui.probe.curve_view import CurveView, flip_words
from medqdeg_desktop.ui.probe.desk import Picture, ProbeDesk
from medqdeg_desktop.ui.probe.model_choice import ModelChoice, reference_model
from medqdeg_desktop.ui.probe.model_process import ModelProcess, State
from medqdeg_desktop.ui.probe.option_bars import OptionBars
from medqdeg_desktop.ui.probe.questions import Place, ProbeQuestion, about
from medqdeg_desktop.ui.probe.typed_page import TypedPage
from medqdeg_desktop.ui.probe.wording import how_it_is_asked, tip

HEIGHT: Final = 256
_NARROW: Final = 480
#: Below this share of the next token's probability the letters say little of what the model would have replied.
_LITTLE_MASS: Final = 0.5


class ProbeStrip(QWidget):
    """``severity_wanted``: a place of the curve was clicked; ``closed``: the strip is to go; ``said``: one line for the foot."""

    severity_wanted = Signal(float)
    closed = Signal()
    said = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT)
        self._background = Background(self)
        self.process = ModelProcess(self)
        self.desk = ProbeDesk(self.process, self)
        self.questions: list[ProbeQuestion] = []
        self._typed: list[ProbeQuestion] = []
        self._place: Place | None = None
        self._samples = Path()
        self._described: ModelFolder | None = None
        self._window_differs = self._narrow = False
        self.model = ModelChoice()
        self.question = ElidedComboBox()
        self.question.setAccessibleName(self.tr("Question"))
        self.question.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.question.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.fill = QPushButton(self.tr("Fill the curve"))
        self.fill.setToolTip(self.tr("Asks at 21 severities from 0 to 1, then looks for each flip more closely"))
        self.copy = _quiet("export", self.tr("Copy the points as CSV"))
        self.close_button = _quiet("close", self.tr("Close the probe  (Q)"))
        self.words = label(role="muted")
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.bars = OptionBars()
        self.curve = CurveView()
        self.findings = label(role="small")
        self.facts = label(role="small")
        self.typed = TypedPage()
        self.message = label(wraps=True)
        self.loading = QProgressBar()
        self.loading.setRange(0, 0)
        self.first, self.second = QPushButton(), QPushButton(self.tr("Another folder…"))
        self.pages = QStackedWidget()
        self._body = QGridLayout()
        self._build()
        self._connect()
        self._show()

    # -- told by its place -------------------------------------------------------------------------------------

    def follow(self, picture: Picture | None, severity: float, *, window_differs: bool) -> None:
        """What is in front and where the slider is; called at each step of it."""
        self._window_differs = window_differs
        self.desk.follow(picture, severity)
        self.curve.show_curve(self.desk.question, self.desk.curve, severity)

    def show_marks(self, marks: Sequence[LevelMark]) -> None:
        self.curve.show_marks(marks)

    def offer_questions(self, study: Path | None, samples: Path, place: Place | None, modality: Modality | None) -> None:
        """Another picture is in front: looks for questions about it."""
        if place is None:
            self._place = None
            self._background.drop("questions")
            self.desk.put(None)
            return
        if place != self._place:
            self._place, self._samples = place, samples
            work = partial(about, study, samples, place, modality)
            self._background.run("questions", work, self._on_questions, self._on_no_questions)

    def start_model(self, folder: Path, *, trust: bool = False) -> None:
        """Looks at the folder first, then loads it in a process of its own."""
        self.model.show_model(folder)
        self._described = None
        self._background.run("folder", partial(describe, folder, trust=trust), partial(self._on_described, folder, trust))
        self._show()

    def begin(self) -> None:
        """The strip was opened: the model used last, or the reference model, unless one is there."""
        if self.process.state is State.OFF:
            folder = self.model.current or reference_model()
            if folder is not None:
                self.start_model(folder)

    def rest(self) -> None:
        """The strip is not looked at: no process, nothing asked."""
        self._background.drop("folder")
        self.desk.follow(None, 0.0)
        self.process.stop()

    def close_down(self) -> None:
        self._background.close()
        self.process.close()

    def resizeEvent(self, event: QResizeEvent) -> None:
        # Fixed sizes: a new number is painted and lays nothing out while the slider moves.
        inner = self.width() - 40
        # In the smallest window question and flips need the room more than names and repeated numbers.
        if self._narrow != (self.width() < _NARROW):
            self._narrow = not self._narrow
            self.model.show_short(self._narrow)
            self._lay_out_body()
        for line in (self.findings, self.facts):
            line.setFixedSize(inner + 16, 16)
        self.model.setMaximumWidth(84 if self._narrow else 240)
        self.fill.setFixedWidth(36 if self._narrow else 116)
        self.fill.setIcon(theme.icon("play") if self._narrow else QIcon())
        self._show_fill()
        self._show_answer()
        super().resizeEvent(event)

    # -- building ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(12, 8, 8, 0)
        head.setSpacing(8)
        for widget, stretch in ((self.model, 0), (self.question, 1), (self.fill, 0), (self.copy, 0), (self.close_button, 0)):
            head.addWidget(widget, stretch)
        body = self._body
        body.setHorizontalSpacing(16)
        body.setVerticalSpacing(4)
        body.setColumnStretch(0, 1)
        body.setColumnStretch(1, 1)
        body.setRowStretch(1, 1)
        self._lay_out_body()
        answers = QWidget()
        column = QVBoxLayout(answers)
        column.setContentsMargins(12, 4, 12, 4)
        column.setSpacing(2)
        column.addLayout(body, 1)
        # A line each: beside what was found, the model's caveat would be cut.
        column.addWidget(self.findings)
        column.addWidget(self.facts)
        state = QWidget()
        said = QVBoxLayout(state)
        said.setContentsMargins(16, 8, 16, 16)
        said.setSpacing(12)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.first)
        buttons.addWidget(self.second)
        buttons.addStretch(1)
        said.addStretch(1)
        said.addWidget(self.message)
        said.addWidget(self.loading)
        said.addLayout(buttons)
        said.addStretch(1)
        self._answers, self._state = answers, state
        for page in (answers, self.typed, state):
            self.pages.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addWidget(self.pages, 1)

    def _lay_out_body(self) -> None:
        """Bars beside the curve, the question above the bars; in a narrow strip above both, so that it can be read."""
        self._body.addWidget(self.words, 0, 0, 1, 2 if self._narrow else 1)
        self._body.addWidget(self.bars, 1, 0)
        top, rows = (1, 1) if self._narrow else (0, 2)
        self._body.addWidget(self.curve, top, 1, rows, 1)

    def _connect(self) -> None:
        self.model.chosen.connect(self.start_model)
        self.model.stop_wanted.connect(self._on_put_away)
        self.question.activated.connect(self._on_question_chosen)
        self.fill.clicked.connect(self.desk.sweep)
        self.copy.clicked.connect(self.copy_csv)
        self.close_button.clicked.connect(self.closed)
        self.curve.severity_clicked.connect(self.severity_wanted)
        self.typed.asked.connect(self._on_typed)
        self.typed.cancelled.connect(self._on_typing_cancelled)
        self.first.clicked.connect(self._on_first)
        self.second.clicked.connect(self.model.choose_folder)
        self.process.changed.connect(self._show)
        self.desk.changed.connect(self._show)

    # -- questions ---------------------------------------------------------------------------------------------

    def _on_questions(self, found: list[ProbeQuestion]) -> None:
        before = self.desk.question
        self.questions = [*found, *self._typed]
        box = self.question
        box.blockSignals(True)
        box.clear()
        for question in self.questions:
            box.addItem(question.text)
            box.setItemData(box.count() - 1, tip(question), Qt.ItemDataRole.ToolTipRole)
        box.insertSeparator(box.count())
        box.addItem(self.tr("Type a question…"))
        box.blockSignals(False)
        same = next((k for k, q in enumerate(self.questions) if q == before), None)
        if same is None and before is not None:
            # The same words about another picture: its right answer may be another one.
            alike = (k for k, q in enumerate(self.questions) if q.text == before.text)
            same = next(alike, None)
        self._choose(same if same is not None else 0)

    def _on_no_questions(self, error: str) -> None:
        self.said.emit(error)
        self._on_questions([])

    def _choose(self, index: int) -> None:
        question = self.questions[index] if index < len(self.questions) else None
        self.question.setCurrentIndex(index if question is not None else -1)
        self.question.setToolTip(tip(question) if question is not None else "")
        self.desk.put(question)
        self._show()

    def _on_question_chosen(self, index: int) -> None:
        if index < len(self.questions):
            self.pages.setCurrentWidget(self._answers)
            self._choose(index)
        else:
            self.pages.setCurrentWidget(self.typed)
            self.typed.open()

    def _on_typed(self, question: ProbeQuestion) -> None:
        self._typed = [*(known for known in self._typed if known != question), question]
        found = [known for known in self.questions if known.origin != "typed"]
        self.pages.setCurrentWidget(self._answers)
        self._on_questions(found)
        self._choose(self.questions.index(question))

    def _on_typing_cancelled(self) -> None:
        self.pages.setCurrentWidget(self._answers)
        current = self.desk.question
        self._choose(self.questions.index(current) if current in self.questions else 0)

    # -- the model ---------------------------------------------------------------------------------------------

    def _on_described(self, folder: Path, trust: bool, described: ModelFolder) -> None:
        self._described = described
        if described.problem:
            self.process.refuse(folder, described.problem)
        else:
            self.process.start(folder, trust_remote_code=trust)

    def _on_first(self) -> None:
        folder = self.model.current
        if folder is None:
            return
        consent = self._described is not None and self._described.wants_consent
        self.start_model(folder, trust=consent)

    def _on_put_away(self) -> None:
        self.process.stop()

    # -- showing -----------------------------------------------------------------------------------------------

    def copy_csv(self) -> None:
        """The points of the curve to the clipboard; they are kept nowhere else."""
        subject = self.desk.subject
        points = len(self.desk.curve.points)
        if subject is None or not points:
            self.said.emit(self.tr("No points to copy yet"))
            return
        picture, question = subject.picture, subject.question
        options = " | ".join(f"{letter}. {text}" for letter, text in question.options)
        facts = {
            "degradation": picture.type_name,
            "seed": str(picture.seed),
            "custom": " ".join(f"{name}={value}" for name, value in picture.overrides),
            "picture_sha256": picture.source.sha256,
            "question": question.text,
            "options": options,
            "answer": question.answer,
            "model": Path(subject.model).name,
            "precision": str(self.process.facts.get("precision", "")),
        }
        QApplication.clipboard().setText(as_csv(self.desk.curve, question.letters, facts))
        self.said.emit(self.tr("{0} points copied as CSV").format(points))

    def _show(self) -> None:
        state = self.process.state
        told = self._told(state)
        typing = self.pages.currentWidget() is self.typed
        if not typing:
            self.pages.setCurrentWidget(self._answers if told is None else self._state)
        if told is not None:
            self.message.setText(told[0])
            set_role(self.message, "error" if state in (State.FAILED, State.DIED) else "muted")
            self.first.setText(told[1])
            self.first.setVisible(bool(told[1]))
            self.second.setVisible(state in (State.FAILED, State.DIED, State.OFF))
            self.loading.setVisible(state is State.LOADING)
        self._show_answer()

    def _told(self, state: State) -> tuple[str, str] | None:
        """What stands in the way of an answer, and what the first button does about it; None where nothing does."""
        name = self.model.current.name if self.model.current is not None else ""
        question = self.desk.question
        if state is State.MISSING:
            text = self.tr(
                "Local models need torch and transformers, which are not installed. "
                "Install them with:  pip install 'medqdeg-desktop[local]'  and open the probe again."
            )
            return text, self.tr("Look again")
        if state is State.OFF:
            return self.tr("No model is loaded."), self.tr("Load {0}").format(name) if name else ""
        if state is State.LOADING:
            return self.tr("Loading {0} in a process of its own…").format(name), ""
        if state is State.FAILED:
            if self._described is not None and self._described.wants_consent:
                return (
                    self.tr("{0} brings code of its own. It is not run unless you have read it and say so.").format(name),
                    self.tr("Run its code"),
                )
            return self.tr("{0} could not be loaded: {1}").format(name, self.process.reason), self.tr("Try again")
        if state is State.DIED:
            return self.tr("The process of {0} is gone: {1}").format(name, self.process.reason), self.tr("Restart")
        if self._place is None:
            return self.tr("Open a picture, and the model is asked about it."), ""
        if question is None:
            return self.tr("Looking for questions about this picture…"), ""
        if not question.can_be_asked:
            return self.tr("This question has no options: “{0}”. Choose another one, or type it with options.").format(
                question.text
            ), ""
        return None

    def _show_answer(self) -> None:
        desk = self.desk
        question, shown = desk.question, desk.shown
        asked = question if question is not None and question.can_be_asked else None
        self._show_words(asked.text if asked is not None else "")
        behind = shown is not None and shown.severity != desk.severity
        self.bars.show_answer(asked, shown, behind=behind)
        self.curve.show_curve(asked, desk.curve, desk.severity)
        ready = desk.subject is not None
        self._show_fill()
        self.copy.setEnabled(ready and bool(desk.curve.points))
        self.findings.setText(self._findings())
        self.findings.setToolTip(self.findings.text())
        set_role(self.findings, "error" if desk.error else "small")
        facts = self._facts()
        room = self.facts.maximumWidth()
        self.facts.setText(self.facts.fontMetrics().elidedText(facts, Qt.TextElideMode.ElideRight, room))
        self.facts.setToolTip(f"{facts}\n{how_it_is_asked()}")

    def _show_words(self, text: str) -> None:
        """One line, cut where it must be: the options are painted right below it."""
        self.words.setToolTip(text)
        room = self.width() - 24 if self._narrow else self.width() // 2 - 24
        self.words.setText(self.words.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room))

    def _show_fill(self) -> None:
        desk = self.desk
        done, of = desk.swept
        self.fill.setEnabled(desk.subject is not None and not desk.is_sweeping and done < of)
        words = self.tr("{0} of {1}").format(done, of) if desk.is_sweeping else self.tr("Fill the curve")
        self.fill.setAccessibleName(words)
        self.fill.setText("" if self._narrow else words)

    def _findings(self) -> str:
        desk = self.desk
        if desk.error:
            return desk.error
        flips = desk.flips
        if flips:
            more = self.tr("  and {0} more").format(len(flips) - 1) if len(flips) > 1 else ""
            return self.tr("Answer flips {0}").format(flip_words(flips[0])) + more
        points = desk.curve.points
        if len(points) > 1:
            return self.tr("No flip among {0} severities tried: {1}").format(len(points), points[0].top)
        return ""

    def _knows_not(self) -> bool:
        """The reference model has seen the product's phantoms alone, and the picture in front is none of them."""
        if self._place is None or self.model.current is None or self.model.current != reference_model():
            return False
        return not Path(self._place.path).is_relative_to(self._samples)

    def _facts(self) -> str:
        parts = []
        if self._knows_not():
            parts.append(self.tr("this model knows only the built-in phantoms"))
        shown = self.desk.shown
        if shown is not None:
            parts.append(self.tr("severity {0:.3f}").format(shown.severity))
            if shown.option_mass < _LITTLE_MASS:
                parts.append(self.tr("only {0:.0%} of the reply's probability on the letters").format(shown.option_mass))
        if self._window_differs:
            parts.append(self.tr("asked in the file's window"))
        return "  ·  ".join(parts)


def _quiet(icon: str, words: str) -> QToolButton:
    button = QToolButton()
    button.setProperty("role", "quiet")
    button.setIcon(theme.icon(icon))
    button.setIconSize(QSize(18, 18))
    button.setToolTip(words)
    button.setAccessibleName(words)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button

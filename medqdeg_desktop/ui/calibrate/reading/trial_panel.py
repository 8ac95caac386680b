"""What a reader is asked: where they are, the sentence of the level, the slider without numbers, and one primary action."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QProgressBar, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.calibration.trials import Trial
from medqdeg_desktop.calibration.verification import STEPS
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.calibrate.decisions import REJECTIONS
from medqdeg_desktop.ui.calibrate.level_rows import LevelBadge
from medqdeg_desktop.ui.calibrate.severity_slider import SeveritySlider
from medqdeg_desktop.ui.vocabulary import in_words, type_words


class TrialPanel(QWidget):
    """Shows one trial and emits what the reader did; nothing else in a session can be clicked."""

    confirmed = Signal()
    declined = Signal()
    rejected = Signal(str)
    rated = Signal(int)
    side_chosen = Signal(str)
    paused = Signal()
    went_on = Signal()
    locate_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(324)
        self.place = QLabel()
        self.place.setProperty("role", "section")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.badges = {level: LevelBadge(level) for level in Level}
        self.what = QLabel()
        self.what.setFont(theme.font(t.TITLE, strong=True))
        self.what.setWordWrap(True)
        self.anchor = QLabel()
        self.anchor.setFont(theme.font(t.TITLE))
        self.anchor.setWordWrap(True)
        self.slider = SeveritySlider()
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.ends = QWidget()
        ends = QHBoxLayout(self.ends)
        ends.setContentsMargins(0, 0, 0, 0)
        ends.addWidget(_small(self.tr("original")))
        ends.addStretch(1)
        ends.addWidget(_small(self.tr("unusable")))
        self.primary = _button("primary", self.confirmed.emit)
        self.primary.setMinimumHeight(36)
        self.secondary = _button("", self.declined.emit)
        self.steps = QWidget()
        steps = QVBoxLayout(self.steps)
        steps.setContentsMargins(0, 0, 0, 0)
        self.step_buttons = []
        for number, name in enumerate(STEPS):
            button = _button("", lambda _checked=False, n=number: self.rated.emit(n))
            button.setText(f"{number}   {name}")
            self.step_buttons.append(button)
            steps.addWidget(button)
        self.sides = QWidget()
        sides = QHBoxLayout(self.sides)
        sides.setContentsMargins(0, 0, 0, 0)
        self.left = _button("", lambda: self.side_chosen.emit("first"))
        self.left.setText(self.tr("←   Left is worse"))
        self.right = _button("", lambda: self.side_chosen.emit("second"))
        self.right.setText(self.tr("Right is worse   →"))
        sides.addWidget(self.left)
        sides.addWidget(self.right)
        self.hint = _small("")
        self.hint.setWordWrap(True)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setProperty("role", "muted")
        self.note.setMinimumHeight(36)
        self.locate = _button("", self.locate_clicked.emit)
        self.locate.setText(self.tr("Look for the pictures in a folder…"))
        self.rest = self._break_box()
        self.pause = _button("quiet", self.paused.emit)
        self.pause.setText(self.tr("Pause   Esc"))
        self._lay_out()
        self.locate.hide()
        self.rest.hide()

    def _break_box(self) -> QFrame:
        box = QFrame()
        box.setProperty("role", "raised")
        column = QVBoxLayout(box)
        column.setContentsMargins(12, 8, 12, 12)
        self.rest_text = QLabel()
        self.rest_text.setWordWrap(True)
        stop = _button("", self.paused.emit)
        stop.setText(self.tr("Take a break"))
        on = _button("quiet", self.went_on.emit)
        on.setText(self.tr("Go on"))
        row = QHBoxLayout()
        row.addWidget(stop)
        row.addWidget(on)
        column.addWidget(self.rest_text)
        column.addLayout(row)
        return box

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 12)
        column.setSpacing(8)
        column.addWidget(self.place)
        column.addWidget(self.bar)
        column.addSpacing(12)
        title = QHBoxLayout()
        title.setSpacing(8)
        for badge in self.badges.values():
            badge.set_kind("here")
            title.addWidget(badge)
        title.addWidget(self.what, 1)
        column.addLayout(title)
        column.addWidget(self.anchor)
        column.addSpacing(12)
        column.addWidget(self.slider)
        column.addWidget(self.ends)
        column.addSpacing(12)
        for widget in (self.primary, self.steps, self.sides, self.secondary, self.hint, self.note, self.locate):
            column.addWidget(widget)
        column.addStretch(1)
        column.addWidget(self.rest)
        column.addWidget(self.pause)

    # -- told by the session ----------------------------------------------------------------------------------

    def show_trial(self, trial: Trial, done: int, total: int, anchors: dict[str, str]) -> None:
        """``done`` trials of ``total`` are answered."""
        self.place.setText(self.tr("Trial {0} of {1}").format(done + 1, total))
        self.bar.setRange(0, max(1, total))
        self.bar.setValue(done)
        self.note.clear()
        self.locate.hide()
        sets = trial.kind in ("set", "catch")
        for widget, shown in (
            (self.slider, sets),
            (self.ends, sets),
            (self.primary, sets or trial.kind == "clean"),
            (self.secondary, sets or trial.kind == "clean"),
            (self.steps, trial.kind == "rate"),
            (self.sides, trial.kind == "pair"),
        ):
            widget.setVisible(shown)
        for level, badge in self.badges.items():
            badge.setVisible((sets and level is trial.level) or (trial.kind == "clean" and level is Level.L0))
        self.hint.setText(self.tr("Hold Space for the original. F1 shows the keys."))
        if sets:
            self.what.setText(f"{trial.level} · {type_words(trial.type)}")
            self.anchor.setText(anchors[str(trial.level)])
            self.primary.setText(self.tr("This is {0}   Enter").format(trial.level))
            self.secondary.setText(self.tr("{0} cannot be set here   X").format(trial.level))
            self.slider.set_severity(trial.start)
        elif trial.kind == "clean":
            self.what.setText(self.tr("L0 · the clean picture"))
            self.anchor.setText(self.tr("Is it of diagnostic quality?"))
            self.primary.setText(self.tr("Diagnostic   Enter"))
            self.secondary.setText(self.tr("Reject…   X"))
            self.hint.setText(self.tr("F1 shows the keys."))
        elif trial.kind == "rate":
            self.what.setText(self.tr("How degraded is the right picture?"))
            self.anchor.setText(self.tr("moderate: {0}\n\nsevere: {1}").format(anchors[str(Level.L1)], anchors[str(Level.L2)]))
        else:
            self.what.setText(self.tr("Which is worse for reading?"))
            self.hint.setText(self.tr("F1 shows the keys."))
            self.anchor.setText(self.tr("Two degradations of one picture. There is no right answer."))

    def allow(self, allowed: bool) -> None:
        """While a picture or an answer is on its way, nothing can be answered."""
        for widget in (self.primary, self.secondary, self.slider, self.steps, self.sides):
            widget.setEnabled(allowed)

    def tell(self, text: str, *, missing: bool = False) -> None:
        """One line under the actions; ``missing`` offers to look for pictures."""
        self.note.setText(text)
        self.locate.setVisible(missing)

    def prompt_break(self, minutes: float) -> None:
        self.rest_text.setText(
            self.tr("{0:.0f} minutes of reading. Eyes get used to what they see: a break makes the next trials better.").format(
                minutes
            )
        )
        self.rest.show()

    def ask_reason(self, otherwise: Callable[[], None]) -> None:
        """The reasons of a rejection, by mouse or by digit."""
        menu = QMenu(self)
        for number, reason in enumerate(REJECTIONS, 1):
            menu.addAction(f"&{number}  {in_words(reason)}").setData(reason)
        menu.addSeparator()
        menu.addAction(self.tr("&9  another reason…")).setData("")
        menu.triggered.connect(lambda action: self.rejected.emit(action.data()) if action.data() else otherwise())
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.secondary.mapToGlobal(QPoint(0, self.secondary.height())))


def _small(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "small")
    return label


def _button(role: str, clicked: Callable[..., None]) -> QPushButton:
    button = QPushButton()
    if role:
        button.setProperty("role", role)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.clicked.connect(lambda _checked=False: clicked())
    return button

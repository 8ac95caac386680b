"""The panel at the right: degradation, slider, levels, parameters, and the one step that comes next."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QScrollArea, QVBoxLayout, QWidget

from medqdeg_desktop.study.records import CleanDecision
from medqdeg_desktop.taxonomy import LEVEL_ANCHORS, Level, Modality
from medqdeg_desktop.ui.calibrate.decisions import REJECTIONS
from medqdeg_desktop.ui.calibrate.kept import LevelMark, out_of_order
from medqdeg_desktop.ui.calibrate.level_rows import LevelRow
from medqdeg_desktop.ui.calibrate.parameter_drawer import ParameterDrawer
from medqdeg_desktop.ui.calibrate.severity_slider import SeveritySlider
from medqdeg_desktop.ui.calibrate.type_chooser import TypeChooser
from medqdeg_desktop.ui.study_session import local_clock
from medqdeg_desktop.ui.vocabulary import in_words


class CalibratePanel(QScrollArea):
    """Emits what the reader did; shows what it is told."""

    level_decided = Signal(str)
    level_looked = Signal(str)
    rejected = Signal(str)
    reject_otherwise = Signal()
    modality_chosen = Signal(str)
    next_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedWidth(324)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        page = QWidget()
        page.setProperty("role", "panel")
        page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWidget(page)

        self.kind = QComboBox()
        self.kind.setAccessibleName(self.tr("Modality"))
        self.kind.addItem(self.tr("What is this picture?"), "")
        for modality in Modality:
            self.kind.addItem(str(modality), str(modality))
        self.kind.activated.connect(self._on_kind_activated)
        self.types = TypeChooser()
        self.slider = SeveritySlider()
        self.severity = QLabel("0.00")
        self.severity.setProperty("role", "muted")
        # A fixed size: a new number is painted and lays nothing out.
        self.severity.setFixedSize(40, 18)
        self.severity.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.drawer = ParameterDrawer()
        self.rows = {
            Level.L0: LevelRow(Level.L0, self.tr("Diagnostic")),
            Level.L1: LevelRow(Level.L1, self.tr("Set L1")),
            Level.L2: LevelRow(Level.L2, self.tr("Set L2")),
        }
        self.reject = QPushButton(self.tr("Reject…"))
        self.rows[Level.L0].add(self.reject)
        self.reject.clicked.connect(self.ask_reason)
        for row in self.rows.values():
            row.looked.connect(self.level_looked)
            row.decided.connect(self.level_decided)
        self.rows[Level.L0].look.hide()

        self._step_title = QLabel()
        self._step_title.setProperty("role", "section")
        self._anchor = QLabel()
        self._anchor.setWordWrap(True)
        self.next = QPushButton()
        self.next.setProperty("role", "primary")
        self.next.clicked.connect(self.next_clicked)
        step = self.step_box = QFrame()
        step.setProperty("role", "raised")
        inner = QVBoxLayout(step)
        inner.setContentsMargins(12, 8, 12, 12)
        inner.setSpacing(8)
        for widget in (self._step_title, self._anchor, self.next):
            inner.addWidget(widget)

        head = QHBoxLayout()
        head.addWidget(_section(self.tr("Severity")))
        head.addStretch(1)
        head.addWidget(self.severity)
        column = QVBoxLayout(page)
        column.setContentsMargins(16, 12, 16, 16)
        column.setSpacing(4)
        column.addWidget(_section(self.tr("Degradation")))
        column.addWidget(self.kind)
        column.addWidget(self.types)
        column.addSpacing(12)
        column.addLayout(head)
        column.addWidget(self.slider)
        column.addWidget(self.drawer)
        column.addSpacing(12)
        column.addWidget(_section(self.tr("Levels")))
        column.addSpacing(4)
        for row in self.rows.values():
            column.addWidget(row)
            column.addSpacing(4)
        column.addSpacing(8)
        column.addWidget(step)
        column.addStretch(1)
        self._step: Level | None = None
        self._rejected = self._crossed = False
        self._kind_missing = self._damaged = False

    # -- told by the workspace --------------------------------------------------------------------------------

    def show_kind(self, modality: Modality | None, *, known: bool) -> None:
        """``known``: the file says what it is; otherwise the reader is asked."""
        self.kind.setVisible(not known)
        self._kind_missing = modality is None
        self.kind.setCurrentIndex(max(0, self.kind.findData(str(modality or ""))))

    def show_severity(self, severity: float) -> None:
        self.slider.set_severity(severity)
        self.severity.setText(f"{severity:.2f}")

    def show_levels(self, clean: CleanDecision | None, marks: list[LevelMark], *, damaged: bool = False) -> None:
        """What is decided on the picture shown, and the step that follows from it; ``damaged``: it cannot be confirmed."""
        if clean is None:
            self.rows[Level.L0].tell("default", self.tr("not decided"))
        elif clean.verdict == "diagnostic":
            self.rows[Level.L0].tell("here", self.tr("diagnostic  {0}").format(local_clock(clean.at)))
        else:
            self.rows[Level.L0].tell("elsewhere", self.tr("rejected: {0}").format(in_words(clean.reason)))
        self.rows[Level.L0].decide.setVisible(clean is None or clean.verdict == "rejected")
        self.reject.setVisible(clean is None or clean.verdict == "diagnostic")
        self.slider.set_marks(marks)
        by_level = {mark.level: mark for mark in marks}
        for level in (Level.L1, Level.L2):
            mark = by_level.get(level)
            row = self.rows[level]
            row.look.setEnabled(mark is not None)
            if mark is None:
                row.tell("default", self.tr("not set"))
                continue
            text = {
                "here": self.tr("{0:.2f} kept {1}"),
                "elsewhere": self.tr("{0:.2f} other picture"),
                "default": self.tr("default {0:.2f}"),
            }[mark.kind].format(mark.severity, local_clock(mark.at))
            row.tell(mark.kind, text + (self.tr(" · custom") if mark.custom else ""))
        self._rejected = clean is not None and clean.verdict == "rejected"
        here = [by_level[v] for v in (Level.L1, Level.L2) if v in by_level and by_level[v].kind == "here"]
        self._crossed = len(here) == 2 and out_of_order(*here)
        self._damaged = damaged
        self._step = None if damaged else self._next_step(clean, by_level)
        self._show_step()

    def allow_setting(self, allowed: bool, *, clean_allowed: bool, reject_allowed: bool) -> None:
        """Levels may be set only at full size and moved from zero; L0 only while a frame is shown."""
        for level in (Level.L1, Level.L2):
            self.rows[level].decide.setEnabled(allowed)
        self.rows[Level.L0].decide.setEnabled(clean_allowed)
        self.reject.setEnabled(reject_allowed)
        self.next.setEnabled(clean_allowed if self._step is Level.L0 else allowed)

    @property
    def step(self) -> Level | None:
        """The level whose decision comes next; None when all three are made."""
        return self._step

    def ask_reason(self) -> None:
        """The reasons of a rejection, by mouse or by digit."""
        menu = QMenu(self)
        for number, reason in enumerate(REJECTIONS, 1):
            menu.addAction(f"&{number}  {in_words(reason)}").setData(reason)
        menu.addSeparator()
        menu.addAction(self.tr("&9  another reason…")).setData("")
        menu.triggered.connect(lambda action: self._on_reason(str(action.data())))
        menu.aboutToHide.connect(menu.deleteLater)
        # Under the button, its right edge at the button's, so that it stays over the window.
        menu.popup(self.reject.mapToGlobal(QPoint(self.reject.width() - menu.sizeHint().width(), self.reject.height())))

    # -- inside -----------------------------------------------------------------------------------------------

    @staticmethod
    def _next_step(clean: CleanDecision | None, marks: dict[Level, LevelMark]) -> Level | None:
        if clean is None:
            return Level.L0
        if clean.verdict == "rejected":
            return None
        undone = (v for v in (Level.L1, Level.L2) if v not in marks or marks[v].kind != "here")
        return next(undone, None)

    def _show_step(self) -> None:
        step = self._step
        self.next.setVisible(step is not None and not self._kind_missing)
        if self._kind_missing:
            self._step_title.setText(self.tr("Next: what is this picture?"))
            self._anchor.setText(
                self.tr("The file does not say. Choose its modality above: it decides which degradations make sense.")
            )
            return
        if self._damaged and not self._rejected:
            self._step_title.setText(self.tr("Damaged: not to be confirmed"))
            self._anchor.setText(
                self.tr("Parts of this picture may be made up, and nobody sees which. Reject it, or choose another.")
            )
            return
        if step is None and self._crossed and not self._rejected:
            self._step_title.setText(self.tr("L2 is not above L1: set one of them again"))
            self._anchor.setText(self.tr("Move the slider below L2 and set L1 there, or above L1 and set L2 there."))
            return
        if step is None:
            self._step_title.setText(self.tr("Nothing left to do here"))
            self._anchor.setText(
                self.tr("This picture is rejected. Choose another slice or series.")
                if self._rejected
                else self.tr("L1 and L2 are kept. Ctrl+Down: the next degradation.")
            )
            return
        self._step_title.setText(self.tr("Next: {0}").format(step))
        if step is Level.L0:
            self._anchor.setText(self.tr("Is the clean picture of diagnostic quality?"))
            self.next.setText(self.tr("Confirm as diagnostic   Enter"))
        else:
            self._anchor.setText(in_words(LEVEL_ANCHORS[step]))
            self.next.setText(self.tr("Set {0} here   Enter").format(step))

    def _on_kind_activated(self, index: int) -> None:
        self.modality_chosen.emit(self.kind.itemData(index))

    def _on_reason(self, reason: str) -> None:
        if reason:
            self.rejected.emit(reason)
        else:
            self.reject_otherwise.emit()


def _section(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "section")
    return label

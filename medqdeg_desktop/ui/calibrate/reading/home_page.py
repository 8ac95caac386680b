"""The reader study's own front page: protocols, where the reader stands in each stage, and the one thing to do next."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from medqdeg_desktop.calibration.adaptive import ADAPT
from medqdeg_desktop.calibration.comparison import COMPARE
from medqdeg_desktop.calibration.sitting import ProtocolState, StageState
from medqdeg_desktop.calibration.trials import ADJUST, VERIFY
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.calibrate.reading.conditions import Conditions
from medqdeg_desktop.ui.calibrate.reading.exchange import Exchange
from medqdeg_desktop.ui.study_session import StudySession


class HomePage(QWidget):
    """Emits what was asked for: a session (protocol id, stage), a lock, the design of a protocol, the consensus."""

    session_wanted = Signal(str, str)
    lock_wanted = Signal(str, str)
    design_wanted = Signal()
    consensus_wanted = Signal(str)
    profiles_wanted = Signal()
    left = Signal()

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.conditions = Conditions()
        self.exchange = Exchange(session)
        self.title = QLabel(self.tr("Reader study"))
        self.title.setFont(theme.font(t.HEADLINE, strong=True))
        self.said = QLabel()
        self.said.setProperty("role", "muted")
        self.back = QPushButton(self.tr("Back to free calibration"))
        self.back.clicked.connect(self.left)
        self.design = QPushButton(self.tr("Design a protocol…"))
        self.design.clicked.connect(self.design_wanted)
        self.profiles = QPushButton(self.tr("Compare profiles…"))
        self.profiles.setToolTip(self.tr("Two severity profiles, picture beside picture"))
        self.profiles.clicked.connect(self.profiles_wanted)
        self.cards: list[ProtocolCard] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(12)
        self.empty = QLabel(
            self.tr(
                "Several readers set L1 and L2 under written anchors, unseen by each other; their consensus becomes a severity "
                "profile with its evidence.\n\n"
                "1   Design a protocol: which degradations, on which of the pictures that are open, with how many readers.\n"
                "2   Each reader sets L1 and L2, in sessions of about 25 minutes, and locks them.\n"
                "3   Levels are proposed; each reader rates them, blind, on other pictures.\n"
                "4   What is not agreed is voted on, unseen, and signed.\n"
                "5   The profile is published; generation uses it from then on."
            )
        )
        self.empty.setWordWrap(True)
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(self.profiles)
        head.addWidget(self.design)
        head.addWidget(self.back)
        page = QWidget()
        page.setMaximumWidth(900)
        column = QVBoxLayout(page)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self.said)
        column.addWidget(self.empty)
        column.addLayout(self._list)
        column.addWidget(self.conditions)
        column.addWidget(self.exchange)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        scroll.setWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)

    def say(self, sentence: str) -> None:
        self.said.setText(sentence)

    def show_protocols(self, states: list[ProtocolState], reader: str) -> None:
        for card in self.cards:
            card.hide()
            self._list.removeWidget(card)
            card.deleteLater()
        self.cards = [ProtocolCard(state, reader) for state in states]
        for card in self.cards:
            card.session_wanted.connect(self.session_wanted)
            card.lock_wanted.connect(self.lock_wanted)
            card.consensus_wanted.connect(self.consensus_wanted)
            self._list.addWidget(card)
        self.empty.setVisible(not states)
        self.conditions.setVisible(bool(states))
        self.design.setProperty("role", "" if states else "primary")
        self.design.style().polish(self.design)


class ProtocolCard(QFrame):
    """One protocol: what it asks, and a row a stage with the step that comes next."""

    session_wanted = Signal(str, str)
    lock_wanted = Signal(str, str)
    consensus_wanted = Signal(str)

    def __init__(self, state: ProtocolState, reader: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "raised")
        self.state = state
        self._reader = reader
        self.buttons: dict[str, QPushButton] = {}
        body = state.fixed.body
        title = QLabel(f"{body.get('name', '?')}  {body.get('version', '')}")
        title.setFont(theme.font(t.TITLE, strong=True))
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 12, 16, 16)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        grid.addWidget(title, 0, 0, 1, 3)
        protocol = state.protocol
        if protocol is None:
            problem = QLabel(state.problem)
            problem.setWordWrap(True)
            grid.addWidget(problem, 1, 0, 1, 3)
            return
        about = QLabel(
            self.tr("{0} cells, {1} pictures, {2} readers · fixed, id {3}").format(
                len(protocol.cells), len(protocol.images()), protocol.readers, state.fixed.protocol_id[:12]
            )
        )
        about.setProperty("role", "muted")
        you = QLabel(self.tr("You read as {0}; another person clicks the name at the foot.").format(reader))
        you.setProperty("role", "muted")
        grid.addWidget(about, 1, 0, 1, 3)
        grid.addWidget(you, 2, 0, 1, 3)
        for number, stage in enumerate(state.stages, 3):
            self._add_stage(grid, number, stage, protocol.readers)
        row = 3 + len(state.stages)
        grid.addWidget(QLabel(self.tr("Consensus")), row, 0)
        told = QLabel(self.tr("levels, intervals, adjudication, publication, report"))
        told.setProperty("role", "muted")
        grid.addWidget(told, row, 1)
        settled = any(stage.locked for stage in state.stages) and not self.buttons
        self._button(grid, row, "consensus", self.tr("Look at it"), lambda: self.consensus_wanted.emit(self._id), primary=settled)

    @property
    def _id(self) -> str:
        return self.state.fixed.protocol_id

    def _add_stage(self, grid: QGridLayout, row: int, stage: StageState, readers: int) -> None:
        names = {
            ADJUST: self.tr("1  Set L1 and L2"),
            VERIFY: self.tr("2  Rate the proposed levels, blind"),
            ADAPT: self.tr("2b  Find what failed, step by step"),
            COMPARE: self.tr("3  Compare degradations in pairs"),
        }
        grid.addWidget(QLabel(names[stage.stage]), row, 0)
        closed = self.tr("{0} of {1} readers have locked").format(len(stage.closed), readers)
        next_step: tuple[str, Callable[[], None]] | None = None
        if not stage.open:
            waits = self.tr("opens when all have locked 1 and levels are proposed in Consensus")
            text = self.tr("nothing to do") if stage.total else waits
        elif stage.locked:
            text = self.tr("locked · {0}").format(closed)
        elif stage.done < stage.total:
            text = self.tr("{0} of {1} trials · {2}").format(stage.done, stage.total, closed)
            if stage.waits_until is not None:
                day = stage.waits_until.astimezone().strftime("%d %B %H:%M")
                text += self.tr(" · pictures are shown again from {0}").format(day)
            else:
                name = self.tr("Go on") if stage.done else self.tr("Begin")
                next_step = name, lambda: self.session_wanted.emit(self._id, stage.stage)
        else:
            text = self.tr("all {0} trials answered · {1}").format(stage.total, closed)
            next_step = self.tr("Lock my readings"), lambda: self.lock_wanted.emit(self._id, stage.stage)
        told = QLabel(text)
        told.setProperty("role", "muted")
        told.setWordWrap(True)
        grid.addWidget(told, row, 1)
        if next_step is not None:
            primary = not any(self.buttons)
            self._button(grid, row, stage.stage, next_step[0], next_step[1], primary=primary)

    def _button(
        self, grid: QGridLayout, row: int, key: str, text: str, clicked: Callable[[], None], *, primary: bool = False
    ) -> None:
        button = QPushButton(text)
        if primary:
            button.setProperty("role", "primary")
        button.setMinimumWidth(140)
        button.clicked.connect(lambda _checked=False: clicked())
        self.buttons[key] = button
        grid.addWidget(button, row, 2)

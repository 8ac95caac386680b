"""The screen for doubles: two questions beside each other, and one key for what they are: one question, or two.

Merging keeps one and removes the other from the set by an event that names both and their sources; decisions on the one that
stays are not touched, and undo brings the other back. What is found comes from ``medqdeg bank dedupe``, run as a job.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from medqdeg_desktop.bank.doubles import Standing
from medqdeg_desktop.study.records import DoubleDecision
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.action_table import actions_of
from medqdeg_desktop.ui.actions import bind
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.jobs import Job, JobState, jobs_of
from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.review.double_side import DoubleSide
from medqdeg_desktop.ui.review.doubles_list import GroupList, GroupModel
from medqdeg_desktop.ui.review.doubles_reading import Groups, Pair, answers_differ, load_groups, load_pair, readable
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.viewer.empty_page import EmptyPage
from medqdeg_desktop.ui.viewer.linked_panes import PaneLink

CONTEXT = "doubles"
_AHEAD = 8


class DoublesPage(QWidget):
    """``left`` when the review is wanted back; ``said`` and ``warned`` as a workspace's; ``decided`` when the set has changed."""

    left = Signal()
    said = Signal(str)
    warned = Signal(str)
    decided = Signal()

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._background = Background(self, threads=2)
        self._jobs = jobs_of(session)
        self._job: Job | None = None
        self.standing = Standing()
        self._own: list[DoubleDecision] = []
        self._ahead: dict[tuple[str, str], Pair] = {}
        self.pair: Pair | None = None
        self._row = -1
        self._busy = False
        # Keys without a field of their own are the page's.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._build()
        bind(self, actions_of(CONTEXT))

    def _build(self) -> None:
        self.model = GroupModel(self)
        self.list = GroupList(self.model)
        self.list.selectionModel().currentChanged.connect(self._on_row_changed)
        self.title = label(role="title")
        self.again = QPushButton(self.tr("Search again"))
        self.again.setToolTip(self.tr("Search for doubles  (Ctrl+R)"))
        self.again.clicked.connect(self.search)
        self.again.hide()
        self.back = QPushButton(self.tr("Back to the review"))
        self.back.setToolTip(self.tr("Back to the review  (Esc)"))
        self.back.clicked.connect(self.leave)
        self.outdated = label(self.tr("Questions have come or changed since this search."), "warn", wraps=True)
        side = QWidget()
        side.setProperty("role", "panel")
        side.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(side)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(8)
        for part in (self.title, self.list, self.outdated, self.again, self.back):
            column.addWidget(part, 1 if part is self.list else 0)
        self.link = PaneLink()
        self.sides = (
            DoubleSide(self.link, self.tr("Left question"), self.tr("Merge: this one stays  1")),
            DoubleSide(self.link, self.tr("Right question"), self.tr("Merge: this one stays  2")),
        )
        beside = QHBoxLayout()
        beside.setSpacing(12)
        for number, one in enumerate(self.sides):
            one.stays.connect(partial(self.merge, number))
            beside.addWidget(one, 1)
        self.why = label(role="section", wraps=True)
        self.conflict = label(
            self.tr("Their answers differ: one of the two is wrong, or they are two questions."), "warn", wraps=True
        )
        self.meaning = label(
            self.tr(
                "Merging takes the other question out of the set and records where it came from. Decisions on the one that stays "
                "are kept; Ctrl+Z brings the other back."
            ),
            "muted",
            wraps=True,
        )
        self.both = QPushButton(self.tr("Keep both  B"))
        self.all = QPushButton()
        for button, clicked in ((self.both, self.keep_both), (self.all, self.keep_all)):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(clicked)
        foot = QHBoxLayout()
        foot.setSpacing(12)
        foot.addWidget(self.meaning, 1)
        foot.addWidget(self.all)
        foot.addWidget(self.both)
        pair = QWidget()
        whole = QVBoxLayout(pair)
        whole.setContentsMargins(12, 8, 12, 8)
        whole.setSpacing(8)
        whole.addWidget(self.why)
        whole.addWidget(self.conflict)
        whole.addLayout(beside, 1)
        whole.addLayout(foot)
        self.finished = EmptyPage("", self.tr("Search for doubles"))
        self.finished.acted.connect(self.search)
        self.pages = QStackedWidget()
        self.pages.addWidget(pair)
        self.pages.addWidget(self.finished)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setHandleWidth(1)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(side)
        splitter.addWidget(self.pages)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([290, 1000])
        side.setMinimumWidth(230)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)

    # -- the groups -------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Reads the last search and what was decided since."""
        if self.session.path is not None:
            work = partial(load_groups, self.session.path, self.session.reader)
            self._background.run("groups", work, self._on_groups, self._on_unreadable)

    def forget(self) -> None:
        """Nothing of the study or reader before stays."""
        for topic in ("groups", "pair", "ahead"):
            self._background.drop(topic)
        self.standing, self._own, self._row = Standing(), [], -1
        self.pair = None
        self._ahead.clear()
        self.model.fill((), self.standing)

    def _on_unreadable(self, text: str) -> None:
        self.warned.emit(text)
        self._say_nothing(self.tr("The last search cannot be read."))

    def _on_groups(self, groups: Groups) -> None:
        row = max(self._row, 0)
        self.standing, self._own = groups.standing, list(groups.own)
        self.outdated.setVisible(groups.outdated)
        self.model.fill(groups.found or (), self.standing, groups.asked)
        # One button at a time asks for the search: the one in the middle for the first, the one beside the list afterwards.
        self.again.setVisible(groups.found is not None)
        self.finished.button.setVisible(groups.found is None)
        if groups.found is None:
            self._say_nothing(self.tr("No search for doubles has been made in this study.\nIt looks at every picture once."))
            self.title.setText(self.tr("Doubles"))
            return
        self._go_on(min(row, max(0, len(groups.found) - 1)))

    def _say_nothing(self, text: str) -> None:
        self.pair = None
        self.finished.say(text)
        self.pages.setCurrentWidget(self.finished)

    def _go_on(self, row: int) -> None:
        """The next group that is open, from ``row`` on."""
        self._tell_progress()
        found = self.model.next_open(row)
        if found >= 0:
            self._show_row(found)
            return
        self._row = -1
        count = len(self.model.groups)
        settled = self.tr("Nothing is left to decide: all {0:,} groups are settled.").format(count)
        self._say_nothing(settled if count else self.tr("No two questions look alike."))

    def _tell_progress(self) -> None:
        self.title.setText(
            self.tr("Doubles {0:,}/{1:,}").format(len(self.model.groups) - self.model.left, len(self.model.groups))
        )

    def _on_row_changed(self, current: QModelIndex) -> None:
        if current.isValid() and current.row() != self._row:
            self._show_row(current.row())

    def _show_row(self, row: int) -> None:
        self._row = row
        how = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.list.selectionModel().setCurrentIndex(self.model.index(row), how)
        group = self.model.groups[row]
        ids = self.standing.pending(group)
        if ids is None:
            self._say_nothing(self.tr("This group is settled."))
            return
        held = self._ahead.get(ids)
        if held is not None:
            self._on_pair(row, held)
        elif self.session.path is not None:
            work = partial(load_pair, self.session.path, ids)
            self._background.run("pair", work, partial(self._on_pair, row), self.warned.emit)

    def _on_pair(self, row: int, pair: Pair) -> None:
        if row != self._row:
            return
        self.pair = pair
        group = self.model.groups[row]
        count = len(self.standing.unsettled(group))
        of_more = self.tr("one pair of a group of {0:,}").format(count) if count > 2 else ""
        self.why.setText(";  ".join(part for part in (pair.words, pair.pictures, of_more) if part))
        self.conflict.setVisible(answers_differ(pair))
        for side, one, other in zip(self.sides, (pair.left, pair.right), (pair.right, pair.left), strict=True):
            side.show_side(one, other.item)
        self.all.setText(self.tr("Keep all {0:,}  Shift+B").format(count))
        self.all.setVisible(count > 2)
        self.link.fit()
        self.pages.setCurrentIndex(0)
        self._look_ahead(row)

    def _look_ahead(self, row: int) -> None:
        """The pair after this one is read while this one is looked at."""
        following = self.model.next_open((row + 1) % len(self.model.groups))
        ids = self.standing.pending(self.model.groups[following]) if following >= 0 else None
        if ids is not None and ids not in self._ahead and self.session.path is not None:
            self._background.run("ahead", partial(load_pair, self.session.path, ids), self._on_ahead)

    def _on_ahead(self, pair: Pair) -> None:
        while len(self._ahead) >= _AHEAD:
            self._ahead.pop(next(iter(self._ahead)))
        self._ahead[pair.ids] = pair

    def step(self, by: int) -> None:
        """Another group, without deciding."""
        row = min(max(self.list.currentIndex().row() + by, 0), self.model.rowCount() - 1)
        if row >= 0:
            self._show_row(row)

    # -- deciding ---------------------------------------------------------------------------------------------

    def merge(self, side: int) -> None:
        """The question on ``side`` (0 left, 1 right) stays, the other goes."""
        if self.pair is not None:
            self._decide(self.pair.ids, self.pair.ids[side])

    def keep_both(self) -> None:
        if self.pair is not None:
            self._decide(self.pair.ids, "")

    def keep_all(self) -> None:
        """Every question of the group is its own."""
        if self.pair is not None:
            self._decide(self.standing.unsettled(self.model.groups[self._row]), "")

    def _decide(self, items: tuple[str, ...], kept: str) -> None:
        if self._busy or self.pair is None:
            return
        self._busy = True
        why, reader, seen = self.why.text(), self.session.reader, self.pair.versions

        def record(study: Study) -> DoubleDecision:
            return study.judge_doubles(items, kept, reader, why, seen)

        self.session.submit(record, self._on_decided, self._on_refused)

    def _on_decided(self, decision: DoubleDecision) -> None:
        self._busy = False
        self.session.kept.emit(decision.at)
        self._own.append(decision)
        self.standing.note(decision)
        row = self._row
        if row >= 0:
            self.model.tell(row, self.standing)
        if decision.kept:
            self.said.emit(self.tr("Merged into {0}; Ctrl+Z takes it back").format(readable(decision.kept)))
            self.decided.emit()
        else:
            self.said.emit(self.tr("Kept apart; Ctrl+Z takes it back"))
        self._go_on(max(row, 0))

    def _on_refused(self, text: str) -> None:
        self._busy = False
        self.warned.emit(text)
        # What was read ahead may have been changed elsewhere as well.
        self._ahead.clear()
        self.load()

    def undo(self) -> None:
        """Takes back the newest decision of this reader and puts its questions in front again."""
        if self._busy:
            return
        if not self._own:
            self.said.emit(self.tr("Nothing of yours is left to take back"))
            return
        self._busy = True
        event_id, reader = self._own.pop().event_id, self.session.reader
        self.session.submit(lambda study: study.undo_doubles(event_id, reader), self._on_undone, self._on_refused)

    def _on_undone(self, decision: DoubleDecision) -> None:
        self._busy = False
        self.said.emit(self.tr("Taken back: {0}").format(", ".join(readable(one) for one in list(decision.versions)[:4])))
        self.decided.emit()
        named = set(decision.versions)
        self._row = next((n for n, group in enumerate(self.model.groups) if named <= set(group.items)), self._row)
        self.load()

    # -- searching --------------------------------------------------------------------------------------------

    def search(self) -> None:
        """Looks for doubles anew, as a job of its own; what is shown stays meanwhile."""
        if self.session.path is None or (self._job is not None and not self._job.has_ended):
            return
        job = Job(self.tr("searching for doubles"), ["bank", "dedupe", str(self.session.path)], lane="doubles")
        job.ended.connect(partial(self._on_searched, job))
        self._job = job
        self._tell_searching(False)
        self._jobs.add(job)

    def _on_searched(self, job: Job) -> None:
        self._tell_searching(True)
        if job.state is JobState.FAILED:
            self.warned.emit(job.error)
        elif job.state is JobState.DONE:
            exact, near = int(job.result.get("exact", 0)), int(job.result.get("near", 0))
            self.said.emit(self.tr("{0:,} exact and {1:,} near doubles").format(exact, near))
            self._ahead.clear()
            self.load()

    def _tell_searching(self, may: bool) -> None:
        for button in (self.again, self.finished.button):
            button.setEnabled(may)

    # -- looking ----------------------------------------------------------------------------------------------

    def leave(self) -> None:
        self.left.emit()

    def hold_swapped(self, held: bool) -> None:
        """While held, the right pictures stand at the left as well: what differs jumps to the eye."""
        if self.pair is not None:
            title = self.tr("the right one") if held else ""
            self.sides[0].show_pictures(self.pair.right if held else self.pair.left, title)
            self.link.refresh()

    def invert(self) -> None:
        self.link.invert()

    def fit(self) -> None:
        self.link.fit()

    def one_to_one(self) -> None:
        self.link.one_to_one()

    def zoom_by(self, factor: float) -> None:
        self.link.zoom_by(factor)

    def close_down(self) -> None:
        self._background.close()

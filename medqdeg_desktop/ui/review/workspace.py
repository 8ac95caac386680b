"""Review: the queue at the left, the item in words and as a grid of pictures at the right; every judgement one key.

A decision is on disk before the next item shows; the next items are rendered meanwhile. What others decided is not read here.
"""

from __future__ import annotations

import uuid
from functools import partial

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, QTimer
from PySide6.QtWidgets import QWidget

from medqdeg_desktop.bank.review import Dashboard, label_of
from medqdeg_desktop.bank.review_queue import Entry
from medqdeg_desktop.study.records import Item, Review
from medqdeg_desktop.study.reviews import CLEAN
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.garbage import keep_for_good
from medqdeg_desktop.ui.hop import Hop
from medqdeg_desktop.ui.review import recording
from medqdeg_desktop.ui.review.judging import Judgement
from medqdeg_desktop.ui.review.loading import Dispute, Loaded, load, load_dashboard, load_dispute
from medqdeg_desktop.ui.review.reason_popup import ReasonPopup
from medqdeg_desktop.ui.review.render_ahead import RenderAhead
from medqdeg_desktop.ui.review.wording import WordingScreen
from medqdeg_desktop.ui.study_session import StudySession

AHEAD = 3
_DASHBOARD_MS = 10_000
_AFTER_PAINT_MS = 80


class ReviewWorkspace(WordingScreen):
    """One item at a time, judged by one reader."""

    context = "review"

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._background = Background(self, threads=2)
        self._hop = Hop(self)
        self._holder = uuid.uuid4().hex
        self._loaded: Loaded | None = None
        self._stale = True
        self._done: list[Review] = []
        self._dispute: Dispute | None = None
        self._elsewhere = False
        self._refused: set[str] = set()
        self._popup: ReasonPopup | None = None
        self.empty.acted.connect(self._load)
        self.reworded.connect(self._show)
        self.side.filter_changed.connect(self._on_filter_changed)
        self.side.list.selectionModel().currentChanged.connect(self._on_row_changed)
        self.grid.kept.connect(self.keep)
        self.grid.removed.connect(self.remove)
        self.accept_button.clicked.connect(self.accept_rest)
        self._wanted: Entry | None = None
        self._ahead_timer = QTimer(self, singleShot=True)
        self._ahead_timer.timeout.connect(self._render_ahead)
        # Counting thousands of decisions takes a moment of the disk; it never follows on each one.
        self._dashboard_timer = QTimer(self, singleShot=True, interval=_DASHBOARD_MS)
        self._dashboard_timer.timeout.connect(self._read_dashboard)

    # -- the queue --------------------------------------------------------------------------------------------

    def entered(self) -> None:
        if self._stale:
            self._load()

    def study_changed(self) -> None:
        """Nothing of the reader or study before stays on the screen."""
        self._stale = True
        self._forget()
        if self.isVisible():
            self._load()

    def _forget(self) -> None:
        self._background.drop("queue")
        self._background.drop("dispute")
        self._background.drop("dashboard")
        self._ahead_timer.stop()
        self.judgement, self._dispute, self._done, self._loaded, self._wanted = None, None, [], None, None
        if self._render is not None:
            self._render.close()
            self._render = None
        self.side.model.fill([])
        self.side.show_dashboard(Dashboard({}))
        self.head.show_waiting("")
        self.grid.show_types(())

    def _load(self) -> None:
        if self.session.path is None:
            return
        self._stale = False
        self.bar.show()
        work = partial(load, self.session.path, self.session.reader)
        self._background.run("queue", work, self._on_loaded, self._on_unreadable)

    def _on_unreadable(self, text: str) -> None:
        self.bar.hide()
        self._stale = True
        self.warned.emit(text)

    def _on_loaded(self, loaded: Loaded) -> None:
        self.bar.hide()
        assert self.session.path is not None
        keep_for_good()
        self._loaded = loaded
        self._done = [review for review in loaded.own if review.stage != "gold"]
        if self._render is not None:
            self._render.close()
        self._render = RenderAhead(
            self.session.path, self.session.reader, loaded.levels, loaded.setup.seed, self._on_rendered_elsewhere
        )
        self.side.model.fill(loaded.entries)
        self.side.fill_modalities(sorted({entry.modality for entry in loaded.entries}))
        self.side.model.narrow(self.side.wanted)
        self.side.show_progress()
        self.faces.setCurrentWidget(self.splitter if loaded.entries else self.empty)
        self._read_dashboard()
        self._show_first()

    def _show_first(self) -> None:
        entry = self.side.model.entry_at(0)
        if entry is None:
            self.judgement = None
            self.pages.setCurrentWidget(self.finished)
        else:
            self._show(entry, passing=True)

    def _on_filter_changed(self) -> None:
        shown = self.judgement.entry.item_id if self.judgement else ""
        wanted = self.side.wanted
        entry = self.side.model.entry(shown)
        self.side.model.narrow(wanted)
        self.side.show_progress()
        if entry is not None and wanted.takes(entry):
            self._mark_row(shown)
            self._want(entry)
        else:
            self._show_first()

    def _on_row_changed(self, current: QModelIndex) -> None:
        entry = self.side.model.entry_at(current.row())
        if entry is not None and (self.judgement is None or entry.item_id != self.judgement.entry.item_id):
            self._show(entry)

    def _mark_row(self, item_id: str) -> None:
        index = self.side.model.index(self.side.model.row_of(item_id), 0)
        self.side.list.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _count_soon(self) -> None:
        if not self._dashboard_timer.isActive():
            self._dashboard_timer.start()

    def _read_dashboard(self) -> None:
        if self.session.path is not None:
            work = partial(load_dashboard, self.session.path, self.session.reader)
            self._background.run("dashboard", work, self.side.show_dashboard, self.warned.emit)

    # -- one item ---------------------------------------------------------------------------------------------

    def _show(self, entry: Entry, marks: dict[str, int] | None = None, *, passing: bool = False) -> None:
        """Puts an item in front; what is rendered already is there at once.

        passing   it was not chosen: where it is open in another window, the next one takes its place.
        """
        if self._popup is not None:
            self._popup.close()
        if marks is None and entry.mine:
            marks = next((dict(r.marks) for r in reversed(self._done) if r.item_id == entry.item_id), None)
        self.judgement = Judgement(entry, dict(marks or {}))
        self._dispute, self._elsewhere = None, False
        self.pages.setCurrentIndex(0)
        self.grid.show_types(entry.types)
        self.head.show_waiting(entry.item_id)
        self._mark_row(entry.item_id)
        self._want(entry)
        self._show_pictures()
        self._show_marks()
        self.head.status.clear()
        work = partial(recording.claim, entry.item_id, self.session.reader, self._holder)
        self.session.submit(work, partial(self._on_claimed, entry, passing))
        if self.judgement.stage == "settled" and self.session.path is not None:
            read = partial(load_dispute, self.session.path, entry.item_id, self.session.reader)
            self._background.run("dispute", read, self._on_dispute, self.warned.emit)

    def _want(self, entry: Entry) -> None:
        """The item in front and the next ones are rendered; where it is there already, only once it has been painted: both
        threads share one interpreter."""
        self._wanted = entry
        held = self._render.get(entry.item_id) if self._render is not None else None
        self._ahead_timer.start(_AFTER_PAINT_MS if held is not None and held.complete else 0)

    def _render_ahead(self) -> None:
        if self._render is not None and self._wanted is not None:
            self._render.pane_sizes |= self.grid.pane_sizes()
            self._render.want([self._wanted, *self.side.model.following(self._wanted.item_id, AHEAD)])

    def _on_claimed(self, entry: Entry, passing: bool, taken: bool) -> None:
        if self.judgement is None or self.judgement.entry.item_id != entry.item_id:
            return
        if taken:
            self._refused.clear()
            return
        self._elsewhere = True
        self._refused.add(entry.item_id)
        self.head.status.setText(self.tr("open in another window"))
        following = self.side.model.following(entry.item_id, 1) if passing else []
        if following and following[0].item_id not in self._refused:
            self._show(following[0], passing=True)

    @property
    def _judging(self) -> Judgement | None:
        """The judgement under way, where one may be made now."""
        if self._elsewhere:
            self.said.emit(self.tr("This item is open in another window; N goes to the next one"))
            return None
        return None if self._busy else self.judgement

    def _on_dispute(self, dispute: Dispute) -> None:
        if self.judgement is not None and self.judgement.entry.item_id == dispute.item_id:
            self._dispute = dispute
            self.judgement.adopt_agreed(dispute.sides.values())
            self._show_marks()

    def _on_rendered_elsewhere(self, item_id: str) -> None:
        self._hop.post(partial(self._on_rendered, item_id))

    def _on_rendered(self, item_id: str) -> None:
        if self.judgement is not None and self.judgement.entry.item_id == item_id:
            self._show_pictures()

    def _show_pictures(self) -> None:
        judgement = self.judgement
        if judgement is None:
            return
        held = self._render.get(judgement.entry.item_id) if self._render is not None else None
        if held is not None and judgement.version != held.version:
            judgement.version = held.version
            self.head.show_item(held.item)
            self.head.show_notes(held.notes, held.names)
            self._follow_window(held.item)
        self.grid.show_pictures(held)
        self._tell()

    def _follow_window(self, item: Item) -> None:
        """Each item begins with its own window and fitted; a window chosen by hand lasts as long as its item."""
        self.grid.link.view.window = None
        self.grid.link.view.inverted = False
        self.grid.link.fit()

    def _show_marks(self) -> None:
        if self.judgement is None:
            return
        others: dict[str, list[str]] = {}
        for who, marks in self._dispute.sides.items() if self._dispute else ():
            for name, mark in marks.items():
                said = self.tr("removes ({0})").format(mark) if mark else self.tr("keeps")
                others.setdefault(name, []).append(f"{who}: {said}")
        self.grid.show_marks(self.judgement.marks, {name: "   ".join(said) for name, said in others.items()})
        self._tell()

    def _tell(self) -> None:
        """The line under the grid: what is wrong, what is being settled, or what is decided so far."""
        judgement = self.judgement
        if judgement is None:
            return
        held = self._render.get(judgement.entry.item_id) if self._render is not None else None
        if held is not None and held.problem:
            text = self.tr("Its pictures cannot be made: {0}").format(held.problem)
        elif judgement.stage == "settled":
            text = self.tr("Two colleagues disagree: yours is the decision.")
        elif judgement.entry.mine:
            text = self.tr("You have decided on this item; deciding again replaces it.")
        elif judgement.marks:
            left = [label_of(name) for name in judgement.undecided]
            text = self.tr("Undecided: {0}").format(", ".join(left)) if left else self.tr("Enter confirms.")
        else:
            text = ""
        self.message.setText(text)
        removed = any(judgement.marks.values())
        self.accept_button.setText(self.tr("Keep the rest and next  A") if removed else self.tr("Accept all and next  A"))

    # -- judging ----------------------------------------------------------------------------------------------

    def keep(self, column: int) -> None:
        judgement = self._judging
        if judgement is not None and judgement.mark(column, 0):
            self._show_marks()

    def remove(self, column: int) -> None:
        """Asks for the reason at the column; a digit answers."""
        judgement = self._judging
        if judgement is None or column >= len(judgement.entry.types):
            return
        popup = ReasonPopup(self._removal(judgement.entry.types[column]), self)
        popup.chosen.connect(partial(self._on_reason, judgement, column))
        popup.destroyed.connect(self._on_popup_gone)
        self._popup = popup
        popup.adjustSize()
        anchor = self.grid.judgements[column]
        corner = anchor.mapToGlobal(QPoint(anchor.width() // 2 - popup.width() // 2, -popup.height()))
        corner.setX(min(corner.x(), self.mapToGlobal(QPoint(self.width(), 0)).x() - popup.width()))
        popup.move(corner)
        popup.show()
        popup.setFocus()

    def _removal(self, name: str) -> str:
        if name == CLEAN:
            return self.tr("Remove the question, because")
        return self.tr("Remove {0}, both levels, because").format(label_of(name))

    def _on_popup_gone(self) -> None:
        self._popup = None

    def _on_reason(self, judgement: Judgement, column: int, reason: int) -> None:
        if judgement is self.judgement:
            judgement.mark(column, reason)
            self._show_marks()

    def accept_rest(self) -> None:
        """Keeps what is not removed, records the decision, and goes on."""
        judgement = self._judging
        if judgement is not None:
            judgement.keep_rest()
            self._decide()

    def confirm(self) -> None:
        """Records the decision where every degradation is judged."""
        judgement = self._judging
        if judgement is None:
            return
        if judgement.complete:
            self._decide()
        else:
            self.said.emit(self.tr("Judge every degradation first, or press A to keep the rest"))

    def _decide(self) -> None:
        assert self.judgement is not None
        if self.judgement.version == 0:
            self.said.emit(self.tr("The item is still being read"))
            return
        self._busy = True
        self._show_marks()
        review, entry = self.judgement.review(self.session.reader), self.judgement.entry
        self.session.submit(partial(recording.decide, review, entry), self._on_decided, self._on_refused)

    def _on_decided(self, result: tuple[Review, Entry]) -> None:
        review, entry = result
        self._busy = False
        self.session.kept.emit(review.at)
        self._done.append(review)
        following = self.side.model.following(entry.item_id, 1)
        self.side.model.replace(entry)
        self.side.show_progress()
        self._count_soon()
        if following:
            self._show(following[0], passing=True)
        else:
            self.judgement = None
            self.pages.setCurrentWidget(self.finished)

    def _on_refused(self, text: str) -> None:
        self._busy = False
        self.warned.emit(text)
        if self.judgement is not None and self._render is not None:
            self._render.forget(self.judgement.entry.item_id)
            self._show(self.judgement.entry, self.judgement.marks)

    def undo(self) -> None:
        """Takes back the newest decision of this reader and puts its item in front again."""
        if self._busy:
            return
        if not self._done:
            self.said.emit(self.tr("Nothing of yours is left to take back"))
            return
        self._busy = True
        review = self._done[-1]
        entry = self.side.model.entry(review.item_id)
        self.session.submit(
            partial(recording.take_back, review, self.session.reader, entry), self._on_undone, self._on_undo_refused
        )

    def _on_undone(self, result: tuple[Review, Entry | None]) -> None:
        review, entry = result
        self._busy = False
        self._done = [one for one in self._done if one.event_id != review.event_id]
        self.said.emit(self.tr("Taken back: {0}").format(review.item_id))
        if entry is not None:
            self.side.model.replace(entry)
            self.side.model.narrow(self.side.wanted, keep=entry.item_id)
            self.side.show_progress()
            self._show(entry, dict(review.marks))
        self._count_soon()

    def _on_undo_refused(self, text: str) -> None:
        """A decision that cannot be taken back (its item was edited since, or another window was faster) leaves the list."""
        self._busy = False
        self._done.pop()
        self.warned.emit(text)

    def lay_down_gold(self) -> None:
        """The marks so far become what blind decisions are held against; colleagues do not see that there is one."""
        judgement = self._judging
        if judgement is None:
            return
        if not judgement.complete:
            self.said.emit(self.tr("Judge every degradation first: a gold decision is complete"))
            return
        review = judgement.review(self.session.reader, "gold")
        self.session.submit(partial(recording.decide, review, judgement.entry), self._on_gold)

    def _on_gold(self, result: tuple[Review, Entry]) -> None:
        review, entry = result
        self.session.kept.emit(review.at)
        self.side.model.replace(entry)
        if self.judgement is not None and self.judgement.entry.item_id == entry.item_id:
            self.judgement.entry = entry
        self.said.emit(self.tr("Gold decision laid down for {0}").format(entry.item_id))

    def go_to_open(self) -> None:
        """The next listed item that this reader has not decided on."""
        shown = self.judgement.entry.item_id if self.judgement else ""
        for entry in self.side.model.following(shown, len(self.side.model.entries)):
            if not entry.mine:
                self._show(entry, passing=True)
                return
        self.said.emit(self.tr("Nothing in this list waits for you"))

    def shut_down(self) -> None:
        if self.session.is_open:
            self.session.submit(lambda study: study.release_claims(self._holder), lambda done: None, lambda text: None)
        self._dashboard_timer.stop()
        self._ahead_timer.stop()
        self._background.close()
        self._hop.close()
        if self._render is not None:
            self._render.close()

"""Review: the queue at the left, the item in words and as a grid of pictures at the right; every judgement one key.

A decision is on disk before the next item shows; the next items are rendered meanwhile. What others decided is not read here.
"""

from __future__ import annotations

import uuid
from functools import partial

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer
from PySide6.QtWidgets import QInputDialog, QWidget

from medqdeg_desktop.bank.review import Dashboard, Entry
from medqdeg_desktop.study.records import Item, ItemNote, Review
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.hop import Hop
from medqdeg_desktop.ui.review import recording
from medqdeg_desktop.ui.review.edit_dialog import EditDialog
from medqdeg_desktop.ui.review.judging import Judgement
from medqdeg_desktop.ui.review.layout import ReviewScreen
from medqdeg_desktop.ui.review.loading import Dispute, Loaded, load, load_dashboard, load_dispute
from medqdeg_desktop.ui.review.reason_popup import ReasonPopup
from medqdeg_desktop.ui.review.render_ahead import ItemPictures, RenderAhead
from medqdeg_desktop.ui.study_session import StudySession

AHEAD = 3


class ReviewWorkspace(ReviewScreen):
    """One item at a time, judged by one reader."""

    context = "review"

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._background = Background(self, threads=2)
        self._hop = Hop(self)
        self._holder = uuid.uuid4().hex
        self._render: RenderAhead | None = None
        self._loaded: Loaded | None = None
        self._stale = True
        self._busy = False
        self._done: list[Review] = []
        self._dispute: Dispute | None = None
        self._popup: ReasonPopup | None = None
        self.judgement: Judgement | None = None
        self.empty.acted.connect(self._load)
        self.side.filter_changed.connect(self._on_filter_changed)
        self.side.list.selectionModel().currentChanged.connect(self._on_row_changed)
        self.grid.kept.connect(self.keep)
        self.grid.removed.connect(self.remove)
        self.head.edit_clicked.connect(self.edit)
        self.head.flag_clicked.connect(self.toggle_flag)
        self.head.comment_clicked.connect(self.comment)
        self.accept_button.clicked.connect(self.accept_rest)
        self._dashboard_timer = QTimer(self, singleShot=True, interval=400)
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
        self.judgement, self._dispute, self._done, self._loaded = None, None, [], None
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
            self._show(entry)

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
        index = self.side.model.index(self.side.model.row_of(item_id))
        self.side.list.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _read_dashboard(self) -> None:
        if self.session.path is not None:
            work = partial(load_dashboard, self.session.path, self.session.reader)
            self._background.run("dashboard", work, self.side.show_dashboard, self.warned.emit)

    # -- one item ---------------------------------------------------------------------------------------------

    def _show(self, entry: Entry, marks: dict[str, int] | None = None) -> None:
        """Puts an item in front; what is rendered already is there at once."""
        if self._popup is not None:
            self._popup.close()
        if marks is None and entry.mine:
            marks = next((dict(r.marks) for r in reversed(self._done) if r.item_id == entry.item_id), None)
        self.judgement = Judgement(entry, dict(marks or {}))
        self._dispute = None
        self.pages.setCurrentIndex(0)
        self.grid.show_types(entry.types)
        self.head.show_waiting(entry.item_id)
        self._mark_row(entry.item_id)
        self._want(entry)
        self._show_pictures()
        self._show_marks()
        self.head.status.clear()
        work = partial(recording.claim, entry.item_id, self.session.reader, self._holder)
        self.session.submit(work, partial(self._on_claimed, entry.item_id))
        if self.judgement.stage == "settled" and self.session.path is not None:
            read = partial(load_dispute, self.session.path, entry.item_id, self.session.reader)
            self._background.run("dispute", read, self._on_dispute, self.warned.emit)

    def _want(self, entry: Entry) -> None:
        if self._render is not None:
            self._render.want([entry, *self.side.model.following(entry.item_id, AHEAD)])

    def _on_claimed(self, item_id: str, taken: bool) -> None:
        if self.judgement is not None and self.judgement.entry.item_id == item_id and not taken:
            self.head.status.setText(self.tr("open in another window"))

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
            left = [DEGRADATION_BY_NAME[name].label for name in judgement.undecided]
            text = self.tr("Undecided: {0}").format(", ".join(left)) if left else self.tr("Enter confirms.")
        else:
            text = ""
        self.message.setText(text)
        removed = any(judgement.marks.values())
        self.accept_button.setText(self.tr("Keep the rest and next  A") if removed else self.tr("Accept all and next  A"))

    # -- judging ----------------------------------------------------------------------------------------------

    def keep(self, column: int) -> None:
        if self.judgement is not None and not self._busy and self.judgement.mark(column, 0):
            self._show_marks()

    def remove(self, column: int) -> None:
        """Asks for the reason at the column; a digit answers."""
        judgement = self.judgement
        if judgement is None or self._busy or column >= len(judgement.entry.types):
            return
        label = DEGRADATION_BY_NAME[judgement.entry.types[column]].label
        popup = ReasonPopup(self.tr("Remove {0}, both levels, because").format(label), self)
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

    def _on_popup_gone(self) -> None:
        self._popup = None

    def _on_reason(self, judgement: Judgement, column: int, reason: int) -> None:
        if judgement is self.judgement:
            judgement.mark(column, reason)
            self._show_marks()

    def accept_rest(self) -> None:
        """Keeps what is not removed, records the decision, and goes on."""
        if self.judgement is not None and not self._busy:
            self.judgement.keep_rest()
            self._decide()

    def confirm(self) -> None:
        """Records the decision where every degradation is judged."""
        if self.judgement is None or self._busy:
            return
        if self.judgement.complete:
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
        self._dashboard_timer.start()
        if following:
            self._show(following[0])
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
        self._dashboard_timer.start()

    def _on_undo_refused(self, text: str) -> None:
        """A decision that cannot be taken back (its item was edited since, or another window was faster) leaves the list."""
        self._busy = False
        self._done.pop()
        self.warned.emit(text)

    def lay_down_gold(self) -> None:
        """The marks so far become what blind decisions are held against; colleagues do not see that there is one."""
        judgement = self.judgement
        if judgement is None or self._busy:
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

    # -- words, flags, comments -------------------------------------------------------------------------------

    def edit(self) -> None:
        """Another wording: a new version of the item, on which nobody has decided."""
        held = self._held()
        if held is None or self._busy:
            return
        dialog = EditDialog(held.item, self)
        dialog.accepted.connect(partial(self._on_edited, dialog))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _on_edited(self, dialog: EditDialog) -> None:
        changed, reason = dialog.changed, dialog.reason
        entry = self.side.model.entry(changed.item_id)
        if entry is not None:
            work = partial(recording.edit, changed, self.session.reader, reason, entry)
            self.session.submit(work, self._on_changed, self.warned.emit)

    def toggle_flag(self) -> None:
        held = self._held()
        if held is not None:
            self._note(not (bool(held.notes) and held.notes[-1].flagged), "")

    def comment(self) -> None:
        held = self._held()
        if held is None:
            return
        text, given = QInputDialog.getMultiLineText(
            self, self.tr("Comment"), self.tr("Comment on {0}:").format(held.item.item_id)
        )
        if given and text.strip():
            self._note(bool(held.notes) and held.notes[-1].flagged, text.strip())

    def _note(self, flagged: bool, comment: str) -> None:
        assert self.judgement is not None
        entry = self.judgement.entry
        note = ItemNote(self.session.reader, entry.item_id, flagged, comment, self.judgement.version)
        self.session.submit(partial(recording.note, note, entry), self._on_changed, self.warned.emit)

    def _on_changed(self, result: tuple[str, Entry]) -> None:
        """The item is read again; the marks so far stay on the screen."""
        at, entry = result
        marks = self.judgement.marks if self.judgement and self.judgement.entry.item_id == entry.item_id else {}
        self.session.kept.emit(at)
        self.side.model.replace(entry)
        if self._render is not None:
            self._render.forget(entry.item_id)
        if self.judgement is not None and self.judgement.entry.item_id == entry.item_id:
            self._show(entry, marks)

    def _held(self) -> ItemPictures | None:
        if self.judgement is None or self._render is None:
            return None
        return self._render.get(self.judgement.entry.item_id)

    def go_to_open(self) -> None:
        """The next listed item that this reader has not decided on."""
        shown = self.judgement.entry.item_id if self.judgement else ""
        for entry in self.side.model.following(shown, len(self.side.model.entries)):
            if not entry.mine:
                self._show(entry)
                return
        self.said.emit(self.tr("Nothing in this list waits for you"))

    def shut_down(self) -> None:
        if self.session.is_open:
            self.session.submit(lambda study: study.release_claims(self._holder), lambda done: None, lambda text: None)
        self._dashboard_timer.stop()
        self._background.close()
        self._hop.close()
        if self._render is not None:
            self._render.close()

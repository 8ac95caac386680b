"""Edits, flags and comments on the item in front; each is an event, and the item is read again afterwards."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QInputDialog, QWidget

from medqdeg_desktop.bank.review_queue import Entry
from medqdeg_desktop.study.records import ItemNote
from medqdeg_desktop.ui.review import recording
from medqdeg_desktop.ui.review.edit_dialog import EditDialog
from medqdeg_desktop.ui.review.judging import Judgement
from medqdeg_desktop.ui.review.layout import ReviewScreen
from medqdeg_desktop.ui.review.render_ahead import ItemPictures, RenderAhead
from medqdeg_desktop.ui.study_session import StudySession


class WordingScreen(ReviewScreen):
    """The part of Review that is about words. ``reworded`` asks for the item in front to be shown anew, with the marks so far."""

    reworded = Signal(object, object)

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.judgement: Judgement | None = None
        self._render: RenderAhead | None = None
        self._busy = False
        self.head.edit_clicked.connect(self.edit)
        self.head.flag_clicked.connect(self.toggle_flag)
        self.head.comment_clicked.connect(self.comment)

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
            self.reworded.emit(entry, marks)

    def _held(self) -> ItemPictures | None:
        if self.judgement is None or self._render is None:
            return None
        return self._render.get(self.judgement.entry.item_id)

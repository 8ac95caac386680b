"""Review with its two modes: the queue of items, and the screen for doubles, which takes the workspace and its keys over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QWidget

from medqdeg_desktop.ui.review.loading import Loaded
from medqdeg_desktop.ui.review.workspace import ReviewWorkspace
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.workspace import SEARCH_DOUBLES

if TYPE_CHECKING:
    from medqdeg_desktop.ui.review.doubles_page import DoublesPage


class ReviewModes(ReviewWorkspace):
    """The queue as it was; ``toggle_doubles`` puts the screen for doubles, built when first asked for, in its place."""

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.doubles: DoublesPage | None = None
        self._queue_actions: dict[str, QAction] = {}
        self.doubles_button = QPushButton(self.tr("Doubles…"))
        self.doubles_button.setToolTip(self.tr("Questions that look alike: merge them, or keep them apart  (Ctrl+D)"))
        self.doubles_button.clicked.connect(self.toggle_doubles)
        column = self.side.layout()
        assert column is not None
        column.addWidget(self.doubles_button)

    @property
    def acting(self) -> tuple[QWidget, str]:
        if self.in_doubles:
            assert self.doubles is not None
            return self.doubles, "doubles"
        return super().acting

    @property
    def in_doubles(self) -> bool:
        """Whether the screen for doubles is in front."""
        return self.doubles is not None and self.faces.currentWidget() is self.doubles

    def toggle_doubles(self) -> None:
        """To the screen for doubles, or back to the queue, which is read again where the set has changed meanwhile."""
        if self.in_doubles:
            self._show_queue()
            return
        page = self._made_doubles()
        self.faces.setCurrentWidget(page)
        page.load()
        page.setFocus()
        self._mode_changed()

    def receive(self, thing: object) -> None:
        """Another workspace asks for the doubles, after an import."""
        if thing == SEARCH_DOUBLES:
            if not self.in_doubles:
                self.toggle_doubles()
            if self.doubles is not None:
                self.doubles.search()

    def _made_doubles(self) -> DoublesPage:
        if self.doubles is None:
            # It brings half of SciPy along, which opening the queue need not wait for.
            from medqdeg_desktop.ui.review.doubles_page import DoublesPage

            self.doubles = DoublesPage(self.session)
            self.doubles.left.connect(self.toggle_doubles)
            self.doubles.said.connect(self.said)
            self.doubles.warned.connect(self.warned)
            self.doubles.decided.connect(self._on_set_changed)
            self.faces.addWidget(self.doubles)
        return self.doubles

    def _on_loaded(self, loaded: Loaded) -> None:
        """The queue has been read; it does not come to the front over what is looked at."""
        there = self.in_doubles
        super()._on_loaded(loaded)
        if there and self.doubles is not None:
            self.faces.setCurrentWidget(self.doubles)

    def _on_set_changed(self) -> None:
        self._stale = True

    def _show_queue(self) -> None:
        self.faces.setCurrentWidget(self.splitter if self.side.model.entries else self.empty)
        if self._stale:
            self._load()
        self.grid.setFocus()
        self._mode_changed()

    def _mode_changed(self) -> None:
        """Keys of the queue sleep while doubles are in front: two meanings of a key would cancel each other."""
        for action in self._queue_actions.values():
            action.setEnabled(not self.in_doubles)
        self.acting_changed.emit()

    # -- the workspace ----------------------------------------------------------------------------------------

    def actions_bound(self, actions: dict[str, QAction]) -> None:
        self._queue_actions = actions
        super().actions_bound(actions)

    def study_changed(self) -> None:
        super().study_changed()
        if self.doubles is not None:
            self.doubles.forget()
            if self.in_doubles:
                self.doubles.load()

    def shut_down(self) -> None:
        if self.doubles is not None:
            self.doubles.close_down()
        super().shut_down()

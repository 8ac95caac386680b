"""The screen of Review and the keys that only look: zoom, window, the large view. What is judged stands in ``workspace``."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from medqdeg_desktop.engine.presets import presets_for
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.ui.review.grid import ItemGrid
from medqdeg_desktop.ui.review.head import ItemHead
from medqdeg_desktop.ui.review.side import QueueSide
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.viewer.empty_page import EmptyPage
from medqdeg_desktop.ui.workspace import Workspace


class ReviewScreen(Workspace):
    """Queue at the left, item at the right, and the faces for an empty study and a finished list."""

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.side = QueueSide()
        self.head = ItemHead()
        self.grid = ItemGrid()
        self.message = QLabel()
        self.message.setProperty("role", "muted")
        self.message.setWordWrap(True)
        self.accept_button = QPushButton()
        self.accept_button.setProperty("role", "primary")
        self.accept_button.setToolTip(self.tr("Keep what is not removed, and go to the next item  (A)"))
        self.accept_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 0, 12, 8)
        foot.addWidget(self.message, 1)
        foot.addWidget(self.accept_button)
        item = QWidget()
        column = QVBoxLayout(item)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self.grid, 1)
        column.addLayout(foot)
        self.finished = EmptyPage(self.tr("Nothing is left in this list."), self.tr("Show all items"))
        self.finished.acted.connect(partial(self.side.show_only, "all"))
        self.pages = QStackedWidget()
        self.pages.addWidget(item)
        self.pages.addWidget(self.finished)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.side)
        self.splitter.addWidget(self.pages)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([290, 1000])
        self.side.setMinimumWidth(230)
        self.empty = EmptyPage(
            self.tr("This study has no items to review. `medqdeg bank import` brings them in."), self.tr("Look again")
        )
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Reading the queue"))
        self.bar.hide()
        self.faces = QStackedWidget()
        self.faces.addWidget(self.splitter)
        self.faces.addWidget(self.empty)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.bar)
        page.addWidget(self.faces, 1)

    # -- keys that only look ----------------------------------------------------------------------------------

    def focus_search(self) -> None:
        """The search field takes the keys."""
        self.side.search.setFocus()
        self.side.search.selectAll()

    def toggle_large(self) -> None:
        if self.grid.is_large:
            self.grid.close_large()
        else:
            self.grid.open_large()

    def close_large(self) -> None:
        """Back to the grid, and from the search field to the keys of the screen."""
        self.grid.close_large()
        self.grid.setFocus()

    def step_type(self, by: int) -> None:
        if self.grid.is_large:
            self.grid.step_large(by, 0)

    def step_down(self, by: int) -> None:
        """Levels in the large view, items otherwise."""
        if self.grid.is_large:
            self.grid.step_large(0, by)
        else:
            self.step_item(by)

    def step_item(self, by: int) -> None:
        """Another row of the queue, without deciding."""
        row = self.side.list.currentIndex().row() + by
        row = min(max(row, 0), self.side.model.rowCount() - 1)
        if row >= 0:
            self.side.list.setCurrentIndex(self.side.model.index(row, 0))

    def hold_original(self, held: bool) -> None:
        """While held, the original stands in every place."""
        self.grid.hold_original(held)

    def invert(self) -> None:
        self.grid.link.invert()

    def fit(self) -> None:
        self.grid.link.fit()

    def one_to_one(self) -> None:
        self.grid.link.one_to_one()

    def zoom_by(self, factor: float) -> None:
        self.grid.link.zoom_by(factor)

    def reset_window(self) -> None:
        """The window that was frozen for the item."""
        self.grid.link.set_window(None)

    def apply_preset(self, digit: int) -> None:
        """A window preset of the item's modality over the whole grid."""
        image = self.grid.clean
        if image is None or image.is_rgb:
            return
        try:
            presets = presets_for(image.modality, hounsfield=image.unit == "HU")
        except MedqdegError as error:
            self.warned.emit(str(error))
            return
        preset = next((one for one in presets if one.key == digit), None)
        if preset is None:
            self.said.emit(self.tr("No preset on {0} for this modality").format(digit))
            return
        self.grid.link.set_window(preset.window_for(image))
        self.said.emit(preset.name)

    # -- what is remembered -----------------------------------------------------------------------------------

    def save_state(self) -> dict[str, object]:
        return {"sizes": self.splitter.sizes(), "shown": str(self.side.shown.currentData())}

    def restore_state(self, state: dict[str, Any]) -> None:
        sizes = state.get("sizes")
        if isinstance(sizes, list) and len(sizes) == 2 and all(isinstance(s, int) for s in sizes):
            self.splitter.setSizes(sizes)
        self.side.show_only(str(state.get("shown", "open")))

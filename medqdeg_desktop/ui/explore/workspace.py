"""Explore: any dataset folder as a wall of thumbnails with filters, beside its published shares; one item large."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.explore.catalogue import Catalogue
from medqdeg_desktop.ui.explore.filters import Filters
from medqdeg_desktop.ui.explore.item_page import ItemPage, ItemShown
from medqdeg_desktop.ui.explore.places import dataset_among, is_dataset, newest_dataset
from medqdeg_desktop.ui.explore.reading import read_item
from medqdeg_desktop.ui.explore.thumbnails import Thumbnails
from medqdeg_desktop.ui.explore.verdicts import runs_on, verdicts
from medqdeg_desktop.ui.explore.wall import SIDE, Wall
from medqdeg_desktop.ui.garbage import keep_for_good
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.viewer.empty_page import EmptyPage
from medqdeg_desktop.ui.workspace import Workspace

_log = logging.getLogger(__name__)


class ExploreWorkspace(Workspace):
    """Shows one dataset at a time: the one that was dropped or chosen, else the last one that this study knows of."""

    context = "explore"

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.setAcceptDrops(True)
        self.catalogue: Catalogue | None = None
        self._background = Background(self, threads=2)
        self.thumbnails = Thumbnails(SIDE, QGuiApplication.primaryScreen().devicePixelRatio(), self)
        self._chosen_by_hand = False
        self._step_actions: list[QAction] = []
        self._row = -1
        self._type = ""
        self._build()
        self.filters.changed.connect(self._on_filters_changed)
        self.wall.opened.connect(self.open_picture)
        self.page.closed.connect(self.close_item)
        self.page.type_chosen.connect(self._on_type_chosen)
        self.empty.acted.connect(self.choose_folder)
        self.model.currentIndexChanged.connect(self._on_model_chosen)

    def _build(self) -> None:
        self.name = QLabel()
        self.name.setProperty("role", "title")
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.told = QLabel()
        self.told.setProperty("role", "muted")
        self.clear = QPushButton(self.tr("Clear filters"))
        self.clear.clicked.connect(self.clear_filters)
        self.open_button = QPushButton(self.tr("Open a dataset…"))
        self.open_button.clicked.connect(self.choose_folder)
        self.model = QComboBox()
        self.model.setAccessibleName(self.tr("Model whose answers can be filtered by"))
        self.model.setToolTip(self.model.accessibleName())
        self.model.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.model.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.model.setMaximumWidth(320)
        self.model.hide()
        head = QHBoxLayout()
        head.setContentsMargins(12, 8, 12, 8)
        head.setSpacing(12)
        head.addWidget(self.name, 1)
        head.addWidget(self.told)
        head.addWidget(self.model)
        head.addWidget(self.clear)
        head.addWidget(self.open_button)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Reading the dataset"))
        self.bar.hide()
        self.filters = Filters()
        self.wall = Wall(self.thumbnails)
        self.page = ItemPage()
        self.nothing = EmptyPage(self.tr("No picture matches these filters."), self.tr("Clear filters"))
        self.nothing.acted.connect(self.clear_filters)
        self.stack = QStackedWidget()
        for widget in (self.wall, self.page, self.nothing):
            self.stack.addWidget(widget)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.filters)
        self.splitter.addWidget(self.stack)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(1)
        self.splitter.setSizes([380, 1000])
        self.filters.setMinimumWidth(340)
        full = QWidget()
        column = QVBoxLayout(full)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.splitter, 1)
        self.empty = EmptyPage(self.tr("Drop a dataset folder here to look through its pictures."), self.tr("Open a dataset…"))
        self.faces = QStackedWidget()
        self.faces.addWidget(self.empty)
        self.faces.addWidget(full)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.bar)
        page.addWidget(self.faces, 1)

    def actions_bound(self, actions: dict[str, QAction]) -> None:
        self._step_actions = [actions[f"explore.{verb}"] for verb in ("previous", "next")]
        self._tell_actions()

    # -- datasets ---------------------------------------------------------------------------------------------

    def open_dataset(self, folder: Path) -> None:
        """Reads ``folder`` off this thread; what is shown stays until it is there, and stays if it cannot be read."""
        self._chosen_by_hand = True
        self._read(folder)

    def choose_folder(self) -> None:
        start = str(self.catalogue.dataset.folder.parent if self.catalogue else "")
        name = QFileDialog.getExistingDirectory(self, self.tr("Open a dataset"), start)
        if name:
            self.open_dataset(Path(name))

    def entered(self) -> None:
        self._read_runs()
        if not self._chosen_by_hand:
            self._look_for_newest()

    def study_changed(self) -> None:
        self._chosen_by_hand = False
        if self.isVisible():
            self._look_for_newest()

    def reader_changed(self) -> None:
        """A dataset shows nothing of a reader."""

    def _look_for_newest(self) -> None:
        path = self.session.path
        if path is not None:
            self._background.run("newest", partial(newest_dataset, path), self._on_newest_found, lambda text: None)

    def _on_newest_found(self, folder: Path | None) -> None:
        shown = self.catalogue.dataset.folder if self.catalogue else None
        if folder is not None and not self._chosen_by_hand and folder != shown:
            self._read(folder)

    def _read(self, folder: Path) -> None:
        self.bar.show()
        self._background.run("dataset", partial(Catalogue.read, folder), self._on_read, self._on_unreadable)

    def _on_read(self, catalogue: Catalogue) -> None:
        self.bar.hide()
        keep_for_good()
        self.catalogue = catalogue
        self.places_changed.emit()
        self.thumbnails.forget()
        self.name.setText(catalogue.dataset.folder.name)
        self.name.setToolTip(str(catalogue.dataset.folder))
        self.filters.fill(catalogue)
        self.close_item()
        self.faces.setCurrentIndex(1)
        self._on_filters_changed()
        self._on_runs([])
        self._read_runs()
        if catalogue.missing:
            self.warned.emit(
                self.tr(
                    "{0}: files are missing ({1:,} of the pictures, the first is {2}); `medqdeg verify` names them all"
                ).format(catalogue.dataset.folder, len(catalogue.missing), catalogue.missing[0])
            )

    def _read_runs(self) -> None:
        if self.catalogue is not None and self.session.path is not None:
            work = partial(runs_on, self.session.path, self.catalogue.sha256)
            self._background.run("runs", work, self._on_runs, self.warned.emit)

    def _on_runs(self, runs: list[tuple[str, str]]) -> None:
        chosen = self.model.currentData()
        self.model.blockSignals(True)
        self.model.clear()
        self.model.addItem(self.tr("No model's answers"), "")
        for run_id, label in runs:
            self.model.addItem(label, run_id)
        self.model.setCurrentIndex(max(0, self.model.findData(chosen)))
        self.model.blockSignals(False)
        self.model.setVisible(bool(runs))

    def _on_model_chosen(self) -> None:
        run_id = str(self.model.currentData() or "")
        if self.catalogue is None or self.session.path is None:
            return
        if run_id:
            work = partial(verdicts, self.session.path, run_id, self.catalogue.answers)
            self._background.run("verdicts", work, self._on_verdicts, self.warned.emit)
        else:
            self._background.drop("verdicts")
            self._on_verdicts({})

    def _on_verdicts(self, told: dict[str, str]) -> None:
        if self.catalogue is not None:
            chosen = {name: values for name, values in self.filters.chosen.items() if name != "verdict"}
            self.catalogue.with_verdicts(told)
            self.filters.fill(self.catalogue)
            self.filters.choose(chosen)
            self.filters.scroll_to("verdict")

    def _on_unreadable(self, text: str) -> None:
        self.bar.hide()
        self.warned.emit(text)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dataset_among(event.mimeData()) is not None:
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        folder = dataset_among(event.mimeData())
        if folder is not None:
            event.acceptProposedAction()
            self.open_dataset(folder)

    # -- the wall ---------------------------------------------------------------------------------------------

    def clear_filters(self) -> None:
        self.filters.choose({})

    def _on_filters_changed(self) -> None:
        catalogue = self.catalogue
        if catalogue is None:
            return
        chosen = self.filters.chosen
        numbers = catalogue.matching(chosen)
        self.wall.pictures.show_pictures(catalogue, numbers)
        self.filters.show_counts(catalogue.counts(chosen))
        total = len(catalogue.pictures)
        shown = self.tr("{0:,} of {1:,} pictures") if chosen else self.tr("{1:,} pictures")
        self.told.setText(shown.format(len(numbers), total))
        self.clear.setEnabled(bool(chosen))
        if self.stack.currentWidget() is not self.page:
            self.stack.setCurrentWidget(self.wall if numbers else self.nothing)
        self._row = -1
        self._tell_actions()

    # -- one item ---------------------------------------------------------------------------------------------

    def open_picture(self, number: int) -> None:
        """The item of picture ``number`` large, at the type of that picture."""
        numbers = self.wall.pictures.numbers
        if self.catalogue is None:
            return
        self._row = numbers.index(number) if number in numbers else -1
        self._type = self.catalogue.pictures[number].degradation
        self._show_item(number)

    def open_current(self) -> None:
        """The picture that has the focus on the wall."""
        number = self.wall.number_at(self.wall.currentIndex().row())
        if number is not None and self.stack.currentWidget() is self.wall:
            self.open_picture(number)

    def close_item(self) -> None:
        """Back to the wall, at the picture that was looked at."""
        was_large = self.stack.currentWidget() is self.page
        self._background.drop("item")
        self.stack.setCurrentWidget(self.wall if self.wall.pictures.numbers else self.nothing)
        if was_large and self._row >= 0:
            self.wall.show_row(self._row)
        self.filters.show()
        self.wall.setFocus()
        self._tell_actions()

    def step(self, by: int) -> None:
        """The next or previous picture of the wall, large."""
        number = self.wall.number_at(self._row + by)
        if number is not None and self.stack.currentWidget() is self.page:
            self.open_picture(number)

    def _on_type_chosen(self, name: str) -> None:
        if self.catalogue is None or self._row < 0:
            return
        self._type = name
        number = self.wall.number_at(self._row)
        if number is not None:
            self._show_item(number)

    def _show_item(self, number: int) -> None:
        assert self.catalogue is not None
        work = partial(read_item, self.catalogue, number, self._type)
        self._background.run("item", work, self._on_item_read, self.warned.emit)

    def _on_item_read(self, shown: ItemShown) -> None:
        self._type = shown.type_name
        self.page.show_item(shown)
        self.stack.setCurrentWidget(self.page)
        self.filters.hide()
        self._tell_actions()

    def _tell_actions(self) -> None:
        large = self.stack.currentWidget() is self.page
        for action in self._step_actions:
            action.setEnabled(large)

    # -- keys of the large item -------------------------------------------------------------------------------

    def hold_original(self, held: bool) -> None:
        """While held, the clean picture stands in all three panes."""
        self.page.hold_original(held)

    def fit(self) -> None:
        self.page.panes.link.fit()

    def one_to_one(self) -> None:
        self.page.panes.link.one_to_one()

    def zoom_by(self, factor: float) -> None:
        self.page.panes.link.zoom_by(factor)

    def invert(self) -> None:
        self.page.panes.link.invert()

    # -- what is remembered -----------------------------------------------------------------------------------

    def save_state(self) -> dict[str, object]:
        folder = str(self.catalogue.dataset.folder) if self.catalogue and self._chosen_by_hand else ""
        return {"folder": folder, "study": str(self.session.path or ""), "sizes": self.splitter.sizes()}

    def restore_state(self, state: dict[str, Any]) -> None:
        sizes = state.get("sizes")
        if isinstance(sizes, list) and len(sizes) == 2 and all(isinstance(s, int) for s in sizes):
            self.splitter.setSizes(sizes)
        folder = state.get("folder")
        if isinstance(folder, str) and folder and state.get("study") == str(self.session.path) and is_dataset(Path(folder)):
            self.open_dataset(Path(folder))

    def shut_down(self) -> None:
        self._background.close()
        self.thumbnails.close()

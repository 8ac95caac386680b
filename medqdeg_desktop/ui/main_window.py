"""The window: rail, banner, workspaces and foot, and what holds for all of them (study, palette, keys, what is remembered)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QInputDialog, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from medqdeg_desktop.ui.action_table import TABLE, actions_in_force, actions_of, own_keys, use_keys
from medqdeg_desktop.ui.actions import bind, call, give_keys, said
from medqdeg_desktop.ui.banner import Banner
from medqdeg_desktop.ui.foot import Foot
from medqdeg_desktop.ui.held_keys import HeldKeys
from medqdeg_desktop.ui.jobs import jobs_of
from medqdeg_desktop.ui.preferences import Preferences, data_folder
from medqdeg_desktop.ui.rail import Rail
from medqdeg_desktop.ui.screen_fit import ScreenFit
from medqdeg_desktop.ui.study_session import StudySession, local_clock
from medqdeg_desktop.ui.workspace import RAIL, RailEntry, Workspace

if TYPE_CHECKING:
    from medqdeg_desktop.ui.tour import Tour

STUDY_SUFFIX = ".medq"
_FIRST_READER = "Reader 1"
_TOUR_AFTER_MS = 1500
_KEEP_AFTER_MS = 1000
SMALLEST, USUAL = QSize(960, 600), QSize(1280, 800)


class MainWindow(QMainWindow):
    """Built at once, filled when the study has been opened. ``targets`` are a study, or files and folders of images."""

    def __init__(
        self,
        targets: Sequence[Path] = (),
        *,
        preferences: Preferences | None = None,
        rail: tuple[RailEntry, ...] = RAIL,
    ) -> None:
        super().__init__()
        self.setWindowTitle("MedQ-Deg Desktop")
        self.setAcceptDrops(True)
        self.preferences = preferences or Preferences()
        self.session = StudySession(self)
        self.jobs = jobs_of(self.session)
        self._entries = {entry.entry_id: entry for entry in rail}
        self._workspaces: dict[str, Workspace] = {}
        self._current = ""
        self._to_show = [p for p in targets if p.suffix != STUDY_SUFFIX]
        self._held = HeldKeys(self)
        self._tour: Tour | None = None
        #: What was open is kept when it changes, not only at the end: a window may be killed.
        self._keeping = QTimer(self, singleShot=True, interval=_KEEP_AFTER_MS)
        self._keeping.timeout.connect(self._keep_places)
        self._first_start = not targets and not self.preferences.get("study", "")

        use_keys(self.preferences.get("keys", {}))
        here = [a for a in actions_of("window") if a.handler != "go_to" or a.argument in self._entries]
        self._actions = bind(self, here)
        self._bound = dict(self._actions)
        self.rail = Rail(rail, self._actions)
        self.banner = Banner()
        self.stack = QStackedWidget()
        self.foot = Foot()
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.banner)
        right.addWidget(self.stack, 1)
        right.addWidget(self.foot)
        centre = QWidget()
        row = QHBoxLayout(centre)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
        row.addWidget(self.rail)
        row.addLayout(right, 1)
        self.setCentralWidget(centre)

        self.session.opened.connect(self._on_study_opened)
        self.session.reader_changed.connect(self._on_reader_changed)
        self.session.kept.connect(self._on_kept)
        self.session.failed.connect(self.banner.tell)
        self.foot.reader_clicked.connect(self.choose_reader)
        self.foot.stop_clicked.connect(self._on_stop_clicked)
        self.jobs.told.connect(self.foot.tell_job)
        self.foot.name_study("", "")
        self.foot.tell_kept("")

        self._fit = ScreenFit(self, SMALLEST, USUAL)
        self._restore_geometry()
        self.go_to(self._first_workspace())
        studies = [p for p in targets if p.suffix == STUDY_SUFFIX]
        # After the first paint: the window is there before the study is.
        QTimer.singleShot(0, lambda: self._open_first(studies[0] if studies else None))

    # -- workspaces -------------------------------------------------------------------------------------------

    def go_to(self, entry_id: str) -> None:
        """Brings a workspace to the front; built on its first visit."""
        if entry_id == self._current:
            return
        if self._current:
            self._workspaces[self._current].left()
        workspace = self.workspace(entry_id)
        self._current = entry_id
        self.stack.setCurrentWidget(workspace)
        self.rail.mark(entry_id)
        self._watch_keys()
        workspace.entered()
        self._keep_soon()

    def _watch_keys(self) -> None:
        owner, context = self._workspaces[self._current].acting
        self._held.watch(owner, actions_of(context))

    def workspace(self, entry_id: str) -> Workspace:
        """The workspace of a rail entry."""
        if entry_id not in self._workspaces:
            workspace = self._entries[entry_id].build(self.session)
            workspace.said.connect(self.foot.say)
            workspace.warned.connect(self.banner.tell)
            workspace.warned_with.connect(self.banner.tell)
            workspace.outdated.connect(self.banner.withdraw)
            workspace.job_told.connect(self.foot.tell_job)
            workspace.wanted_elsewhere.connect(self._on_wanted_elsewhere)
            workspace.acting_changed.connect(self._on_acting_changed)
            workspace.places_changed.connect(self._keep_soon)
            bound = bind(workspace, actions_of(workspace.context))
            self._bound.update(bound)
            workspace.actions_bound(bound)
            self._workspaces[entry_id] = workspace
            self.stack.addWidget(workspace)
            workspace.restore_state(self.preferences.get(f"workspace.{entry_id}", {}))
            if self.session.is_open:
                workspace.study_changed()
        return self._workspaces[entry_id]

    def _first_workspace(self) -> str:
        last = self.preferences.get("current", "")
        if self._to_show or last not in self._entries or last == "help":
            return next(iter(self._entries))
        return str(last)

    # -- study ------------------------------------------------------------------------------------------------

    def open_study(self, path: Path, *, create: bool = False) -> None:
        """Opens another study; what is open stays until it is there."""
        self._remember_study()
        self.session.open(path, self.preferences.get("reader", _FIRST_READER), create=create)

    def choose_study(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, self.tr("Open a study"), str(data_folder()), self.tr("Studies (*{0})").format(STUDY_SUFFIX)
        )
        if name:
            self.open_study(Path(name))

    def choose_new_study(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, self.tr("New study"), str(data_folder()), self.tr("Studies (*{0})").format(STUDY_SUFFIX)
        )
        if name:
            path = Path(name)
            self.open_study(path if path.suffix == STUDY_SUFFIX else path.with_name(path.name + STUDY_SUFFIX), create=True)

    def choose_reader(self) -> None:
        name, accepted = QInputDialog.getText(
            self, self.tr("Change reader"), self.tr("Pseudonym of the reader at the screen:"), text=self.session.reader
        )
        if accepted and name.strip():
            self.session.change_reader(name.strip())

    def _open_first(self, given: Path | None) -> None:
        last = self.preferences.get("study", "")
        path = given or (Path(last) if last and Path(last).is_file() else data_folder() / f"study{STUDY_SUFFIX}")
        self.open_study(path, create=given is None)

    def _on_study_opened(self) -> None:
        self.preferences.set("study", str(self.session.path))
        self.preferences.set("reader", self.session.reader)
        self._keep_soon()
        self.foot.name_study(self.session.name, self.session.reader)
        self.foot.tell_kept("")
        for workspace in self._workspaces.values():
            workspace.study_changed()
        if self._first_start:
            # When the first picture has had time to come: the hints lie beside what is there.
            self._first_start = False
            QTimer.singleShot(_TOUR_AFTER_MS, self, self._show_first_tour)
        if self._to_show:
            paths, self._to_show = self._to_show, []
            self.show_images(paths)

    def _on_reader_changed(self) -> None:
        self.preferences.set("reader", self.session.reader)
        self._keep_soon()
        self.foot.name_study(self.session.name, self.session.reader)
        self.foot.tell_kept("")
        for workspace in self._workspaces.values():
            workspace.reader_changed()

    def show_images(self, paths: Sequence[Path]) -> None:
        """Opens files and folders of images in Calibrate."""
        workspace = self.workspace("calibrate")
        self.go_to("calibrate")
        open_paths = getattr(workspace, "open_paths", None)
        assert open_paths is not None
        open_paths(list(paths))

    def _on_kept(self, at: str) -> None:
        self.foot.tell_kept(local_clock(at))

    def _on_wanted_elsewhere(self, entry_id: str, thing: object) -> None:
        if entry_id in self._entries:
            self.go_to(entry_id)
            self.workspace(entry_id).receive(thing)

    def _on_acting_changed(self) -> None:
        if self._workspaces.get(self._current) is self.sender():
            self._watch_keys()

    def _on_stop_clicked(self) -> None:
        self.jobs.stop_shown()
        for workspace in self._workspaces.values():
            workspace.stop_job()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped_paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = _dropped_paths(event)
        studies = [p for p in paths if p.suffix == STUDY_SUFFIX]
        images = [p for p in paths if p.suffix != STUDY_SUFFIX]
        if studies:
            self._to_show = images
            self.open_study(studies[0])
        elif images:
            self.show_images(images)
        event.acceptProposedAction()

    # -- the whole window -------------------------------------------------------------------------------------

    def show_palette(self) -> None:
        from medqdeg_desktop.ui.palette import Palette

        _, context = self._workspaces[self._current].acting
        bound = set(self._actions)
        offered = list(actions_of(context)) + [a for a in actions_of("window") if a.action_id in bound]
        palette = Palette(offered, self)
        palette.chosen.connect(self._on_action_chosen)
        palette.open()

    def show_keys(self) -> None:
        from medqdeg_desktop.ui.keys_sheet import KeysSheet

        entry = self._entries[self._current]
        actions = (*actions_of(self._workspaces[self._current].acting[1]), *actions_of("window"))
        shown = tuple(a for a in actions if a.context != "window" or a.action_id in self._actions)
        KeysSheet(self.tr("Keys: {0}").format(said(entry.text)), shown, self, gestures=self._current == "calibrate").open()

    def show_tour(self) -> None:
        """Three hints beside what they are about."""
        from medqdeg_desktop.ui.tour import Tour

        if self._tour is not None:
            return
        self.go_to("calibrate")
        stops = [stop for stop in self.workspace("calibrate").tour_stops() if stop[0].isVisible()]
        if stops:
            self._tour = Tour(self, stops)
            self._tour.ended.connect(self._on_tour_ended)

    def _on_tour_ended(self) -> None:
        self._tour = None
        self.preferences.set("tour_seen", True)
        self.preferences.save()
        self._workspaces[self._current].entered()

    def _show_first_tour(self, tries: int = 20) -> None:
        """Once everything that it points at is there; somebody who has gone elsewhere by then does not need it."""
        if self.preferences.get("tour_seen", False) or self._current != "calibrate" or not self.isVisible():
            return
        if all(target.isVisible() for target, _ in self.workspace("calibrate").tour_stops()):
            self.show_tour()
        elif tries:
            QTimer.singleShot(_TOUR_AFTER_MS, self, partial(self._show_first_tour, tries - 1))

    def edit_keys(self) -> None:
        from medqdeg_desktop.ui.keys_editor import KeysEditor

        editor = KeysEditor(self)
        editor.changed.connect(self._on_keys_changed)
        editor.open()

    def _on_keys_changed(self) -> None:
        for action in actions_in_force():
            if action.action_id in self._bound:
                give_keys(self._bound[action.action_id], action)
        workspace = self._workspaces[self._current]
        self._held.watch(workspace, actions_of(workspace.context))
        self.preferences.set("keys", own_keys())
        self.preferences.save()

    def toggle_full_screen(self) -> None:
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def reset_layout(self) -> None:
        """Sizes and places as at the very first start."""
        self.showNormal()
        self._fit.reset()
        for workspace in self._workspaces.values():
            workspace.restore_state({})

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.jobs.may_close(self):
            event.ignore()
            return
        self._keeping.stop()
        self._remember_study()
        # A computation under way is waited for; nobody has to look at that.
        self.hide()
        self._remember_window()
        self.preferences.save()
        for workspace in self._workspaces.values():
            workspace.shut_down()
        self.session.close()
        super().closeEvent(event)

    def _remember_study(self) -> None:
        for entry_id, workspace in self._workspaces.items():
            self.preferences.set(f"workspace.{entry_id}", workspace.save_state())

    def _remember_window(self) -> None:
        self.preferences.set("geometry", bytes(self.saveGeometry().toBase64().data()).decode())
        self.preferences.set("current", self._current)

    def _keep_soon(self) -> None:
        if not self._keeping.isActive():
            self._keeping.start()

    def _keep_places(self) -> None:
        if self.session.is_open and all(workspace.settled for workspace in self._workspaces.values()):
            self._remember_study()
            self._remember_window()
            self.preferences.save_aside()

    def _restore_geometry(self) -> None:
        saved = self.preferences.get("geometry", "")
        if saved:
            self.restoreGeometry(QByteArray.fromBase64(saved.encode()))

    def _on_action_chosen(self, action_id: str) -> None:
        action = next(a for a in TABLE if a.action_id == action_id)
        call(self if action.context == "window" else self._workspaces[self._current].acting[0], action)


def _dropped_paths(event: QDropEvent) -> list[Path]:
    """Files and folders of this machine among what is dragged."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]

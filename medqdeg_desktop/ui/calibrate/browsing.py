"""Opening series and looking at them: list, panes, slices, windows. What is made of the pictures is left to the class above.

This widget connects; what is true lives elsewhere: frames in ``FrameStore``, the view of each series in ``SeriesView``, places of
files in ``Places``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.presets import presets_for
from medqdeg_desktop.engine.reading import Series
from medqdeg_desktop.engine.reading.slides import Region
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.calibrate.chosen_again import ChosenAgain, replace
from medqdeg_desktop.ui.calibrate.growing import GrowingSeries
from medqdeg_desktop.ui.calibrate.looking import LookingWorkspace
from medqdeg_desktop.ui.calibrate.open_menu import OpenMenu
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.calibrate.opener import Opener
from medqdeg_desktop.ui.calibrate.places import Places, present
from medqdeg_desktop.ui.calibrate.region_opener import RegionOpener
from medqdeg_desktop.ui.calibrate.series_list import SeriesList
from medqdeg_desktop.ui.calibrate.side_panel import SidePanel
from medqdeg_desktop.ui.hop import Hop
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.viewer.empty_page import EmptyPage
from medqdeg_desktop.ui.viewer.frame_store import FrameAnswer, FrameStore
from medqdeg_desktop.ui.viewer.series_view import Layout
from medqdeg_desktop.ui.viewer.slice_bar import SliceBar
from medqdeg_desktop.ui.viewer.slide_page import SlidePage

_CINE_MS = 80


class BrowsingWorkspace(LookingWorkspace):
    """Base of Calibrate. Hooks: ``series_shown`` (another series, None: none), ``image_shown``, ``view_changed``."""

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._hop = Hop(self)
        self.store = FrameStore(self._on_answer_elsewhere)
        self.opener = Opener(self)
        self._background, self._whereabouts = Background(self), Background(self)
        self._regions = RegionOpener(self._background, self)
        self.places = Places()
        self.list = SeriesList()
        self.slices = SliceBar()
        self.slide_page = SlidePage()
        self._direction = 1
        self._reading_stack = False
        self._growing, self._again = GrowingSeries(), ChosenAgain()
        self._failed = self._locating = False
        self._to_show, self._show_first, self._asked, self._looked_in = "", True, False, ""
        self._cine = QTimer(self, interval=_CINE_MS)
        self._cine.timeout.connect(self._on_cine)
        self._build()
        self.empty.acted.connect(self.choose_folder)
        self._open_menu.aboutToShow.connect(lambda: self._open_menu.fill(self.places.recent))
        self._open_menu.files.connect(self.choose_files)
        self._open_menu.folder.connect(self.choose_folder)
        self._open_menu.recent.connect(lambda path: self.open_paths([path]))
        self._open_menu.forgotten.connect(lambda: self.places.recent.clear())
        self.list.chosen.connect(self._on_series_chosen)
        self.opener.found.connect(self._on_found)
        self.opener.thumbnail.connect(self.list.series.set_thumbnail)
        self.opener.progressed.connect(self._on_scan_progressed)
        self.opener.finished.connect(self._on_scan_finished)
        self.comparison.scrolled.connect(self.step_frame)
        self.slices.moved.connect(self.show_frame)
        self.slices.axis_chosen.connect(self.show_axis)
        self.slide_page.chosen.connect(self.open_region)
        self._regions.found.connect(self._on_region)
        self._regions.warned.connect(self.warned)

    def series_shown(self, opened: OpenSeries | None) -> None:
        """Another series is in front; its picture follows."""

    def image_shown(self, image: MedicalImage, *, new_series: bool) -> None:
        """A frame is on the screen."""

    # -- building ---------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.empty = EmptyPage(self._invitation(), self.tr("Open a folder…"))
        self.viewer = viewer = QWidget()
        middle = QVBoxLayout(viewer)
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addWidget(self.bar)
        middle.addWidget(self.comparison, 1)
        middle.addWidget(self.slices)
        self.centre = QStackedWidget()
        self.centre.addWidget(self.empty)
        self.centre.addWidget(viewer)
        self.centre.addWidget(self.slide_page)
        side = SidePanel(self.list, OpenMenu(self._whereabouts))
        self.open_button, self.scanning, self._open_menu = side.open_button, side.scanning, side.menu
        self.row = row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
        row.addWidget(side)
        row.addWidget(self.centre, 1)

    # -- state ------------------------------------------------------------------------------------------------

    def study_changed(self) -> None:
        self.opener.drop()
        self._again = ChosenAgain()
        self._regions.drop()
        self.scanning.hide()
        self.list.series.clear()
        self._show_opened(None)
        self._to_show, self._show_first = self.places.current(str(self.session.path)), True
        self._asked = False
        self.empty.say(self.tr("Opening…"))
        roots = self.places.roots(str(self.session.path))
        self._locating = True
        self._whereabouts.run("roots", partial(present, roots), self._on_roots)

    @property
    def settled(self) -> bool:
        return not self._locating and not self.opener.is_busy

    def save_state(self) -> dict[str, object]:
        if self.session.path is not None and not self._locating:
            self.places.remember(str(self.session.path), self.list.series.rows, self.opened)
        # Forgotten with what was open lately.
        folder = self._looked_in if self.places.recent else ""
        kept = {"layout": str(self.comparison.layout_mode), "dithers": self.dithers, "folder": folder}
        return kept | {"studies": self.places.studies, "recent": self.places.recent}

    def restore_state(self, state: dict[str, object]) -> None:
        self.places = Places.of(state.get("studies", self.places.studies), state.get("recent", self.places.recent))
        self.set_dithered(state.get("dithers", True) is not False)
        self._looked_in = str(state.get("folder", ""))
        layout = str(state.get("layout", Layout.SIDE_BY_SIDE))
        self.set_layout(layout if layout in set(Layout) else str(Layout.SIDE_BY_SIDE))

    def left(self) -> None:
        self._cine.stop()
        self._stack_read()

    def shut_down(self) -> None:
        self._cine.stop()
        self.opener.close()
        self._background.close()
        self._whereabouts.close()
        self._hop.close()
        self.store.close()

    def _on_roots(self, roots: list[Path]) -> None:
        self._locating = False
        if roots:
            self.opener.open(roots)
        else:
            self.session.submit(self.places.recorded_roots, self._on_recorded_roots)

    def _on_recorded_roots(self, roots: list[Path]) -> None:
        if roots:
            self.opener.open(roots)
        elif not self._asked:
            self.opener.open_sample(self.places.sample_folder())

    # -- opening ----------------------------------------------------------------------------------------------

    def open_paths(self, paths: list[Path]) -> None:
        """Adds what lies at ``paths`` to the list and shows the first of it."""
        self._to_show, self._show_first, self._asked = "", True, True
        self.empty.say(self.tr("Opening…"))
        self.opener.open(paths)

    def _invitation(self) -> str:
        return self.tr("Drop files, a folder or a ZIP here: DICOM, NIfTI, PNG, JPEG or TIFF.")

    def open_region(self, region: Region) -> None:
        """A region of the slide in front comes into the list, and to the front."""
        if self.opened is not None and self.opened.is_overview:
            self._regions.open(self.opened, region)

    def _on_region(self, found: list[Series], root: Path, in_front: bool) -> None:
        if in_front:
            self._to_show = found[0].series_id
        self._on_found(found, root)

    def choose_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, self.tr("Open files"), self._looked_in)
        if names:
            self._looked_in = str(Path(names[0]).parent)
            self.open_paths([Path(n) for n in names])

    def choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Open a folder"), self._looked_in)
        if name:
            self._looked_in = name
            self.open_paths([Path(name)])

    def toggle_file_names(self) -> None:
        """Names of files and folders in the list, for this session: they may be names of people."""
        self.list.series.show_names(not self.list.series.shows_names)

    def close_series(self) -> None:
        if self.opened is not None:
            series_id = self.opened.series_id
            self.list.series.remove(series_id)
            self.store.forget(series_id)
            if self.opened is not None and self.opened.cut is not None:
                self.store.forget(self.opened.cut.series_id)
            if not self.list.series.rows:
                self._show_opened(None)
            self.places_changed.emit()

    def step_series(self, step: int) -> None:
        self.list.step(step)

    def _on_found(self, found: list[Series], root: Path) -> None:
        model = self.list.series
        new: list[OpenSeries] = []
        for series in found:
            row = model.row_of(series.series_id)
            if row >= 0:
                opened = model.rows[row]
                if self._again.replaces(opened, series, root):
                    self._on_series_replaced(opened, series, root)
                elif series.frame_count > opened.series.frame_count:
                    self._on_series_grown(opened, series)
                continue
            self._again.met(series.series_id, root)
            new.append(self.places.restored(str(self.session.path), series, root))
            self.opener.want_thumbnail(series)
        model.add(new)
        if new:
            more = self.tr(" and {0} more").format(len(found) - 1) if len(found) > 1 else ""
            self.places.note_opened(root, f"{new[0].title}  ({new[0].detail}){more}")
        self._regions.reopen(new, {root: self.places.regions(str(self.session.path), root)})
        ids = [series.series_id for series in found]
        if self._to_show in ids:
            self.list.choose(self._to_show)
            self._to_show, self._show_first = "", False
        elif self._show_first and ids:
            self.list.choose(ids[0])
            self._show_first = False

    def _on_series_replaced(self, opened: OpenSeries, series: Series, root: Path) -> None:
        """What is open was chosen once more: what lies there now is shown, a whole copy in the place of a broken one."""
        self.store.forget(opened.series_id, opened.shown.series_id)
        replace(opened, series, root)
        self.opener.want_thumbnail(series)
        self.list.series.refresh(opened.series_id)
        if opened is self.opened:
            self._show_opened(opened)

    def _on_series_grown(self, opened: OpenSeries, series: Series) -> None:
        """More slices of a series that is open: places of slices have changed, so what was decoded is dropped."""
        if opened is self.opened and self.image is None and not self.store.error(opened.series_id, opened.view.frame):
            # The first picture first: a series that grows under it would ask for another one again and again.
            self._growing.waiting = series
            return
        self.store.forget(opened.series_id, opened.shown.series_id)
        self._growing.grow(opened, series)
        if opened is self.opened:
            self.show_frame(opened.view.frame)

    def _apply_grown(self) -> None:
        """What was found while the first picture was on its way."""
        series, self._growing.waiting = self._growing.waiting, None
        if series is not None and self.opened is not None and series.series_id == self.opened.series_id:
            self._on_series_grown(self.opened, series)

    def _on_scan_progressed(self, done: int, total: int) -> None:
        self.scanning.setText(self.tr("reading {0:,} / {1:,}").format(done, total))
        self.scanning.setVisible(done < total)

    def _on_scan_finished(self, paths: list[Path], count: int, refused: list[tuple[str, str]]) -> None:
        self.scanning.hide()
        self._apply_grown()
        for moved in self._growing.settled(self.list.series.rows):
            if moved is self.opened:
                self.show_frame(moved.view.frame)
        self.empty.say(self._invitation())
        if not self.list.series.rows:
            self._show_opened(None)
        left, self._again = self._again.left_aside, ChosenAgain()
        refused = [*refused, *((root.name, self.list.series.stands_for(aside)) for aside, root in left)]
        paths = [*paths, *(row.root for row in self.list.series.rows if row.series_id in dict(left))]
        self.notices.opened(paths, self.opener.told_of(paths, count, refused) if refused else "", refused)
        self.places_changed.emit()

    # -- series and frames ------------------------------------------------------------------------------------

    def _on_series_chosen(self, series_id: str) -> None:
        row = self.list.series.row_of(series_id)
        self._show_opened(self.list.series.rows[row] if row >= 0 else None)

    def _show_opened(self, opened: OpenSeries | None) -> None:
        self._cine.stop()
        if self.opened is not None and self.opened is not opened and self.opened.cut is not None:
            # A cut holds its whole stack in memory: only the one in front may.
            self.store.forget(self.opened.cut.series_id)
            self.opened.show_cut(None)
        self._background.drop("cut")
        self._stack_read()
        if self._growing.waiting is not None and self.opened is not None and self.opened is not opened:
            # Nobody waits for its first picture any more.
            self._growing.grow(self.opened, self._growing.waiting)
        self._growing.waiting = None
        self.opened, self.image, self._failed = opened, None, False
        if opened is not None and self.centre.currentWidget() is self.empty:
            # Before the page goes with its button: Qt would give the keyboard to the next button, and Space would press that.
            self.comparison.right_pane.setFocus()
        self.comparison.show_original(None)
        overview = opened is not None and opened.is_overview
        self.centre.setCurrentWidget(self.slide_page if overview else self.viewer if opened is not None else self.empty)
        # An overview is where a picture is chosen, not one: nothing of it is degraded or kept.
        self.series_shown(None if overview else opened)
        if opened is None:
            return
        self.places_changed.emit()
        self.list.series.refresh(opened.series_id)
        if opened.is_overview:
            assert opened.series.slide is not None
            self.slide_page.show_slide(opened.series.slide)
            self.slide_page.overview.setFocus()
        self.comparison.show_series(opened.view)
        self.slices.show_axis(opened.axis, can_be_cut=opened.can_be_cut)
        self._take_focus()
        if opened.warnings:
            self.said.emit(opened.warnings[0])
        self.show_frame(opened.view.frame)

    def show_frame(self, frame: int) -> None:
        """Frame ``frame`` of the series; the old picture stays until it is decoded."""
        opened = self.opened
        if opened is None:
            return
        series = opened.shown
        frame = min(max(frame, 0), series.frame_count - 1)
        if frame != opened.view.frame:
            self._direction = 1 if frame > opened.view.frame else -1
        opened.view.frame = frame
        self.slices.show_frame(frame, series.frame_count)
        image = self.store.cached(series.series_id, frame)
        self.store.want(series, frame, self._direction)
        if image is not None:
            self._show_image(image)
        else:
            self.comparison.left_pane.set_busy(True)

    def step_frame(self, step: int) -> None:
        if self.opened is not None:
            self.show_frame(self.opened.view.frame + step)

    def show_axis(self, axis: str) -> None:
        """The stack seen along another body axis; the picture stays until the first cut is there."""
        opened = self.opened
        if opened is None or axis == opened.axis:
            return
        if not opened.can_be_cut:
            self.said.emit(self.tr("Only a stack of even slices with known places can be seen along another axis"))
            self.slices.show_axis(opened.axis, can_be_cut=False)
            return
        self._reading_stack = True
        self.said.emit(self.tr("{0}: reading the stack…").format(axis.capitalize()))
        self._background.run(
            "cut", lambda: opened.series.cut(axis), partial(self._on_cut, opened), partial(self._on_not_cut, opened)
        )

    def _stack_read(self) -> None:
        """The foot no longer says that the stack is being read: it is there, given up, or another screen is in front."""
        if self._reading_stack:
            self._reading_stack = False
            self.said.emit("")

    def _on_cut(self, opened: OpenSeries, cut: Series) -> None:
        self._stack_read()
        if opened is not self.opened:
            return
        if opened.cut is not None:
            self.store.forget(opened.cut.series_id)
        opened.show_cut(None if cut is opened.series else cut)
        self._show_opened(opened)

    def _on_not_cut(self, opened: OpenSeries, error: str) -> None:
        self._stack_read()
        self.slices.show_axis(opened.axis, can_be_cut=opened.can_be_cut)
        self.warned.emit(error)

    def toggle_cine(self) -> None:
        opened = self.opened
        if self._cine.isActive() or opened is None or opened.shown.frame_count < 2:
            self._cine.stop()
            return
        seconds = opened.series.frame_seconds
        self._cine.start(min(max(round(seconds * 1000), 16), 1000) if seconds else _CINE_MS)

    def _on_cine(self) -> None:
        opened = self.opened
        # A frame is skipped neither by a slow disk nor by a slow decoder: the next one waits for this one.
        if opened is not None and self.image is not None and self.image.frame == opened.view.frame:
            self.show_frame((opened.view.frame + 1) % opened.shown.frame_count)

    def _on_answer_elsewhere(self, answer: FrameAnswer) -> None:
        self._hop.post(partial(self._on_answer, answer))

    def _on_answer(self, answer: FrameAnswer) -> None:
        opened = self.opened
        # A series that has grown meanwhile has other slices under the same numbers.
        if opened is None or answer.series is not opened.shown or answer.index != opened.view.frame:
            return
        self.comparison.left_pane.set_busy(False)
        if answer.image is None:
            self._show_failure(answer, opened)
        elif answer.image.modality == opened.series.modality:
            self._show_image(answer.image)
        self._apply_grown()

    def _show_failure(self, answer: FrameAnswer, opened: OpenSeries) -> None:
        """The reason in the place of the picture: that of another slice must not stand under this one's number."""
        self.image, self._failed = None, True
        self.series_shown(None)
        self.comparison.show_original(None)
        path = opened.shown.frames[answer.index].path
        self.comparison.tell(self.notices.failed(path, opened.root, answer.error))

    def _show_image(self, image: MedicalImage) -> None:
        self.notices.shown(self.opened.root if self.opened is not None and self.image is None else None)
        if self.opened is not None and self.opened.is_overview:
            self.slide_page.show_overview(image)
            return
        if self._failed:
            self._failed = False
            self.series_shown(self.opened)
        new_series = self.image is None
        self.image = image
        if "damaged" in image.provenance:
            self.notices.doubted(image.provenance["damaged"])
        elif "decoder_warning" in image.provenance:
            self.said.emit(self.tr("The decoder says: {0}").format(image.provenance["decoder_warning"]))
        self.comparison.left_pane.set_busy(False)
        self.comparison.show_original(image)
        if new_series:
            grey = not image.is_rgb
            self._presets = presets_for(image.modality, hounsfield=image.unit == "HU") if grey else []
            self.bar.fill_presets(self._presets)
        self.image_shown(image, new_series=new_series)

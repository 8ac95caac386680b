"""How the frame in front is looked at: layouts, windows, zoom, turns, tools, what is written over the pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QWidget

from medqdeg_desktop.engine.display import auto_window
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.presets import Preset
from medqdeg_desktop.ui.calibrate.file_notices import FileNotices
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.viewer.comparison import Comparison
from medqdeg_desktop.ui.viewer.convention import Convention
from medqdeg_desktop.ui.viewer.measures import MeasureKind
from medqdeg_desktop.ui.viewer.series_view import Layout
from medqdeg_desktop.ui.viewer.toolbar import ViewerBar
from medqdeg_desktop.ui.viewer.turn import FLIP_ACROSS, FLIP_DOWN, TURN_LEFT, TURN_RIGHT
from medqdeg_desktop.ui.workspace import Workspace

LAYOUT_ACTIONS = {
    Layout.SIDE_BY_SIDE: "calibrate.side_by_side",
    Layout.SINGLE: "calibrate.single",
    Layout.WIPE: "calibrate.wipe",
    Layout.DIFFERENCE: "calibrate.difference",
}
_TURNS = {"flip across": FLIP_ACROSS, "flip down": FLIP_DOWN, "right": TURN_RIGHT, "left": TURN_LEFT}


class LookingWorkspace(Workspace):
    """Base of browsing: the panes and their bar. The class above says what is ``opened`` and which ``image`` is shown."""

    context = "calibrate"

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.comparison = Comparison()
        self.bar = ViewerBar()
        self.opened: OpenSeries | None = None
        self.image: MedicalImage | None = None
        self._presets: list[Preset] = []
        self._smooth = self._planes = self.dithers = True
        self.notices = FileNotices(self)
        self.notices.warned.connect(self.warned_with)
        self.notices.outdated.connect(self.outdated)
        self.comparison.view_changed.connect(self.view_changed)
        self.bar.preset_chosen.connect(self.apply_preset)

    def show_unread(self) -> None:
        """The files that could not be read since the window was opened, with the reasons."""
        self.notices.show_list()

    def view_changed(self) -> None:
        """Window, zoom or place were changed by the reader."""

    def actions_bound(self, actions: dict[str, QAction]) -> None:
        self.bar.fill(actions, tuple(LAYOUT_ACTIONS.values()))
        self.bar.mark_layout(LAYOUT_ACTIONS[self.comparison.layout_mode])
        self._mark_convention()

    def set_layout(self, layout: str) -> None:
        self.comparison.set_layout_mode(Layout(layout))
        self.bar.mark_layout(LAYOUT_ACTIONS[Layout(layout)])

    def apply_preset(self, digit: int) -> None:
        preset = next((p for p in self._presets if p.key == digit), None)
        if preset is None or self.image is None or self.opened is None:
            self.said.emit(self.tr("No window preset {0} for this picture").format(digit))
            return
        self.opened.view.window = preset.window_for(self.image)
        self._view_set(self.tr("Window: {0}").format(preset.name))

    def reset_window(self) -> None:
        if self.opened is not None:
            self.opened.view.window, self.opened.view.inverted = None, False
            self._view_set(self.tr("The file's own window"))

    def auto_window(self) -> None:
        if self.opened is not None and self.image is not None and not self.image.is_rgb:
            self.opened.view.window = auto_window(self.image)
            self._view_set(self.tr("Window to the picture"))

    def invert(self) -> None:
        if self.opened is not None:
            self.opened.view.inverted = not self.opened.view.inverted
            self._view_set("")

    def fit(self) -> None:
        self.comparison.fit()

    def one_to_one(self) -> None:
        self.comparison.zoom_one_to_one()

    def zoom_by(self, factor: float) -> None:
        self.comparison.zoom_by(factor)

    def turn(self, how: str) -> None:
        """Flips or turns the view; pixels, and what is kept of them, stay as they are."""
        if self.image is not None:
            self.comparison.turn_by(_TURNS[how])

    def turn_back(self) -> None:
        """The view as the file, or the convention, has it."""
        if self.image is not None:
            self.comparison.show_upright()

    def toggle_neurological(self) -> None:
        """Axial and coronal cuts with the patient's left on the left, or on the right as radiologists read."""
        now = self.comparison.convention
        self.follow_convention(replace(now, neurological=not now.neurological))
        self.said.emit(
            self.tr("Radiological: the patient's left on the right")
            if now.neurological
            else self.tr("Neurological: the patient's left on the left, until it is switched back")
        )

    def toggle_nose(self) -> None:
        """Sagittal cuts with the nose to the right, or to the left."""
        now = self.comparison.convention
        self.follow_convention(replace(now, nose_right=not now.nose_right))
        self.said.emit(
            self.tr("Sagittal slices: nose to the left")
            if now.nose_right
            else self.tr("Sagittal slices: nose to the right, until it is switched back")
        )

    def follow_convention(self, convention: Convention) -> None:
        """For all series, and at the next start."""
        self.comparison.follow_convention(convention)
        self._mark_convention()
        self.places_changed.emit()

    def _mark_convention(self) -> None:
        now = self.comparison.convention
        self.bar.mark_convention(neurological=now.neurological, nose_right=now.nose_right)

    def toggle_measure(self, kind: str) -> None:
        """Takes a tool up, or puts it away and clears what it drew."""
        tool = None if self.comparison.tool == kind else MeasureKind(kind)
        self.comparison.measure_with(tool)
        if tool is MeasureKind.RULER:
            self.said.emit(self.tr("Ruler: drag over a picture; M puts it away"))
        elif tool is MeasureKind.ANGLE:
            self.said.emit(self.tr("Angle: drag one arm to the vertex, then click the end of the other; Shift+M puts it away"))
        elif tool is MeasureKind.REGION:
            self.said.emit(self.tr("Region: drag over a picture; O puts it away"))

    def toggle_overlays(self) -> None:
        for pane in (self.comparison.left_pane, self.comparison.right_pane):
            pane.overlay.visible = not pane.overlay.visible
            pane.update()

    def toggle_dither(self) -> None:
        """Greys between two of the screen's 256 by a fixed pattern, or each rounded by itself. Exports are always rounded."""
        self.set_dithered(not self.dithers)
        self.said.emit(self.tr("Greys dithered: no banding") if self.dithers else self.tr("Greys rounded to the screen's 256"))

    def set_dithered(self, dithers: bool) -> None:
        self.dithers = dithers
        for pane in (self.comparison.left_pane, self.comparison.right_pane):
            pane.set_dithered(dithers)

    def toggle_planes(self) -> None:
        """What the file itself draws over its picture (DICOM overlay planes)."""
        self._planes = not self._planes
        for pane in (self.comparison.left_pane, self.comparison.right_pane):
            pane.show_planes(self._planes)
        if self.image is not None and self.image.overlay is None:
            self.said.emit(self.tr("This picture has no overlay planes"))
        else:
            self.said.emit(self.tr("Overlay planes shown") if self._planes else self.tr("Overlay planes hidden"))

    def toggle_smooth(self) -> None:
        """Enlarged pictures interpolated, or each stored pixel as a square."""
        self._smooth = not self._smooth
        for pane in (self.comparison.left_pane, self.comparison.right_pane):
            pane.set_smooth(self._smooth)
        self.said.emit(self.tr("Enlarged smoothly") if self._smooth else self.tr("Each stored pixel as a square"))

    def _seen_as(self) -> dict[str, Any]:
        """How the picture is seen, and on which display: kept with a decision made on it."""
        screen = self.screen()
        placement = self.comparison.right_pane.placement()
        return {
            "layout": str(self.comparison.layout_mode),
            "inverted": self.opened.view.inverted if self.opened is not None else False,
            # On the screen alone: what was degraded and hashed lies as the file has it.
            "turn": self.comparison.view.viewport.turn.name,
            "convention": self.comparison.convention.name,
            "sagittal_nose": self.comparison.convention.nose,
            "zoom": round(placement.scale_x, 4) if placement is not None else None,
            "device_pixel_ratio": self.devicePixelRatioF(),
            "display": f"{screen.size().width()} x {screen.size().height()}",
            "dpi": round(screen.physicalDotsPerInch(), 1),
        }

    def entered(self) -> None:
        self._take_focus()

    def _take_focus(self) -> None:
        """The keyboard starts at the picture, unless the reader is somewhere else in this workspace."""
        focus = QApplication.focusWidget()
        if focus is None or not self.isAncestorOf(focus):
            self.comparison.right_pane.setFocus()

    def _view_set(self, said: str) -> None:
        if said:
            self.said.emit(said)
        self.comparison.refresh()
        self.view_changed()

"""Calibrate: a reader looks at a degraded picture beside its original and says where L1 and L2 lie.

What is asked for and what is shown are kept apart in ``LiveRender``; decisions go through ``Desk``. This widget connects them to
the slider, the panel and the keys.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from PySide6.QtWidgets import QApplication, QInputDialog, QVBoxLayout, QWidget

from medqdeg_desktop.engine.degradation import ParameterValue, find, parameters_at
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.preview import PreviewResult
from medqdeg_desktop.taxonomy import Level, Modality
from medqdeg_desktop.ui.calibrate.browsing import BrowsingWorkspace
from medqdeg_desktop.ui.calibrate.contact_sheet import ContactSheet, Look
from medqdeg_desktop.ui.calibrate.decisions import calibration_seed
from medqdeg_desktop.ui.calibrate.desk import Desk, OnScreen, Trial
from medqdeg_desktop.ui.calibrate.kept import MEASURED_AXIALLY
from medqdeg_desktop.ui.calibrate.live import LiveRender, Wanted
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.calibrate.panel import CalibratePanel
from medqdeg_desktop.ui.probe.place import ProbePlace
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.viewer.convention import Convention
from medqdeg_desktop.ui.vocabulary import type_words


class CalibrateWorkspace(BrowsingWorkspace):
    """The screen that readers work at."""

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.live = LiveRender(self)
        self.desk = Desk(session, self)
        self.panel = CalibratePanel()
        self.row.addWidget(self.panel)
        self.sheet = ContactSheet()
        self.sheet.opened.connect(self._on_sheet_opened)
        self.sheet.severity_opened.connect(self._on_severity_opened)
        self.centre.addWidget(self.sheet)
        column = self.viewer.layout()
        assert isinstance(column, QVBoxLayout)
        look = partial(self._look, overrides={})
        self.probe = ProbePlace(column, look, lambda: self.session.path, self.places.sample_folder, self)
        self.probe.said.connect(self.said)
        self.type_name = ""
        self.severity = 0.0
        self._trial = Trial()
        self._pending: tuple[Level, Wanted] | None = None
        self.live.shown.connect(self._on_shown)
        self.live.failed.connect(self._on_live_failed)
        self.live.busy_changed.connect(self.comparison.set_busy)
        self.desk.changed.connect(self._on_kept_changed)
        self.desk.said.connect(self.said)
        self.desk.warned.connect(self.warned)
        panel = self.panel
        panel.types.chosen.connect(self.choose_type)
        panel.slider.moved.connect(self._on_slider_moved)
        panel.slider.rested.connect(self._on_slider_rested)
        panel.slider.mark_clicked.connect(self.look_at)
        panel.drawer.overridden.connect(self._on_overridden)
        panel.level_decided.connect(self._on_level_decided)
        panel.level_looked.connect(self.look_at)
        panel.rejected.connect(self._on_rejected)
        panel.reject_otherwise.connect(self._on_reject_otherwise)
        panel.modality_chosen.connect(self._on_modality_chosen)
        panel.next_clicked.connect(self.confirm_next)
        self.series_shown(None)

    def tour_stops(self) -> list[tuple[QWidget, str]]:
        """What someone who has never seen this screen needs to know, beside what it is about."""
        return [
            (
                self.list,
                self.tr("What is open. Drop a file or a folder on the window to add to it; these are samples to try on."),
            ),
            (
                self.panel.slider,
                self.tr("Choose a degradation and move this slider: the right picture follows. Hold Space: original."),
            ),
            (
                self.panel.step_box,
                self.tr("The next decision, in words. Set L1 where its sentence fits, then L2; each is kept at once."),
            ),
        ]

    # -- hooks of browsing ------------------------------------------------------------------------------------

    def rest_focus(self) -> None:
        """The picture has the keyboard again: a button was clicked, or can be pressed no more."""
        shown = self.centre.currentWidget()
        (self.slide_page.overview if shown is self.slide_page else self.comparison.right_pane).setFocus()

    def study_changed(self) -> None:
        self.desk.reload()
        super().study_changed()

    def reader_changed(self) -> None:
        self.desk.reload()

    def shut_down(self) -> None:
        self.probe.close_down()
        self.sheet.close_down()
        self.live.close()
        super().shut_down()

    def series_shown(self, opened: OpenSeries | None) -> None:
        self._pending = None
        self.sheet.stop()
        self.live.clear()
        self.probe.follow(None, None)
        self.panel.setVisible(opened is not None)
        if opened is None:
            self._refresh_levels()
            return
        self.panel.show_kind(opened.series.modality, known=opened.series.file_modality is not None)

    def image_shown(self, image: MedicalImage, *, new_series: bool) -> None:
        self._pending = None
        self._leave_sheet()
        if new_series:
            self.type_name = ""
            before = self.opened.type_name if self.opened is not None else ""
            self._refresh_types()
            now = self.panel.types.current
            self._show_type(now)
            if self.opened is not None and before and now != before:
                # What the reader chose does not suit this cut; it comes back with a picture that it suits.
                self.opened.type_name = before
            if before in MEASURED_AXIALLY and now != before:
                labels = (type_words(name) for name in (before, now))
                self.said.emit(self.tr("{0} is measured axially: {1} is shown here instead").format(*labels))
            return
        self._trial = Trial(start=self.severity)
        self._refresh_levels()
        self._render(final=False)

    # -- type and severity ------------------------------------------------------------------------------------

    def choose_type(self, name: str) -> None:
        """Shows another degradation, where the reader left its slider on this series."""
        if name != self.type_name and name in self.panel.types.suiting:
            self.panel.types.choose(name)
            self._show_type(name)

    def step_type(self, step: int) -> None:
        names = self.panel.types.suiting
        if self.type_name in names:
            self.choose_type(names[min(max(names.index(self.type_name) + step, 0), len(names) - 1)])

    def nudge(self, step: float) -> None:
        self._move_to(min(max(round(self.severity + step, 3), 0.0), 1.0))

    def toggle_drawer(self) -> None:
        self.panel.drawer.header.toggle()

    def look_at(self, level: str) -> None:
        """Puts the slider where ``level`` lies: the original, what is kept, or the profile's default."""
        if self.image is None or self.opened is None:
            return
        wanted = Level(level)
        if wanted is Level.L0:
            self._look(0.0, {})
            return
        setting = self.desk.kept_on(OnScreen(self.opened, self.image, None), self.type_name, wanted)
        if setting is not None:
            self._look(setting.severity, self._off_path(setting.severity, setting.parameters) if setting.custom else {})
            return
        severity = self.desk.default_severity(self.type_name, self.image.modality, wanted)
        if severity is not None:
            self._look(severity, {})

    def toggle_sheet(self) -> None:
        """G: all types at all levels of the picture shown, or back to it."""
        if self.centre.currentWidget() is self.sheet and not self.sheet.is_sweep:
            self._leave_sheet()
        elif self.image is not None and self.opened is not None:
            view = self.opened.view
            look = Look(view.window, view.inverted, self.comparison.turn, self.comparison.right_pane.overlay.notes)
            self.sheet.fill(self.image, self.panel.types.suiting, self.desk.kept, look)
            self.centre.setCurrentWidget(self.sheet)
            self.sheet.setFocus()
            self._allow()

    def toggle_sweep(self) -> None:
        """Shift+G: the type in front from the original to its most severe form, or back to the picture."""
        if self.centre.currentWidget() is self.sheet and self.sheet.is_sweep:
            self._leave_sheet()
        elif self.image is not None and self.opened is not None and self.type_name:
            view = self.opened.view
            look = Look(view.window, view.inverted, self.comparison.turn, self.comparison.right_pane.overlay.notes)
            self.sheet.sweep(self.image, self.type_name, look)
            self.centre.setCurrentWidget(self.sheet)
            self.sheet.setFocus()
            self._allow()

    def toggle_probe(self) -> None:
        """Q: a model is asked about the picture while the slider moves, or no longer."""
        self._leave_sheet()
        self.probe.toggle()

    def save_state(self) -> dict[str, object]:
        convention = asdict(self.comparison.convention)
        return {**super().save_state(), "probe": self.probe.save_state(), "convention": convention}

    def restore_state(self, state: dict[str, object]) -> None:
        super().restore_state(state)
        self.probe.restore_state(state.get("probe"))
        kept = state.get("convention")
        kept = kept if isinstance(kept, dict) else {}
        self.follow_convention(Convention(kept.get("neurological") is True, kept.get("nose_right") is True))
        if not state:
            self.turn_back()

    def step_back(self) -> None:
        """Escape: from the contact sheet to the picture, then the tool is put away."""
        if self.centre.currentWidget() is self.sheet:
            self._leave_sheet()
        else:
            self.comparison.measure_with(None)

    def _leave_sheet(self) -> None:
        """Whatever changes the picture, shows it: nothing is set on a picture that nobody sees."""
        if self.centre.currentWidget() is self.sheet:
            self.sheet.stop()
            on_sheet = self.sheet.isAncestorOf(QApplication.focusWidget() or self)
            self.centre.setCurrentWidget(self.viewer)
            if on_sheet:
                self.comparison.right_pane.setFocus()
            self._take_focus()
            self._allow()

    def _on_sheet_opened(self, name: str, level: str) -> None:
        self._leave_sheet()
        self.choose_type(name)
        self.look_at(level)

    def _on_severity_opened(self, name: str, severity: float) -> None:
        self._leave_sheet()
        self.choose_type(name)
        self._look(severity, {})

    def hold_original(self, held: bool) -> None:
        """Space: the original in the place of the degraded picture."""
        self._trial.flickers += held
        self.comparison.show_only_original(held)

    def _show_type(self, name: str) -> None:
        self._leave_sheet()
        self.type_name = name
        self._pending = None
        self.live.clear()
        self._trial = Trial()
        if not name or self.image is None or self.opened is None:
            return
        self.opened.type_name = name
        self.severity = self.opened.severities.get(name, 0.0)
        self._trial.start = self.severity
        self.panel.drawer.describe(find(name).parameters(self.image.modality))
        self.panel.show_severity(self.severity)
        self._refresh_levels()
        self._render(final=False)

    def _look(self, severity: float, overrides: dict[str, ParameterValue]) -> None:
        self.panel.drawer.set_overrides(overrides)
        self._move_to(severity, final=True)

    def _move_to(self, severity: float, *, final: bool = False) -> None:
        if self.opened is None or not self.type_name:
            return
        self._leave_sheet()
        self.severity = severity
        self.opened.severities[self.type_name] = severity
        self.panel.show_severity(severity)
        self._pending = None
        self._trial.slider_events += 1
        self._render(final=final)

    def _on_slider_moved(self, severity: float) -> None:
        self._move_to(severity)

    def _on_slider_rested(self, severity: float) -> None:
        self.live.finish()

    def _on_overridden(self, overrides: dict[str, ParameterValue]) -> None:
        self._pending = None
        self._render(final=False)

    def _off_path(self, severity: float, parameters: dict[str, Any]) -> dict[str, ParameterValue]:
        """Those of ``parameters`` that the path alone would not give."""
        assert self.image is not None
        seed = calibration_seed(self.image, self.type_name)
        path = parameters_at(self.type_name, severity, self.image.modality, seed)
        return {name: value for name, value in parameters.items() if path.get(name) != value}

    # -- the picture ------------------------------------------------------------------------------------------

    def _render(self, *, final: bool) -> None:
        image = self.image
        if image is None or not self.type_name:
            return
        overrides = tuple(sorted(self.panel.drawer.overrides.items()))
        seed = calibration_seed(image, self.type_name)
        wanted = Wanted(image, self.type_name, self.severity, overrides, seed)
        self.live.want(wanted, final=final)
        self.probe.follow(self.opened, wanted)
        self._allow()

    def _on_shown(self, result: PreviewResult) -> None:
        name = type_words(result.type_name)
        self.comparison.show_degraded(result.image, name, preview=result.is_preview)
        wanted = self.live.wanted
        if wanted is not None:
            # At severity 0 nothing is applied; the drawer then shows what a value set by hand would be combined with.
            resting = partial(parameters_at, result.type_name, 0.0, wanted.image.modality, wanted.seed)
            self.panel.drawer.follow(result.parameters or resting())
        self._allow()
        if self._pending is not None and self.live.confirmable is not None:
            level, wanted = self._pending
            self._pending = None
            if wanted.same(self.live.wanted):
                self._keep(level)

    def _on_live_failed(self, error: str) -> None:
        self._pending = None
        self._allow()
        self.warned.emit(error)

    def _allow(self) -> None:
        """Only a full-size exact picture of something that is not the original may be set."""
        image = self.image
        seen = self.centre.currentWidget() is self.viewer
        known = image is not None and image.modality is not None and seen
        whole = image is None or "damaged" not in image.provenance
        clean = self.desk.clean(image)
        moved = self.severity > 0 or bool(self.panel.drawer.overrides)
        rejected = clean is not None and clean.verdict == "rejected"
        ready = known and whole and moved and not rejected and self.live.confirmable is not None
        open_ = known and self.session.is_open
        self.panel.allow_setting(ready, clean_allowed=open_ and whole, reject_allowed=open_)

    # -- decisions --------------------------------------------------------------------------------------------

    def confirm_next(self) -> None:
        """Enter: the step that the panel names."""
        step = self.panel.step
        if step is Level.L0:
            self.confirm_diagnostic()
        elif step is not None:
            self.set_level(str(step))

    def confirm_diagnostic(self) -> None:
        screen = self._screen()
        if screen is not None:
            self.desk.decide_clean(screen)

    def reject(self) -> None:
        if self._screen() is not None:
            self.panel.ask_reason()

    def set_level(self, level: str) -> None:
        """Keeps what is on the screen as ``level``; a preview is first made exact and kept then, unless the hand moves on."""
        screen = self._screen()
        if screen is None or not self.type_name:
            return
        clean = self.desk.clean(self.image)
        if clean is not None and clean.verdict == "rejected":
            self.said.emit(self.tr("This picture is rejected; take that back first (Alt+0)"))
        elif self.severity == 0 and not self.panel.drawer.overrides:
            self.said.emit(self.tr("Move the slider first: the original cannot be {0}").format(level))
        elif self.live.confirmable is None:
            assert self.live.wanted is not None
            self._pending = (Level(level), self.live.wanted)
            self.live.finish()
        else:
            self._keep(Level(level))

    def undo(self) -> None:
        self.desk.undo()

    def _keep(self, level: Level) -> None:
        screen, result = self._screen(), self.live.confirmable
        if screen is None or result is None:
            return
        overrides = dict(self.panel.drawer.overrides)
        self.desk.set_level(screen, level, result, overrides, {**self._trial.record(), **self._seen_as()})
        self._trial = Trial(start=self.severity)

    def _screen(self) -> OnScreen | None:
        if self.image is None or self.opened is None:
            return None
        if self.centre.currentWidget() is not self.viewer:
            self.said.emit(self.tr("Go back to the picture first (G)"))
            return None
        if self.image.modality is None:
            self.said.emit(self.tr("Say first what this picture is (at the top of the panel)"))
            return None
        return OnScreen(self.opened, self.image, self.opened.view.shown_window(self.image))

    def _on_level_decided(self, level: str) -> None:
        if Level(level) is Level.L0:
            self.confirm_diagnostic()
        else:
            self.set_level(level)

    def _on_rejected(self, reason: str) -> None:
        screen = self._screen()
        if screen is not None:
            self.desk.decide_clean(screen, reason)

    def _on_reject_otherwise(self) -> None:
        reason, accepted = QInputDialog.getText(self, self.tr("Reject the picture"), self.tr("Why is it not diagnostic?"))
        if accepted and reason.strip():
            self._on_rejected(reason.strip())

    def _on_modality_chosen(self, modality: str) -> None:
        if self.opened is None:
            return
        self.opened.take_for(Modality(modality) if modality else None)
        self.store.forget(self.opened.series_id)
        self.store.forget(self.opened.shown.series_id)
        self._show_opened(self.opened)

    def _refresh_types(self) -> None:
        """The list of types for the modality shown, with what is kept of each."""
        image = self.image
        if image is not None and self.opened is not None:
            current = self.type_name or self.opened.type_name
            self.panel.types.fill(image.modality, self.desk.kept, current, self.opened.axis)

    def _refresh_levels(self) -> None:
        """Marks, rows and the next step for the picture shown."""
        marks = self.desk.marks(self.image, self.panel.types.current)
        damaged = self.image is not None and "damaged" in self.image.provenance
        self.panel.show_levels(self.desk.clean(self.image), marks, damaged=damaged)
        self.probe.show_marks(marks)
        self._allow()

    def _on_kept_changed(self) -> None:
        self._refresh_types()
        self._refresh_levels()

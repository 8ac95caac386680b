"""A guided session: one trial after the other, each on disk before the next appears, the next picture made ready meanwhile.

Numbers, marks and colleagues are not on this screen. A session that ends in any way, by Esc or by a power cut, goes on at the
very trial that was open.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QInputDialog, QWidget

from medqdeg_desktop.calibration import sitting as work
from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.locating import locate
from medqdeg_desktop.calibration.showing import Shown, shown
from medqdeg_desktop.calibration.sitting import Sitting
from medqdeg_desktop.calibration.trials import Trial
from medqdeg_desktop.engine.degradation import find
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.presets import presets_for
from medqdeg_desktop.engine.preview import PreviewResult
from medqdeg_desktop.study.readings import VOTE, TrialAnswer
from medqdeg_desktop.ui.action_table import actions_of
from medqdeg_desktop.ui.actions import bind
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.calibrate.live import LiveRender, Wanted
from medqdeg_desktop.ui.calibrate.reading.actions import CONTEXT
from medqdeg_desktop.ui.calibrate.reading.trial_panel import TrialPanel
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.viewer.comparison import Comparison
from medqdeg_desktop.ui.viewer.series_view import Layout, SeriesView
from medqdeg_desktop.ui.vocabulary import type_words

_LOOK_AT_CLOCK_MS = 20_000
#: The last few pictures stay decoded: in blind rating they take turns.
_DECODED = 4


class SessionPage(QWidget):
    """``ended`` when the reader pauses or nothing is left; the sentence says which."""

    ended = Signal(str)
    context = CONTEXT

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.comparison = Comparison()
        # A value, or its change, would tell how far the picture is degraded, and that a catch trial is one.
        self.comparison.set_tells_values(False)
        self.panel = TrialPanel()
        self.live = LiveRender(self)
        self._background = Background(self, threads=2)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
        row.addWidget(self.comparison, 1)
        row.addWidget(self.panel)
        self.sitting: Sitting | None = None
        self.shown: Shown | None = None
        self._ready: dict[Trial, Shown] = {}
        self._decoded: dict[str, MedicalImage] = {}
        self._severity = 0.0
        self._layout = Layout.SIDE_BY_SIDE
        self._pending = False
        self._keeping = False
        self._began, self._moves, self._flickers = 0.0, 0, 0
        self._reminded = False
        self._clock = QTimer(self, interval=_LOOK_AT_CLOCK_MS)
        self._clock.timeout.connect(self._on_clock)
        bind(self, actions_of(CONTEXT))
        panel = self.panel
        panel.confirmed.connect(self.confirm)
        panel.declined.connect(self.decline)
        panel.rejected.connect(self._on_rejected)
        panel.rated.connect(self.rate)
        panel.side_chosen.connect(self.choose_side)
        panel.paused.connect(self.pause)
        panel.went_on.connect(panel.rest.hide)
        panel.locate_clicked.connect(self._on_locate_clicked)
        panel.slider.moved.connect(self._on_moved)
        panel.slider.rested.connect(lambda _severity: self.live.finish())
        self.live.shown.connect(self._on_live_shown)
        self.live.failed.connect(self.panel.tell)
        self.live.busy_changed.connect(self.comparison.set_busy)

    # -- begin and end ----------------------------------------------------------------------------------------

    def facts(self) -> dict[str, Any]:
        """The display that a session is read on."""
        screen, size = self.screen(), self.window().size()
        return {
            "screen": " ".join(part for part in (screen.manufacturer(), screen.model(), screen.name()) if part),
            "display": f"{screen.size().width()} x {screen.size().height()}",
            "window": f"{size.width()} x {size.height()}",
            "dpi": round(screen.physicalDotsPerInch(), 1),
            "logical_dpi": round(screen.logicalDotsPerInch(), 1),
            "device_pixel_ratio": self.devicePixelRatioF(),
            "colour_depth": screen.depth(),
            "refresh_hz": round(screen.refreshRate(), 1),
        }

    def begin(self, sitting: Sitting) -> None:
        """Shows the trial at which the reader stands."""
        self.sitting, self.shown = sitting, None
        self._ready, self._decoded = {}, {}
        self._reminded = False
        self.panel.rest.hide()
        self._clock.start()
        self._go_on()

    def pause(self) -> None:
        self._end(self.tr("Paused: your place is kept."))

    def _end(self, sentence: str) -> None:
        if self.sitting is None:
            return
        self._clock.stop()
        self._background.drop("trial")
        self._background.drop("next")
        self.live.clear()
        self.sitting = self.shown = None
        self.ended.emit(sentence)

    def close_down(self) -> None:
        self._clock.stop()
        self._background.close()
        self.live.close()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.rest_focus()

    def rest_focus(self) -> None:
        """The keyboard lies at the picture to be judged."""
        self.comparison.right_pane.setFocus()

    # -- from trial to trial ----------------------------------------------------------------------------------

    def _go_on(self) -> None:
        assert self.sitting is not None
        here = self.sitting.here()
        if here.trial is None:
            if here.waits_until is not None:
                day = here.waits_until.astimezone().strftime("%d %B %H:%M")
                self._end(self.tr("Done for now. Some pictures are shown again from {0}.").format(day))
            else:
                voted = self.sitting.session.stage.startswith(VOTE)
                said = (
                    self.tr("Your votes are kept.") if voted else self.tr("All trials are answered. Lock your readings to go on.")
                )
                self._end(said)
            return
        ready = self._ready.pop(here.trial, None)
        self.panel.show_trial(here.trial, here.done, here.total, self.sitting.protocol.anchors)
        if ready is not None:
            self._show(ready)
            return
        self.panel.allow(False)
        self.comparison.left_pane.set_busy(True)
        self._background.run("trial", self._work_for(here.trial), self._on_loaded, self._on_missing)

    def _work_for(self, trial: Trial) -> Any:
        assert self.sitting is not None
        record = self.sitting.images.get(trial.image_id)
        if record is None:
            raise CalibrationError(f"picture {trial.image_id[:12]} is not recorded in this study")
        return partial(shown, trial, record, self._decoded.get(trial.image_id))

    def _on_loaded(self, ready: Shown) -> None:
        self.comparison.left_pane.set_busy(False)
        self._show(ready)

    def _on_missing(self, text: str) -> None:
        self.comparison.left_pane.set_busy(False)
        self.panel.tell(text, missing=True)

    def _show(self, ready: Shown) -> None:
        assert self.sitting is not None
        trial = ready.trial
        same = self.shown is not None and self.shown.image.source_sha256 == ready.image.source_sha256
        self.shown = ready
        if not ready.trial.mirrored:
            self._decoded.pop(trial.image_id, None)
            self._decoded[trial.image_id] = ready.image
            if len(self._decoded) > _DECODED:
                del self._decoded[next(iter(self._decoded))]
        self.live.clear()
        comparison = self.comparison
        if not same:
            comparison.show_series(SeriesView(frame=ready.image.frame))
        comparison.set_layout_mode({"pair": Layout.SIDE_BY_SIDE, "clean": Layout.SINGLE}.get(trial.kind, self._layout))
        # Which degradation a rated picture or a pair has is not for the reader to know.
        open_name = type_words(trial.type) if trial.kind in ("set", "catch") else self.tr("Degraded")
        comparison.original_name = "" if trial.kind == "pair" else self.tr("Original")
        if trial.kind == "pair":
            assert ready.second is not None
            comparison.show_original(ready.first)
            comparison.show_degraded(ready.second, "", preview=False)
        else:
            comparison.show_original(ready.image)
            name = self.tr("Original") if trial.kind == "clean" else open_name
            comparison.show_degraded(ready.first, name, preview=False)
        self._severity = trial.start
        self._pending = self._keeping = False
        self._moves = self._flickers = 0
        self._began = monotonic()
        self.panel.allow(True)
        if trial.kind == "set":
            self.live.want(self._wanted(trial.start), final=False)
        # A copy: what the window adds meanwhile is not for the other thread.
        now = replace(self.sitting, answers=list(self.sitting.answers), images=dict(self.sitting.images))
        prepare = partial(_made_ready, now, trial, dict(self._decoded))
        self._background.run("next", prepare, self._on_prepared, lambda _text: None)  # what is missing is said at its turn

    def _on_prepared(self, ready: list[Shown]) -> None:
        self._ready = {r.trial: r for r in ready}

    def _on_clock(self) -> None:
        sitting = self.sitting
        if sitting is not None and not self._reminded and sitting.minutes() >= sitting.protocol.session_minutes:
            self._reminded = True
            self.panel.prompt_break(sitting.minutes())

    def _on_locate_clicked(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Folder with the pictures of this study"))
        if name and self.sitting is not None:
            self.panel.tell(self.tr("Looking through {0}…").format(name))
            wanted = dict(self.sitting.images)
            self._background.run("trial", lambda: locate(Path(name), wanted), self._on_located, self._on_missing)

    def _on_located(self, found: dict[str, Any]) -> None:
        if self.sitting is None:
            return
        if not found:
            self.panel.tell(self.tr("None of the pictures of this study lie there."), missing=True)
            return
        self.sitting.images.update(found)
        records = list(found.values())
        self._session.submit(lambda study: study.record_images(records), lambda _done: None)
        self._go_on()

    # -- the hand ---------------------------------------------------------------------------------------------

    def _wanted(self, severity: float) -> Wanted:
        assert self.shown is not None
        trial = self.shown.trial
        return Wanted(self.shown.image, trial.type, severity, (), trial.seed)

    def _on_moved(self, severity: float) -> None:
        if self.shown is None or self.shown.trial.kind not in ("set", "catch"):
            return
        self._severity = severity
        self._moves += 1
        self._pending = False
        # In a catch trial both pictures are the original, wherever the slider stands.
        if self.shown.trial.kind == "set":
            self.live.want(self._wanted(severity), final=False)

    def nudge(self, step: float) -> None:
        if self.shown is not None and self.panel.slider.isVisible() and self.panel.slider.isEnabled():
            severity = min(max(round(self._severity + step, 3), 0.0), 1.0)
            self.panel.slider.set_severity(severity)
            self._on_moved(severity)

    def hold_original(self, held: bool) -> None:
        if self.shown is not None and self.shown.trial.kind != "pair":
            self._flickers += held
            self.comparison.show_only_original(held)

    def _on_live_shown(self, result: PreviewResult) -> None:
        if self.shown is None or self.shown.trial.kind != "set":
            return
        name = type_words(result.type_name)
        self.comparison.show_degraded(result.image, name, preview=result.is_preview)
        if self._pending and self.live.confirmable is not None:
            self._pending = False
            self._keep_setting()

    # -- answers ----------------------------------------------------------------------------------------------

    def confirm(self) -> None:
        """Enter: this is the level; or the clean picture is diagnostic."""
        if not self._answerable("set", "catch", "clean"):
            return
        assert self.shown is not None
        if self.shown.trial.kind == "clean":
            self._keep("diagnostic")
        elif self.shown.trial.kind == "catch":
            self._keep("set", severity=self._severity)
        elif self.live.confirmable is None:
            self._pending = True
            self.live.finish()
        else:
            self._keep_setting()

    def _keep_setting(self) -> None:
        result = self.live.confirmable
        assert result is not None
        drawn = {
            "parameters": dict(result.parameters),
            "path_version": find(result.type_name).path_version,
            "seed": str(self._wanted(0.0).seed),
        }
        self._keep("set", severity=self._severity, more=drawn, confirmed=result.pixels)

    def decline(self) -> None:
        """X: the level cannot be set; or the clean picture is rejected, with a reason."""
        if not self._answerable("set", "catch", "clean"):
            return
        assert self.shown is not None
        if self.shown.trial.kind == "clean":
            self.panel.ask_reason(self._on_reject_otherwise)
        else:
            self._keep("cannot_set")

    def _on_rejected(self, reason: str) -> None:
        if self._answerable("clean"):
            self._keep("rejected", reason=reason)

    def _on_reject_otherwise(self) -> None:
        reason, accepted = QInputDialog.getText(self, self.tr("Reject the picture"), self.tr("Why is it not diagnostic?"))
        if accepted and reason.strip():
            self._on_rejected(reason.strip())

    def rate(self, step: int) -> None:
        if self._answerable("rate"):
            assert self.shown is not None
            self._keep("rated", severity=self.shown.trial.severity, more={"rating": step, **self.shown.drawn})

    def choose_side(self, side: str) -> None:
        if self._answerable("pair"):
            assert self.shown is not None
            self._keep(side, severity=self.shown.trial.severity, more=self.shown.drawn)

    def _answerable(self, *kinds: str) -> bool:
        return self.shown is not None and not self._keeping and self.sitting is not None and self.shown.trial.kind in kinds

    def _keep(
        self,
        verdict: str,
        *,
        severity: float | None = None,
        more: dict[str, Any] | None = None,
        reason: str = "",
        confirmed: Pixels | None = None,
    ) -> None:
        """Has the answer kept; the next trial appears when it is on disk."""
        sitting, here = self.sitting, self.shown
        assert sitting is not None and here is not None
        view = self.comparison.view
        window = view.shown_window(here.image)
        pair = (window.center, window.width) if window is not None else None
        placement = self.comparison.right_pane.placement()
        detail = {
            "seconds": round(monotonic() - self._began, 2),
            "session_minutes": round(sitting.minutes(), 2),
            "array": "native",
            "slider_events": self._moves,
            "flickers": self._flickers,
            "window": pair,
            "inverted": view.inverted,
            "value_range": here.image.value_range,
            "zoom": round(placement.scale_x, 4) if placement is not None else None,
            "layout": str(self.comparison.layout_mode),
            **(more or {}),
        }
        try:
            answer = work.answer_of(sitting, here.trial, verdict, detail, severity=severity, reason=reason)
        except CalibrationError as error:
            self.panel.tell(str(error)[0].upper() + str(error)[1:] + ".")
            return
        self._keeping = True
        self.panel.allow(False)
        self._session.submit(
            lambda study: work.keep(study, sitting, here.trial, answer, pair, confirmed=confirmed),
            partial(self._on_kept, sitting),
            self._on_not_kept,
        )

    def _on_kept(self, sitting: Sitting, answer: TrialAnswer) -> None:
        sitting.take(answer)
        self._session.kept.emit(answer.at)
        if sitting is self.sitting:
            self._keeping = False
            self._go_on()

    def _on_not_kept(self, text: str) -> None:
        self._keeping = False
        self.panel.allow(True)
        self.panel.tell(text)

    # -- looking ----------------------------------------------------------------------------------------------

    def set_layout(self, layout: str) -> None:
        if self.shown is not None and self.shown.trial.kind not in ("pair", "clean"):
            self._layout = Layout(layout)
            self.comparison.set_layout_mode(self._layout)

    def apply_preset(self, digit: int) -> None:
        image = self.shown.image if self.shown is not None else None
        if image is None or image.is_rgb:
            return
        preset = next((p for p in presets_for(image.modality, hounsfield=image.unit == "HU") if p.key == digit), None)
        if preset is not None:
            self.comparison.view.window = preset.window_for(image)
            self.comparison.refresh()

    def reset_window(self) -> None:
        self.comparison.view.window, self.comparison.view.inverted = None, False
        self.comparison.refresh()

    def invert(self) -> None:
        self.comparison.view.inverted = not self.comparison.view.inverted
        self.comparison.refresh()

    def fit(self) -> None:
        self.comparison.fit()

    def one_to_one(self) -> None:
        self.comparison.zoom_one_to_one()

    def zoom_by(self, factor: float) -> None:
        self.comparison.zoom_by(factor)


def _made_ready(sitting: Sitting, trial: Trial, decoded: dict[str, MedicalImage]) -> list[Shown]:
    """What may be shown after ``trial``; each picture is decoded once."""
    made = []
    for following in sitting.likely_after(trial):
        record = sitting.images.get(following.image_id)
        if record is not None:
            made.append(shown(following, record, decoded.get(following.image_id)))
            if not following.mirrored:
                decoded[following.image_id] = made[-1].image
    return made

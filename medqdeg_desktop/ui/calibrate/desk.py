"""The reader's desk: makes decisions out of what is on the screen, has them kept, takes them back, and knows what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from PySide6.QtCore import QObject, Signal

from medqdeg_desktop.engine.degradation import ParameterValue
from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.engine.preview import PreviewResult
from medqdeg_desktop.study.records import CleanDecision, Setting
from medqdeg_desktop.taxonomy import Level, Modality
from medqdeg_desktop.ui.calibrate import decisions
from medqdeg_desktop.ui.calibrate.kept import KeptDecisions, out_of_order
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.vocabulary import in_words, type_words


@dataclass(slots=True)
class Trial:
    """How the reader came to a setting: kept with it as provenance."""

    start: float = 0.0
    slider_events: int = 0
    flickers: int = 0
    began: float = field(default_factory=monotonic)

    def record(self) -> dict[str, Any]:
        return {
            "start_severity": self.start,
            "slider_events": self.slider_events,
            "flickers": self.flickers,
            "seconds": round(monotonic() - self.began, 1),
        }


@dataclass(frozen=True, slots=True)
class OnScreen:
    """What a decision is about."""

    opened: OpenSeries
    image: MedicalImage
    window: Window | None


class Desk(QObject):
    """``changed`` when what is kept is different from before; ``said`` one line for the foot; ``warned`` one for the banner."""

    changed = Signal()
    said = Signal(str)
    warned = Signal(str)

    def __init__(self, session: StudySession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.kept = KeptDecisions()
        self._made: list[tuple[str, str]] = []
        self._sitting = 0

    def reload(self, *, forget_undo: bool = True) -> None:
        """Reads the reader's decisions from the study; with ``forget_undo`` a new sitting begins."""
        if forget_undo:
            self._made = []
            self._sitting += 1
            self.kept = KeptDecisions(profiles=self.kept.profiles)
            self.changed.emit()
        reader = self._session.reader
        self._session.submit(lambda study: decisions.load(study, reader), self._in_this_sitting(self._on_loaded))

    def marks(self, image: MedicalImage | None, type_name: str) -> list[Any]:
        if image is None or image.modality is None or not type_name:
            return []
        return self.kept.marks(image.source_sha256, type_name, image.modality)

    def clean(self, image: MedicalImage | None) -> CleanDecision | None:
        return self.kept.clean.get(image.source_sha256) if image is not None else None

    def decide_clean(self, screen: OnScreen, reason: str = "") -> None:
        """L0: diagnostic, or rejected with a ``reason``; the latter alone where the picture's data are damaged."""
        if not reason and self._refuses(screen.image):
            return
        record = decisions.image_record(screen.opened, screen.image)
        decision = decisions.clean_decision(self._session.reader, screen.opened, screen.image, screen.window, reason)
        self._session.submit(
            lambda study: decisions.keep_clean(study, record, decision), self._in_this_sitting(self._on_clean_kept)
        )

    def set_level(
        self,
        screen: OnScreen,
        level: Level,
        result: PreviewResult,
        overrides: dict[str, ParameterValue],
        provenance: dict[str, Any],
    ) -> None:
        """Keeps the exact full-size ``result`` as ``level``."""
        if self._refuses(screen.image):
            return
        record = decisions.image_record(screen.opened, screen.image)
        setting = decisions.level_setting(
            self._session.reader, screen.opened, screen.image, level, result, overrides, screen.window, provenance
        )
        pixels = result.pixels
        self._session.submit(
            lambda study: decisions.keep_setting(study, record, setting, pixels), self._in_this_sitting(self._on_setting_kept)
        )

    def _refuses(self, image: MedicalImage) -> bool:
        """Whether parts of ``image`` may be made up: nobody sees which, so that nothing is confirmed on it."""
        if "damaged" in image.provenance:
            self.said.emit(self.tr("The data of this picture are damaged: it can be rejected (Alt+X), not confirmed"))
            return True
        return False

    def undo(self) -> None:
        """Takes back the last decision of this sitting; decisions of other days stay unless they are made anew."""
        if not self._made:
            self.said.emit(self.tr("Nothing to take back: no decision since the study was opened"))
            return
        event_id, what = self._made.pop()
        reader = self._session.reader
        self._session.submit(
            lambda study: study.undo(event_id, reader, "taken back by the reader"),
            self._in_this_sitting(partial(self._on_undone, what)),
        )

    def kept_on(self, screen: OnScreen, type_name: str, level: Level) -> Setting | None:
        """The setting that a look at ``level`` shows."""
        modality = screen.image.modality
        if modality is None:
            return None
        return self.kept.nearest(screen.image.source_sha256, type_name, modality, level)

    def default_severity(self, type_name: str, modality: Modality | None, level: Level) -> float | None:
        cell = self.kept.default(type_name, modality, level) if modality is not None else None
        return cell.severity if cell is not None else None

    # -- kept -------------------------------------------------------------------------------------------------

    def _in_this_sitting(self, done: Callable[[Any], None]) -> Callable[[Any], None]:
        """An answer that comes after another study or reader took over is on disk, but no longer on this screen."""
        sitting = self._sitting

        def answer(result: Any) -> None:
            if sitting == self._sitting:
                done(result)

        return answer

    def _on_loaded(self, kept: KeptDecisions) -> None:
        self.kept = kept
        last = kept.last_decision
        if last is not None:
            self._session.kept.emit(last.at)
        self.changed.emit()

    def _on_clean_kept(self, decision: CleanDecision) -> None:
        self.kept.keep_clean(decision)
        self._made.append((decision.event_id, self.tr("L0")))
        self._session.kept.emit(decision.at)
        self.said.emit(self.tr("L0 kept: {0}").format(in_words(decision.reason) or self.tr("diagnostic")))
        self.changed.emit()

    def _on_setting_kept(self, setting: Setting) -> None:
        self.kept.keep_setting(setting)
        label = type_words(setting.type)
        self._made.append((setting.event_id, self.tr("{0} of {1}").format(setting.level, label)))
        self._session.kept.emit(setting.at)
        self.said.emit(self.tr("{0} of {1} kept at {2:.2f}").format(setting.level, label, setting.severity))
        low, high = (self.kept.here(setting.image_id, setting.type, setting.modality, v) for v in (Level.L1, Level.L2))
        if low is not None and high is not None and out_of_order(low, high):
            self.warned.emit(
                self.tr("{0}: L2 ({1:.2f}) is not more severe than L1 ({2:.2f}). Both are kept; set one of them again.").format(
                    label, high.severity, low.severity
                )
            )
        self.changed.emit()

    def _on_undone(self, what: str, _event: object) -> None:
        self.said.emit(self.tr("Taken back: {0}").format(what))
        self.reload(forget_undo=False)

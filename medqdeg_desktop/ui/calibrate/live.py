"""The live path's end at the window: what is asked for and what is shown are kept apart; only their agreement may be confirmed.

While the hand moves, previews are asked for; once it rests, or the slider is let go, the exact form at full size follows. It has
a compute session of its own: on a large frame it may take seconds, and the next move of the slider must not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from medqdeg_desktop.engine.degradation import ParameterValue
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.preview import PreviewResult, PreviewSession
from medqdeg_desktop.ui.hop import Hop

_REST_MS = 140
_CACHE_BYTES = 96 << 20  # of each session; the whole window stays under 1 GB with 500 CT slices in memory


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture asked for. Two are the same if the frame is the same object and all else is equal."""

    image: MedicalImage
    type_name: str
    severity: float
    overrides: tuple[tuple[str, ParameterValue], ...]
    seed: int

    def same(self, other: Wanted | None) -> bool:
        return (
            other is not None
            and self.image is other.image
            and (self.type_name, self.severity, self.overrides, self.seed)
            == (other.type_name, other.severity, other.overrides, other.seed)
        )


class LiveRender(QObject):
    """Owns the compute sessions. ``shown`` carries each result that is still wanted, in the window's thread."""

    shown = Signal(object)
    failed = Signal(str)
    busy_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hop = Hop(self)
        self._previews = PreviewSession(self._on_preview_elsewhere, cache_bytes=_CACHE_BYTES)
        self._exact = PreviewSession(self._on_exact_elsewhere, cache_bytes=_CACHE_BYTES)
        self._wanted: Wanted | None = None
        self._result: PreviewResult | None = None
        self._result_of: Wanted | None = None
        self._exact_due = False
        self._exact_asked: Wanted | None = None
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self.finish)

    @property
    def wanted(self) -> Wanted | None:
        return self._wanted

    @property
    def result(self) -> PreviewResult | None:
        """The last result, whatever it was asked for."""
        return self._result

    @property
    def confirmable(self) -> PreviewResult | None:
        """The result if it is exact, at full size, without error and just what is asked for now; else None."""
        result, wanted = self._result, self._wanted
        if result is None or wanted is None or result.is_preview or result.error or not wanted.same(self._result_of):
            return None
        return result

    def want(self, wanted: Wanted, *, final: bool) -> None:
        """Asks for a picture: what is quick comes first, the exact form once the hand rests, at once where ``final``."""
        if not wanted.same(self._wanted):
            self._wanted = wanted
            self._exact_due = False
            self._ask(self._previews, wanted, final=False)
            self.busy_changed.emit(True)
            self._rest.start()
        if final:
            self.finish()

    def finish(self) -> None:
        """The hand rests: the exact form, unless it is here already or what is quick turns out to be exact."""
        self._rest.stop()
        wanted = self._wanted
        if wanted is None or self.confirmable is not None or wanted.same(self._exact_asked):
            return
        self._exact_due = True
        if wanted.same(self._result_of):
            self._ask_exact(wanted)

    def clear(self) -> None:
        """Nothing is asked for (no frame)."""
        self._rest.stop()
        self._wanted = self._result = self._result_of = self._exact_asked = None
        self._exact_due = False
        self._previews.forget()
        self._exact.forget()
        self.busy_changed.emit(False)

    def close(self) -> None:
        self._hop.close()
        self._rest.stop()
        self._previews.close()
        self._exact.close()

    def _ask(self, session: PreviewSession, wanted: Wanted, *, final: bool) -> None:
        overrides = dict(wanted.overrides)
        session.request(wanted.image, wanted.type_name, wanted.severity, overrides, wanted.seed, final=final, tag=wanted)

    def _ask_exact(self, wanted: Wanted) -> None:
        self._exact_due = False
        self._exact_asked = wanted
        self._ask(self._exact, wanted, final=True)
        self.busy_changed.emit(True)

    def _on_preview_elsewhere(self, result: PreviewResult) -> None:
        self._hop.post(partial(self._on_preview, result))

    def _on_exact_elsewhere(self, result: PreviewResult) -> None:
        self._hop.post(partial(self._on_exact, result))

    def _on_preview(self, result: PreviewResult) -> None:
        wanted: Wanted = result.tag
        if self._wanted is None or wanted.type_name != self._wanted.type_name:
            return  # another type or nothing is asked for by now; its picture is on the way
        if not wanted.same(self._wanted):
            # A step behind the hand, yet nearer to it than what is on the screen.
            if result.error is None:
                self._show(result, wanted)
            return
        if self.confirmable is not None:
            return
        self._take(result, wanted)
        if result.is_preview and not result.error and self._exact_due:
            self._ask_exact(wanted)

    def _on_exact(self, result: PreviewResult) -> None:
        wanted: Wanted = result.tag
        if wanted.same(self._exact_asked):
            # No longer under way: a hand that has left this place and comes back to it asks again.
            self._exact_asked = None
        if wanted.same(self._wanted):
            self._take(result, wanted)

    def _take(self, result: PreviewResult, wanted: Wanted) -> None:
        """An answer to just what is asked for."""
        self.busy_changed.emit(False)
        if result.error:
            self._result, self._result_of = result, wanted
            self.failed.emit(result.error)
        else:
            self._show(result, wanted)

    def _show(self, result: PreviewResult, wanted: Wanted) -> None:
        self._result, self._result_of = result, wanted
        self.shown.emit(result)

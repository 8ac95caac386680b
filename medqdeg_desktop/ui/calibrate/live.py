"""The live path's end at the window: what is asked for and what is shown are kept apart; only their agreement may be confirmed.

While the hand moves, previews are asked for; once it rests, or the slider is let go, the exact form at full size follows.
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
    """Owns the compute session. ``shown`` carries each result in the window's thread, in the order of the requests."""

    shown = Signal(object)
    failed = Signal(str)
    busy_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hop = Hop(self)
        self._session = PreviewSession(self._on_result_elsewhere)
        self._wanted: Wanted | None = None
        self._result: PreviewResult | None = None
        self._result_of: Wanted | None = None
        self._last_id = 0
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
        """Asks for a picture. Without ``final`` a preview comes first and the exact form once the hand rests."""
        if wanted.same(self._wanted) and not final:
            return
        self._wanted = wanted
        self._ask(final)
        if final:
            self._rest.stop()
        else:
            self._rest.start()

    def finish(self) -> None:
        """The hand rests: the exact form, unless it is here already."""
        self._rest.stop()
        if self._wanted is not None and self.confirmable is None:
            self._ask(final=True)

    def clear(self) -> None:
        """Nothing is asked for (no frame)."""
        self._rest.stop()
        self._wanted = self._result = self._result_of = None
        self.busy_changed.emit(False)

    def close(self) -> None:
        self._hop.close()
        self._rest.stop()
        self._session.close()

    def _ask(self, final: bool) -> None:
        wanted = self._wanted
        assert wanted is not None
        self._last_id = self._session.request(
            wanted.image,
            wanted.type_name,
            wanted.severity,
            dict(wanted.overrides),
            wanted.seed,
            final=final,
            tag=wanted,
        )
        self.busy_changed.emit(True)

    def _on_result_elsewhere(self, result: PreviewResult) -> None:
        self._hop.post(partial(self._on_result, result))

    def _on_result(self, result: PreviewResult) -> None:
        wanted: Wanted = result.tag
        if self._wanted is None or wanted.type_name != self._wanted.type_name:
            return  # another type or nothing is asked for by now; its picture is on the way
        if result.request_id == self._last_id:
            self.busy_changed.emit(False)
        if result.error:
            if wanted.same(self._wanted):
                self._result, self._result_of = result, wanted
                self.failed.emit(result.error)
            return
        self._result, self._result_of = result, wanted
        self.shown.emit(result)

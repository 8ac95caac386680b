"""What is asked of the model, and which answers still count. No widget: the strip shows what this knows.

A ``Subject`` is everything a curve is about except the severity; another subject begins another curve, and answers that belong
to the one before are dropped. Curves are kept for a while: going back to a type shows what was found there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer, Signal

from medqdeg_desktop.engine.degradation import ParameterValue
from medqdeg_desktop.eval.probe import LIVE
from medqdeg_desktop.eval.probe_pictures import Source
from medqdeg_desktop.ui.probe.curve import SWEEP, Curve, Flip, Point
from medqdeg_desktop.ui.probe.model_process import ModelProcess, State
from medqdeg_desktop.ui.probe.questions import ProbeQuestion

_CURVES_KEPT: Final = 64
#: How long the hand rests before flips are bracketed more closely.
_IDLE_MS: Final = 400


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame on disk and the degradation in front, all but its severity."""

    source: Source
    type_name: str = ""
    overrides: tuple[tuple[str, ParameterValue], ...] = ()
    seed: int = 0

    def request(self, severity: float, window: tuple[float, float] | None) -> dict[str, Any]:
        """The fields that the model's process makes the picture from."""
        return {
            "source": asdict(self.source),
            "degradation": self.type_name,
            "severity": severity,
            "overrides": dict(self.overrides),
            "seed": self.seed,
            "window": window,
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """What a curve is about."""

    model: str
    picture: Picture
    question: ProbeQuestion


@dataclass(frozen=True, slots=True)
class _Asked:
    subject: Subject
    severity: float
    live: bool


class ProbeDesk(QObject):
    """``changed``: something to show is different. ``shown`` is the newest answer, at the slider's place or just behind it."""

    changed = Signal()

    def __init__(self, process: ModelProcess, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process = process
        self._picture: Picture | None = None
        self._question: ProbeQuestion | None = None
        self.severity = 0.0
        self.shown: Point | None = None
        self.error = ""
        self._curves: OrderedDict[Subject, Curve] = OrderedDict()
        self._asked: dict[int, _Asked] = {}
        self._subject: Subject | None = None
        self._sweeping = False
        self._idle = QTimer(self, singleShot=True, interval=_IDLE_MS)
        self._idle.timeout.connect(self._refine)
        process.changed.connect(self._on_process_changed)
        process.answered.connect(self._on_answered)

    # -- state ------------------------------------------------------------------------------------------------

    @property
    def subject(self) -> Subject | None:
        return self._subject

    @property
    def question(self) -> ProbeQuestion | None:
        return self._question

    @property
    def curve(self) -> Curve:
        """The curve of the present subject; an empty one where there is none."""
        return self._curves.get(self._subject, Curve()) if self._subject is not None else Curve()

    @property
    def is_sweeping(self) -> bool:
        return self._sweeping

    @property
    def swept(self) -> tuple[int, int]:
        """Points of the sweep that have an answer, and all."""
        return len(SWEEP) - len(self.curve.to_sweep()), len(SWEEP)

    @property
    def flips(self) -> list[Flip]:
        return self.curve.flips()

    # -- told by the workspace --------------------------------------------------------------------------------

    def follow(self, picture: Picture | None, severity: float) -> None:
        """The hand is at ``severity`` of ``picture``; None: nothing is in front."""
        self.severity = severity
        if picture != self._picture:
            self._picture = picture
            self._renew()
        self._ask_live()

    def put(self, question: ProbeQuestion | None) -> None:
        """Another question about the same picture."""
        if question != self._question:
            self._question = question
            self._renew()
            self._ask_live()

    def sweep(self) -> None:
        """Asks for every severity of the sweep that has no answer yet, then for what lies around the flips."""
        if self._subject is None or self._process.state is not State.READY:
            return
        wanted = self.curve.to_sweep()
        self._sweeping = bool(wanted)
        self._ask_points(wanted)
        if not wanted:
            self._idle.start()
        self.changed.emit()

    def pause(self) -> None:
        """Nothing is asked for until the hand moves again."""
        self._idle.stop()
        self._drop()
        self._sweeping = False

    # -- inside -----------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        """Another picture, question or model: what is under way belongs to the one before."""
        self._drop()
        self._sweeping = False
        self.error = ""
        self._idle.stop()
        ready = self._process.state is State.READY
        picture, question = self._picture, self._question
        if picture is None or question is None or not question.can_be_asked or not ready or self._process.folder is None:
            self._subject = None
        else:
            self._subject = Subject(str(self._process.folder), picture, question)
            self._curves.setdefault(self._subject, Curve())
            self._curves.move_to_end(self._subject)
            while len(self._curves) > _CURVES_KEPT:
                self._curves.popitem(last=False)
        self.shown = None
        self.changed.emit()

    def _drop(self) -> None:
        if self._asked:
            self._asked.clear()
            self._process.forget()

    def _ask_live(self) -> None:
        if self._subject is None or self._process.state is not State.READY:
            return
        known = self.curve.at(self.severity)
        if known is not None:
            self.shown = known
            self._idle.start()
            self.changed.emit()
        else:
            self._idle.stop()
            self._ask(self.severity, LIVE)

    def _ask_points(self, severities: Iterable[float]) -> None:
        """Each in a slot of its own, so that none is overtaken; what is under way is not asked twice."""
        waiting = {asked.severity for asked in self._asked.values() if not asked.live}
        for severity in severities:
            if severity not in waiting:
                self._ask(severity, f"s={severity}")

    def _ask(self, severity: float, slot: str) -> None:
        subject = self._subject
        assert subject is not None
        question = subject.question
        picture = subject.picture.request(severity, question.window)
        number = self._process.ask(picture, question.text, dict(question.options), slot)
        self._asked[number] = _Asked(subject, severity, slot == LIVE)

    def _on_process_changed(self) -> None:
        if self._process.state is not State.READY:
            self._asked.clear()
        self._renew()
        self._ask_live()

    def _on_answered(self, line: Mapping[str, Any]) -> None:
        number = int(line["id"])
        asked = self._asked.pop(number, None)
        if asked is None or asked.subject != self._subject:
            return
        if asked.live:
            # What this one overtook is not waited for.
            self._asked = {n: other for n, other in self._asked.items() if n > number or not other.live}
        if "error" in line:
            self.error = str(line["error"])
            self._sweeping = False
            self._idle.stop()
        else:
            point = Point.of(asked.severity, line)
            self.error = ""
            self.curve.add(point)
            if asked.live or point.severity == self.severity:
                self.shown = point
            # What failed would fail again: nothing more is looked for until the hand moves.
            self._idle.start()
        if self._sweeping and not self.curve.to_sweep():
            self._sweeping = False
        self.changed.emit()

    def _refine(self) -> None:
        """The hand rests: each flip is looked for in the middle of its bracket."""
        if self._subject is None or self._process.state is not State.READY or self._sweeping:
            return
        self._ask_points(self.curve.to_refine())

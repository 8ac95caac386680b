"""A reader's sitting at a stage: which trial is next, what an answer must fulfil, and what is kept of it.

Qt-free. The functions that take a study run on its write thread; ``Sitting`` is then used by the window alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from medqdeg_desktop.calibration.adaptive import ADAPT, next_in_runs
from medqdeg_desktop.calibration.comparison import COMPARE, comparisons
from medqdeg_desktop.calibration.consensus import propose
from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.protocol import LEVELS, CellDesign, Protocol, protocol_of
from medqdeg_desktop.calibration.provenance import last_conditions, software
from medqdeg_desktop.calibration.trials import ADJUST, VERIFY, Progress, Trial, adjustment, order_of, progress, verification
from medqdeg_desktop.calibration.verification import STEPS, failures, judge
from medqdeg_desktop.engine.image import Pixels, pixel_sha256
from medqdeg_desktop.study.readings import VOTE, FixedProtocol, Session, TrialAnswer
from medqdeg_desktop.study.records import CleanDecision, ImageRecord
from medqdeg_desktop.study.store import Study

STAGES = (ADJUST, VERIFY, COMPARE)


@dataclass(slots=True)
class Sitting:
    """One session of one reader. ``answers`` are the reader's own; ``images`` the records of the protocol's pictures."""

    fixed: FixedProtocol
    protocol: Protocol
    session: Session
    plan: list[Trial]
    answers: list[TrialAnswer]
    images: dict[str, ImageRecord] = field(default_factory=dict)
    adaptive: tuple[CellDesign, ...] = ()
    ordinal: int = 0

    def here(self, now: datetime | None = None) -> Progress:
        if self.session.stage == ADAPT:
            return next_in_runs(self.adaptive, self.answers, self.session.reader)
        return progress(self.plan, self.answers, self.protocol, self.session, now)

    def likely_after(self, trial: Trial, now: datetime | None = None) -> list[Trial]:
        """What may follow ``trial``: to be made ready while the reader is at work. In an adaptive run one for each rating."""
        now = now or datetime.now(UTC)
        session = self.session
        stamped = TrialAnswer(session.reader, self.fixed.protocol_id, trial.stage, trial.key, session.session_id, 0, "")
        stamped = replace(stamped, at=now.isoformat(), image_id=trial.image_id)
        if self.session.stage != ADAPT:
            following = progress(self.plan, [*self.answers, stamped], self.protocol, self.session, now).trial
            return [] if following is None else [following]
        # An answer that is yet to come stands after all others.
        rated = replace(stamped, event_id="~", type=trial.type, modality=str(trial.modality), severity=trial.severity)
        found = []
        for rating in range(len(STEPS)):
            possible = [*self.answers, replace(rated, detail={"rating": rating})]
            found.append(next_in_runs(self.adaptive, possible, session.reader).trial)
        return [t for t in dict.fromkeys(found) if t is not None]

    def minutes(self, now: datetime | None = None) -> float:
        """Since the session was opened."""
        opened = datetime.fromisoformat(self.session.at.replace("Z", "+00:00"))
        return ((now or datetime.now(UTC)) - opened).total_seconds() / 60

    def take(self, answer: TrialAnswer) -> None:
        """An answer has been kept."""
        self.answers.append(answer)
        self.ordinal = max(self.ordinal, answer.ordinal)


def plan_of(
    fixed: FixedProtocol, protocol: Protocol, stage: str, reader_id: str, proposal: Mapping[str, Any] | None
) -> list[Trial]:
    """The trials of ``stage`` in the reader's order; CalibrationError where verification has nothing to show yet."""
    if stage == ADJUST:
        return adjustment(fixed, protocol, reader_id)
    if proposal is None:
        raise CalibrationError(f"protocol {protocol.name} {protocol.version}: no levels have been proposed for {stage} yet")
    if stage == VERIFY:
        return verification(fixed, protocol, proposal, reader_id)
    return comparisons(fixed, protocol, proposal, reader_id)


def sit_down(study: Study, protocol_id: str, reader: str, stage: str, facts: dict[str, Any]) -> Sitting:
    """Opens a session; the reader goes on at the very trial they left. ``facts`` of display and room are kept with it."""
    fixed = study.protocol(protocol_id)
    protocol = protocol_of(fixed.body)
    proposal = study.proposal(protocol_id)
    reader_id = study.ensure_reader(reader).reader_id
    adaptive: tuple[CellDesign, ...] = ()
    if stage == ADAPT:
        plan, adaptive = [], failed_cells(study, fixed, protocol, reader_id)
        if not adaptive:
            raise CalibrationError("no cell has failed verification by all readers")
    elif stage.startswith(VOTE):
        plan = ballot(study, fixed, protocol, reader_id, stage)
    else:
        plan = plan_of(fixed, protocol, stage, reader_id, proposal.body if proposal else None)
    session = study.open_session(protocol_id, reader_id, stage, {**software(), **facts})
    own = [a for a in study.trials(protocol_id, reader_id, stage) if a.reader == reader_id]
    # Those of later stages as well: who has to look for pictures that lie elsewhere does it once.
    wanted = {i for cell in protocol.cells for i in (*cell.images, *cell.held_out)}
    images = {i.image_id: i for i in study.images() if i.image_id in wanted}
    return Sitting(fixed, protocol, session, plan, own, images, adaptive)


def failed_cells(study: Study, fixed: FixedProtocol, protocol: Protocol, reader_id: str) -> tuple[CellDesign, ...]:
    """Cells that failed verification, once all readers have locked theirs: before, each would see another set."""
    closed = {reader for reader, stage in study.locks(fixed.protocol_id) if stage == VERIFY}
    if len(closed) < protocol.readers:
        return ()
    failed = failures(judge(protocol, study.trials(fixed.protocol_id, reader_id)))
    return tuple(cell for cell in protocol.cells if cell.name in failed and cell.held_out)


def answer_of(
    sitting: Sitting, trial: Trial, verdict: str, detail: dict[str, Any], *, severity: float | None = None, reason: str = ""
) -> TrialAnswer:
    """The answer to ``trial`` as it is kept; CalibrationError where the protocol does not accept it.

    A setting needs a move of the slider, a severity above 0 and the minimum dwell: what was set without looking is no setting.
    """
    dwell = sitting.protocol.dwell_seconds
    if float(detail.get("seconds", 0.0)) < dwell:
        raise CalibrationError(f"look a little longer first ({dwell:g} seconds)")
    if verdict == "set":
        if not detail.get("slider_events"):
            raise CalibrationError("move the slider first")
        if not severity:
            raise CalibrationError(f"the original cannot be {trial.level}: move the slider, or say that the level cannot be set")
    kept = {"start": trial.start, "repeat": trial.repeat, "mirrored": trial.mirrored, "kind": trial.kind, **detail}
    if trial.kind == "rate":
        kept["intended"] = trial.intended
    if trial.kind == "pair":
        kept |= {"other_type": trial.other_type, "other_severity": trial.other_severity}
    return TrialAnswer(
        reader=sitting.session.reader,
        protocol_id=sitting.fixed.protocol_id,
        stage=trial.stage,
        key=trial.key,
        session=sitting.session.session_id,
        ordinal=sitting.ordinal + 1,
        verdict=verdict,
        type=trial.type,
        modality=str(trial.modality),
        level=str(trial.level),
        severity=severity,
        image_id=trial.image_id,
        detail=kept,
        reason=reason,
    )


def keep(
    study: Study,
    sitting: Sitting,
    trial: Trial,
    answer: TrialAnswer,
    window: tuple[float, float] | None,
    *,
    confirmed: Pixels | None = None,
) -> TrialAnswer:
    """Keeps ``answer``, with the L0 decision where the trial asks for one; on disk when this returns.

    ``confirmed``: the picture that was set, whose hash goes with the answer. It is taken here, since a large radiograph's takes
    tens of milliseconds, which the window's thread does not have.
    """
    if confirmed is not None:
        answer = replace(answer, detail={**answer.detail, "render_sha256": pixel_sha256(confirmed)})
    clean = None
    if trial.kind == "clean":
        record = sitting.images[trial.image_id]
        rejected = answer.verdict == "rejected"
        clean = CleanDecision(
            answer.reader, trial.image_id, record.frame, window, "rejected" if rejected else "diagnostic", answer.reason
        )
    return study.answer_trial(answer, clean=clean)


def ballot(study: Study, fixed: FixedProtocol, protocol: Protocol, reader_id: str, stage: str) -> list[Trial]:
    """A vote on both levels of every cell that is not accepted by itself, each on one picture; unseen by colleagues.

    CalibrationError where the reader or the panel has not locked the readings: a vote is about what stands.
    """
    locked = {reader for reader, closed in study.locks(fixed.protocol_id) if closed == ADJUST}
    if reader_id not in locked:
        raise CalibrationError("lock your own readings first; votes come after")
    if len(locked) < protocol.readers:
        raise CalibrationError(f"{len(locked)} of {protocol.readers} readers have locked their readings; votes come after that")
    answers = study.trials(fixed.protocol_id, reader_id)
    rng = order_of(fixed, reader_id, stage)
    trials = []
    for proposal in propose(protocol, answers, failures(judge(protocol, answers)), replicates=2):
        cell = proposal.cell
        for level in LEVELS if proposal.doubts else ():
            key = f"vote|{cell.name}|{level}"
            start = float(rng.integers(2))
            trials.append(Trial(key, stage, "set", cell.modality, cell.images[0], cell.type, level, start=start))
    return trials


@dataclass(frozen=True, slots=True)
class StageState:
    """How a stage stands for one reader: ``done`` of ``total`` trials; ``closed`` lists who has locked it, by pseudonym."""

    stage: str
    open: bool
    done: int
    total: int
    locked: bool
    closed: tuple[str, ...]
    waits_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProtocolState:
    """A protocol as one reader finds it."""

    fixed: FixedProtocol
    protocol: Protocol | None
    problem: str
    stages: tuple[StageState, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """The study's protocols, newest first, as one reader finds them, and the ``conditions`` that they read in last."""

    protocols: list[ProtocolState]
    conditions: dict[str, Any] = field(default_factory=dict)


def front_page(study: Study, reader: str) -> Overview:
    """All that the front page of the reader study shows."""
    return Overview(overview(study, reader), last_conditions(study, study.ensure_reader(reader).reader_id))


def overview(study: Study, reader: str) -> list[ProtocolState]:
    """The study's protocols, newest first, and where the reader stands in each."""
    names = {r.reader_id: r.pseudonym for r in study.readers()}
    reader_id = study.ensure_reader(reader).reader_id
    found = []
    for fixed in reversed(study.protocols()):
        try:
            protocol = protocol_of(fixed.body)
        except CalibrationError as error:
            found.append(ProtocolState(fixed, None, str(error)))
            continue
        locks = study.locks(fixed.protocol_id)
        proposal = study.proposal(fixed.protocol_id)
        stages = []
        for stage in STAGES:
            closed = tuple(sorted(names.get(r, "?") for r, s in locks if s == stage))
            if stage != ADJUST and proposal is None:
                stages.append(StageState(stage, False, 0, 0, False, closed))
                continue
            plan = plan_of(fixed, protocol, stage, reader_id, proposal.body if proposal else None)
            own = [a for a in study.trials(fixed.protocol_id, reader_id, stage) if a.reader == reader_id]
            fresh = Session("", fixed.protocol_id, reader_id, stage, datetime.now(UTC).isoformat())
            at = progress(plan, own, protocol, fresh)
            stages.append(StageState(stage, bool(plan), at.done, at.total, (reader_id, stage) in locks, closed, at.waits_until))
            if stage == VERIFY and (failed := failed_cells(study, fixed, protocol, reader_id)):
                own = [a for a in study.trials(fixed.protocol_id, reader_id, ADAPT) if a.reader == reader_id]
                runs = next_in_runs(failed, own, reader_id)
                closed = tuple(sorted(names.get(r, "?") for r, s in locks if s == ADAPT))
                stages.append(StageState(ADAPT, True, runs.done, runs.total, (reader_id, ADAPT) in locks, closed))
        found.append(ProtocolState(fixed, protocol, "", tuple(stages)))
    return found

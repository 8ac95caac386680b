"""How a protocol's consensus stands for one person: what may be seen, proposed, voted, signed and published. Qt-free."""

from __future__ import annotations

from dataclasses import dataclass, field

from medqdeg_desktop.calibration.consensus import ROUNDS, CellProposal, profile_of, propose, signed
from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.protocol import Protocol, protocol_of
from medqdeg_desktop.calibration.trials import ADJUST, VERIFY
from medqdeg_desktop.calibration.verification import CellVerdict, failures, judge, proposal_body
from medqdeg_desktop.study.readings import VOTE, FixedProtocol, Signature, TrialAnswer
from medqdeg_desktop.study.records import ImageRecord, Profile
from medqdeg_desktop.study.store import Study


@dataclass(frozen=True, slots=True)
class CellStanding:
    """A cell with what has become of it: accepted, excluded, or what is still missing."""

    proposal: CellProposal
    verdict: CellVerdict | None
    state: str
    signatures: tuple[Signature, ...] = ()

    @property
    def settled(self) -> bool:
        return self.state in ("accepted", "excluded")


@dataclass(frozen=True, slots=True)
class Standing:
    """``hidden`` says why colleagues' readings are not shown yet; then there are no cells. ``vote_stage`` is the round of votes
    that this person may take part in, or empty; ``names`` maps reader ids to pseudonyms; ``locked`` readers have set their
    levels, ``rated`` readers have rated the proposed ones; ``published`` are the versions of the profile that stand."""

    fixed: FixedProtocol
    protocol: Protocol
    hidden: str
    cells: tuple[CellStanding, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    images: dict[str, ImageRecord] = field(default_factory=dict)
    proposed: bool = False
    vote_stage: str = ""
    locked: int = 0
    rated: int = 0
    published: tuple[str, ...] = ()

    @property
    def publishable(self) -> bool:
        return bool(self.cells) and all(c.settled for c in self.cells) and any(c.state == "accepted" for c in self.cells)


def standing(study: Study, protocol_id: str, viewer: str, *, replicates: int = 2000) -> Standing:
    """How things stand for ``viewer``; readings of colleagues are shown only as the study lets them be read."""
    fixed = study.protocol(protocol_id)
    protocol = protocol_of(fixed.body)
    viewer_id = study.ensure_reader(viewer).reader_id
    closed = study.locks(protocol_id)
    locks = {reader for reader, stage in closed if stage == ADJUST}
    names = {r.reader_id: r.pseudonym for r in study.readers()}
    if viewer_id not in locks and len(locks) < protocol.readers:
        why = (
            f"{len(locks)} of {protocol.readers} readers have locked their readings. Levels are shown to a reader who has locked,"
            " and to everybody else when all have."
        )
        return Standing(fixed, protocol, why, names=names, locked=len(locks))
    answers = study.trials(protocol_id, viewer_id)
    verdicts = {v.name: v for v in judge(protocol, answers)}
    signatures = study.signatures(protocol_id)
    readers = study.readers()
    cells = []
    for proposal in propose(protocol, answers, failures(verdicts.values()), replicates=replicates):
        cell = proposal.cell
        own = tuple(s for s in signatures if (s.type, s.modality) == (cell.type, str(cell.modality)))
        state = "accepted" if not proposal.doubts else signed(proposal, own, readers)
        cells.append(CellStanding(proposal, verdicts.get(cell.name), state, own))
    wanted = {i for c in protocol.cells for i in (*c.images, *c.held_out)}
    return Standing(
        fixed=fixed,
        protocol=protocol,
        hidden="",
        cells=tuple(cells),
        names=names,
        images={i.image_id: i for i in study.images() if i.image_id in wanted},
        proposed=study.proposal(protocol_id) is not None,
        vote_stage=_vote_stage(protocol, cells, answers, viewer_id, viewer_id in locks and len(locks) >= protocol.readers),
        locked=len(locks),
        rated=sum(stage == VERIFY for _, stage in closed),
        published=tuple(p.version for p in study.profiles() if p.name == protocol.name),
    )


def _vote_stage(protocol: Protocol, cells: list[CellStanding], answers: list[TrialAnswer], viewer: str, locked: bool) -> str:
    """The round in which the viewer has not voted yet: the first, or the second once everybody has voted in the first."""
    doubtful = [c.proposal for c in cells if c.proposal.doubts and not c.settled]
    if not locked or not doubtful:
        return ""
    for number in range(1, ROUNDS + 1):
        stage = f"{VOTE}-{number}"
        own = sum(a.stage == stage and a.reader == viewer for a in answers)
        if own < 2 * len(doubtful):
            return stage
        if any(p.vote_round < number for p in doubtful):
            return ""  # others have not voted yet
    return ""


def propose_for_verification(study: Study, protocol_id: str, viewer: str) -> None:
    """Fixes the levels of now for blind verification; CalibrationError before all readers have locked."""
    now = standing(study, protocol_id, viewer, replicates=2)
    if now.locked < now.protocol.readers:
        raise CalibrationError(f"{now.locked} of {now.protocol.readers} readers have locked; levels are proposed when all have")
    study.fix_proposal(protocol_id, proposal_body(c.proposal for c in now.cells), viewer)


def sign(study: Study, protocol_id: str, viewer: str, cell: CellProposal, decision: str, reason: str) -> Signature:
    """Signs the levels of ``cell`` as they stand."""
    levels = {str(level): round(severity, 6) for level, severity in cell.severities.items()}
    return study.sign(Signature(viewer, protocol_id, cell.cell.type, str(cell.cell.modality), decision, levels, reason))


def publish(study: Study, protocol_id: str, viewer: str, version: str) -> Profile:
    """Publishes what the consensus gives, signed by ``viewer``; CalibrationError naming what is not settled."""
    now = standing(study, protocol_id, viewer)
    if now.hidden:
        raise CalibrationError(now.hidden)
    if now.locked < now.protocol.readers:
        raise CalibrationError(f"{now.locked} of {now.protocol.readers} readers have locked their readings")
    draft = profile_of(
        now.protocol,
        [c.proposal for c in now.cells],
        study.signatures(protocol_id),
        study.readers(),
        name=now.protocol.name,
        version=version,
    )
    return study.publish_profile(draft, viewer)

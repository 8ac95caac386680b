"""From readings to levels: proposals with their intervals, what is accepted by itself, votes, signatures, and the profile.

A level is the median over readers of each reader's median over pictures (repeats of a picture averaged). A cell is accepted by
itself where readers repeat themselves, agree, and tell L1 from L2 within the protocol's limits, and where it passes
verification; everything else is adjudicated: votes that colleagues cannot see, then signatures with a reason by two readers and
a chair.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from medqdeg_desktop.calibration.adaptive import ADAPT, run_of
from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.profiles import path_parameters
from medqdeg_desktop.calibration.protocol import LEVELS, CellDesign, Protocol
from medqdeg_desktop.calibration.trials import ADJUST
from medqdeg_desktop.engine.degradation import find
from medqdeg_desktop.statistics.panel import ENOUGH_READERS, consensus
from medqdeg_desktop.statistics.reliability import Interval, within_sd
from medqdeg_desktop.study.readings import VOTE, Signature, TrialAnswer
from medqdeg_desktop.study.records import Profile, ProfileCell, Reader
from medqdeg_desktop.taxonomy import Level, Modality

#: Rounds of votes before a cell is signed or left out (modified Delphi).
ROUNDS = 2


@dataclass(frozen=True, slots=True)
class LevelProposal:
    """What the readings say about one level. ``reader_medians`` by reader id; ``cannot_set`` trials that ended so."""

    level: Level
    severity: Interval
    within: Interval
    reader_medians: dict[str, float]
    settings: int
    cannot_set: int

    @property
    def between_range(self) -> float:
        values = self.reader_medians.values()
        return max(values) - min(values) if values else math.nan


@dataclass(frozen=True, slots=True)
class CellProposal:
    """Both levels of a cell and why they are not accepted by themselves (``doubts``; empty: they are)."""

    cell: CellDesign
    levels: dict[Level, LevelProposal]
    doubts: tuple[str, ...]
    pooled_sd: float = math.nan
    vote_round: int = 0
    votes: dict[Level, dict[str, float]] = field(default_factory=dict)
    adaptive: dict[Level, dict[str, float]] = field(default_factory=dict)

    @property
    def severities(self) -> dict[Level, float]:
        """The median of the newest round of votes where one was held, else of the adaptive runs, else of the readings."""
        found = {}
        for level, p in self.levels.items():
            by_reader = self.votes.get(level) or self.adaptive.get(level)
            found[level] = median(by_reader.values()) if by_reader else p.severity.value
        return found

    def basis(self, level: Level) -> str:
        """What ``severities`` rests on."""
        if self.votes.get(level):
            return f"votes of round {self.vote_round}"
        return "adaptive runs" if self.adaptive.get(level) else "median of reader medians"

    @property
    def of_this_panel_only(self) -> bool:
        """Fewer readers than an interval for readers in general rests on."""
        return any(p.severity.n < ENOUGH_READERS for p in self.levels.values())


def propose(
    protocol: Protocol, answers: Sequence[TrialAnswer], verdicts: Mapping[str, str] | None = None, *, replicates: int = 2000
) -> list[CellProposal]:
    """Proposals of every cell that has readings.

    verdicts   names of cells that failed verification to the reason.

    The order of ``answers`` makes no difference.
    """
    rejected = rejected_images(answers)
    usable = [a for a in answers if a.stage == ADJUST and a.image_id not in rejected]
    by_cell: dict[tuple[str, str], list[TrialAnswer]] = defaultdict(list)
    for answer in usable:
        if answer.key.split("|", 1)[0] in ("set", "again"):
            by_cell[answer.type, answer.modality].append(answer)
    ballots = _ballots(answers)
    found = []
    for number, cell in enumerate(protocol.cells):
        made = by_cell.get((cell.type, str(cell.modality)), [])
        levels = {level: _level(level, made, replicates, number) for level in LEVELS}
        if any(p.settings for p in levels.values()):
            failed = (verdicts or {}).get(cell.name, "")
            runs = _adaptive_levels(protocol, cell, answers) if failed else {}
            found.append(_cell(protocol, cell, levels, failed, ballots, runs))
    return found


def rejected_images(answers: Iterable[TrialAnswer]) -> set[str]:
    """Pictures that most of their readers rejected at L0."""
    said: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        if answer.verdict in ("diagnostic", "rejected"):
            said[answer.image_id].append(answer.verdict == "rejected")
    return {image for image, votes in said.items() if sum(votes) * 2 > len(votes)}


def _level(level: Level, answers: Sequence[TrialAnswer], replicates: int, seed: int) -> LevelProposal:
    made = sorted((a for a in answers if a.level == level), key=lambda a: a.event_id)
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for answer in made:
        if answer.verdict == "set" and answer.severity is not None:
            values[answer.reader][answer.image_id].append(answer.severity)
    readers = sorted(values)
    images = sorted({image for by_image in values.values() for image in by_image})
    table = np.full((len(readers), len(images)), np.nan)
    for row, reader in enumerate(readers):
        for column, image in enumerate(images):
            if values[reader][image]:
                table[row, column] = math.fsum(values[reader][image]) / len(values[reader][image])
    return LevelProposal(
        level=level,
        severity=consensus(table, replicates=replicates, seed=seed, within=(0.0, 1.0)),
        within=within_sd([v for by_image in values.values() for v in by_image.values() if v]),
        reader_medians={reader: float(np.nanmedian(row)) for reader, row in zip(readers, table, strict=True)},
        settings=sum(len(v) for by_image in values.values() for v in by_image.values()),
        cannot_set=sum(a.verdict == "cannot_set" for a in made),
    )


def _cell(
    protocol: Protocol,
    cell: CellDesign,
    levels: dict[Level, LevelProposal],
    failed: str,
    ballots: Mapping[tuple[str, str, int, str], dict[str, float]],
    runs: dict[Level, dict[str, float]],
) -> CellProposal:
    limits = protocol.limits
    doubts = []
    for level, p in levels.items():
        if len(p.reader_medians) < protocol.readers:
            doubts.append(f"{level}: {len(p.reader_medians)} of {protocol.readers} readers")
        if p.within.value > limits.within_sd:
            doubts.append(f"{level}: readers repeat themselves within {p.within.value:.2f}, more than {limits.within_sd:g}")
        if p.between_range > limits.between_range:
            doubts.append(f"{level}: readers lie {p.between_range:.2f} apart, more than {limits.between_range:g}")
        if p.cannot_set > p.settings:
            doubts.append(f"{level}: could not be set in most trials")
    pooled = _pooled_sd(levels.values())
    gap = levels[Level.L2].severity.value - levels[Level.L1].severity.value
    if math.isnan(gap) or gap < max(limits.separation * pooled, 1e-9):
        doubts.append(f"L2 - L1 is {gap:.2f}, less than {limits.separation:g} SD ({pooled:.2f})")
    if failed:
        doubts.append(f"verification: {failed}")
    votes: dict[Level, dict[str, float]] = {}
    held = 0
    for (type_name, modality, number, cast_level), cast in sorted(ballots.items()):
        # A round counts when everybody has voted in it.
        if (type_name, modality) == (cell.type, str(cell.modality)) and len(cast) >= protocol.readers:
            votes[Level(cast_level)], held = cast, max(held, number)
    return CellProposal(cell, levels, tuple(doubts), pooled, held, votes, runs)


def _adaptive_levels(protocol: Protocol, cell: CellDesign, answers: Sequence[TrialAnswer]) -> dict[Level, dict[str, float]]:
    """Levels by reader from finished adaptive runs; empty until as many readers as the protocol asks for have finished."""
    readers = sorted({a.reader for a in answers if a.stage == ADAPT})
    runs = {reader: run_of(cell, answers, reader) for reader in readers}
    finished = {reader: run.levels() for reader, run in runs.items() if run.finished}
    if len(finished) < protocol.readers:
        return {}
    return {level: {reader: levels[level] for reader, levels in finished.items()} for level in LEVELS}


def _pooled_sd(levels: Iterable[LevelProposal]) -> float:
    """Within- and between-reader spread together: what separates two levels must stand out from it."""
    squares = []
    for p in levels:
        medians = list(p.reader_medians.values())
        between = float(np.var(medians, ddof=1)) if len(medians) > 1 else 0.0
        within = 0.0 if math.isnan(p.within.value) else p.within.value**2
        squares.append(between + within)
    return math.sqrt(sum(squares) / len(squares)) if squares else math.nan


def _ballots(answers: Iterable[TrialAnswer]) -> dict[tuple[str, str, int, str], dict[str, float]]:
    found: dict[tuple[str, str, int, str], dict[str, float]] = defaultdict(dict)
    for answer in answers:
        if answer.stage.startswith(VOTE) and answer.severity is not None:
            found[answer.type, answer.modality, int(answer.stage.removeprefix(f"{VOTE}-")), answer.level][answer.reader] = (
                answer.severity
            )
    return found


def signed(proposal: CellProposal, signatures: Iterable[Signature], readers: Iterable[Reader]) -> str:
    """How a cell that needs adjudication stands: "accepted", "excluded", or what is still missing.

    Two readers of the cell and a chair must have signed the same decision, for the levels as they stand now. A chair is who has
    that role (or adjudicator), or has no readings of the cell.
    """
    roles = {r.reader_id: r.role for r in readers}
    panel = {reader for p in proposal.levels.values() for reader in p.reader_medians}
    level_now = {str(level): round(value, 6) for level, value in proposal.severities.items()}
    chairs: dict[str, int] = defaultdict(int)
    others: dict[str, int] = defaultdict(int)
    for s in signatures:
        if (s.type, s.modality) != (proposal.cell.type, str(proposal.cell.modality)):
            continue
        if s.decision == "accepted" and {k: round(v, 6) for k, v in s.levels.items()} != level_now:
            continue
        chair = roles.get(s.reader) in ("chair", "adjudicator") or s.reader not in panel
        counted = chairs if chair else others
        counted[s.decision] += 1
    for decision in ("accepted", "excluded"):
        if chairs[decision] >= 1 and others[decision] >= 2:
            return decision
    have = max(("accepted", "excluded"), key=lambda d: chairs[d] + others[d])
    lacking = [f"{2 - others[have]} of 2 readers"] if others[have] < 2 else []
    return "signatures missing: " + ", ".join([*lacking, *(["a chair"] if not chairs[have] else [])])


def profile_of(
    protocol: Protocol,
    proposals: Sequence[CellProposal],
    signatures: Sequence[Signature],
    readers: Sequence[Reader],
    *,
    name: str = "",
    version: str,
) -> Profile:
    """The profile that the consensus gives. CalibrationError naming the first cells that are not settled."""
    cells: list[ProfileCell] = []
    open_cells: list[str] = []
    for proposal in proposals:
        cell = proposal.cell
        state = "accepted" if not proposal.doubts else signed(proposal, signatures, readers)
        if state == "accepted":
            cells += _profile_cells(proposal)
        elif state != "excluded":
            open_cells.append(f"{cell.type} on {cell.modality} ({proposal.doubts[0]}; {state})")
    read = {p.cell.name for p in proposals}
    open_cells += [f"{c.type} on {c.modality} (no readings)" for c in protocol.cells if c.name not in read]
    if open_cells:
        more = f" and {len(open_cells) - 3} more" if len(open_cells) > 3 else ""
        raise CalibrationError(f"not settled: {'; '.join(open_cells[:3])}{more}")
    if not cells:
        raise CalibrationError("every cell was left out; there is nothing to publish")
    source = f"protocol {protocol.name} {protocol.version}, median of reader medians"
    return Profile(name or protocol.name, version, "draft", tuple(cells), source)


def _profile_cells(proposal: CellProposal) -> list[ProfileCell]:
    cells = []
    for level, severity in proposal.severities.items():
        # A severity on file is read again as it is written; six decimals are finer than any slider.
        severity = round(severity, 6)
        p = proposal.levels[level]
        cells.append(
            ProfileCell(
                type=proposal.cell.type,
                modality=Modality(proposal.cell.modality),
                level=level,
                severity=severity,
                path_version=find(proposal.cell.type).path_version,
                parameters=path_parameters(proposal.cell.type, severity, proposal.cell.modality),
                readers=len(p.reader_medians),
                decisions=p.settings,
                basis=f"{proposal.basis(level)}, 95 % interval {p.severity.low:.3f} to {p.severity.high:.3f}",
            )
        )
    return cells

"""Which trial comes next: the order of every stage follows from the protocol and the reader, so that nothing has to be stored.

Adjustment: modality blocks in random order; in a block first the clean pictures (L0), then the cells in random order, in a
cell the pictures in random order, on a picture L1 and then L2; or, where the protocol says so, the pictures of all cells of the
block mixed. Half of the trials of a cell start at severity 0, half at 1.
Catch trials, in which both panes show the original, stand at random places. Pictures that are shown again come after everything
else, in another session. The same reader gets the same order after any interruption.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeVar

import numpy as np

from medqdeg_desktop.calibration.protocol import LEVELS, MIRRORED, CellDesign, Protocol
from medqdeg_desktop.engine.seeding import generator, realisation_seed
from medqdeg_desktop.study.readings import FixedProtocol, Session, TrialAnswer
from medqdeg_desktop.taxonomy import Level, Modality

T = TypeVar("T")
Kind = Literal["clean", "set", "catch", "rate", "pair"]

ADJUST: Final = "adjust"
VERIFY: Final = "verify"

#: The realisation that calibration shows, in free mode as well: one for each picture and type, the same at every site.
CALIBRATION_SET: Final = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """One question to one reader.

    key        unique in its stage.
    start      where the slider stands at first (``set`` and ``catch``).
    severity   what is shown (``rate``); ``other_type`` and ``other_severity`` the second picture of a ``pair``.
    intended   the level that a rated picture is meant to show: L0, L1, L2, with - or + for a step off.
    """

    key: str
    stage: str
    kind: Kind
    modality: Modality
    image_id: str
    type: str = ""
    level: Level = Level.L0
    start: float = 0.0
    severity: float = 0.0
    intended: str = ""
    repeat: bool = False
    mirrored: bool = False
    other_type: str = ""
    other_severity: float = 0.0

    @property
    def seed(self) -> int:
        return realisation_seed(CALIBRATION_SET, self.image_id, self.type)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a reader is in a stage: ``trial`` is None when nothing is left, or nothing before ``waits_until``."""

    trial: Trial | None
    done: int
    total: int
    waits_until: datetime | None = None

    @property
    def finished(self) -> bool:
        return self.trial is None and self.waits_until is None


def order_of(fixed: FixedProtocol, reader_id: str, stage: str) -> np.random.Generator:
    """The random numbers of one reader's order in one stage."""
    digest = hashlib.sha256(f"{fixed.protocol_id}\x1f{reader_id}".encode()).digest()
    return generator(int.from_bytes(digest[:16], "big"), f"order/{stage}")


def adjustment(fixed: FixedProtocol, protocol: Protocol, reader_id: str) -> list[Trial]:
    """Every trial of the adjustment in the reader's order."""
    rng = order_of(fixed, reader_id, ADJUST)
    modalities = shuffled(rng, dict.fromkeys(c.modality for c in protocol.cells))
    first: list[Trial] = []
    again: list[Trial] = []
    for modality in modalities:
        cells = [c for c in protocol.cells if c.modality is modality]
        block: list[Trial] = []
        for cell in shuffled(rng, cells):
            shown = _cell_trials(rng, cell, protocol)
            block += [t for t in shown if not t.repeat]
            again += [t for t in shown if t.repeat]
        if protocol.order == "mixed":
            block = _mixed(rng, block)
        clean = [Trial(f"clean|{i}", ADJUST, "clean", modality, i) for i in shuffled(rng, protocol.images(modality))]
        first += clean + _with_catches(rng, block, protocol.catch_share, str(modality))
    return first + _with_catches(rng, _mixed(rng, again), protocol.catch_share, "again")


def _mixed(rng: np.random.Generator, trials: list[Trial]) -> list[Trial]:
    """``trials`` in a random order in which L2 of a picture still follows its L1: they are shuffled as pairs."""
    pairs = [trials[i : i + len(LEVELS)] for i in range(0, len(trials), len(LEVELS))]
    return [t for pair in shuffled(rng, pairs) for t in pair]


def _cell_trials(rng: np.random.Generator, cell: CellDesign, protocol: Protocol) -> list[Trial]:
    images = shuffled(rng, cell.images)
    repeated = images[: protocol.repeats]
    count = (len(images) + len(repeated)) * len(LEVELS)
    starts = iter(shuffled(rng, [float(i % 2) for i in range(count)]))
    trials = []
    for repeat, shown in ((False, images), (True, shuffled(rng, repeated))):
        for image in shown:
            for level in LEVELS:
                key = f"{'again' if repeat else 'set'}|{cell.name}|{image}|{level}"
                trial = Trial(key, ADJUST, "set", cell.modality, image, cell.type, level, start=next(starts), repeat=repeat)
                trials.append(replace(trial, mirrored=repeat and cell.modality in MIRRORED))
    return trials


def _with_catches(rng: np.random.Generator, trials: list[Trial], share: float, block: str) -> list[Trial]:
    """``trials`` with catch trials between pictures, never between L1 and L2 of one picture."""
    pairs = [trials[i : i + len(LEVELS)] for i in range(0, len(trials), len(LEVELS))]
    for number in range(round(share * len(trials))):
        model = trials[int(rng.integers(len(trials)))]
        key = f"catch|{block}|{number}"
        catch = replace(model, key=key, kind="catch", start=float(rng.integers(2)), mirrored=False)
        pairs.insert(int(rng.integers(len(pairs) + 1)), [catch])
    return [t for pair in pairs for t in pair]


def verification(fixed: FixedProtocol, protocol: Protocol, proposal: Mapping[str, object], reader_id: str) -> list[Trial]:
    """Blind ratings of the proposed levels and of steps beside them, and of the original, on held-out pictures."""
    rng = order_of(fixed, reader_id, VERIFY)
    blocks: dict[Modality, list[Trial]] = {}
    for entry in proposal["cells"]:  # type: ignore[attr-defined]
        cell = protocol.cell(entry["type"], entry["modality"])
        for image in cell.held_out:
            for intended, severity in candidates(entry["L1"], entry["L2"], entry["step"]).items():
                key = f"rate|{cell.name}|{image}|{intended}"
                level = Level(intended[:2])
                trial = Trial(key, VERIFY, "rate", cell.modality, image, cell.type, level, severity=severity, intended=intended)
                blocks.setdefault(cell.modality, []).append(trial)
    return [t for modality in shuffled(rng, blocks) for t in shuffled(rng, blocks[modality])]


def candidates(level1: float, level2: float, step: float) -> dict[str, float]:
    """Severities shown in verification, by what they are meant to be; severity 0 is the original."""
    shown = {"L0": 0.0, "L1-": level1 - step, "L1": level1, "L1+": level1 + step}
    shown |= {"L2-": level2 - step, "L2": level2, "L2+": level2 + step}
    return {name: s if name == "L0" else min(max(s, 0.01), 1.0) for name, s in shown.items()}


def progress(
    plan: Sequence[Trial], answers: Iterable[TrialAnswer], protocol: Protocol, session: Session, now: datetime | None = None
) -> Progress:
    """The next trial of ``plan`` given the reader's own ``answers``; pictures rejected at L0 are not asked about again."""
    answered = {a.key: a for a in answers if a.reader == session.reader}
    rejected = {a.image_id for a in answered.values() if a.verdict == "rejected"}
    asked = [t for t in plan if t.key in answered or t.image_id not in rejected]
    left = [t for t in asked if t.key not in answered]
    done = len(asked) - len(left)
    now = now or datetime.now(UTC)
    waits: list[datetime] = []
    for trial in left:
        due = _due(trial, answered, protocol, session)
        if due is None or due <= now:
            return Progress(trial, done, len(asked))
        waits.append(due)
    return Progress(None, done, len(asked), min(waits, default=None))


def _due(trial: Trial, answered: Mapping[str, TrialAnswer], protocol: Protocol, session: Session) -> datetime | None:
    """When a repeat may be shown: days after its first showing, and never in the session of the latter. None: at once."""
    if not trial.repeat:
        return None
    first = answered.get(f"set|{trial.type}|{trial.modality}|{trial.image_id}|{trial.level}")
    if first is None:
        return None
    due = datetime.fromisoformat(first.at.replace("Z", "+00:00")) + timedelta(days=protocol.repeat_days)
    if first.session == session.session_id:
        opened = datetime.fromisoformat(session.at.replace("Z", "+00:00"))
        return max(due, opened + timedelta(hours=12))
    return due


def shuffled(rng: np.random.Generator, values: Iterable[T]) -> list[T]:
    """``values`` in an order that ``rng`` decides."""
    listed = list(values)
    return [listed[i] for i in rng.permutation(len(listed))]

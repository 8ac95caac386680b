"""A reader protocol: what is asked of whom, on which pictures, under which anchors and limits. Fixed before the first session.

A protocol is a value; its identity is the hash of its canonical JSON, so that two sites that read under the same protocol can
pool. What it costs a reader and how wide the intervals will be is told while it is designed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.engine.degradation import find
from medqdeg_desktop.statistics.panel import expected_half_width
from medqdeg_desktop.statistics.reliability import Components
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, LEVEL_ANCHORS, Level, Modality

FORMAT: Final = "medqdeg-protocol/1"
Order = Literal["by cell", "mixed"]
ORDERS: Final[tuple[Order, ...]] = ("by cell", "mixed")
LEVELS: Final = (Level.L1, Level.L2)

#: Modalities whose pictures may be shown mirrored when they are repeated: the side carries no anatomy a reader would miss.
MIRRORED: Final = frozenset({Modality.DERMOSCOPY, Modality.HISTOPATHOLOGY, Modality.ENDOSCOPY, Modality.OCT})

#: Standard deviations on the severity axis that a design assumes before a pilot has measured them.
ASSUMED: Final = Components(reader=0.10, image=0.10, interaction=0.06, repeat=0.06)

_SECONDS_SET, _SECONDS_CLEAN, _SECONDS_RATE = 20.0, 8.0, 6.0


@dataclass(frozen=True, slots=True)
class CellDesign:
    """A type on a modality: ``images`` are adjusted, ``held_out`` are other images on which proposed levels are verified."""

    type: str
    modality: Modality
    images: tuple[str, ...]
    held_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.type}|{self.modality}"


@dataclass(frozen=True, slots=True)
class Limits:
    """Inside these a proposed level is accepted without adjudication, and a verified one passes.

    within_sd       largest within-reader SD;  between_range  largest span of reader medians, both on the severity axis.
    separation      least L2 - L1 in pooled SDs.
    pass_share      least share of blind ratings within one step of what was intended.
    """

    within_sd: float = 0.08
    between_range: float = 0.25
    separation: float = 2.0
    pass_share: float = 0.8


@dataclass(frozen=True, slots=True)
class Protocol:
    """``repeats``: images a cell shows again in another session, at least ``repeat_days`` later; ``catch_share`` of trials in
    which both panes show the original; ``dwell_seconds`` before a setting is accepted; ``order`` of the pictures of a modality:
    one degradation after the other, or mixed."""

    name: str
    version: str
    cells: tuple[CellDesign, ...]
    readers: int = 3
    repeats: int = 2
    catch_share: float = 0.1
    repeat_days: float = 7.0
    session_minutes: float = 25.0
    dwell_seconds: float = 2.0
    seed: int = 0
    order: Order = "by cell"
    anchors: dict[str, str] = field(default_factory=lambda: {str(k): v for k, v in LEVEL_ANCHORS.items()})
    limits: Limits = field(default_factory=Limits)

    def checked(self) -> Protocol:
        """The protocol itself; CalibrationError naming what cannot be read as it stands."""
        where = f"protocol {self.name or '?'} {self.version or '?'}"
        if not self.name.strip() or not self.version.strip():
            raise CalibrationError(f"{where}: a name and a version are needed")
        if not self.cells:
            raise CalibrationError(f"{where}: choose at least one cell (a degradation on a modality)")
        if self.readers < 1:
            raise CalibrationError(f"{where}: at least one reader is needed")
        if self.order not in ORDERS:
            raise CalibrationError(f"{where}: order {self.order!r} is not one of {', '.join(ORDERS)}")
        if not 0 <= self.catch_share <= 0.5:
            raise CalibrationError(f"{where}: a share of catch trials of {self.catch_share:g} is outside 0 to 0.5")
        seen = set()
        for cell in self.cells:
            kind = DEGRADATION_BY_NAME.get(cell.type)
            if kind is None or not kind.suits(cell.modality):
                raise CalibrationError(f"{where}: {cell.type} is not defined on {cell.modality}")
            if cell.name in seen:
                raise CalibrationError(f"{where}: {cell.type} on {cell.modality} comes twice")
            seen.add(cell.name)
            if not cell.images:
                raise CalibrationError(f"{where}: {cell.type} on {cell.modality} has no images")
            if shared := set(cell.images) & set(cell.held_out):
                raise CalibrationError(
                    f"{where}: {cell.type} on {cell.modality}: image {min(shared)[:12]} is both adjusted and held out"
                )
        return self

    def cell(self, type_name: str, modality: str) -> CellDesign:
        for cell in self.cells:
            if (cell.type, str(cell.modality)) == (type_name, str(modality)):
                return cell
        raise CalibrationError(f"protocol {self.name} {self.version} has no {type_name} on {modality}")

    def images(self, modality: Modality | None = None) -> tuple[str, ...]:
        """Image ids of the adjustment, each once, in the order of the cells."""
        wanted = (i for c in self.cells if modality in (None, c.modality) for i in c.images)
        return tuple(dict.fromkeys(wanted))


@dataclass(frozen=True, slots=True)
class Cost:
    """What a protocol asks of one reader and what its intervals will be like.

    settings      adjustment trials without catch trials;  hours, sessions  of adjustment and verification together.
    half_width    expected half of the 95 % interval that the consensus will give a level, under ``components``; NaN for a single
                  reader or picture, which give none.
    """

    settings: int
    catches: int
    ratings: int
    hours: float
    sessions: int
    half_width: float


def cost(protocol: Protocol, components: Components = ASSUMED) -> Cost:
    """The estimate shown while a protocol is designed."""
    settings = sum(len(LEVELS) * (len(c.images) + min(protocol.repeats, len(c.images))) for c in protocol.cells)
    catches = round(protocol.catch_share * settings)
    ratings = sum(7 * len(c.held_out) for c in protocol.cells)
    clean = len(protocol.images())
    seconds = (settings + catches) * _SECONDS_SET + clean * _SECONDS_CLEAN + ratings * _SECONDS_RATE
    fewest = min((len(c.images) for c in protocol.cells), default=0)
    half = math.nan
    if fewest and protocol.readers:
        shown_again = min(protocol.repeats, fewest)
        half = expected_half_width(components, protocol.readers, fewest, 1 + shown_again / fewest)
    return Cost(settings, catches, ratings, seconds / 3600, max(1, math.ceil(seconds / 60 / protocol.session_minutes)), half)


def body_of(protocol: Protocol) -> dict[str, Any]:
    """What is fixed in the study: everything, and the path version of every type, without which severities mean nothing."""
    versions = {c.type: find(c.type).path_version for c in protocol.cells}
    cells = [
        {**asdict(c), "modality": str(c.modality), "images": list(c.images), "held_out": list(c.held_out)} for c in protocol.cells
    ]
    return {"format": FORMAT, **asdict(protocol), "cells": cells, "path_versions": versions}


def protocol_of(body: dict[str, Any]) -> Protocol:
    """The protocol written in ``body``; CalibrationError where it is none or its severity paths are of another version."""
    if body.get("format") != FORMAT:
        raise CalibrationError(f"not a reader protocol ({FORMAT})")
    try:
        values = {key: body[key] for key in Protocol.__slots__ if key not in ("cells", "limits", "order")}
        values["order"] = body.get("order", "by cell")  # the only one there was before it was named
        cells = tuple(
            CellDesign(c["type"], Modality(c["modality"]), tuple(c["images"]), tuple(c["held_out"])) for c in body["cells"]
        )
        protocol = Protocol(**values, cells=cells, limits=Limits(**body["limits"])).checked()
        versions = dict(body["path_versions"])
    except (KeyError, ValueError, TypeError) as error:
        raise CalibrationError(f"a protocol cannot be understood: {error}") from None
    for name, version in versions.items():
        if find(name).path_version != version:
            raise CalibrationError(
                f"protocol {protocol.name} {protocol.version}: {name} was read on version {version} of its severity path, "
                f"this program has {find(name).path_version}"
            )
    return protocol


def divided(images: Iterable[str], adjusted: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``images`` split into those to adjust and those held out for verification."""
    listed = tuple(images)
    return listed[:adjusted], listed[adjusted:]

"""Readers with known bias, noise and lapses, at work on a real study through the same calls as the window."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from medqdeg_desktop.calibration.protocol import CellDesign, Protocol, body_of
from medqdeg_desktop.calibration.trials import ADJUST, Trial, adjustment, progress
from medqdeg_desktop.study.readings import FixedProtocol, Session, TrialAnswer
from medqdeg_desktop.study.records import CleanDecision, ImageRecord
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level, Modality

#: Where the levels of the simulated world lie.
TRUTH = {
    ("gaussian_blur", Level.L1): 0.30,
    ("gaussian_blur", Level.L2): 0.62,
    ("gaussian_noise", Level.L1): 0.25,
    ("gaussian_noise", Level.L2): 0.70,
    ("motion_blur", Level.L1): 0.35,
    ("motion_blur", Level.L2): 0.66,
    ("low_dose", Level.L1): 0.40,
    ("low_dose", Level.L2): 0.75,
    ("adjust_brightness", Level.L1): 0.28,
    ("adjust_brightness", Level.L2): 0.58,
    ("low_resolution", Level.L1): 0.38,
    ("low_resolution", Level.L2): 0.72,
}


def image_ids(count: int, start: int = 0) -> tuple[str, ...]:
    return tuple(f"{i:064x}" for i in range(start, start + count))


def make_protocol(types: tuple[str, ...] = ("gaussian_blur", "gaussian_noise"), **changes: object) -> Protocol:
    values: dict[str, object] = {
        "name": "CT levels",
        "version": "1.0.0",
        "cells": tuple(CellDesign(t, Modality.CT, image_ids(4), image_ids(4, 100)) for t in types),
        "readers": 3,
        "repeat_days": 0.0,
    }
    return Protocol(**(values | changes))  # type: ignore[arg-type]


def record_images(study: Study, protocol: Protocol) -> None:
    for cell in protocol.cells:
        for image in (*cell.images, *cell.held_out):
            study.record_image(ImageRecord(image, cell.modality, f"image {image[-4:]}"))


@dataclass
class SimulatedReader:
    """``bias`` is added to every level, ``noise`` the SD of a setting, ``pull`` towards the start, ``lapse`` a random setting."""

    name: str
    bias: float = 0.0
    noise: float = 0.03
    pull: float = 0.0
    lapse: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def setting(self, trial: Trial) -> float:
        if self.rng.random() < self.lapse:
            return float(self.rng.uniform(0.02, 1))
        s = TRUTH[trial.type, trial.level] + self.bias + self.rng.normal(0, self.noise) + self.pull * (trial.start - 0.5)
        return float(min(max(s, 0.01), 1.0))

    def rating(self, trial: Trial) -> int:
        """Steps lie around the levels: moderate begins half-way between L1 and the step below, and so on."""
        one, two = TRUTH[trial.type, Level.L1] + self.bias, TRUTH[trial.type, Level.L2] + self.bias
        edges = (one * 0.25, one - (two - one) / 2, (one + two) / 2, two + (two - one) / 2)
        return int(sum(trial.severity + self.rng.normal(0, self.noise) > e for e in edges)) if trial.severity else 0

    def answer(self, trial: Trial, fixed: FixedProtocol, session: Session, ordinal: int) -> TrialAnswer:
        verdict, severity = "set", None
        detail: dict[str, object] = {"start": trial.start, "seconds": 12.0 + ordinal % 5, "slider_events": 9}
        if trial.kind == "clean":
            verdict = "diagnostic"
        elif trial.kind == "catch":
            verdict = "cannot_set"
        elif trial.kind == "rate":
            verdict, severity = "rated", trial.severity
            detail |= {"rating": self.rating(trial), "intended": trial.intended}
        else:
            severity = self.setting(trial)
        return TrialAnswer(
            reader=session.reader,
            protocol_id=fixed.protocol_id,
            stage=trial.stage,
            key=trial.key,
            session=session.session_id,
            ordinal=ordinal,
            verdict=verdict,
            type=trial.type,
            modality=str(trial.modality),
            level=str(trial.level),
            severity=severity,
            image_id=trial.image_id,
            detail=detail,
        )

    def read(self, study: Study, fixed: FixedProtocol, protocol: Protocol, *, lock: bool = True) -> int:
        """All of the adjustment in as many sessions as it takes; returns the number of trials answered."""
        reader = study.ensure_reader(self.name)
        plan = adjustment(fixed, protocol, reader.reader_id)
        own: list[TrialAnswer] = study.trials(fixed.protocol_id, self.name, ADJUST)
        answered = 0
        now = datetime.now(UTC)
        while True:
            session = study.open_session(fixed.protocol_id, self.name, ADJUST)
            ordinal = 0
            while True:
                here = progress(plan, own, protocol, session, now)
                if here.trial is None:
                    break
                ordinal += 1
                answered += 1
                answer = self.answer(here.trial, fixed, session, ordinal)
                clean = None
                if here.trial.kind == "clean":
                    clean = CleanDecision(reader.reader_id, here.trial.image_id, 0, None, "diagnostic")
                own.append(study.answer_trial(answer, clean=clean))
            if here.finished:
                break
            now += timedelta(days=8)
        if lock:
            study.lock_stage(fixed.protocol_id, self.name, ADJUST)
        return answered


def fixed_protocol(study: Study, protocol: Protocol) -> FixedProtocol:
    record_images(study, protocol)
    return study.fix_protocol(body_of(protocol), "Chair")

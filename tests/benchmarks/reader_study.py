"""Times of a large reader study: ``python -m tests.benchmarks.reader_study`` (10 readers, 60 cells, 8 settings a level).

Told: seconds to open the file, to read all answers as a chair, to propose all levels with their intervals, to compute all
figures; and the seconds of processor time of all that.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "calibration"))

import numpy as np
from simulated_readers import image_ids

from medqdeg_desktop.calibration.consensus import propose
from medqdeg_desktop.calibration.figures import panel_figures
from medqdeg_desktop.calibration.protocol import CellDesign, Protocol, body_of
from medqdeg_desktop.calibration.trials import ADJUST, adjustment
from medqdeg_desktop.study.readings import TrialAnswer
from medqdeg_desktop.study.records import ImageRecord
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, Level, Modality
from tests.benchmarks.headline import headline

READERS, IMAGES, REPEATS = 10, 6, 2


def _fill(path: Path) -> Protocol:
    suiting = [(t.name, m) for m in Modality for t in DEGRADATION_TYPES if t.suits(m)][:60]
    cells = tuple(CellDesign(t, m, image_ids(IMAGES, 1000 * list(Modality).index(m))) for t, m in suiting)
    protocol = Protocol("large", "1.0.0", cells, readers=READERS, repeats=REPEATS, repeat_days=0.0, catch_share=0.0)
    rng = np.random.default_rng(0)
    with Study.create(path) as study:
        study.record_images(ImageRecord(i, c.modality, i[-4:]) for c in cells for i in c.images)
        fixed = study.fix_protocol(body_of(protocol), "Chair")
        for number in range(READERS):
            name = f"R{number}"
            reader = study.ensure_reader(name).reader_id
            session = study.open_session(fixed.protocol_id, name, ADJUST)
            with study._writing():  # one transaction a reader, or filling would take the study's own months in fsyncs
                for ordinal, trial in enumerate(t for t in adjustment(fixed, protocol, reader) if t.kind == "set"):
                    severity = float(np.clip((0.3 if trial.level is Level.L1 else 0.65) + rng.normal(0, 0.05), 0.01, 1))
                    detail = {
                        "start": trial.start,
                        "seconds": 15.0,
                        "slider_events": 8,
                        "parameters": {"sigma": 0.1},
                        "seed": "1" * 38,
                    }
                    study.answer_trial(
                        TrialAnswer(
                            reader, fixed.protocol_id, ADJUST, trial.key, session.session_id, ordinal, "set", trial.type,
                            str(trial.modality), str(trial.level), severity, trial.image_id, detail,
                        )
                    )  # fmt: skip
            study.lock_stage(fixed.protocol_id, name, ADJUST)
    return protocol


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.medq"
        protocol = _fill(path)
        marks, began = [time.perf_counter()], time.process_time()
        with Study.open(path, read_only=True) as study:
            protocol_id = study.protocols()[0].protocol_id
            marks.append(time.perf_counter())
            answers = study.trials(protocol_id, "Chair")
            marks.append(time.perf_counter())
            proposals = propose(protocol, answers)
            marks.append(time.perf_counter())
            panel_figures(answers)
            marks.append(time.perf_counter())
        names = ("open", "read", "propose", "figures")
        seconds = {name: round(b - a, 3) for name, a, b in zip(names, marks, marks[1:], strict=False)}
        seconds["processor"] = round(time.process_time() - began, 3)
        for name, goal in (("open", "< 1"), ("read", ""), ("propose", ""), ("figures", "")):
            headline(f"{len(answers):,} decisions: {name}", seconds[name], "s", goal)
        headline("all figures again, levels and intervals included", sum(seconds[n] for n in names[1:]), "s", "< 5")
        print(json.dumps({"answers": len(answers), "cells": len(proposals), **seconds}))


if __name__ == "__main__":
    main()

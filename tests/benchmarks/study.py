"""What a study costs: answers by the group, resuming, opening after many decisions, questions in bulk.

python -m tests.benchmarks.study [folder]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medqdeg_desktop.calibration.profiles import draft_from_settings
from medqdeg_desktop.engine.degradation import registry
from medqdeg_desktop.study import audit
from medqdeg_desktop.study.records import Answer, ImageRecord, Item, Run
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality
from tests.benchmarks.headline import headline

ANSWERS, GROUP = 250_000, 64
READERS, CELLS, SETTINGS = 10, 60, 8
ITEMS = 100_000
REPLY = "The lesion lies in the right lobe and shows no enhancement, so the most likely answer is (B)."


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    print(f"{what:<58}{seconds:>9.2f} s", flush=True)
    headline(what.strip(), seconds, "s")


def answers(folder: Path) -> None:
    path = folder / "answers.medq"
    with Study.create(path) as study:
        study.start_run(Run("r", "local:m", "m", "vote", 10, "0" * 64, "/d", {}))
        files = [f"images/GMAI_VAL_{n:06}_gaussian_noise_L1.png" for n in range(ANSWERS // 10)]
        keys = [(name, trial) for name in files for trial in range(10)]
        slowest = 0.0
        with timed(f"append {ANSWERS:,} answers in groups of {GROUP}"):
            for begin in range(0, ANSWERS, GROUP):
                group = [
                    Answer(name, trial, REPLY, "B", "ok", detail={"seconds": 0.41, "tokens": 31, "sent": "f" * 64})
                    for name, trial in keys[begin : begin + GROUP]
                ]
                started = time.perf_counter()
                study.append_answers("r", group)
                slowest = max(slowest, time.perf_counter() - started)
        print(f"{'  slowest group':<58}{slowest * 1000:>9.1f} ms")
    print(f"{'  size of the file':<58}{path.stat().st_size / 1e6:>9.0f} MB")
    with Study.open(path) as study:
        with timed(f"resume: keys of {ANSWERS:,} answers"):
            assert len(study.answered_keys("r")) == ANSWERS
        with timed(f"read {ANSWERS:,} answers"):
            assert sum(1 for _ in study.answers("r")) == ANSWERS
        with timed("verify"):
            assert study.verify() == []


def decisions(folder: Path) -> None:
    path = folder / "decisions.medq"
    cells = [(d, m) for d in registry().values() for m in Modality if d.type.suits(m)][:CELLS]
    with Study.create(path) as study:
        images = [f"{n:064x}" for n in range(SETTINGS)]
        for n, image in enumerate(images):
            study.record_image(ImageRecord(image, Modality.CT, f"CT {n}", "", n))
        readers = [study.ensure_reader(f"R{n}").reader_id for n in range(READERS)]
        provenance = {"start": 0.1, "moves": [0.1] * 20, "display": {"dpi": 96}, "software": "1"}
        with study._writing() as db:
            for reader in readers:
                for degradation, modality in cells:
                    for level, severity in (("L1", 0.3), ("L2", 0.65)):
                        for n, image in enumerate(images):
                            strength = severity + n / 100
                            said = {
                                "type": degradation.name,
                                "modality": str(modality),
                                "level": level,
                                "severity": strength,
                                "path_version": degradation.path_version,
                                "parameters": degradation.path(strength, modality),
                                "custom": False,
                                "seed": "1",
                                "frame": n,
                                "window": [40.0, 400.0],
                                "value_range": [-160.0, 240.0],
                                "render_sha256": "f" * 64,
                                "provenance": provenance,
                            }
                            audit.append_event(db, "setting", said, reader=reader, image_id=image)
    with timed(f"open a study of {READERS * CELLS * 2 * SETTINGS:,} decisions"):
        study = Study.open(path)
    with study:
        with timed("  read all current settings"):
            found = study.settings()
        print(f"{'  current settings':<58}{len(found):>9,}")
        with timed("  draft a profile from them"):
            draft_from_settings(study)
        with timed("  verify"):
            assert study.verify() == []
        times = []
        for setting in found[:200]:
            started = time.perf_counter()
            study.set_level(setting)
            times.append(time.perf_counter() - started)
        print(f"{'  keep one more decision (median of 200)':<58}{sorted(times)[100] * 1000:>9.2f} ms")


def questions(folder: Path) -> None:
    def made() -> Iterator[Item]:
        options = {"A": "upper lobe", "B": "lung", "C": "spinal cord", "D": "myocardium"}
        for n in range(ITEMS):
            yield Item(f"q{n:06}", "kit", str(n), Modality.CT, "Which organ is marked?", options, "B", (f"/d/{n}.png",))

    with Study.create(folder / "questions.medq") as study:
        with timed(f"add {ITEMS:,} questions"):
            study.add_items(made())
        with timed("  add the same again"):
            assert study.add_items(made()).unchanged == ITEMS
        with timed("  clear them all"):
            study.clear_items((f"q{n:06}" for n in range(ITEMS)), "Dr Lee")
        with timed("  stream them"):
            assert sum(1 for _ in study.items()) == ITEMS
        with timed("  verify"):
            assert study.verify() == []


def main(folder: str | None = None) -> None:
    """Measures in a temporary folder inside ``folder`` (the system's where None): the disk is part of what is measured."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        for measure in (answers, decisions, questions):
            measure(Path(name))


if __name__ == "__main__":
    main(*sys.argv[1:2])

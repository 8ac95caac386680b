"""Real studies with scripted answers on real dataset folders, for the tests of tables, figures and reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medqdeg_desktop.bank.dataset import Dataset, write_dataset
from medqdeg_desktop.study.records import Answer, Item, Run
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Modality

Row = dict[str, Any]
Answering = Callable[[Row, int], Answer]
MODALITIES = (Modality.CT, Modality.MRI, Modality.XRAY)


def question_set(
    folder: Path,
    *,
    questions: int = 12,
    types: Sequence[str] = ("gaussian_noise", "motion_blur"),
    per_image: int = 1,
    images: int = 1,
    image_of: Sequence[int] | None = None,
) -> Dataset:
    """``questions`` questions of four options at L0 and at L1 and L2 of each type; ``per_image`` of them share a clean image.

    image_of   the clean image of each question instead.
    """

    def entries() -> Iterator[tuple[Row, Any]]:
        for q in range(questions):
            base: Row = {
                "options": {letter: f"option {letter}" for letter in "ABCD"},
                "item_id": f"q{q:03d}",
                "pair_id": f"p{q:03d}",
                "source_sha256": f"{q // per_image if image_of is None else image_of[q]:064x}",
                "question": f"What is shown in case {q}?",
                "answer": "ABCD"[q % 4],
                "modality": str(MODALITIES[q % 3]),
                "task": "Clinical Understanding",
                "skill": "Disease Diagnosis",
                "profile": "default 1.0.0",
                "profile_status": "default",
                "image_count": images,
            }
            versions: list[Row] = [{"level": "L0"}]
            for name in types:
                kind = {"degradation": name, "published_type": name, "category": str(DEGRADATION_BY_NAME[name].category)}
                versions += [{"level": level, **kind} for level in ("L1", "L2")]
            for version in versions:
                for index in range(images):
                    yield {**base, **version, "image_index": index}, np.full((2, 2), (q + index) % 256, dtype=np.uint8)

    return write_dataset(folder, entries())


def says(letter: str, row: Row, trial: int) -> Answer:
    """A readable answer."""
    return Answer(row["file_name"], trial, f"Answer: {letter}", letter, "ok")


def mumbles(row: Row, trial: int) -> Answer:
    """An answer without a readable option."""
    return Answer(row["file_name"], trial, "I cannot tell.", "", "unparsed")


def wrong(row: Row) -> str:
    """Some letter that is not the answer."""
    return "ABCD"[("ABCD".index(row["answer"]) + 1) % 4]


def right_below(share: float) -> Answering:
    """Answers right in the first ``share`` of ten trials and wrong in the others."""
    return lambda row, trial: says(row["answer"] if trial < share * 10 else wrong(row), row, trial)


def add_run(
    study: Study,
    dataset: Dataset,
    answering: Answering,
    *,
    label: str = "model",
    mode: str = "vote",
    trials: int = 10,
    asked: int | None = None,
    random_weights: bool = False,
    name: str = "run",
) -> Run:
    """A finished run in which ``answering`` answered every question ``asked`` times (``trials`` where not given)."""
    run = Run(
        run_id=f"{name}-{label}-{mode}-{trials}",
        model=f"baseline:{label}",
        label=label,
        mode=mode,
        trials=trials,
        dataset_sha256=dataset.sha256,
        dataset_path=str(dataset.folder),
        settings={"temperature": 1.0},
        random_weights=random_weights,
    )
    study.start_run(run)
    rows = [row for row in dataset.rows() if not row["image_index"]]
    count = trials if asked is None else asked
    study.append_answers(run.run_id, [answering(row, trial) for row in rows for trial in range(count)])
    return study.finish_run(run.run_id)


def items_with_patients(dataset: Dataset, patient_of: Callable[[str], str]) -> list[Item]:
    """The items behind ``dataset``, each with a patient."""
    shared = {"options": {"A": "a", "B": "b"}, "answer": "A", "images": ("x.png",), "source": "test", "question": "?"}
    clean = [row for row in dataset.rows() if row["level"] == "L0"]
    return [
        Item(
            item_id=row["item_id"],
            source_id=row["item_id"],
            modality=Modality(row["modality"]),
            patient=patient_of(row["item_id"]),
            **shared,
        )
        for row in clean
    ]

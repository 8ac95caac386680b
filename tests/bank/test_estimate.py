"""The estimate of a set: from items rendered now, scaled to the whole, nothing left behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.estimate import estimate
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.engine import png
from medqdeg_desktop.study.store import Study


def study_of(folder: Path, count: int) -> Study:
    draw = np.random.default_rng(1)
    lines = []
    for i in range(count):
        png.write(folder / f"{i}.png", draw.integers(0, 256, (64, 64), dtype=np.uint8))
        question = {"question": f"What is in picture {i}?", "options": {"A": "this", "B": "that"}, "answer": "A"}
        lines.append(json.dumps({"id": f"i{i:02d}", "image": f"{i}.png", "modality": "X-ray", **question}))
    (folder / "items.jsonl").write_text("\n".join(lines), "utf-8")
    study = Study.create(folder / "a.medq", name="A")
    import_items(study, folder / "items.jsonl")
    return study


def test_the_size_is_that_of_the_set_when_all_of_it_is_sampled(tmp_path: Path) -> None:
    with study_of(tmp_path, 4) as study:
        told = estimate(study, Asked(seed=5), workers=1, seconds=60)
        made = generate(study, tmp_path / "out", Asked(seed=5), workers=1)
    size = sum(path.stat().st_size for path in (tmp_path / "out" / "images").rglob("*.png"))
    assert told["images_sampled"] == made.images == Dataset.open(tmp_path / "out").row_count
    assert told["bytes"] == pytest.approx(size, rel=0.01)
    assert told["seconds"] > 0 and told["workers"] == 1


def test_a_part_is_scaled_to_the_whole_and_more_workers_are_faster(tmp_path: Path) -> None:
    with study_of(tmp_path, 12) as study:
        part = estimate(study, Asked(), workers=1, items=3)
        whole = estimate(study, Asked(), workers=1, items=12, seconds=60)
        four = estimate(study, Asked(), workers=4, items=3)
    assert part["images_sampled"] < whole["images_sampled"]
    assert part["bytes"] == pytest.approx(whole["bytes"], rel=0.25)
    assert four["seconds"] < part["seconds"] + 1


def test_a_set_of_which_nothing_can_be_read_has_no_estimate(tmp_path: Path) -> None:
    with study_of(tmp_path, 2) as study:
        for path in tmp_path.glob("*.png"):
            path.write_bytes(b"no picture")
        assert estimate(study, Asked(), workers=2) == {"workers": 2}

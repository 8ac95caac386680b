"""Small real dataset folders for the tests of evaluation: PNG files, hashes and lines as ``generate`` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from medqdeg_desktop.bank.dataset import Dataset, write_dataset
from medqdeg_desktop.bank.rows import pair_id
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import Modality

TEXTS = ("Fracture", "Pneumothorax", "Pleural effusion", "Normal", "Mass")


def options(count: int) -> dict[str, str]:
    return dict(zip("ABCDE"[:count], TEXTS, strict=False))


def make_dataset(
    folder: Path, *, items: int = 4, kinds: tuple[str, ...] = ("gaussian_noise",), images: int = 1, choices: int = 4
) -> Dataset:
    """``items`` questions, each at L0 and, for every degradation of ``kinds``, at L1 and L2; sizes differ between items."""
    return write_dataset(folder, _entries(items, kinds, images, choices))


def _entries(items: int, kinds: tuple[str, ...], images: int, choices: int) -> Iterator[tuple[dict[str, Any], Any]]:
    rng = np.random.default_rng(5)
    for n in range(items):
        shown = options(choices)
        question = f"What does picture {n} show{' in detail' * (n % 3)}?"
        clean = [rng.integers(0, 256, (48 + 8 * (n % 3), 64 + 4 * (n % 2)), dtype=np.uint8) for _ in range(images)]
        versions = [("", "L0", 0.0), *((kind, level, s) for kind in kinds for level, s in (("L1", 20.0), ("L2", 60.0)))]
        for kind, level, sigma in versions:
            for index, pixels in enumerate(clean):
                noisy = np.clip(pixels + rng.normal(0, sigma, pixels.shape), 0, 255).round().astype(np.uint8) if sigma else pixels
                values = {
                    "item_id": f"item-{n:03d}",
                    "pair_id": pair_id(question, shown, [str(n)]),
                    "image_index": index,
                    "image_count": images,
                    "modality": "X-ray",
                    "level": level,
                    "degradation": kind,
                    "published_type": kind,
                    "question": question,
                    "options": shown,
                    "answer": "ABCDE"[n % choices],
                }
                yield values, noisy


def items_for(dataset: Dataset, *, public: bool) -> list[Item]:
    """The study's items behind ``dataset``."""
    found: dict[str, Item] = {}
    for row in dataset.rows():
        found[row["item_id"]] = Item(
            item_id=row["item_id"],
            source="test",
            source_id=row["item_id"],
            modality=Modality.XRAY,
            question=row["question"],
            options={k: row[k] for k in "ABCDE" if row[k]},
            answer=row["answer"],
            images=("clean.png",),
            public=public,
        )
    return list(found.values())

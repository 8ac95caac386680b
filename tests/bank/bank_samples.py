"""What the tests of the bank are made from: pictures with anatomy-like shapes, item lines about them, a cheap profile."""

from __future__ import annotations

import json
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from medqdeg_desktop.engine.degradation import find
from medqdeg_desktop.study.records import Profile, ProfileCell
from medqdeg_desktop.taxonomy import Level, Modality

OPTIONS = {"A": "None", "B": "NA", "C": "A cyst", "D": "A mass"}
CHEAP_TYPES = ("gaussian_noise", "gaussian_blur", "low_resolution", "reduce_contrast")


def picture(seed: int, *, colour: bool = False, side: int = 40) -> np.ndarray:
    """8-bit picture of ``side`` x (``side`` + 8) with an ellipse, a gradient and some texture."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:side, 0 : side + 8]
    inside = ((rows - side / 2) / (side / 2.5)) ** 2 + ((columns - side / 2) / (side / 3)) ** 2 < 1
    grey = 40 + rows + 90 * inside + rng.normal(0, 4, rows.shape)
    grey = np.clip(grey, 0, 255).round().astype(np.uint8)
    return np.stack([grey, grey // 2, 255 - grey], axis=-1) if colour else grey


def item_line(number: int, image: str, modality: str = "X-ray", **more: Any) -> dict[str, Any]:
    return {
        "id": f"q{number:03d}",
        "image": image,
        "modality": modality,
        "question": f"What is shown in picture {number}?",
        "options": OPTIONS,
        "answer": "C",
        **more,
    }


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


def profile(types: tuple[str, ...], modalities: tuple[Modality, ...], version: str = "1.0.0") -> Profile:
    """A profile with the severities 0.3 and 0.65 for every cell."""
    cells = tuple(
        ProfileCell(name, modality, level, severity, find(name).path_version, find(name).path(severity, modality))
        for name in types
        for modality in modalities
        for level, severity in ((Level.L1, 0.3), (Level.L2, 0.65))
    )
    return Profile("ward", version, "draft", cells)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a set but ``run.json``, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "run.json"
    }


def here() -> Executor:
    """An Executor in this process, for tests that are not about processes: it costs no start."""
    return ThreadPoolExecutor(1)

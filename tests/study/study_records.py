"""Records as the tests of a study make them, complete and with every field in use."""

from __future__ import annotations

from medqdeg_desktop.study.records import Answer, Item, Run, Setting
from medqdeg_desktop.taxonomy import Level, Modality

IMAGE = "5f" * 32


def make_setting(reader: str = "R1", severity: float = 0.3, level: Level = Level.L1, **changes: object) -> Setting:
    values: dict[str, object] = {
        "reader": reader,
        "type": "gaussian_noise",
        "modality": Modality.CT,
        "level": level,
        "severity": severity,
        "path_version": 1,
        "parameters": {"sigma": 0.05, "law": "gaussian"},
        "custom": False,
        "seed": 2**127 + 3,
        "image_id": IMAGE,
        "frame": 12,
        "window": (40.0, 400.0),
        "value_range": (-160.0, 240.0),
        "render_sha256": "ab" * 32,
        "provenance": {"start": 0.9, "moves": 7, "display": {"dpi": 96}},
    }
    return Setting(**(values | changes))  # type: ignore[arg-type]


def make_item(item_id: str = "q1", **changes: object) -> Item:
    values: dict[str, object] = {
        "item_id": item_id,
        "source": "kit",
        "source_id": f"kit-{item_id}",
        "modality": Modality.CT,
        "question": "Which organ is marked? \u2013 name it",
        "options": {"B": "liver", "A": "spleen"},
        "answer": "B",
        "images": ("/data/a.dcm",),
        "window": (40.0, 400.0),
        "region": {"kind": "box", "points": [[1, 2], [3, 4]]},
    }
    return Item(**(values | changes))  # type: ignore[arg-type]


def make_run(run_id: str = "run-1", **changes: object) -> Run:
    values: dict[str, object] = {
        "run_id": run_id,
        "model": "local:tiny",
        "label": "Tiny",
        "mode": "vote",
        "trials": 3,
        "dataset_sha256": "cd" * 32,
        "dataset_path": "/data/set",
        "settings": {"temperature": 1.0, "parser": "1"},
    }
    return Run(**(values | changes))  # type: ignore[arg-type]


def make_answer(
    file_name: str = "images/a.png", trial: int = 0, choice: str = "A", status: str = "ok", **changes: object
) -> Answer:
    values: dict[str, object] = {"file_name": file_name, "trial": trial, "choice": choice, "status": status}
    return Answer(**(values | {"raw": f"It is {choice}."} | changes))  # type: ignore[arg-type]

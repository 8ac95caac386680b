"""What can be said of a local model's folder without loading it: whose it is, how big, whether it will fit."""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.backends.loading import check_folder, random_weights

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """``weights`` and ``memory`` (of this machine) in bytes; ``problem`` is what stands in the way, in one line, or ""."""

    architecture: str
    weights: int
    memory: int
    precision: str
    random_weights: bool
    problem: str
    wants_consent: bool = False

    @property
    def fits(self) -> bool:
        # Weights that are stored in half precision are widened where there is no accelerator.
        factor = 2.0 if self.precision in ("bfloat16", "float16") else 1.0
        return not self.memory or self.weights * factor * 1.2 < self.memory


def describe(folder: Path, *, trust: bool = False) -> ModelFolder:
    """For a thread that may wait for the disk. Never loads a model or a library that does."""
    problem, wants_consent = "", False
    try:
        check_folder(folder, trust_remote_code=trust)
    except MedqdegError as error:
        problem = str(error)
        wants_consent = not trust and "--trust-remote-code" in problem
    if not problem and not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
        problem = "local models need the extra 'local': pip install 'medqdeg-desktop[local]'"
    config = {}
    try:
        read = json.loads((folder / "config.json").read_text("utf-8"))
        config = read if isinstance(read, dict) else {}
    except (OSError, ValueError):
        problem = problem or f"{folder}: config.json cannot be read"
    weights = sum(p.stat().st_size for p in folder.glob("*") if p.suffix in _WEIGHTS) if folder.is_dir() else 0
    if not problem and not weights:
        problem = f"{folder}: no weights here ({', '.join(_WEIGHTS)})"
    names = config.get("architectures") or [config.get("model_type") or "unknown"]
    return ModelFolder(
        architecture=str(names[0]),
        weights=weights,
        memory=_memory(),
        precision=str(config.get("dtype") or config.get("torch_dtype") or "float32"),
        random_weights=random_weights(folder),
        problem=problem,
        wants_consent=wants_consent,
    )


def _memory() -> int:
    """Physical memory in bytes; 0 where it cannot be told."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0

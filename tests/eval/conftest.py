"""Datasets, studies and tiny models that the tests of evaluation share."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.study.store import Study
from tests.eval.made_datasets import make_dataset


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Four items, each at L0, L1 and L2 of one type: twelve questions of four options."""
    return make_dataset(tmp_path_factory.mktemp("set") / "set")


@pytest.fixture
def study_path(tmp_path: Path) -> Path:
    path = tmp_path / "study.medq"
    Study.create(path, name="evaluation").close()
    return path


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of two architectures with random weights, by name."""
    pytest.importorskip("torch", reason="needs the extra 'local'")
    import torch

    from medqdeg_desktop.eval.tiny_model import build_tiny_model

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("models")
    return {name: build_tiny_model(root / f"tiny-{name}", name) for name in ("llava", "qwen2_5_vl")}

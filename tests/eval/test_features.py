"""The map of simulated and real images, from real files through a tiny model's own vision tower."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from medqdeg_desktop.bank.dataset import Dataset, write_dataset
from medqdeg_desktop.chart.svg import svg
from medqdeg_desktop.cli import group
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.feature_chart import feature_chart
from medqdeg_desktop.eval.features import degraded_images, feature_map, image_features
from medqdeg_desktop.study.store import Study
from tests.eval.answered import Row, add_run, right_below
from tests.eval.test_figures import check_words

pytest.importorskip("torch", reason="needs the extra 'local'")
pytestmark = pytest.mark.local_model


def image_set(folder: Path, *, real: bool, brightness: int, seed: int, modality: str = "CT") -> Dataset:
    rng = np.random.default_rng(seed)

    def entries() -> Iterator[tuple[Row, Any]]:
        for q in range(15):
            base: Row = {"options": {"A": "a", "B": "b"}, "item_id": f"q{q}", "answer": "A", "modality": modality}
            for level in ("L0", "L1", "L2"):
                noise = rng.integers(-40, 41, (56, 56))
                pixels = np.clip(brightness + noise, 0, 255).astype(np.uint8)
                yield {**base, "level": level, "degradation": "" if level == "L0" else "gaussian_noise"}, pixels

    return write_dataset(folder, entries(), {"kind": "real"} if real else None)


@pytest.mark.parametrize("architecture", ["llava", "qwen2_5_vl"])
def test_each_image_has_features_of_its_own_whatever_stands_beside_it(
    architecture: str, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    paths = [image.path for image in degraded_images(image_set(tmp_path / "set", real=False, brightness=90, seed=0))]
    together = image_features(tiny_models[architecture], paths)
    alone = image_features(tiny_models[architecture], paths[17:18])
    assert together.shape == (30, 64)
    assert together[17] == pytest.approx(alone[0], abs=1e-5)
    assert len(np.unique(together.round(6), axis=0)) == 30


def test_two_sets_of_one_kind_mix_and_two_kinds_do_not(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    simulated = image_set(tmp_path / "simulated", real=False, brightness=90, seed=0)
    alike = feature_map(simulated, image_set(tmp_path / "alike", real=True, brightness=90, seed=1), tiny_models["llava"])
    apart = feature_map(simulated, image_set(tmp_path / "apart", real=True, brightness=230, seed=1), tiny_models["llava"])
    assert alike.mixing.ratio > 0.8
    assert apart.mixing.ratio < 0.3
    assert apart.mixing.p_value < 0.01
    figure = feature_chart(apart)
    check_words(figure)
    ElementTree.fromstring(svg(figure))
    assert [mark.shape for mark in figure.panels[0].marks].count("circle") == 30
    assert any("1 gaussian_noise" in word.text for word in figure.words)
    other = image_set(tmp_path / "other", real=True, brightness=90, seed=1, modality="MRI")
    with pytest.raises(MedqdegError, match="no modality in common"):
        feature_map(simulated, other, tiny_models["llava"])


def test_the_images_are_the_degraded_ones_evenly_taken(tmp_path: Path) -> None:
    dataset = image_set(tmp_path / "set", real=True, brightness=90, seed=0)
    assert [image.level for image in degraded_images(dataset)] == ["L1", "L2"] * 15
    few = degraded_images(dataset, 7)
    assert len(few) == 7
    assert few[0].path != few[-1].path and all(image.real for image in few)


def test_the_report_draws_the_map_where_a_model_is_named(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    sets = [image_set(tmp_path / name, real=name == "real", brightness=90, seed=len(name)) for name in ("simulated", "real")]
    arguments = ["report", str(tmp_path / "study.medq"), "--replicates", "200", "--features", str(tiny_models["llava"])]
    with Study.create(tmp_path / "study.medq", name="map") as study:
        add_run(study, sets[0], right_below(0.8), trials=2)
    refused = CliRunner().invoke(group, [*arguments, "--out", str(tmp_path / "none"), "--progress", "none"])
    assert "no runs on both" in str(refused.exception)
    with Study.open(tmp_path / "study.medq") as study:
        add_run(study, sets[1], right_below(0.8), trials=2, name="real")
    done = CliRunner().invoke(group, [*arguments, "--out", str(tmp_path / "out"), "--progress", "none"])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["feature_mixing"]
    assert found["encoder"] == "tiny-llava"
    assert 0 < found["p_value"] <= 1
    assert "Simulated and real images as the model sees them" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "figures" / "real_feature_map.svg").is_file()

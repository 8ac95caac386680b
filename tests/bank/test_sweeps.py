"""Explicit types and severities: levels S100, S250, ... on the severity path, the clean picture once, nothing drawn."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bank_samples import here, tree
from click.testing import CliRunner

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.errors import BankError, DatasetError
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.levels import level_names
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.planning import preview
from medqdeg_desktop.bank.verify import verify_dataset
from medqdeg_desktop.cli import group
from medqdeg_desktop.engine import png
from medqdeg_desktop.engine.degradation import degrade, parameters_at
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.engine.seeding import realisation_seed
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality

SWEEP = Asked(seed=5, types=("gaussian_noise", "low_dose"), severities=(0.05, 0.25, 1.0))


def test_each_item_has_the_clean_picture_once_and_every_severity_of_the_types_it_may_have(
    bank_of: Callable[..., Study], tmp_path: Path
) -> None:
    study = bank_of(4)
    generate(study, tmp_path / "set", SWEEP, workers=1, make_executor=here)
    dataset = Dataset.open(tmp_path / "set")
    by_item = defaultdict(list)
    for row in dataset.rows():
        by_item[row["item_id"]].append(row)
    for lines in by_item.values():
        # Low dose belongs to CT alone; noise to every modality, also to those that the draw gives none.
        assert [(row["level"], row["degradation"], row["severity"]) for row in lines] == [
            ("L0", "", 0.0),
            ("S050", "gaussian_noise", 0.05),
            ("S250", "gaussian_noise", 0.25),
            ("S1000", "gaussian_noise", 1.0),
        ]
        assert len({row["seed"] for row in lines[1:]}) == len({row["pair_id"] for row in lines}) == 1
        assert {row["profile_status"] for row in lines[1:]} == {"sweep"}
    assert dataset.manifest["images_by_level"] == {"L0": 4, "S050": 4, "S1000": 4, "S250": 4}
    assert dataset.manifest["severities"] == [0.05, 0.25, 1.0]
    assert dataset.manifest["notes"] == []
    assert verify_dataset(tmp_path / "set") == []


def test_a_point_of_a_sweep_is_that_point_of_the_severity_path(bank_of: Callable[..., Study], tmp_path: Path) -> None:
    study = bank_of(2)
    generate(study, tmp_path / "set", SWEEP, workers=1, make_executor=here)
    dataset = Dataset.open(tmp_path / "set")
    harm = defaultdict(list)
    for row in dataset.rows():
        item = study.item(row["item_id"])
        assert item is not None
        image = read_image(item.images[0], modality=item.modality)
        picture = png.decode(dataset.image_path(row).read_bytes())
        if row["level"] != "L0":
            seed = realisation_seed(5, item.item_id, row["degradation"])
            expected = degrade(image, row["degradation"], row["severity"], seed=seed)
            np.testing.assert_array_equal(picture, to_display(expected))
            assert json.loads(row["parameters"]) == parameters_at(row["degradation"], row["severity"], item.modality, seed)
            harm[item.item_id].append(float(np.abs(picture.astype(float) - to_display(image)).mean()))
    assert all(errors == sorted(errors) and errors[0] > 0 for errors in harm.values())


def test_severities_alone_keep_the_draw_and_types_alone_keep_the_levels(bank_of: Callable[..., Study]) -> None:
    study = bank_of(12)
    drawn = preview(study, Asked(seed=5))
    swept = preview(study, Asked(seed=5, severities=(0.1, 0.2, 0.3, 0.4)))
    assert swept["types"] == drawn["types"]
    assert swept["levels"]["S300"] == drawn["levels"]["L1"]
    listed = preview(study, Asked(seed=5, types=("motion_blur", "xray_motion_blur_artifact", "bubble")))
    assert listed["types"] == {"motion_blur": 12}
    assert listed["levels"] == {"L0": 12, "L1": 12, "L2": 12}


def test_a_listed_type_that_moves_anatomy_is_left_out_where_the_question_is_on_position(bank_of: Callable[..., Study]) -> None:
    study = bank_of(2)
    first = study.item("q000")
    assert first is not None
    study.add_items([type(first)(**{f: getattr(first, f) for f in first.__slots__} | {"question": "On which side is it?"})])
    assert preview(study, Asked(types=("object_rotation",)))["types"] == {"object_rotation": 1}


def test_a_sweep_goes_on_with_the_same_bytes_and_is_another_set_than_the_drawn_one(
    bank_of: Callable[..., Study], tmp_path: Path
) -> None:
    study = bank_of(5)
    generate(study, tmp_path / "one", SWEEP, workers=1, make_executor=here)
    assert not generate(study, tmp_path / "two", SWEEP, workers=1, shard=(1, 2), make_executor=here).complete
    assert generate(study, tmp_path / "two", SWEEP, workers=1, shard=(2, 2), make_executor=here).complete
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    with pytest.raises(DatasetError, match="made from asked types"):
        generate(study, tmp_path / "one", Asked(seed=5), workers=1, make_executor=here)
    with pytest.raises(DatasetError, match=r"made from severities \[0\.05, 0\.25, 1\.0\], not \[0\.05\]"):
        generate(study, tmp_path / "one", Asked(seed=5, types=SWEEP.types, severities=(0.05,)), workers=1, make_executor=here)


def test_levels_are_named_per_mille() -> None:
    assert level_names((0.001, 0.1, 0.25, 1)) == {"S001": 0.001, "S100": 0.1, "S250": 0.25, "S1000": 1.0}


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (Asked(severities=(0.0,)), "severity 0 is not above 0"),
        (Asked(severities=(1.5,)), "severity 1.5 is not above 0 and at most 1"),
        (Asked(severities=(float("nan"),)), "not above 0"),
        (Asked(severities=(0.12345,)), "more than three decimals"),
        (Asked(severities=(0.1, 0.100)), "stands twice"),
        (Asked(types=("snow",)), "'snow' is unknown"),
        (Asked(types=("bubble",), rule="published"), "draws the types itself"),
        (Asked(types=("bubble",), release=True), "leave out types and severities"),
        (Asked(severities=(0.5,), release=True), "leave out types and severities"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(bank_of: Callable[..., Study], asked: Asked, reason: str) -> None:
    with pytest.raises(BankError, match=reason):
        preview(bank_of(1), asked)


def test_the_command_line_takes_types_and_severities(bank_of: Callable[..., Study], tmp_path: Path) -> None:
    study = bank_of(3)
    args = ["generate", str(study.path), "--out", str(tmp_path / "set"), "--types", "motion_blur,gaussian_noise"]
    done = CliRunner().invoke(group, [*args, "--severities", "0.1,.5", "--dry-run"])
    assert done.exit_code == 0, done.output
    plan = json.loads(done.output)
    assert Counter(plan["levels"]) == {"L0": 3, "S100": 6, "S500": 6}
    wrong = CliRunner().invoke(group, [*args, "--severities", "a,b"])
    assert wrong.exit_code == 2
    assert "no list of numbers" in wrong.output
    assert Modality.CT not in plan["modalities"]

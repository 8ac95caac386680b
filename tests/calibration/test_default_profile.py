"""The shipped default profile: every allowed cell, what the paths say, and where each value comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from medqdeg_desktop.calibration.default_profile import default_profile
from medqdeg_desktop.calibration.profiles import load_default_profile, profile_from_json, profile_to_json
from medqdeg_desktop.engine.degradation import registry
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, Level, Modality


def test_the_shipped_file_is_what_the_paths_make() -> None:
    # After a change of a path: python -m medqdeg_desktop.calibration.default_profile resources/profiles/default.json
    shipped, made = load_default_profile(), default_profile()
    assert shipped.content_hash == made.content_hash
    order = {(c.type, c.modality, c.level): c for c in made.cells}
    assert {(c.type, c.modality, c.level): c for c in shipped.cells} == order


def test_every_type_has_both_levels_on_every_modality_that_it_suits() -> None:
    cells = {(c.type, c.modality, c.level) for c in load_default_profile().cells}
    expected = {
        (kind.name, modality, level)
        for kind in DEGRADATION_TYPES
        for modality in Modality
        if kind.suits(modality)
        for level in (Level.L1, Level.L2)
    }
    assert cells == expected


def test_every_cell_says_where_it_comes_from() -> None:
    for cell in load_default_profile().cells:
        assert cell.basis.startswith(("measured on the published", "chosen: "))
        assert cell.path_version == registry()[cell.type].path_version
        assert cell.readers == cell.decisions == 0


def _value(type_name: str, modality: Modality, level: Level, parameter: str) -> float:
    (cell,) = [c for c in load_default_profile().cells if (c.type, c.modality, c.level) == (type_name, modality, level)]
    return float(cell.parameters[parameter])


@pytest.mark.parametrize(
    ("type_name", "modality", "parameter", "level1", "level2"),
    [
        ("adjust_brightness", Modality.ENDOSCOPY, "offset", 75 / 255, 113 / 255),
        ("reduce_contrast", Modality.ULTRASOUND, "factor", 0.65, 0.30),
        ("gaussian_noise", Modality.XRAY, "sigma", 12.2 / 255, 20.3 / 255),
        ("gaussian_blur", Modality.ENDOSCOPY, "sigma", 3.0 / 483, 7.0 / 483),
        ("motion_blur", Modality.ENDOSCOPY, "length", 7 / 513, 11 / 513),
        ("motion_blur", Modality.XRAY, "length", 13 / 1024, 40 / 1024),
        ("object_rotation", Modality.XRAY, "angle_deg", 18.05, 153.1),
    ],
)
def test_measured_cells_hold_the_published_values(
    type_name: str, modality: Modality, parameter: str, level1: float, level2: float
) -> None:
    assert _value(type_name, modality, Level.L1, parameter) == pytest.approx(level1, rel=0.05)
    assert _value(type_name, modality, Level.L2, parameter) == pytest.approx(level2, rel=0.05)


def test_the_profile_survives_its_own_file(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text(profile_to_json(default_profile()), encoding="utf-8")
    assert profile_from_json(file.read_text(encoding="utf-8")).content_hash == default_profile().content_hash

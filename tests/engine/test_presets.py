"""Window presets on the digit keys."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.engine.presets import presets_for
from medqdeg_desktop.taxonomy import Modality


def _none(tmp_path: Path) -> Path:
    return tmp_path / "absent.json"


def test_ct_presets_are_the_windows_radiologists_expect(tmp_path: Path) -> None:
    found = {p.key: (p.name, p.window) for p in presets_for(Modality.CT, user_file=_none(tmp_path))}
    assert found[1] == ("Soft tissue", Window(40, 400))
    # A viewer shipped lung as 150 wide for years: the width is the larger of the two.
    assert found[2] == ("Lung", Window(-600, 1500))
    assert found[3] == ("Liver", Window(90, 150))
    assert found[4] == ("Bone", Window(480, 2500))
    assert found[5] == ("Brain", Window(40, 80))
    assert sorted(found) == list(range(1, 10))


@pytest.mark.parametrize("modality", [*Modality, None])
def test_every_modality_has_usable_presets(modality: Modality | None, tmp_path: Path) -> None:
    image = MedicalImage(np.zeros((2, 2), np.float32), modality, value_range=(100.0, 300.0))
    presets = presets_for(modality, user_file=_none(tmp_path))
    assert presets and all(p.window_for(image).width > 0 for p in presets)
    if modality is not Modality.CT:
        assert presets[0].window_for(image) == Window(200, 200)


def test_a_ct_picture_without_hu_gets_no_windows_in_hu(tmp_path: Path) -> None:
    assert all(p.window is None for p in presets_for(Modality.CT, hounsfield=False, user_file=_none(tmp_path)))


def test_a_users_file_adds_presets_and_replaces_equal_keys(tmp_path: Path) -> None:
    own = tmp_path / "window_presets.json"
    own.write_text(json.dumps({"ct": [{"key": 2, "name": "My lung", "center": -500, "width": 1400}]}))
    found = {p.key: p for p in presets_for(Modality.CT, user_file=own)}
    assert found[2].name == "My lung" and found[2].window == Window(-500, 1400) and found[1].name == "Soft tissue"


@pytest.mark.parametrize(
    "content,reason",
    [
        ("{", "JSON"),
        ('{"CT": [{"key": 12, "name": "x", "center": 1, "width": 2}]}', "key 12"),
        ('{"CT": [{"key": 1, "name": "x", "center": 1, "width": 0}]}', "no width"),
        ('{"CT": [{"key": 1, "name": "x", "center": 1}]}', "width"),
        ('{"Radio": []}', "Radio"),
        ("[]", "mapping"),
    ],
)
def test_a_broken_users_file_is_refused_by_name_and_reason(content: str, reason: str, tmp_path: Path) -> None:
    own = tmp_path / "mine.json"
    own.write_text(content)
    with pytest.raises(EngineError, match=reason) as caught:
        presets_for(Modality.CT, user_file=own)
    assert "mine.json" in str(caught.value)

"""Fingerprints of the 8-bit picture of every type and level, on made patterns and on the sample images: a change of pixels is a
decision.

A fingerprint is the picture area-averaged to 8 x 8, and the standard deviation within each of the 64 parts, in grey levels.
Another CPU moves it by a few thousandths of a level, a change of physics or of a default level by more than the tolerance. After
a change that is meant: a new version of the product, a line in the changelog, and ``python tests/engine/test_fingerprints.py``,
which refuses pixels that changed under a version that has fingerprints already.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from sample_frames import colour, colour_texture, grey, phantom, texture

import medqdeg_desktop
from medqdeg_desktop.engine.degradation import degrade, registry
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.severity_path import L1_SEVERITY, L2_SEVERITY
from medqdeg_desktop.taxonomy import Modality

KEPT = Path(__file__).parent / "fingerprints.json"
_SIDE, _PARTS, _SEED = 192, 8, 20
_TOLERANCE = 0.05
_VERSION = "version of the product"


PICTURES = {"pattern": lambda modality: _pattern(modality), "sample": lambda modality: phantom(modality, _SIDE)}


def _cells() -> list[tuple[str, Modality, str, str]]:
    cells = []
    for name, degradation in registry().items():
        for modality in degradation.type.modalities or (Modality.XRAY, Modality.ENDOSCOPY):
            cells += [(name, modality, level, picture) for level in ("L1", "L2") for picture in PICTURES]
    return cells


def _pattern(modality: Modality) -> MedicalImage:
    """An object in empty space, in the values of ``modality``; nothing here comes from the product but the frame."""
    y, x = np.mgrid[:_SIDE, :_SIDE] / _SIDE * 2 - 1
    inside = x**2 + 1.5 * y**2 < 0.7
    if modality in (Modality.ENDOSCOPY, Modality.HISTOPATHOLOGY):
        outside = 245 if modality is Modality.HISTOPATHOLOGY else 3
        return colour(np.where(inside[..., None], colour_texture(_SIDE, _SIDE), outside).astype(np.uint8), modality)
    plane = texture(_SIDE, _SIDE)
    if modality is Modality.CT:
        hu = np.where(inside, plane - 80, -1000)
        return grey(hu, modality, value_range=(-160.0, 240.0), unit="HU", spacing=(1.6, 1.6))
    return grey(np.where(inside, plane, 2), modality, spacing=(1.2, 1.2))


def _fingerprint(name: str, modality: Modality, level: str, picture: str) -> npt.NDArray[np.float64]:
    severity = {"L1": L1_SEVERITY, "L2": L2_SEVERITY}[level]
    shown = to_display(degrade(PICTURES[picture](modality), name, severity, seed=_SEED))
    grey = shown if shown.ndim == 2 else cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY)
    rows, columns = (side // _PARTS * _PARTS for side in grey.shape)
    parts = grey[:rows, :columns].astype(float).reshape(_PARTS, rows // _PARTS, _PARTS, columns // _PARTS)
    return np.concatenate([parts.mean(axis=(1, 3)).ravel(), parts.std(axis=(1, 3)).ravel()])


@pytest.mark.parametrize(("name", "modality", "level", "picture"), _cells())
def test_the_picture_is_the_one_that_was_decided_on(name: str, modality: Modality, level: str, picture: str) -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    difference = np.abs(_fingerprint(name, modality, level, picture) - kept[f"{name} {modality} {level} {picture}"])
    assert difference.max() <= _TOLERANCE


def test_the_fingerprints_are_those_of_this_version() -> None:
    assert json.loads(KEPT.read_text(encoding="utf-8"))[_VERSION] == medqdeg_desktop.__version__


if __name__ == "__main__":
    before = json.loads(KEPT.read_text(encoding="utf-8"))
    made = {" ".join(map(str, cell)): [round(float(x), 2) for x in _fingerprint(*cell)] for cell in _cells()}
    changed = [key for key in made.keys() & before.keys() if np.abs(np.subtract(made[key], before[key])).max() > _TOLERANCE]
    if changed and before[_VERSION] == medqdeg_desktop.__version__:
        sys.exit(f"{len(changed)} pictures changed, {min(changed)} first: {before[_VERSION]} needs a new version")
    made[_VERSION] = medqdeg_desktop.__version__
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(values)}" for key, values in sorted(made.items()))
    KEPT.write_text("{\n" + lines + "\n}\n", encoding="utf-8")

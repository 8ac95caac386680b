"""The same degradation by other libraries of the field, where they are installed (extra ``bench``)."""

from __future__ import annotations

import importlib.util
import math
from typing import Any

import numpy as np
import pytest
from sample_frames import colour, colour_texture, grey, phantom, texture

from medqdeg_desktop.engine.degradation import degrade
from medqdeg_desktop.taxonomy import Modality


def _peer(name: str) -> Any:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"no installed {name} to compare with (extra bench)")
    return importlib.import_module(name)


def test_ghosts_stand_where_torchio_puts_them() -> None:
    torch, torchio = _peer("torch"), _peer("torchio")
    image = phantom(Modality.MRI)
    overrides = {"intensity": 0.8, "ghosts": 6, "axis": 0}
    ours = degrade(image, "ghosting_artifact", overrides=overrides).pixels - image.pixels
    tensor = torch.from_numpy(image.pixels.copy())[None, :, :, None]
    theirs = torchio.Ghosting(num_ghosts=6, axis=0, intensity=0.8, restore=0.01)(tensor).numpy()[0, :, :, 0] - image.pixels
    # TorchIO weakens every sixth line where we strengthen it, and keeps more of the centre than the one line k = 0.
    assert np.corrcoef(ours.ravel(), -theirs.ravel())[0, 1] > 0.6


def test_blur_in_millimetres_is_that_of_torchio() -> None:
    torch, torchio = _peer("torch"), _peer("torchio")
    image = grey(texture(96, 128), Modality.MRI)
    ours = degrade(image, "gaussian_blur", overrides={"sigma": 2.5 / 96}).pixels
    theirs = torchio.Blur(std=(2.5, 2.5, 0.0))(torch.from_numpy(image.pixels.copy())[None, :, :, None]).numpy()[0, :, :, 0]
    inside = (slice(12, -12), slice(12, -12))
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=0.5)


def test_gamma_is_that_of_albumentations() -> None:
    alb = _peer("albumentations")
    image = colour(colour_texture(64, 64))
    ours = degrade(image, "exposure", overrides={"exponent": 1.8}).pixels.astype(int)
    theirs = alb.RandomGamma((180, 180), p=1.0)(image=image.pixels)["image"]
    # Theirs is truncated to a byte, ours rounded.
    assert np.abs(ours - theirs).max() <= 1
    assert 0 <= (ours - theirs).mean() < 0.6


def test_rotation_is_that_of_albumentations() -> None:
    alb = _peer("albumentations")
    image = colour(colour_texture(90, 90))
    ours = degrade(image, "object_rotation", overrides={"angle_deg": 25.0}).pixels.astype(int)
    theirs = alb.Rotate((25.0, 25.0), border_mode=0, p=1.0)(image=image.pixels)["image"]
    y, x = np.mgrid[:90, :90] - 44.5
    inside = np.hypot(y, x) < 40
    assert np.abs(ours - theirs)[inside].max() <= 2


def test_the_shape_of_a_bias_field_is_the_polynomial_of_monai() -> None:
    monai = _peer("monai.transforms") if importlib.util.find_spec("monai") else _peer("monai")
    torch = _peer("torch")
    field = monai.RandBiasField(prob=1.0, degree=3, coeff_range=(0.3, 0.3))
    theirs = np.log(np.asarray(field(torch.full((1, 64, 64), 100.0)))[0] / 100.0)
    ours = np.log(degrade(grey(np.full((64, 64), 100.0), Modality.MRI), "bias_field_artifact", 0.65).pixels / 100.0)
    y, x = np.mgrid[:64, :64] / 63 * 2 - 1
    powers = np.stack([x**i * y**j for i in range(4) for j in range(4)], axis=-1).reshape(-1, 16)
    for surface in (theirs, ours):
        fitted = powers @ np.linalg.lstsq(powers, surface.ravel(), rcond=None)[0]
        # Both are polynomials of third degree in x and y in the logarithm; ours is drawn on 65 x 65 points and interpolated.
        assert np.sqrt(np.mean((surface.ravel() - fitted) ** 2)) < 0.01 * math.sqrt(surface.var())

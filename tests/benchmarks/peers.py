"""The same degradations by other libraries, at the same parameters, for the columns of comparison; only what can be imported.

A peer gets the values in the form it asks for (float32 in 0 to 1, tensors); the conversion is not timed. Nothing of a peer is
kept between calls beyond what it keeps itself, so it is compared with the first render, and with the slider step.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

Call = Callable[[], Any]


def peers_of(name: str, unit: np.ndarray, parameters: dict[str, Any]) -> dict[str, Call]:  # type: ignore[type-arg]
    """Calls by library for type ``name`` on ``unit``, (rows, columns[, 3]) float32 in 0 to 1, or uint8 RGB."""
    found: dict[str, Call] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for library, make in _LIBRARIES.items():
            if importlib.util.find_spec(library) is None:
                continue
            try:
                call = make(name, unit, parameters)
                if call is not None:
                    call()
                    found[library] = call
            except Exception as error:
                print(f"  {library} cannot do {name}: {type(error).__name__}: {str(error)[:90]}")
    return found


def _albumentations(name: str, unit: np.ndarray, p: dict[str, Any]) -> Call | None:  # type: ignore[type-arg]
    import albumentations as alb
    import cv2

    side = min(unit.shape[:2])
    one = {"p": 1.0}
    if name == "adjust_brightness":
        offset = float(p["offset"])
        made: Any = alb.RandomBrightnessContrast((offset, offset), (0, 0), brightness_by_max=True, **one)
    elif name == "reduce_contrast":
        change = float(p["factor"]) - 1
        made = alb.RandomBrightnessContrast((0, 0), (change, change), **one)
    elif name == "exposure" and "exponent" in p:
        percent = 100 * float(p["exponent"])
        made = alb.RandomGamma((percent, percent), **one)
    elif name == "gaussian_noise":
        made = alb.GaussNoise(std_range=(float(p["sigma"]),) * 2, mean_range=(0, 0), **one)
    elif name == "gaussian_blur":
        made = alb.GaussianBlur(blur_limit=0, sigma_limit=(float(p["sigma"]) * side,) * 2, **one)
    elif name == "motion_blur":
        length = 2 * round((float(p["length"]) * side - 1) / 2) + 1
        made = alb.MotionBlur((max(3, length),) * 2, angle_range=(float(p["angle_deg"]),) * 2, direction_range=(0, 0), **one)
    elif name == "low_resolution":
        pair = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}
        made = alb.Downscale(scale_range=(1 / float(p["factor"]),) * 2, interpolation_pair=pair, **one)
    elif name == "object_rotation":
        made = alb.Rotate((float(p["angle_deg"]),) * 2, border_mode=cv2.BORDER_CONSTANT, **one)
    else:
        return None
    return lambda: made(image=unit)


def _torchio(name: str, unit: np.ndarray, p: dict[str, Any]) -> Call | None:  # type: ignore[type-arg]
    if unit.ndim == 3 or name not in {
        "object_movement",
        "ghosting_artifact",
        "bias_field_artifact",
        "gaussian_blur",
        "gaussian_noise",
    }:
        return None
    import torch
    import torchio

    torch.set_num_threads(1)
    tensor = torch.from_numpy(np.ascontiguousarray(unit))[None, :, :, None]
    side = min(unit.shape)
    if name == "object_movement":
        degrees, shift = float(p["rotation_deg"]), float(p["shift_mm"])
        made: Any = torchio.RandomMotion(degrees=degrees, translation=shift, num_transforms=int(p["events"]))
    elif name == "ghosting_artifact":
        made = torchio.Ghosting(num_ghosts=int(p["ghosts"]), axis=int(p["axis"]), intensity=0.5, restore=0.02)
    elif name == "bias_field_artifact":
        made = torchio.RandomBiasField(coefficients=0.3, order=int(p["order"]))
    elif name == "gaussian_noise":
        made = torchio.Noise(mean=0.0, std=float(p["sigma"]), seed=1)
    else:
        sigma = float(p["sigma"]) * side
        made = torchio.Blur(std=(sigma, sigma, 0.0))
    return lambda: made(tensor)


def _monai(name: str, unit: np.ndarray, p: dict[str, Any]) -> Call | None:  # type: ignore[type-arg]
    if unit.ndim == 3 or name not in {"gaussian_blur", "gaussian_noise", "exposure", "object_rotation", "bias_field_artifact"}:
        return None
    import monai.transforms as transforms
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(unit))[None]
    if name == "gaussian_blur":
        made: Any = transforms.GaussianSmooth(sigma=float(p["sigma"]) * min(unit.shape))
    elif name == "gaussian_noise":
        made = transforms.RandGaussianNoise(prob=1.0, std=float(p["sigma"]), sample_std=False)
    elif name == "exposure" and "exponent" in p:
        made = transforms.AdjustContrast(gamma=float(p["exponent"]))
    elif name == "object_rotation":
        made = transforms.Rotate(angle=np.deg2rad(float(p["angle_deg"])), padding_mode="zeros")
    elif name == "bias_field_artifact":
        made = transforms.RandBiasField(prob=1.0, degree=int(p["order"]), coeff_range=(0.0, 0.3))
    else:
        return None
    return lambda: made(tensor)


def _skimage(name: str, unit: np.ndarray, p: dict[str, Any]) -> Call | None:  # type: ignore[type-arg]
    if unit.ndim == 3:
        return None
    from skimage import transform

    def two_projections(degrees: np.ndarray) -> Any:  # type: ignore[type-arg]
        sinogram = transform.radon(unit, degrees, circle=False)
        return transform.iradon(sinogram, degrees, filter_name="hann", circle=False, output_size=unit.shape[0])

    if name == "sparse_view" and unit.shape[0] <= 512:
        return lambda: two_projections(np.arange(int(p["views"])) * 180 / int(p["views"]))
    if name == "limited_angle" and unit.shape[0] <= 512:
        return lambda: two_projections(np.arange(0, float(p["arc_deg"])))
    if name == "object_rotation":
        return lambda: transform.rotate(unit, float(p["angle_deg"]), order=1)
    return None


_LIBRARIES = {"albumentations": _albumentations, "torchio": _torchio, "skimage": _skimage, "monai": _monai}

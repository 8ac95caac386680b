"""The same degradations by other libraries, at the same parameters, for the columns of comparison; only what can be imported.

A peer gets the values in the form it asks for (float32 in 0 to 1, tensors); the conversion is not timed. Nothing of a peer is
kept between calls beyond what it keeps itself, so it is compared with the first render, and with the slider step.

imagecorruptions knows five fixed severities: it is called where one of them is the published L2 (noise of 0.08, contrast of 0.3).
Its blur needs an argument that scikit-image has dropped, its brightness turns the hue, its motion blur has another law.
"""

from __future__ import annotations

import importlib.util
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

Call = Callable[[], Any]


def peers_of(name: str, unit: np.ndarray, steps: list[dict[str, Any]]) -> dict[str, Call]:  # type: ignore[type-arg]
    """Calls by library for type ``name`` on ``unit``, (rows, columns) float32 in 0 to 1, or (rows, columns, 3) uint8.

    steps   complete parameters: each call takes the next of them, as a moving slider does.
    """
    found: dict[str, Call] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for library, make in _LIBRARIES.items():
            if importlib.util.find_spec(library) is None:
                continue
            try:
                made = [make(name, unit, parameters) for parameters in steps]
                calls = [call for call in made if call is not None]
                if calls:
                    calls[0]()
                    found[library] = _in_turn(calls)
            except Exception as error:
                print(f"  {library} cannot do {name}: {type(error).__name__}: {str(error)[:90]}")
    return found


def _in_turn(calls: list[Call]) -> Call:
    turn = iter(range(10**9))
    return lambda: calls[next(turn) % len(calls)]()


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


def _planes(unit: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """(channels, rows, columns) float32 in 0 to 1."""
    if unit.ndim == 2:
        return np.ascontiguousarray(unit[None])
    return np.ascontiguousarray(unit.transpose(2, 0, 1), np.float32) / np.float32(255)


def _torchio(name: str, unit: np.ndarray, p: dict[str, Any]) -> Call | None:  # type: ignore[type-arg]
    if name not in {"object_movement", "ghosting_artifact", "bias_field_artifact", "gaussian_blur", "gaussian_noise"}:
        return None
    import SimpleITK
    import torch
    import torchio

    torch.set_num_threads(1)
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    tensor = torch.from_numpy(_planes(unit))[..., None]
    side = min(unit.shape[:2])
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
    import torch
    from monai import transforms

    torch.set_num_threads(1)
    tensor = torch.from_numpy(_planes(unit))
    if name == "gaussian_blur":
        made: Any = transforms.GaussianSmooth(sigma=float(p["sigma"]) * min(unit.shape[:2]))
    elif name == "gaussian_noise":
        made = transforms.RandGaussianNoise(prob=1.0, std=float(p["sigma"]), sample_std=False)
    elif name == "exposure" and "exponent" in p:
        made = transforms.AdjustContrast(gamma=float(p["exponent"]))
    elif name == "object_rotation":
        made = transforms.Rotate(angle=np.deg2rad(float(p["angle_deg"])), padding_mode="zeros")
    elif name == "bias_field_artifact":
        made = transforms.RandBiasField(prob=1.0, degree=int(p["order"]), coeff_range=(0.0, 0.3))
    elif name == "undersampling_artifact":
        return _masked_kspace(tensor, p)
    else:
        return None
    return lambda: made(tensor)


def _masked_kspace(tensor: Any, p: dict[str, Any]) -> Call:
    """fastMRI's random mask as MONAI has it, with the transforms to k-space and back."""
    import torch
    from monai.apps.reconstruction.transforms.array import RandomKspaceMask

    mask = RandomKspaceMask([float(p["center_fraction"])], [float(p["acceleration"])], spatial_dims=2, is_complex=True)

    def call() -> Any:
        centred = torch.fft.fftshift(torch.fft.fft2(tensor, norm="ortho"), dim=(-2, -1))
        return mask(torch.view_as_real(centred))

    return call


def _skimage(name: str, unit: np.ndarray, p: dict[str, Any]) -> Call | None:  # type: ignore[type-arg]
    from skimage import transform

    side = unit.shape[0]
    if name == "object_rotation":
        return lambda: transform.rotate(unit, float(p["angle_deg"]), order=1)
    if name not in {"sparse_view", "limited_angle", "low_dose"} or side > 512:
        return None
    # The artefact of a colour picture is that of its luminance, as ours is.
    plane = unit if unit.ndim == 2 else unit.mean(axis=2, dtype=np.float32) / np.float32(255)
    noise = np.random.default_rng(0)
    degrees = {
        "sparse_view": lambda: np.arange(int(p["views"])) * 180 / int(p["views"]),
        "limited_angle": lambda: np.arange(0, float(p["arc_deg"])),
        # A third of the views that ours takes, in the peer's favour.
        "low_dose": lambda: np.arange(0, 180.0),
    }[name]()

    def there_and_back() -> Any:
        sinogram = transform.radon(plane, degrees, circle=False)
        if name == "low_dose":
            photons = float(p["dose"]) * float(p["photons"])
            integrals = sinogram * np.float32(6 / max(float(sinogram.max()), 1e-6))
            counts = noise.poisson(photons * np.exp(-integrals)) + noise.normal(0, float(p["electronic_sigma"]), sinogram.shape)
            sinogram = -np.log(np.maximum(counts, 1) / photons)
        return transform.iradon(sinogram, degrees, filter_name="hann", circle=False, output_size=side)

    return there_and_back


def _imagecorruptions(name: str, unit: np.ndarray, p: dict[str, Any]) -> Call | None:  # type: ignore[type-arg]
    if unit.ndim == 2 or name not in {"gaussian_noise", "reduce_contrast"}:
        return None
    # It asks a package that newer installations lack where its pictures of frost lie, which nothing here needs.
    sys.modules.setdefault("pkg_resources", types.SimpleNamespace(resource_filename=lambda *_: ""))  # type: ignore[arg-type]
    import imagecorruptions

    severity, corruption = (1, "gaussian_noise") if name == "gaussian_noise" else (2, "contrast")
    return lambda: imagecorruptions.corrupt(unit, severity=severity, corruption_name=corruption)


_LIBRARIES = {
    "albumentations": _albumentations,
    "torchio": _torchio,
    "skimage": _skimage,
    "monai": _monai,
    "imagecorruptions": _imagecorruptions,
}

"""What a model's own eyes make of simulated and of real images: features of both sets, their map, and how much they mix.

Features are those that the model folder's vision tower hands to its language model, averaged over the patches of an image.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.real_images import LEVELS
from medqdeg_desktop.statistics.feature_mixing import Mixing, neighbour_mixing
from medqdeg_desktop.statistics.tsne import tsne

#: Images of each set that the map is made of at most; more hide each other.
MOST_IMAGES: Final = 400
_BATCH: Final = 16
_FEWEST: Final = 20


@dataclass(frozen=True, slots=True)
class ImageAt:
    """A degraded image: where it lies, whether it is real, and what it shows."""

    path: Path
    real: bool
    modality: str
    type: str
    level: str


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """Images with their places (n, 2) in a t-SNE map of their features, and the mixing of the two sets within modalities."""

    images: tuple[ImageAt, ...]
    places: NDArray[np.float64]
    mixing: Mixing
    encoder: str


def degraded_images(dataset: Dataset, most: int = MOST_IMAGES) -> list[ImageAt]:
    """The first image of each degraded question of ``dataset``; ``most`` of them, evenly over its lines."""
    found = [
        ImageAt(
            dataset.image_path(row),
            dataset.real,
            str(row.get("modality", "")),
            str(row.get("degradation", "")),
            str(row.get("level", "")),
        )
        for row in dataset.rows()
        if row.get("level") in LEVELS and not row.get("image_index")
    ]
    if len(found) <= most:
        return found
    return [found[int(i)] for i in np.linspace(0, len(found) - 1, most).round()]


def feature_map(simulated: Dataset, real: Dataset, encoder: Path, *, trust_remote_code: bool = False) -> FeatureMap:
    """The map of both sets through the vision tower of the model folder ``encoder``.

    MedqdegError where a set has fewer than twenty degraded images, the sets share no modality, or the folder no vision tower.
    """
    sets = [degraded_images(dataset) for dataset in (simulated, real)]
    for dataset, own in zip((simulated, real), sets, strict=True):
        if len(own) < _FEWEST:
            raise MedqdegError(f"{dataset.folder}: {len(own)} degraded images are too few for a map; at least {_FEWEST}")
    images = tuple(sets[0] + sets[1])
    features = image_features(encoder, [image.path for image in images], trust_remote_code=trust_remote_code)
    try:
        mixing = neighbour_mixing(features, [image.real for image in images], [image.modality for image in images])
    except ValueError:
        raise MedqdegError("the simulated and the real set have no modality in common; their images cannot mix") from None
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return FeatureMap(images, tsne(scaled), mixing, encoder.resolve().name)


def image_features(folder: Path, paths: Sequence[Path], *, trust_remote_code: bool = False) -> NDArray[np.float64]:
    """Features (n, d) of the images at ``paths``. FatalError for a folder that cannot be opened or has no vision tower."""
    from medqdeg_desktop.eval.backends import loading
    from medqdeg_desktop.eval.backends.base import FatalError

    loaded = loading.load(folder, precision="auto", trust_remote_code=trust_remote_code)
    import torch

    if not hasattr(loaded.model, "get_image_features"):
        raise FatalError(f"{folder}: this model family does not hand out its image features")
    rows = []
    for start in range(0, len(paths), _BATCH):
        pictures = [_picture(path) for path in paths[start : start + _BATCH]]
        inputs = loaded.processor.image_processor(images=pictures, return_tensors="pt")
        on_device = {name: _on(value, loaded.model) for name, value in inputs.items() if hasattr(value, "to")}
        with torch.inference_mode():
            found = loaded.model.get_image_features(**on_device)
        rows += _pooled(found, len(pictures), folder)
    return np.stack(rows)


def _pooled(found: Any, count: int, folder: Path) -> list[NDArray[np.float64]]:
    """One vector an image: families give a tensor a batch, or a tensor an image, of (patches, features)."""
    from medqdeg_desktop.eval.backends.base import FatalError

    features = getattr(found, "pooler_output", found)
    parts = list(features)
    if len(parts) != count or not all(hasattr(part, "ndim") and part.ndim >= 1 for part in parts):
        raise FatalError(f"{folder}: its image features do not come image by image")
    return [part.reshape(-1, part.shape[-1]).mean(dim=0).double().cpu().numpy() for part in parts]


def _on(value: Any, model: Any) -> Any:
    moved = value.to(model.device)
    return moved.to(model.dtype) if moved.is_floating_point() else moved


def _picture(path: Path) -> Any:
    from PIL import Image

    with Image.open(io.BytesIO(path.read_bytes())) as image:
        return image.convert("RGB")

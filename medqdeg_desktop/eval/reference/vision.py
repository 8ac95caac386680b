"""First stage: the vision tower learns what is in the picture, with heads of its own that the finished model does not keep.

Every head reads the mean of the tower's tokens, except one that says for each token whether a finding has its centre there.
Matrices are trained by Muon (orthogonalised momentum; K. Jordan et al. 2024), everything else by AdamW.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from medqdeg_desktop.eval.reference.architecture import IMAGE_TOKENS, WIDTH
from medqdeg_desktop.eval.reference.pictures import ATTRIBUTES, MODALITIES, SIDE, SIDES, Pictures
from medqdeg_desktop.taxonomy import Modality

MUON_RATE: Final = 3e-3
ADAM_RATE: Final = 1e-3
_GRID = int(IMAGE_TOKENS**0.5)
#: Weight of the map of centres beside the attributes' losses, and of a patch with a centre beside one without.
_MAP_WEIGHT, _CENTRE_WEIGHT = 2.0, 8.0
# A mirrored chest or abdomen is another finding (situs inversus); these modalities have no side, or one that can be renamed.
_MIRRORED: Final = frozenset(MODALITIES.index(m) for m in MODALITIES if m not in (Modality.XRAY, Modality.CT))

Tensor = Any
Batch = dict[str, Tensor]


class Heads(nn.Module):
    """Read-outs of the tower's last hidden state (B, 64, width): logits of each attribute, and of a centre in each patch."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.attributes = nn.ModuleDict({name: nn.Linear(WIDTH, classes) for name, classes in ATTRIBUTES.items()})
        self.centre = nn.Linear(WIDTH, 1)

    def forward(self, hidden: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        tokens = self.norm(hidden)
        mean = tokens.mean(dim=1)
        return {name: head(mean) for name, head in self.attributes.items()}, self.centre(tokens)[..., 0]


def tower_hidden(model: Any, pixels: Tensor) -> Tensor:
    """What LLaVA's projector is given: the encoder's output (B, 64, width) before SigLIP's last normalisation."""
    return model.model.vision_tower(pixels, output_hidden_states=True, return_dict=True).hidden_states[-1]


def vision_loss(heads: Heads, hidden: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy over the attributes that apply, and the weighted binary cross-entropy of the map of centres."""
    logits, centre = heads(hidden)
    terms = [
        functional.cross_entropy(logits[name].float(), batch[name].long(), ignore_index=-1, reduction="sum")
        / (batch[name] >= 0).sum().clamp(min=1)
        for name in ATTRIBUTES
    ]
    where = functional.binary_cross_entropy_with_logits(
        centre.float(), batch["centres"], pos_weight=torch.tensor(_CENTRE_WEIGHT, device=centre.device)
    )
    return torch.stack(terms).mean() + _MAP_WEIGHT * where


def optimisers(modules: Iterable[nn.Module]) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices of transformer layers, AdamW for embeddings, norms, biases, the projector and heads."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    seen: set[int] = set()
    for name, parameter in (named for module in modules for named in module.named_parameters()):
        if id(parameter) not in seen and parameter.requires_grad:
            seen.add(id(parameter))
            (matrices if parameter.ndim == 2 and ".layers." in name else others).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def vision_batch(pictures: Pictures, rows: npt.NDArray[np.integer[Any]], rng: np.random.Generator | None) -> Batch:
    """Pixel values (B, 3, 128, 128) in -1 .. 1, attributes and centre maps; varied in pose and tone where ``rng`` is given."""
    pixels = pictures.pixels[rows]
    centres = pictures.centres[rows].copy()
    attributes = {name: values[rows].astype(np.int64) for name, values in pictures.attributes.items()}
    if rng is not None:
        pixels = np.stack([_varied(picture, centres[k], attributes, k, rng) for k, picture in enumerate(pixels)])
    values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    batch: Batch = {name: torch.from_numpy(column) for name, column in attributes.items()}
    return batch | {"pixels": values, "centres": torch.from_numpy(_maps(centres))}


def _varied(
    picture: npt.NDArray[np.uint8],
    centres: npt.NDArray[np.float32],
    attributes: dict[str, npt.NDArray[np.int64]],
    row: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    """``picture`` a little turned, shifted, scaled and toned, perhaps mirrored; its centres and sides follow, in place."""
    angle, scale = np.deg2rad(rng.uniform(-4, 4)), rng.uniform(0.94, 1.08)
    shift = rng.uniform(-0.05, 0.05, 2)
    mirror = -1.0 if attributes["modality"][row] in _MIRRORED and rng.random() < 0.5 else 1.0
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([mirror, 1.0])
    centres[:] = centres @ turn.T + shift
    half = (SIDE - 1) / 2
    matrix = np.column_stack([turn, half * (1 + shift) - turn @ np.array([half, half])])
    if mirror < 0:
        if attributes["eye"][row] >= 0:
            attributes["eye"][row] = 1 - attributes["eye"][row]
        for name in ("side", "ventricles"):
            if 0 <= attributes[name][row] < SIDES.index("none"):
                attributes[name][row] = 1 - attributes[name][row]
    moved = cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    tone = (np.arange(256) / 255) ** rng.uniform(0.9, 1.1) * 255 * rng.uniform(0.95, 1.05) + rng.uniform(-5, 5)
    toned: npt.NDArray[np.uint8] = cv2.LUT(moved, np.clip(np.rint(tone), 0, 255).astype(np.uint8)).astype(np.uint8, copy=False)
    return toned


def _maps(centres: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(B, 64): 1 where a finding's centre lies in the patch."""
    maps = np.zeros((len(centres), IMAGE_TOKENS), np.float32)
    rows, places = np.nonzero(np.isfinite(centres[..., 0]))
    cells = np.clip(((centres[rows, places] + 1) / 2 * _GRID).astype(np.int64), 0, _GRID - 1)
    maps[rows, cells[:, 1] * _GRID + cells[:, 0]] = 1
    return maps


@torch.inference_mode()
def vision_accuracy(model: Any, heads: Heads, pictures: Pictures, batch_size: int = 128) -> dict[str, float]:
    """Share of right classes of each attribute where it applies; of count and side for each modality by itself."""
    right: dict[str, int] = {}
    asked: dict[str, int] = {}
    for start in range(0, len(pictures), batch_size):
        batch = vision_batch(pictures, np.arange(start, min(start + batch_size, len(pictures))), None)
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        with torch.autocast(model.device.type, torch.bfloat16):
            logits, _ = heads(tower_hidden(model, batch["pixels"]))
        for name in ATTRIBUTES:
            applies = batch[name] >= 0
            hits = logits[name].argmax(-1)[applies] == batch[name][applies]
            for modality, hit in zip(batch["modality"][applies].tolist(), hits.tolist(), strict=True):
                shown = f"{name} {MODALITIES[modality]}" if name in ("count", "side") else name
                right[shown] = right.get(shown, 0) + hit
                asked[shown] = asked.get(shown, 0) + 1
    return {name: right[name] / asked[name] for name in right}

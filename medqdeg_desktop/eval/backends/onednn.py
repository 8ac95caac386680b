"""Linear layers through oneDNN on x86 processors.

PyTorch hands float32 matrix products to MKL, which runs on AMD processors at less than half of what oneDNN reaches there, and no
faster on others; oneDNN is in every CPU build of PyTorch, and its results agree to rounding. Nothing is packed or copied: the
weights stay where they are, so that a model takes no more memory and can be moved or widened as before.
"""

from __future__ import annotations

import platform
from functools import partial
from typing import Any

import torch

Tensor = Any


def use_onednn(model: Any) -> int:
    """Lets the plain linear layers of ``model`` compute through oneDNN; returns how many, 0 where there is no oneDNN."""
    if platform.machine().lower() not in ("x86_64", "amd64") or not torch.backends.mkldnn.is_available():
        return 0
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return 0
    # A subclass (quantised, adapted) has a forward pass of its own.
    layers = [module for module in model.modules() if type(module) is torch.nn.Linear]
    for layer in layers:
        layer.forward = partial(_linear, layer)
    return len(layers)


def _linear(layer: Any, x: Tensor) -> Tensor:
    if x.dtype is not torch.float32 or layer.weight.dtype is not torch.float32 or x.device.type != "cpu" or x.numel() == 0:
        return torch.nn.functional.linear(x, layer.weight, layer.bias)
    return torch.ops.mkldnn._linear_pointwise(x, layer.weight, layer.bias, "none", [], "")

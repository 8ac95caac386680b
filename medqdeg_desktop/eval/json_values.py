"""Numbers on their way into ``results.json``: plain Python, and null for what is not defined."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def plain(value: Any) -> float | int | None:
    """A NumPy or Python number as JSON has it; None for NaN and infinities."""
    if isinstance(value, np.integer):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


def plain_pair(values: NDArray[Any]) -> list[float] | None:
    """An interval (2,) as [low, high]; None where either end is not defined."""
    low, high = (float(v) for v in values)
    return [low, high] if math.isfinite(low) and math.isfinite(high) else None

"""Colour arrays: to 8 bits with rounding, and back to one grey channel where the three are equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def to_bytes(colour: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    """(rows, columns, 3) values of ``bits`` bits as uint8, rounded."""
    if colour.dtype == np.uint8 and bits >= 8:
        return colour
    top = float(2**bits - 1)
    return np.rint(np.clip(colour.astype(np.float32) * np.float32(255 / top), 0, 255)).astype(np.uint8)


def grey_if_equal(colour: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32] | None:
    """The common channel as float32 where red, green and blue are equal in every pixel, else None."""
    first = colour[..., 0]
    if np.array_equal(first, colour[..., 1]) and np.array_equal(first, colour[..., 2]):
        return first.astype(np.float32)
    return None

"""One seed rule for the whole product (design 3).

A realisation belongs to (set seed, item, type): its SHA-256 gives the key of a counter-based generator (Philox), so the
numbers do not depend on worker count, order, restart or locale. The level is not part of the key: L1 and L2 of one
item share their realisation and severity is the only thing that changes.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache
from statistics import NormalDist
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

_QUANTILES: Final = 1 << 16


def realisation_seed(set_seed: int, item: str, type_name: str) -> int:
    """128-bit seed of the realisation of ``type_name`` on ``item`` within the set drawn with ``set_seed``."""
    text = f"medqdeg/1\x1f{set_seed}\x1f{item}\x1f{type_name}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def generator(seed: int, stream: str = "") -> np.random.Generator:
    """A generator for one named ``stream`` of a realisation (for example ``"mask"`` or ``"sign"``).

    Streams are independent, so that adding a draw to one never shifts another.
    """
    digest = hashlib.sha256(f"{seed}\x1f{stream}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "big")))


def normal_field(seed: int, stream: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Independent standard normal numbers of ``stream``, float32 in ``shape``; the same bits on every processor.

    Each is the sum of two numbers of half the variance, looked up in a table of 65536 quantiles by 16 random bits: normal as far
    as sixteen million draws can tell, ending at 5.9 standard deviations, and four times as fast as drawing by rejection.
    """
    count = math.prod(shape)
    words = generator(seed, stream).bit_generator.random_raw(-(-count // 2)).astype("<u8", copy=False)
    places = words.view("<u2")[: 2 * count].astype(np.uint16, copy=False).reshape(2, 1, count)
    one, other = (cv2.LUT(half, _half_normal_quantiles()) for half in places)
    return np.asarray(cv2.add(one, other), np.float32).reshape(shape)


@cache
def _half_normal_quantiles() -> npt.NDArray[np.float32]:
    """Quantiles of the normal law of variance 1/2 at the middles of 65536 equal shares, scaled to that variance exactly."""
    inverse = NormalDist().inv_cdf
    above = np.array([inverse(0.5 + (k + 0.5) / _QUANTILES) for k in range(_QUANTILES // 2)])
    table = np.concatenate([-above[::-1], above])
    return (table * math.sqrt(0.5 / float(np.mean(table**2)))).astype(np.float32)

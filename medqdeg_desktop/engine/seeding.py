"""One seed rule for the whole product (design 3).

A realisation belongs to (set seed, item, type): its SHA-256 gives the key of a counter-based generator (Philox), so the
numbers do not depend on worker count, order, restart or locale. The level is not part of the key: L1 and L2 of one
item share their realisation and severity is the only thing that changes.
"""

from __future__ import annotations

import hashlib

import numpy as np


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

"""Many tests at once: Holm's step-down correction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p values (Holm 1979): those below alpha keep the family-wise error at alpha, whatever the dependence.

    p_values   (m,) the family of all tests that are shown together; NaN stands for a test that could not be made and is not
               counted.

    Returns (m,) adjusted values in the given order, NaN where the input is.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    made = np.flatnonzero(np.isfinite(p))
    order = made[np.argsort(p[made], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted

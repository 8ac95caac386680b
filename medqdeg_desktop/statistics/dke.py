"""The Dunning-Kruger effect of MedQ-Deg: within a model over levels (eq. 5), and between models on one level (eq. 6).

Both are inequalities between noisy numbers, so each comes with the share of bootstrap replicates in which it holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medqdeg_desktop.statistics.correlation import average_ranks, correlations

Floats = NDArray[np.float64]


def intra_model(accuracy_l0: ArrayLike, accuracy_l2: ArrayLike, shift_l0: ArrayLike, shift_l2: ArrayLike) -> NDArray[np.bool_]:
    """Equation 5, element by element: ``Acc(L0) > Acc(L2) and Shift(L0) <= Shift(L2)``."""
    return (np.asarray(accuracy_l0) > np.asarray(accuracy_l2)) & (np.asarray(shift_l0) <= np.asarray(shift_l2))


def inter_model(accuracy: ArrayLike, shift: ArrayLike) -> NDArray[np.bool_]:
    """Equation 6 for every ordered pair: ``[i, j]`` is ``Acc(i) < Acc(j) and Shift(i) > Shift(j)``; inputs (models,)."""
    a, s = np.asarray(accuracy), np.asarray(shift)
    return (a[:, None] < a[None, :]) & (s[:, None] > s[None, :])


@dataclass(frozen=True, slots=True)
class InterModel:
    """Equation 6 over all unordered pairs of models on one level.

    holds         (m, m) bool, ordered pairs.
    probability   (m, m) share of replicates in which each holds.
    share         fraction of the unordered pairs for which it holds in one direction or the other.
    shares        (B,) that fraction in each replicate.
    rho, rhos     Spearman's correlation of accuracy and shift, and its replicates (B,).
    """

    holds: NDArray[np.bool_]
    probability: Floats
    share: float
    shares: Floats
    rho: float
    rhos: Floats


def inter_model_bootstrap(
    accuracy: ArrayLike, shift: ArrayLike, accuracy_replicates: ArrayLike, shift_replicates: ArrayLike
) -> InterModel:
    """Equation 6 with its bootstrap: estimates (m,), replicates (m, B) of the same models on shared draws; m >= 2."""
    a, s = np.asarray(accuracy, dtype=np.float64), np.asarray(shift, dtype=np.float64)
    ra, rs = np.asarray(accuracy_replicates), np.asarray(shift_replicates)
    m = len(a)
    pairs = m * (m - 1) / 2
    holds = inter_model(a, s)
    probability = np.full((m, m), np.nan)
    counted = np.zeros(ra.shape[1])
    for i in range(m):
        held = (ra[i] < ra) & (rs[i] > rs)
        if held.shape[1]:
            probability[i] = held.mean(axis=1)
        counted += held.sum(axis=0)
    return InterModel(
        holds=holds,
        probability=probability,
        share=float(holds.sum() / pairs),
        shares=counted / pairs,
        rho=float(correlations(average_ranks(a)[:, None], average_ranks(s)[:, None])[0]),
        rhos=correlations(average_ranks(ra), average_ranks(rs)),
    )

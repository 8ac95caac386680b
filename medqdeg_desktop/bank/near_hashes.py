"""Which of many 64-bit hashes differ in few bits, without comparing all with all.

Two hashes that differ in at most b bits agree entirely in at least one of b + 1 sets of bits (pigeonhole), so only those that
agree in one are compared (multi-index hashing: Norouzi, Punjani, Fleet 2012). The sets take every (b + 1)-th bit: pictures of one
kind share whole corners, hardly ever a fifth of all places. Equal hashes are one before that, and what is close is joined to
groups as it is found, so that neither a thousand copies nor a dense cluster makes pairs by the million.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]

#: Close pairs that are held before they are joined to groups.
_HELD = 1 << 20


def close_groups(hashes: Hashes, bits: int) -> list[tuple[Numbers, int]]:
    """Groups of rows whose hashes all differ from another row's of the group in at most ``bits`` bits each.

    hashes   (n, k) uint64: k hashes a row (the pictures of a question), compared place by place.
    Returns (row numbers ascending, most bits by which two joined rows differ) for each group of two or more.
    """
    distinct, which = np.unique(hashes, axis=0, return_inverse=True)
    labels, widest = _joined(distinct, bits)
    of_row = labels[which.reshape(-1)]
    order = np.argsort(of_row, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(of_row[order])) + 1)
    groups = [(np.sort(part), int(widest[of_row[part[0]]])) for part in parts if len(part) > 1]
    return sorted(groups, key=lambda group: int(group[0][0]))


def _joined(hashes: Hashes, bits: int) -> tuple[Numbers, Numbers]:
    """(group of each of the distinct ``hashes``, most bits between two that were joined, by group)."""
    count = len(hashes)
    labels = np.arange(count)
    pairs: list[Numbers] = []
    held = 0
    widest_of = np.zeros(count, np.int64)
    places = np.arange(64, dtype=np.uint64)
    for band in range(bits + 1):
        mask = np.bitwise_or.reduce(np.left_shift(np.uint64(1), places[places % np.uint64(bits + 1) == band]))
        keys = hashes[:, 0] & mask
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        # Rows whose key equals that of the row `step` places on; every step leaves fewer.
        left = np.arange(count)
        for step in range(1, count):
            left = left[left + step < count]
            left = left[keys[left] == keys[left + step]]
            if not len(left):
                break
            one, other = order[left], order[left + step]
            distance = np.bitwise_count(hashes[one] ^ hashes[other]).max(axis=1)
            near = distance <= bits
            if near.any():
                one, other = one[near], other[near]
                np.maximum.at(widest_of, one, distance[near])
                np.maximum.at(widest_of, other, distance[near])
                pairs.append(np.stack([one, other]))
                held += len(one)
            if held > _HELD:
                labels, pairs, held = _merged(labels, pairs), [], 0
    labels = _merged(labels, pairs)
    widest = np.zeros(count, np.int64)
    np.maximum.at(widest, labels, widest_of)
    return labels, widest


def _merged(labels: Numbers, pairs: list[Numbers]) -> Numbers:
    """``labels`` after the rows of each pair have become one group."""
    count = len(labels)
    ends = np.concatenate([np.stack([np.arange(count), labels]), *pairs], axis=1)
    graph = coo_array((np.ones(ends.shape[1], np.int8), (ends[0], ends[1])), shape=(count, count))
    found: Numbers = connected_components(graph, directed=False)[1].astype(np.int64)
    # A group is named by its first row, so that names stay row numbers.
    first = np.full(count, count)
    np.minimum.at(first, found, np.arange(count))
    return first[found]

"""Items that ask the same of the same picture, found without holding pictures in memory. A person decides about them.

Exact: the same normalised question and options on images with the same pixels. Near: pictures whose perceptual hashes
differ in at most a few of 64 bits, with the same question; or the same pixels with a question that nearly reads the same.
The perceptual hash is the sign of neighbouring differences (dHash, 9 x 8 grey values), which survives recompression,
resizing and small changes of brightness.
"""

from __future__ import annotations

import difflib
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from medqdeg_desktop.bank.wording import normalised
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import Pixels, Window
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.study.records import Item

#: Bits of 64 in which the hashes of one picture, saved twice, may differ.
NEAR_BITS = 4
_NEAR_WORDING = 0.9


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Items that are ``kind`` "exact" or "near" duplicates of each other, and why."""

    kind: str
    items: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class _Print:
    """What an item is compared by."""

    item_id: str
    asked: str
    question: str
    pixels: str
    hashes: tuple[int, ...]


def find_duplicates(items: Iterable[Item]) -> list[Duplicate]:
    """All duplicates among ``items``, exact ones first; an item whose image cannot be read is compared by its words alone."""
    cache: dict[tuple[str, int | None, str], tuple[str, int]] = {}
    prints = [_print(item, cache) for item in items]
    exact: dict[tuple[str, str], list[_Print]] = defaultdict(list)
    for one in prints:
        exact[one.asked, one.pixels].append(one)
    found = [
        Duplicate("exact", tuple(p.item_id for p in group), "same question, options and pixels")
        for group in exact.values()
        if len(group) > 1
    ]
    # One of each exact group goes on, so that near pairs are not listed once for each copy.
    kept = [group[0] for group in exact.values()]
    return found + _near_pictures(kept) + _near_wordings(kept)


def difference_hash(picture: Pixels) -> int:
    """64-bit dHash of an 8-bit picture: whether each of 8 x 8 grey values is brighter than its right neighbour."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    return int.from_bytes(np.packbits(small[:, :-1] > small[:, 1:]).tobytes(), "big")


def _print(item: Item, cache: dict[tuple[str, int | None, str], tuple[str, int]]) -> _Print:
    pictures = []
    for path in item.images:
        key = (path, item.frame, item.axis)
        if key not in cache:
            cache[key] = _fingerprint(item, path)
        pictures.append(cache[key])
    question = normalised(item.question)
    asked = "\x1f".join([question, *sorted(normalised(text) for text in item.options.values())])
    return _Print(item.item_id, asked, question, " ".join(p[0] for p in pictures), tuple(p[1] for p in pictures))


def _fingerprint(item: Item, path: str) -> tuple[str, int]:
    """(hash of the displayed pixels, perceptual hash); an unreadable image is told apart by its path."""
    try:
        image = read_image(path, item.frame, modality=item.modality, axis=item.axis)
    except (EngineError, OSError):
        return path, -1
    picture = to_display(image, Window(*item.window) if item.window and not image.is_rgb else None)
    return hashlib.sha256(picture.tobytes() + str(picture.shape).encode()).hexdigest(), difference_hash(picture)


def _near_pictures(prints: list[_Print]) -> list[Duplicate]:
    """The same words on pictures that nearly look the same."""
    by_words: dict[tuple[str, int], list[_Print]] = defaultdict(list)
    for one in prints:
        by_words[one.asked, len(one.hashes)].append(one)
    found = []
    for group in by_words.values():
        for first, second, distance in _close_pairs(group):
            found.append(
                Duplicate("near", (first.item_id, second.item_id), f"same words, pictures differ in {distance} of 64 bits")
            )
    return found


def _close_pairs(group: list[_Print]) -> list[tuple[_Print, _Print, int]]:
    """Pairs of ``group`` whose pictures all differ in at most NEAR_BITS bits, by counting bits of whole columns at once."""
    usable = [one for one in group if one.hashes and min(one.hashes) >= 0]
    if len(usable) < 2:
        return []
    hashes = np.array([one.hashes for one in usable], np.uint64)
    pairs = []
    for i in range(len(usable) - 1):
        distance = np.bitwise_count(hashes[i + 1 :] ^ hashes[i]).max(axis=1)
        pairs += [(usable[i], usable[i + 1 + int(j)], int(distance[j])) for j in np.flatnonzero(distance <= NEAR_BITS)]
    return pairs


def _near_wordings(prints: list[_Print]) -> list[Duplicate]:
    """The same pictures with questions that nearly read the same."""
    by_pixels: dict[str, list[_Print]] = defaultdict(list)
    for one in prints:
        by_pixels[one.pixels].append(one)
    found = []
    for group in by_pixels.values():
        for i, first in enumerate(group):
            for second in group[i + 1 :]:
                ratio = difflib.SequenceMatcher(None, first.asked, second.asked).ratio()
                if ratio >= _NEAR_WORDING:
                    found.append(Duplicate("near", (first.item_id, second.item_id), f"same pixels, wording {ratio:.0%} alike"))
    return found

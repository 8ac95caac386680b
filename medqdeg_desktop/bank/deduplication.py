"""Items that ask the same of the same picture, found without holding pictures in memory. A person decides about them.

Exact: the same normalised question and options on images with the same pixels, about the same marked region. Near: pictures whose
perceptual hashes differ in at most a few of 64 bits, with the same question; or the same pixels with a question that nearly reads
the same. Items about different regions ask different things, whatever their words.
Near ones come as groups, each item close to another of its group. Pictures are read by workers; a hundred thousand items
take minutes of reading and seconds of comparing. The perceptual hash is the sign of neighbouring differences (dHash, 9 x 8
grey values), which survives recompression, resizing and small changes of brightness.
"""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np

from medqdeg_desktop.bank.near_hashes import close_groups
from medqdeg_desktop.bank.region import mark_key
from medqdeg_desktop.bank.views import views
from medqdeg_desktop.bank.wording import as_asked
from medqdeg_desktop.engine import batch
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import Pixels, Window
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import Modality

#: Bits of 64 in which the hashes of one picture, saved twice, may differ.
NEAR_BITS = 4
_NEAR_WORDING = 0.9
_PICTURES_A_CHUNK = 32


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Items that are ``kind`` "exact" or "near" duplicates of each other, and why."""

    kind: str
    items: tuple[str, ...]
    why: str


class _Source(NamedTuple):
    """A picture as an item shows it."""

    path: str
    frame: int | None
    axis: str
    modality: str
    window: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class _Print:
    """What an item is compared by."""

    item_id: str
    asked: str
    region: str
    pixels: str
    hashes: tuple[int, ...]


def find_duplicates(
    items: Iterable[Item], *, make_executor: Callable[[], Executor] | None = None, progress: Progress | None = None
) -> list[Duplicate]:
    """All duplicates among ``items``, exact ones first; an item whose image cannot be read is compared by its words alone.

    make_executor   workers that read the pictures; None reads them here, each in the guarded decoder.
    """
    prints = list(_prints(items, make_executor, progress or Progress("dedupe")))
    exact: dict[tuple[str, str, str], list[_Print]] = defaultdict(list)
    for one in prints:
        exact[one.asked, one.region, one.pixels].append(one)
    found = [
        Duplicate("exact", tuple(p.item_id for p in group), "same question, options and pixels")
        for group in exact.values()
        if len(group) > 1
    ]
    # One of each exact group goes on, so that near ones are not listed once for each copy.
    kept = [group[0] for group in exact.values()]
    return found + _near_pictures(kept) + _near_wordings(kept)


def difference_hash(picture: Pixels) -> int:
    """64-bit dHash of an 8-bit picture: whether each of 8 x 8 grey values is brighter than its right neighbour."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    return int.from_bytes(np.packbits(small[:, :-1] > small[:, 1:]).tobytes(), "big")


def fingerprints(pictures: tuple[_Source, ...], decode_here: bool = True) -> list[tuple[str, int]]:
    """(hash of the displayed pixels, perceptual hash) of each of ``pictures``; an unreadable one is told apart by its path.

    Runs in workers, which are expendable themselves: with ``decode_here`` no second process stands between them and a file.
    """
    return [_fingerprint(source, decode_here) for source in pictures]


def _prints(items: Iterable[Item], make_executor: Callable[[], Executor] | None, progress: Progress) -> Iterator[_Print]:
    words: list[tuple[str, str, str, tuple[_Source, ...]]] = []
    known: dict[_Source, tuple[str, int]] = {}
    for item in items:
        asked = as_asked(item.question, item.options.values())
        sources = tuple(_Source(v.path, v.frame, v.axis, str(v.modality), v.window) for v in views(item))
        words.append((item.item_id, asked, mark_key(item.region), sources))
        known |= dict.fromkeys(sources, ("", -1))
    if make_executor is None:
        for source in known:
            known[source] = _fingerprint(source, False)
    else:
        pictures = iter(list(known))
        chunks = iter(lambda: tuple(islice(pictures, _PICTURES_A_CHUNK)), ())
        done = 0
        for chunk in batch.run_chunks(make_executor, fingerprints, chunks, ahead=3 * batch.core_count()):
            # A picture that ends its worker is one that cannot be read.
            known |= zip(chunk.task, chunk.result or [(source.path, -1) for source in chunk.task], strict=True)
            done += len(chunk.task)
            progress.update(done, len(known))
    for item_id, asked, region, sources in words:
        pixels, hashes = zip(*(known[source] for source in sources), strict=True)
        yield _Print(item_id, asked, region, " ".join(pixels), tuple(hashes))


def _fingerprint(source: _Source, decode_here: bool) -> tuple[str, int]:
    try:
        modality = Modality(source.modality)
        image = read_image(source.path, source.frame, modality=modality, axis=source.axis, decode_here=decode_here)
    except (EngineError, OSError):
        return source.path, -1
    picture = to_display(image, Window(*source.window) if source.window and not image.is_rgb else None)
    return hashlib.sha256(picture.tobytes() + str(picture.shape).encode()).hexdigest(), difference_hash(picture)


def _near_pictures(prints: list[_Print]) -> list[Duplicate]:
    """The same words on pictures that nearly look the same."""
    by_words: dict[tuple[str, str, int], list[_Print]] = defaultdict(list)
    for one in prints:
        if one.hashes and min(one.hashes) >= 0:
            by_words[one.asked, one.region, len(one.hashes)].append(one)
    found = []
    for group in by_words.values():
        if len(group) < 2:
            continue
        for members, widest in close_groups(np.array([one.hashes for one in group], np.uint64), NEAR_BITS):
            why = f"same words, pictures differ in {'up to ' if len(members) > 2 else ''}{widest} of 64 bits"
            found.append(Duplicate("near", tuple(group[int(n)].item_id for n in members), why))
    return found


def _near_wordings(prints: list[_Print]) -> list[Duplicate]:
    """The same pictures with questions that nearly read the same."""
    by_pixels: dict[tuple[str, str], list[_Print]] = defaultdict(list)
    for one in prints:
        by_pixels[one.region, one.pixels].append(one)
    found = []
    for group in by_pixels.values():
        for first, second in _alike_in_letters([one.asked for one in group]):
            ratio = difflib.SequenceMatcher(None, group[first].asked, group[second].asked).ratio()
            if ratio >= _NEAR_WORDING:
                pair = (group[first].item_id, group[second].item_id)
                found.append(Duplicate("near", pair, f"same pixels, wording {ratio:.0%} alike"))
    return found


def _alike_in_letters(texts: list[str]) -> Iterator[tuple[int, int]]:
    """Pairs of ``texts`` that have enough letters in common, in any order, to be near: an upper bound of the real ratio."""
    if len(texts) < 2:
        return
    place = {letter: n for n, letter in enumerate(sorted(set("".join(texts))))}
    counts = np.zeros((len(texts), len(place)), np.int32)
    for row, text in zip(counts, texts, strict=True):
        for letter, count in Counter(text).items():
            row[place[letter]] = count
    lengths = counts.sum(axis=1)
    for n in range(len(texts) - 1):
        shared = np.minimum(counts[n + 1 :], counts[n]).sum(axis=1)
        near = 2 * shared >= _NEAR_WORDING * (lengths[n + 1 :] + lengths[n])
        yield from ((n, n + 1 + int(other)) for other in np.flatnonzero(near))

"""Duplicates: exact by words and pixels, near by the look of pictures or the wording; different questions are left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from bank_samples import here, picture
from PIL import Image

from medqdeg_desktop.bank.deduplication import NEAR_BITS, Duplicate, difference_hash, find_duplicates
from medqdeg_desktop.bank.near_hashes import close_groups
from medqdeg_desktop.bank.wording import normalised
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import Modality


@pytest.fixture
def ask(tmp_path: Path):
    def make(name: str, image: np.ndarray, question: str = "What is shown?", *, quality: int = 0) -> Item:
        path = tmp_path / f"{name}.{'jpg' if quality else 'png'}"
        Image.fromarray(image).save(path, **({"quality": quality} if quality else {}))
        return Item(name, "s", name, Modality.ENDOSCOPY, question, {"A": "cyst", "B": "mass"}, "A", (str(path),))

    return make


def test_the_same_words_on_the_same_pixels_are_exact_duplicates(ask) -> None:
    one, two = ask("a", picture(1)), ask("b", picture(1), "  what is SHOWN ?? ")
    other = ask("c", picture(1), "How many vessels are visible here?")
    assert find_duplicates([one, two, other]) == [Duplicate("exact", ("a", "b"), "same question, options and pixels")]


def test_the_same_picture_saved_again_is_near_and_another_picture_is_not(ask) -> None:
    base = cv2.GaussianBlur(picture(2, side=128), (0, 0), 3)
    found = find_duplicates([ask("a", base), ask("b", base, quality=80), ask("c", np.rot90(base).copy())])
    assert [(d.kind, d.items) for d in found] == [("near", ("a", "b"))]
    assert "of 64 bits" in found[0].why


def test_nearly_the_same_wording_on_the_same_pixels_is_near(ask) -> None:
    found = find_duplicates([ask("a", picture(3), "What organ is shown?"), ask("b", picture(3), "What organs is shown?")])
    assert [(d.kind, d.items) for d in found] == [("near", ("a", "b"))]


def test_the_same_words_about_another_region_are_another_question(ask) -> None:
    left, right = ({"kind": "box", "points": [[4, 4], [20, 20]]}, {"kind": "box", "points": [[30, 4], [44, 20]]})
    one, two, again = (
        replace(ask(name, picture(6)), region=region) for name, region in zip("abc", (left, right, left), strict=True)
    )
    unmarked = ask("d", picture(6))
    assert [(d.kind, d.items) for d in find_duplicates([one, two, again, unmarked])] == [("exact", ("a", "c"))]


def test_an_unreadable_picture_is_no_duplicate_of_another_unreadable_one(tmp_path: Path, ask) -> None:
    items = [ask("a", picture(4)), ask("b", picture(5))]
    for item in items:
        Path(item.images[0]).write_bytes(b"no picture")
    assert find_duplicates(items) == []


def test_the_hash_follows_its_definition() -> None:
    ramp = np.tile(np.arange(0, 90, 10, dtype=np.uint8), (8, 1))
    assert difference_hash(ramp) == 0
    assert difference_hash(ramp[:, ::-1].copy()) == 2**64 - 1


def test_the_hash_survives_saving_scaling_and_brightness_and_tells_pictures_apart() -> None:
    rng = np.random.default_rng(4)
    pictures = [cv2.GaussianBlur(rng.uniform(0, 255, (160, 160)), (0, 0), 12) for _ in range(40)]
    pictures = [cv2.normalize(one, None, 20, 220, cv2.NORM_MINMAX).astype(np.uint8) for one in pictures]
    hashes = [difference_hash(one) for one in pictures]
    for one, hashed in zip(pictures, hashes, strict=True):
        jpeg = cv2.imdecode(cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], cv2.IMREAD_GRAYSCALE)
        small = cv2.resize(one, (96, 96), interpolation=cv2.INTER_AREA)
        for changed in (jpeg, small, (one * 0.9 + 20).astype(np.uint8)):
            assert (difference_hash(changed) ^ hashed).bit_count() <= NEAR_BITS
    apart = [(a ^ b).bit_count() for n, a in enumerate(hashes) for b in hashes[n + 1 :]]
    assert min(apart) > NEAR_BITS


def test_close_hashes_are_those_that_comparing_all_with_all_finds() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, (300, 2), np.uint64)
    hashes[:100, 0] &= np.uint64(0xFF)  # pictures with the same black corners
    for n in range(150, 300, 3):
        flips = np.bitwise_or.reduce(np.uint64(1) << rng.choice(64, rng.integers(0, 7), replace=False).astype(np.uint64))
        hashes[n] = hashes[n - 150] ^ flips
    parent = list(range(len(hashes)))

    def root(n: int) -> int:
        return n if parent[n] == n else root(parent[n])

    for a in range(len(hashes)):
        for b in range(a):
            if max((int(x) ^ int(y)).bit_count() for x, y in zip(hashes[a], hashes[b], strict=True)) <= NEAR_BITS:
                parent[root(a)] = root(b)
    expected: dict[int, list[int]] = {}
    for n in range(len(hashes)):
        expected.setdefault(root(n), []).append(n)
    found = [members.tolist() for members, _ in close_groups(hashes, NEAR_BITS)]
    assert sorted(found) == sorted(group for group in expected.values() if len(group) > 1)
    assert 20 < len(found) < 100


def test_copies_and_dense_clusters_come_as_one_group() -> None:
    rng = np.random.default_rng(1)
    copies = np.full((2000, 1), 2**32 - 1, np.uint64)
    dense = np.uint64(2**63) ^ (np.uint64(1) << rng.integers(0, 30, (2000, 1)).astype(np.uint64))
    ((first, none), (second, two)) = close_groups(np.concatenate([copies, dense]), NEAR_BITS)
    assert (len(first), none, len(second), two) == (2000, 0, 2000, 2)


def test_ten_times_the_hashes_cost_far_less_than_a_hundred_times_the_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    def counting(bits: np.ndarray) -> np.ndarray:
        nonlocal compared
        compared += len(bits)
        return count(bits)

    count = np.bitwise_count
    monkeypatch.setattr(np, "bitwise_count", counting)
    costs = []
    for rows in (2_000, 20_000):
        hashes = np.random.default_rng(2).integers(0, 2**64, (rows, 1), np.uint64)
        # As in medical pictures: a third of all bits are the same black margin, and one in ten has a near copy.
        hashes &= np.uint64(0x3C7E7E7E7E7E7E3C)
        hashes[-rows // 10 :] = hashes[: rows // 10] ^ (np.uint64(1) << np.uint64(9))
        compared = 0
        found = close_groups(hashes, NEAR_BITS)
        assert sum(len(members) for members, _ in found) >= rows // 5
        costs.append(compared)
    all_with_all = 20_000 * 19_999 / 2
    assert costs[1] < all_with_all / 50, "only what agrees in one of the sets of bits is compared"


def test_workers_find_what_is_found_here(ask) -> None:
    items = [ask(name, picture(n // 2)) for n, name in enumerate("abcdef")]
    Path(items[5].images[0]).write_bytes(b"no picture")
    assert find_duplicates(items, make_executor=here) == find_duplicates(items)
    assert [d.items for d in find_duplicates(items)] == [("a", "b"), ("c", "d")]


def test_the_same_file_under_two_windows_is_two_pictures(ask) -> None:
    item = ask("a", picture(1))
    other = replace(item, item_id="b", window=(100.0, 30.0))
    assert find_duplicates([item, other]) == []


def test_wording_is_compared_without_case_marks_and_width() -> None:
    assert normalised("What’s  the “Ｌiver”?\n") == "what s the liver"

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.image import MedicalImage, frozen
from medqdeg_desktop.engine.reading import read_series
from medqdeg_desktop.ui.viewer.frame_store import FrameAnswer, FrameStore


class Stack:
    """A series whose frames can be held back and counted."""

    series_id = "stack"

    def __init__(self, count: int, broken: tuple[int, ...] = ()) -> None:
        self.frame_count = count
        self.read: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self._broken = broken
        self._lock = threading.Lock()

    def frame(self, index: int) -> MedicalImage:
        with self._lock:
            self.read.append(index)
        assert self.gate.wait(10)
        if index in self._broken:
            raise UnreadableImageError("slice.dcm", "the pixel data ends early")
        return MedicalImage(frozen(np.full((64, 64), index, np.float32)), None, frame=index)


Answers = list[FrameAnswer]


@pytest.fixture
def make_store() -> Iterator[Callable[..., tuple[FrameStore, Answers]]]:
    stores: list[FrameStore] = []

    def make(**options: int) -> tuple[FrameStore, Answers]:
        answers: Answers = []
        store = FrameStore(answers.append, **options)
        stores.append(store)
        return store, answers

    yield make
    for store in stores:
        store.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "did not happen within ten seconds"
        time.sleep(0.002)


def test_the_frame_asked_for_comes_first_and_the_travel_direction_is_prefetched(make_store: Callable) -> None:
    store, answers = make_store(workers=1)
    stack = Stack(100)
    store.want(stack, 50, direction=-1)
    until(lambda: len(answers) == 12)
    assert stack.read[:4] == [50, 49, 48, 47]
    assert sorted(stack.read) == list(range(42, 54))
    image = store.cached("stack", 50)
    assert image is not None and float(image.pixels[0, 0]) == 50


def test_a_fast_scroll_leaves_no_queue_behind(make_store: Callable) -> None:
    store, answers = make_store(workers=1)
    stack = Stack(1000)
    stack.gate.clear()
    store.want(stack, 0)
    until(lambda: stack.read == [0])
    for position in range(0, 900, 3):
        store.want(stack, position)
    stack.gate.set()
    until(lambda: any(a.index == 897 for a in answers))
    assert stack.read[1] == 897, "the last position is decoded next, not what was scrolled past"


def test_memory_stays_within_the_limit_and_the_least_recently_seen_goes(make_store: Callable) -> None:
    frame_bytes = 64 * 64 * 4
    store, _ = make_store(limit_bytes=12 * frame_bytes, workers=2)
    stack = Stack(200)
    for position in (0, 20, 40, 60):
        store.want(stack, position)
        until(lambda p=position: store.cached("stack", p) is not None)
        until(lambda p=position: store.cached("stack", p + 8) is not None)
        assert store.cached_bytes <= 12 * frame_bytes
    assert store.cached("stack", 0) is None
    assert store.cached("stack", 60) is not None


def test_a_broken_frame_is_answered_with_its_reason_and_the_others_still_come(make_store: Callable) -> None:
    store, answers = make_store()
    stack = Stack(4, broken=(1,))
    store.want(stack, 0)
    until(lambda: len(answers) == 4)
    broken = next(a for a in answers if a.index == 1)
    assert broken.image is None and broken.error == "slice.dcm: the pixel data ends early"
    assert store.error("stack", 1) == broken.error
    store.want(stack, 0)
    time.sleep(0.05)
    assert stack.read.count(1) == 1, "prefetching does not try a broken frame again"
    store.want(stack, 1)
    until(lambda: stack.read.count(1) == 2)


def test_a_defect_in_a_decoder_costs_its_frame_and_not_the_thread(make_store: Callable) -> None:
    class Defective(Stack):
        def frame(self, index: int) -> MedicalImage:
            if index == 0:
                raise ZeroDivisionError
            return super().frame(index)

    store, answers = make_store(workers=1)
    store.want(Defective(3), 0)
    until(lambda: len(answers) == 3)
    assert "ZeroDivisionError" in next(a for a in answers if a.index == 0).error


def test_a_forgotten_series_gives_its_memory_back(make_store: Callable) -> None:
    store, answers = make_store()
    store.want(Stack(5), 2)
    until(lambda: len(answers) == 5)
    store.forget("stack")
    assert store.cached_bytes == 0
    assert store.cached("stack", 2) is None


def test_a_frame_on_its_way_when_its_series_is_forgotten_is_neither_kept_nor_answered(make_store: Callable) -> None:
    store, answers = make_store(workers=1)
    old, grown = Stack(1), Stack(1)
    old.gate.clear()
    store.want(old, 0)
    until(lambda: old.read == [0])
    # As when a series is found to have more slices: other slices under the same numbers.
    store.forget("stack")
    store.want(grown, 0)
    old.gate.set()
    until(lambda: bool(answers))
    assert [answer.series for answer in answers] == [grown] and grown.read == [0]
    assert answers[0].image is store.cached("stack", 0)


def test_a_frame_that_is_wanted_again_while_it_is_decoded_is_decoded_once(make_store: Callable) -> None:
    store, answers = make_store(workers=1)
    stack = Stack(1)
    stack.gate.clear()
    store.want(stack, 0)
    until(lambda: stack.read == [0])
    store.want(stack, 0)
    stack.gate.set()
    until(lambda: bool(answers))
    store.want(stack, 0)
    store.close()
    assert stack.read == [0] and len(answers) == 1


def test_real_slices_come_as_reading_gives_them(make_store: Callable, shared_data: Path) -> None:
    series = read_series(shared_data / "dicom" / "ct_series_uncompressed")
    store, answers = make_store()
    store.want(series, 5)
    until(lambda: len(answers) == 12)
    for answer in answers:
        assert answer.image is not None
        np.testing.assert_array_equal(answer.image.pixels, series.frame(answer.index).pixels)

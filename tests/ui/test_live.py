"""What is asked for and what is shown: the last request wins and only an exact answer to it may be confirmed."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QThread
from pytestqt.qtbot import QtBot

from medqdeg_desktop.engine.image import MedicalImage, Window, frozen, pixel_sha256
from medqdeg_desktop.engine.preview import PreviewResult
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.calibrate.live import LiveRender, Wanted
from medqdeg_desktop.ui.garbage import WindowThreadCollector
from medqdeg_desktop.ui.hop import Hop


def picture(side: int, seed: int = 0) -> MedicalImage:
    pixels = frozen(np.random.default_rng(seed).normal(0, 50, (side, side)).astype(np.float32))
    return MedicalImage(
        pixels, Modality.CT, unit="HU", window=Window(40, 400), value_range=(-160, 240), source_sha256=pixel_sha256(pixels)
    )


@pytest.fixture
def live(qtbot: QtBot) -> Iterator[LiveRender]:
    live = LiveRender()
    yield live
    live.close()


def test_the_last_of_many_requests_is_what_is_shown_in_the_end(live: LiveRender, qtbot: QtBot) -> None:
    shown: list[PreviewResult] = []
    live.shown.connect(shown.append)
    image = picture(512)
    for step in range(200):
        live.want(Wanted(image, "gaussian_blur", step / 200, (), 1), final=False)
    qtbot.waitUntil(lambda: live.confirmable is not None, timeout=10_000)
    assert shown[-1].severity == 199 / 200
    assert len(shown) < 100, "most were overtaken and never computed"
    assert [r.severity for r in shown] == sorted(r.severity for r in shown), "never back to an older one"


def test_a_large_frame_is_previewed_first_and_made_exact_when_the_hand_rests(live: LiveRender, qtbot: QtBot) -> None:
    shown: list[PreviewResult] = []
    live.shown.connect(shown.append)
    live.want(Wanted(picture(2048), "gaussian_blur", 0.5, (), 1), final=False)
    qtbot.waitUntil(lambda: bool(shown), timeout=10_000)
    assert shown[0].is_preview and live.confirmable is None
    qtbot.waitUntil(lambda: live.confirmable is not None, timeout=10_000)
    assert not shown[-1].is_preview and shown[-1].image.shape == (2048, 2048)


def test_a_slow_exact_picture_does_not_hold_up_the_next_move(live: LiveRender, qtbot: QtBot) -> None:
    image = picture(2048)
    held, release = threading.Event(), threading.Event()
    deliver = live._on_exact_elsewhere

    def slow(result: PreviewResult) -> None:
        held.set()
        assert release.wait(10)
        deliver(result)

    live._exact._on_result = slow
    live.want(Wanted(image, "gaussian_blur", 0.5, (), 1), final=True)
    qtbot.waitUntil(held.is_set, timeout=10_000)
    live.want(Wanted(image, "gaussian_blur", 0.7, (), 1), final=False)
    qtbot.waitUntil(lambda: live.result is not None and live.result.severity == 0.7, timeout=10_000)
    release.set()
    qtbot.waitUntil(lambda: live.confirmable is not None, timeout=10_000)
    assert live.confirmable is not None and live.confirmable.severity == 0.7, "the exact picture of 0.5 came too late"


def test_coming_back_to_a_place_whose_exact_picture_came_too_late_makes_it_again(live: LiveRender, qtbot: QtBot) -> None:
    image = picture(2048)
    held, release, delivered = threading.Event(), threading.Event(), threading.Event()
    deliver = live._on_exact_elsewhere

    def slow(result: PreviewResult) -> None:
        held.set()
        assert release.wait(10)
        deliver(result)
        delivered.set()

    live._exact._on_result = slow
    live._rest.setInterval(60_000)
    here, there = (Wanted(image, "gaussian_blur", severity, (), 1) for severity in (0.5, 0.7))
    live.want(here, final=True)
    qtbot.waitUntil(held.is_set, timeout=10_000)
    live.want(there, final=False)
    # The exact picture of the first place arrives while the hand is elsewhere, and is dropped.
    release.set()
    qtbot.waitUntil(delivered.is_set, timeout=10_000)
    qtbot.wait(50)
    live.want(here, final=True)
    qtbot.waitUntil(lambda: live.confirmable is not None, timeout=10_000)
    assert live.confirmable is not None and live.confirmable.severity == 0.5


def test_a_frame_that_needs_no_proxy_is_computed_once(live: LiveRender, qtbot: QtBot) -> None:
    shown: list[PreviewResult] = []
    live.shown.connect(shown.append)
    live.want(Wanted(picture(256), "gaussian_blur", 0.5, (), 1), final=True)
    qtbot.waitUntil(lambda: live.confirmable is not None, timeout=10_000)
    qtbot.wait(250)
    assert len(shown) == 1


def test_an_answer_is_not_confirmable_once_something_else_is_asked_for(live: LiveRender, qtbot: QtBot) -> None:
    image = picture(256)
    wanted = Wanted(image, "gaussian_noise", 0.5, (), 1)
    live.want(wanted, final=True)
    qtbot.waitUntil(lambda: live.confirmable is not None, timeout=10_000)
    for other in (
        Wanted(image, "gaussian_noise", 0.51, (), 1),
        Wanted(image, "gaussian_noise", 0.5, (("sigma", 0.1),), 1),
        Wanted(picture(256, seed=2), "gaussian_noise", 0.5, (), 1),
    ):
        live.want(other, final=False)
        assert live.confirmable is None
        qtbot.waitUntil(lambda: live.confirmable is not None, timeout=10_000)


def test_a_refusal_is_told_and_leaves_nothing_to_confirm(live: LiveRender, qtbot: QtBot) -> None:
    with qtbot.waitSignal(live.failed, timeout=10_000) as told:
        live.want(Wanted(picture(64), "gaussian_noise", 0.5, (("sigma", -3.0),), 1), final=True)
    assert "sigma" in told.args[0]
    assert live.confirmable is None


def test_posts_from_any_thread_run_in_order_on_the_windows_thread(qtbot: QtBot) -> None:
    hop = Hop()
    order: list[int] = []
    threads: list[bool] = []

    def work() -> None:
        for number in range(100):
            hop.post(lambda n=number: (order.append(n), threads.append(QThread.currentThread().isMainThread())))  # type: ignore[misc]

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert order == []
    qtbot.waitUntil(lambda: len(order) == 100)
    assert order == list(range(100)) and all(threads)
    hop.close()
    hop.post(lambda: order.append(-1))
    QCoreApplication.processEvents()
    assert -1 not in order


def test_cycles_are_collected_on_the_windows_thread_only(qtbot: QtBot) -> None:
    where: list[str] = []

    class Knot:
        def __init__(self) -> None:
            self.self = self

        def __del__(self) -> None:
            where.append(threading.current_thread().name)

    collector = WindowThreadCollector()
    try:
        assert not gc.isenabled()

        def allocate() -> None:
            Knot()
            keep = [[n] for n in range(5000)]
            del keep

        worker = threading.Thread(target=allocate)
        worker.start()
        worker.join()
        ballast = [[n] for n in range(20_000)]
        qtbot.waitUntil(lambda: bool(where), timeout=10_000)
        del ballast
    finally:
        collector.close()
    assert where == [threading.main_thread().name]
    assert gc.isenabled()

"""The live path: the latest request wins, proxies and fast forms are marked, errors come back as text, memory is bounded."""

from __future__ import annotations

import queue
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sample_frames import grey, phantom, texture

from medqdeg_desktop.engine import degradation as registry_module
from medqdeg_desktop.engine import projection
from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, Prepared, degrade
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.preview import PreviewResult, PreviewSession, state_bytes
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, DEGRADATION_TYPES, DegradationType, Modality


class Inbox:
    """Collects results; ``next`` waits for one."""

    def __init__(self) -> None:
        self.queue: queue.Queue[PreviewResult] = queue.Queue()
        self.session = PreviewSession(self.queue.put)

    def next(self) -> PreviewResult:
        return self.queue.get(timeout=20)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    box = Inbox()
    yield box
    box.session.close()


class _Probe(Degradation):
    """Adds ``amount``; can be held up, counts what it does, and has a fast form that adds ten times as much."""

    name = "probe"
    proxy_side = 64
    has_fast_form = True

    def __init__(self) -> None:
        self.prepared = 0
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()

    @property
    def type(self) -> DegradationType:
        return replace(DEGRADATION_BY_NAME["gaussian_noise"], name="probe")

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (Parameter("amount", "Amount", "", 0.0, 1.0, 0.0),)

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"amount": severity}

    def prepare(self, image: MedicalImage, seed: int) -> Any:
        self.prepared += 1
        if seed == 13:
            raise RuntimeError("unlucky")
        return {"pixels": image.pixels}

    def apply(self, state: Any, parameters: Parameters, seed: int) -> Pixels:
        self.started.set()
        assert self.gate.wait(20)
        out: Pixels = state["pixels"] + np.float32(parameters["amount"])
        return out

    def apply_fast(self, state: Any, parameters: Parameters, seed: int) -> Pixels:
        out: Pixels = state["pixels"] + np.float32(10 * float(parameters["amount"]))
        return out


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> _Probe:
    one = _Probe()
    monkeypatch.setitem(registry_module.registry(), "probe", one)
    monkeypatch.setitem(DEGRADATION_BY_NAME, "probe", one.type)
    return one


def test_a_final_request_is_the_exact_render_at_full_size(inbox: Inbox) -> None:
    image = phantom(Modality.ENDOSCOPY, 320)
    request = inbox.session.request(image, "motion_blur", 0.6, seed=5, final=True, tag="right pane")
    result = inbox.next()
    assert (result.request_id, result.tag, result.is_preview, result.error) == (request, "right pane", False, None)
    np.testing.assert_array_equal(result.pixels, degrade(image, "motion_blur", 0.6, seed=5).pixels)
    assert set(result.parameters) == {"length", "angle_deg"}
    assert result.seconds > 0


def test_overrides_are_rendered(inbox: Inbox) -> None:
    image = phantom(Modality.XRAY)
    inbox.session.request(image, "gaussian_noise", 0.3, {"sigma": 0.2}, seed=5, final=True)
    expected = degrade(image, "gaussian_noise", 0.3, seed=5, overrides={"sigma": 0.2}).pixels
    np.testing.assert_array_equal(inbox.next().pixels, expected)


def test_a_large_frame_is_shown_through_a_proxy_until_the_slider_is_released(inbox: Inbox) -> None:
    image = grey(texture(600, 1300), Modality.XRAY, spacing=(0.2, 0.2))
    inbox.session.request(image, "motion_blur", 0.6, final=False)
    proxy = inbox.next()
    assert proxy.is_preview
    assert proxy.image.shape == (236, 512)
    assert proxy.image.full_shape == (600, 1300)
    assert proxy.image.spacing == pytest.approx((0.2 * 600 / 236, 0.2 * 1300 / 512))
    inbox.session.request(image, "motion_blur", 0.6, final=True)
    full = inbox.next()
    assert not full.is_preview
    assert full.image.shape == (600, 1300)
    assert full.image.full_shape is None


def test_a_small_frame_needs_no_proxy(inbox: Inbox) -> None:
    inbox.session.request(phantom(Modality.XRAY), "gaussian_blur", 0.6, final=False)
    assert not inbox.next().is_preview


def test_severity_zero_hands_back_the_frame_itself_and_prepares_for_the_first_move(inbox: Inbox, probe: _Probe) -> None:
    image = phantom(Modality.XRAY)
    inbox.session.request(image, "probe", 0.0, final=False)
    result = inbox.next()
    assert result.image is image
    assert not result.is_preview
    deadline = time.monotonic() + 10
    while probe.prepared == 0 and time.monotonic() < deadline:
        time.sleep(0.005)
    inbox.session.request(image, "probe", 0.5, final=False)
    inbox.next()
    assert probe.prepared == 1


def test_the_latest_request_wins_and_the_running_one_is_still_delivered(inbox: Inbox, probe: _Probe) -> None:
    image = phantom(Modality.MRI, 48)
    probe.gate.clear()
    first = inbox.session.request(image, "probe", 0.1, final=True)
    assert probe.started.wait(10)
    later = [inbox.session.request(image, "probe", 0.1 + k / 100, final=True) for k in range(1, 50)]
    probe.gate.set()
    assert [inbox.next().request_id, inbox.next().request_id] == [first, later[-1]]
    time.sleep(0.05)
    assert inbox.queue.empty()


def test_the_fast_form_shows_while_dragging_and_the_exact_one_on_release(inbox: Inbox, probe: _Probe) -> None:
    image = phantom(Modality.MRI, 48)
    inbox.session.request(image, "probe", 0.5, final=False)
    fast = inbox.next()
    inbox.session.request(image, "probe", 0.5, final=True)
    exact = inbox.next()
    assert fast.is_preview
    assert not exact.is_preview
    np.testing.assert_allclose(fast.pixels - image.pixels, 5.0, atol=1e-3)
    np.testing.assert_allclose(exact.pixels - image.pixels, 0.5, atol=1e-3)


def test_a_state_is_prepared_once_for_a_frame_and_seed(inbox: Inbox, probe: _Probe) -> None:
    image = phantom(Modality.MRI, 48)
    for severity in (0.2, 0.4, 0.6):
        inbox.session.request(image, "probe", severity, seed=1, final=True)
        inbox.next()
    assert probe.prepared == 1
    inbox.session.request(image, "probe", 0.6, seed=2, final=True)
    inbox.next()
    assert probe.prepared == 2
    inbox.session.request(replace(image, value_range=(0.0, 1.0)), "probe", 0.6, seed=2, final=True)
    inbox.next()
    assert probe.prepared == 3, "strengths refer to the range: another range is another state"


def test_a_proxy_of_equal_pixels_lies_in_the_patient_as_its_own_file_says(inbox: Inbox) -> None:
    first = replace(grey(texture(600, 1300), Modality.XRAY), source_sha256="f00d", orientation=("R", "L", "H", "F"))
    corrected = replace(first, orientation=("L", "R", "H", "F"))
    for image in (first, corrected, first):
        inbox.session.request(image, "motion_blur", 0.6, final=False)
        shown = inbox.next().image
        assert shown.orientation == image.orientation and shown.full_shape == image.shape != shown.shape


@pytest.mark.parametrize("rows", [32, 700])
def test_frames_without_a_hash_are_not_mistaken_for_each_other(inbox: Inbox, rows: int) -> None:
    for value in np.linspace(10, 200, 12):
        # Each frame is dropped before the next is made, which may get its address.
        image = replace(grey(np.full((rows, 32), value)), source_sha256="")
        inbox.session.request(image, "motion_blur", 0.5, final=False)
        del image
        np.testing.assert_allclose(inbox.next().pixels, value, rtol=1e-5)


def test_a_mistake_comes_back_as_one_line_and_the_session_goes_on(inbox: Inbox, probe: _Probe) -> None:
    image = phantom(Modality.XRAY)
    for type_name, severity, overrides, seed, message in [
        ("sparkle", 0.5, {}, 0, "unknown degradation 'sparkle'"),
        ("gaussian_noise", 7.0, {}, 0, "severity 7.0 is outside 0 to 1"),
        ("gaussian_noise", 0.5, {"sigma": 9}, 0, "sigma: 9 is outside 0 to 1"),
        ("probe", 0.5, {}, 13, "probe: RuntimeError: unlucky"),
    ]:
        inbox.session.request(image, type_name, severity, overrides, seed, final=True)  # type: ignore[arg-type]
        result = inbox.next()
        assert result.error is not None
        assert message in result.error
        assert result.image is image
    inbox.session.request(image, "gaussian_noise", 0.5, final=True)
    assert inbox.next().error is None


def test_a_receiver_that_fails_does_not_end_the_session() -> None:
    arrived: queue.Queue[int] = queue.Queue()

    def receive(result: PreviewResult) -> None:
        arrived.put(result.request_id)
        raise ValueError("the window is gone")

    session = PreviewSession(receive)
    try:
        for _ in range(2):
            session.request(phantom(Modality.XRAY), "adjust_brightness", 0.5, final=True)
            arrived.get(timeout=10)
    finally:
        session.close()


def test_nothing_is_delivered_after_close(probe: _Probe) -> None:
    box = Inbox()
    probe.gate.clear()
    box.session.request(phantom(Modality.MRI, 48), "probe", 0.5, final=True)
    assert probe.started.wait(10)
    closing = threading.Thread(target=box.session.close)
    closing.start()
    time.sleep(0.05)
    probe.gate.set()
    closing.join(10)
    assert not closing.is_alive()
    assert box.queue.empty()


def test_states_are_dropped_by_bytes_the_least_recently_used_first(probe: _Probe) -> None:
    results: queue.Queue[PreviewResult] = queue.Queue()
    frames = [grey(texture(64, 64, seed)) for seed in range(4)]
    session = PreviewSession(results.put, cache_bytes=3 * frames[0].pixels.nbytes)
    try:
        for index in (0, 1, 2, 0, 3, 0, 1):
            session.request(frames[index], "probe", 0.5, final=True)
            results.get(timeout=10)
    finally:
        session.close()
    # 0, 1, 2 prepared; 0 used again; 3 drops 1; 0 is still there; 1 is prepared anew.
    assert probe.prepared == 5


def test_bytes_of_a_state_are_those_of_all_its_arrays() -> None:
    state = Prepared("gaussian_blur", grey(texture(256, 256)), 0).state
    assert state_bytes(state) == 256 * 256 * 4
    twice = np.zeros((3, 4))
    assert state_bytes([twice, {"again": twice}]) == 96
    assert state_bytes({"a": [np.zeros(10), (np.zeros(5, np.uint8),)], "b": "text"}) == 85


def test_after_every_type_on_large_frames_what_is_held_is_within_the_limit_and_no_frame_is_kept_alive() -> None:
    limit, side = 8 << 20, 1536
    results: queue.Queue[PreviewResult] = queue.Queue()
    session = PreviewSession(results.put, cache_bytes=limit)
    frames: list[weakref.ref[Any]] = []
    try:
        for number, kind in enumerate(DEGRADATION_TYPES):
            modality = kind.modalities[0] if kind.modalities else Modality.CT
            image = replace(grey(np.full((side, side), 40 + number, np.float32)), modality=modality)
            image = replace(image, source_sha256=str(number))
            frames.append(weakref.ref(image.pixels))
            for final in (False, True):
                session.request(image, kind.name, 0.5, final=final)
                assert results.get(timeout=60).error is None
            if number == 0:
                # While it is looked at, one state may be larger than all may be together: 9 MB a plane.
                assert session.held_bytes > limit
            del image
        session.forget()
        small = replace(grey(np.full((32, 32), 1, np.float32)), source_sha256="small")
        session.request(small, "gaussian_noise", 0.5, final=True)
        results.get(timeout=60)
        # Proxies of six frames are kept, of 4 MB each; no frame is.
        assert session._states.held_bytes <= limit and session.held_bytes <= limit + 6 * (4 << 20)
        del small
        assert [number for number, frame in enumerate(frames) if frame() is not None] == []
        assert projection._CACHE._bytes <= projection._CACHE._limit
    finally:
        session.close()


def test_a_state_too_large_by_itself_goes_when_nobody_looks_at_it_any_more(inbox: Inbox, probe: _Probe) -> None:
    session = PreviewSession(inbox.queue.put, cache_bytes=1000)
    session.request(grey(np.zeros((60, 60), np.float32)), "probe", 0.5, final=True)
    inbox.next()
    assert session.held_bytes > 1000, "a reader moves the slider of it"
    session.forget()
    deadline = time.monotonic() + 10
    while session.held_bytes and time.monotonic() < deadline:
        time.sleep(0.01)
    assert session.held_bytes == 0
    session.close()

"""Kernels measured: the first render and the slider step of every type, beside one pass over memory and beside peers.

    python -m tests.benchmarks.kernels [--grey 512 1024 2048] [--rgb 512 2048] [--types NAME ...] [--level L1|L2] [--seconds 0.4]

prepare   what is computed once for a frame and seed
first     the first render after that (caches of the frame cold)
step      median of further renders at severities around the level: what a slider step costs at full size
shown     the same through the proxy or the fast form that is shown while dragging
copy      step / one pass of the same array (numpy copyto, hot)
peer      the fastest importable library doing the same; in brackets its time / ours: a whole call (prepare + first), a step

One thread, processor time, which other programs on the machine disturb little. Medians of as many runs as fit into --seconds, at
least 5 (3 of a peer). Install the extra ``bench`` for the peers.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from medqdeg_desktop.engine.batch import one_thread
from medqdeg_desktop.engine.degradation import Prepared, parameters_at, registry
from medqdeg_desktop.engine.image import MedicalImage, Window, frozen
from medqdeg_desktop.engine.severity_path import L1_SEVERITY, L2_SEVERITY
from medqdeg_desktop.taxonomy import Modality
from tests.benchmarks.headline import headline
from tests.benchmarks.peers import peers_of

_SEED = 7
_PROJECTED = {"sparse_view", "limited_angle", "low_dose"}


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one type on one kind of frame."""

    prepare: float
    first: float
    step: float
    shown: float
    copy: float
    peer: str = ""
    peer_ms: float = 0.0


def frame(side: int, modality: Modality, *, rgb: bool) -> MedicalImage:
    """A smooth pattern with an object in a dark surround, in the values of ``modality``."""
    rng = np.random.default_rng(side)
    y, x = np.mgrid[:side, :side].astype(np.float32) / side * 2 - 1
    planes = []
    for _ in range(3 if rgb else 1):
        field = cv2.GaussianBlur(rng.standard_normal((side, side), dtype=np.float32), (0, 0), 3)
        planes.append(np.where(x * x + 1.4 * y * y < 0.8, 128 + 60 * field / field.std() / 2, 4 + np.abs(field)))
    if rgb:
        return MedicalImage(frozen(np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)), modality, "RGB")
    pixels = planes[0].astype(np.float32)
    if modality is Modality.CT:
        hu = frozen(np.where(pixels > 20, pixels - 90, -1000).astype(np.float32))
        return MedicalImage(hu, modality, "HU", (400 / side,) * 2, Window(40, 400), (-160.0, 240.0))
    return MedicalImage(frozen(pixels), modality, "", None, Window(127.5, 255), (0.0, 255.0))


def median_ms(call: Callable[[], Any], seconds: float, least: int = 5) -> float:
    """Median processor time of ``call`` in ms, over as many calls as fit into ``seconds``."""
    times: list[float] = []
    end = time.process_time() + seconds
    while len(times) < least or (time.process_time() < end and len(times) < 400):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def _around(name: str, severity: float, modality: Modality | None) -> list[dict[str, Any]]:
    """Complete parameters at severities around ``severity``: where a slider that is moved there comes past."""
    return [parameters_at(name, min(1.0, severity * f), modality, _SEED) for f in (0.9, 1.0, 1.1, 0.95, 1.05)]


def _stepper(prepared: Prepared, severity: float, *, fast: bool = False) -> Callable[[], Any]:
    """A call that renders at severities around ``severity``, another one each time."""
    around = _around(prepared.degradation.name, severity, prepared.image.modality)
    turn = iter(range(10**9))
    render = prepared.render_fast if fast else prepared.render
    return lambda: render(around[next(turn) % len(around)])


def measured(name: str, image: MedicalImage, severity: float, seconds: float, *, with_peers: bool) -> Cost:
    """The cost of type ``name`` on ``image``."""
    degradation = registry()[name]
    prepares, firsts = [], []
    parameters = parameters_at(name, severity, image.modality, _SEED)
    for _ in range(5):
        start = time.process_time()
        prepared = Prepared(name, image, _SEED)
        ready = time.process_time()
        prepared.render(parameters)
        firsts.append(time.process_time() - ready)
        prepares.append(ready - start)
    step = median_ms(_stepper(prepared, severity), seconds)
    dragged = image.proxy(degradation.proxy_side)
    shown = step
    if dragged is not image or degradation.has_fast_form:
        small = Prepared(name, dragged, _SEED)
        shown = median_ms(_stepper(small, severity, fast=degradation.has_fast_form), seconds)
    target = np.empty_like(image.pixels)
    copy = median_ms(lambda: np.copyto(target, image.pixels), 0.05)
    prepare, first = (1000 * statistics.median(values) for values in (prepares, firsts))
    peer, peer_ms = "", 0.0
    if with_peers:
        unit = image.pixels
        if not image.is_rgb:
            low, high = image.value_range
            unit = np.clip((image.pixels - low) / (high - low), 0, 1).astype(np.float32)
        calls = peers_of(name, unit, _around(name, severity, image.modality))
        times = {library: median_ms(call, seconds, least=3) for library, call in calls.items()}
        if times:
            peer, peer_ms = min(times.items(), key=lambda item: item[1])
    return Cost(prepare, first, step, shown, copy, peer, peer_ms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grey", type=int, nargs="*", default=[512, 1024, 2048])
    parser.add_argument("--rgb", type=int, nargs="*", default=[512, 2048])
    parser.add_argument("--types", nargs="*", default=list(registry()))
    parser.add_argument("--level", choices=["L1", "L2"], default="L2")
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    one_thread()
    severity = {"L1": L1_SEVERITY, "L2": L2_SEVERITY}[options.level]
    print(f"one thread, {options.level}, ms (median)")
    compared: dict[str, list[tuple[str, Cost]]] = {}
    for rgb, sides in ((False, options.grey), (True, options.rgb)):
        for side in sides:
            costs = _table(options.types, side, rgb, severity, options.seconds, peers=not options.no_peers)
            compared.setdefault("RGB 8-bit" if rgb else "grey float32", []).extend((n, c) for n, c in costs if c.peer)
    if any(compared.values()):
        _together(compared)


def _together(compared: dict[str, list[tuple[str, Cost]]]) -> None:
    """Prints geometric means over all sizes, by dtype and over everything."""
    print("\ntimes faster than the fastest peer, geometric mean over types and sizes")
    everything = [pair for pairs in compared.values() for pair in pairs]
    # Nobody else has a quick way from a frame to its projections and back: told apart, so that they carry no average.
    others = [pair for pair in everything if pair[0] not in _PROJECTED]
    for kind, pairs in (*compared.items(), ("everything", everything), ("everything but projections", others)):
        if not pairs:
            continue
        step = statistics.geometric_mean([c.peer_ms / c.step for _, c in pairs])
        whole = statistics.geometric_mean([c.peer_ms / (c.prepare + c.first) for _, c in pairs])
        print(f"{kind:28}{len(pairs):3} cells: slider step {step:5.1f}, whole call {whole:5.1f}")
        headline(
            f"{kind}: slider step against the fastest peers, {len(pairs)} cells, geometric mean", step, "times faster", ">= 5"
        )
        headline(f"{kind}: whole call against the same", whole, "times faster")
    slower = [
        f"{n} ({c.peer}) {c.step / c.peer_ms:.1f}" for _, pairs in compared.items() for n, c in pairs if c.step > 1.2 * c.peer_ms
    ]
    print(f"steps slower than 1.2 times the fastest peer: {', '.join(slower) or 'none'}")


def _table(names: list[str], side: int, rgb: bool, severity: float, seconds: float, *, peers: bool) -> list[tuple[str, Cost]]:
    """Prints one size, its last lines the means over all types and over those that a peer has too; returns its rows."""
    kind = "RGB" if rgb else "grey"
    print(f"\n{kind} {side} x {side}")
    print(f"{'type':24}{'prepare':>9}{'first':>8}{'step':>8}{'shown':>8}{'copy':>7}  peer")
    costs: list[Cost] = []
    measured_names: list[str] = []
    for name in names:
        modalities = registry()[name].type.modalities
        modality = modalities[0] if modalities else (Modality.ENDOSCOPY if rgb else Modality.ULTRASOUND)
        if name == "object_movement" and not rgb:
            modality = Modality.MRI
        if modality is Modality.HISTOPATHOLOGY and not rgb:
            continue
        cost = measured(name, frame(side, modality, rgb=rgb), severity, seconds, with_peers=peers)
        costs.append(cost)
        measured_names.append(name)
        beside = ""
        if cost.peer:
            whole, step = cost.peer_ms / (cost.prepare + cost.first), cost.peer_ms / cost.step
            beside = f"{cost.peer} {cost.peer_ms:.2f} ({whole:.1f}, {step:.1f})"
        ours = f"{cost.prepare:9.2f}{cost.first:8.2f}{cost.step:8.2f}{cost.shown:8.2f}{cost.step / cost.copy:7.1f}"
        print(f"{name:24}{ours}  {beside}", flush=True)
    print(f"{'mean':24}{'':9}{'':8}{statistics.mean(c.step for c in costs):8.2f}{statistics.mean(c.shown for c in costs):8.2f}")
    frame_kind = f"{kind} {side}"
    slowest, shown = max(zip(measured_names, costs, strict=True), key=lambda item: item[1].shown)
    headline(f"{frame_kind}: largest step while dragging ({slowest})", shown.shown, "ms", "<= 12")
    # A set takes both levels of a type from one preparation.
    counts = [registry()[name].type.published_count for name in measured_names]
    mix = sum(n * (c.prepare + c.first + c.step) / 2 for n, c in zip(counts, costs, strict=True)) / sum(counts)
    print(f"mean over the published mix, both levels of one preparation: {mix:.2f} ms a picture")
    headline(f"{frame_kind}: a picture of the published mix", mix, "ms", "< 4" if (side, rgb) == (512, False) else "")
    against = [c for c in costs if c.peer]
    if against:
        name, worst = min(
            ((n, c) for n, c in zip(measured_names, costs, strict=True) if c.peer),
            key=lambda item: item[1].peer_ms / item[1].step,
        )
        ratio = worst.step / worst.peer_ms
        headline(f"{frame_kind}: slowest beside its fastest peer ({name}, {worst.peer})", ratio, "of its time", "<= 1.2")
        whole = statistics.geometric_mean([c.peer_ms / (c.prepare + c.first) for c in against])
        step = statistics.geometric_mean([c.peer_ms / c.step for c in against])
        print(f"geometric mean against {len(against)} peers: whole call {whole:.1f}, slider step {step:.1f} times faster")
        headline(f"{frame_kind}: slider step against {len(against)} fastest peers, geometric mean", step, "times faster", ">= 5")
        headline(f"{frame_kind}: whole call against the same", whole, "times faster")
    return list(zip(measured_names, costs, strict=True))


if __name__ == "__main__":
    main()

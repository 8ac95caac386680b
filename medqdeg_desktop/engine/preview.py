"""The live path: one compute thread with a one-slot mailbox, where the latest request wins.

While a slider is dragged, requests come faster than large frames can be computed. A new request overwrites the one that waits;
the one being computed is finished and delivered (the picture on screen stays until then), so that what is shown is never older
than two computations. Frames larger than a degradation's ``proxy_side`` are shown through an area-averaged proxy until the
request is ``final``; what is confirmed or written is always the exact form at full size.

Prepared states (spectra, noise fields) are kept in a cache, least recently used first out, limited by bytes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

import numpy as np

from medqdeg_desktop.engine.degradation import Degradation, Parameters, ParameterValue, Prepared, find, parameters_at
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.memory import keep_freed_memory
from medqdeg_desktop.engine.severity_path import L1_SEVERITY
from medqdeg_desktop.errors import MedqdegError

_log = logging.getLogger(__name__)

DEFAULT_CACHE_BYTES: Final = 256 * 2**20
"""Forty slices of 512 x 512 with all that their types keep; or three frames of 2048 x 2048."""
_PROXIES_KEPT: Final = 6


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """One picture asked for. ``final``: the exact form at full size, else a proxy or a fast form may be delivered."""

    request_id: int
    image: MedicalImage
    type_name: str
    severity: float
    overrides: dict[str, ParameterValue]
    seed: int
    final: bool
    tag: Any = None


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """What came of a request.

    image       the degraded frame; of the proxy's shape and spacing, with ``full_shape`` set, when it is a proxy. On an error the
                frame that was asked for, undegraded.
    parameters  complete parameters of the render; empty at severity 0 without overrides, and on an error.
    is_preview  a proxy or a fast form: must not be confirmed.
    seconds     from taking the request up to its result.
    error       one line fit to be shown, or None.
    """

    request_id: int
    type_name: str
    severity: float
    image: MedicalImage
    parameters: dict[str, ParameterValue]
    is_preview: bool
    seconds: float
    error: str | None = None
    tag: Any = None

    @property
    def pixels(self) -> Pixels:
        return self.image.pixels


class PreviewSession:
    """Computes previews on a thread of its own and hands each result to ``on_result``, which is called on that thread.

    cache_bytes     memory that prepared states may take together; the one used last is kept whatever its size, until ``forget``.

    ``close`` ends the thread; nothing is delivered after it has returned.
    """

    def __init__(self, on_result: Callable[[PreviewResult], None], *, cache_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self._on_result = on_result
        self._states = _StateCache(cache_bytes)
        self._proxies: OrderedDict[Hashable, tuple[MedicalImage | None, MedicalImage]] = OrderedDict()
        self._mailbox: PreviewRequest | None = None
        self._last_id = 0
        self._closed = self._forgets = False
        self._wake = threading.Condition()
        keep_freed_memory()
        self._thread = threading.Thread(target=self._run, name="preview", daemon=True)
        self._thread.start()

    def request(
        self,
        image: MedicalImage,
        type_name: str,
        severity: float,
        overrides: Parameters | None = None,
        seed: int = 0,
        *,
        final: bool,
        tag: Any = None,
    ) -> int:
        """Asks for a picture, in place of any request still waiting, and returns its id. Never blocks on a computation."""
        with self._wake:
            self._last_id += 1
            self._mailbox = PreviewRequest(self._last_id, image, type_name, severity, dict(overrides or {}), seed, final, tag)
            self._wake.notify()
            return self._last_id

    def forget(self) -> None:
        """Nobody looks at the last picture any more: a state that alone takes more than all may is dropped."""
        with self._wake:
            self._forgets = True
            self._wake.notify()

    @property
    def held_bytes(self) -> int:
        """Bytes of the prepared states and proxies; for tests, since the thread may be about to change them."""
        proxies = [part for kept in self._proxies.values() for part in kept if part is not None]
        return self._states.held_bytes + state_bytes([image.pixels for image in proxies])

    def close(self) -> None:
        """Drops what waits, lets the running computation end and joins the thread."""
        with self._wake:
            self._closed = True
            self._mailbox = None
            self._wake.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._mailbox is None and not self._closed and not self._forgets:
                    self._wake.wait()
                if self._closed:
                    return
                request, self._mailbox = self._mailbox, None
                forgets, self._forgets = self._forgets, False
            if forgets:
                self._states.keep_within_limit()
            if request is not None:
                self._answer(request)
            # What this thread has in hand while it waits would stay in memory: two frames of the full size.
            del request

    def _answer(self, request: PreviewRequest) -> None:
        result = self._compute(request)
        if self._closed:
            return
        try:
            self._on_result(result)
        except Exception:
            _log.exception("the receiver of a preview failed")
        if result.error is None and not result.parameters:
            self._warm(request)

    def _compute(self, request: PreviewRequest) -> PreviewResult:
        start = time.perf_counter()

        def result(
            image: MedicalImage,
            parameters: dict[str, ParameterValue] | None = None,
            *,
            is_preview: bool = False,
            error: str | None = None,
        ) -> PreviewResult:
            seconds = time.perf_counter() - start
            return PreviewResult(
                request.request_id,
                request.type_name,
                request.severity,
                image,
                parameters or {},
                is_preview,
                seconds,
                error,
                request.tag,
            )

        try:
            degradation = find(request.type_name)
            modality = request.image.modality
            parameters = parameters_at(request.type_name, request.severity, modality, request.seed, request.overrides)
            if request.severity == 0 and not request.overrides:
                return result(request.image)
            source = request.image if request.final else self._proxy(request.image, degradation.proxy_side)
            prepared = self._prepared(degradation, source, request.seed)
            fast = degradation.has_fast_form and not request.final
            pixels = prepared.render_fast(parameters) if fast else prepared.render(parameters)
            return result(source.with_pixels(pixels), parameters, is_preview=fast or source is not request.image)
        except MedqdegError as error:
            return result(request.image, error=str(error))
        except Exception as error:
            _log.exception("preview of %s failed", request.type_name)
            return result(request.image, error=f"{request.type_name}: {type(error).__name__}: {error}")

    def _warm(self, request: PreviewRequest) -> None:
        """Prepares what the first move of the slider will need, while nobody waits."""
        with self._wake:
            if self._mailbox is not None or self._closed:
                return
        try:
            degradation = find(request.type_name)
            prepared = self._prepared(degradation, self._proxy(request.image, degradation.proxy_side), request.seed)
            if degradation.has_fast_form:
                # Its parts are made by the first picture that needs them.
                usual = parameters_at(request.type_name, L1_SEVERITY, request.image.modality, request.seed)
                prepared.render_fast(usual)
        except Exception:
            _log.exception("preparing %s failed; the next request will say why", request.type_name)

    def _proxy(self, image: MedicalImage, side: int) -> MedicalImage:
        if max(image.shape) <= side:
            return image
        key = (_identity(image), side)
        if key not in self._proxies:
            # A frame without a hash is kept beside its proxy: its address cannot stand for another frame as long as it lives.
            self._proxies[key] = (None if image.source_sha256 else image, image.proxy(side))
            while len(self._proxies) > _PROXIES_KEPT:
                self._proxies.popitem(last=False)
        self._proxies.move_to_end(key)
        small = self._proxies[key][1]
        # Files of equal pixels may lie differently in the patient, or have another window or overlay: that is the frame's own.
        return replace(image, pixels=small.pixels, spacing=small.spacing, full_shape=small.full_shape)

    def _prepared(self, degradation: Degradation, image: MedicalImage, seed: int) -> Prepared:
        key = (_identity(image), image.shape, degradation.name, seed)
        return self._states.get(key, lambda: Prepared(degradation.name, image, seed))


def _identity(image: MedicalImage) -> Hashable:
    """What a state of ``image`` depends on besides its shape: the decoded pixels, and how they are to be understood."""
    # An image that was made in memory may carry no hash; the caches hold it, so that its address is not given away again.
    pixels: Hashable = image.source_sha256 or id(image.pixels)
    return (pixels, image.frame, image.modality, image.unit, image.value_range, image.inverted, image.spacing)


class _StateCache:
    """Prepared states, the least recently used dropped first once they take more than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[Hashable, Prepared] = OrderedDict()
        self._sizes: dict[Hashable, dict[int, int]] = {}
        self._used: Hashable = None

    def get(self, key: Hashable, make: Callable[[], Prepared]) -> Prepared:
        if key not in self._entries:
            self._entries[key] = make()
        self._entries.move_to_end(key)
        # The one used last is measured again: states grow as they are used (coarse copies, spectra of another padding).
        for changed in {key, self._used} & self._entries.keys():
            self._sizes[changed] = _array_sizes(self._entries[changed].state)
        self._used = key
        self._drop_down_to(1)
        return self._entries[key]

    def keep_within_limit(self) -> None:
        """Also the state used last goes where it is too large by itself."""
        if self._used in self._entries:
            self._sizes[self._used] = _array_sizes(self._entries[self._used].state)
        self._drop_down_to(0)

    @property
    def held_bytes(self) -> int:
        return _together(self._sizes.values())

    def _drop_down_to(self, fewest: int) -> None:
        while len(self._entries) > fewest and self.held_bytes > self._limit:
            dropped, _ = self._entries.popitem(last=False)
            del self._sizes[dropped]


def state_bytes(state: Any) -> int:
    """Bytes of the arrays that ``state`` holds, each counted once, through dataclasses, mappings and sequences."""
    return _together([_array_sizes(state)])


def _array_sizes(state: Any) -> dict[int, int]:
    """Bytes of the arrays that ``state`` holds, by address; the largest of those that begin together."""
    sizes: dict[int, int] = {}
    for array in _arrays(state):
        address = int(array.__array_interface__["data"][0])
        sizes[address] = max(array.nbytes, sizes.get(address, 0))
    return sizes


def _together(states: Iterable[dict[int, int]]) -> int:
    """Bytes of several states; what they share (the frame) once."""
    whole: dict[int, int] = {}
    for sizes in states:
        whole |= sizes
    return sum(whole.values())


def _arrays(state: Any) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(state, np.ndarray):
        yield state
        return
    parts: Iterable[Any] = ()
    if is_dataclass(state) and not isinstance(state, type):
        # Cached properties are no fields, but lie in the instance's dictionary beside them.
        parts = vars(state).values() if hasattr(state, "__dict__") else [getattr(state, f.name) for f in fields(state)]
    elif isinstance(state, dict):
        parts = state.values()
    elif isinstance(state, tuple | list):
        parts = state
    for part in parts:
        yield from _arrays(part)

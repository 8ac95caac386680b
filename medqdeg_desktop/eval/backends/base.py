"""What the runner asks of a backend, and what a backend may say back.

A backend answers a batch of requests and raises one of three errors for what it could not do: ``TransientError`` (ask
again), ``PermanentError`` (this request never works, the others may), ``FatalError`` (no request will work; the run stops
and says why). A reply that came is a reply, whatever it says: refusals and moderation are answers, not errors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.questions import Question

Mode = Literal["vote", "option", "verbal"]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How replies are made. Sampling is plain: ``top_p`` 1 and no ``top_k``, whatever a model's own configuration says."""

    mode: Mode = "vote"
    temperature: float = 1.0
    max_tokens: int = 64
    top_p: float = 1.0
    top_k: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One question in the words of ``prompt``, for ``trials``. ``options`` are as shown (they may be rotated)."""

    question: Question
    prompt: str
    options: dict[str, str]
    trials: tuple[int, ...]
    with_images: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """One trial's reply. ``probabilities`` (exact mode) are over the letters as shown and sum to 1."""

    trial: int
    text: str
    probabilities: dict[str, float] | None = None
    refused: bool = False
    detail: dict[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    """Answers requests. ``batch_size`` requests make a call; ``concurrency`` calls may be under way, at first and at most."""

    batch_size: int
    concurrency: tuple[int, int]

    @property
    def facts(self) -> dict[str, Any]:
        """What of this backend can change an answer; part of the run's identity."""
        ...

    @property
    def random_weights(self) -> bool: ...

    @property
    def length(self) -> Callable[[Request], int] | None:
        """How long a request is in tokens, where batches should hold requests of like length; else None."""
        ...

    async def prepare(self, sample: Sequence[Request]) -> list[str]:
        """Called once before the first call, with a few requests to try things on; returns warnings to show."""
        ...

    async def answer(self, requests: Sequence[Request]) -> list[list[Reply]]:
        """A list of replies for each request. Trials that are missing from it are asked again."""
        ...

    async def close(self) -> None: ...


class TransientError(Exception):
    """Asking again may work. ``retry_after`` is the server's own wish in seconds; ``congested`` asks for fewer calls at once."""

    def __init__(self, reason: str, *, kind: str, retry_after: float | None = None, congested: bool = False) -> None:
        super().__init__(reason)
        self.kind = kind
        self.retry_after = retry_after
        self.congested = congested


class PermanentError(Exception):
    """Asking again gives the same error; ``kind`` names it in the progress and in the study."""

    def __init__(self, reason: str, *, kind: str) -> None:
        super().__init__(reason)
        self.kind = kind


class FatalError(MedqdegError):
    """Nothing can be asked of this model as it stands: wrong key, unknown model, no log probabilities."""


class LimitReached(FatalError):  # noqa: N818 - what a person asked for came true
    """What a person allowed is used up: nothing more is asked, calls under way are waited for, what came stands."""


def trial_seed(run_seed: str, key: str, trial: int) -> int:
    """A 63-bit seed of (run, question, trial): a resumed run draws what an undisturbed one would have drawn, in any order."""
    digest = hashlib.sha256(f"{run_seed}\0{key}\0{trial}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def image_facts(question: Question) -> dict[str, Any]:
    """Hash and size of what is shown to the model, for the answer's record."""
    return {
        "sha256": [image.sha256 for image in question.images],
        "size": [[image.width, image.height] for image in question.images],
    }

"""What the engine refuses, as two exception types whose text is fit to be shown to a user."""

from __future__ import annotations

from medqdeg_desktop.errors import MedqdegError


class EngineError(MedqdegError, ValueError):
    """Base of everything the engine raises on purpose; ``str(error)`` is one line that names the cause."""


class UnreadableImageError(EngineError):
    """A file that cannot or must not be decoded. ``path`` and ``reason`` are kept apart for lists of refused files."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = " ".join(reason.split())
        super().__init__(f"{path}: {self.reason}")

    def __reduce__(self) -> tuple[type[UnreadableImageError], tuple[str, str]]:
        return type(self), (self.path, self.reason)


class DegradationError(EngineError):
    """An unknown type or parameter, a value outside its range, or a type that the modality does not suit."""

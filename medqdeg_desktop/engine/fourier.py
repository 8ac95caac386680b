"""``scipy.fft``, loaded when the first transform is asked for: it takes as long to import as all the rest of the engine."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """The function ``name`` of ``scipy.fft``."""
    if name.startswith("__"):
        raise AttributeError(name)
    import scipy.fft

    function = getattr(scipy.fft, name)
    globals()[name] = function
    return function

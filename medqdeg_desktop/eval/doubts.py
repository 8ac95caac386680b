"""What makes the numbers of a run doubtful, noticed while it runs and said once.

Two things look like findings and are faults of the set-up: a server that does not sample (every trial the same, so C = 1),
and exact probabilities of a model that does not want to begin with a letter (the letters share a sliver of the probability).
"""

from __future__ import annotations

from medqdeg_desktop.eval.backends.base import Reply
from medqdeg_desktop.eval.plan import EvaluateOptions

_REPEATS = 40
_MASSES = 20
_LITTLE_MASS = 0.5


class Doubts:
    """Fed with every reply; ``seen`` returns a warning, each at most once, or ""."""

    def __init__(self, options: EvaluateOptions) -> None:
        self._compares = options.mode == "vote" and options.temperature > 0 and options.trial_count > 1
        self._first: dict[str, str] = {}
        self._repeats = 0
        self._masses: list[float] = []

    def seen(self, key: str, reply: Reply) -> str:
        """``key`` names the question that ``reply`` belongs to."""
        if self._compares:
            return self._repeated(key, reply.text)
        mass = reply.detail.get("option_mass")
        if mass is None or len(self._masses) >= _MASSES:
            return ""
        self._masses.append(float(mass))
        mean = sum(self._masses) / len(self._masses)
        if len(self._masses) < _MASSES or mean >= _LITTLE_MASS:
            return ""
        return f"the option letters share only {mean:.0%} of the probability; the model would rather begin with something else"

    def _repeated(self, key: str, text: str) -> str:
        if key not in self._first:
            self._first[key] = text
            return ""
        if self._first[key] == text:
            self._repeats += 1
        if self._first[key] != text or self._repeats >= _REPEATS:
            self._compares = False
            self._first.clear()
        if self._repeats < _REPEATS:
            return ""
        return "every trial so far repeated its question's first reply; a server that does not sample shows the same, and C = 1"

"""What a run is and what it still has to ask: its options, its identity, and the requests that are missing.

A run's id is the hash of all that can change an answer (dataset, model, words, decoding, precision, versions), so that the
same command finds the same run again and goes on with what is missing; one change of these makes another run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.backends.base import Decoding, Mode, Request
from medqdeg_desktop.eval.parsing import PARSER_VERSION
from medqdeg_desktop.eval.prompts import PromptName, prompt_hash, prompt_text, rotated
from medqdeg_desktop.eval.questions import Question
from medqdeg_desktop.eval.spec import ModelSpec
from medqdeg_desktop.study.records import Run

#: T where none is named: in paper mode that of the published calibration, so that confidence and accuracy come of one run.
DEFAULT_TRIALS: dict[Mode, int] = {"vote": 10, "option": 10, "verbal": 1}


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """How to evaluate. ``trials`` None is the mode's own number; ``limit`` counts items, each with all of its levels.

    ``text_only`` leaves the images out, which shows what the words alone answer. ``rotate_options`` shows the options of
    trial t moved by t places, which takes a preference for a position out of the mean. ``max_cost`` is the most that the run may
    cost, ``price`` what a million tokens (input, output) cost where the listed price is not the site's.
    """

    mode: Mode = "vote"
    trials: int | None = None
    temperature: float = 1.0
    max_tokens: int = 64
    limit: int | None = None
    text_only: bool = False
    rotate_options: bool = False
    allow_hosts: tuple[str, ...] = ()
    allow_plain_http: tuple[str, ...] = ()
    trust_remote_code: bool = False
    precision: str = "auto"
    batch_size: int | None = None
    concurrency: int = 16
    max_cost: float | None = None
    price: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name, value in (("trials", self.trials), ("limit", self.limit), ("batch size", self.batch_size)):
            if value is not None and value < 1:
                raise MedqdegError(f"{name} must be at least 1, not {value}")
        if self.max_tokens < 1 or self.concurrency < 1:
            raise MedqdegError("max tokens and concurrency must be at least 1")
        if self.max_cost is not None and self.max_cost <= 0:
            raise MedqdegError(f"the limit of cost must be above 0, not {self.max_cost:g}")
        if self.price is not None and min(self.price) < 0:
            raise MedqdegError("a price is not negative")
        if not 0.0 <= self.temperature <= 5.0:
            raise MedqdegError(f"temperature must lie in 0 to 5, not {self.temperature}")

    @property
    def trial_count(self) -> int:
        """T of the run: replies per question, or in exact mode the T that confidence is stated for."""
        return self.trials or DEFAULT_TRIALS[self.mode]

    @property
    def decoding(self) -> Decoding:
        return Decoding(self.mode, self.temperature, self.max_tokens)

    @property
    def prompt_name(self) -> PromptName:
        return "verbal" if self.mode == "verbal" else "direct"

    def passes(self, question: Question) -> int:
        """Answers kept for ``question``: T of them, or one pass in exact mode (one for each rotation)."""
        if self.mode == "option":
            return len(question.options) if self.rotate_options else 1
        return self.trial_count


def settings_asked(options: EvaluateOptions) -> dict[str, Any]:
    """What tells one way of asking from another, of a run's settings; the model adds what it says of itself."""
    decoding = options.decoding
    return {
        "prompt": prompt_hash(options.prompt_name),
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "top_k": decoding.top_k,
        "max_tokens": 1 if options.mode == "option" else decoding.max_tokens,
        "text_only": options.text_only,
        "rotate_options": options.rotate_options,
    }


def run_of(
    spec: ModelSpec, options: EvaluateOptions, dataset_sha256: str, dataset_path: str, facts: dict[str, Any], random_weights: bool
) -> Run:
    """The run that these settings make, with its id."""
    settings: dict[str, Any] = {**settings_asked(options), **facts}
    identity = {
        "model": spec.stable_name,
        "mode": options.mode,
        "trials": options.trial_count,
        "dataset": dataset_sha256,
        "settings": settings,
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return Run(
        run_id=hashlib.sha256(text.encode()).hexdigest()[:32],
        model=spec.stable_name,
        label=_label(spec, options, facts),
        mode=options.mode,
        trials=options.trial_count,
        dataset_sha256=dataset_sha256,
        dataset_path=dataset_path,
        settings=settings,
        random_weights=random_weights,
        parser=PARSER_VERSION,
        spec=spec.remembered,
    )


def _label(spec: ModelSpec, options: EvaluateOptions, facts: dict[str, Any]) -> str:
    """The name in charts: another precision, and questions asked in another way, are another model there."""
    # What "auto" became counts as well: on a graphics card it is another precision than on a processor, where it is float32.
    loaded = str(facts.get("precision", options.precision))
    marks = [loaded] if spec.kind == "local" and (options.precision != "auto" or loaded not in ("auto", "float32")) else []
    marks += ["quantised"] if facts.get("quantised") else []
    marks += ["text only"] if options.text_only else []
    marks += ["rotated options"] if options.rotate_options else []
    return f"{spec.label} ({', '.join(marks)})" if marks else spec.label


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with the map from the letters it shows to the question's own, and how far the options were moved."""

    request: Request
    own_letter: dict[str, str]
    shift: int = 0


@dataclass(slots=True)
class Work:
    """Requests that a run still needs, made one question at a time; ``answered`` are (file name, trial) of what stands."""

    options: EvaluateOptions
    answered: Collection[tuple[str, int]] = field(default_factory=frozenset)

    def missing(self, questions: Iterable[Question]) -> Iterator[Asked]:
        for question in questions:
            trials = [t for t in range(self.options.passes(question)) if (question.key, t) not in self.answered]
            if not trials:
                continue
            if not self.options.rotate_options:
                yield self._asked(question, tuple(trials), 0)
                continue
            for trial in trials:
                yield self._asked(question, (trial,), trial % len(question.options))

    def _asked(self, question: Question, trials: tuple[int, ...], shift: int) -> Asked:
        shown, own = rotated(question.options, shift)
        prompt = prompt_text(question.text, shown, self.options.prompt_name)
        return Asked(Request(question, prompt, shown, trials, not self.options.text_only), own, shift)

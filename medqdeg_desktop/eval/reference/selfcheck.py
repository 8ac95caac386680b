"""Whether this installation computes what it should: the reference model's option probabilities against stored ones.

Eight pictures of 128 pixels, one of each modality, ship as PNG with every question about them and the log probability of each
option, as float32 on a processor gave them. The check asks the same questions through the same backend that evaluates models.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.engine import png
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.eval.backends.base import Decoding, Request
from medqdeg_desktop.eval.prompts import prompt_text
from medqdeg_desktop.eval.questions import Question, QuestionImage
from medqdeg_desktop.eval.reference import pictures
from medqdeg_desktop.samples.questions import questions_about
from medqdeg_desktop.shipped import shipped

MODEL: Final = "reference_model/medqdeg-reference"
CHECK: Final = "reference_model/check"
#: Largest difference of a log probability that each number format may show. bfloat16 keeps 8 bits of a number, float16 11.
TOLERANCES: Final = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.25}
_ANSWERS = "answers.json"


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """``widest`` difference of a log probability over ``questions`` questions, beside the ``tolerance`` of ``precision``."""

    questions: int
    widest: float
    tolerance: float
    precision: str
    load_seconds: float
    seconds: float

    @property
    def passed(self) -> bool:
        return self.widest <= self.tolerance


def check(model: Path | None = None, folder: Path | None = None) -> SelfCheck:
    """Asks the shipped model (or ``model``) the questions stored in ``folder``.

    Raises MedqdegError where the model is missing or cannot be opened, or a picture is not the stored one.
    """
    model, folder = model or shipped(MODEL), folder or shipped(CHECK)
    stored = json.loads((folder / _ANSWERS).read_text("utf-8"))
    with contextlib.suppress(ImportError):
        # Seconds of the libraries' own import are none of the model's; where they are missing, opening the model says so.
        from transformers import AutoModelForImageTextToText, AutoProcessor  # noqa: F401
    started = time.monotonic()
    backend = _backend(model, "auto")
    loaded = time.monotonic()
    asked = [_question(folder, entry) for entry in stored]
    found = _asked(backend, asked)
    widest = max(
        abs(found[k][letter] - expected) for k, entry in enumerate(stored) for letter, expected in entry["log_p"].items()
    )
    precision = str(backend.facts["precision"])
    return SelfCheck(
        len(asked),
        widest,
        TOLERANCES.get(precision, TOLERANCES["bfloat16"]),
        precision,
        loaded - started,
        time.monotonic() - loaded,
    )


def store(model: Path, folder: Path, first_seed: int = pictures.VALIDATION_SEEDS) -> None:
    """Writes pictures and float32 log probabilities of ``model`` to ``folder``; the seeds are validation's."""
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, Any]] = []
    for seed in range(first_seed, first_seed + len(pictures.MODALITIES)):
        phantom = pictures.draw(seed)
        modality = phantom.image.modality
        assert modality is not None
        data = png.write(folder / f"{seed}.png", pictures.shown(phantom.image, seed))
        for question in questions_about(modality, phantom.truth, generator(seed, "wrong options")):
            options, answer = question.arranged(generator(seed, f"options {question.kind}"))
            entries.append(
                {
                    "image": f"{seed}.png",
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "question": question.text,
                    "options": options,
                    "answer": answer,
                }
            )
    answers = _asked(_backend(model, "float32"), [_question(folder, entry) for entry in entries])
    for entry, log_p in zip(entries, answers, strict=True):
        entry["log_p"] = {letter: round(value, 6) for letter, value in log_p.items()}
    text = json.dumps(entries, indent=1, ensure_ascii=False) + "\n"
    (folder / _ANSWERS).write_text(text, "utf-8", newline="\n")


def _backend(model: Path, precision: str) -> Any:
    from medqdeg_desktop.eval.backends.local import LocalBackend

    return LocalBackend(model, Decoding("option"), "self-check", precision=precision)


def _question(folder: Path, entry: dict[str, Any]) -> Question:
    image = QuestionImage(folder / entry["image"], entry["sha256"], pictures.SIDE, pictures.SIDE)
    return Question(entry["image"], entry["image"], "L0", entry["question"], entry["options"], entry["answer"], (image,))


def _asked(backend: Any, questions: list[Question]) -> list[dict[str, float]]:
    """Log probability of each option of each question."""
    wanted = [Request(q, prompt_text(q.text, q.options), q.options, (0,)) for q in questions]

    async def answered() -> list[Any]:
        try:
            return list(await backend.answer(wanted))
        finally:
            await backend.close()

    replies = asyncio.run(answered())
    # Probabilities of options that were all but ruled out differ by rounding alone; below one in a million they count as that.
    return [{letter: math.log(max(p, 1e-6)) for letter, p in row[0].probabilities.items()} for row in replies]

"""The words a model is given, and their hash.

The direct prompt is MedQ-Deg's (VLMEvalKit, ``medq_deg_bench.py``): the image or images, then the question, an empty
line, a line for each option, an empty line, one sentence. No system prompt, no chain of thought. The verbal prompt asks
for the answer first and the stated probability second, because a number given first steers the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

PromptName = Literal["direct", "verbal"]

DIRECT_INSTRUCTION = "Answer with the option letter from the given choices directly."
VERBAL_INSTRUCTION = (
    "Answer with exactly two lines:\nAnswer: <letter>\nConfidence: <0-100, your probability that the answer is correct>"
)
_INSTRUCTIONS: dict[PromptName, str] = {"direct": DIRECT_INSTRUCTION, "verbal": VERBAL_INSTRUCTION}


def prompt_text(question: str, options: Mapping[str, str], name: PromptName = "direct") -> str:
    """The text that follows the images. ``options`` maps letters to texts in the order they are shown."""
    lines = "\n".join(f"{letter}. {text}" for letter, text in options.items())
    return f"{question}\n\n{lines}\n\n{_INSTRUCTIONS[name]}"


def prompt_hash(name: PromptName = "direct") -> str:
    """SHA-256 of the prompt with placeholders: two runs with the same hash asked in the same words."""
    template = prompt_text("{question}", {"{letter}": "{text}"}, name)
    return hashlib.sha256(f"images first\n{template}".encode()).hexdigest()


def rotated(options: Mapping[str, str], shift: int) -> tuple[dict[str, str], dict[str, str]]:
    """Options with their texts moved ``shift`` places down the letters, and the map from a shown letter to its own.

    Asking once for each shift and averaging takes a model's preference for a position out of its answers.
    """
    letters = list(options)
    source = [letters[(i - shift) % len(letters)] for i in range(len(letters))]
    shown = {letter: options[own] for letter, own in zip(letters, source, strict=True)}
    return shown, dict(zip(letters, source, strict=True))

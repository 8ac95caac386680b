"""What the words of a question tell: its options where they stand inside it, and the modality where it is named."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.taxonomy import Modality

_CHOICES = re.compile(r"\s*\b(?:Answer Choices|Options|Choices)\s*:\s*(?=\(?[Aa]\b)", re.IGNORECASE)
_EITHER = re.compile(r"\b([a-z][a-z-]*) or (?:the |a |an |more |to )?([a-z][a-z-]*)\b", re.IGNORECASE)
_NAMED: Final = {
    Modality.OCT: r"\bOCT\b|optical coherence tomograph",
    Modality.CT: r"\b(?:HR)?CTA?\b|computed tomograph|CAT scan",
    Modality.MRI: r"\bMR[IA]?\b|magnetic resonance|\bT[12][- ]weighted",
    Modality.XRAY: r"x-?rays?\b|radiograph|roentgenogra|mammogra|\bCXR\b",
    Modality.ULTRASOUND: r"ultraso|sonogra|echocardiogra",
    Modality.DERMOSCOPY: r"derm(?:at)?oscop",
    Modality.HISTOPATHOLOGY: r"histolog|histopatholog|photomicrograph|hematoxylin|\bH ?& ?E\b|biopsy specimen",
    Modality.ENDOSCOPY: r"endoscop|colonoscop|bronchoscop|laryngoscop",
    Modality.FUNDUS: r"\bfundus\b|fundoscop|funduscop|retinal photograph",
}
_PATTERNS = {modality: re.compile(text, re.IGNORECASE) for modality, text in _NAMED.items()}


def normalised(text: str) -> str:
    """Letters and digits in one case with single spaces: what a wording is compared by."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


def as_asked(question: str, options: Iterable[str]) -> str:
    """What two questions have in common that ask the same: the words of the question, and of the options in any order."""
    return "\x1f".join([normalised(question), *sorted(normalised(text) for text in options)])


def without_options(question: str, offered: Mapping[str, str]) -> str:
    """``question`` without the list of its options at the end, where it holds one: models are shown the options once.

    RowError where the list inside differs from the options of the row: one of them is wrong.
    """
    found = list(_CHOICES.finditer(question))
    if not found:
        return question
    listed = normalised(question[found[-1].end() :])
    if listed != normalised(" ".join(f"{letter} {text}" for letter, text in offered.items())):
        raise RowError("the options listed in the question are not the options of the row")
    return question[: found[-1].start()].rstrip()


def modality_named(question: str) -> Modality | None:
    """The modality that ``question`` names; None where it names none or several."""
    named = [modality for modality, pattern in _PATTERNS.items() if pattern.search(question)]
    return named[0] if len(named) == 1 else None


def closed_options(question: str, answer: str) -> tuple[dict[str, str], str]:
    """(options, letter of the answer) of a closed question that comes without options.

    Yes or no; or the two words of "smaller or larger", where the answer is one of them. RowError for anything else: options
    that a person did not write would make another question.
    """
    said = normalised(answer)
    if said in ("yes", "no"):
        return {"A": "Yes", "B": "No"}, "A" if said == "yes" else "B"
    for pair in _EITHER.finditer(question):
        words = [normalised(word) for word in pair.groups()]
        if words.count(said) == 1:
            return {"A": pair[1], "B": pair[2]}, "AB"[words.index(said)]
    if not said:
        raise RowError("answer is missing")
    raise RowError(f"open answer {answer!r}: the question offers nothing to choose from")

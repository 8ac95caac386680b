"""Questions about phantoms, whose answers are known by construction.

``questions_about`` puts every question that a phantom can be asked. A question has a ``kind``, by which results are broken down
and by which a kind that a model cannot learn is left out: modality, region, finding, presence, count, side, eye, appearance,
heart, cup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from medqdeg_desktop.taxonomy import Modality

MODALITY_NAMES: Final = (
    "CT", "MRI", "X-ray", "Ultrasound", "Histopathology", "Dermoscopy", "Endoscopy", "Fundus photography",
)  # fmt: skip
REGIONS: Final = ("Abdomen", "Head", "Chest", "Heart", "Knee", "Hand", "Skin", "Colon", "Retina")
NO_LESION: Final = "No focal lesion"
#: Cup-to-disc ratio, and width of the silhouette beside the usual one, from which on the answer is "enlarged".
ENLARGED_CUP, ENLARGED_HEART = 0.65, 1.15

_SIDES: Final = {"right": "The patient's right side", "left": "The patient's left side", "none": "Neither side"}
_APPEARANCES: Final = ("Symmetric with one colour", "Asymmetric with several colours")

_REGION_OF: Final = {
    Modality.CT: "Abdomen",
    Modality.MRI: "Head",
    Modality.XRAY: "Chest",
    Modality.ULTRASOUND: "Abdomen",
    Modality.DERMOSCOPY: "Skin",
    Modality.ENDOSCOPY: "Colon",
    Modality.FUNDUS: "Retina",
}
#: What may be found in pictures of a modality: its name among other findings, and the yes-or-no question about it.
FINDINGS: Final = {
    Modality.CT: ("Hypodense liver lesion", "Does the liver show a hypodense lesion?"),
    Modality.MRI: ("Ring-enhancing brain lesion", "Does the brain show a ring-enhancing lesion?"),
    Modality.XRAY: ("Round lung opacity", "Does the lung show a round opacity?"),
    Modality.ULTRASOUND: ("Anechoic cyst", "Is an anechoic cyst visible?"),
    Modality.ENDOSCOPY: ("Colonic polyp", "Is a polyp visible?"),
}
_COUNTS: Final = {
    "liver lesions": ("How many hypodense lesions does the liver show?", 0, 3),
    "cysts": ("How many anechoic cysts are visible?", 0, 3),
    "glands": ("How many glands with a lumen are visible?", 0, 4),
    "polyps": ("How many polyps are visible?", 0, 2),
}
# Keys of the truth that say whether the modality's finding is there: 0 or "none" where it is not.
_FOUND: Final = ("liver lesions", "enhancing lesion", "round opacity", "cysts", "polyps")
_SIDE_QUESTIONS: Final = {
    "enhancing lesion": "On which side is the ring-enhancing lesion?",
    "round opacity": "On which side is a round opacity seen in the lung?",
}


@dataclass(frozen=True, slots=True)
class Question:
    """``right`` and ``wrong`` are option texts, not yet in an order; ``task`` and ``skill`` are names of the taxonomy."""

    kind: str
    text: str
    right: str
    wrong: tuple[str, ...]
    task: str
    skill: str

    def arranged(self, rng: np.random.Generator) -> tuple[dict[str, str], str]:
        """Options in a drawn order, letter -> text, and the letter of the right one."""
        texts = [self.right, *self.wrong]
        options = {chr(ord("A") + place): texts[k] for place, k in enumerate(rng.permutation(len(texts)))}
        return options, next(letter for letter, text in options.items() if text == self.right)


def questions_about(modality: Modality, truth: Mapping[str, Any], rng: np.random.Generator) -> Iterator[Question]:
    """Every question that fits a phantom of ``modality`` with its ``truth``.

    ``rng`` draws which wrong options are offered where there are more than three.
    """
    yield which_modality(modality, rng)
    where = truth.get("region", _REGION_OF.get(modality, ""))
    if where in REGIONS:
        yield region(where, rng)
    for name in _FOUND:
        if name in truth:
            present = truth[name] not in (0, "none")
            yield _finding(modality, present, rng)
            yield _presence(modality, present)
    for name in _COUNTS:
        if name in truth:
            yield count(name, truth[name])
    for name in _SIDE_QUESTIONS:
        if name in truth:
            yield side(name, truth[name])
    if "eye" in truth:
        yield eye(truth["eye"])
        enlarged = truth["cup"] > ENLARGED_CUP
        yield _grade("cup", "How large is the cup of the optic disc?", ("Normal cup", "Enlarged cup"), enlarged)
    if "symmetric" in truth:
        yield appearance(truth["symmetric"])
    if "heart" in truth:
        yield _grade("heart", "How large is the heart?", ("Normal heart size", "Enlarged heart"), truth["heart"] > ENLARGED_HEART)


def which_modality(modality: Modality, rng: np.random.Generator) -> Question:
    right = "Fundus photography" if modality is Modality.FUNDUS else str(modality)
    others = [name for name in MODALITY_NAMES if name != right]
    wrong = tuple(others[k] for k in rng.choice(len(others), 3, replace=False))
    text = "Which imaging modality was used to acquire this image?"
    return Question("modality", text, right, wrong, "Imaging Perception", "Attribute Recognition")


def region(right: str, rng: np.random.Generator | None = None) -> Question:
    """The body region; three others are drawn by ``rng``, without one the first of the list. The heart lies in the chest."""
    others = [name for name in REGIONS if name != right and {name, right} != {"Chest", "Heart"}]
    chosen = rng.choice(len(others), 3, replace=False) if rng is not None else range(3)
    wrong = tuple(others[k] for k in chosen)
    return Question(
        "region", "Which body region or organ is shown?", right, wrong, "Anatomical Recognition", "General Structures"
    )


def count(name: str, right: int) -> Question:
    """How many of the things that ``name`` names in a phantom's truth."""
    text, lowest, highest = _COUNTS[name]
    wrong = tuple(str(n) for n in range(lowest, highest + 1) if n != right)
    return Question("count", text, str(right), wrong, "Imaging Perception", "Counting")


def side(name: str, right: str) -> Question:
    """On which side the thing is that ``name`` names in a phantom's truth: "right" or "left" of the patient, or "none"."""
    wrong = tuple(words for name, words in _SIDES.items() if name != right)
    return Question("side", _SIDE_QUESTIONS[name], _SIDES[right], wrong, "Clinical Understanding", "Disease Diagnosis")


def eye(right: str) -> Question:
    texts = ("Right eye", "Left eye") if right == "right" else ("Left eye", "Right eye")
    return Question("eye", "Which eye is shown?", texts[0], texts[1:], "Anatomical Recognition", "General Structures")


def appearance(symmetric: bool) -> Question:
    texts = _APPEARANCES if symmetric else _APPEARANCES[::-1]
    text = "How is the pigmented lesion best described?"
    return Question("appearance", text, texts[0], texts[1:], "Clinical Understanding", "Attribute Recognition")


def _finding(modality: Modality, present: bool, rng: np.random.Generator) -> Question:
    own = FINDINGS[modality][0]
    elsewhere = [name for other, (name, _) in FINDINGS.items() if other is not modality]
    others = tuple(elsewhere[k] for k in rng.choice(len(elsewhere), 2, replace=False))
    right, wrong = (own, NO_LESION) if present else (NO_LESION, own)
    text = "Which finding does this image show?"
    return Question("finding", text, right, (wrong, *others), "Clinical Understanding", "Disease Diagnosis")


def _presence(modality: Modality, present: bool) -> Question:
    texts = ("Yes", "No") if present else ("No", "Yes")
    return Question("presence", FINDINGS[modality][1], texts[0], texts[1:], "Clinical Understanding", "Disease Diagnosis")


def _grade(kind: str, text: str, classes: tuple[str, str], enlarged: bool) -> Question:
    texts = classes[::-1] if enlarged else classes
    return Question(kind, text, texts[0], texts[1:], "Clinical Understanding", "Severity Grading")

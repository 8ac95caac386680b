"""Questions about phantoms, whose answers are known by construction.

``questions_about`` puts every question that a phantom can be asked. A question has a ``kind``, by which results are broken down:
modality, region, finding, presence, count, side, relation, eye, appearance, heart, cup. What the reference model did not learn
(``NOT_LEARNT``) stays in its fixed test, but the sample study and the live probe do not ask it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.taxonomy import Modality

MODALITY_NAMES: Final = (
    "CT", "MRI", "X-ray", "Ultrasound", "Histopathology", "Dermoscopy", "Endoscopy", "Fundus photography",
)  # fmt: skip
REGIONS: Final = ("Abdomen", "Head", "Chest", "Heart", "Knee", "Hand", "Skin", "Colon", "Retina")
NO_LESION: Final = "No focal lesion"
#: Cup-to-disc ratio, and width of the silhouette beside the usual one, from which on the answer is "enlarged".
ENLARGED_CUP, ENLARGED_HEART = 0.65, 1.15

MODALITY_QUESTION: Final = "Which imaging modality was used to acquire this image?"
#: Kinds of question, each with its modality, that the reference model answers below 0.60 on held-out clean phantoms; the present
#: one has none (its card has the figures).
NOT_LEARNT: Final[frozenset[tuple[str, Modality]]] = frozenset()

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
# A truth for each modality, so that every question about it comes up.
_ANY_TRUTH: Final[dict[Modality, dict[str, Any]]] = {
    Modality.CT: {"liver lesions": 0, "larger kidney": "none"},
    Modality.MRI: {"enhancing lesion": "none", "larger ventricle": "none"},
    Modality.XRAY: {"round opacity": "none", "heart": 1.0},
    Modality.ULTRASOUND: {"cysts": 0},
    Modality.HISTOPATHOLOGY: {"glands": 0},
    Modality.DERMOSCOPY: {"symmetric": True},
    Modality.ENDOSCOPY: {"polyps": 0},
    Modality.FUNDUS: {"eye": "right", "cup": 0.4},
}
_SIDE_QUESTIONS: Final = {
    "enhancing lesion": "On which side is the ring-enhancing lesion?",
    "round opacity": "On which side is a round opacity seen in the lung?",
}
# Which of two is larger: the question, the name of one of the two, and the skill that it asks for.
_RELATIONS: Final = {
    "larger kidney": ("Which kidney is larger?", "{} kidney", "Abdominal Structures"),
    "larger ventricle": ("Which lateral ventricle is larger?", "{} lateral ventricle", "General Structures"),
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
    for name in _RELATIONS:
        if name in truth:
            yield relation(name, truth[name])
    if "eye" in truth:
        yield eye(truth["eye"])
        enlarged = truth["cup"] > ENLARGED_CUP
        yield _grade("cup", "How large is the cup of the optic disc?", ("Normal cup", "Enlarged cup"), enlarged)
    if "symmetric" in truth:
        yield appearance(truth["symmetric"])
    if "heart" in truth:
        yield _grade("heart", "How large is the heart?", ("Normal heart size", "Enlarged heart"), truth["heart"] > ENLARGED_HEART)


def that_fit(modality: Modality) -> list[Question]:
    """Questions that any picture of ``modality`` can be asked, without those of ``NOT_LEARNT``.

    Only of the modality itself is ``right`` right: nothing is known of the picture.
    """
    asked = questions_about(modality, _ANY_TRUTH.get(modality, {}), generator(0, f"any {modality}"))
    return [question for question in asked if (question.kind, modality) not in NOT_LEARNT]


def which_modality(modality: Modality, rng: np.random.Generator) -> Question:
    right = "Fundus photography" if modality is Modality.FUNDUS else str(modality)
    others = [name for name in MODALITY_NAMES if name != right]
    wrong = tuple(others[k] for k in rng.choice(len(others), 3, replace=False))
    return Question("modality", MODALITY_QUESTION, right, wrong, "Imaging Perception", "Attribute Recognition")


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


def relation(name: str, right: str) -> Question:
    """Which of the two is larger that ``name`` names in a phantom's truth: the patient's "right" or "left" one, or "none"."""
    text, one, skill = _RELATIONS[name]
    texts = {"right": one.format("Right"), "left": one.format("Left"), "none": "Both are alike"}
    wrong = tuple(words for side, words in texts.items() if side != right)
    return Question("relation", text, texts[right], wrong, "Anatomical Recognition", skill)


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

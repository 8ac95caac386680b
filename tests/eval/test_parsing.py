"""What the reply parser reads, shape by shape, and what it must never take for an answer."""

from __future__ import annotations

import re

import pytest

from medqdeg_desktop.eval.parsing import PARSER_VERSION, parse, parse_stated_confidence

MEDICAL = {"A": "Fracture", "B": "Pneumothorax", "C": "Pleural effusion", "D": "Normal", "E": "Mass"}
YES_NO = {"A": "Yes", "B": "No"}
SEVEN = {letter: f"finding {n}" for n, letter in enumerate("ABCDEFG")}
GERMS = {"A": "Hepatitis B", "B": "Escherichia coli", "C": "C. difficile", "D": "Vitamin D deficiency", "E": "None of the above"}
OVERLAP = {"A": "Pneumonia", "B": "No pneumonia", "C": "None of the above", "D": "A and B"}

# (reply, expected letter)
READ = [
    ("C", "C"),
    ("c", "C"),
    (" C \n", "C"),
    ("C.", "C"),
    ("C)", "C"),
    ("(C)", "C"),
    ("[C]", "C"),
    ("{C}", "C"),
    ("<C>", "C"),
    ("C:", "C"),
    ('"C"', "C"),
    ("“C”", "C"),
    ("**C**", "C"),
    ("`C`", "C"),
    ("__C__", "C"),
    ("**C.**", "C"),
    ("**(C)**", "C"),
    ("Ｃ", "C"),
    ("（C）", "C"),
    ("- C", "C"),
    ("A", "A"),
    ("A.", "A"),
    ("(A)", "A"),
    ("(a)", "A"),
    ("A. Fracture", "A"),
    ("A) Fracture", "A"),
    ("C. Pleural effusion", "C"),
    ("C.Pleural effusion", "C"),
    ("C) Pleural effusion", "C"),
    ("(C) Pleural effusion.", "C"),
    ("C: Pleural effusion", "C"),
    ("C - Pleural effusion", "C"),
    ("C – Pleural effusion", "C"),
    ("C Pleural effusion", "C"),
    ("**C. Pleural effusion**", "C"),
    ("C. pleural effusion", "C"),
    ("C, because the angle is blunted", "C"),
    ("Option C", "C"),
    ("Option C.", "C"),
    ("option (C)", "C"),
    ("Choice C: Pleural effusion", "C"),
    ("Answer: C", "C"),
    ("Answer: (C)", "C"),
    ("Answer: **C**", "C"),
    ("**Answer:** C", "C"),
    ("**Answer: C**", "C"),
    ("answer: c", "C"),
    ("ANSWER: C", "C"),
    ("Answer:C", "C"),
    ("Answer - C", "C"),
    ("Answer = C", "C"),
    ("Answer: C. Pleural effusion", "C"),
    ("Answer: C Pleural effusion", "C"),
    ("Answer: D because both lungs are clear", "D"),
    ("Answer: Pleural effusion", "C"),
    ("Answer:\nC", "C"),
    ("The answer is C", "C"),
    ("The answer is C.", "C"),
    ("The answer is (C).", "C"),
    ("The answer is: B", "B"),
    ("The correct answer is B.", "B"),
    ("The correct answer is option B.", "B"),
    ("The correct option is B", "B"),
    ("The best answer would be B.", "B"),
    ("The answer is E.", "E"),
    ("The answer is A.", "A"),
    ("The answer is A, because the cortex is interrupted.", "A"),
    ("The answer is pleural effusion.", "C"),
    ("The correct answer is Pneumothorax, since no lung markings are seen.", "B"),
    ("The most likely diagnosis is pneumothorax.", "B"),
    ("My choice is B", "B"),
    ("I choose C", "C"),
    ("The image shows a mass; I choose C", "C"),
    ("I would go with option D.", "D"),
    ("I'd select (B).", "B"),
    ("I pick E because it is round.", "E"),
    ("This is a fracture. Answer: D", "D"),
    ("A severe motion artifact is visible, so the answer: C", "C"),
    ("A severe motion artifact is visible.\nC", "C"),
    ("The lung edge is visible.\n\n**C**", "C"),
    ("The lung edge is visible.\n\nAnswer: (B)", "B"),
    ("C\n\nThe costophrenic angle is blunted.", "C"),
    ("C. Pleural effusion\n\nExplanation: a blunted angle.", "C"),
    ("B is correct.", "B"),
    ("Option B is the most likely.", "B"),
    ("(B) is the best choice", "B"),
    ("It is (C).", "C"),
    ("The correct one is C.", "C"),
    ("The picture fits best with (D)", "D"),
    ("Not A but C.\nAnswer: C", "C"),
    ("Option A is incorrect. Option B is unlikely. I choose C.", "C"),
    ("Final answer: C", "C"),
    ("Answer: A\nWait, the angle is blunted.\nFinal answer: C", "C"),
    ("The final answer is $\\boxed{C}$", "C"),
    ("\\boxed{C}", "C"),
    ("\\boxed{\\text{C}}", "C"),
    ("$\\boxed{\\text{C. Pleural effusion}}$", "C"),
    ('{"answer": "C"}', "C"),
    ('```json\n{"answer": "C"}\n```', "C"),
    ('{"reason": "blunted angle", "answer": "C. Pleural effusion"}', "C"),
    ('{"answer": "Pleural effusion"}', "C"),
    ('{"answer": ["C"]}', "C"),
    ('{"final_answer": "c)"}', "C"),
    ("Pleural effusion", "C"),
    ("pleural effusion.", "C"),
    ("A pleural effusion", "C"),
    ("The mass.", "E"),
    ("<think>Option A looks right. Answer: A</think>\nC", "C"),
    ("<think>It could be A or B.</think>The answer is B.", "B"),
    ("It could be A. Answer: A\n</think>\n\nC", "C"),
    ("◁think▷Maybe A◁/think▷ C", "C"),
    ("<answer>C</answer>", "C"),
    ("C<|im_end|>", "C"),
    ("<|start|>C</s>", "C"),
    ("答案是C", "C"),
    ("答案：C", "C"),
    ("我选C", "C"),
    ("Respuesta: C", "C"),
    ("Die Antwort ist C.", "C"),
    ("A. Fracture\nB. Pneumothorax\nC. Pleural effusion\nD. Normal\nE. Mass\n\nAnswer: D", "D"),
    ("I am not sure, but the answer is C.", "C"),
    ("I'm sorry, the image is blurred. Answer: B", "B"),
    ("Based on the image, the answer is:\n\n**C. Pleural effusion**", "C"),
    ("### Answer\nC", "C"),
    ("Thus, C.", "C"),
    ("Probably C", "C"),
    ("Choose C.", "C"),
    ("I think it's C.", "C"),
    ("The answer would most likely be C.", "C"),
    ("answer is c", "C"),
    ("Selected option: C", "C"),
    ("Option: C", "C"),
    ("The letter is C", "C"),
    ("Ans: C", "C"),
    ("Ans. C", "C"),
    ("Assistant: C", "C"),
    ("The diagnosis is pleural effusion.", "C"),
    ("C。", "C"),
    ("The answer is B because the lung edge is visible. Option A is incorrect since no line is seen.", "B"),
    ("A is wrong, B is wrong, C is right.", "C"),
    ("Answer: C.\n\nA: no. B: no. D: no.", "C"),
    ("The answer cannot be A, so it is C.", "C"),
    ("\\(\\boxed{\\textbf{C}}\\)", "C"),
]

# (reply, status)
NOT_READ = [
    ("", "unparsed"),
    ("   \n", "unparsed"),
    ("?", "unparsed"),
    ("A fracture line crosses the radius, which is typical", "unparsed"),
    ("A severe motion artifact is visible.", "unparsed"),
    ("A patient with a cough", "unparsed"),
    ("The answer is a fracture of the wrist with displacement", "unparsed"),
    ("The answer is A fracture of the wrist with displacement", "unparsed"),
    ("The answer is a", "unparsed"),
    ("Answer: I cannot tell", "refused"),
    ("I am unable to determine from a blurred image", "refused"),
    ("I can't answer this; e.g. the picture is too dark", "refused"),
    ("I'm sorry, but I cannot provide a diagnosis.", "refused"),
    ("As an AI model I do not diagnose.", "refused"),
    ("The image is too blurry to say anything.", "refused"),
    ("I don't know.", "refused"),
    ("This cannot be determined from the image.", "refused"),
    ("Please consult a doctor.", "refused"),
    ("A and C", "unparsed"),
    ("A, C", "unparsed"),
    ("A/B", "unparsed"),
    ("A or B", "unparsed"),
    ("(A) and (B)", "unparsed"),
    ("Answer: A and C", "unparsed"),
    ("Answer: A or C", "unparsed"),
    ("Answer: (A) or (C)", "unparsed"),
    ("The answer is A, B and C.", "unparsed"),
    ("The answer is A. Then again, the answer is B.", "unparsed"),
    ("C. Pleural effusion\nAnswer: D", "unparsed"),
    ("A. Fracture\nB. Pneumothorax\nC. Pleural effusion", "unparsed"),
    ("Either (A) or (B) is possible", "unparsed"),
    ("C. Pneumothorax", "unparsed"),
    ("Answer: F", "unparsed"),
    ("F", "unparsed"),
    ("Answer: AB", "unparsed"),
    ("Answer: None of these", "unparsed"),
    ("Option A is incorrect.", "unparsed"),
    ("It is not A.", "unparsed"),
    ("The answer is not B.", "unparsed"),
    ("Hepatitis B was found", "unparsed"),
    ("B-lines are visible", "unparsed"),
    ("D-dimer should be measured", "unparsed"),
    ("E. coli is likely", "unparsed"),
    ("C-shaped opacity", "unparsed"),
    ("Stage B disease", "unparsed"),
    ("Type A dissection of the aorta", "unparsed"),
    ("Vitamin D is low", "unparsed"),
    ("T2 hyperintensity", "unparsed"),
    ("No fracture", "unparsed"),
    ("There is a fracture and a pneumothorax", "unparsed"),
    ("<think>The answer is C, because", "unparsed"),
    ("<think>Answer: C</think>", "unparsed"),
    ('{"answer": "X"}', "unparsed"),
    ('{"answer": null}', "unparsed"),
    ('{"answer": 3}', "unparsed"),
    ('{"answer": ["A", "B"]}', "unparsed"),
    ("\\boxed{Z}", "unparsed"),
    ("42", "unparsed"),
    ("x" * 5000, "unparsed"),
    ("Answer: E. coli", "unparsed"),
    ("B or C", "unparsed"),
    ("Either B or C", "unparsed"),
    ("It could be B, but C is more likely.", "unparsed"),
    ("Answer: C/D", "unparsed"),
    ("The answer isn't A", "unparsed"),
    ("The diagnosis is not a fracture.", "unparsed"),
    ("I choose a fracture", "unparsed"),
    ("This image shows a pleural effusion.", "unparsed"),
]


@pytest.mark.parametrize(("reply", "letter"), READ)
def test_a_reply_that_names_one_option_is_read(reply: str, letter: str) -> None:
    parsed = parse(reply, MEDICAL)
    assert (parsed.choice, parsed.status) == (letter, "ok"), parsed


@pytest.mark.parametrize(("reply", "status"), NOT_READ)
def test_a_reply_that_names_no_single_option_is_not_guessed(reply: str, status: str) -> None:
    parsed = parse(reply, MEDICAL)
    assert (parsed.choice, parsed.status) == ("", status), parsed


@pytest.mark.parametrize(
    ("reply", "options", "letter"),
    [
        ("Yes", YES_NO, "A"),
        ("no.", YES_NO, "B"),
        ("Yes, there is an opacity.", YES_NO, "A"),
        ("Answer: No", YES_NO, "B"),
        ("Note the heart size", YES_NO, ""),
        ("F", SEVEN, "F"),
        ("Answer: (G)", SEVEN, "G"),
        ("finding 6", SEVEN, "G"),
        ("Hepatitis B", GERMS, "A"),
        ("C. difficile", GERMS, "C"),
        ("None of the above", GERMS, "E"),
        ("The answer is Hepatitis B", GERMS, "A"),
        ("E. coli", GERMS, ""),
        ("No pneumonia", OVERLAP, "B"),
        ("Pneumonia", OVERLAP, "A"),
        ("None of the above.", OVERLAP, "C"),
        ("A and B", OVERLAP, ""),
        ("D. A and B", OVERLAP, "D"),
        ("same", {"A": "same", "B": "same"}, ""),
    ],
)
def test_the_options_decide_what_a_reply_means(reply: str, options: dict[str, str], letter: str) -> None:
    assert parse(reply, options).choice == letter


@pytest.mark.parametrize(
    ("reply", "stated"),
    [
        ("Answer: C\nConfidence: 85", 0.85),
        ("Answer: C\nConfidence: 85%", 0.85),
        ("Answer: C\n**Confidence:** 85 %", 0.85),
        ("Answer: C\nConfidence: 0.85", 0.85),
        ("Answer: C\nConfidence: 85/100", 0.85),
        ("Answer: C\nConfidence: 62.5", 0.625),
        ("Answer: C\nConfidence: 100", 1.0),
        ("Answer: C\nConfidence: 0", 0.0),
        ("Answer: C\nConfidence: 1", 0.01),
        ('{"answer": "C", "confidence": 70}', 0.70),
        ("Answer: C\nConfidence level is about 90 percent", 0.9),
        ("<think>confidence: 10</think>Answer: C\nConfidence: 90", 0.9),
        ("Answer: C", None),
        ("Answer: C\nConfidence: high", None),
        ("Answer: C\nConfidence: 80-90", None),
        ("Answer: C\nConfidence: 80 to 90", None),
        ("Answer: C\nConfidence: 150", None),
        ("Confidence: 80\nConfidence: 20", None),
    ],
)
def test_a_stated_confidence_is_read_or_missing_never_imputed(reply: str, stated: float | None) -> None:
    assert parse_stated_confidence(reply) == (pytest.approx(stated) if stated is not None else None)


def test_the_verbal_reply_gives_its_letter_too() -> None:
    assert parse("Answer: C\nConfidence: 85", MEDICAL).choice == "C"
    assert parse("C\n85", MEDICAL).choice == "C"


def published_extraction(reply: str) -> str:
    """The letter that the extraction published with the benchmark takes, "" for none: rules as it applies them, in its order."""
    text = reply.strip().upper()
    rules = (
        r"^([A-E])$",
        r"^([A-E])[.)\s]",
        r"(?:ANSWER IS|OPTION)\s+\(?([A-E])\b",
        r"^([A-E])[-:]",
        r"\b([A-E])\b",
    )
    return next((found[1] for rule in rules if (found := re.search(rule, text))), "")


#: Replies that are known to mislead it: the article, the pronoun and abbreviations become votes.
MISLEADING = (
    "This is a fracture. Answer: D",
    "A severe motion artifact is visible, so the answer: C",
    "The image shows a mass; I choose C",
    "I am unable to determine from a blurred image",
    "I can't answer this; e.g. the picture is too dark",
)


def test_what_misleads_the_published_extraction_is_read_rightly_or_not_at_all() -> None:
    meant = dict(READ) | {reply: "" for reply, _ in NOT_READ}
    misled = {reply for reply, letter in meant.items() if published_extraction(reply) not in ("", letter)}
    assert misled >= set(MISLEADING)
    assert len(misled) >= 40
    # A refusal or a contradiction that it counts as a vote is none here; no reply becomes a letter that was not meant.
    assert {reply: parse(reply, MEDICAL).choice for reply in misled} == {reply: meant[reply] for reply in misled}


def test_at_least_eighty_shapes_are_held_and_the_parser_has_a_version() -> None:
    assert len({reply for reply, _ in [*READ, *NOT_READ]}) >= 80
    assert PARSER_VERSION


# A pattern that backtracks catastrophically would take hours on these.
@pytest.mark.timeout(60)
def test_no_reply_makes_the_parser_hang() -> None:
    hostile = [
        "(" * 20000,
        "A " * 20000,
        "the answer is " * 5000,
        "{" * 20000 + "}" * 20000,
        "not " * 10000 + "A",
        "I can " * 8000,
    ]
    for reply in hostile:
        parse(reply, MEDICAL)
        parse_stated_confidence(reply)

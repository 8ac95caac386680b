"""The patterns the reply parser knows: how answers, choices, denials, refusals and stated confidence are worded.

Each pattern works on text that has been folded to plain forms (no markdown, no LaTeX, NFKC). Letters are matched in
upper case, and in lower case only where brackets or a colon make them an option.
"""

from __future__ import annotations

import re
from typing import Final

_I = re.IGNORECASE

THINKING_BLOCK: Final = re.compile(
    r"<(think|thinking|thought|reasoning|scratchpad|reflection)>.*?</\1>"
    r"|◁think▷.*?◁/think▷|<\|begin_of_thought\|>.*?<\|end_of_thought\|>|\[THINK\].*?\[/THINK\]",
    _I | re.DOTALL,
)
THINKING_END: Final = re.compile(
    r"</(?:think|thinking|thought|reasoning|scratchpad|reflection)>|◁/think▷|<\|end_of_thought\|>|\[/THINK\]", _I
)
THINKING_START: Final = re.compile(
    r"<(?:think|thinking|thought|reasoning|scratchpad|reflection)>|◁think▷|<\|begin_of_thought\|>|\[THINK\]", _I
)

EMPHASIS: Final = re.compile(r"\*+|`+|(?<!\w)_+|_+(?!\w)|~~|^#+\s*|^>\s*", re.MULTILINE)
LATEX_WRAPPER: Final = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathit)\s*\{([^{}]*)\}")
SPECIAL_TOKEN: Final = re.compile(r"<\|[^|<>]{1,40}\|>|</?s>|</?answer>|\[/?INST\]|<end_of_turn>", _I)
QUOTE_MARK: Final = re.compile(r"[“”„«»]")

_ANSWER_WORD: Final = r"(?:answer|antwort|respuesta|réponse|reponse|risposta|resposta|ответ)"
_IS: Final = (
    r"\s*(?:(?:(?:(?:is|would|should|must)(?:\s+(?:most\s+)?(?:likely|probably|therefore|clearly|thus))?(?:\s+be)?"
    r"|ist|es|est|è|é)(?!\w)|是|为|選|选)\s*[:=]?|:|=|->|→|-(?=\s))\s*"
)
_CHOICE_WORD: Final = r"(?:option|choice|letter|alternative|選項|选项)?"

FINAL_ANSWER: Final = re.compile(rf"\bfinal\s+(?:{_ANSWER_WORD}|choice|selection){_IS}(?:therefore\s*)?{_CHOICE_WORD}\s*", _I)
ANSWER: Final = re.compile(
    rf"(?:\b(?:(?:correct|right|best|most (?:likely|appropriate|probable))\s+)?{_ANSWER_WORD}(?:\s+(?:choice|option|letter))?"
    r"|\b(?:correct|right|best|most (?:likely|appropriate|probable)|selected|chosen)\s+(?:choice|option|diagnosis|letter)"
    r"|\b(?:diagnosis|ans|letter|output|response|assistant|option|choice)\b(?=\s*:|\s+is\b)|\bmy\s+(?:choice|selection)"
    rf"|答案|正确选项){_IS}{_CHOICE_WORD}\s*",
    _I,
)

#: What may follow "the answer is": a letter in or out of brackets, not inside a word, an abbreviation or a genus.
LETTER_AFTER_LEAD: Final = re.compile(
    r"[\"']?(?P<open>[(\[{<])?\s*(?P<letter>[A-Za-z])\s*(?P<close>[)\]}>]|[.:](?=\s*\S))?[\"']?(?![\w\-–/'])"
)
ANOTHER_LETTER: Final = re.compile(
    r"\s*[)\]]?\s*(?:,|/|&|\band\b|\bor\b|\bund\b|,\s*(?:and|or))\s*(?:option\s+)?[(\[]?(?P<letter>[B-HJ-Z]|[A-Z](?=[)\].,;\s]*$))[)\]]?(?![\w\-'])"
)
BECAUSE: Final = re.compile(r"(?:because|since|as\s|based|given|due|for\s+the|which|with\s+(?:high|confidence)|[(–—-])", _I)
CLAUSE_END: Final = re.compile(r"[.;\n]|,\s|\s+(?:because|since|as)\s", _I)

_LETTER: Final = r"[(\[]?(?P<letter>[A-Z])[)\]]?(?![\w\-–'])"
CHOICES: Final = (
    # "I choose C", "I would go with option C", "we select (C)"
    re.compile(
        r"\b(?:[Ii](?:'d|'ll)?|[Ww]e)\s+(?:would\s+|will\s+|'d\s+|must\s+|can\s+)?"
        r"(?:choose|chose|select|selected|pick|picked|go\s+(?:with|for)|opt\s+for|vote\s+for|answer|say)\s+"
        r"(?:with\s+|answer\s+|(?:the\s+)?(?:option|choice|letter)\s+)?"
        r"[(\[]?(?P<letter>[A-Z])[)\]]?(?=\s*(?:[.,;:!)]|$|because\b|since\b|as\b))",
        re.MULTILINE,
    ),
    # "option C", "Choice (C)"
    re.compile(rf"\b(?i:option|choice)\s+{_LETTER}"),
    # "C is correct", "(C) is the most likely diagnosis"
    re.compile(
        r"(?<![\w\-–'])[(\[]?(?P<letter>[A-Z])[)\]]?\s+(?:is|seems|appears\s+to\s+be|would\s+be)\s+(?:the\s+)?"
        r"(?:(?:most\s+)?(?:correct|right|best|accurate|appropriate|likely|probable|true))(?!\s+not)\b"
    ),
    # "the correct one is C", "it is C.", "it must be (C)"
    re.compile(
        r"\b(?i:one|it|this|that|finding)(?:'s|\s+(?:is|would\s+be|must\s+be|should\s+be))\s+(?:likely\s+|probably\s+|clearly\s+)?"
        r"[(\[]?(?P<letter>[A-Z])[)\]]?(?=\s*(?:[.,;!]|$))",
        re.MULTILINE,
    ),
    # "Thus, C.", "Probably C", "Choose (C)" as a line of its own; "Ans. C"
    re.compile(
        r"^\s*(?i:thus|therefore|hence|so|probably|likely|choose|select|pick|ans\.)[,:]?\s+[(\[]?(?P<letter>[A-Z])[)\]]?(?=[.;!]?\s*$)",
        re.MULTILINE,
    ),
    # "选C", "选择 C"
    re.compile(r"(?:选择?|選擇?)\s*[(\[]?(?P<letter>[A-Z])[)\]]?(?![A-Za-z])"),
)

BOXED: Final = re.compile(r"\\boxed\s*\{\s*([^{}]*?)\s*\}|\$\s*\\boxed\s+(\w)\s*\$")
BRACKETED: Final = re.compile(r"(?<![\w\-])[(\[]([A-Z])[)\]](?![\w\-])")
LEADING_LETTER: Final = re.compile(
    r"\s*(?:[-•]\s+)?(?:(?i:option|choice|answer)\s+)?[\"']?[(\[{<]?\s*(?P<letter>[A-Za-z])\s*[\"']?"
    r"(?:(?P<close>[)\]}>]?[.:,;](?![a-z0-9])|[)\]}>])[\"']?|(?P<dash>\s+[-–—](?=\s))|(?=\s)|$)"
)
#: After "E." or "C.": a species ("coli") or a further initial, neither of which is an option's text.
GENUS_OR_INITIAL: Final = re.compile(r"[a-z]|[A-Z]\.")
#: "coli" after "Answer: E.": one word that is not the option's own text.
SINGLE_WORD: Final = re.compile(r"\s*[a-z]+\W*$")
#: A further option within a line: a list of remarks on several options, not an answer.
FURTHER_OPTION: Final = re.compile(r"[\s;,(][A-Z][:.)]\s")
YES_NO_START: Final = re.compile(r"(yes|no|true|false)\s*[,.;:!]", _I)

JSON_OBJECT: Final = re.compile(r"\{[^{}]*\}", re.DOTALL)
JSON_KEYS: Final = frozenset(
    {"answer", "final_answer", "choice", "option", "prediction", "selected_option", "answer_letter", "letter", "correct_answer"}
)

DENIAL_BEFORE: Final = re.compile(
    r"(?:\b(?:not|never|neither|nor|cannot\s+be|isn't|rules?\s+out|ruled\s+out|exclud\w+|eliminat\w+|except|rather\s+than|instead\s+of"
    r"|unlike|versus|vs\.?|than|reject\w*|incorrect)\s+(?:\w+\s+){0,2}[(\[]?)$",
    _I,
)
DENIAL_AFTER: Final = re.compile(
    r"[)\].,]?\s*(?:is|are|was|can|could|would|seems|appears|may)?\s*(?:be\s+)?"
    r"(?:not\b|incorrect|wrong|unlikely|less\s+likely|ruled\s+out|excluded|eliminated|false|n't|implausible|inconsistent)",
    _I,
)

_CANNOT: Final = r"(?:cannot|can't|can not|unable to|not able to|won't|will not|couldn't|could not|not qualified)"
REFUSAL: Final = re.compile(
    rf"\b(?:I(?:'m| am)?|we(?:'re| are)?)\s+(?:\w+\s+){{0,2}}?{_CANNOT}"
    r"|\b(?:I'm|I am)\s+(?:sorry|afraid)\b|\bI\s+apologi[sz]e\b|\bas an AI\b"
    r"|\bunable to (?:answer|determine|provide|identify|assess)"
    r"|\b(?:cannot|can't|can not|could not) be (?:determined|answered|assessed|identified)"
    r"|\b(?:image|picture|quality)\b[^.\n]{0,60}\b(?:too (?:blurr?y|degraded|noisy|dark|poor)|insufficient"
    r"|not (?:clear|sufficient))"
    r"|\b(?:not|in)\s*(?:enough|sufficient)\s+(?:information|detail)|\bconsult (?:a|your) (?:doctor|physician|healthcare)"
    r"|\bI don't know\b|\bI do not know\b|无法(?:判断|确定|回答)",
    _I,
)

STATED_CONFIDENCE: Final = re.compile(
    r"\b(?:confidence|probability|certainty)\b[\"']?(?:\s+(?:level|score|is|of))*\s*[:=]?\s*[\"']?(?:about\s+|around\s+|~\s*)?"
    r"(?P<number>\d{1,3}(?:[.,]\d+)?)(?!\s*[-–—]\s*\d)(?!\d)(?!\s*to\s+\d)\s*(?P<percent>%|/\s*100|percent)?",
    _I,
)

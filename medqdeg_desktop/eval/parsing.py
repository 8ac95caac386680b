"""From a model's reply to one option letter, strictly: what does not name exactly one option is not parsed.

Nothing is guessed: no random letter, no nearest text, no first isolated capital. English makes capitals that are no
options ("A severe artifact", "I cannot", "hepatitis B", "E. coli", "B-lines"), so that a letter counts only in a place
where an option is named. In order:

1. thinking blocks are removed; an unfinished one is no answer;
2. statements of an answer ("Answer: C", "the answer is (C)", ``\\boxed{C}``, JSON, "C is correct", "I choose C") and the
   letter that a first or last line begins with or consists of; several that differ are a contradiction;
3. an option's exact text, as the whole reply, its last line, or after "the answer is";
4. a letter in brackets, if it is the only one;
5. refusals are recognised; all else is unparsed.

A statement marked final outweighs the others. ``PARSER_VERSION`` changes with every change of behaviour; replies are
stored as they came, so that ``rescore`` can read them again.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from medqdeg_desktop.eval import phrases

PARSER_VERSION = "1"
#: Characters up to which a text is as short as an option's.
_SHORT: Final = 400

Status = Literal["ok", "unparsed", "refused"]


@dataclass(frozen=True, slots=True)
class Parsed:
    """``choice`` is a letter of the options or ""; ``rule`` names what decided, for the drill-down and for statistics."""

    choice: str
    status: Status
    rule: str


def parse(reply: str, options: Mapping[str, str]) -> Parsed:
    """The option that ``reply`` names among ``options`` (letter to text), or why it names none."""
    text, finished = _without_thinking(reply)
    text = _plain(text)
    if not text:
        return Parsed("", "unparsed", "empty" if finished else "unfinished thinking")
    reader = _Reader(text, options)
    for rule, found in (
        ("final statement", reader.final_statements()),
        ("statement", reader.statements()),
        ("option text", reader.exact_texts()),
        ("bracketed letter", reader.bracketed()),
    ):
        if len(found) > 1:
            return Parsed("", "unparsed", "contradiction")
        if found:
            (choice,) = found
            return Parsed(choice, "ok", rule) if choice else Parsed("", "unparsed", "no single option")
    if phrases.REFUSAL.search(text):
        return Parsed("", "refused", "refusal")
    return Parsed("", "unparsed", "nothing found")


def parse_stated_confidence(reply: str) -> float | None:
    """The probability in 0 to 1 that a reply to the verbal prompt states, or None where it states none or several.

    "85", "85 %" and "85/100" are 0.85, and so is "0.85"; 1 alone is one percent, as the prompt's scale is 0 to 100.
    """
    text = _plain(_without_thinking(reply)[0])
    stated = set()
    for match in phrases.STATED_CONFIDENCE.finditer(text):
        number = match["number"].replace(",", ".")
        value = float(number)
        fraction = "." in number and value <= 1.0 and not match["percent"]
        stated.add(value if fraction else value / 100.0)
    if len(stated) != 1:
        return None
    value = stated.pop()
    return value if 0.0 <= value <= 1.0 else None


class _Reader:
    """Looks for options in one reply. Sets of letters; "" in a set stands for a letter that is no option."""

    def __init__(self, text: str, options: Mapping[str, str]) -> None:
        self._text = text
        self._lines = [line.strip() for line in text.splitlines() if line.strip()]
        self._options = options
        self._texts: dict[str, str] = {}
        repeated = set()
        for letter, option in options.items():
            key = _bare(option)
            if key in self._texts:
                repeated.add(key)
            self._texts[key] = letter
        for key in repeated:
            del self._texts[key]

    def final_statements(self) -> set[str]:
        return self._stated(phrases.FINAL_ANSWER)

    def statements(self) -> set[str]:
        found = self._stated(phrases.ANSWER) | self._chosen() | self._boxed() | set(self._json())
        listed = self._listed()
        for line in {*self._lines[:1], *self._lines[-1:]}:
            letter = self._leading(line)
            # A reply that repeats the list of options first has not answered by that.
            if letter is not None and not (listed and line in listed):
                found.add(letter)
        return found

    def exact_texts(self) -> set[str]:
        found = set()
        for part in (self._text, *self._lines[-1:], *self._lines[:1]):
            letter = self._texts.get(_bare(part))
            if letter:
                found.add(letter)
        if not found and self._lines:
            word = phrases.YES_NO_START.match(self._lines[0])
            letter = self._texts.get(word[1].casefold()) if word else None
            if letter:
                found.add(letter)
        return found

    def bracketed(self) -> set[str]:
        if len(self._listed()) > 1:
            return set()
        return {self._letter(m[1]) for m in phrases.BRACKETED.finditer(self._text) if not self._denied(m)} - {""}

    def _stated(self, lead: re.Pattern[str]) -> set[str]:
        found: set[str] = set()
        for match in lead.finditer(self._text):
            # An option's text is short: a window keeps the work linear in the length of the reply.
            rest = self._text[match.end() : match.end() + _SHORT]
            found |= self._after_lead(rest, colon=match[0].rstrip().endswith((":", "=", "：")))
        return found

    def _after_lead(self, rest: str, *, colon: bool) -> set[str]:
        line = rest.lstrip().splitlines()[0].strip() if rest.strip() else ""
        match = phrases.LETTER_AFTER_LEAD.match(line)
        if match:
            more = phrases.ANOTHER_LETTER.match(line[match.end() :])
            if more:
                return {self._letter(match["letter"]), self._letter(more["letter"])}
            letter = self._accepted(match, line, colon=colon)
            if letter is not None:
                return {letter}
        clause = self._texts.get(_bare(line)) or self._texts.get(_bare(phrases.CLAUSE_END.split(line)[0]))
        return {clause} if clause else set()

    def _accepted(self, match: re.Match[str], line: str, *, colon: bool) -> str | None:
        """The letter of a match of ``LETTER_AFTER_LEAD``, unless it is an article, a pronoun or part of a word."""
        letter, after = match["letter"], line[match.end() :]
        delimited = bool(match["open"] or match["close"])
        if letter.islower() and not delimited and (after.strip(" .") or (letter in "ai" and not colon)):
            return None
        if match["close"] == "." and phrases.SINGLE_WORD.match(after) and not self._begins_with_text(letter, after):
            return None
        if delimited or not after or not after[0].isspace() or not after.strip():
            return self._agreeing(letter, after)
        # "Answer: D pneumonia" names D; "the answer is A fracture" and "Answer: I cannot tell" name nothing by themselves.
        if self._begins_with_text(letter, after):
            return self._letter(letter)
        if phrases.BECAUSE.match(after.lstrip()):
            return self._letter(letter)
        return None if letter in "AaIi" else self._agreeing(letter, after)

    def _chosen(self) -> set[str]:
        found = set()
        for pattern in phrases.CHOICES:
            for match in pattern.finditer(self._text):
                if self._denied(match):
                    continue
                more = phrases.ANOTHER_LETTER.match(self._text[match.end("letter") :].lstrip(")]"))
                found.add(self._letter(match["letter"]))
                if more:
                    found.add(self._letter(more["letter"]))
        return found

    def _boxed(self) -> set[str]:
        found = set()
        for match in phrases.BOXED.finditer(self._text):
            letter = self._leading(match[1]) or self._texts.get(_bare(match[1]))
            found.add(letter or "")
        return found

    def _json(self) -> Iterator[str]:
        for match in phrases.JSON_OBJECT.finditer(self._text):
            try:
                value = json.loads(match[0])
            except ValueError:
                continue
            answers = [v for k, v in value.items() if str(k).casefold().replace(" ", "_") in phrases.JSON_KEYS]
            for answer in answers:
                yield self._named(answer)

    def _named(self, answer: Any) -> str:
        if isinstance(answer, list) and len(answer) == 1:
            answer = answer[0]
        if not isinstance(answer, str):
            return ""
        return self._leading(_plain(answer)) or self._texts.get(_bare(answer)) or ""

    def _leading(self, line: str) -> str | None:
        """The letter a line consists of or begins with as an option does ("C", "(C)", "C. text", "option C: text")."""
        match = phrases.LEADING_LETTER.match(line)
        if not match:
            return None
        letter, after = match["letter"], line[match.end() :].strip()
        if not after:
            return self._letter(letter)
        if phrases.ANOTHER_LETTER.match(line[match.end("letter") :]):
            return ""
        if (letter.islower() and not match["close"]) or phrases.FURTHER_OPTION.search(after):
            return None
        if self._begins_with_text(letter, after):
            return self._letter(letter)
        if match["close"] in {".", ","} and phrases.GENUS_OR_INITIAL.match(after) and not phrases.BECAUSE.match(after):
            return None
        return self._agreeing(letter, after) if match["close"] or match["dash"] else None

    def _listed(self) -> set[str]:
        """Lines that repeat options as they were given; empty unless there are at least two."""
        lines = set()
        for line in self._lines:
            match = phrases.LEADING_LETTER.match(line)
            if match and self._begins_with_text(match["letter"], line[match.end() :]):
                lines.add(line)
        return lines if len({line[:2] for line in lines}) > 1 else set()

    def _agreeing(self, letter: str, after: str) -> str:
        """``letter``, or the contradiction "" where the text beside it is exactly another option's."""
        own = self._texts.get(_bare(after))
        return "" if own is not None and own != letter.upper() else self._letter(letter)

    def _begins_with_text(self, letter: str, after: str) -> bool:
        text = _bare(self._options.get(letter.upper(), ""))
        rest = _bare(after)
        # "A fracture line crosses ..." is a sentence, not option A with its text.
        open_ended = letter not in "AaIi" or after[:1] in {")", ".", ":"}
        return bool(text) and (rest == text or (open_ended and rest.startswith(f"{text} ")))

    def _letter(self, letter: str) -> str:
        upper = letter.upper()
        return upper if upper in self._options else ""

    def _denied(self, match: re.Match[str]) -> bool:
        before = self._text[max(0, match.start() - 40) : match.start()]
        after = self._text[match.end() : match.end() + 40]
        return bool(phrases.DENIAL_BEFORE.search(before) or phrases.DENIAL_AFTER.match(after))


def _without_thinking(reply: str) -> tuple[str, bool]:
    """The reply after its thinking blocks, and whether the thinking had come to its end."""
    text = phrases.THINKING_BLOCK.sub(" ", reply)
    # Templates that open the block themselves leave a lone end mark in the reply.
    ends = list(phrases.THINKING_END.finditer(text))
    if ends:
        text = text[ends[-1].end() :]
    start = phrases.THINKING_START.search(text)
    if start:
        return text[: start.start()], False
    return text, True


def _plain(text: str) -> str:
    """Unicode folded to plain forms, markdown emphasis and simple LaTeX wrappers removed; lines kept."""
    text = (
        unicodedata.normalize("NFKC", text)
        .replace("\r", "\n")
        .replace("。", ".")
        .replace("、", ",")
        .replace("\u200b", "")
        .replace("\ufeff", "")
    )
    text = phrases.LATEX_WRAPPER.sub(r"\1", text)
    text = phrases.SPECIAL_TOKEN.sub(" ", text)
    text = phrases.EMPHASIS.sub("", text)
    return phrases.QUOTE_MARK.sub('"', text).strip()


def _bare(text: str) -> str:
    """Letters, digits, signs and single spaces, for comparing texts: case, articles, quotes and end marks do not count."""
    return _kept_bare(text) if len(text) <= _SHORT else _made_bare(text)


@lru_cache(maxsize=4096)
def _kept_bare(text: str) -> str:
    # Ten trials compare the same options, and mostly the same few words, with one another.
    return _made_bare(text)


def _made_bare(text: str) -> str:
    text = " ".join(_plain(text).casefold().split())
    text = re.sub(r"^(?:the|an?)\s+", "", text.strip(" \"'.,;:!()[]"))
    return text.strip(" \"'.,;:!()[]")

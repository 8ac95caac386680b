"""Second stage: the decoder learns to read questions behind a picture and to reply with a letter.

Up to five questions stand behind one image prefix. A block mask lets each see the prefix and itself alone, and its positions
go on from the prefix, so that a packed question has exactly the logits of a question asked alone. Besides the letter, three
read-outs of training alone make the way to it shorter: the answer's class at the question mark, and at the end of each option
whether it is wrong or right under which letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from medqdeg_desktop.eval.prompts import prompt_text
from medqdeg_desktop.eval.reference.architecture import IMAGE_TOKENS, WIDTH
from medqdeg_desktop.eval.reference.pictures import ATTRIBUTES, truth_from
from medqdeg_desktop.samples.questions import Question, questions_about

QUESTIONS_A_PICTURE: Final = 5
LETTERS: Final = "ABCDE"
_IGNORED = -100
_PREFIX, _TURN = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
#: How often a kind is asked, relative to the others: what is harder to learn is asked more often.
_SHARES: Final = {"modality": 0.6, "region": 0.6, "count": 2.0, "side": 1.5, "relation": 1.5}
# Other words for the same questions, so that the model reads them rather than recognising one sentence.
_OTHER_WORDS: Final = {
    "Which imaging modality was used to acquire this image?": (
        "What kind of imaging is this?",
        "How was this picture acquired?",
    ),
    "Which body region or organ is shown?": ("What part of the body is shown?", "Which organ or body region is this?"),
    "Which finding does this image show?": ("What is the finding in this image?", "Which of these findings is visible?"),
    "Which kidney is larger?": ("Which of the two kidneys is bigger?", "How do the kidneys compare in size?"),
    "Which lateral ventricle is larger?": (
        "Which of the two lateral ventricles is bigger?",
        "How do the lateral ventricles compare in size?",
    ),
    "How large is the heart?": ("What is the size of the heart?",),
    "How large is the cup of the optic disc?": ("What is the size of the optic cup?",),
    "Which eye is shown?": ("Is this the right or the left eye?",),
    "How is the pigmented lesion best described?": ("Which words describe the pigmented lesion best?",),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as token ids: prompt and reply (letter, end), and the places of the read-outs in ``ids``."""

    ids: list[int]
    letter: int
    mark: int
    answer: str
    option_ends: list[int]
    reply: int


class Reader:
    """Turns a picture's attributes into tokenised questions."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.prefix: list[int] = self._ids(_PREFIX)
        self._turn: list[int] = self._ids(_TURN)
        self._end = int(tokenizer.eos_token_id)
        self.letters: list[int] = [int(tokenizer.convert_tokens_to_ids(letter)) for letter in LETTERS]

    def drawn(self, attributes: dict[str, int], rng: np.random.Generator) -> list[Asked]:
        """Up to five different questions about a picture, in drawn order, words and options."""
        possible = list(questions_about(*truth_from(attributes), rng))
        weights = np.array([_SHARES.get(q.kind, 1.0) * _balance(q) for q in possible])
        chosen = rng.choice(len(possible), min(QUESTIONS_A_PICTURE, len(possible)), replace=False, p=weights / weights.sum())
        return [self.asked(possible[k], rng) for k in chosen]

    def asked(self, question: Question, rng: np.random.Generator) -> Asked:
        words = _OTHER_WORDS.get(question.text, ())
        text = question.text if not words or rng.random() < 0.6 else words[int(rng.integers(len(words)))]
        wrong = question.wrong
        if len(wrong) > 2 and rng.random() < 0.25:
            wrong = tuple(wrong[k] for k in sorted(rng.choice(len(wrong), int(rng.integers(1, len(wrong))), replace=False)))
        options, letter = Question(question.kind, text, question.right, wrong, "", "").arranged(rng)
        prompt = prompt_text(text, options)
        encoded = self._tokenizer(prompt, return_offsets_mapping=True, add_special_tokens=False)
        ends = [offset[1] for offset in encoded["offset_mapping"]]
        option_ends, at = [], len(text)
        for name, option in options.items():
            at = prompt.index(f"\n{name}. {option}", at) + len(f"\n{name}. {option}")
            option_ends.append(ends.index(at))
        ids = [*encoded["input_ids"], *self._turn]
        index = LETTERS.index(letter)
        reply = [self.letters[index], self._end]
        return Asked([*ids, *reply], index, ends.index(len(text)), question.right, option_ends, len(ids) - 1)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def _balance(question: Question) -> float:
    # Findings are there in two of three pictures; asked evenly, "Yes" would be the better guess.
    return 0.5 if question.right == "Yes" else 1.0


def sentences() -> Iterator[str]:
    """Prompts that hold every word of the product's questions, for the tokenizer's merges."""
    rng = np.random.default_rng(0)
    classes = list(ATTRIBUTES.values())
    for _ in range(4000):
        attributes = {name: int(rng.integers(n)) for name, n in zip(ATTRIBUTES, classes, strict=True)}
        for question in questions_about(*truth_from(attributes), rng):
            words = (question.text, *_OTHER_WORDS.get(question.text, ()))
            options, _ = question.arranged(rng)
            yield _PREFIX + prompt_text(words[int(rng.integers(len(words)))], options) + _TURN


def answer_classes() -> list[str]:
    """Every text that is the right answer to some question, sorted: the classes of the read-out at the question mark."""
    rng = np.random.default_rng(0)
    found: set[str] = set()
    for _ in range(3000):
        attributes = {name: int(rng.integers(n)) for name, n in ATTRIBUTES.items()}
        found.update(question.right for question in questions_about(*truth_from(attributes), rng))
    return sorted(found)


class ReadOuts(nn.Module):
    """Heads of training alone on the decoder's last hidden state: the answer's class, and the verdict on an option."""

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__()
        self.index = {text: k for k, text in enumerate(classes)}
        self.answer = nn.Linear(WIDTH, len(classes))
        self.option = nn.Linear(WIDTH, len(LETTERS) + 1)


@dataclass(frozen=True, slots=True)
class Packed:
    """Token ids and positions (B, L), visibility (B, 1, L, L), and where each read-out is taken: (rows, columns, targets)."""

    ids: torch.Tensor
    positions: torch.Tensor
    visible: torch.Tensor
    reply: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    answer: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    option: tuple[torch.Tensor, torch.Tensor, torch.Tensor]

    def to(self, device: torch.device) -> Packed:
        """The same on another device."""

        def moved(columns: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            rows, places, targets = (column.to(device) for column in columns)
            return rows, places, targets

        return Packed(
            self.ids.to(device),
            self.positions.to(device),
            self.visible.to(device),
            moved(self.reply),
            moved(self.answer),
            moved(self.option),
        )


def pack(reader: Reader, asked: Sequence[Sequence[Asked]], image_token: int, pad: int, index: dict[str, int]) -> Packed:
    """Questions of each picture behind its image prefix, padded on the right."""
    head = [*reader.prefix, *[image_token] * IMAGE_TOKENS]
    length = max(len(head) + sum(len(q.ids) for q in row) for row in asked)
    ids = np.full((len(asked), length), pad, np.int64)
    positions = np.zeros((len(asked), length), np.int64)
    block = np.full((len(asked), length), -1, np.int64)
    reply, answer, option = [], [], []
    for b, row in enumerate(asked):
        ids[b, : len(head)], positions[b, : len(head)], block[b, : len(head)] = head, np.arange(len(head)), 0
        at = len(head)
        for number, question in enumerate(row, 1):
            span = slice(at, at + len(question.ids))
            ids[b, span] = question.ids
            positions[b, span] = len(head) + np.arange(len(question.ids))
            block[b, span] = number
            # The letter after the prompt, the end after the letter.
            reply += [(b, at + question.reply, question.ids[-2]), (b, at + question.reply + 1, question.ids[-1])]
            answer.append((b, at + question.mark, index[question.answer]))
            for place, end in enumerate(question.option_ends):
                option.append((b, at + end, place + 1 if place == question.letter else 0))
            at += len(question.ids)
    before = np.tril(np.ones((length, length), bool))
    same = (block[:, :, None] == block[:, None, :]) | (block[:, None, :] == 0)
    # Padding sees itself, since a row without anything visible has no softmax.
    visible = before & same & (block[:, None, :] >= 0) | np.eye(length, dtype=bool)
    return Packed(
        torch.from_numpy(ids),
        torch.from_numpy(positions),
        torch.from_numpy(visible)[:, None],
        _columns(reply),
        _columns(answer),
        _columns(option),
    )


def _columns(entries: Sequence[tuple[int, int, int]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rows, columns, targets = torch.tensor(entries, dtype=torch.int64).T
    return rows, columns, targets


def decoder_hidden(model: Any, image_hidden: torch.Tensor, packed: Packed) -> torch.Tensor:
    """Last hidden states (B, L, width) of the decoder for the tower's output of each picture."""
    embedded = model.get_input_embeddings()(packed.ids)
    image = model.model.multi_modal_projector(image_hidden)
    start = int((packed.ids[0] == model.config.image_token_id).int().argmax())
    embedded = torch.cat([embedded[:, :start], image.to(embedded.dtype), embedded[:, start + IMAGE_TOKENS :]], dim=1)
    # Added to the scores, since the plain form of attention takes no boolean mask.
    bias = torch.zeros(packed.visible.shape, device=packed.visible.device).masked_fill(
        ~packed.visible, torch.finfo(torch.float32).min
    )
    out = model.model.language_model(inputs_embeds=embedded, attention_mask=bias, position_ids=packed.positions, use_cache=False)
    return out.last_hidden_state


def language_loss(model: Any, readouts: ReadOuts, hidden: torch.Tensor, packed: Packed) -> tuple[torch.Tensor, float]:
    """Letter and end + answer class + verdict on each option; and the share of right letters among all letters."""
    rows, columns, targets = packed.reply
    logits = model.lm_head(hidden[rows, columns]).float()
    letters = functional.cross_entropy(logits, targets)
    right = float((logits[::2].argmax(-1) == targets[::2]).float().mean())
    rows, columns, targets = packed.answer
    answer = functional.cross_entropy(readouts.answer(hidden[rows, columns]).float(), targets)
    rows, columns, targets = packed.option
    option = functional.cross_entropy(readouts.option(hidden[rows, columns]).float(), targets)
    return 2 * letters + 0.5 * answer + option, right

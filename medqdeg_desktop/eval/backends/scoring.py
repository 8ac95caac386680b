"""Exact option probabilities of a local model: one forward pass, the softmax over the whole vocabulary, the letters' shares.

A letter may be several single tokens ("C" and " C"): their probabilities add up (logsumexp). A tokenizer that splits a
letter is scored by the sequence: the product of its tokens' probabilities, in one more pass per such letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

from medqdeg_desktop.eval.backends.first_token import read_prompts

Tensor = Any


@dataclass(frozen=True, slots=True)
class LetterTokens:
    """``single``: ids of the one-token spellings of a letter; ``sequence``: its tokens where there is no such spelling."""

    single: tuple[int, ...]
    sequence: tuple[int, ...] = ()


def letter_tokens(tokenizer: Any, letters: Sequence[str]) -> dict[str, LetterTokens]:
    """How ``tokenizer`` spells each letter at the start of a reply, with and without a space before it."""
    spelled: dict[str, LetterTokens] = {}
    for letter in letters:
        ways = [tuple(tokenizer.encode(text, add_special_tokens=False)) for text in (letter, f" {letter}")]
        single = tuple(dict.fromkeys(way[0] for way in ways if len(way) == 1))
        spelled[letter] = LetterTokens(single) if single else LetterTokens((), ways[0])
    shared: dict[int, int] = {}
    for tokens in spelled.values():
        for token in tokens.single:
            shared[token] = shared.get(token, 0) + 1
    # A tokenizer that knows no letters spells them all with the same unknown token: that names no option.
    return {
        letter: LetterTokens(tuple(t for t in tokens.single if shared[t] == 1), tokens.sequence)
        for letter, tokens in spelled.items()
    }


def option_log_masses(
    model: Any, inputs: Mapping[str, Tensor], letters: Mapping[str, LetterTokens], pad_token: int | None
) -> Tensor:
    """Log probability of each letter as the reply's beginning, float32 (B, number of letters) on the CPU."""
    log_p = _next_log_p(model, inputs, pad_token)
    columns = []
    for tokens in letters.values():
        if tokens.single:
            columns.append(log_p[:, list(tokens.single)].logsumexp(dim=-1))
        elif tokens.sequence:
            columns.append(_sequence_log_mass(model, inputs, tokens.sequence, log_p, pad_token))
        else:
            columns.append(torch.full_like(log_p[:, 0], float("-inf")))
    return torch.stack(columns, dim=-1).cpu()


def _next_log_p(model: Any, inputs: Mapping[str, Tensor], pad_token: int | None) -> Tensor:
    return read_prompts(model, inputs, pad_token=pad_token, keep_state=False)[0].log_softmax(dim=-1)


def _sequence_log_mass(
    model: Any, inputs: Mapping[str, Tensor], sequence: Sequence[int], log_p: Tensor, pad_token: int | None
) -> Tensor:
    """Sum of log p(token | prompt, tokens before) over ``sequence``; the first term is ``log_p`` at the prompt's end."""
    total, extended = log_p[:, sequence[0]], dict(inputs)
    for before, token in pairwise(sequence):
        for name, value in (("input_ids", before), ("attention_mask", 1), ("mm_token_type_ids", 0), ("token_type_ids", 0)):
            if name in extended:
                extended[name] = torch.nn.functional.pad(extended[name], (0, 1), value=value)
        total = total + _next_log_p(model, extended, pad_token)[:, token]
    return total


def as_probabilities(log_masses: Tensor, letters: Sequence[str]) -> tuple[dict[str, float], float]:
    """One row of ``option_log_masses`` as probabilities that sum to 1, and the mass that the letters had together."""
    mass = float(log_masses.exp().sum())
    shares = log_masses.softmax(dim=-1).tolist() if mass > 0 else [1.0 / len(letters)] * len(letters)
    return dict(zip(letters, shares, strict=True)), mass

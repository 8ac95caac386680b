"""Sampled replies whose randomness belongs to the trial, not to the batch; T trials from one reading of the prompt.

A token is drawn from softmax(logits / temperature) by the Gumbel-max rule: the largest of logits / temperature + g, with g
independent standard Gumbel noise, is distributed exactly so. The noise comes from a generator of the row's own, seeded by
(run, question, trial), so that a trial gets the same draws in any batch, in any order and after any restart. What remains
is rounding: batches of other shapes can differ in a logit's last digits.

transformers' ``generate`` repeats the prompt for each trial before reading it. Here the prompt is read once, and trials of a
question share what they have in common beyond it: those that began with the same tokens are one row of the key-value cache until
they part. A direct answer, a letter and the end of the turn, so costs a few rows instead of one a trial. Where hardly any are
alike, ``generate`` goes on with a row for each. All this relies on how a model family stores its state and is therefore used
only after the same trials came out the same in the plain way.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from medqdeg_desktop.eval.backends.first_token import read_prompts

Tensor = Any


class Draw:
    """The next token of each row by the Gumbel-max rule, with one generator a row; the most probable one at temperature 0."""

    def __init__(self, seeds: Sequence[int], temperature: float, device: str) -> None:
        self._temperature = temperature
        self._device = torch.device(device)
        self._generators = [torch.Generator(self._device).manual_seed(seed) for seed in seeds]

    def keep(self, rows: Sequence[int]) -> None:
        """From now on only these rows are drawn for, each with the generator that it had."""
        self._generators = [self._generators[row] for row in rows]

    def perturbed(self, scores: Tensor) -> Tensor:
        """``scores`` (rows, vocabulary), of which the largest of each row is a draw from its softmax."""
        if not self._temperature:
            return scores
        noise = torch.empty(len(self._generators), scores.shape[-1], device=self._device)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores.float() / self._temperature - noise.log_()

    def tokens(self, scores: Tensor) -> list[int]:
        drawn: list[int] = self.perturbed(scores).argmax(dim=-1).tolist()
        return drawn


class _Drawing(LogitsProcessor):
    """Turns greedy decoding into sampling."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return self._draw.perturbed(scores)


def settings(max_tokens: int, ends: Sequence[int], pad_token: int) -> GenerationConfig:
    """Plain decoding up to ``max_tokens`` or one of the tokens ``ends``."""
    return GenerationConfig(
        max_new_tokens=max_tokens, do_sample=False, num_beams=1, eos_token_id=list(ends), pad_token_id=pad_token
    )


@torch.inference_mode()
def sample_plainly(
    model: Any, inputs: Mapping[str, Tensor], config: GenerationConfig, seeds: Sequence[Sequence[int]], temperature: float
) -> list[list[list[int]]]:
    """New token ids per question and trial; ``inputs`` hold B prompts, ``seeds`` B lists of one seed a trial.

    The prompts go through ``generate`` once per trial number, as T separate calls would.
    """
    replies: list[list[list[int]]] = [[] for _ in seeds]
    length = inputs["input_ids"].shape[1]
    for trial in range(max(map(len, seeds))):
        # A question with fewer trials left rides along in the batch; its surplus draw is not kept.
        column = [row[trial] if trial < len(row) else 0 for row in seeds]
        draw = _Drawing(Draw(column, temperature, str(model.device)))
        out = model.generate(**inputs, generation_config=config, logits_processor=LogitsProcessorList([draw]))
        for reply, row, tokens in zip(replies, seeds, out[:, length:].tolist(), strict=True):
            if trial < len(row):
                reply.append(tokens)
    return replies


@torch.inference_mode()
def sample_shared(
    model: Any, inputs: Mapping[str, Tensor], config: GenerationConfig, seeds: Sequence[Sequence[int]], temperature: float
) -> list[list[list[int]]]:
    """As ``sample_plainly``, from one reading of the prompts."""
    longest = int(config.max_new_tokens)
    logits, cache = read_prompts(model, inputs, pad_token=config.pad_token_id, keep_state=longest > 1)
    ends = set(config.eos_token_id)
    # Trials stand in one row after another: the question of each, and the row of ``logits`` and ``cache`` it goes on from.
    asked = [question for question, row in enumerate(seeds) for _ in row]
    replies: list[list[int]] = [[] for _ in asked]
    live, row_of = list(range(len(asked))), list(asked)
    draw = Draw([seed for row in seeds for seed in row], temperature, str(model.device))
    going_on = _GoingOn(model, inputs["attention_mask"], config)
    for step in range(1, longest + 1):
        tokens = draw.tokens(logits[row_of])
        for trial, token in zip(live, tokens, strict=True):
            replies[trial].append(token)
        kept = [i for i, token in enumerate(tokens) if token not in ends]
        if step == longest or not kept:
            break
        draw.keep(kept)
        live = [live[i] for i in kept]
        prefixes: dict[tuple[int, int], int] = {}
        row_of = [prefixes.setdefault((row_of[i], tokens[i]), len(prefixes)) for i in kept]
        if 2 * len(prefixes) > len(live):
            # Each has a row of its own from here on.
            found = {place: prefix for prefix, place in prefixes.items()}
            rows, following = zip(*(found[place] for place in row_of), strict=True)
            rest = going_on.to_the_end(cache, rows, [asked[trial] for trial in live], following, draw)
            for trial, reply in zip(live, rest, strict=True):
                replies[trial] += reply
            break
        rows, following = zip(*prefixes, strict=True)
        owners = dict(zip(row_of, (asked[trial] for trial in live), strict=True))
        logits, cache = going_on.by_one(cache, rows, [owners[place] for place in range(len(prefixes))], following)
    out = iter(replies)
    return [[next(out) for _ in row] for row in seeds]


class _GoingOn:
    """Reads one more token in each of some rows of the state, or generates to the end from there."""

    def __init__(self, model: Any, mask: Tensor, config: GenerationConfig) -> None:
        self._model = model
        self._mask = mask
        self._config = config
        self._read = 0
        # Models with multimodal rotary positions keep an offset for each prompt between calls.
        kept = [module for module in model.modules() if isinstance(getattr(module, "rope_deltas", None), torch.Tensor)]
        self._offsets = [(module, module.rope_deltas) for module in kept]

    def by_one(self, cache: Any, rows: Sequence[int], asked: Sequence[int], tokens: Sequence[int]) -> tuple[Tensor, Any]:
        """Next-token logits, float32 (len(rows), vocabulary), and the cache of ``rows`` with ``tokens`` read."""
        read = self._generate(cache, rows, asked, tokens, 1, output_logits=True, return_dict_in_generate=True)
        return read.logits[0].float(), read.past_key_values

    def to_the_end(
        self, cache: Any, rows: Sequence[int], asked: Sequence[int], tokens: Sequence[int], draw: Draw
    ) -> list[list[int]]:
        """What follows ``tokens`` in each row."""
        left = int(self._config.max_new_tokens) - self._read - 1
        out = self._generate(cache, rows, asked, tokens, left, logits_processor=LogitsProcessorList([_Drawing(draw)]))
        replies: list[list[int]] = out[:, 1:].tolist()
        return replies

    def _generate(
        self, cache: Any, rows: Sequence[int], asked: Sequence[int], tokens: Sequence[int], length: int, **more: Any
    ) -> Any:
        """``rows`` are those of the cache, ``asked`` the prompts that they began with."""
        device = self._mask.device
        cache.batch_select_indices(torch.tensor(rows, device=device))
        prompts = torch.tensor(asked, device=device)
        self._read += 1
        mask = torch.nn.functional.pad(self._mask[prompts], (0, self._read), value=1)
        config = copy.copy(self._config)
        config.max_new_tokens = length
        try:
            for module, offsets in self._offsets:
                module.rope_deltas = offsets[prompts]
            return self._model.generate(
                input_ids=torch.tensor(tokens, device=device)[:, None],
                attention_mask=mask,
                past_key_values=cache,
                generation_config=config,
                **more,
            )
        finally:
            for module, _ in self._offsets:
                module.rope_deltas = None

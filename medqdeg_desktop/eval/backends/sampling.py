"""Sampled replies whose randomness belongs to the trial, not to the batch; T trials from one reading of the prompt.

A token is drawn from softmax(logits / temperature) by the Gumbel-max rule: the largest of logits / temperature + g, with g
independent standard Gumbel noise, is distributed exactly so. The noise comes from a generator of the row's own, seeded by
(run, question, trial), so that a trial gets the same draws in any batch, in any order and after any restart. What remains
is rounding: batches of other shapes can differ in a logit's last digits.

transformers' ``generate`` repeats the prompt for each trial before reading it. Here the prompt is read once, its
key-value cache is repeated, and ``generate`` goes on from there. That relies on how a model family stores its state
and is therefore used only after the same trials came out the same in the plain way.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from medqdeg_desktop.eval.backends.first_token import read_prompts

Tensor = Any


class RowNoise(LogitsProcessor):
    """Turns greedy decoding into sampling at ``temperature``, with one generator a row."""

    def __init__(self, seeds: Sequence[int], temperature: float, device: str) -> None:
        self._temperature = temperature
        self._device = torch.device(device)
        self._generators = [torch.Generator(self._device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        vocabulary = scores.shape[-1]
        noise = torch.empty(len(self._generators), vocabulary, device=self._device)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores.float() / self._temperature - noise.log_()


def settings(max_tokens: int, ends: Sequence[int], pad_token: int) -> GenerationConfig:
    """Plain decoding up to ``max_tokens`` or one of the tokens ``ends``."""
    return GenerationConfig(
        max_new_tokens=max_tokens, do_sample=False, num_beams=1, eos_token_id=list(ends), pad_token_id=pad_token
    )


def processors(seeds: Sequence[int], temperature: float, device: str) -> LogitsProcessorList:
    """Sampling at ``temperature``; greedy decoding at 0."""
    return LogitsProcessorList([RowNoise(seeds, temperature, device)] if temperature > 0 else [])


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
        out = model.generate(
            **inputs, generation_config=config, logits_processor=processors(column, temperature, str(model.device))
        )
        for reply, row, tokens in zip(replies, seeds, out[:, length:].tolist(), strict=True):
            if trial < len(row):
                reply.append(tokens)
    return replies


@torch.inference_mode()
def sample_shared(
    model: Any, inputs: Mapping[str, Tensor], config: GenerationConfig, seeds: Sequence[Sequence[int]], temperature: float
) -> list[list[list[int]]]:
    """As ``sample_plainly``, from one reading of the prompts. All questions must have the same number of trials."""
    trials = len(seeds[0])
    if any(len(row) != trials for row in seeds):
        raise ValueError("questions that share a reading need the same number of trials")
    logits, cache = read_prompts(model, inputs, pad_token=config.pad_token_id, keep_state=True)
    cache.batch_repeat_interleave(trials)
    mask = inputs["attention_mask"].repeat_interleave(trials, dim=0)
    noise = processors([seed for row in seeds for seed in row], temperature, str(model.device))
    first = noise(mask.new_empty((mask.shape[0], 0)), logits.repeat_interleave(trials, dim=0)).argmax(dim=-1, keepdim=True)
    ended = torch.isin(first, torch.tensor(config.eos_token_id, device=first.device)).all()
    if ended or config.max_new_tokens == 1:
        tokens = first
    else:
        with _repeated_rope_offsets(model, trials):
            following = copy.copy(config)
            following.max_new_tokens = config.max_new_tokens - 1
            tokens = model.generate(
                input_ids=first,
                attention_mask=torch.cat([mask, mask.new_ones((mask.shape[0], 1))], dim=1),
                past_key_values=cache,
                generation_config=following,
                logits_processor=noise,
            )
    rows = tokens.tolist()
    return [rows[i * trials : (i + 1) * trials] for i in range(len(seeds))]


class _repeated_rope_offsets:  # noqa: N801 - reads as a statement where it is used
    """Repeats the per-prompt position offsets that models with multimodal rotary positions keep between calls."""

    def __init__(self, model: Any, trials: int) -> None:
        self._trials = trials
        self._modules = [m for m in model.modules() if isinstance(getattr(m, "rope_deltas", None), torch.Tensor)]

    def __enter__(self) -> None:
        for module in self._modules:
            module.rope_deltas = module.rope_deltas.repeat_interleave(self._trials, dim=0)

    def __exit__(self, *error: object) -> None:
        for module in self._modules:
            module.rope_deltas = None

"""Reading a batch of prompts once: the logits of the next token, and the state that generation goes on from.

``generate`` does the reading even where nothing is generated, because it knows for each model family how positions run in
rows that are padded on the left; a bare forward pass would number the padding too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import GenerationConfig

Tensor = Any


@torch.inference_mode()
def read_prompts(model: Any, inputs: Mapping[str, Tensor], *, pad_token: int | None, keep_state: bool) -> tuple[Tensor, Any]:
    """Next-token logits, float32 (B, vocabulary), and the key-value cache of the prompts (None unless ``keep_state``)."""
    config = GenerationConfig(max_new_tokens=1, do_sample=False, num_beams=1, pad_token_id=pad_token, use_cache=keep_state)
    read = model.generate(**inputs, generation_config=config, return_dict_in_generate=True, output_logits=True)
    return read.logits[0].float(), read.past_key_values if keep_state else None

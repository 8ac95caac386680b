"""Tiny vision-language models with random weights, made from configuration alone: real architectures, no findings.

The demo and the tests run the whole local path on them offline: a LLaVA (one fixed number of image tokens) and a Qwen2.5-VL
(image tokens by size, multimodal rotary positions). A mark in the folder labels every run of such a model. The
tokenizer is byte-level without merges, so that each option letter is one token.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Literal

from medqdeg_desktop.eval.backends.loading import RANDOM_WEIGHTS_MARK
from medqdeg_desktop.eval.backends.processors import images_only

Architecture = Literal["llava", "qwen2_5_vl"]

_TURNS = ("<|pad|>", "<|im_start|>", "<|im_end|>")
_SPECIAL = (*_TURNS, "<image>", "<|image_pad|>", "<|vision_start|>", "<|vision_end|>", "<|video_pad|>")
_IMAGE_MARK: dict[Architecture, str] = {"llava": "<image>", "qwen2_5_vl": "<|vision_start|><|image_pad|><|vision_end|>"}


def build_tiny_model(
    folder: Path, architecture: Architecture = "llava", *, seed: int = 0, width: int = 64, layers: int = 2
) -> Path:
    """Writes a model, its processor and the random-weights mark to ``folder`` (made if absent); returns ``folder``.

    Needs the extra ``local``. The same seed and versions give the same weights. ``width`` (a multiple of 64) and ``layers`` are
    those of the language model.
    """
    import torch
    import transformers

    transformers.logging.disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, processor = (_llava if architecture == "llava" else _qwen)(tokenizer, width, layers)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    model.generation_config.eos_token_id = end
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    mark = {"architecture": architecture, "seed": seed, "note": "random weights: for demonstration and tests, not a model"}
    (folder / RANDOM_WEIGHTS_MARK).write_text(json.dumps(mark, indent=1) + "\n", encoding="utf-8")
    return folder


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*_SPECIAL, *alphabet])}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<|pad|>",
        eos_token="<|im_end|>",
        additional_special_tokens=[token for token in _SPECIAL if token not in {"<|pad|>", "<|im_end|>"}],
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )


def _chat_template(architecture: Architecture) -> str:
    # Line ends are written as expressions: Jinja strips a raw newline after a block tag.
    return (
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
        "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
        "{% for part in message['content'] %}{% if part['type'] == 'image' or 'image' in part or 'image_url' in part %}"
        "{{ '" + _IMAGE_MARK[architecture] + "' }}{% elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
        "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )


def _llava(tokenizer: Any, width: int, layers: int) -> tuple[Any, Any]:
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    image_token = tokenizer.convert_tokens_to_ids("<image>")
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=layers,
            num_attention_heads=width // 16,
            num_key_value_heads=width // 32,
            max_position_embeddings=4096,
            initializer_range=0.2,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        ),
        image_token_id=image_token,
        image_seq_length=16,
    )
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_chat_template("llava"),
    )
    return LlavaForConditionalGeneration(config), processor


def _qwen(tokenizer: Any, width: int, layers: int) -> tuple[Any, Any]:
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessorPil,
    )

    def token(text: str) -> int:
        return int(tokenizer.convert_tokens_to_ids(text))

    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": width // 16,
            "num_key_value_heads": width // 32,
            "max_position_embeddings": 4096,
            "initializer_range": 0.2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": None,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": width,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "window_size": 56,
            "fullatt_block_indexes": [1],
        },
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
    )
    processor = images_only(Qwen2_5_VLProcessor)(
        image_processor=Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=112 * 112),
        tokenizer=tokenizer,
        chat_template=_chat_template("qwen2_5_vl"),
    )
    return Qwen2_5_VLForConditionalGeneration(config), processor


if __name__ == "__main__":
    import sys

    build_tiny_model(Path(sys.argv[1]))


def main() -> None:
    """``python -m medqdeg_desktop.eval.tiny_model FOLDER [ARCHITECTURE]``: builds one in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("architecture", nargs="?", choices=("llava", "qwen2_5_vl"), default="llava")
    arguments = parser.parse_args()
    build_tiny_model(arguments.folder, arguments.architecture)


if __name__ == "__main__":
    main()

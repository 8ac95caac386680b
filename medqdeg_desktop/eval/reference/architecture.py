"""Tokenizer, processor and network of the reference model: a LLaVA of 3.6 million parameters from transformers' own classes.

A SigLIP tower (128 x 128 pixels, patches of 16) gives 64 image tokens; a Llama decoder answers. The tokenizer is byte-level, so
that any text can be asked; its merges come from the product's own questions, and an option letter is one token.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.eval.reference.pictures import SIDE

PATCH: Final = 16
IMAGE_TOKENS: Final = (SIDE // PATCH) ** 2
WIDTH: Final = 192
VISION_LAYERS: Final = 4
DECODER_LAYERS: Final = 4
VOCABULARY: Final = 640
_SPECIAL: Final = ("<|pad|>", "<|im_start|>", "<|im_end|>", "<image>")

# Line ends are written as expressions: Jinja strips a raw newline after a block tag.
CHAT_TEMPLATE: Final = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' or 'image' in part or 'image_url' in part %}"
    "{{ '<image>' }}{% elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str]) -> Any:
    """A byte-level BPE tokenizer whose merges come from ``texts``; the same texts give the same tokenizer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        special_tokens=list(_SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<|pad|>",
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>", "<image>"],
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )


def make_processor(tokenizer: Any) -> Any:
    """The LLaVA processor: squeezes any picture to 128 x 128 (bicubic), values to -1 .. 1, and puts 64 image tokens."""
    from transformers import LlavaProcessor, SiglipImageProcessorPil

    return LlavaProcessor(
        image_processor=SiglipImageProcessorPil(
            size={"height": SIDE, "width": SIDE}, resample=3, image_mean=[0.5] * 3, image_std=[0.5] * 3, do_convert_rgb=True
        ),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        chat_template=CHAT_TEMPLATE,
    )


def make_model(tokenizer: Any) -> Any:
    """The untrained network; its weights come from torch's present random state."""
    from transformers import LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, SiglipVisionConfig

    config = LlavaConfig(
        vision_config=SiglipVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=VISION_LAYERS,
            num_attention_heads=WIDTH // 64,
            image_size=SIDE,
            patch_size=PATCH,
            vision_use_head=False,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=DECODER_LAYERS,
            num_attention_heads=WIDTH // 64,
            num_key_value_heads=WIDTH // 64,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=IMAGE_TOKENS,
        vision_feature_select_strategy="full",
        # The last hidden state but one normalisation: SigLIP's own post-layernorm is skipped by LLaVA.
        vision_feature_layer=-1,
        tie_word_embeddings=True,
    )
    return LlavaForConditionalGeneration(config)


def save(folder: Path, model: Any, processor: Any) -> None:
    """Writes weights (bfloat16), configuration, tokenizer and processor as any model folder has them."""
    import torch
    from transformers import GenerationConfig

    tokenizer = processor.tokenizer
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.to(torch.bfloat16).save_pretrained(folder)
    processor.save_pretrained(folder)

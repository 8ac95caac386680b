"""Opening a model folder with transformers, offline, and saying plainly what is wrong with it.

Nothing is fetched: the offline variables are set before transformers is imported, and only local files are read. Code that
a folder brings along runs only after explicit consent.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medqdeg_desktop.eval.backends.base import FatalError
from medqdeg_desktop.eval.backends.processors import load_processor

RANDOM_WEIGHTS_MARK = "medqdeg_random_weights.json"
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
_EDGE = 1 << 20


@dataclass
class LoadedModel:
    """A model ready to answer. ``precision`` is the weights' dtype by name, ``device`` torch's name of where it runs.

    ``ends`` are the tokens that end a reply; ``ignored`` holds the folder's own generation defaults, which are not applied.
    """

    model: Any
    processor: Any
    tokenizer: Any
    device: str
    precision: str
    ends: tuple[int, ...]
    ignored: dict[str, Any]
    versions: dict[str, str]


def random_weights(folder: Path) -> bool:
    """Whether ``folder`` holds a model made with random weights, so that nobody mistakes its numbers for findings."""
    return (folder / RANDOM_WEIGHTS_MARK).is_file()


def folder_fingerprint(folder: Path) -> str:
    """SHA-256 over all small files and, of each large one, its size and its first and last MiB: names the weights in seconds."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and ".git" not in p.parts and ".cache" not in p.parts):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()}\0{size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(_EDGE))
            if size > _EDGE:
                file.seek(max(_EDGE, size - _EDGE))
                digest.update(file.read())
    return digest.hexdigest()


def check_folder(folder: Path, *, trust_remote_code: bool) -> None:
    """Raises FatalError for what can be seen without loading: no folder, no configuration, code without consent."""
    if not folder.is_dir():
        raise FatalError(f"{folder}: no such folder; a local model is a folder with config.json and its weights")
    if not (folder / "config.json").is_file():
        raise FatalError(f"{folder}: no model here (config.json is missing)")
    if not trust_remote_code:
        for path in _files_with_code(folder):
            raise FatalError(f"{folder}: {path.name} names code of the model's own; read it, then say --trust-remote-code")


def load(folder: Path, *, precision: str, trust_remote_code: bool) -> LoadedModel:
    """Loads model and processor of ``folder``; FatalError names what is missing (the extra, a chat template, memory)."""
    check_folder(folder, trust_remote_code=trust_remote_code)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import torch
        import transformers
    except ImportError as error:
        raise FatalError(f"local models need the extra 'local': pip install 'medqdeg-desktop[local]' ({error})") from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    device = _device(torch)
    common = {"local_files_only": True, "trust_remote_code": trust_remote_code}
    try:
        processor = load_processor(transformers, folder, **common)
        dtype = _dtype(torch, precision, device)
        model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype, **common)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise FatalError(f"{folder}: transformers cannot open it as an image-text-to-text model: {_one_line(error)}") from error
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None or getattr(processor, "image_processor", None) is None:
        raise FatalError(f"{folder}: its processor takes no images; a vision-language model's folder is needed")
    if not getattr(processor, "chat_template", None):
        raise FatalError(
            f"{folder}: its processor has no chat template, so the question cannot be put in the model's own form; "
            "add the chat_template.jinja that its authors publish"
        )
    # Batches of unequal length are right only when the last token of each row stands at the end.
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    ends = _ends(model.generation_config.eos_token_id, tokenizer.eos_token_id)
    ignored = {
        name: value
        for name, value in model.generation_config.to_diff_dict().items()
        if not name.endswith(("_token_id", "_version")) and isinstance(value, int | float | str | bool | list)
    }
    # ``generate`` fills what it is not told from here: a repetition penalty or a top_k that a folder carries along would
    # bend the probabilities that are to be measured.
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=list(ends), pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id
    )
    model.eval().to(device)
    model.requires_grad_(False)
    if device == "cpu":
        from medqdeg_desktop.eval.backends.onednn import use_onednn

        use_onednn(model)
    return LoadedModel(
        model=model,
        processor=processor,
        tokenizer=tokenizer,
        device=device,
        precision=str(model.dtype).removeprefix("torch."),
        ends=ends,
        ignored=ignored,
        versions={"torch": torch.__version__, "transformers": transformers.__version__},
    )


def _files_with_code(folder: Path) -> Iterator[Path]:
    for name in ("config.json", "processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        path = folder / name
        try:
            if path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("auto_map"):
                yield path
        except (ValueError, AttributeError):
            raise FatalError(f"{path}: no JSON object") from None


def _ends(declared: int | list[int] | None, tokenizers: int | None) -> tuple[int, ...]:
    """All end tokens, those of the model and that of its tokenizer: chat models often end a turn with the latter."""
    ends = declared if isinstance(declared, list) else [declared]
    return tuple(dict.fromkeys(end for end in [*ends, tokenizers] if end is not None))


def _device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def _dtype(torch: Any, precision: str, device: str) -> Any:
    if precision not in PRECISIONS:
        raise FatalError(f"precision {precision!r} is unknown; there are {', '.join(PRECISIONS)}")
    if precision == "auto":
        # Half precision on a processor is slow and, on many, inexact.
        return "auto" if device != "cpu" else torch.float32
    return getattr(torch, precision)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]

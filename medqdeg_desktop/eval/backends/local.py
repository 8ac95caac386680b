"""A model of this machine's own: any transformers image-text-to-text folder, in batches, on one thread.

Batches hold questions of like length (``batches``). The processor prepares the next batch on a second thread while the model
computes the present one. A batch that does not fit in memory is halved and asked again; the size grows back after twenty
batches that fitted.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from medqdeg_desktop.eval.backends import loading
from medqdeg_desktop.eval.backends.base import Decoding, PermanentError, Reply, Request, image_facts, trial_seed

if TYPE_CHECKING:
    from medqdeg_desktop.eval.backends.scoring import LetterTokens

#: Batches that must fit before a size that was cut for lack of memory grows again.
_CLEAN_BATCHES = 20
#: How much is tried before a run: questions in a batch and alone, trials and tokens of shared readings, and tokens of trials that
#: are read on as one row.
_CHECKED = 8
_CHECKED_TRIALS = 3
_CHECKED_TOKENS = 8
_CHECKED_ALIKE = 3
_FLIP_LIMIT = 0.01
#: Parameters of a model whose batch on a processor is limited by the processor, not by memory.
_SMALL = 50_000_000

Tensor = Any


class LocalBackend:
    """Answers with a model loaded from ``folder``; see ``loading`` for what a folder must hold."""

    concurrency = (2, 2)

    def __init__(
        self,
        folder: Path,
        decoding: Decoding,
        run_seed: str,
        *,
        batch_size: int | None = None,
        precision: str = "auto",
        trust_remote_code: bool = False,
    ) -> None:
        self._folder = folder
        self._decoding = decoding
        self._run_seed = run_seed
        self.random_weights = loading.random_weights(folder)
        self._fingerprint = loading.folder_fingerprint(folder)
        self._loaded = loading.load(folder, precision=precision, trust_remote_code=trust_remote_code)
        self.batch_size = batch_size or _usual_batch(self._loaded)
        self._fits = self.batch_size
        self._clean = 0
        self._tokens_of: dict[tuple[int, int], int] = {}
        self._shared = False
        #: How the tokenizer spells the letters of a batch, by these letters.
        self._spelled: dict[tuple[str, ...], dict[str, LetterTokens]] = {}
        # A fast tokenizer keeps its padding as state of its own, so that only the processor's thread encodes; the model's would
        # have to wait for it.
        self._compute = ThreadPoolExecutor(1, "model")
        self._prepare = ThreadPoolExecutor(1, "processor")

    @property
    def facts(self) -> dict[str, Any]:
        loaded = self._loaded
        processor = getattr(loaded.processor, "image_processor", None)
        limits = {name: getattr(processor, name, None) for name in ("size", "min_pixels", "max_pixels", "crop_size")}
        return {
            "backend": "local",
            "weights": self._fingerprint,
            "precision": loaded.precision,
            "generation_defaults_ignored": loaded.ignored,
            "quantised": bool(getattr(loaded.model, "is_quantized", False)),
            "image_size": {name: _plain(value) for name, value in limits.items() if value is not None},
            **loaded.versions,
        }

    @property
    def length(self) -> Callable[[Request], int]:
        return self._length

    def _length(self, request: Request) -> int:
        images = request.question.images if request.with_images else ()
        # A third of the characters stands for the words' tokens; only the order matters.
        return sum(self._image_tokens((image.height, image.width)) for image in images) + len(request.prompt) // 3

    def _image_tokens(self, size: tuple[int, int]) -> int:
        """Tokens of an image of ``size`` (height, width) as the processor counts them, or in proportion to its area."""
        if size not in self._tokens_of:
            try:
                told = self._loaded.processor._get_num_multimodal_tokens(image_sizes=[list(size)])
                self._tokens_of[size] = int(told["num_image_tokens"][0])
            except (AttributeError, KeyError, IndexError, TypeError, ValueError, NotImplementedError):
                # Not every family's processor can say; most cut images into patches of about this size.
                self._tokens_of[size] = size[0] * size[1] // (28 * 28)
        return self._tokens_of[size]

    async def prepare(self, sample: Sequence[Request]) -> list[str]:
        """Checks on up to eight requests that batches give what single questions give, and that trials may share a reading."""
        if not sample:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._compute, self._checks, list(sample[:_CHECKED]))

    async def answer(self, requests: Sequence[Request]) -> list[list[Reply]]:
        loop = asyncio.get_running_loop()
        replies: list[list[Reply]] = []
        start = 0
        while start < len(requests):
            chunk = list(requests[start : start + self._fits])
            inputs = await loop.run_in_executor(self._prepare, self._prepared, chunk)
            found = await loop.run_in_executor(self._compute, self._within_memory, chunk, inputs)
            if found is None:
                continue
            replies += found
            start += len(chunk)
        return replies

    async def close(self) -> None:
        self._compute.shutdown(wait=False, cancel_futures=True)
        self._prepare.shutdown(wait=False, cancel_futures=True)

    def _within_memory(self, chunk: list[Request], inputs: Mapping[str, Tensor]) -> list[list[Reply]] | None:
        """Replies of one chunk, or None after memory ran out and the size was halved."""
        try:
            replies = self._replies(chunk, inputs)
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                raise
            self._free()
            if len(chunk) == 1:
                size = int(inputs["input_ids"].shape[1])
                raise PermanentError(f"out of memory for one question of {size} tokens", kind="out of memory") from None
            self._fits, self._clean = max(1, len(chunk) // 2), 0
            return None
        self._clean += 1
        if self._clean >= _CLEAN_BATCHES and self._fits < self.batch_size:
            self._fits, self._clean = min(self.batch_size, self._fits * 2), 0
        return replies

    def _replies(self, chunk: list[Request], inputs: Mapping[str, Tensor]) -> list[list[Reply]]:
        on_device = {name: value.to(self._loaded.device) for name, value in inputs.items()}
        if self._decoding.mode == "option":
            return self._scored(chunk, on_device)
        return self._sampled(chunk, on_device)

    def _scored(self, chunk: list[Request], inputs: Mapping[str, Tensor]) -> list[list[Reply]]:
        from medqdeg_desktop.eval.backends import scoring

        letters = _letters(chunk)
        pad = self._loaded.tokenizer.pad_token_id
        log_masses = scoring.option_log_masses(self._loaded.model, inputs, self._spelled[letters], pad)
        replies = []
        for request, row, read in zip(chunk, log_masses, _row_lengths(inputs), strict=True):
            own = list(request.options)
            p, mass = scoring.as_probabilities(row[[letters.index(letter) for letter in own]], own)
            best = max(own, key=lambda letter: p[letter])
            detail = _detail(request, read) | {"option_mass": mass}
            replies.append([Reply(trial, best, p, detail=detail) for trial in request.trials])
        return replies

    def _sampled(self, chunk: list[Request], inputs: Mapping[str, Tensor]) -> list[list[Reply]]:
        tokenizer = self._loaded.tokenizer
        replies = []
        drawn = self._draw(chunk, inputs, shared=self._shared, length=self._decoding.max_tokens)
        texts: dict[tuple[int, ...], str] = {}
        for request, trials, read in zip(chunk, drawn, _row_lengths(inputs), strict=True):
            base = _detail(request, read)
            row = []
            for trial, ids in zip(request.trials, trials, strict=True):
                ended = bool(ids) and ids[-1] in self._loaded.ends
                detail = base | {"reply_tokens": len(ids), "finish": "stop" if ended else "length"}
                # Trials of a direct answer are mostly the same few tokens.
                if (said := tuple(ids)) not in texts:
                    texts[said] = tokenizer.decode(ids, skip_special_tokens=True)
                row.append(Reply(trial, texts[said], detail=detail))
            replies.append(row)
        return replies

    def _draw(
        self, chunk: Sequence[Request], inputs: Mapping[str, Tensor], *, shared: bool, length: int
    ) -> list[list[list[int]]]:
        """Token ids of each trial of each request, at most ``length`` of them, end token included."""
        from medqdeg_desktop.eval.backends import sampling

        model = self._loaded.model
        ends = self._loaded.ends
        config = sampling.settings(length, ends, self._loaded.tokenizer.pad_token_id)
        seeds = [[trial_seed(self._run_seed, request.question.key, trial) for trial in request.trials] for request in chunk]
        way = sampling.sample_shared if shared else sampling.sample_plainly
        drawn = way(model, inputs, config, seeds, self._decoding.temperature)
        return [[_until_end(ids, ends) for ids in trials] for trials in drawn]

    def _prepared(self, chunk: Sequence[Request]) -> dict[str, Tensor]:
        """All that a batch needs of the processor."""
        if self._decoding.mode == "option" and (letters := _letters(chunk)) not in self._spelled:
            from medqdeg_desktop.eval.backends import scoring

            self._spelled[letters] = scoring.letter_tokens(self._loaded.tokenizer, letters)
        return self._inputs(chunk)

    def _inputs(self, chunk: Sequence[Request]) -> dict[str, Tensor]:
        """Left-padded tensors of the prompts, on the CPU."""
        conversations = []
        for request in chunk:
            content: list[dict[str, Any]] = []
            if request.with_images:
                content += [{"type": "image", "image": _picture(image.read())} for image in request.question.images]
            content.append({"type": "text", "text": request.prompt})
            conversations.append([{"role": "user", "content": content}])
        batch = self._loaded.processor.apply_chat_template(
            conversations,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        )
        floating = self._loaded.model.dtype
        return {name: v.to(floating) if v.is_floating_point() else v for name, v in batch.items()}

    def _checks(self, sample: list[Request]) -> list[str]:
        warnings = []
        if len(sample) > 1 and self.batch_size > 1:
            warnings += self._batch_invariance(sample[: max(2, min(len(sample), self.batch_size))])
        # Prompts of different lengths, so that the padded rows are tried too.
        many = sorted((request for request in sample if len(request.trials) > 1), key=lambda r: len(r.prompt))
        many = [many[0], many[-1]] if len(many) > 1 else many
        if self._decoding.mode != "option" and many:
            self._shared = self._trials_can_share(many)
            if not self._shared:
                warnings.append("this model family does not let trials share one reading of the question; each is read anew")
        return warnings

    def _batch_invariance(self, sample: Sequence[Request]) -> list[str]:
        together = self._first_token_log_p(sample)
        alone = [self._first_token_log_p([request])[0] for request in sample]
        flips = sum(int(a.argmax() != b.argmax()) for a, b in zip(together, alone, strict=True))
        widest = max(float((a - b).abs().max()) for a, b in zip(together, alone, strict=True))
        if flips / len(sample) > _FLIP_LIMIT:
            return [
                f"batches change answers: {flips} of {len(sample)} questions begin differently in a batch than alone "
                f"(log probabilities differ by up to {widest:.2g}); use --batch-size 1 to rule it out"
            ]
        return []

    def _first_token_log_p(self, sample: Sequence[Request]) -> Any:
        from medqdeg_desktop.eval.backends.first_token import read_prompts

        inputs = {name: value.to(self._loaded.device) for name, value in self._inputs(sample).items()}
        pad = self._loaded.tokenizer.pad_token_id
        return read_prompts(self._loaded.model, inputs, pad_token=pad, keep_state=False)[0].log_softmax(-1).cpu()

    def _trials_can_share(self, sample: Sequence[Request]) -> bool:
        """Whether the shared reading gives, token for token, what separate readings give for the same seeds.

        Trials may all part at once. Each is therefore drawn twice as well: the two stay alike, and are read on as one row.
        """
        fewest = min(_CHECKED_TRIALS, *(len(request.trials) for request in sample))
        same = [dataclasses.replace(request, trials=request.trials[:fewest]) for request in sample]
        twice = [dataclasses.replace(request, trials=tuple(t for t in request.trials for _ in range(2))) for request in same]
        inputs = {name: value.to(self._loaded.device) for name, value in self._inputs(same).items()}
        length = min(_CHECKED_TOKENS, self._decoding.max_tokens)
        alike = min(_CHECKED_ALIKE, length)
        try:
            plain = self._draw(same, inputs, shared=False, length=length)
            if self._draw(same, inputs, shared=True, length=length) != plain:
                return False
            begun = [[ids[:alike] for ids in row for _ in range(2)] for row in plain]
            return self._draw(twice, inputs, shared=True, length=alike) == begun
        except (RuntimeError, TypeError, ValueError, AttributeError, IndexError):
            # Each family keeps its state in its own way; one that cannot be repeated says so in one of these.
            self._free()
            return False

    def _free(self) -> None:
        if self._loaded.device == "cuda":
            import torch

            gc.collect()
            torch.cuda.empty_cache()


def _usual_batch(loaded: loading.LoadedModel) -> int:
    """Questions in a batch where nobody says: as many as keep a processor busy without filling its memory."""
    if loaded.device != "cpu":
        return 16
    small = sum(parameter.numel() for parameter in loaded.model.parameters()) < _SMALL
    return 32 if small else 8


def _letters(chunk: Sequence[Request]) -> tuple[str, ...]:
    """The letters that any question of a batch offers."""
    return tuple(sorted({letter for request in chunk for letter in request.options}))


def _row_lengths(inputs: Mapping[str, Tensor]) -> list[int]:
    """Tokens of each prompt without its padding."""
    return [int(n) for n in inputs["attention_mask"].sum(dim=1).tolist()]


def _detail(request: Request, prompt_tokens: int) -> dict[str, Any]:
    shown = image_facts(request.question) if request.with_images else {}
    return shown | {"prompt_tokens": prompt_tokens}


def _picture(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png)) as image:
        return image.convert("RGB")


def _until_end(ids: list[int], ends: Sequence[int]) -> list[int]:
    """The ids up to and with the first end token: a row that ended early was carried on beside those that had not."""
    for i, token in enumerate(ids):
        if token in ends:
            return ids[: i + 1]
    return ids


def _out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "out of memory" in str(error).casefold() or "can't allocate" in str(error).casefold()


def _plain(value: Any) -> Any:
    """A processor's setting as JSON holds it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {k: v for k, v in dataclasses.asdict(value).items() if v is not None}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return value if isinstance(value, int | float | str | bool) or value is None else str(value)

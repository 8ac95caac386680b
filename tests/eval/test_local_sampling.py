"""Trials of local models: one reading for all of them, the same draws in any batch, prepared while the model computes."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.eval.backends.base import Decoding, Reply, Request
from tests.eval.test_local_models import ARCHITECTURES, ask, backend, requests

pytest.importorskip("torch", reason="needs the extra 'local'")
pytestmark = pytest.mark.local_model


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_trials_that_share_one_reading_are_token_for_token_those_read_anew(
    architecture: str, tiny_models: dict[str, Path], dataset: Dataset
) -> None:
    model = backend(tiny_models[architecture], Decoding(max_tokens=6), batch_size=4)
    wanted = requests(dataset, trials=5)
    shared = ask(model, wanted)
    assert model._shared
    model._shared = False
    plain = asyncio.run(model.answer(wanted))
    assert [[r.text for r in row] for row in shared] == [[r.text for r in row] for row in plain]
    assert len({r.text for row in shared for r in row}) > 30


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_trials_that_began_alike_are_read_on_as_one_row_until_they_part(
    architecture: str, tiny_models: dict[str, Path], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medqdeg_desktop.eval.backends import sampling

    read: list[tuple[int, int]] = []
    by_one = sampling._GoingOn.by_one

    def counted(self: Any, cache: Any, rows: Sequence[int], asked: Sequence[int], tokens: Sequence[int]) -> Any:
        found = by_one(self, cache, rows, asked, tokens)
        assert found[0].shape[0] == len(rows)
        read.append((len(rows), len(set(asked))))
        return found

    monkeypatch.setattr(sampling._GoingOn, "by_one", counted)
    # Cold enough that trials of a question mostly agree, and not always; a question has three trials left, the others ten.
    model = backend(tiny_models[architecture], Decoding(max_tokens=8, temperature=0.12), batch_size=6)
    wanted = requests(dataset, trials=10, count=6)
    wanted[2] = Request(wanted[2].question, wanted[2].prompt, wanted[2].options, (1, 4, 9))
    shared = ask(model, wanted)
    assert model._shared
    assert any(questions < rows < 53 for rows, questions in read), read
    model._shared = False
    plain = asyncio.run(model.answer(wanted))
    assert [[(r.trial, r.text) for r in row] for row in shared] == [[(r.trial, r.text) for r in row] for row in plain]
    assert len({r.text for row in shared for r in row}) > len(wanted)


def test_a_family_that_cannot_read_on_one_row_for_several_trials_is_found_where_hardly_any_begin_alike(
    tiny_models: dict[str, Path], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medqdeg_desktop.eval.backends import sampling

    by_one = sampling._GoingOn.by_one

    def mistaken(self: Any, *given: Any) -> Any:
        logits, cache = by_one(self, *given)
        return logits.roll(1, dims=-1), cache

    monkeypatch.setattr(sampling._GoingOn, "by_one", mistaken)
    model = backend(tiny_models["llava"], Decoding(max_tokens=6))
    warnings = asyncio.run(model.prepare(requests(dataset, trials=3)))
    assert not model._shared and any("each is read anew" in warning for warning in warnings)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_trial_is_the_same_in_any_batch_and_order(architecture: str, tiny_models: dict[str, Path], dataset: Dataset) -> None:
    wanted = requests(dataset, trials=3)
    model = backend(tiny_models[architecture], Decoding(max_tokens=6), batch_size=12)
    once = {(q.question.key, r.trial): r.text for q, row in zip(wanted, ask(model, wanted), strict=True) for r in row}
    single = backend(tiny_models[architecture], Decoding(max_tokens=6), batch_size=1)
    late = [Request(q.question, q.prompt, q.options, (2,)) for q in reversed(wanted)]
    again = {(q.question.key, r.trial): r.text for q, row in zip(late, ask(single, late), strict=True) for r in row}
    assert again == {key: text for key, text in once.items() if key[1] == 2}


@pytest.mark.parametrize("decoding", [Decoding("option"), Decoding(max_tokens=1)], ids=["exact", "paper"])
def test_the_processor_prepares_the_next_batch_while_the_model_computes(
    decoding: Decoding, tiny_models: dict[str, Path], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    computing, prepared = threading.Event(), threading.Event()
    model = backend(tiny_models["llava"], decoding, batch_size=4)
    process, compute = model._loaded.processor.apply_chat_template, model._loaded.model.generate
    batches = iter((1, 2))

    def processed(*given: Any, **more: Any) -> Any:
        second = next(batches) == 2
        assert not second or computing.wait(20), "the model waits for the processor"
        found = process(*given, **more)
        if second:
            prepared.set()
        return found

    def computed(*given: Any, **more: Any) -> Any:
        computing.set()
        assert prepared.wait(20), "the processor waits for the model"
        return compute(*given, **more)

    monkeypatch.setattr(model._loaded.processor, "apply_chat_template", processed)
    monkeypatch.setattr(model._loaded.model, "generate", computed)
    wanted = requests(dataset, trials=2, count=8)

    async def both() -> list[list[list[Reply]]]:
        return await asyncio.gather(model.answer(wanted[:4]), model.answer(wanted[4:]))

    assert [len(replies) for replies in asyncio.run(both())] == [4, 4]


def test_sampled_first_letters_follow_the_exact_probabilities(tiny_models: dict[str, Path], dataset: Dataset) -> None:
    import torch

    trials = 4000
    (request,) = requests(dataset, trials=trials, count=1)
    model = backend(tiny_models["llava"], Decoding(max_tokens=1))
    model._shared = True
    (row,) = asyncio.run(model.answer([request]))
    inputs = model._inputs([request])
    with torch.no_grad():
        p = model._loaded.model(**inputs).logits[0, -1].softmax(-1).double().numpy()
    drawn = Counter(reply.text for reply in row)
    for letter in "ABCD":
        expected = p[model._loaded.tokenizer.convert_tokens_to_ids(letter)]
        assert abs(drawn[letter] / trials - expected) < 4.5 * (expected * (1 - expected) / trials) ** 0.5 + 1e-9
    chosen = p[p > 0.01]
    assert chosen.size > 3


def test_a_family_that_cannot_share_a_reading_is_read_anew_and_says_so(
    tiny_models: dict[str, Path], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medqdeg_desktop.eval.backends import sampling

    def refuses(*args: Any) -> Any:
        raise AttributeError("no cache to repeat")

    monkeypatch.setattr(sampling, "sample_shared", refuses)
    model = backend(tiny_models["llava"], Decoding(max_tokens=2))
    wanted = requests(dataset, trials=2, count=3)
    warnings = asyncio.run(model.prepare(wanted))
    assert any("each is read anew" in warning for warning in warnings)
    assert all(len(row) == 2 for row in asyncio.run(model.answer(wanted)))

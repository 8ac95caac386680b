"""Evaluation measured on this machine: the runner's cost an answer, and the local path beside the bare model.

    python -m tests.benchmarks.evaluation [--questions 192] [--answers 30000] [--rounds 5]

runner   answers a second of a guesser that costs nothing, all the way into the study, and the time to resume.
local    questions a second of the local path beside loops that anybody would write, on the same batches and from the same files.
         Loops and local path take turns, round after round; told are medians and the median of the ratios within a round, since
         one machine differs from minute to minute by more than the loops differ. Ratios are given by the clock, where what is
         done beside the model on another core counts for nothing, and in processor time, where it counts in full and what else
         the machine does counts little.

bare       the model's forward pass and the letters' probabilities, the processor's work (decoding, resizing, tokens) done
           beforehand; for paper mode also ten draws from the softmax and their text.
loop       the same with the processor's work in the loop, on the same thread.
backend    the local path as the runner asks it: two batches under way, one prepared while the other computes.
run        the whole command, answers in the study: from the first batch asked to the end of the run.

Told too is the processor time that a batch takes beside the model's own reading, which needs no quiet machine; and, measured
less often because they take long, ten separate sampled calls, and ``generate`` with ten replies. The model is a small LLaVA with
random weights (a few million parameters), built from configuration; replies of one token; one thread.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.eval.backends import first_token, sampling, scoring
from medqdeg_desktop.eval.backends.base import Decoding, Reply, Request
from medqdeg_desktop.eval.backends.local import LocalBackend
from medqdeg_desktop.eval.batches import by_length
from medqdeg_desktop.eval.plan import Asked, EvaluateOptions
from medqdeg_desktop.eval.prompts import prompt_text
from medqdeg_desktop.eval.questions import questions
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.eval.tiny_model import build_tiny_model
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.store import Study
from tests.benchmarks.headline import headline
from tests.eval.made_datasets import make_dataset

TRIALS = 10
BATCH = 16
#: Batches that the slow ways are measured on.
SLOW = 2
LETTERS = "ABCD"


def runner(folder: Path, dataset: Dataset, answers: int) -> dict[str, float]:
    study = folder / "bench.medq"
    Study.create(study, name="bench").close()
    options = EvaluateOptions(trials=max(1, answers // dataset.row_count))
    times = []
    for _ in range(2):
        began = time.perf_counter()
        outcome = evaluate(dataset.folder, study, parse_spec("baseline:uniform"), options, Progress("bench"))
        times.append(time.perf_counter() - began)
    return {"answers": outcome.total, "ms_an_answer": 1000 * times[0] / outcome.total, "resume_seconds": times[1]}


def batches_of(backend: LocalBackend, dataset: Dataset, trials: int) -> list[list[Request]]:
    """The batches that the runner would ask."""
    found = questions(dataset)
    asked = (Asked(Request(q, prompt_text(q.text, q.options), q.options, tuple(range(trials))), {}, 0) for q in found)
    ordered = [one.request for one in by_length(asked, backend.length)]
    return [ordered[i : i + BATCH] for i in range(0, len(ordered), BATCH)]


async def answered(backend: LocalBackend, batches: list[list[Request]]) -> list[list[Reply]]:
    """Replies to ``batches``, two of which are under way, as in the runner."""
    waiting: Iterator[tuple[int, list[Request]]] = iter(enumerate(batches))
    replies: dict[int, list[list[Reply]]] = {}

    async def work() -> None:
        for place, batch in waiting:
            replies[place] = await backend.answer(batch)

    await asyncio.gather(work(), work())
    return [row for place in sorted(replies) for row in replies[place]]


class Loops:
    """What stands beside the local path, on the batches of ``backend``."""

    def __init__(self, backend: LocalBackend, batches: list[list[Request]]) -> None:
        self._backend = backend
        self._model: Any = backend._loaded.model
        self._tokenizer: Any = backend._loaded.tokenizer
        self._batches = batches
        self._ready = [backend._inputs(batch) for batch in batches]
        self._letters = [self._tokenizer.convert_tokens_to_ids(letter) for letter in LETTERS]

    @torch.inference_mode()
    def _exact(self, inputs: dict[str, Any]) -> list[list[float]]:
        logits = self._model(**inputs, logits_to_keep=1, use_cache=False).logits[:, -1]
        shares: list[list[float]] = logits[:, self._letters].float().softmax(-1).tolist()
        return shares

    @torch.inference_mode()
    def _paper(self, inputs: dict[str, Any]) -> list[list[str]]:
        p = self._model(**inputs, logits_to_keep=1, use_cache=False).logits[:, -1].float().softmax(-1)
        drawn = torch.multinomial(p, TRIALS, replacement=True).tolist()
        return [[self._tokenizer.decode([token]) for token in row] for row in drawn]

    def bare_exact(self) -> None:
        for inputs in self._ready:
            self._exact(inputs)

    def loop_exact(self) -> None:
        for batch in self._batches:
            self._exact(self._backend._inputs(batch))

    def bare_paper(self) -> None:
        for inputs in self._ready:
            self._paper(inputs)

    def loop_paper(self) -> None:
        for batch in self._batches:
            self._paper(self._backend._inputs(batch))

    @torch.inference_mode()
    def generate(self, first: int) -> None:
        """The library's own sampling of ten replies on the ``first`` batches, the processor's work done beforehand."""
        plain = {"do_sample": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 1}
        for inputs in self._ready[:first]:
            self._model.generate(**inputs, **plain, num_return_sequences=TRIALS)


class Taken(NamedTuple):
    """Seconds of one pass, by the clock and of all processors together."""

    clock: float
    processor: float

    @classmethod
    def since(cls, began: Taken) -> Taken:
        return cls(time.perf_counter() - began.clock, time.process_time() - began.processor)


def now() -> Taken:
    return Taken(time.perf_counter(), time.process_time())


def taken(work: Callable[[], object]) -> Taken:
    began = now()
    work()
    return Taken.since(began)


def whole_run(folder: Path, dataset: Dataset, model: Path, mode: str, trials: int) -> Taken:
    """From the first batch asked to the end of a run whose answers are in the study."""
    study = folder / f"{time.monotonic_ns()}.medq"
    Study.create(study, name="bench").close()
    asked: list[Taken] = []
    answer = LocalBackend.answer

    async def noting(self: LocalBackend, requests: Any) -> Any:
        asked.append(now())
        return await answer(self, requests)

    LocalBackend.answer = noting  # type: ignore[method-assign]
    try:
        options = EvaluateOptions(mode=mode, trials=trials, max_tokens=1, batch_size=BATCH)  # type: ignore[arg-type]
        evaluate(dataset.folder, study, parse_spec(f"local:{model}"), options, Progress("bench"))
        return Taken.since(asked[0])
    finally:
        LocalBackend.answer = answer  # type: ignore[method-assign]


def local(folder: Path, dataset: Dataset, rounds: int) -> dict[str, float]:
    model = build_tiny_model(folder / "model", "llava", width=256, layers=6)
    exact = LocalBackend(model, Decoding("option"), "bench", batch_size=BATCH)
    paper = LocalBackend(model, Decoding(max_tokens=1), "bench", batch_size=BATCH)
    once, many = batches_of(exact, dataset, 1), batches_of(paper, dataset, TRIALS)
    asyncio.run(exact.prepare(once[0]))
    if asyncio.run(paper.prepare(many[0])):
        raise SystemExit("trials of the small model do not share a reading")
    loops = Loops(exact, once)
    ways: dict[str, Callable[[], Taken]] = {
        "bare_exact": lambda: taken(loops.bare_exact),
        "backend_exact": lambda: taken(lambda: asyncio.run(answered(exact, once))),
        "run_exact": lambda: whole_run(folder, dataset, model, "option", 1),
        "loop_exact": lambda: taken(loops.loop_exact),
        "bare_paper": lambda: taken(loops.bare_paper),
        "backend_paper": lambda: taken(lambda: asyncio.run(answered(paper, many))),
        "run_paper": lambda: whole_run(folder, dataset, model, "vote", TRIALS),
        "loop_paper": lambda: taken(loops.loop_paper),
    }
    passes: dict[str, list[Taken]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        # Forth and back, so that a machine that slows down does not slow the same ones; the first round warms up.
        for name in ways if number % 2 else reversed(ways):
            found = ways[name]()
            if number:
                passes[name].append(found)
    count = sum(map(len, once))
    figures = {f"{name}_per_second": count / median(one.clock for one in each) for name, each in passes.items()}
    for mode in ("exact", "paper"):
        for way in ("backend", "run"):
            for beside in ("bare", "loop"):
                pairs = list(zip(passes[f"{beside}_{mode}"], passes[f"{way}_{mode}"], strict=True))
                figures[f"{way}_{mode}_of_{beside}"] = median(b.clock / a.clock for b, a in pairs)
                figures[f"{way}_{mode}_of_{beside}_processor"] = median(b.processor / a.processor for b, a in pairs)
    figures |= beside_the_model(exact, paper, once[0], many[0])
    figures |= slow(loops, exact, paper, once, many)
    pairs = list(zip(passes["backend_paper"], passes["backend_exact"], strict=True))
    figures["exact_over_shared_trials"] = median(b.clock / a.clock for b, a in pairs)
    rows = asyncio.run(answered(exact, once))
    figures["share_of_letters_exact"] = float(np.mean([row[0].detail["option_mass"] for row in rows]))
    sampled = asyncio.run(answered(paper, many))
    figures["share_of_letters_sampled"] = float(np.mean([reply.text in set(LETTERS) for row in sampled for reply in row]))
    return figures


def beside_the_model(exact: LocalBackend, paper: LocalBackend, once: list[Request], many: list[Request]) -> dict[str, float]:
    """Milliseconds of processor time that a batch takes beside the model's own reading, which is done once and kept."""
    inputs = exact._inputs(once)
    read = first_token.read_prompts(exact._loaded.model, inputs, pad_token=exact._loaded.tokenizer.pad_token_id, keep_state=False)
    ways: dict[str, Callable[[], object]] = {
        "exact": lambda: exact._scored(once, inputs),
        "paper": lambda: paper._sampled(many, inputs),
        "preparing": lambda: exact._inputs(once),
    }
    found = {}
    with (
        mock.patch.object(scoring, "read_prompts", lambda *given, **more: read),
        mock.patch.object(sampling, "read_prompts", lambda *given, **more: read),
    ):
        for name, work in ways.items():
            found[f"{name}_ms_a_batch_beside_the_model"] = 1000 * median(taken(work).processor for _ in range(21))
    return found


def slow(
    loops: Loops, exact: LocalBackend, paper: LocalBackend, once: list[list[Request]], many: list[list[Request]]
) -> dict[str, float]:
    """Exact mode beside ten separate sampled calls, and paper mode beside ``generate`` with ten replies, on the first batches."""
    once, many = once[:SLOW], many[:SLOW]
    trials = [[[Request(r.question, r.prompt, r.options, (t,)) for r in batch] for batch in many] for t in range(TRIALS)]

    def calls() -> None:
        for batches in trials:
            asyncio.run(answered(paper, batches))

    separate, generated = [], []
    for _ in range(3):
        ours = taken(lambda: asyncio.run(answered(exact, once)))
        separate.append(taken(calls).clock / ours.clock)
        ours = taken(lambda: asyncio.run(answered(paper, many)))
        generated.append(taken(partial(loops.generate, SLOW)).clock / ours.clock)
    return {"exact_over_separate_calls": median(separate), "paper_over_generate": median(generated)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=192)
    parser.add_argument("--answers", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = make_dataset(folder / "set", items=max(1, arguments.questions // 3))
        figures = {
            "runner": runner(folder, dataset, arguments.answers),
            "local": local(folder, dataset, arguments.rounds),
        }
    print(json.dumps(figures, indent=1))
    found = figures["local"]
    headline("runner, an answer all the way into the study", figures["runner"]["ms_an_answer"], "ms", "< 1")
    headline("exact mode beside ten separate sampled calls", found["exact_over_separate_calls"], "times faster", ">= 8")
    for mode, of in (
        ("exact mode", "the bare forward pass"),
        ("paper mode (ten trials)", "the bare forward pass with ten draws"),
    ):
        name = mode.partition(" ")[0]
        headline(f"{mode} of {of}", found[f"backend_{name}_of_bare"], "", ">= 0.9")
        headline(f"{mode}, the whole run, of {of}", found[f"run_{name}_of_bare"], "", ">= 0.9")
        headline("the same in processor time, preparation included", found[f"run_{name}_of_bare_processor"], "")
    headline("paper mode beside the library's own sampling of ten replies", found["paper_over_generate"], "times faster")
    headline("exact mode beside the best sampler (ten trials that share one reading)", found["exact_over_shared_trials"], "")


if __name__ == "__main__":
    main()

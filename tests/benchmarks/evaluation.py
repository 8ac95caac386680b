"""Evaluation measured on this machine: the runner's cost an answer, and the local path beside the bare model.

    python -m tests.benchmarks.evaluation [--questions 96] [--answers 30000]

runner        answers a second of a guesser that costs nothing, all the way into the study, and the time to resume.
exact         questions a second of one exact pass, of ten separate sampled calls, and of ten trials that share one reading.
bare          questions a second of the model's forward pass on prepared batches of the same size: the ceiling of exact mode; and
              of ``generate`` with the same trials and tokens on them: the ceiling of paper mode without a shared reading.

The model is a small LLaVA with random weights (a few million parameters), built from configuration; one thread.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.eval.backends.base import Decoding, Reply, Request
from medqdeg_desktop.eval.backends.local import LocalBackend
from medqdeg_desktop.eval.plan import EvaluateOptions
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


def asked(dataset: Dataset, trials: int) -> list[Request]:
    return [Request(q, prompt_text(q.text, q.options), q.options, tuple(range(trials))) for q in questions(dataset)]


def rate(backend: LocalBackend, requests: list[Request]) -> tuple[float, list[list[Reply]]]:
    """Questions a second after warming up, with the replies."""

    async def run() -> tuple[float, list[list[Reply]]]:
        await backend.prepare(requests[:8])
        batches = [requests[i : i + BATCH] for i in range(0, len(requests), BATCH)]
        await backend.answer(batches[0])
        began = time.perf_counter()
        # Two at a time, as the runner does: one is prepared while the other computes.
        found = []
        for i in range(0, len(batches), 2):
            found += await asyncio.gather(*(backend.answer(batch) for batch in batches[i : i + 2]))
        seconds = time.perf_counter() - began
        return len(requests) / seconds, [row for batch in found for row in batch]

    return asyncio.run(run())


def bare(backend: LocalBackend, requests: list[Request]) -> float:
    """Questions a second of the forward pass alone, the processor's work done beforehand."""
    model = backend._loaded.model
    batches = [backend._inputs(requests[i : i + BATCH]) for i in range(0, len(requests), BATCH)]
    with torch.inference_mode():
        model(**batches[0], logits_to_keep=1)
        began = time.perf_counter()
        for batch in batches:
            model(**batch, logits_to_keep=1)
    return len(requests) / (time.perf_counter() - began)


def bare_sampling(backend: LocalBackend, requests: list[Request]) -> float:
    """Questions a second of the library's own sampling, ten replies of one token each, the processor's work done beforehand."""
    model = backend._loaded.model
    batches = [backend._inputs(requests[i : i + BATCH]) for i in range(0, len(requests), BATCH)]
    sampling = {
        "do_sample": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "max_new_tokens": 1,
        "num_return_sequences": TRIALS,
    }
    with torch.inference_mode():
        model.generate(**batches[0], **sampling)
        began = time.perf_counter()
        for batch in batches:
            model.generate(**batch, **sampling)
    return len(requests) / (time.perf_counter() - began)


def local(folder: Path, dataset: Dataset) -> dict[str, float]:
    model = build_tiny_model(folder / "model", "llava", width=256, layers=6)
    once, many = asked(dataset, 1), asked(dataset, TRIALS)
    exact = LocalBackend(model, Decoding("option"), "bench", batch_size=BATCH)
    exact_rate, exact_rows = rate(exact, once)
    sampler = LocalBackend(model, Decoding(max_tokens=1), "bench", batch_size=BATCH)
    shared_rate, sampled_rows = rate(sampler, many)
    sampler._shared = False
    separate = [[Request(r.question, r.prompt, r.options, (t,)) for r in once] for t in range(TRIALS)]
    began = time.perf_counter()
    for trial in separate:
        for i in range(0, len(trial), BATCH):
            asyncio.run(sampler.answer(trial[i : i + BATCH]))
    separate_rate = len(once) / (time.perf_counter() - began)
    masses = [row[0].detail["option_mass"] for row in exact_rows]
    letters = [reply.text in set("ABCD") for row in sampled_rows for reply in row]
    ceiling, library = bare(exact, once), bare_sampling(exact, once)
    return {
        "bare_per_second": ceiling,
        "bare_generate_ten_replies_per_second": library,
        "paper_over_bare_generate": shared_rate / library,
        "paper_over_bare_reading": shared_rate / ceiling,
        "exact_per_second": exact_rate,
        "ten_separate_calls_per_second": separate_rate,
        "ten_trials_sharing_one_reading_per_second": shared_rate,
        "exact_over_separate": exact_rate / separate_rate,
        "exact_over_shared": exact_rate / shared_rate,
        "share_of_letters_exact": float(np.mean(masses)),
        "share_of_letters_sampled": float(np.mean(letters)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=96)
    parser.add_argument("--answers", type=int, default=30_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = make_dataset(folder / "set", items=max(1, arguments.questions // 3))
        figures = {"runner": runner(folder, dataset, arguments.answers), "local": local(folder, dataset)}
    print(json.dumps(figures, indent=1))
    headline("runner, an answer all the way into the study", figures["runner"]["ms_an_answer"], "ms")
    headline("exact mode beside ten separate sampled calls", figures["local"]["exact_over_separate"], "times faster")
    headline(
        "exact mode of the bare model's forward pass",
        figures["local"]["exact_per_second"] / figures["local"]["bare_per_second"],
        "",
    )
    headline("paper mode (ten trials) of the library's own sampling", figures["local"]["paper_over_bare_generate"], "")
    headline("exact mode of the best sampler (ten trials that share one reading)", figures["local"]["exact_over_shared"], "")


if __name__ == "__main__":
    main()

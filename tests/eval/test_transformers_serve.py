"""A run against `transformers serve`, a server that others wrote, with the reference model on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.questions import questions
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.study.store import Study

pytestmark = [pytest.mark.local_model, pytest.mark.slow]
for needed in ("torch", "fastapi", "uvicorn", "accelerate"):
    pytest.importorskip(needed, reason="`transformers serve` needs it")

MODEL = shipped("reference_model/medqdeg-reference")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a running `transformers serve` on the model that ships with the product."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    program = "import sys; from transformers.cli.transformers import main; sys.argv[0] = 'transformers'; main()"
    arguments = ["serve", str(MODEL), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=out, stderr=out, env=environment)
    try:
        deadline = time.monotonic() + 150
        while time.monotonic() < deadline:
            if process.poll() is not None:
                pytest.fail(f"the server ended: {log.read_text()[-2000:]}")
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False, timeout=2).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        else:
            pytest.fail("the server did not start in 150 s")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def test_trials_are_sampled_counted_and_kept(server: str, dataset: Dataset, study_path: Path) -> None:
    spec = parse_spec(f"openai:{MODEL}@{server}")
    options = EvaluateOptions(trials=3, max_tokens=4, limit=2, concurrency=2)
    outcome = evaluate(dataset.folder, study_path, spec, options, Progress("evaluate"))
    assert (outcome.answered, outcome.failed) == (18, 0)
    with Study.open(study_path) as study:
        answers = list(study.answers(outcome.run.run_id))
    assert {(a.file_name, a.trial) for a in answers} == {(q.key, t) for q in questions(dataset, 2) for t in range(3)}
    for answer in answers:
        assert answer.raw.strip() in set("ABCD"), "it was trained to reply a letter and nothing else"
        assert answer.detail["sampling_by"] == "generation_config"
        assert answer.detail["not_accepted"] == ["top_k"]
        assert answer.detail["tokens"][1] <= 4


def test_exact_mode_is_refused_in_one_line(server: str, dataset: Dataset, study_path: Path) -> None:
    spec = parse_spec(f"openai:{MODEL}@{server}")
    with pytest.raises(MedqdegError, match="no log probabilities; use --confidence vote"):
        evaluate(dataset.folder, study_path, spec, EvaluateOptions(mode="option", limit=1), Progress("evaluate"))

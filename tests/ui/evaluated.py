"""A small real study on disk: sixteen questions on pictures, its degraded set, and two baselines asked about it."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from medqdeg_desktop.bank import generate as generation
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.engine import png
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.store import Study

QUESTIONS = 16


@dataclass(frozen=True)
class Evaluated:
    """``study`` holds two finished runs on ``dataset``; ``items`` is the file that its questions came from."""

    folder: Path
    study: Path
    dataset: Path
    items: Path

    def copy_of_study(self, folder: Path) -> Path:
        """The study under a path of its own, so that a test may write to it."""
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(self.study, folder / self.study.name))


def write_items(folder: Path, count: int = QUESTIONS) -> Path:
    """Pictures (96 x 96) and a file of item lines about them."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(7)
    lines = []
    for i in range(count):
        x_ray = i % 2 == 0
        rows, columns = np.mgrid[0:96, 0:96] / 96
        shade = 60 + 120 * np.hypot(rows - 0.5, columns - 0.5) + draw.normal(0, 6, (96, 96))
        pixels = np.clip(shade, 0, 255).astype(np.uint8)
        path = folder / f"picture_{i:02d}.png"
        png.write(path, pixels if x_ray else np.stack([pixels, pixels // 2, pixels // 3], axis=2))
        lines.append(
            {
                "id": f"item_{i:02d}",
                "image": path.name,
                "modality": "X-ray" if x_ray else "Dermoscopy",
                "question": f"What does picture {i} show?",
                "options": {"A": "nothing", "B": "a lesion", "C": "a fracture", "D": "a device"},
                "answer": "ABCD"[i % 4],
                "skill": "Counting" if i % 4 < 2 else "Disease Diagnosis",
                "public": True,
            }
        )
    items = folder / "items.jsonl"
    items.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    return items


def build(folder: Path) -> Evaluated:
    """All of it, by the functions that the commands call."""
    items = write_items(folder / "pictures")
    study_path, dataset = folder / "ward.medq", folder / "ward_set"
    with Study.create(study_path, name="Ward") as study:
        import_items(study, items)
        generation.generate(study, dataset, Asked(seed=3), workers=1)
    for name in ("uniform", "prior"):
        evaluate(dataset, study_path, parse_spec(f"baseline:{name}"), EvaluateOptions(trials=4), Progress("evaluate"))
    return Evaluated(folder, study_path, dataset, items)


@contextmanager
def slow_server(seconds: float = 0.7) -> Iterator[str]:
    """A chat-completions server on this machine with the model ``slow``, which thinks ``seconds`` and says B; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send({"data": [{"id": "slow"}]})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(seconds)
            choice = {"message": {"role": "assistant", "content": "B"}, "finish_reason": "stop"}
            self._send({"model": "slow", "choices": [choice] * asked.get("n", 1), "usage": {}})

        def _send(self, body: dict[str, object]) -> None:
            data = json.dumps(body).encode()
            try:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

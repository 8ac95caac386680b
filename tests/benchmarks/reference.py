"""The reference model measured on this machine: exact mode, loading, and the slider with the live probe beside it.

    python -m tests.benchmarks.reference [--questions 160] [--side 512] [--no-window]

exact         questions a second from PNG files to probabilities, as `evaluate` asks them (processor of the next batch beside the
              model), beside the bare forward pass on prepared batches of the same size, with MKL's and with oneDNN's layers.
prepare       milliseconds a question of what comes before the model: PNG, processor, tokens.
load          the model and its processor from the folder, twice; the import of torch and transformers stands by itself.
slider        from a slider event to the repainted pane, without the probe and with it answering, in turns in the same window.

Compare within one run: the machine's own speed varies. The model's process of the probe runs on one thread at a lower priority.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.headline import headline

BATCH = 32
_LOAD = """
import json, sys, time
begun = time.perf_counter()
import torch, transformers
from transformers import AutoModelForImageTextToText, AutoProcessor
imported = time.perf_counter() - begun
folder, times = sys.argv[1], []
for _ in range(2):
    begun = time.perf_counter()
    AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True)
    AutoProcessor.from_pretrained(folder, local_files_only=True)
    times.append(time.perf_counter() - begun)
print(json.dumps({"import_seconds": imported, "first_load_seconds": times[0], "second_load_seconds": times[1]}))
"""


def load() -> dict[str, float]:
    """Seconds in a fresh process, offline."""
    from medqdeg_desktop.eval.reference.selfcheck import MODEL
    from medqdeg_desktop.shipped import shipped

    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", _LOAD, str(shipped(MODEL))], env=environment, check=True, capture_output=True, text=True
    )
    return dict(json.loads(run.stdout.splitlines()[-1]))


def asked(folder: Path, count: int) -> list[Any]:
    """Requests about clean pictures of the fixed mix, longest first as the runner sorts them."""
    from medqdeg_desktop.engine import png
    from medqdeg_desktop.engine.display import to_display
    from medqdeg_desktop.eval.backends.base import Request
    from medqdeg_desktop.eval.prompts import prompt_text
    from medqdeg_desktop.eval.questions import Question, QuestionImage
    from medqdeg_desktop.eval.reference import items, pictures
    from medqdeg_desktop.shipped import shipped

    requests = []
    for line in items.read(shipped(items.ITEMS))[:count]:
        seed = int(Path(line["image"]).stem)
        path = folder / f"{seed}.png"
        if not path.is_file():
            png.write(path, to_display(pictures.draw(seed, size=items.size_of(seed)).image))
        rows, columns = png.decode(path.read_bytes()).shape[:2]
        image = QuestionImage(path, "", columns, rows)
        question = Question(line["id"], line["id"], "L0", line["question"], line["options"], line["answer"], (image,))
        requests.append(Request(question, prompt_text(question.text, question.options), question.options, (0,)))
    return sorted(requests, key=lambda request: -len(request.prompt))


def exact(folder: Path, count: int) -> dict[str, float]:
    import torch

    from medqdeg_desktop.eval.backends.base import Decoding
    from medqdeg_desktop.eval.backends.local import LocalBackend
    from medqdeg_desktop.eval.reference.selfcheck import MODEL
    from medqdeg_desktop.shipped import shipped
    from tests.benchmarks.evaluation import answered

    requests = asked(folder, count)
    backend = LocalBackend(shipped(MODEL), Decoding("option"), "bench", batch_size=BATCH)
    batches = [requests[i : i + BATCH] for i in range(0, len(requests), BATCH)]

    inputs = [backend._inputs(batch) for batch in batches]
    model = backend._loaded.model

    def forward() -> None:
        with torch.inference_mode():
            for batch in inputs:
                model(**batch, logits_to_keep=1)

    def prepare() -> None:
        for batch in batches:
            backend._inputs(batch)

    async def timed() -> dict[str, float]:
        await answered(backend, batches)
        found: dict[str, list[float]] = {"exact": [], "bare": [], "prepare": []}
        for _ in range(3):
            begun = time.perf_counter()
            await answered(backend, batches)
            found["exact"].append(time.perf_counter() - begun)
            for name, work in (("bare", forward), ("prepare", prepare)):
                begun = time.perf_counter()
                work()
                found[name].append(time.perf_counter() - begun)
        return {name: min(seconds) for name, seconds in found.items()}

    best = asyncio.run(timed())
    layers = [module for module in model.modules() if "forward" in vars(module)]
    for layer in layers:
        del layer.forward
    forward()
    begun = time.perf_counter()
    forward()
    plain = time.perf_counter() - begun
    return {
        "exact_per_second": count / best["exact"],
        "bare_per_second": count / best["bare"],
        "bare_without_onednn_per_second": count / plain,
        "exact_over_bare": best["bare"] / best["exact"],
        "prepare_ms_a_question": 1000 * best["prepare"] / count,
        "threads": torch.get_num_threads(),
    }


def slider(folder: Path, side: int, events: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """p50 and p95 of event to paint in ms for some types, without and with the probe, drags taken in turns."""
    import cv2
    import platformdirs
    from PySide6.QtWidgets import QApplication

    from medqdeg_desktop.engine.degradation import find
    from medqdeg_desktop.samples.dicom_file import write_dicom
    from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME
    from medqdeg_desktop.ui import theme
    from medqdeg_desktop.ui.application import share_processors
    from medqdeg_desktop.ui.calibrate.workspace import CalibrateWorkspace
    from medqdeg_desktop.ui.garbage import WindowThreadCollector
    from medqdeg_desktop.ui.main_window import MainWindow
    from medqdeg_desktop.ui.probe.model_process import State
    from tests.benchmarks.live import Stopwatch, drag, frame, modality_of, spin, until

    platformdirs.user_data_dir = lambda *args, **kwargs: str(folder / "data")  # type: ignore[assignment]
    application = QApplication([])
    theme.apply(application)
    share_processors()
    collector = WindowThreadCollector(application)
    found: dict[str, dict[str, list[float]]] = {}
    first = folder / "first.png"
    cv2.imwrite(str(first), np.full((64, 64), 90, np.uint8))
    window = MainWindow([first])
    window.resize(1280, 800)
    window.show()
    workspace = window.workspace("calibrate")
    assert isinstance(workspace, CalibrateWorkspace)
    until(lambda: workspace.live.confirmable is not None)
    workspace.toggle_probe()
    strip = workspace.probe.strip
    assert strip is not None
    until(lambda: strip.process.state is State.READY, 120)
    for name in ("gaussian_blur", "gaussian_noise", "limited_angle", "undersampling_artifact", "dark_spots_artifact"):
        find(name)
        modality = modality_of(DEGRADATION_BY_NAME[name])
        path = folder / f"{name}.dcm"
        # The model's process reads the file itself, so that the picture has to be one.
        write_dicom(frame(modality, side), path, series=name, description="bench")
        window.show_images([path])
        until(lambda p=path: workspace.opened is not None and workspace.opened.root == p and workspace.image is not None)
        workspace.choose_type(name)
        until(lambda: bool(strip.questions) and workspace.live.confirmable is not None)
        spin(800)
        watch = Stopwatch(workspace)
        drag(workspace, watch, events)
        times: dict[bool, list[float]] = {False: [], True: []}
        answers = 0
        for turn in range(2 * rounds):
            with_probe = turn % 2 == 1
            told = strip.desk
            if with_probe:
                # Another seed of the subject would be another picture: the curve is emptied instead, so that all is asked anew.
                told._curves.clear()
                told._renew()
                workspace.probe._open = True
            else:
                workspace.probe._open = False
                told.pause()
            spin(300)
            drag(workspace, watch, events)
            times[with_probe] += watch.latencies
            answers += len(told.curve.points) if with_probe else 0
        found[name] = {
            "without": [float(v) for v in np.percentile(times[False], (50, 95))],
            "with": [float(v) for v in np.percentile(times[True], (50, 95))],
            "answers_a_drag": [answers / rounds],
        }
        line = found[name]
        print(
            f"{name:24}{line['without'][0]:8.1f}{line['without'][1]:8.1f}{line['with'][0]:8.1f}{line['with'][1]:8.1f}"
            f"{line['answers_a_drag'][0]:8.1f}",
            flush=True,
        )
    workspace.probe._open = True
    window.close()
    collector.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=160)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--events", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3, help="drags without and with the probe for each type")
    parser.add_argument("--threads", type=int, help="threads of the model in exact mode; one per core if not given")
    parser.add_argument("--no-window", action="store_true")
    options = parser.parse_args()
    loaded = load()
    print(json.dumps({"load": loaded}, indent=1), flush=True)
    headline("reference model loaded offline, without the import of torch", loaded["first_load_seconds"], "s", "< 2")
    import torch

    torch.set_num_threads(options.threads or os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as name:
        figures = exact(Path(name), options.questions)
    print(json.dumps({"exact": figures}, indent=1), flush=True)
    headline("reference model, exact mode", figures["exact_per_second"], "questions a second", ">= 100 on two cores")
    headline("reference model, exact mode of the bare forward pass", figures["exact_over_bare"], "")
    headline(
        "bare forward pass through oneDNN of that without",
        figures["bare_per_second"] / figures["bare_without_onednn_per_second"],
        "times",
    )
    if options.no_window:
        return
    # Set before Qt and OpenCV are loaded, as in the program.
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    print(f"\nslider, {options.side} x {options.side}: ms without the probe (p50, p95), with it, answers a drag", flush=True)
    with tempfile.TemporaryDirectory() as name:
        found = slider(Path(name), options.side, options.events, options.rounds)
    ratios = [line["with"][0] / line["without"][0] for line in found.values()]
    headline("slider to painted picture with the live probe of that without, p50, mean of types", float(np.mean(ratios)), "")
    worst = max(line["with"][1] for line in found.values())
    headline("slider to painted picture with the live probe, p95 of the slowest type", worst, "ms", "<= 20")


if __name__ == "__main__":
    main()

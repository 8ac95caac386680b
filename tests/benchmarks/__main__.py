"""Every benchmark of the product in one run: headlines with their goals, machine facts, and each area's own tables, as Markdown.

    python -m tests.benchmarks [--only AREA ...] [--out FILE]

Each area is a module of this package and runs in a process of its own, one after the other; nothing else should run meanwhile.
``--out docs/benchmarks-measured.md`` writes the page that the manual links to. Peers are measured where they are installed
(``pip install -e '.[bench]'``).
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.benchmarks.headline import Headline, environment, noted


@dataclass(frozen=True)
class Area:
    """One benchmark: what it answers, and the runs that answer it, each with its module and options."""

    question: str
    runs: tuple[tuple[str, ...], ...]


AREAS = {
    "kernels": Area(
        "What does each degradation cost, beside one pass over memory and beside the fastest peer?",
        (("kernels", "--seconds", "0.25"),),
    ),
    "physics": Area("What do the nine specific degradations cost on anatomy-like phantoms?", (("physics",),)),
    "readings": Area(
        "Where two readings of the published examples differ, what does ours show beside them?",
        (("readings",),),
    ),
    "live": Area("How long from a move of the slider to the painted picture, in the real window?", (("live", "--quick"),)),
    "reading": Area("How long to the first image of a series, and how many frames a second?", (("reading",),)),
    "start": Area("How long does the engine take to load, and how much memory does a long series take?", (("start",),)),
    "batch": Area(
        "How many images a second does generation write, on one and on two processes?",
        (("batch", "--items", "600", "--side", "512"), ("batch", "--items", "240", "--side", "1024")),
    ),
    "cluster": Area("What do four Dask workers gain over one on this machine?", (("cluster",),)),
    "bank": Area(
        "What do an import, the parent of a generation and going on cost, from a thousand items to a hundred thousand?",
        (("bank",),),
    ),
    "review": Area(
        "How long from a key to the next item in Review, and do Review and Explore stutter at ten thousand items?", (("review",),)
    ),
    "reader_study": Area(
        "What does a large reader study cost to read and to settle, and how soon does the next trial stand on the screen?",
        (("reader_study",), ("reading_session",)),
    ),
    "coverage": Area(
        "How often does the 95 % interval of a level hold the truth, by readers, pictures and what varies most?", (("coverage",),)
    ),
    "intervals": Area(
        "How often do the intervals of results hold the truth, from the answers in a study to the number that is read?",
        (("intervals",),),
    ),
    "study": Area("What does the study file cost at the size of the published evaluation?", (("study",),)),
    "tables": Area(
        "How quickly do tables and intervals follow a filter, at the published size, computed and in the window?",
        (("tables",), ("tables_window", "--cycles", "1")),
    ),
    "reference": Area(
        "How fast is the reference model in exact mode, how soon is it loaded, and does the live probe slow the slider?",
        (("reference",),),
    ),
    "evaluation": Area("What does the runner add to the model's own time?", (("evaluation",),)),
}


@dataclass(frozen=True)
class Measured:
    """What came of an area: its headlines, the text of its runs with their commands, and how long it took."""

    name: str
    headlines: list[Headline]
    texts: list[tuple[str, str]]
    seconds: float
    failed: bool


def measured(name: str, folder: Path) -> Measured:
    """Runs area ``name``; its lines go to standard error as they come."""
    notes = folder / f"{name}.jsonl"
    texts, failed = [], False
    started = time.perf_counter()
    for module, *options in AREAS[name].runs:
        command = [sys.executable, "-m", f"tests.benchmarks.{module}", *options]
        shown = " ".join(["python", *command[1:]])
        print(f"\n$ {shown}", file=sys.stderr, flush=True)
        run = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **environment(notes)},
        )
        assert run.stdout is not None
        lines = []
        for line in run.stdout:
            print(line, end="", file=sys.stderr, flush=True)
            lines.append(line)
        failed |= run.wait() != 0
        texts.append((shown, "".join(lines).strip("\n")))
    return Measured(name, noted(notes), texts, time.perf_counter() - started, failed)


def machine() -> list[tuple[str, str]]:
    """Facts that the figures hang on."""
    packages = ["numpy", "scipy", "opencv-python-headless", "PySide6-Essentials", "torch", "albumentations", "torchio", "monai"]
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts = [("processor", _processor()), ("cores", str(cores)), ("system", platform.platform())]
    return [*facts, ("Python", platform.python_version()), ("packages", ", ".join(found)), ("day", date.today().isoformat())]


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        names = [line.partition(":")[2].strip() for line in path.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def page(areas: list[Measured]) -> str:
    """The Markdown page of one run."""
    lines = ["# Measured figures", "", "Made by `python -m tests.benchmarks`; how to read them: [Benchmarks](benchmarks.md).", ""]
    lines += ["| machine | |", "|---|---|", *(f"| {name} | {fact} |" for name, fact in machine()), ""]
    lines += ["| area | figure | value | goal |", "|---|---|---:|---|"]
    for area in areas:
        lines += [f"| {area.name} | {h.what} | {h.value:.4g} {h.unit} | {h.goal} |" for h in area.headlines]
    for area in areas:
        lines += ["", f"## {area.name}", "", AREAS[area.name].question, ""]
        if area.failed:
            lines += ["**This run ended with an error; its figures are incomplete.**", ""]
        for command, text in area.texts:
            lines += ["```text", f"$ {command}", *text.splitlines(), "```", ""]
        lines.append(f"Took {area.seconds:.0f} s.")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(AREAS), default=list(AREAS), metavar="AREA", help=", ".join(AREAS))
    parser.add_argument("--out", type=Path, help="Markdown file to write; standard output without it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        areas = [measured(area, Path(name)) for area in options.only]
    text = page(areas)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text)
    if any(area.failed for area in areas):
        sys.exit(f"failed: {', '.join(area.name for area in areas if area.failed)}")


if __name__ == "__main__":
    main()

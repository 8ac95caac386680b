"""``medqdeg demo``: the whole job on the built-in sample study, from DICOM files to a Calibration Shift chart.

Each step is the command a user would type, run as a child process, so that the demonstration proves the commands and this
process never imports a model library before it opens the window.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import click

from medqdeg_desktop import system
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES

#: Reader under whose name the demonstration's levels stand: they are the default profile, not anybody's judgement.
READER = "demonstration"


@click.command()
@click.option(
    "--out", "out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Folder for all of it."
)
@click.option("--no-window", is_flag=True, help="Do not open the window at the end.")
@click.option("--workers", type=click.IntRange(1), help="Processes for generating; default one per core.")
def demo(out: Path, no_window: bool, workers: int | None) -> None:
    """Build the sample study, set levels, generate the set, evaluate models, write the report; then open the window on it.

    A second call finds everything done and goes on where anything is missing.

    Example: medqdeg demo --out demo --no-window
    """
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    study, dataset, report = out / "demo.medq", out / "dataset", out / "report"
    from medqdeg_desktop.samples.sample_study import build

    click.echo("1/5  sample study: phantoms of eight modalities and real DICOM files")
    sample = build(out / "sample")
    if not study.exists():
        _step("study", "create", str(study), "--name", "Demonstration")
    _step("bank", "import", str(study), str(sample.items))
    click.echo("2/5  levels: the default profile, kept as decisions of the reader 'demonstration'")
    _set_levels(study)
    click.echo("3/5  degraded question-answer set: every type that suits a picture")
    every = ",".join(kind.name for kind in DEGRADATION_TYPES)
    parallel = ["--workers", str(workers)] if workers else []
    _step("generate", str(study), "--out", str(dataset), "--seed", "0", "--types", every, *parallel)
    click.echo("4/5  models")
    models, left_out = _models(out)
    for model, options in models:
        # As it is asked: one model is asked in several ways.
        click.echo(f"     {' '.join((model, *options))}")
        _step("evaluate", str(dataset), "--study", str(study), "--model", model, *options)
    for line in left_out:
        click.echo(f"     left out: {line}")
    click.echo("5/5  report")
    _step("report", str(study), "--out", str(report))
    _print_results(report)
    click.echo(f"Done in {time.monotonic() - started:.0f} s. Report: {(report / 'report.html').resolve()}")
    if no_window:
        return
    if not system.has_display():
        click.echo("No display was found, so no window opens; everything above was done all the same.")
        return
    from medqdeg_desktop.ui.application import run

    # The stack of the abdomen first: what is opened first is in front.
    run((study, sample.series, sample.folder / "dicom"))


def _step(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "medqdeg_desktop", *arguments], check=False, stdout=subprocess.DEVNULL)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        raise MedqdegError(f"the step 'medqdeg {' '.join(arguments)}' failed with exit status {done.returncode}")


def _set_levels(path: Path) -> None:
    """L0 confirmed for the sample images, L1 and L2 of every default cell as settings, and a published profile 0.1.0."""
    from medqdeg_desktop.calibration.profiles import draft_from_settings, load_default_profile
    from medqdeg_desktop.engine.reading import read_image
    from medqdeg_desktop.study.records import CleanDecision, ImageRecord, Setting
    from medqdeg_desktop.study.store import Study

    with Study.open(path) as study:
        if study.profiles():
            return
        study.ensure_reader(READER)
        modalities = set()
        for item in study.items():
            modalities.add(item.modality)
            image = read_image(Path(item.images[0]), item.frame, modality=item.modality)
            study.record_image(
                ImageRecord(image.source_sha256, item.modality, Path(item.images[0]).parent.name, item.images[0], image.frame)
            )
            window = (image.window.center, image.window.width) if image.window else None
            study.decide_clean(CleanDecision(READER, image.source_sha256, image.frame, window, "diagnostic"))
        for cell in load_default_profile().cells:
            if cell.modality in modalities:
                study.set_level(
                    Setting(
                        reader=READER,
                        type=cell.type,
                        modality=cell.modality,
                        level=cell.level,
                        severity=cell.severity,
                        path_version=cell.path_version,
                        parameters=dict(cell.parameters),
                        custom=False,
                        seed=0,
                        image_id="",
                        frame=0,
                        window=None,
                        value_range=(0.0, 1.0),
                        render_sha256="",
                        provenance={"stage": "demonstration", "basis": cell.basis},
                    )
                )
        study.publish_profile(draft_from_settings(study, version="0.1.0"), by=READER)


def _models(out: Path) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Models that this installation can run, each with its options; and what was left out, with the reason."""
    models: list[tuple[str, list[str]]] = [("baseline:uniform", ["--trials", "10"]), ("baseline:prior", ["--trials", "10"])]
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        return models, ["the local model (extra local is not installed: pip install 'medqdeg-desktop[local]')"]
    try:
        reference = shipped("reference_model/medqdeg-reference")
    except MedqdegError:
        return [*models, (f"local:{_random_model(out)}", ["--confidence", "option", "--trials", "10"])], []
    # Twice: the distribution itself in one pass (exact mode), and ten sampled replies as the publication has it (paper mode).
    exact = (f"local:{reference}", ["--confidence", "option", "--trials", "10"])
    paper = (f"local:{reference}", ["--confidence", "vote", "--trials", "10"])
    return [*models, exact, paper], []


def _random_model(out: Path) -> Path:
    """A model with random weights, where the reference model does not ship."""
    from medqdeg_desktop.eval.backends.loading import RANDOM_WEIGHTS_MARK

    folder = out / "tiny-llava-random-weights"
    # The mark is written last: a folder without it is unfinished.
    if not (folder / RANDOM_WEIGHTS_MARK).is_file():
        _run_module("medqdeg_desktop.eval.tiny_model", str(folder))
    return folder


def _run_module(module: str, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=False, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise MedqdegError(f"python -m {module} failed with exit status {done.returncode}")


def _print_results(report: Path) -> None:
    from medqdeg_desktop.bank.dataset import Dataset
    from medqdeg_desktop.study.run_names import mode_note

    results = json.loads((report / "results.json").read_text("utf-8"))
    # A report is about the newest run's dataset, and somebody may have put runs on another set into this study since.
    if results["dataset_sha256"] != Dataset.open(report.parent / "dataset").sha256:
        click.echo("     the study's newest run is on another dataset than the demonstration's: the report shows that one")
        return
    # Never cut short: what tells two runs of one model apart stands at the end of their names.
    width = max((len(model["name"]) for model in results["models"]), default=0) + 2
    click.echo(f"     {'run':<{width}}{'asked':<14}{'level':<7}{'n':>5}{'accuracy':>10}{'confidence':>12}{'shift':>8}")
    for model in results["models"]:
        asked = mode_note(model["mode"], model["trials"])
        for level in model["levels"]:
            figures = (level["accuracy"], level["confidence"], level["calibration_shift"])
            accuracy, confidence, shift = ("-" if value is None else f"{value:.3f}" for value in figures)
            click.echo(
                f"     {model['name']:<{width}}{asked:<14}{level['level']:<7}{level['n']:>5}"
                f"{accuracy:>10}{confidence:>12}{shift:>8}"
            )


COMMANDS: dict[str, click.Command] = {"demo": demo}

"""``python -m medqdeg_desktop.eval.reference``: train, export, items, evaluate, check, card.

Example: python -m medqdeg_desktop.eval.reference train --out reference-training --slices ../shared/data
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.reference.selfcheck import MODEL
from medqdeg_desktop.shipped import shipped

_SHIPPED = "reference_model"
_folder = partial(click.Path, path_type=Path, file_okay=False)


@click.group()
def main() -> None:
    """Make, test and describe the reference model."""


@main.command()
@click.option("--out", type=_folder(), required=True, help="Folder of pictures, checkpoint and, at the end, the model.")
@click.option("--slices", type=_folder(exists=True), help="Folder of the licensed real volumes; phantoms alone without it.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--pictures", type=click.IntRange(100), help="Training pictures.")
@click.option("--vision-steps", type=click.IntRange(0))
@click.option("--language-steps", type=click.IntRange(0))
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes that make pictures.")
@click.option("--threads", type=click.IntRange(1), help="Threads that train; one per core if not given.")
@click.option("--device", default="cpu", show_default=True, help="Where it trains, in torch's words: cpu, cuda.")
def train(out: Path, slices: Path | None, workers: int, threads: int | None, device: str, **given: Any) -> None:
    """Train from nothing, or go on from the checkpoint in --out. The same options give the same pictures, questions and order."""
    import torch

    from medqdeg_desktop.eval.reference.training import Plan, Training

    torch.set_num_threads(threads or torch.get_num_threads())
    plan = Plan(**{name: value for name, value in given.items() if value is not None})
    Training(out, plan, device=device, tell=partial(print, flush=True)).run(workers=workers, slices=slices)


@main.command("items")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def items_command(file: Path) -> None:
    """Write the fixed mix of items about held-out phantoms."""
    from medqdeg_desktop.eval.reference import items

    file.write_text(items.as_text(items.phantom_lines()), "utf-8", newline="\n")


@main.command()
@click.option("--model", type=_folder(exists=True), help="Model folder; the shipped one if not given.")
@click.option("--work", type=_folder(), required=True, help="Folder for items, sets and studies; kept for the next time.")
@click.option("--slices", type=_folder(exists=True), help="Folder of real pictures to test on as well.")
@click.option("--workers", type=click.IntRange(1), help="Processes that degrade; one per core if not given.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File for the results.")
def evaluate(model: Path | None, work: Path, slices: Path | None, workers: int | None, out: Path) -> None:
    """Test a model on the fixed items at L0, L1, L2 and as text alone; exit 1 where it misses what it has to reach."""
    from medqdeg_desktop.eval.reference import controls, evaluation, items

    model = model or shipped(MODEL)
    fixed = items.read(shipped(items.ITEMS))
    results: dict[str, Any] = {"phantoms": evaluation.tested(model, fixed, work, name="phantoms", workers=workers)}
    how = {"trials": evaluation.TRIALS, "replicates": evaluation.REPLICATES}
    results["controls"] = [controls.tested(control, model, fixed, work, **how) for control in controls.CONTROLS]
    if slices is not None:
        lines = list(items.slice_lines(slices))
        results["slices"] = evaluation.tested(model, lines, work, name="slices", workers=workers)
    evaluation.store(out, results)
    rows = evaluation.verdict(results["phantoms"])
    for statement, value, wanted, reached in rows:
        click.echo(f"{statement:<46}{value:7.3f}   {'reached' if reached else 'MISSED'} ({wanted:g})")
    if not all(row[3] for row in rows):
        raise MedqdegError("the model misses what it has to reach")


@main.command()
@click.option("--model", type=_folder(exists=True), help="Model folder; the shipped one if not given.")
@click.option("--store", "stored", type=_folder(), help="Write pictures and answers for later checks here instead of checking.")
def check(model: Path | None, stored: Path | None) -> None:
    """Compare the model's answers with the stored ones, or store them."""
    from medqdeg_desktop.eval.reference import selfcheck

    if stored is not None:
        selfcheck.store(model or shipped(MODEL), stored)
        return
    result = selfcheck.check(model)
    click.echo(f"{result.questions} questions, widest difference {result.widest:.2g} of {result.tolerance:g} allowed")
    if not result.passed:
        raise MedqdegError("the model's answers differ from the stored ones")


@main.command()
@click.option("--folder", type=_folder(exists=True), help="Folder with training.json and evaluation.json; the shipped one.")
def card(folder: Path | None) -> None:
    """Write the model card README.md from what training and evaluation recorded."""
    from medqdeg_desktop.eval.reference.card import text

    folder = folder or shipped(_SHIPPED)
    facts, results = (json.loads((folder / name).read_text("utf-8")) for name in ("training.json", "evaluation.json"))
    (folder / "README.md").write_text(text(facts, results), "utf-8", newline="\n")


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except (MedqdegError, click.ClickException) as error:
        sys.exit(f"Error: {error.format_message() if isinstance(error, click.ClickException) else error}")

"""``medqdeg evaluate``, ``rescore`` and ``report``: ask a model, read replies again, write the tables and charts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from medqdeg_desktop.cli.options import progress_for, progress_option
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.study.records import Run
from medqdeg_desktop.study.run_names import mode_note

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_STUDY = click.Path(exists=True, dir_okay=False, path_type=Path)
#: Characters of a run's id that are enough to mean it.
_LEAST_OF_ID = 4


@click.command("evaluate")
@click.argument("dataset", type=_FOLDER)
@click.option("--study", type=_STUDY, required=True, help="The study file that keeps the answers.")
@click.option(
    "--model",
    required=True,
    metavar="SPEC",
    help="local:FOLDER, openai:MODEL@URL[,URL...], anthropic:MODEL, baseline:uniform or baseline:prior.",
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    help="Sampled replies per question [default: 10; verbal: 1]. With --confidence option one pass serves every T.",
)
@click.option("--temperature", type=click.FloatRange(0, 5), default=1.0, show_default=True, help="Sampling temperature.")
@click.option(
    "--confidence",
    type=click.Choice(["vote", "option", "verbal"]),
    default="vote",
    show_default=True,
    help="vote: agreement of trials, as published. option: exact option probabilities. verbal: a stated 0-100.",
)
@click.option("--allow-host", "allow_hosts", multiple=True, metavar="HOST", help="Data may go to this host. Repeat for several.")
@click.option(
    "--allow-plain-http",
    multiple=True,
    metavar="HOST",
    help="Speak to this host without encryption. Not needed for this machine and private addresses.",
)
@click.option("--limit", type=click.IntRange(1), help="Only the first N items, each at all its levels.")
@click.option("--max-tokens", type=click.IntRange(1), default=64, show_default=True, help="Longest reply, in tokens.")
@click.option("--text-only", is_flag=True, help="Leave the images out: what do the words alone answer?")
@click.option("--rotate-options", is_flag=True, help="Move the options by one place each trial, against position bias.")
@click.option("--batch-size", type=click.IntRange(1), help="Questions per batch of a local model.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
    default="auto",
    show_default=True,
    help="Number format of a local model's weights.",
)
@click.option("--concurrency", type=click.IntRange(1, 256), default=16, show_default=True, help="Most calls at once per server.")
@click.option("--max-cost", type=click.FloatRange(0, min_open=True), metavar="AMOUNT", help="Stop before the run costs more.")
@click.option("--price", metavar="IN,OUT", help="Price of a million tokens in and out, where the listed one is not yours.")
@click.option("--trust-remote-code", is_flag=True, help="Run the code that a local model's folder brings along.")
@click.option("--dry-run", is_flag=True, help="Print as JSON what would be asked, and who answers; then stop.")
@progress_option
def evaluate_command(
    dataset: Path,
    study: Path,
    model: str,
    trials: int | None,
    temperature: float,
    confidence: Any,
    allow_hosts: tuple[str, ...],
    allow_plain_http: tuple[str, ...],
    limit: int | None,
    max_tokens: int,
    text_only: bool,
    rotate_options: bool,
    batch_size: int | None,
    precision: str,
    concurrency: int,
    max_cost: float | None,
    price: str | None,
    trust_remote_code: bool,
    dry_run: bool,
    progress: str,
) -> None:
    """Ask a model every question of DATASET and keep its answers in the study.

    Interrupt at any time and run again: what was answered stays, what is missing is asked. Servers on this machine need no
    key and no permission; any other host must be named by --allow-host, and every item be public or cleared.

    Example: medqdeg evaluate set --study site.medq --model local:models/medgemma-4b --trials 10
    """
    from medqdeg_desktop.eval.plan import EvaluateOptions
    from medqdeg_desktop.eval.runner import evaluate
    from medqdeg_desktop.eval.spec import parse_spec

    spec = parse_spec(model)
    options = EvaluateOptions(
        mode=confidence,
        trials=trials,
        temperature=temperature,
        max_tokens=max_tokens,
        limit=limit,
        text_only=text_only,
        rotate_options=rotate_options,
        allow_hosts=allow_hosts,
        allow_plain_http=allow_plain_http,
        trust_remote_code=trust_remote_code,
        precision=precision,
        batch_size=batch_size,
        concurrency=concurrency,
        max_cost=max_cost,
        price=_price(price),
    )
    if dry_run:
        from medqdeg_desktop.eval.preview import preview

        click.echo(json.dumps(preview(dataset, study, spec, options), indent=1, ensure_ascii=False))
        return
    outcome = evaluate(dataset, study, spec, options, progress_for("evaluate", progress))
    kept = f"{outcome.answered:,} of {outcome.total:,} answers stand"
    name = _name(study, outcome.run)
    click.echo(f"{name}: {kept} (run {outcome.run.run_id[:12]})")
    if outcome.failed:
        again = "the same command again (Continue in the window) asks for them once more"
        raise MedqdegError(f"{name}: {outcome.failed:,} answers failed; {again}")


def _name(study: Path, run: Run) -> str:
    """What ``run`` is called among the runs of ``study``."""
    from medqdeg_desktop.study.store import Study

    with Study.open(study, read_only=True) as opened:
        return next(known.name for known in opened.runs() if known.run_id == run.run_id)


def _price(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        given, taken = (float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not two numbers with a comma between, as 2.5,10", param_hint="--price") from None
    return given, taken


@click.command("freeze")
@click.argument("study", type=_STUDY)
@click.argument("run", metavar="RUN")
@click.option("--by", required=True, metavar="NAME", help="Who closes the run.")
@click.option("--reason", default="", help="Why, for example the paper that its numbers go into.")
def freeze_command(study: Path, run: str, by: str, reason: str) -> None:
    """Close a run of STUDY for good: no further answers, no other reading; the hash of its answers is on record.

    RUN is its id, or how the id begins (`evaluate` prints it). `rescore` makes a new run of a frozen one.

    Example: medqdeg freeze site.medq 4f02ab --by dr_a --reason "figures of the manuscript"
    """
    from medqdeg_desktop.study.store import Study

    if len(run) < _LEAST_OF_ID:
        raise MedqdegError(f"RUN {run!r}: freezing is for good, so at least {_LEAST_OF_ID} characters of the id are asked for")
    with Study.open(study) as opened:
        found = [known for known in opened.runs() if known.run_id.startswith(run.casefold())]
        if len(found) != 1:
            offered = [one for one in opened.answered_runs() if not one.frozen_at]
            known = "; ".join(_described(one) for one in found or offered)
            what = "several runs begin" if found else "no run begins"
            raise MedqdegError(f"{study}: {what} with {run!r}; there are: {known or 'none'}")
        frozen = opened.freeze_run(found[0].run_id, by, reason)
    click.echo(f"{found[0].name} (run {frozen.run_id[:12]}) is frozen since {frozen.frozen_at}")


def _described(run: Run) -> str:
    """``4f02ab01c2d3 medgemma-4b, paper T=10, begun 2026-11-21 on ward_set``."""
    asked = mode_note(run.mode, run.trials)
    return f"{run.run_id[:12]} {run.label}, {asked}, begun {run.started_at[:10]} on {Path(run.dataset_path).name}"


@click.command("rescore")
@click.argument("study", type=_STUDY)
@progress_option
def rescore_command(study: Path, progress: str) -> None:
    """Read all stored replies of STUDY again with the present parser; no model is asked.

    A frozen run stays as it is; what the parser makes of it becomes a run of its own.

    Example: medqdeg rescore site.medq
    """
    from medqdeg_desktop.eval.rescoring import rescore

    done = rescore(study, progress_for("rescore", progress))
    click.echo(f"{done.answers:,} replies of {done.runs} runs read again, {done.changed:,} came out otherwise")


@click.command("report")
@click.argument("study", type=_STUDY)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--replicates", type=click.IntRange(100), default=10_000, show_default=True, help="Bootstrap replicates.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--least-accuracy", type=click.FloatRange(0, 1), help="Sweeps: a severity is safe while accuracy is not below.")
@click.option("--most-shift", type=click.FloatRange(-1, 1), help="Sweeps: and while Calibration Shift is not above (fractions).")
@click.option(
    "--features",
    type=_FOLDER,
    metavar="FOLDER",
    help="A local model whose eyes map the simulated and the real images of the study.",
)
@progress_option
def report_command(
    study: Path,
    out: Path,
    replicates: int,
    seed: int,
    least_accuracy: float | None,
    most_shift: float | None,
    features: Path | None,
    progress: str,
) -> None:
    """Write report.html, report.pdf, the tables as CSV and results.json of STUDY to a folder.

    Example: medqdeg report site.medq --out report
    """
    from medqdeg_desktop.engine import atomic
    from medqdeg_desktop.eval.report import assemble, write
    from medqdeg_desktop.eval.sweeps import Limits

    limits = None
    if least_accuracy is not None or most_shift is not None:
        # One limit alone leaves the other free.
        limits = Limits(least_accuracy if least_accuracy is not None else 0.0, most_shift if most_shift is not None else 1.0)
    # The bootstrap takes minutes: a folder that cannot be written to is told before it.
    atomic.check_folder(out)
    listener = progress_for("report", progress)
    assembled = assemble(study, replicates=replicates, seed=seed, limits=limits, encoder=features, progress=listener)
    files = write(assembled, out)
    try:
        from medqdeg_desktop.ui.printing import print_report
    except ImportError as error:
        listener.problem("report.pdf", f"left out, as Qt cannot be loaded ({error}); `medqdeg doctor` names what is missing")
    else:
        files["pdf"] = print_report(assembled, out / "report.pdf")
    listener.finish(out=str(out), files=len(files))
    click.echo(f"report in {out}")


COMMANDS: dict[str, click.Command] = {
    "evaluate": evaluate_command,
    "freeze": freeze_command,
    "rescore": rescore_command,
    "report": report_command,
}

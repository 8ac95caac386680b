"""``generate``, ``verify`` and ``export``: a dataset folder made, proved and handed over."""

from __future__ import annotations

import json
from pathlib import Path

import click

from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.cli.options import counted, progress_for, progress_option


def _shard(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    """``I/N``: the I-th of N shards, counted from 1."""
    number, _, count = value.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise click.BadParameter(f"{value!r} is not I/N with 1 <= I <= N, for example 2/8")


def _names(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _numbers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        return tuple(float(text) for text in value.split(",") if text.strip())
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of numbers, for example 0.1,0.25,0.5") from None


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the set; new, or one to complete."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the whole set.")
@click.option(
    "--rule", type=click.Choice(["uniform", "published"]), default="uniform", show_default=True, help="How types are drawn."
)
@click.option("--release", is_flag=True, help="Refuse unless items are accepted, clean images confirmed and levels published.")
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes; one per core if not given.")
@click.option("--cluster", metavar="ADDRESS", default="", help="Address of a Dask scheduler to work on.")
@click.option("--shard", default="1/1", metavar="I/N", callback=_shard, help="Do only every N-th item from the I-th on.")
@click.option("--limit", type=click.IntRange(1), default=None, help="Only the first N items.")
@click.option(
    "--types", default="", metavar="A,B", callback=_names, help="These types for each item that may have them: no draw."
)
@click.option(
    "--severities",
    default="",
    metavar="S,S",
    callback=_numbers,
    help="A sweep: levels S250, ... at these severities.",
)
@click.option("--mark-regions", is_flag=True, help="Draw the regions that items carry as data on the finished pictures.")
@click.option("--dry-run", is_flag=True, help="Print the plan as JSON and stop.")
@click.option("--estimate", "estimated", is_flag=True, help="With --dry-run: render a few items to tell time and size.")
@progress_option
def generate(
    study: Path,
    out: Path,
    seed: int,
    rule: str,
    release: bool,
    workers: int | None,
    cluster: str,
    shard: tuple[int, int],
    limit: int | None,
    types: tuple[str, ...],
    severities: tuple[float, ...],
    mark_regions: bool,
    dry_run: bool,
    estimated: bool,
    progress: str,
) -> None:
    """Draw degradations for the items of STUDY and render the set L0, L1, L2 into a folder.

    Interrupt it at any time and run it again: it goes on, and the bytes are the same.

    Example: medqdeg generate ward.medq --out ward_set --seed 7
    """
    from medqdeg_desktop.bank import generate as generation
    from medqdeg_desktop.bank.plan import Asked
    from medqdeg_desktop.bank.planning import preview
    from medqdeg_desktop.study.store import Study

    asked = Asked(seed, rule, release, limit, types, severities, mark_regions)
    with Study.open(study) as opened:
        if dry_run:
            plan = preview(opened, asked)
            if estimated:
                from medqdeg_desktop.bank.estimate import estimate
                from medqdeg_desktop.engine.batch import core_count

                plan["estimate"] = estimate(opened, asked, workers=workers or core_count())
            click.echo(json.dumps(plan, indent=1, ensure_ascii=False))
            return
        listener = progress_for("generate", progress)
        if cluster:
            from medqdeg_desktop.bank.cluster import connected

            with connected(cluster) as (make_executor, size):
                result = generation.generate(
                    opened, out, asked, workers=size, shard=shard, make_executor=make_executor, progress=listener
                )
        else:
            result = generation.generate(opened, out, asked, workers=workers, shard=shard, progress=listener)
    if not result.complete:
        click.echo(f"{out}: shard {shard[0]}/{shard[1]} is done; {counted(result.images, 'image')} of the set so far")
        return
    left = f", {counted(len(result.left_out), 'item')} left out" if result.left_out else ""
    click.echo(
        f"{out}: {counted(result.items, 'item')}, {counted(result.images, 'image')} ({result.rendered:,} rendered now){left}"
    )


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@progress_option
def verify(folder: Path, progress: str) -> None:
    """Hash every file of a set and compare: exit 1 and the names of what differs, lacks or is too many.

    Example: medqdeg verify ward_set
    """
    from medqdeg_desktop.bank.dataset import Dataset
    from medqdeg_desktop.bank.verify import origin, verify_dataset

    problems = verify_dataset(folder, progress_for("verify", progress))
    for line in problems:
        click.echo(line)
    for line in origin(folder):
        click.echo(line, err=True)
    if problems:
        raise DatasetError(f"{folder}: {len(problems):,} files are not as recorded")
    dataset = Dataset.open(folder)
    click.echo(f"{folder}: {dataset.row_count:,} images as recorded, set {dataset.sha256[:12]}")


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--format", "layout", required=True, type=click.Choice(["vlmevalkit", "imagefolder", "parquet"]), help="Layout to write."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write to; new or empty.")
@progress_option
def export(folder: Path, layout: str, out: Path, progress: str) -> None:
    """Hand a set over: VLMEvalKit TSV, Hugging Face imagefolder or parquet, with a dataset card.

    Example: medqdeg export ward_set --format vlmevalkit --out ward_tsv
    """
    from medqdeg_desktop.bank.export import export_dataset

    for path in export_dataset(folder, layout, out, progress_for("export", progress)):
        click.echo(str(path))


COMMANDS: dict[str, click.Command] = {"generate": generate, "verify": verify, "export": export}

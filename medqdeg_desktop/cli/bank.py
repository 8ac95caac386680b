"""``bank``: questions into a study, doubles found, counted, and cleared by a person for leaving the site."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from pathlib import Path

import click

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.cli.bank_review import review
from medqdeg_desktop.cli.options import counted, progress_for, progress_option


@click.group()
def bank() -> None:
    """Bring questions into a study, find doubles, count them, clear them.

    Example: medqdeg bank import ward.medq questions.jsonl
    """


@bank.command("import")
@click.argument("study", type=click.Path(path_type=Path))
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--source", default="", help="Name of the source, for rows that do not name theirs.")
@click.option(
    "--modalities",
    type=click.Path(path_type=Path),
    default=None,
    help="CSV with the columns id and modality, for sources that state none (MedXpertQA, VQA-RAD).",
)
@progress_option
def import_(study: Path, path: Path, source: str, modalities: Path | None, progress: str) -> None:
    """Import PATH, a file or a folder in one of the layouts that are known, told by its contents.

    Item lines (.jsonl), OmniMedVQA, GMAI-MMBench and other VLMEvalKit tables (.tsv), MedXpertQA, MedQ-DEG-Bench (its clean
    rows), MedQ-Bench (all three kinds of file), VQA-RAD and SLAKE (their closed questions).

    Rows that cannot be used are listed with their number and reason; the rest comes in. Importing again changes nothing.

    Example: medqdeg bank import ward.medq questions.jsonl --source ward
    """
    from medqdeg_desktop.bank.importing import import_items, modalities_listed
    from medqdeg_desktop.study.store import Study

    listed = modalities_listed(modalities) if modalities else {}
    with Study.open(study) as opened:
        report = import_items(opened, path, source=source, modalities=listed, progress=progress_for("bank import", progress))
    for line in report.lines():
        click.echo(line)
    if report.added or report.updated:
        click.echo(f"`medqdeg bank dedupe {study.name}` looks for doubles among them")
    if not report.accepted:
        raise BankError(f"{path}: not one of {report.rows:,} rows could be used; the first: {report.rejected[0]}")


@bank.command()
@click.argument("tables", metavar="TSV...", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the set; new or empty.")
@click.option("--source", default="MedQ-DEG-Bench", show_default=True, help="Name of the source.")
@click.option("--licence", default="", help="Licence of the pictures, where the rows do not state one.")
@click.option("--real", is_flag=True, help="The pictures were degraded by nature, not by a program.")
@progress_option
def adopt(tables: tuple[Path, ...], out: Path, source: str, licence: str, real: bool, progress: str) -> None:
    """Make a dataset folder from sets degraded elsewhere: the good and simulate tables of MedQ-DEG-Bench.

    `medqdeg evaluate` then runs on the published benchmark itself. How levels were read and pairs found is told; rows that
    cannot be used are listed and the rest comes in.

    Example: medqdeg bank adopt MedQ-Robust-good-test.tsv MedQ-Robust-simulate-test.tsv --out published_set
    """
    from medqdeg_desktop.bank.published_set import adopt as make_set

    found = make_set(tables, out, source=source, real=real, licence=licence, progress=progress_for("bank adopt", progress))
    for line in found.lines():
        click.echo(line)


@bank.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes that read pictures; one per core if not given.")
@click.option("--merge-exact", is_flag=True, help="Merge exact doubles: one of each stays, the others are removed. Needs --by.")
@click.option("--by", "person", default="", help="Who decides to merge them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@progress_option
def dedupe(study: Path, workers: int | None, merge_exact: bool, person: str, as_json: bool, progress: str) -> None:
    """List items that ask the same of the same picture (exact) and those that nearly do, for a person to decide.

    Nothing is removed without --merge-exact. What was found is kept beside the study, in NAME.doubles.json; the window's Review
    shows it pair by pair (Ctrl+D).

    Example: medqdeg bank dedupe ward.medq
    """
    from medqdeg_desktop.bank import doubles
    from medqdeg_desktop.engine import batch
    from medqdeg_desktop.study.store import Study

    if merge_exact and not person.strip():
        raise BankError(f"{study}: say who merges the exact doubles (--by NAME); it is an audited event")
    pool = partial(batch.process_pool, workers or batch.core_count())
    told = progress_for("bank dedupe", progress)
    with Study.open(study, read_only=not merge_exact) as opened:
        found = doubles.search(opened, make_executor=pool, progress=told).groups
        merged = doubles.merge_exact(opened, found, person) if merge_exact else 0
    kinds = Counter(d.kind for d in found)
    told.finish(exact=kinds["exact"], near=kinds["near"], merged=merged)
    if as_json:
        click.echo(json.dumps([{"kind": d.kind, "items": list(d.items), "why": d.why} for d in found], indent=1))
        return
    for double in found:
        click.echo(f"{double.kind}: {' = '.join(double.items)} ({double.why})")
    click.echo(f"{kinds['exact']:,} exact and {kinds['near']:,} near duplicates")
    if merge_exact:
        click.echo(f"{counted(merged, 'item')} merged into {'its double' if merged == 1 else 'their doubles'} by {person}")


@bank.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stats(study: Path, as_json: bool) -> None:
    """Count the items of STUDY by state, source, modality, task and skill.

    Example: medqdeg bank stats ward.medq --json
    """
    from medqdeg_desktop.bank.review import outcomes
    from medqdeg_desktop.study.store import Study

    counts: dict[str, Counter[str]] = {
        k: Counter() for k in ("state", "review", "source", "modality", "task", "skill", "options", "sendable")
    }
    total = images = 0
    with Study.open(study, read_only=True) as opened:
        reviewed = outcomes(opened)
        for item in opened.items():
            counts["review"][str(reviewed[item.item_id].state) if item.item_id in reviewed else "not begun"] += 1
            total += 1
            images += len(item.images)
            counts["state"]["draft" if item.draft else item.state] += 1
            counts["source"][item.source] += 1
            counts["modality"][str(item.modality)] += 1
            counts["task"][item.task] += 1
            counts["skill"][item.skill] += 1
            counts["options"][str(len(item.options))] += 1
            counts["sendable"]["public" if item.public else "cleared" if item.cleared_by else "stays here"] += 1
    if as_json:
        by = {key: dict(sorted(counter.items())) for key, counter in counts.items()}
        click.echo(json.dumps({"items": total, "images": images, "by": by}, indent=1, ensure_ascii=False))
        return
    click.echo(f"{counted(total, 'item')}, {counted(images, 'image')}")
    for key, counter in counts.items():
        for name, count in sorted(counter.items(), key=lambda entry: (-entry[1], entry[0])):
            click.echo(f"{key:9} {count:7,}  {name or 'none'}")


@bank.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--items", "list_file", required=True, type=click.Path(path_type=Path), help="Text file, one item id a line.")
@click.option("--by", "person", required=True, help="Who clears them.")
@click.option("--reason", default="", help="Why they may leave the site.")
def clear(study: Path, list_file: Path, person: str, reason: str) -> None:
    """Record that a person allows items to be sent to a host outside this machine; all of them or none.

    Example: medqdeg bank clear ward.medq --items cleared.txt --by "dr_a"
    """
    from medqdeg_desktop.bank.clearance import clear as clear_pictures
    from medqdeg_desktop.study.store import Study

    ids = [line.strip() for line in list_file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if not ids:
        raise BankError(f"{list_file}: names no item")
    with Study.open(study) as opened:
        clear_pictures(opened, ids, person, reason)
    click.echo(f"{counted(len(set(ids)), 'item')} cleared by {person}")


bank.add_command(review)

COMMANDS: dict[str, click.Command] = {"bank": bank}

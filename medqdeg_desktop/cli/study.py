"""``medqdeg study``: make, look at, check, copy and exchange study files."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from medqdeg_desktop.cli.options import counted
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.study.store import Study

_FILE = click.argument("file", type=click.Path(path_type=Path))


@click.group()
def study() -> None:
    """Make, check, copy and exchange study files (*.medq).

    Example: medqdeg study create liver.medq --name "Liver CT"
    """


@study.command()
@_FILE
@click.option("--name", default="", help="Name of the study; the file's name where left out.")
def create(file: Path, name: str) -> None:
    """Make a new, empty study.

    Example: medqdeg study create liver.medq --name "Liver CT"
    """
    with Study.create(file, name=name) as made:
        click.echo(f"{file}: study {made.name!r} created ({made.study_id})")


@study.command()
@_FILE
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def info(file: Path, as_json: bool) -> None:
    """What a study holds: readers, images, decisions, profiles, questions, runs.

    Example: medqdeg study info liver.medq --json
    """
    with Study.open(file, read_only=True) as opened:
        facts = _facts(opened)
        network = opened.network
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        for name, value in facts.items():
            click.echo(f"{name.replace('_', ' '):<18}{_told(value)}")
    if network:
        click.echo(f"{file}: lies on a network file system ({network}); exchange bundles, never share the file", err=True)


def _facts(opened: Study) -> dict[str, Any]:
    settings = opened.settings()
    newest = opened.newest_profile()
    events = opened.events()
    return {
        "name": opened.name,
        "study_id": opened.study_id,
        "created_at": opened.created_at,
        "readers": [f"{r.pseudonym} ({r.role})" for r in opened.readers()],
        "images": len(opened.images()),
        "clean_decisions": len(opened.clean_decisions()),
        "settings": len(settings),
        "cells": len({(s.type, s.modality) for s in settings}),
        "profiles": [f"{p.name} {p.version} ({p.content_hash[:12]})" for p in opened.profiles()],
        "newest_profile": newest.version if newest else "",
        "items": opened.item_count(),
        "runs": [
            {"run_id": run.run_id, "model": run.model, "name": run.name, "mode": run.mode, "trials": run.trials}
            | opened.answer_counts(run.run_id)
            for run in opened.runs()
        ],
        "events": len(events),
        "events_by_kind": dict(sorted(Counter(event.kind for event in events).items())),
        "head": events[0].hash if events else "",
    }


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(_told(entry) if isinstance(entry, dict) else str(entry) for entry in value) or "none"
    return str(value) if value != "" else "none"


@study.command()
@_FILE
def verify(file: Path) -> None:
    """Check every page, reference, trigger, event, profile and question; exit 1 with one line for each problem.

    Example: medqdeg study verify liver.medq
    """
    with Study.open(file, read_only=True) as opened:
        problems = opened.verify()
        newest = opened.events(1)
    for problem in problems:
        click.echo(f"{file}: {problem}", err=True)
    if problems:
        raise MedqdegError(f"{file}: {counted(len(problems), 'problem')} found")
    click.echo(
        f"{file}: whole; {counted(newest[0].seq, 'event') if newest else 'no events'}, head {newest[0].hash if newest else '-'}"
    )


@study.command()
@_FILE
@click.option("--out", type=click.Path(path_type=Path), help="The copy; beside the study, named by the time, where left out.")
def backup(file: Path, out: Path | None) -> None:
    """Make a checked copy while others may go on working.

    Example: medqdeg study backup liver.medq --out /media/stick/liver.medq
    """
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    with Study.open(file, read_only=True) as opened:
        made = opened.backup(out or file.with_name(f"{file.stem}.backup.{moment}{file.suffix}"))
    click.echo(str(made))


@study.command("export")
@_FILE
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The bundle (a ZIP file) to write.")
def export_(file: Path, out: Path) -> None:
    """Write readers, images (without paths), decisions and profiles as a bundle for another site.

    Example: medqdeg study export liver.medq --out liver-site-a.zip
    """
    from medqdeg_desktop.study.bundle import export_bundle

    with Study.open(file, read_only=True) as opened:
        counts = export_bundle(opened, out)
    told = ", ".join(f"{count} {Path(name).stem}" for name, count in counts.items())
    click.echo(f"{out}: {told}")


@study.command("import")
@_FILE
@click.argument("bundle", type=click.Path(path_type=Path))
def import_(file: Path, bundle: Path) -> None:
    """Take in a bundle of another site; doing it twice changes nothing. Exit 1 where something conflicts.

    Example: medqdeg study import liver.medq liver-site-b.zip
    """
    from medqdeg_desktop.bank.review import follow_bundle
    from medqdeg_desktop.study.bundle import import_bundle

    with Study.open(file) as opened, opened.together():
        taken = import_bundle(opened, bundle)
        follow_bundle(opened, taken.reviewed)
    for line in taken.notes:
        click.echo(line, err=True)
    for line in taken.conflicts:
        click.echo(f"conflict: {line}", err=True)
    click.echo(f"{file}: {taken.added} new, {taken.unchanged} known, {counted(len(taken.conflicts), 'conflict')}")
    if taken.conflicts:
        raise MedqdegError(f"{bundle}: {counted(len(taken.conflicts), 'conflict')}; all the rest was taken in")


COMMANDS = {"study": study}

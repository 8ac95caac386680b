"""``medqdeg calibrate``: where the readers of a protocol stand, its consensus, and the report of its evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medqdeg_desktop.cli.options import counted
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.study.store import Study

if TYPE_CHECKING:
    from medqdeg_desktop.study.readings import FixedProtocol

_STUDY = click.argument("study", type=click.Path(path_type=Path))
_PROTOCOL = click.option("--protocol", default="", help="Beginning of the protocol's id; the newest where left out.")
_READER = click.option(
    "--reader",
    default="command line",
    show_default=True,
    help="Whose eyes: colleagues' readings are hidden until one has locked.",
)


@click.group()
def calibrate() -> None:
    """Look at the reader study of a study file, publish its consensus, write its report. Sessions are held in the window.

    Example: medqdeg calibrate status liver.medq
    """


def _chosen(opened: Study, beginning: str) -> FixedProtocol:
    known = opened.protocols()
    if not known:
        raise MedqdegError(f"{opened.path}: no protocol yet; design one in the window (Calibrate, Reader study)")
    found = [p for p in known if p.protocol_id.startswith(beginning)]
    if not found:
        raise MedqdegError(f"{opened.path}: no protocol {beginning!r}; it has {', '.join(p.protocol_id[:12] for p in known)}")
    return found[-1]


@calibrate.command()
@_STUDY
@_PROTOCOL
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def status(study: Path, protocol: str, as_json: bool) -> None:
    """How far each reader is in each stage; never what they answered.

    Example: medqdeg calibrate status liver.medq
    """
    with Study.open(study, read_only=True) as opened:
        fixed = _chosen(opened, protocol)
        names = {r.reader_id: r.pseudonym for r in opened.readers()}
        counts = opened.trial_counts(fixed.protocol_id)
        locks = opened.locks(fixed.protocol_id)
    rows: list[dict[str, Any]] = [
        {"reader": names[reader], "stage": stage, "answered": count, "locked": (reader, stage) in locks}
        for (reader, stage), count in sorted(counts.items(), key=lambda item: (item[0][1], names[item[0][0]]))
    ]
    body = fixed.body
    if as_json:
        facts = {"protocol": fixed.protocol_id, "name": body["name"], "version": body["version"], "readers": body["readers"]}
        click.echo(json.dumps({**facts, "stages": rows}, indent=2, ensure_ascii=False))
        return
    click.echo(
        f"{body['name']} {body['version']}  {fixed.protocol_id[:12]}  {counted(body['readers'], 'reader')}, "
        f"{counted(len(body['cells']), 'cell')}"
    )
    for row in rows:
        click.echo(f"  {row['stage']:<10}{row['reader']:<20}{row['answered']:>6} answered{'  locked' if row['locked'] else ''}")


@calibrate.command()
@_STUDY
@_PROTOCOL
@_READER
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the page, the tables and the JSON.")
def report(study: Path, protocol: str, reader: str, out: Path) -> None:
    """Write the evidence behind the levels: HTML, PDF, tables as CSV, charts as SVG, JSON.

    Example: medqdeg calibrate report liver.medq --reader chair --out evidence
    """
    from medqdeg_desktop.calibration.evidence import assemble, write

    with Study.open(study) as opened:
        opened.ensure_reader(reader, "chair")
        evidence = assemble(opened, _chosen(opened, protocol).protocol_id, reader)
    files = write(evidence, out)
    try:
        from medqdeg_desktop.ui.printing import print_evidence
    except ImportError as error:
        click.echo(
            f"calibration.pdf left out, as Qt cannot be loaded ({error}); `medqdeg doctor` names what is missing", err=True
        )
    else:
        files["pdf"] = print_evidence(evidence, out / "calibration.pdf")
    for path in files.values():
        click.echo(str(path))


@calibrate.command()
@_STUDY
@_PROTOCOL
@click.option("--version", required=True, help="Semantic version, for example 1.0.0; a published version never changes.")
@click.option("--by", default="command line", show_default=True, help="Pseudonym of the person who publishes.")
def publish(study: Path, protocol: str, version: str, by: str) -> None:
    """Publish the consensus as a severity profile; refused while a cell is not settled.

    Example: medqdeg calibrate publish liver.medq --version 1.0.0 --by chair
    """
    from medqdeg_desktop.calibration.adjudication import publish as publish_consensus

    with Study.open(study) as opened:
        opened.ensure_reader(by, "chair")
        made = publish_consensus(opened, _chosen(opened, protocol).protocol_id, by, version)
    click.echo(f"{made.name} {made.version}: {counted(len(made.cells), 'cell')}, {made.content_hash}")


COMMANDS = {"calibrate": calibrate}

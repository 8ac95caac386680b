"""``bank review``: what is under review and by how many, how it goes, and the decisions as a table."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medqdeg_desktop.cli.options import counted

if TYPE_CHECKING:
    from medqdeg_desktop.statistics.agreement import Agreement


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--seed", type=int, default=None, help="Review the draw that `generate --seed` makes.")
@click.option("--decisions", type=click.IntRange(1), default=None, help="Blind decisions that an item needs.")
@click.option("--release", is_flag=True, help="Review the draw of a release: published levels, three decisions.")
@click.option("--rule", type=click.Choice(["uniform", "published"]), default=None, help="The rule that the draw follows.")
@click.option("--adjudicator", metavar="NAME", default="", help="Give a reader the role of who settles disagreements.")
@click.option("--by", "person", default="", help="Who opens the review or gives the role; needed with the options above.")
@click.option("--export", "target", type=click.Path(path_type=Path), default=None, help="Write all decisions to this CSV file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def review(
    study: Path,
    seed: int | None,
    decisions: int | None,
    release: bool,
    rule: str | None,
    adjudicator: str,
    person: str,
    target: Path | None,
    as_json: bool,
) -> None:
    """Say what STUDY has under review and how it goes: items by state, and how well readers agree.

    With --seed, --decisions, --release or --rule it fixes what is reviewed from now on; the window's Review shows it. Who has the
    role of an adjudicator, and has not decided on an item, settles it where others disagree.

    Example: medqdeg bank review ward.medq --release --seed 7 --by "dr_a"
    """
    from medqdeg_desktop.bank.errors import BankError
    from medqdeg_desktop.bank.review import RELEASE_DECISIONS, dashboard
    from medqdeg_desktop.bank.review_export import export_decisions
    from medqdeg_desktop.study.reviews import SETTLES
    from medqdeg_desktop.study.store import Study

    opens = seed is not None or decisions is not None or release or rule is not None
    if (opens or adjudicator) and not person.strip():
        doing = "opens the review" if opens else "gives the role"
        raise BankError(f"{study}: say who {doing} (--by NAME); it is an audited event")
    with Study.open(study, read_only=not (opens or adjudicator)) as opened:
        if adjudicator:
            opened.give_role(adjudicator, SETTLES, person)
        setup = opened.review_setup()
        if opens:
            wanted = decisions or (max(setup.decisions, RELEASE_DECISIONS) if release else setup.decisions)
            setup = replace(
                setup,
                seed=setup.seed if seed is None else seed,
                decisions=wanted,
                release=release or setup.release,
                rule=rule or setup.rule,
            )
            opened.open_review(setup, person)
        told = dashboard(opened, "")
        total = opened.item_count()
        written = export_decisions(opened, target) if target is not None else None
    found, on_items = _plain(told.agreement), _plain(told.on_items)
    if as_json:
        agreed = {"agreement": found, "agreement_on_items": on_items}
        click.echo(json.dumps({"setup": asdict(setup), "items": total, "states": told.states, **agreed}, indent=1))
    else:
        kind = "a release" if setup.release else "a set"
        rule_said = f" and rule {setup.rule}" if setup.rule != "uniform" else ""
        click.echo(
            f"under review: the draw of {kind} with seed {setup.seed}{rule_said}, {setup.decisions} blind decisions an item"
        )
        begun = sum(told.states.values())
        click.echo(f"{counted(total, 'item')}, {total - begun:,} not begun")
        for state, count in sorted(told.states.items()):
            click.echo(f"{state:9} {count:7,}")
        if found is not None and found["kappa"] is not None:
            click.echo(f"agreement, Fleiss' kappa {_said(found)} on {found['subjects']:,} degradations")
        if on_items is not None and on_items["kappa"] is not None:
            click.echo(f"agreement, weighted kappa {_said(on_items)} on {counted(on_items['clusters'], 'item')}")
    if written is not None:
        click.echo(f"{target}: {written:,} rows", err=as_json)


def _plain(found: Agreement | None) -> dict[str, Any] | None:
    """As JSON holds it: null for what cannot be told."""
    if found is None:
        return None
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in asdict(found).items()}


def _said(found: dict[str, Any]) -> str:
    interval = "" if found["low"] is None else f" ({found['low']:.2f} to {found['high']:.2f})"
    return f"{found['kappa']:.2f}{interval}"

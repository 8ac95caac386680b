"""``medqdeg profile``: set levels, publish them as a profile, carry profiles, draw a stored decision again."""

from __future__ import annotations

import json
import math
import platform
from pathlib import Path

import click

from medqdeg_desktop import __version__
from medqdeg_desktop.cli.images import damage_words
from medqdeg_desktop.cli.options import counted
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.study.records import Profile
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality, modality_of

_STUDY = click.argument("study", type=click.Path(path_type=Path))


def _modality(ctx: click.Context, param: click.Parameter, value: str) -> Modality:
    found = modality_of(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not one of {', '.join(Modality)}")
    return found


@click.group()
def profile() -> None:
    """Set L1 and L2, publish them as a severity profile, carry profiles between studies.

    Example: medqdeg profile publish liver.medq --version 1.0.0
    """


@profile.command("list")
@_STUDY
@click.option("--json", "as_json", is_flag=True, help="One JSON list on standard output.")
def list_(study: Path, as_json: bool) -> None:
    """Published profiles, then the draft that the present settings would make, then the default profile.

    Example: medqdeg profile list liver.medq
    """
    from medqdeg_desktop.calibration.profiles import draft_from_settings, load_default_profile

    with Study.open(study, read_only=True) as opened:
        profiles = [*opened.profiles(), draft_from_settings(opened), load_default_profile()]
    rows = [
        {
            "name": p.name,
            "version": p.version,
            "status": p.status,
            "cells": len(p.cells),
            "content_hash": p.content_hash,
            "published_by": p.published_by,
            "published_at": p.published_at,
        }
        for p in profiles
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        signed = f"  {row['published_by']} {row['published_at']}" if row["published_by"] else ""
        cells = counted(int(str(row["cells"])), "cell")
        line = f"{row['status']:<10}{row['name']} {row['version']:<14}{cells:>10}  {str(row['content_hash'])[:12]}"
        click.echo(f"{line}{signed}")


def _chosen(opened: Study, version: str) -> Profile:
    """The profile that ``version`` names: a published version, "draft" or "default"; "": the newest published, else the draft."""
    from medqdeg_desktop.calibration.profile_comparison import profile_named

    newest = opened.newest_profile()
    return profile_named(version, opened) if version else newest or profile_named("draft", opened)


_VERSION = click.option(
    "--version",
    default="",
    help='A published version, "draft" or "default"; the newest published, else the draft, where left out.',
)


@profile.command()
@_STUDY
@_VERSION
@click.option("--json", "as_json", is_flag=True, help="The profile as JSON on standard output.")
def show(study: Path, version: str, as_json: bool) -> None:
    """The cells of a profile: severity, parameters, readers and decisions behind each.

    Example: medqdeg profile show liver.medq --version draft
    """
    from medqdeg_desktop.calibration.profiles import profile_to_json

    with Study.open(study, read_only=True) as opened:
        chosen = _chosen(opened, version)
    if as_json:
        click.echo(profile_to_json(chosen), nl=False)
        return
    click.echo(f"{chosen.name} {chosen.version} ({chosen.status}, {chosen.content_hash[:12]}) {chosen.source}")
    for cell in sorted(chosen.cells, key=lambda c: (c.modality, c.type, c.level)):
        values = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in cell.parameters.items()
        )
        basis = f"readers {cell.readers}, decisions {cell.decisions}" if cell.decisions else cell.basis
        click.echo(f"  {cell.modality:<15}{cell.type:<24}{cell.level}  {cell.severity:.3f}  {values}  ({basis})")


@profile.command("set")
@_STUDY
@click.option("--type", "type_name", required=True, help="Degradation type (see `medqdeg degradations`).")
@click.option("--modality", callback=_modality, required=True, help="CT, MRI, X-ray, ...; DICOM codes are accepted.")
@click.option("--level", type=click.Choice(["L1", "L2"]), required=True)
@click.option("--severity", type=click.FloatRange(0, 1, min_open=True), required=True, help="Position on the severity path.")
@click.option("--reader", default="command line", show_default=True, help="Pseudonym of the reader; added where new.")
@click.option("--force", is_flag=True, help="Also where the type makes no physical sense on the modality.")
def set_(study: Path, type_name: str, modality: Modality, level: str, severity: float, reader: str, force: bool) -> None:
    """Record one reader's L1 or L2 without an image.

    Example: medqdeg profile set liver.medq --type sparse_view --modality CT --level L1 --severity 0.3 --reader R1
    """
    from medqdeg_desktop.engine.degradation import check_suits, find, parameters_at
    from medqdeg_desktop.study.records import Setting
    from medqdeg_desktop.taxonomy import Level

    degradation = find(type_name)
    if not force:
        check_suits(type_name, modality)
    with Study.open(study) as opened:
        kept = opened.set_level(
            Setting(
                reader=opened.ensure_reader(reader).reader_id,
                type=degradation.name,
                modality=modality,
                level=Level(level),
                severity=severity,
                path_version=degradation.path_version,
                parameters=parameters_at(degradation.name, severity, modality, 0),
                custom=False,
                seed=0,
                image_id="",
                frame=0,
                window=None,
                value_range=(0.0, 1.0),
                render_sha256="",
                provenance={"stage": "command line", "version": __version__, "python": platform.python_version()},
            )
        )
        cell = (kept.image_id, kept.type, kept.modality)
        now = {s.level: s.severity for s in opened.settings(kept.reader) if (s.image_id, s.type, s.modality) == cell}
    click.echo(f"{kept.event_id}  {degradation.name} {level} on {modality}: severity {severity:g}")
    low, high = now.get(Level.L1), now.get(Level.L2)
    if low is not None and high is not None and low >= high:
        click.echo(
            f"warning: {degradation.name} on {modality}: L2 ({high:g}) is not above L1 ({low:g}); set one of them again", err=True
        )


@profile.command()
@_STUDY
@click.option("--version", required=True, help="Semantic version, for example 1.0.0; a published version never changes.")
@click.option("--by", default="command line", show_default=True, help="Pseudonym of the person who signs.")
@click.option("--name", default="", help="Name of the profile; the study's name where left out.")
def publish(study: Path, version: str, by: str, name: str) -> None:
    """Publish the median of the readers' medians, cell by cell, for good.

    Example: medqdeg profile publish liver.medq --version 1.0.0 --by chair
    """
    from medqdeg_desktop.calibration.profiles import draft_from_settings

    with Study.open(study) as opened:
        published = opened.publish_profile(draft_from_settings(opened, name=name, version=version), by)
    click.echo(f"{published.name} {published.version}: {counted(len(published.cells), 'cell')}, {published.content_hash}")


@profile.command("export")
@_STUDY
@_VERSION
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The JSON file to write.")
def export_(study: Path, version: str, out: Path) -> None:
    """Write a profile as JSON.

    Example: medqdeg profile export liver.medq --version 1.0.0 --out liver-1.0.0.json
    """
    from medqdeg_desktop.calibration.profiles import profile_to_json
    from medqdeg_desktop.engine.atomic import write_bytes

    with Study.open(study, read_only=True) as opened:
        chosen = _chosen(opened, version)
    write_bytes(out, profile_to_json(chosen).encode())
    click.echo(f"{out}: {chosen.name} {chosen.version} ({chosen.status}), {counted(len(chosen.cells), 'cell')}")


@profile.command("import")
@_STUDY
@click.argument("file", type=click.Path(path_type=Path))
def import_(study: Path, file: Path) -> None:
    """Take in a profile that was published elsewhere, as it stands.

    Example: medqdeg profile import liver.medq liver-1.0.0.json
    """
    from medqdeg_desktop.calibration.profiles import read_profile

    published = read_profile(file)
    with Study.open(study) as opened:
        kept = opened.import_profile(published)
    click.echo(f"{kept.name} {kept.version}: {counted(len(kept.cells), 'cell')}, {kept.content_hash}")


@profile.command()
@click.argument("first")
@click.argument("second")
@click.option("--study", type=click.Path(path_type=Path), help="The study that holds published versions and the draft.")
@click.option(
    "--image", "images", type=click.Path(path_type=Path), multiple=True, help="A picture to show cells on; may be given again."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the page, the pictures and the table.")
def compare(first: str, second: str, study: Path | None, images: tuple[Path, ...], out: Path) -> None:
    """Write what differs between two profiles, picture beside picture: HTML, PNG, CSV.

    FIRST and SECOND are "default", "draft", a published version, or the JSON file of a profile.

    Example: medqdeg profile compare default 1.0.0 --study liver.medq --out differences
    """
    from medqdeg_desktop.calibration.profile_comparison import profile_named
    from medqdeg_desktop.calibration.profile_report import write_comparison
    from medqdeg_desktop.engine.reading import read_image

    if study is not None:
        with Study.open(study, read_only=True) as opened:
            pair = [profile_named(name, opened) for name in (first, second)]
    else:
        pair = [profile_named(name, None) for name in (first, second)]
    pictures = [read_image(path) for path in images]
    for path, picture in zip(images, pictures, strict=True):
        for words in damage_words(picture):
            click.echo(f"{path}: {words}", err=True)
    found = write_comparison(pair[0], pair[1], pictures, out)
    both = [p for p in found if p.in_both]
    told = f"; the most: {both[0].label}, by {both[0].largest:.3f}" if both and math.isfinite(both[0].largest) else ""
    click.echo(
        f"{out / 'comparison.html'}: {counted(len(both), 'cell')} of both differ, {len(found) - len(both)} in one only{told}"
    )


@profile.command()
@_STUDY
@click.argument("event_id", metavar="ID")
@click.option("--image", type=click.Path(path_type=Path), help="The image, where it lies elsewhere than when it was shown.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the redrawn values as .npy.")
def redraw(study: Path, event_id: str, image: Path | None, out: Path | None) -> None:
    """Draw a stored decision again from its image, parameters and seed, and check its hash.

    Any decision on a picture: a level, a rating, a comparison (both pictures), a clean picture.

    Example: medqdeg profile redraw liver.medq 01a1fb65-826c-7ec8-889f-be51d6c5390a
    """
    from medqdeg_desktop.calibration.redraw import redraw_all

    with Study.open(study, read_only=True) as opened:
        pictures = redraw_all(opened, event_id, image)
    if out is not None:
        import io

        import numpy as np

        from medqdeg_desktop.engine.atomic import write_bytes

        buffer = io.BytesIO()
        np.save(buffer, pictures[0].image.pixels, allow_pickle=False)
        write_bytes(out, buffer.getvalue())
    for drawn in pictures:
        if drawn.sha256 != drawn.shown_sha256:
            hashes = f"drawn as {drawn.sha256[:12]}, shown as {drawn.shown_sha256[:12]}"
            raise MedqdegError(f"{event_id}: {drawn.what}: {hashes}{drawn.why}")
        click.echo(f"{event_id}: {drawn.what}: the same picture ({drawn.sha256[:12]})")


COMMANDS = {"profile": profile}

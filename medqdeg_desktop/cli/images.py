"""``info``, ``degradations`` and ``degrade``: look at an image, list what can be done to it, do it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medqdeg_desktop.cli.options import progress_for, progress_option
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Level, Modality, modality_of

if TYPE_CHECKING:
    from medqdeg_desktop.engine.degradation import ParameterValue
    from medqdeg_desktop.engine.image import MedicalImage, Pixels, Window
    from medqdeg_desktop.engine.reading import Series
    from medqdeg_desktop.study.records import Profile


def _modality(ctx: click.Context, param: click.Parameter, value: str | None) -> Modality | None:
    if value is None:
        return None
    found = modality_of(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not one of {', '.join(Modality)}")
    return found


def _window(ctx: click.Context, param: click.Parameter, value: str | None) -> Window | None:
    """``C,W``."""
    from medqdeg_desktop.engine.image import Window

    if value is None:
        return None
    try:
        center, width = (float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not CENTER,WIDTH, for example 40,400") from None
    if width <= 0:
        raise click.BadParameter(f"the width must be greater than 0, not {width:g}")
    return Window(center, width)


def _region(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    """``X,Y,WIDTH,HEIGHT,DOWNSAMPLE`` as the text that stands for an axis; empty where none is given."""
    from medqdeg_desktop.engine.reading.slides import Region

    if value is None:
        return ""
    try:
        return Region.of(f"region {value}").text
    except ValueError:
        raise click.BadParameter(f"{value!r} is not X,Y,WIDTH,HEIGHT,DOWNSAMPLE, for example 10240,8192,1024,1024,2") from None


def _assignments(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, ParameterValue]:
    """``NAME=VALUE``; numbers as numbers, anything else as text (choices)."""
    parameters: dict[str, ParameterValue] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, for example views=40")
        try:
            parameters[name] = float(value)
        except ValueError:
            parameters[name] = value
    return parameters


_MODALITY = click.option(
    "--modality", callback=_modality, metavar="M", help="What was imaged, where the file does not say; CT makes NIfTI values HU."
)
_AXIS = click.option(
    "--axis", type=click.Choice(["axial", "coronal", "sagittal"]), default=None, help="Cut of a volume.  [default: axial]"
)


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@_MODALITY
@_AXIS
def info(path: Path, as_json: bool, modality: Modality | None, axis: str | None) -> None:
    """What PATH (file, folder, ZIP, tar, DICOMDIR) holds: pre-flight, and one frame of each series decoded. No identity is shown.

    Of the frame that is decoded, the middle one, damaged data are told; of the others nothing is known.

    Example: medqdeg info ct_series/
    """
    from medqdeg_desktop.engine.errors import UnreadableImageError
    from medqdeg_desktop.engine.reading import scan

    found = scan(path, modality=modality, axis=axis or "")
    refused = [(r.path, r.reason) for r in found.refused]
    described: list[dict[str, Any]] = []
    for series in found.series:
        try:
            described.append(_describe(series))
        except UnreadableImageError as error:
            refused.append((error.path, error.reason))
    if path.is_file() and not described and refused:
        raise UnreadableImageError(*refused[0])
    if as_json:
        document = {
            "path": str(path),
            "series": described,
            "refused": [{"path": where, "reason": reason} for where, reason in refused],
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        for facts in described:
            click.echo(_as_text(facts))
        for where, reason in refused:
            click.echo(f"{_relative(where, path)}\n  refused: {reason}")
    if not described:
        raise MedqdegError(f"{path}: holds no image that can be read")


def _describe(series: Series) -> dict[str, Any]:
    image = series.frame(series.middle)
    return {
        "series_id": series.series_id,
        "label": series.label,
        "files": len(series.paths),
        "path": series.paths[0],
        "frames": series.frame_count,
        "rows": image.shape[0],
        "columns": image.shape[1],
        "modality": None if series.modality is None else str(series.modality),
        "unit": image.unit,
        "spacing": None if image.spacing is None else list(image.spacing),
        "slice_spacing": series.slice_spacing,
        "window": None if image.window is None else [image.window.center, image.window.width],
        "voi_function": "LUT" if image.voi_lut is not None else image.voi_function,
        "range": list(image.value_range),
        "inverted": image.inverted,
        "orientation": None if image.orientation is None else list(image.orientation),
        "transfer_syntax": series.transfer_syntax,
        "frame": image.frame,
        "pixel_sha256": image.source_sha256,
        "provenance": image.provenance,
        "warnings": [*series.warnings, *(f"frame {image.frame + 1}: {words}" for words in damage_words(image))],
    }


def _as_text(facts: dict[str, Any]) -> str:
    spacing, window = facts["spacing"], facts["window"]
    lines = [
        ("series", facts["label"]),
        ("file", facts["path"] + (f" and {facts['files'] - 1} more" if facts["files"] > 1 else "")),
        ("frames", f"{facts['frames']} of {facts['columns']} x {facts['rows']} (columns x rows)"),
        ("modality", facts["modality"] or "not stated (set --modality)"),
        ("unit", facts["unit"] or "none"),
        (
            "spacing",
            "unknown"
            if spacing is None
            else f"{spacing[0]:.4g} x {spacing[1]:.4g} mm"
            + (f", frames {facts['slice_spacing']:.4g} mm apart" if facts["slice_spacing"] else ""),
        ),
        ("window", "none (colour)" if window is None else f"W {window[1]:g} L {window[0]:g} ({facts['voi_function']})"),
        ("range", f"{facts['range'][0]:g} to {facts['range'][1]:g}"),
        ("edges", " ".join(facts["orientation"]) + " (left right top bottom)" if facts["orientation"] else "unknown"),
        ("syntax", facts["transfer_syntax"]),
        ("decoder", facts["provenance"].get("decoder", "")),
        ("pixels", f"frame {facts['frame'] + 1}: sha256 {facts['pixel_sha256'][:16]}"),
        *(("note", warning) for warning in facts["warnings"]),
    ]
    return "\n".join(f"{name:>9}  {value}" for name, value in lines) + "\n"


def damage_words(image: MedicalImage) -> list[str]:
    """What the window says of a picture whose data are damaged, in one sentence; none where nothing was seen."""
    wrong = image.provenance.get("damaged")
    return [f"the data of this picture are damaged; parts of it may be made up: {wrong}"] if wrong else []


def _relative(where: str, root: Path) -> str:
    try:
        return str(Path(where).relative_to(root)) if root.is_dir() else where
    except ValueError:
        return where


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON list on standard output.")
def degradations(as_json: bool) -> None:
    """The degradations with their parameters, and what the default profile takes for L1 and L2.

    Example: medqdeg degradations --json
    """
    from medqdeg_desktop.calibration.profiles import load_default_profile

    rows = [_degradation(name, load_default_profile()) for name in _canonical_names()]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{row['name']}  {row['label']} ({row['category']}; {', '.join(row['modalities'])})")
        if row["aliases"]:
            click.echo(f"    also: {', '.join(row['aliases'])}")
        for p in row["parameters"]:
            extent = ", ".join(p["choices"]) if p["choices"] else f"{p['min']:g} to {p['max']:g} {p['unit']}".rstrip()
            drawn = "drawn from the seed" if p["default"] is None else f"default {p['default']}"
            click.echo(f"    {p['name']}: {extent}; {drawn}")
        for level in ("L1", "L2"):
            cells = "; ".join(f"{m} {c['severity']:g}" for m, c in row[level].items())
            click.echo(f"    {level} severity: {cells or 'not set'}")


def _canonical_names() -> list[str]:
    from medqdeg_desktop.engine.degradation import registry

    return list(registry())


def _degradation(name: str, profile: Profile) -> dict[str, Any]:
    from medqdeg_desktop.engine.degradation import find

    kind = DEGRADATION_BY_NAME[name]
    suited = [m for m in Modality if kind.suits(m)]
    parameters = find(name).parameters(suited[0])
    row: dict[str, Any] = {
        "name": kind.name,
        "label": kind.label,
        "aliases": list(kind.aliases),
        "category": str(kind.category),
        "modalities": [str(m) for m in suited],
        "parameters": [
            {
                "name": p.name,
                "unit": p.unit,
                "min": p.minimum,
                "max": p.maximum,
                "default": p.default,
                "scale": p.scale,
                "kind": p.kind,
                "choices": list(p.choices),
                "help": p.help,
            }
            for p in parameters
        ],
    }
    for level in (Level.L1, Level.L2):
        cells = {m: profile.cell(kind.name, m, level) for m in suited}
        row[str(level)] = {
            str(m): {"severity": c.severity, "parameters": c.parameters} for m, c in cells.items() if c is not None
        }
    return row


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--type", "type_name", required=True, metavar="T", help="Degradation by its published name or an alias.")
@click.option("--level", type=click.Choice(["L1", "L2"]), default=None, help="Level of the profile's cell (type x modality).")
@click.option("--severity", type=click.FloatRange(0, 1), default=None, help="Position on the severity path, 0 to 1.")
@click.option("--set", "overrides", multiple=True, callback=_assignments, metavar="NAME=VALUE", help="A parameter; repeatable.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the realisation.")
@click.option("--frame", type=click.IntRange(0), default=None, help="Frame, counted from 0.  [default: the middle one]")
@click.option("--window", callback=_window, metavar="C,W", default=None, help="Window of a .png.  [default: the image's own]")
@click.option("--overlays", is_flag=True, help="Draw the file's overlay planes into the .png.  [default: left out]")
@_MODALITY
@_AXIS
@click.option(
    "--region",
    callback=_region,
    metavar="X,Y,W,H,D",
    default=None,
    help="Region of a whole slide: corner in its own pixels, size, and how many of its pixels a pixel is wide.",
)
@click.option(
    "--profile",
    "profile_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="Severity profile (JSON).  [default: the one that ships]",
)
@click.option("--force", is_flag=True, help="Also where the type makes no physical sense on the modality.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help=".png, .npy or .nii.gz")
@progress_option
def degrade(
    path: Path,
    type_name: str,
    level: str | None,
    severity: float | None,
    overrides: dict[str, ParameterValue],
    seed: int,
    frame: int | None,
    window: Window | None,
    overlays: bool,
    modality: Modality | None,
    axis: str | None,
    region: str,
    profile_file: Path | None,
    force: bool,
    out: Path,
    progress: str,
) -> None:
    """Degrade one frame (.png through the window, .npy native values) or a whole series (.nii.gz).

    Give at least one of --level, --severity and --set. A level's parameters are those of the profile; --set overrides single
    ones; parameters that nothing names keep their default. Frames whose data are damaged are degraded as they are, with a
    warning on standard error.

    Example: medqdeg degrade slice.dcm --type low_dose --level L2 --out slice_L2.png
    """
    from medqdeg_desktop.engine import atomic, degradation
    from medqdeg_desktop.engine.reading import read_series
    from medqdeg_desktop.engine.volume import degrade_series

    if level is None and severity is None and not overrides:
        raise click.UsageError("say how strong: at least one of --level, --severity and --set")
    if level is not None and severity is not None:
        raise click.UsageError("--level and --severity exclude each other")
    kind = next((k for k in (".nii.gz", ".png", ".npy") if out.name.lower().endswith(k)), None)
    if kind is None:
        raise click.UsageError(f"--out {out.name}: the name must end with .png, .npy or .nii.gz")
    if window is not None and kind != ".png":
        raise click.UsageError("--window makes a picture: it goes with a .png only")
    if overlays and kind != ".png":
        raise click.UsageError("--overlays draws into a picture: it goes with a .png only")
    if frame is not None and kind == ".nii.gz":
        raise click.UsageError("a .nii.gz holds the whole series: leave --frame out")
    if axis and region:
        raise click.UsageError("--axis is for volumes, --region for slides: not both")
    name = degradation.find(type_name).name
    atomic.check_file(out)
    series = read_series(path, modality=modality, axis=axis or region)
    strength = severity or 0.0
    if level is not None:
        overrides = {**_level_parameters(name, series, Level(level), profile_file, seed), **overrides}

    if kind == ".nii.gz":
        frames = _frames(series, range(series.frame_count), progress)
        slices = degrade_series(frames, name, strength, seed=seed, overrides=overrides or None, force=force)
        _write_series(series, slices, out, progress)
    else:
        (image,) = _frames(series, [series.middle if frame is None else frame], progress)
        image = degradation.degrade(image, name, strength, seed=seed, overrides=overrides or None, force=force)
        _write_frame(image, window, kind, out, overlays)
    how = level or (f"severity {severity:g}" if severity is not None else "")
    given = ", ".join(f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}" for key, value in overrides.items())
    click.echo(f"{out}: {name}, {'; '.join(part for part in (how, given) if part)}; seed {seed}")


def _frames(series: Series, indices: Iterable[int], progress: str) -> Iterator[MedicalImage]:
    """The frames of ``series``; of each whose data are damaged it is said, also to those who want no progress."""
    told = progress_for("degrade", "text" if progress == "none" else progress)
    said: set[tuple[str, str]] = set()
    for index in indices:
        image, source = series.frame(index), series.frames[index]
        # Every cut across a stack goes through its damaged slice, which the words name: once is enough.
        several = len(series.paths) < series.frame_count and not source.axis
        where = f"{source.path}, frame {source.index + 1}" if several else source.path
        for words in damage_words(image):
            if (where, words) not in said:
                said.add((where, words))
                told.problem(where, words)
        yield image


def _level_parameters(name: str, series: Series, level: Level, profile_file: Path | None, seed: int) -> dict[str, ParameterValue]:
    """Complete parameters that the profile's cell means for the series' modality and the realisation ``seed``."""
    from medqdeg_desktop.bank.levels import LevelUse
    from medqdeg_desktop.calibration.profiles import load_default_profile, read_profile

    if series.modality is None:
        # What cannot be read at all needs no modality: the reading error comes first.
        series.frame(series.middle)
        raise MedqdegError(f"{series.paths[0]}: does not say what was imaged; levels go by modality, so give --modality")
    profile = load_default_profile() if profile_file is None else read_profile(profile_file)
    cell = profile.cell(name, series.modality, level)
    if cell is None:
        raise MedqdegError(f"profile {profile.name} {profile.version} has no {level} for {name} on {series.modality}")
    return LevelUse(cell, profile.name, profile.status).parameters(seed)


def _write_frame(image: MedicalImage, window: Window | None, kind: str, out: Path, overlays: bool) -> None:
    import numpy as np

    from medqdeg_desktop.engine import atomic, png
    from medqdeg_desktop.engine.display import to_display

    if kind == ".png":
        png.write(out, to_display(image, window, overlay=overlays))
        return
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(image.pixels, np.float32))
    atomic.write_bytes(out, buffer.getvalue())


def _write_series(series: Series, slices: Iterable[MedicalImage], out: Path, progress: str) -> None:
    """The degraded slices as one volume where the series lies, each written as it is made."""
    from medqdeg_desktop.engine.volume_file import write_nifti

    told = progress_for("degrade", progress)

    def pixels() -> Iterator[Pixels]:
        for number, image in enumerate(slices, 1):
            yield image.pixels
            told.update(number, series.frame_count)

    write_nifti(out, pixels(), series.frame_count, series.affine, series.volumes)
    told.finish(frames=series.frame_count)


COMMANDS = {"info": info, "degradations": degradations, "degrade": degrade}

"""The comparison of two profiles as files: a page with picture beside picture, the pictures, and the table as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.profile_comparison import CellPair, cell_pairs, drawn, picture_for, rows
from medqdeg_desktop.csv_text import csv_text
from medqdeg_desktop.engine import atomic, png
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.study.records import Profile

Told = Callable[[int, int], None]


def write_comparison(
    first: Profile, second: Profile, images: Iterable[MedicalImage], out: Path, told: Told = lambda _done, _total: None
) -> list[CellPair]:
    """Writes ``comparison.html``, ``comparison.csv`` and ``pictures/`` into ``out``; returns the cells that differ.

    Pictures are made of cells that both profiles have.

    images   pictures to show the cells on, one a modality; a modality without one is shown on the built-in phantom.
    told     (done, total) cells.

    Raises CalibrationError where ``out`` cannot be made.
    """
    folder = out / "pictures"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CalibrationError(f"{out}: cannot be made ({error.strerror})") from None
    pairs, images = cell_pairs(first, second), list(images)
    cells = []
    both = [pair for pair in pairs if pair.in_both]
    for number, pair in enumerate(both):
        told(number, len(both))
        cells.append({"pair": pair, "files": _write_pictures(pair, images, folder)})
    table = rows(pairs)
    if table:
        atomic.write_bytes(out / "comparison.csv", csv_text(table).encode())
    atomic.write_bytes(out / "comparison.html", _page(first, second, cells, table).encode())
    told(len(both), len(both))
    return pairs


def _write_pictures(pair: CellPair, images: list[MedicalImage], folder: Path) -> dict[str, str]:
    """File names by place: "original", "L1 first", "L1 second", ...; nothing where there is no picture of the modality."""
    try:
        image = picture_for(pair.modality, images)
    except CalibrationError:
        return {}
    stem = f"{pair.modality}_{pair.type}".replace(" ", "_")
    shown = {"original": image}
    for level, cells in pair.levels.items():
        for side, cell in zip(("first", "second"), cells, strict=True):
            picture = drawn(image, cell)
            if picture is not None:
                shown[f"{level} {side}"] = picture
    names = {}
    for place, picture in shown.items():
        names[place] = f"{stem}_{place.replace(' ', '_')}.png"
        # One window for all: what differs is the degradation.
        png.write(folder / names[place], to_display(picture, image.window))
    return names


def _page(first: Profile, second: Profile, cells: list[dict[str, Any]], table: list[dict[str, Any]]) -> str:
    folder = shipped("report")
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = lambda v: "–" if v is None or v != v else f"{v:.3g}" if isinstance(v, float) else str(v)
    return environment.get_template("profiles.html.j2").render(
        css=Markup((folder / "report.css").read_text(encoding="utf-8")), first=first, second=second, cells=cells, rows=table
    )

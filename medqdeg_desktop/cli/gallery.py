"""The manual's page of degradations with its pictures: ``python -m medqdeg_desktop.cli.gallery docs``.

Text comes from the registry, the docstrings and the default profile. Each strip shows L0, L1 and L2 of the default profile, drawn
by one seed on a phantom at its full matrix and area-averaged for the page.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image

from medqdeg_desktop.calibration.profiles import load_default_profile
from medqdeg_desktop.engine.degradation import Degradation, ParameterValue, Prepared, parameters_at, registry
from medqdeg_desktop.engine.description import described
from medqdeg_desktop.engine.display import Bytes, to_display
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.samples.ct import ct_abdomen
from medqdeg_desktop.samples.mr import mr_head
from medqdeg_desktop.samples.photographs import endoscopy
from medqdeg_desktop.samples.radiograph import chest_radiograph
from medqdeg_desktop.samples.tissue import tissue_section
from medqdeg_desktop.samples.ultrasound import ultrasound_sector
from medqdeg_desktop.taxonomy import Level, Modality

_SEED: Final = 1
_PANEL: Final = 224
_GAP: Final = 4
_CLOSE: Final = frozenset({"gaussian_noise", "low_resolution", "motion_blur", "gaussian_blur"})
"""Types that act on the finest detail: a part of the frame is shown, pixel by pixel."""
_CORNER: Final = (0.30, 0.20)
"""Upper left corner of that part, of rows and columns."""
_COLOURS: Final = 256
"""Colours of a strip: few enough for a small file, too many to be seen."""
_PHANTOMS: Final[dict[Modality, Callable[[], MedicalImage]]] = {
    Modality.CT: lambda: ct_abdomen(_SEED, size=512).image,
    Modality.MRI: lambda: mr_head(_SEED, size=256).image,
    Modality.XRAY: lambda: chest_radiograph(_SEED, size=512).image,
    Modality.ULTRASOUND: lambda: ultrasound_sector(_SEED, size=448).image,
    Modality.ENDOSCOPY: lambda: endoscopy(_SEED, size=448).image,
    Modality.HISTOPATHOLOGY: lambda: tissue_section(_SEED, size=448).image,
}


@dataclass(frozen=True, slots=True)
class Strip:
    """One row of pictures: a type on the modality of its published example."""

    type_name: str
    modality: Modality

    @property
    def file_name(self) -> str:
        return f"{self.type_name}-{str(self.modality).lower()}.png"


#: Modality of the published example; motion blur has two.
_SHOWN_ON: Final[dict[str, tuple[Modality, ...]]] = {
    "object_movement": (Modality.MRI, Modality.CT),
    "object_rotation": (Modality.XRAY,),
    "adjust_brightness": (Modality.ENDOSCOPY,),
    "exposure": (Modality.XRAY, Modality.ENDOSCOPY),
    "reduce_contrast": (Modality.ULTRASOUND,),
    "gaussian_noise": (Modality.XRAY,),
    "low_resolution": (Modality.XRAY, Modality.HISTOPATHOLOGY),
    "motion_blur": (Modality.ENDOSCOPY, Modality.XRAY),
    "gaussian_blur": (Modality.ENDOSCOPY,),
}

_INTRODUCTION: Final = """# Degradations

Eighteen types under all the names of the publications. A severity s from 0 to 1 moves along the **severity path** of a type:
s = 0 is the picture itself, bit for bit, and everything on the path gets strictly worse with s. L1 and L2 below are those of the
default profile, for cells that nobody has calibrated yet; [Calibrating](calibrating.md) replaces them. Strengths are physical or
relative to the frame, never pixels. Random signs, directions and places come from the seed; L1 and L2 of one seed are the same
realisation.

The pictures are phantoms drawn by this program: left the original, then L1, then L2; noise, blur and resolution on a part of the
frame, pixel by pixel. "Source" says what is known of the published
examples (MedQ-Deg, one example picture per type) and what was chosen instead; no parameter is printed in the publications.

This page is made by `python -m medqdeg_desktop.cli.gallery docs`; a test holds it to the program.
"""


def strips() -> Iterator[Strip]:
    """Every strip of the page, in its order."""
    for name, degradation in registry().items():
        for modality in degradation.type.modalities or _SHOWN_ON[name]:
            yield Strip(name, modality)


def page() -> str:
    """The page as Markdown."""
    sections = []
    category = ""
    for name, degradation in registry().items():
        if str(degradation.type.category) != category:
            category = str(degradation.type.category)
            sections.append(f"\n## {category}\n")
        sections.append(_section(degradation, [s for s in strips() if s.type_name == name]))
    return _INTRODUCTION + "".join(sections)


def _section(degradation: Degradation, shown: list[Strip]) -> str:
    kind, text = degradation.type, described(degradation)
    aliases = f", also {', '.join(f'`{alias}`' for alias in kind.aliases)}" if kind.aliases else ""
    suited = [str(m) for m in Modality if kind.suits(m)]
    where = ", ".join(suited) if len(suited) < len(Modality) else "all"
    lines = [f"\n### {kind.label}\n", f"`{kind.name}`{aliases}. On: {where}. {text.summary}\n"]
    lines += [f"![{kind.label} on {s.modality}: L0, L1, L2](images/degradations/{s.file_name})\n" for s in shown]
    told = (("In the clinic", text.clinic), ("Model", text.model), ("Source", text.source))
    lines += [f"* **{label}.** {words[0].upper()}{words[1:]}" for label, words in told]
    lines.append("")
    lines += ["| parameter | meaning | unit | range | default | " + " | ".join(_level_heads(shown)) + " |"]
    lines += ["|---|---|---|---|---|" + "---|" * (2 * len(shown))]
    lines += _rows(degradation, shown)
    return "\n".join([*lines, ""])


def _level_heads(shown: list[Strip]) -> list[str]:
    alone = len(shown) == 1
    return [f"{level}" if alone else f"{level}, {s.modality}" for s in shown for level in (Level.L1, Level.L2)]


def _rows(degradation: Degradation, shown: list[Strip]) -> Iterator[str]:
    """One row per parameter that any of the modalities shown has."""
    by_name = {p.name: p for strip in shown for p in degradation.parameters(strip.modality)}
    for parameter in by_name.values():
        extent = ", ".join(parameter.choices) if parameter.choices else f"{parameter.minimum:g} to {parameter.maximum:g}"
        default = "seed" if parameter.default is None else _said(parameter.default)
        values = []
        for strip in shown:
            for level in (Level.L1, Level.L2):
                cell = load_default_profile().cell(degradation.name, strip.modality, level)
                value = cell.parameters.get(parameter.name) if cell else None
                values.append("" if value is None else _said(value))
        cells = [f"`{parameter.name}`", parameter.help or parameter.label, parameter.unit, extent, default, *values]
        yield "| " + " | ".join(cells) + " |"


def _said(value: ParameterValue) -> str:
    return value if isinstance(value, str) else f"{value:g}"


@cache
def _phantom(modality: Modality) -> MedicalImage:
    return _PHANTOMS[modality]()


def strip_pixels(strip: Strip) -> Bytes:
    """L0, L1 and L2 beside each other, uint8 (rows, columns[, 3])."""
    image = _phantom(strip.modality)
    prepared = Prepared(strip.type_name, image, _SEED)
    close = strip.type_name in _CLOSE
    pictures = [_panel(image, close)]
    for level in (Level.L1, Level.L2):
        cell = load_default_profile().cell(strip.type_name, strip.modality, level)
        assert cell is not None
        parameters = parameters_at(strip.type_name, cell.severity, strip.modality, _SEED)
        pictures.append(_panel(image.with_pixels(prepared.render(parameters)), close))
    gap = np.full((_PANEL, _GAP, *pictures[0].shape[2:]), 255, np.uint8)
    return np.concatenate([pictures[0], gap, pictures[1], gap, pictures[2]], axis=1)


def _panel(image: MedicalImage, close: bool) -> Bytes:
    """The picture area-averaged to the width of a panel, or a part of it as it is."""
    shown = to_display(image)
    if close:
        top, left = (round(share * side) for share, side in zip(_CORNER, image.shape, strict=True))
        return shown[top : top + _PANEL, left : left + _PANEL]
    return np.asarray(cv2.resize(shown, (_PANEL, _PANEL), interpolation=cv2.INTER_AREA), np.uint8)


def strip_file(strip: Strip) -> bytes:
    """The strip as a PNG file: grey, or colour in a palette."""
    pixels = strip_pixels(strip)
    picture = Image.fromarray(pixels)
    if pixels.ndim == 3:
        picture = picture.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def main(folder: str = "docs") -> None:
    """Writes the page and its pictures into ``folder``."""
    pictures = Path(folder) / "images" / "degradations"
    pictures.mkdir(parents=True, exist_ok=True)
    for strip in strips():
        (pictures / strip.file_name).write_bytes(strip_file(strip))
    (Path(folder) / "degradations.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])

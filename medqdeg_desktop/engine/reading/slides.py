"""Whole-slide images by region, through OpenSlide (extra ``slides``): SVS, NDPI, MRXS, SCN, BIF, tiled TIFF, DICOM and others.

A slide has up to 100,000 x 100,000 pixels in several sizes. It is shown small, as its overview; what is degraded and kept is a
region of it at one magnification. The region stands where volumes have their axis, as text ("region 10240,8192,1024,1024,2"), so
that study, dataset and decoder pass it on without knowing what it is. Label and macro pictures of a slide, which show names, are
never read.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading.dicom_file import hashed
from medqdeg_desktop.engine.reading.facts import DecodedFrame, FileFacts, SlideFacts
from medqdeg_desktop.engine.reading.limits import Limits

#: Longest side of the overview in pixels.
OVERVIEW = 1600
_PREFIX = "region "
#: Files that are slides by their name; the others are recognised by what is in them.
_SUFFIXES = frozenset({".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".czi"})
_DICOM_SLIDE = b"1.2.840.10008.5.1.4.1.1.77.1.6"
#: A tiled TIFF without smaller copies of itself is taken for a slide from this many pixels.
_LARGE = 1 << 26
_MISSING = "is a whole-slide image; the extra 'slides' opens it by region: pip install 'medqdeg-desktop[slides]'"


@dataclass(frozen=True, slots=True)
class Region:
    """``width`` x ``height`` pixels, each ``downsample`` level-0 pixels wide, whose corner is the level-0 pixel (x, y)."""

    x: int
    y: int
    width: int
    height: int
    downsample: float

    @property
    def text(self) -> str:
        return f"{_PREFIX}{self.x},{self.y},{self.width},{self.height},{self.downsample:g}"

    @classmethod
    def of(cls, text: str) -> Region:
        """From ``text``. Raises ValueError."""
        parts = text.removeprefix(_PREFIX).split(",")
        if not text.startswith(_PREFIX) or len(parts) != 5:
            raise ValueError(f"{text!r} is no region of a slide: {_PREFIX}X,Y,WIDTH,HEIGHT,DOWNSAMPLE")
        x, y, width, height = (int(p) for p in parts[:4])
        downsample = float(parts[4])
        if width < 1 or height < 1 or not 0 < downsample < 1e6:
            raise ValueError(f"{text!r}: a region has at least one pixel, and a downsample above 0")
        return cls(x, y, width, height, downsample)


def is_region(text: str) -> bool:
    """Whether ``text`` names a region of a slide and not an axis."""
    return text.startswith(_PREFIX)


@dataclass(slots=True)
class Slide:
    """An opened slide."""

    path: str
    slide: Any
    facts: SlideFacts


def may_be_slide(path: str, head: bytes, file: IO[bytes]) -> bool:
    """Whether it is worth asking OpenSlide about an open file with these first bytes. Cheap: most files are none."""
    if Path(path).suffix.lower() in _SUFFIXES:
        return True
    if head[128:132] == b"DICM":
        return _DICOM_SLIDE in head
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return _tiled_pyramid(file)
    return False


def installed() -> bool:
    return find_spec("openslide") is not None


def is_slide(path: str, *, is_dicom: bool) -> bool:
    """Whether OpenSlide reads ``path``, a file for which ``may_be_slide`` holds.

    Without OpenSlide raises UnreadableImageError that names the extra; a DICOM slide is then no slide, but a file of tiles.
    """
    if not installed():
        if is_dicom:
            return False
        raise UnreadableImageError(path, _MISSING)
    import openslide

    return openslide.OpenSlide.detect_format(path) is not None


def open_slide(path: str) -> Slide:
    """Raises UnreadableImageError."""
    import openslide

    try:
        slide = openslide.OpenSlide(path)
    except openslide.OpenSlideError as error:
        raise UnreadableImageError(path, f"cannot be opened as a slide ({error})") from None
    properties = slide.properties
    columns, rows = slide.dimensions
    across, down = (_positive(properties.get(f"openslide.mpp-{axis}")) for axis in "xy")
    facts = SlideFacts(
        columns=int(columns),
        rows=int(rows),
        vendor=str(properties.get("openslide.vendor", "")),
        microns=(down, across) if down and across else None,
        power=_positive(properties.get("openslide.objective-power")),
        downsamples=tuple(float(d) for d in slide.level_downsamples),
    )
    return Slide(path, slide, facts)


def describe(opened: Slide, axis: str, limits: Limits) -> FileFacts:
    """Facts of the overview (``axis`` ""), or of the region that ``axis`` names. Raises UnreadableImageError."""
    region = _wanted(opened, axis)
    limits.check_frame(opened.path, region.height, region.width, 3, 1)
    facts = opened.facts
    where = f"Slide region {magnification(facts, region.downsample)} at {region.x:,}, {region.y:,}"
    found = FileFacts(
        path=opened.path,
        format=f"slide ({facts.vendor})",
        frames=1,
        rows=region.height,
        columns=region.width,
        colour=True,
        modality="SM",
        label=where if axis else "Whole slide",
        transfer_syntax=f"slide ({facts.vendor})",
        spacing=_spacing(facts, region.downsample),
        axis=axis,
        slide=facts,
        # Each file of a slide in DICOM opens the whole of it: by this they are known to be one.
        series_key="" if axis or facts.vendor != "dicom" else hashed(opened.slide.properties.get("openslide.quickhash-1", "")),
    )
    if facts.microns is None:
        found.warnings.append("the slide does not say how large its pixels are")
    return found


def decode(opened: Slide, axis: str, limits: Limits) -> DecodedFrame:
    """The overview or a region as RGB. Raises UnreadableImageError."""
    import openslide

    region = _wanted(opened, axis)
    limits.check_frame(opened.path, region.height, region.width, 3, 1)
    slide = opened.slide
    # Without the allowance a level of 4.0003 would be passed over for one of sixteen times its pixels.
    level = slide.get_best_level_for_downsample(region.downsample * 1.001)
    factor = region.downsample / float(slide.level_downsamples[level])
    size = (max(1, math.ceil(region.width * factor - 1e-3)), max(1, math.ceil(region.height * factor - 1e-3)))
    limits.check_frame(opened.path, size[1], size[0], 4, 1)
    try:
        picture = slide.read_region((region.x, region.y), level, size)
    except openslide.OpenSlideError as error:
        # The library's handle is of no use after an error.
        raise UnreadableImageError(opened.path, f"the region cannot be decoded ({error})") from None
    colour = _on_background(np.asarray(picture), slide.properties.get("openslide.background-color", "FFFFFF"))
    if size != (region.width, region.height):
        import cv2

        how = cv2.INTER_AREA if factor > 1 else cv2.INTER_LINEAR
        colour = np.asarray(cv2.resize(colour, (region.width, region.height), interpolation=how), np.uint8)
    provenance = {
        "format": "slide",
        "decoder": f"OpenSlide {openslide.__library_version__}",
        "transfer_syntax": f"slide ({opened.facts.vendor})",
        "region": region.text,
        "magnification": magnification(opened.facts, region.downsample),
    }
    if "openslide.icc-size" in slide.properties:
        provenance["colour_profile"] = "present, not applied"
    return DecodedFrame(
        colour, spacing=_spacing(opened.facts, region.downsample), voi_function="LINEAR_EXACT", provenance=provenance
    )


def magnification(facts: SlideFacts, downsample: float) -> str:
    """ "20x (0.50 µm)", as much of it as the slide tells; else how many level-0 pixels a pixel is wide."""
    parts = []
    if facts.power:
        parts.append(f"{facts.power / downsample:.3g}x")
    if facts.microns:
        microns = f"{facts.microns[1] * downsample:.3g} µm"
        parts.append(f"({microns})" if parts else microns)
    return " ".join(parts) or f"1/{downsample:g}"


def magnifications(facts: SlideFacts) -> list[float]:
    """Downsamples by halves, from the slide's own pixels to where its longer side is some 1,000 pixels long."""
    count = max(1, math.floor(math.log2(max(1.0, max(facts.columns, facts.rows) / 1000))) + 1)
    return [float(2**i) for i in range(count)]


def _wanted(opened: Slide, axis: str) -> Region:
    facts = opened.facts
    if not axis:
        downsample = max(1.0, max(facts.columns, facts.rows) / OVERVIEW)
        size = (max(1, round(facts.columns / downsample)), max(1, round(facts.rows / downsample)))
        return Region(0, 0, *size, downsample)
    try:
        region = Region.of(axis)
    except ValueError as error:
        raise UnreadableImageError(opened.path, str(error)) from None
    if not (-region.width * region.downsample < region.x < facts.columns):
        raise UnreadableImageError(opened.path, f"the region lies beside the slide, which is {facts.columns:,} pixels wide")
    if not (-region.height * region.downsample < region.y < facts.rows):
        raise UnreadableImageError(opened.path, f"the region lies beside the slide, which is {facts.rows:,} pixels high")
    return region


def _spacing(facts: SlideFacts, downsample: float) -> tuple[float, float] | None:
    return None if facts.microns is None else (facts.microns[0] * downsample / 1000, facts.microns[1] * downsample / 1000)


def _on_background(rgba: npt.NDArray[np.uint8], background: str) -> npt.NDArray[np.uint8]:
    """Colour laid on the glass where the scanner has no tile: such pixels come with an alpha of 0."""
    alpha = rgba[..., 3:]
    if int(alpha.min(initial=255)) == 255:
        return np.ascontiguousarray(rgba[..., :3])
    glass = np.array([int(background[i : i + 2], 16) for i in (0, 2, 4)], np.float32)
    share = alpha.astype(np.float32) / 255
    return np.rint(rgba[..., :3] * share + glass * (1 - share)).astype(np.uint8)


def _positive(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _tiled_pyramid(file: IO[bytes]) -> bool:
    """Whether a TIFF's first picture is tiled and followed by a smaller one, or tiled and very large."""
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\x00", b"\x00+")
    at = struct.unpack(f"{order}Q", head[8:16])[0] if big else struct.unpack(f"{order}L", head[4:8])[0]
    sizes: list[int] = []
    tiled = False
    while at and len(sizes) < 3:
        file.seek(at)
        count_bytes = file.read(8 if big else 2)
        if len(count_bytes) < (8 if big else 2):
            break
        count = struct.unpack(f"{order}{'Q' if big else 'H'}", count_bytes)[0]
        entry = 20 if big else 12
        if count > 4096:
            break
        entries = file.read(count * entry)
        tags = {}
        for start in range(0, len(entries) - entry + 1, entry):
            tag, kind = struct.unpack_from(f"{order}HH", entries, start)
            tags[tag] = struct.unpack_from(f"{order}{'H' if kind == 3 else 'L'}", entries, start + (12 if big else 8))[0]
        sizes.append(tags.get(256, 0) * tags.get(257, 0))
        tiled = tiled or (len(sizes) == 1 and 322 in tags)
        next_bytes = file.read(8 if big else 4)
        at = struct.unpack(f"{order}{'Q' if big else 'L'}", next_bytes)[0] if len(next_bytes) == (8 if big else 4) else 0
    return tiled and (sizes[0] >= _LARGE or any(0 < size < sizes[0] for size in sizes[1:]))

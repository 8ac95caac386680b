from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading import read_image, read_series, scan
from medqdeg_desktop.engine.reading.slides import Region, magnification, magnifications
from medqdeg_desktop.taxonomy import Modality

_MICRONS = 0.5


def pyramid(path: Path, *, microns: float | None = _MICRONS, side: tuple[int, int] = (2048, 3072)) -> npt.NDArray[np.uint8]:
    """A tiled TIFF of three levels, each the mean of four pixels of the one before; returns its own pixels."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(60, 230, (side[0] // 32, side[1] // 32, 3))
    whole = (coarse.repeat(32, 0).repeat(32, 1) + rng.integers(-20, 20, (*side, 3))).astype(np.uint8)
    level = whole
    with tifffile.TiffWriter(path) as file:
        for number in range(3):
            per_cm = {} if microns is None else {"resolution": (1e4 / microns / 2**number,) * 2, "resolutionunit": "CENTIMETER"}
            file.write(level, tile=(256, 256), photometric="rgb", subfiletype=1 if number else 0, metadata=None, **per_cm)
            quarters = level.reshape(level.shape[0] // 2, 2, level.shape[1] // 2, 2, 3)
            level = np.rint(quarters.mean((1, 3))).astype(np.uint8)
    return whole


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, npt.NDArray[np.uint8]]:
    path = tmp_path_factory.mktemp("slide") / "section.tif"
    return path, pyramid(path)


Slide = tuple[Path, npt.NDArray[np.uint8]]


def test_a_pyramid_opens_as_its_overview_and_tells_its_size(slide: Slide) -> None:
    path, whole = slide
    series = read_series(path)
    assert series.slide is not None and (series.slide.columns, series.slide.rows) == (3072, 2048)
    assert series.slide.microns == (_MICRONS, _MICRONS) and series.modality is Modality.HISTOPATHOLOGY
    overview = series.frame(0)
    assert max(overview.shape) == 1600 and overview.unit == "RGB"
    assert overview.spacing == pytest.approx((3072 / 1600 * _MICRONS / 1000,) * 2)
    blocks = whole[:, :3072].reshape(32, 64, 48, 64, 3).mean((1, 3))
    shown = np.asarray(overview.pixels, float)
    rows, columns = (np.linspace(0, n, k + 1).astype(int) for n, k in zip(overview.shape, (32, 48), strict=True))
    means = [[shown[a:b, c:d].mean((0, 1)) for c, d in pairwise(columns)] for a, b in pairwise(rows)]
    assert np.abs(np.array(means) - blocks).max() < 6, "the overview is the slide made small"


def test_a_region_at_the_slides_own_pixels_is_those_pixels(slide: Slide) -> None:
    path, whole = slide
    region = Region(700, 300, 640, 400, 1)
    image = read_series(path).region(region).frame(0)
    np.testing.assert_array_equal(image.pixels, whole[300:700, 700:1340])
    assert image.spacing == pytest.approx((_MICRONS / 1000,) * 2)
    assert image.provenance["region"] == region.text and image.modality is Modality.HISTOPATHOLOGY


@pytest.mark.parametrize("downsample", [2.0, 3.0, 4.0])
def test_a_region_at_a_lower_magnification_is_the_mean_of_what_its_pixels_cover(slide: Slide, downsample: float) -> None:
    path, whole = slide
    step = int(downsample)
    region = Region(240, 480, 256, 128, downsample)
    image = read_series(path).region(region).frame(0)
    part = whole[480 : 480 + 128 * step, 240 : 240 + 256 * step].reshape(128, step, 256, step, 3).mean((1, 3))
    assert image.shape == (128, 256)
    # Between two levels (3) the nearer one is shrunk, and its pixels have been rounded before.
    assert np.abs(np.asarray(image.pixels, float) - part).max() <= (1.0 if downsample != 3 else 40)
    assert np.abs(np.asarray(image.pixels, float) - part).mean() < (1.0 if downsample != 3 else 4)
    assert image.spacing == pytest.approx((_MICRONS * downsample / 1000,) * 2)


def test_a_region_is_found_again_by_its_path_and_text_also_without_the_guard(slide: Slide) -> None:
    path, _ = slide
    region = Region(700, 300, 64, 48, 1)
    series = read_series(path).region(region)
    source = series.frames[0]
    again = read_image(source.path, source.index, axis=source.axis, decode_here=True)
    assert again.source_sha256 == series.frame(0).source_sha256
    assert read_series(path, axis=source.axis).series_id == series.series_id != read_series(path).series_id


def test_a_region_over_the_edge_is_glass_there_and_one_beside_the_slide_is_refused(slide: Slide) -> None:
    path, whole = slide
    image = read_series(path).region(Region(3000, 2000, 100, 100, 1)).frame(0)
    np.testing.assert_array_equal(image.pixels[:48, :72], whole[2000:, 3000:])
    assert (image.pixels[48:] == 255).all() and (image.pixels[:, 72:] == 255).all()
    with pytest.raises(UnreadableImageError, match="beside the slide, which is 3,072 pixels wide"):
        read_series(path).region(Region(4000, 0, 10, 10, 1))
    with pytest.raises(UnreadableImageError, match="is no region of a slide"):
        read_series(path, axis="region 1,2,3")
    with pytest.raises(UnreadableImageError, match="the limit is"):
        read_series(path).region(Region(0, 0, 60_000, 60_000, 1))


def test_a_slide_that_does_not_tell_its_pixel_size_says_so(tmp_path: Path) -> None:
    pyramid(tmp_path / "plain.tif", microns=None, side=(512, 1024))
    series = read_series(tmp_path / "plain.tif")
    assert series.spacing is None and "the slide does not say how large its pixels are" in series.warnings


def test_an_ordinary_picture_is_no_slide(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "plain.tif", pixels, photometric="rgb")
    tifffile.imwrite(tmp_path / "tiled.tif", pixels, photometric="rgb", tile=(128, 128))
    for name in ("plain.tif", "tiled.tif"):
        series = read_series(tmp_path / name)
        assert series.slide is None and series.format == "TIFF"
        np.testing.assert_array_equal(series.frame(0).pixels, pixels)


def test_magnifications_go_by_halves_and_are_told_in_powers_and_micrometres(slide: Slide) -> None:
    facts = read_series(slide[0]).slide
    assert facts is not None
    assert magnifications(facts) == [1.0, 2.0]
    assert magnification(facts, 2) == "1 µm"
    assert Region.of(Region(-3, 4, 5, 6, 2.5).text) == Region(-3, 4, 5, 6, 2.5)


def test_without_the_extra_a_slide_is_refused_by_the_extras_name_and_nothing_else_changes(slide: Slide, tmp_path: Path) -> None:
    plain = tmp_path / "plain.tif"
    tifffile.imwrite(plain, np.zeros((30, 40), np.uint8))
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'openslide': raise ModuleNotFoundError(name)\n"
        "import medqdeg_desktop.engine.reading.slides as slides\n"
        "slides.installed = lambda: False\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from medqdeg_desktop.engine.reading import scan, decoder_here\n"
        "found = scan(sys.argv[1], decoder=decoder_here())\n"
        "print(len(found.series), found.refused[0].reason)\n"
        "print(len(scan(sys.argv[2], decoder=decoder_here()).series))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(slide[0]), str(plain)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "0 is a whole-slide image; the extra 'slides' opens it by region: pip install 'medqdeg-desktop[slides]'" in run.stdout
    assert run.stdout.strip().endswith("\n1")


def test_the_folder_of_a_mirax_slide_is_not_searched_for_pictures(tmp_path: Path) -> None:
    (tmp_path / "case.mrxs").write_bytes(b"\xff\xd8\xff no slide")
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "Data0001.dat").write_bytes(b"pixels of the slide")
    found = scan(tmp_path)
    assert not found.series and [Path(r.path).name for r in found.refused] == ["case.mrxs"]


def test_a_region_is_degraded_from_the_command_line_and_named_by_an_item(slide: Slide, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from medqdeg_desktop.bank.importing import Wanted
    from medqdeg_desktop.bank.item_lines import read
    from medqdeg_desktop.cli.images import degrade
    from medqdeg_desktop.study.records import Item

    path, whole = slide
    out = tmp_path / "region.npy"
    arguments = [str(path), "--type", "gaussian_blur", "--severity", "0", "--region", "64,32,200,100,1", "--out", str(out)]
    done = CliRunner().invoke(degrade, arguments)
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(np.load(out), whole[32:132, 64:264])
    refused = CliRunner().invoke(degrade, [*arguments, "--region", "64,32"])
    assert refused.exit_code == 2 and "'64,32' is not X,Y,WIDTH,HEIGHT,DOWNSAMPLE" in refused.output

    lines = tmp_path / "items.jsonl"
    item = {"image": path.name, "modality": "Histopathology", "question": "What?", "options": {"A": "a", "B": "b"}, "answer": "A"}
    (tmp_path / path.name).write_bytes(path.read_bytes())
    lines.write_text(
        "\n".join(
            json.dumps({**item, "id": str(i), "axis": axis}) for i, axis in enumerate(("region 64,32,200,100,1", "region 1"))
        )
    )
    good, bad = read(lines, Wanted("", tmp_path))
    assert isinstance(good, Item) and good.axis == "region 64,32,200,100,1"
    assert "no region of a slide" in str(bad)

"""What every degradation keeps to: identity at 0, form of the frame, determinism, holes, odd shapes, proxies, errors."""

from __future__ import annotations

import json
import locale
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_frames import colour, colour_texture, grey, phantom, texture

from medqdeg_desktop.engine.degradation import Degradation, Prepared, degrade, find, parameters_at, parameters_from, registry
from medqdeg_desktop.engine.errors import DegradationError
from medqdeg_desktop.engine.image import MedicalImage, frozen, pixel_sha256
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, Modality

ALL = sorted(registry())
CELLS = [(name, modality) for name in ALL for modality in Modality if registry()[name].type.suits(modality)]


def _usual_modality(name: str) -> Modality:
    modalities = registry()[name].type.modalities
    return modalities[0] if modalities else Modality.XRAY


def _grey_frame(name: str, pixels: npt.NDArray[np.floating]) -> MedicalImage:  # type: ignore[type-arg]
    modality = _usual_modality(name)
    if modality is Modality.CT:
        return grey(pixels, modality, value_range=(-160.0, 240.0), unit="HU", spacing=(0.8, 0.8))
    return grey(pixels, modality)


def test_all_published_types_are_registered_under_all_their_names() -> None:
    assert sorted(t.name for t in DEGRADATION_TYPES) == ALL
    for kind in DEGRADATION_TYPES:
        for alias in (kind.name, *kind.aliases):
            assert find(alias).name == kind.name


@pytest.mark.parametrize(("name", "modality"), CELLS)
def test_severity_zero_is_the_input_bit_for_bit(name: str, modality: Modality) -> None:
    image = phantom(modality)
    assert pixel_sha256(degrade(image, name, 0.0, seed=3).pixels) == image.source_sha256


@pytest.mark.parametrize(("name", "modality"), CELLS)
def test_output_has_the_form_of_the_frame_and_is_finite_and_read_only(name: str, modality: Modality) -> None:
    image = phantom(modality)
    out = degrade(image, name, 0.65, seed=3)
    assert out.pixels.shape == image.pixels.shape
    assert out.pixels.dtype == image.pixels.dtype
    assert np.isfinite(out.pixels).all()
    assert not out.pixels.flags.writeable
    assert (out.pixels != image.pixels).any()
    assert replace(out, pixels=image.pixels) == image


@pytest.mark.parametrize("name", ALL)
def test_the_input_is_never_written_to(name: str) -> None:
    image = phantom(_usual_modality(name))
    before = pixel_sha256(image.pixels)
    prepared = Prepared(name, image, 1)
    for severity in (0.2, 1.0):
        prepared.at(severity)
    assert pixel_sha256(image.pixels) == before


@pytest.mark.parametrize("name", ALL)
def test_a_render_does_not_depend_on_what_was_rendered_before(name: str) -> None:
    image = phantom(_usual_modality(name))
    prepared = Prepared(name, image, 9)
    up = [pixel_sha256(prepared.at(s)) for s in (0.1, 0.5, 1.0)]
    down = [pixel_sha256(prepared.at(s)) for s in (1.0, 0.5, 0.1)]
    fresh = [pixel_sha256(degrade(image, name, s, seed=9).pixels) for s in (0.1, 0.5, 1.0)]
    assert up == down[::-1] == fresh


@pytest.mark.parametrize("name", ALL)
def test_the_bytes_do_not_depend_on_the_number_of_threads(name: str) -> None:
    frames = [phantom(_usual_modality(name), 320)]
    if registry()[name].type.suits(Modality.ENDOSCOPY):
        frames.append(phantom(Modality.ENDOSCOPY, 320))
    threads = cv2.getNumThreads()
    try:
        hashes = []
        for count in (1, 2, 4):
            cv2.setNumThreads(count)
            hashes.append([pixel_sha256(degrade(f, name, s, seed=4).pixels) for f in frames for s in (0.3, 0.65)])
    finally:
        cv2.setNumThreads(threads)
    assert hashes[0] == hashes[1] == hashes[2]


_RENDER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from sample_frames import phantom
from medqdeg_desktop.engine.degradation import degrade, registry
from medqdeg_desktop.engine.image import pixel_sha256
from medqdeg_desktop.taxonomy import Modality
out = {}
for name in sorted(registry(), reverse=sys.argv[2] == "backwards"):
    kinds = registry()[name].type.modalities
    image = phantom(kinds[0] if kinds else Modality.XRAY, 96)
    out[name] = pixel_sha256(degrade(image, name, 0.5, seed=11).pixels)
print(json.dumps(out, sort_keys=True))
"""


def test_another_process_with_another_order_locale_and_hash_seed_gives_the_same_bytes() -> None:
    here = os.path.dirname(__file__)  # noqa: PTH120
    answers = []
    for order, environment in (("forwards", {"LC_ALL": "C"}), ("backwards", {"LC_ALL": "de_DE.UTF-8", "PYTHONHASHSEED": "7"})):
        done = subprocess.run(
            [sys.executable, "-c", _RENDER, here, order],
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        answers.append(json.loads(done.stdout))
    assert answers[0] == answers[1]
    assert locale.str(0.5)
    modality = _usual_modality("gaussian_noise")
    assert answers[0]["gaussian_noise"] == pixel_sha256(degrade(phantom(modality, 96), "gaussian_noise", 0.5, seed=11).pixels)


@pytest.mark.parametrize("name", ALL)
def test_renders_on_several_threads_at_once_do_not_disturb_each_other(name: str) -> None:
    image = phantom(_usual_modality(name), 96)
    alone = [pixel_sha256(degrade(image, name, s, seed=2).pixels) for s in (0.2, 0.4, 0.6, 0.8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda s: pixel_sha256(degrade(image, name, s, seed=2).pixels), (0.2, 0.4, 0.6, 0.8)))
    assert together == alone


@pytest.mark.parametrize("name", ALL)
def test_holes_and_padding_stay_where_they_are_and_spoil_nothing(name: str) -> None:
    modality = _usual_modality(name)
    if phantom(modality).is_rgb:
        image = _grey_frame(name, texture(64, 64))
    else:
        image = phantom(modality, 96)
    pixels = image.pixels.copy()
    pixels[:5] = np.nan
    pixels[-5:] = np.float32(-3.4e38)
    pixels[30, 40] = np.inf
    holed = image.with_pixels(frozen(pixels))
    out = degrade(holed, name, 0.65, seed=1, force=True).pixels
    assert np.isnan(out[:5]).all()
    assert (out[-5:] == np.float32(-3.4e38)).all()
    assert np.isposinf(out[30, 40])
    inside = np.isfinite(pixels) & (np.abs(pixels) < 1e30)
    assert np.isfinite(out[inside]).all()
    assert np.abs(out[inside]).max() < 1e5


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 3), (3, 3), (5, 17), (31, 64), (127, 61)])
def test_frames_of_any_shape_are_degraded(name: str, shape: tuple[int, int]) -> None:
    for image in (_grey_frame(name, texture(*shape, smooth=1.0)), colour(colour_texture(*shape), _usual_modality(name))):
        prepared = Prepared(name, image, 5)
        for severity in (0.01, 0.3, 1.0):
            out = prepared.at(severity)
            assert out.shape == image.pixels.shape
            assert out.dtype == image.pixels.dtype
            assert np.isfinite(out).all()


@pytest.mark.parametrize("name", ALL)
def test_constant_and_huge_frames_are_degraded(name: str) -> None:
    for value in (0.0, -1000.0, 3000.0, 65535.0, 1e6):
        out = degrade(_grey_frame(name, np.full((24, 24), value)), name, 0.65, seed=1).pixels
        assert np.isfinite(out).all()
    empty_range = replace(_grey_frame(name, np.full((24, 24), 7.0)), value_range=(7.0, 7.0))
    assert np.isfinite(degrade(empty_range, name, 0.65, seed=1).pixels).all()


_pixels = st.one_of(
    st.integers(0, 255).map(float),
    st.integers(-(2**15), 2**15 - 1).map(float),
    st.floats(-1e5, 1e5, width=32),
    st.just(float("nan")),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(ALL),
    rows=st.integers(1, 19),
    columns=st.integers(1, 19),
    values=st.lists(_pixels, min_size=1, max_size=12),
    severity=st.floats(0, 1),
    seed=st.integers(0, 2**64 - 1),
    rgb=st.booleans(),
)
def test_any_finite_pixel_stays_finite(
    name: str, rows: int, columns: int, values: list[float], severity: float, seed: int, rgb: bool
) -> None:
    if rgb:
        plain = np.resize(np.nan_to_num(np.array(values)), (rows, columns, 3))
        image = colour((plain.astype(np.int64) % 256).astype(np.uint8), _usual_modality(name))
    else:
        image = _grey_frame(name, np.resize(np.array(values, np.float32), (rows, columns)))
    out = degrade(image, name, severity, seed=seed).pixels
    assert out.shape == image.pixels.shape
    assert out.dtype == image.pixels.dtype
    np.testing.assert_array_equal(np.isfinite(out), np.isfinite(image.pixels))
    if severity == 0:
        np.testing.assert_array_equal(out, image.pixels)


#: Stains and pigments are coloured by nature; everything else keeps grey grey.
_GREY_STAYS_GREY = [(n, m) for n, m in CELLS if m is not Modality.HISTOPATHOLOGY or registry()[n].type.general]


@pytest.mark.parametrize(("name", "modality"), _GREY_STAYS_GREY)
def test_a_grey_picture_in_colour_gets_no_colour_fringes(name: str, modality: Modality) -> None:
    plane = np.rint(texture(80, 64)).astype(np.uint8)
    out = degrade(colour(np.stack([plane] * 3, axis=-1), modality), name, 0.65, seed=2).pixels
    np.testing.assert_array_equal(out[..., 0], out[..., 1])
    np.testing.assert_array_equal(out[..., 0], out[..., 2])


#: Largest rms difference, of the range, between a proxy's picture and the full picture made small. Edges that moved by a
#: part of a proxy pixel are interpolated at another place; everything else is closer.
_PROXY_TOLERANCE = 0.03


@pytest.mark.parametrize(("name", "modality"), CELLS)
def test_the_proxy_looks_like_the_full_result_made_small(name: str, modality: Modality) -> None:
    image = phantom(modality, 384)
    low, high = image.value_range

    def shown(frame: MedicalImage) -> npt.NDArray[np.float64]:
        return np.clip(np.asarray(frame.pixels, np.float64), low, high)

    def rms(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
        return float(np.sqrt(np.mean((a - b) ** 2))) / (high - low)

    clean = shown(image.proxy(192))
    for severity in (0.3, 0.65):
        small = shown(degrade(image.proxy(192), name, severity, seed=8))
        expected = shown(degrade(image, name, severity, seed=8).proxy(192))
        assert small.shape == expected.shape
        change = rms(expected, clean)
        if name == "low_dose":
            # Other rays, other photons: as much noise, not the same.
            assert rms(small, clean) == pytest.approx(change, rel=0.3)
            continue
        error = rms(small, expected)
        assert error < _PROXY_TOLERANCE
        assert error < 0.5 * change + 0.002, "closer to the degraded picture than that is to the clean one"


def test_mistakes_are_named_in_one_line() -> None:
    image = phantom(Modality.XRAY)
    cases = [
        ("sparkle", 0.5, {}, "unknown degradation 'sparkle'"),
        ("gaussian_blur", 1.5, {}, "severity 1.5 is outside 0 to 1"),
        ("gaussian_blur", float("nan"), {}, "outside 0 to 1"),
        ("gaussian_blur", 0.5, {"radius": 3}, "gaussian_blur has no parameter 'radius'; it has sigma"),
        ("gaussian_blur", 0.5, {"sigma": 3}, "sigma: 3 is outside 0 to 0.25"),
        ("gaussian_blur", 0.5, {"sigma": float("nan")}, "sigma: nan is outside"),
        ("gaussian_blur", 0.5, {"sigma": "wide"}, "sigma: 'wide' is not a number"),
        ("low_resolution", 0.5, {"interpolation": "magic"}, "'magic' is not one of linear, cubic, nearest"),
        ("bias_field_artifact", 0.5, {}, "bias_field_artifact is defined on MRI, not on X-ray"),
    ]
    for name, severity, overrides, message in cases:
        with pytest.raises(DegradationError) as raised:
            degrade(image, name, severity, overrides=overrides)  # type: ignore[arg-type]
        assert message in str(raised.value)
        assert "\n" not in str(raised.value)


def test_force_lifts_the_rule_of_modalities() -> None:
    image = phantom(Modality.XRAY)
    out = degrade(image, "bias_field_artifact", 0.65, force=True).pixels
    assert (out != image.pixels).any()


@pytest.mark.parametrize(("name", "modality"), CELLS)
def test_stored_path_values_give_the_render_of_their_severity(name: str, modality: Modality) -> None:
    degradation: Degradation = registry()[name]
    for seed in range(4):
        on_path = degradation.path(0.65, modality)
        stored = {p.name: p.default for p in degradation.parameters(modality) if p.default is not None} | on_path
        assert parameters_from(name, stored, modality, seed) == parameters_at(name, 0.65, modality, seed)


@pytest.mark.parametrize(("name", "modality"), CELLS)
def test_parameters_are_complete_and_described(name: str, modality: Modality) -> None:
    degradation = registry()[name]
    described = degradation.parameters(modality)
    assert {p.name for p in described} == set(parameters_at(name, 0.5, modality, 3))
    assert described[0].name in degradation.path(0.5, modality), "the first parameter is the one the path moves"
    drawn = degradation.drawn_parameters(3, modality)
    for parameter in described:
        assert parameter.label
        assert (parameter.default is None) == (parameter.name in drawn)
        if parameter.kind != "choice":
            assert parameter.minimum < parameter.maximum


@pytest.mark.parametrize("name", ALL)
def test_the_bytes_do_not_depend_on_where_arrays_lie_in_memory(name: str) -> None:
    # Some vendor routines treat the ends of a buffer differently by its alignment.
    image = phantom(_usual_modality(name), 97)
    held, hashes = [], set()
    for k in range(12):
        hashes.add(pixel_sha256(degrade(image, name, 0.5, seed=1).pixels))
        held.append(np.empty(37 * 97 * 4 + 4 * k, np.uint8))
    assert len(hashes) == 1

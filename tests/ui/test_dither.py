from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Window, frozen
from medqdeg_desktop.ui.viewer.dither import dithered, thresholds
from medqdeg_desktop.ui.viewer.picture import PictureMaker
from medqdeg_desktop.ui.viewer.viewport import Placement

_WINDOW = Window(40, 400)


def _ramp(function: str = "LINEAR") -> MedicalImage:
    """512 columns that rise by 12 HU in all: eight greys of a window of 400 HU, each 67 columns wide when rounded."""
    pixels = np.tile(np.linspace(30, 42, 512, dtype=np.float32), (256, 1))
    return MedicalImage(frozen(pixels), None, unit="HU", window=_WINDOW, voi_function=function)


def _exact(image: MedicalImage) -> npt.NDArray[np.float64]:
    """Grey of the formula before it is rounded (PS3.3 C.11.2.1.2)."""
    value = image.pixels.astype(np.float64)
    if image.voi_function == "LINEAR":
        return np.asarray(((value - (_WINDOW.center - 0.5)) / (_WINDOW.width - 1) + 0.5) * 255)
    if image.voi_function == "SIGMOID":
        return np.asarray(255 / (1 + np.exp(-4 * (value - _WINDOW.center) / _WINDOW.width)))
    return np.asarray((value - _WINDOW.low) / _WINDOW.width * 255)


def test_a_smooth_ramp_has_no_steps_any_more() -> None:
    for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        image = _ramp(function)
        rounded, shown = to_display(image).astype(float), to_display(dithered(image, None, (0, 0))).astype(float)
        # What an eye averages over a few pixels, beside the ramp itself.
        blurred = [np.abs(gaussian_filter(picture - _exact(image), 3)[16:-16, 16:-16]).max() for picture in (rounded, shown)]
        assert blurred[0] > 0.35 and blurred[1] < 0.15, function
        assert np.abs(shown - _exact(image)).max() <= 1.0


def test_the_pattern_is_uniform_and_has_no_coarse_grain() -> None:
    pattern = thresholds()
    np.testing.assert_allclose(np.sort(pattern, axis=None), (np.arange(128 * 128) + 0.5) / 128**2 - 0.5, atol=1e-6)
    power = np.abs(np.fft.fft2(pattern)) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
    assert power[(radius > 0) & (radius < 0.25)].mean() < 0.01 * power.mean()


def test_the_pattern_stays_with_the_screen_while_slices_and_pans_go_by() -> None:
    image = _ramp()
    maker = PictureMaker()
    first = maker.make(image, Placement(256, 512, 1.0, 1.0, 10, 7, 800, 500), None, False, dither=True)
    panned = maker.make(image, Placement(256, 512, 1.0, 1.0, 138, 135, 800, 500), None, False, dither=True)
    again = PictureMaker().make(image, Placement(256, 512, 1.0, 1.0, 10, 7, 800, 500), None, False, dither=True)
    assert first is not None and panned is not None and again is not None
    np.testing.assert_array_equal(first.pixels, again.pixels)
    # 128 device pixels on, the same thresholds lie under the same pixels.
    np.testing.assert_array_equal(first.pixels, panned.pixels)
    plain = image.with_pixels(frozen(np.full((256, 512), 40.7, np.float32)))
    shown = [maker.make(plain, Placement(256, 512, 1.0, 1.0, x, 7, 800, 500), None, False, dither=True) for x in (10, 11)]
    assert shown[0] is not None and shown[1] is not None
    np.testing.assert_array_equal(shown[0].pixels[:, 1:], shown[1].pixels[:, :-1])


def test_black_white_bytes_and_colour_come_out_as_they_are() -> None:
    outside = np.array([[-900.0, -160.0, 241.0, 3000.0, np.nan]] * 64, np.float32)
    image = MedicalImage(frozen(np.repeat(outside, 60, axis=1)), None, window=_WINDOW, voi_function="LINEAR")
    shown = to_display(dithered(image, None, (0, 0)))
    np.testing.assert_array_equal(shown[:, [0, 100, 130, 200, 299]], np.tile([[0, 0, 255, 255, 0]], (64, 1)).astype(np.uint8))
    whole = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.float32)
    bytes_image = MedicalImage(frozen(whole), None, window=Window(127.5, 255), voi_function="LINEAR_EXACT")
    np.testing.assert_array_equal(to_display(dithered(bytes_image, None, (0, 0))), whole.astype(np.uint8))
    colour = MedicalImage(frozen(np.zeros((8, 8, 3), np.uint8)), None, unit="RGB")
    assert dithered(colour, None, (0, 0)) is colour
    table = MedicalImage(frozen(whole), None, voi_lut=(0.0, np.linspace(0, 1, 256, dtype=np.float32)))
    assert dithered(table, None, (0, 0)) is table

"""The one way from native values to an 8-bit picture, held against pydicom's own windowing and the standard's formulas."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_windowing

from medqdeg_desktop.engine.display import auto_window, to_display
from medqdeg_desktop.engine.image import MedicalImage, Window, frozen

_VALUES = np.arange(-2000, 4000).reshape(60, 100)


def _image(values: npt.NDArray[np.generic], window: Window | None = None, **fields: object) -> MedicalImage:
    return MedicalImage(frozen(values.astype(np.float32)), None, window=window, **fields)  # type: ignore[arg-type]


def _by_pydicom(values: npt.NDArray[np.int64], center: float, width: float, function: str) -> npt.NDArray[np.float64]:
    data = Dataset()
    data.WindowCenter, data.WindowWidth, data.VOILUTFunction = center, width, function
    data.PhotometricInterpretation, data.BitsStored, data.PixelRepresentation = "MONOCHROME2", 8, 0
    with np.errstate(over="ignore"):
        return np.asarray(apply_windowing(values, data))


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("center,width", [(40, 400), (-600, 1500), (480, 2500), (40, 1), (3, 2), (128, 256), (30.5, 4095.25)])
def test_a_window_gives_the_rounded_values_of_pydicom(function: str, center: float, width: float) -> None:
    expected = _by_pydicom(_VALUES, center, width, function)
    shown = to_display(_image(_VALUES, Window(center, width), voi_function=function))
    assert shown.dtype == np.uint8
    ties = np.abs(expected - np.floor(expected) - 0.5) < 1e-3
    np.testing.assert_array_equal(shown[~ties], np.rint(expected[~ties]).astype(np.uint8))
    assert np.abs(shown[ties] - expected[ties]).max(initial=0) <= 0.501


def test_eight_bit_values_without_a_window_are_shown_unchanged() -> None:
    values = np.arange(256).reshape(16, 16)
    np.testing.assert_array_equal(to_display(_image(values, value_range=(0.0, 255.0))), values)
    np.testing.assert_array_equal(to_display(_image(values, Window(127.5, 255), voi_function="LINEAR_EXACT")), values)
    np.testing.assert_array_equal(to_display(_image(values, Window(128, 256))), values)


def test_values_are_rounded_and_not_cut_off() -> None:
    values = np.array([[0.49, 0.51, 1.49, 254.6]])
    np.testing.assert_array_equal(to_display(_image(values, value_range=(0.0, 255.0))), [[0, 1, 1, 255]])


def test_monochrome1_is_inverted_after_the_window_and_invert_undoes_it() -> None:
    plain = to_display(_image(_VALUES, Window(40, 400)))
    inverted = _image(_VALUES, Window(40, 400), inverted=True)
    np.testing.assert_array_equal(to_display(inverted), 255 - plain)
    np.testing.assert_array_equal(to_display(inverted, invert=True), plain)


def test_a_voi_table_is_used_until_the_reader_chooses_a_window() -> None:
    table = np.linspace(1, 0, 101, dtype=np.float32) ** 2
    image = _image(_VALUES, Window(40, 400), voi_lut=(50.0, table))
    expected = np.rint(255 * table.astype(np.float64)[np.clip(_VALUES - 50, 0, 100)])
    assert np.abs(to_display(image) - expected).max() == 0
    np.testing.assert_array_equal(to_display(image, Window(40, 400)), to_display(_image(_VALUES, Window(40, 400))))


def test_colour_has_no_window_and_is_never_the_image_itself() -> None:
    colour = frozen(np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8))
    image = MedicalImage(colour, None, unit="RGB")
    shown = to_display(image, Window(10, 10))
    np.testing.assert_array_equal(shown, colour)
    assert not np.shares_memory(shown, colour) and shown.flags.writeable
    np.testing.assert_array_equal(to_display(image, invert=True), 255 - colour)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_masked_pixels_are_shown_as_the_lowest_value(function: str) -> None:
    values = np.array([[np.nan, -5000.0, 5000.0]])
    np.testing.assert_array_equal(to_display(_image(values, Window(0, 100), voi_function=function)), [[0, 0, 255]])
    table = np.linspace(0, 1, 11, dtype=np.float32)
    np.testing.assert_array_equal(to_display(_image(values, voi_lut=(0.0, table))), [[0, 0, 255]])


@pytest.mark.parametrize(
    "fields",
    [
        {"window": Window(40, 400)},
        {"window": Window(40, 400), "voi_function": "SIGMOID"},
        {"window": Window(40, 1)},
        {"voi_lut": (0.0, np.linspace(0, 1, 50, dtype=np.float32))},
        {"window": Window(40, 400), "inverted": True},
    ],
)
def test_a_given_buffer_is_filled_and_returned(fields: dict[str, object]) -> None:
    image = _image(_VALUES, **fields)  # type: ignore[arg-type]
    out = np.full(_VALUES.shape, 77, np.uint8)
    assert to_display(image, out=out) is out
    np.testing.assert_array_equal(out, to_display(image))


def test_the_automatic_window_spans_the_percentiles_of_the_finite_values() -> None:
    values = np.arange(10000, dtype=float).reshape(100, 100)
    values[0, 0] = np.nan
    window = auto_window(_image(values))
    assert window is not None
    low, high = np.nanpercentile(values, (1, 99))
    assert (window.low, window.high) == pytest.approx((low, high))
    flat = auto_window(_image(np.full((4, 4), 7.0)))
    assert flat is not None and flat.width > 0
    assert auto_window(MedicalImage(np.zeros((2, 2, 3), np.uint8), None)) is None

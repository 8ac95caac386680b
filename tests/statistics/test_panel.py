"""The level of a panel and its interval: how often it holds the truth, what it makes of holes, and where it ends."""

from __future__ import annotations

import numpy as np
import pytest

from medqdeg_desktop.statistics.panel import consensus, expected_half_width
from medqdeg_desktop.statistics.reliability import Components
from tests.benchmarks.coverage import MIXES, TRUTH, coverage, panels


@pytest.mark.parametrize("mix", MIXES)
def test_the_interval_of_ten_readers_covers_what_it_says(mix: str) -> None:
    found = coverage(mix, 10, 6, 1500, replicates=400)
    # Two points as the protocol states them, and what 1,500 panels can tell (two standard errors).
    assert found.share == pytest.approx(0.95, abs=0.02 + 2 * found.standard_error)


@pytest.mark.parametrize("mix", MIXES)
def test_the_interval_of_three_readers_on_four_pictures_does_not_promise_too_much(mix: str) -> None:
    found = coverage(mix, 3, 4, 1500, replicates=400)
    assert found.share > 0.92 - 2 * found.standard_error


def test_the_interval_covers_with_settings_missing_as_well() -> None:
    rng = np.random.default_rng(8)
    hits = 0
    for number, table in enumerate(panels("both differ", 10, 6, 400, seed=1)):
        table[rng.random(table.shape) < 0.15] = np.nan
        found = consensus(table, replicates=300, seed=number)
        hits += found.low <= TRUTH <= found.high
    assert hits / 400 == pytest.approx(0.95, abs=0.02 + 0.022)


@pytest.mark.parametrize(("readers", "images"), [(3, 4), (5, 6), (10, 6)])
def test_a_design_is_told_the_width_that_its_panels_will_get(readers: int, images: int) -> None:
    sds = MIXES["both differ"]
    widths = [
        found.high - found.low for t in panels("both differ", readers, images, 300) if (found := consensus(t, replicates=300))
    ]
    expected = expected_half_width(Components(*sds), readers, images, panels=4000)
    assert expected == pytest.approx(np.mean(widths) / 2, rel=0.08)


def test_more_readers_more_pictures_and_more_repeats_make_an_interval_narrower() -> None:
    assumed = Components(0.10, 0.10, 0.06, 0.06)
    widths = [expected_half_width(assumed, *design, panels=4000) for design in ((3, 4), (3, 6), (5, 6), (10, 6))]
    assert widths == sorted(widths, reverse=True)
    shaky = Components(0.02, 0.02, 0.02, 0.20)
    assert expected_half_width(shaky, 5, 6, 2.0, panels=4000) < 0.85 * expected_half_width(shaky, 5, 6, panels=4000)
    assert np.isnan(expected_half_width(assumed, 1, 6)) and np.isnan(expected_half_width(assumed, 5, 1))


def test_a_consensus_takes_holes_and_single_readers() -> None:
    table = np.array([[0.30, 0.34, np.nan], [0.40, np.nan, 0.44], [0.2, 0.2, 0.2]])
    assert consensus(table).value == pytest.approx(0.32)
    alone = consensus(table[:1])
    assert alone.value == pytest.approx(0.32) and np.isnan(alone.low) and alone.n == 1
    assert np.isnan(consensus(np.full((2, 2), np.nan)).value)


def test_readers_who_share_no_picture_give_a_level_but_no_interval() -> None:
    apart = consensus([[0.3, 0.4, np.nan, np.nan], [np.nan, np.nan, 0.5, 0.6]])
    assert apart.value == pytest.approx(0.45) and np.isnan(apart.low)


def test_a_hole_on_an_otherwise_additive_table_changes_nothing_of_the_rest() -> None:
    table = 0.3 + np.array([[0.0], [0.05], [0.1], [0.02]]) + np.array([[0.0, 0.1, 0.03]])
    holed = table.copy()
    holed[1, 2] = np.nan
    whole, less = consensus(table, seed=3), consensus(holed, seed=3)
    # Nothing is left over in either, so the error is that of readers and pictures alone.
    assert less.high - less.low == pytest.approx(whole.high - whole.low, rel=0.25)


def test_an_interval_ends_where_the_scale_ends_and_is_a_point_where_nothing_differs() -> None:
    table = [[0.9, 0.98], [0.5, 0.9], [1.0, 0.7]]
    assert consensus(table).high > 1 and consensus(table, within=(0.0, 1.0)).high == 1.0
    same = consensus(np.full((3, 4), 0.4))
    assert (same.low, same.value, same.high) == (0.4, 0.4, 0.4)


def test_the_same_readings_give_the_same_interval_in_any_order_of_readers() -> None:
    (table,) = panels("both differ", 5, 6, 1)
    assert consensus(table) == consensus(table)
    turned = consensus(table[::-1])
    assert (turned.low, turned.high) == pytest.approx((consensus(table).low, consensus(table).high), abs=1e-12)

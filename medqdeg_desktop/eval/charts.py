"""All charts of a study: what each is called, where it stands, what it needs, and whether the results have data for it.

The tabs of the window and the pages of a report are both made from ``CHARTS``, so that neither has a chart that the other
lacks. A chart is made from ``results.json`` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from medqdeg_desktop.chart.figure import Figure
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.benchmark_tables import TABLES
from medqdeg_desktop.eval.comparison_charts import (
    MOST_PAIRS,
    difference_matrix,
    language_prior,
    model_differences,
    pair_count,
    position_bias,
    steps,
)
from medqdeg_desktop.eval.figures import accuracy_by_level, by_modality, three_panel
from medqdeg_desktop.eval.matrix_charts import grouped_bars, heatmap, published_bars, published_heatmap
from medqdeg_desktop.eval.question_table import DIMENSIONS
from medqdeg_desktop.eval.real_charts import rank_bump, real_scatter
from medqdeg_desktop.eval.real_images import Standing, published_standings
from medqdeg_desktop.eval.row_chart import LEVELS
from medqdeg_desktop.eval.settings_chart import runs_side_by_side
from medqdeg_desktop.eval.shift_chart import shift_against_accuracy
from medqdeg_desktop.eval.sweep_chart import severity_curves

Json = dict[str, Any]
#: Makes a Figure; takes ``width`` in pixels, by keyboard.
Build = Callable[..., Figure]
#: The charts that the results have data for; the second argument is whether published values stand beside or follow.
Builds = Callable[[Json, bool], Iterable[Build]]
#: Pixels across a page of paper (A4 landscape): charts laid out for it keep the size of their letters.
PAGE_WIDTH: Final = 1030.0
Section = Literal["overview", "heatmaps", "tables", "severity", "comparisons", "real"]


@dataclass(frozen=True, slots=True)
class Chart:
    """``needs`` are parts of the results (``tables.PARTS``); ``printed`` ones stand in a report."""

    name: str
    section: Section
    builds: Builds
    needs: tuple[str, ...] = ()
    printed: bool = True


def _plain(chart: Build, *, has: Callable[[Json], object] = lambda results: results["models"]) -> Builds:
    """A chart that knows nothing of published values."""

    def builds(results: Json, with_published: bool) -> list[Build]:
        return [partial(chart, results)] if results and has(results) else []

    return builds


def _beside(chart: Build, *, has: Callable[[Json], object] = lambda results: results["models"]) -> Builds:
    """A chart that can hold published values beside the study's own."""

    def builds(results: Json, with_published: bool) -> list[Build]:
        return [partial(chart, results, with_published=with_published)] if results and has(results) else []

    return builds


def _published(chart: Build) -> Builds:
    """A chart of published values alone, where they are asked for."""
    return lambda results, with_published: [chart] if with_published else []


def _levels(results: Json) -> bool:
    # A sweep without clean images has no levels to compare.
    return any(model["levels"] for model in results["models"])


def _has_pairs(dimension: str, level: str) -> Callable[[Json], bool]:
    """Whether a heatmap has two names to compare, with matched questions."""

    def has(results: Json) -> bool:
        cells = [cell for model in results["models"] for cell in model["by"][dimension] if cell["level"] == level]
        return len({cell["name"] for cell in cells if cell["matched_l0"]}) > 1

    return has


def _heatmap(dimension: str, level: str) -> Chart:
    def chart(results: Json, **options: Any) -> Figure:
        return heatmap(results, dimension, level, **options)

    own = _plain(chart, has=_has_pairs(dimension, level))
    # Those of types and of skills were published; the others stand in the report as tables.
    return Chart(f"heatmap_{dimension}_{level}", "heatmaps", own, (dimension,), printed=dimension in ("type", "skill"))


def _table(name: str) -> Chart:
    dimension = name.removeprefix("table_by_")

    def builds(results: Json, with_published: bool) -> list[Build]:
        rows = results and (_levels(results) if dimension == "level" else any(m["by"].get(dimension) for m in results["models"]))
        if not rows and not with_published:
            return []
        chart = partial(TABLES[name], results or _NOTHING, with_published=with_published)
        try:
            chart()
        except MedqdegError:
            # Names of another vocabulary than the publication's have no column in its table.
            return []
        return [chart]

    return Chart(name, "tables", builds, () if dimension == "level" else (dimension,))


_NOTHING: Final[Json] = {"models": [], "replicates": 10_000, "clusters": 0, "filters": {}}


def _sweeps(results: Json, with_published: bool) -> list[Build]:
    sweeps = results.get("sweeps", ()) if results else ()
    swept = dict.fromkeys(curve["run_id"] for sweep in sweeps for curve in sweep["models"])
    return [partial(severity_curves, results, run_id) for run_id in swept]


def _differences(level: str = "") -> Builds:
    """A row a pair for few of them, else a matrix a level."""

    def builds(results: Json, with_published: bool) -> list[Build]:
        pairs = pair_count(results) if results else 0
        if not level:
            return [partial(model_differences, results)] if 0 < pairs <= MOST_PAIRS else []
        met = any(entry["level"] == level for entry in results["model_differences"]) if pairs else False
        return [partial(difference_matrix, results, level)] if pairs > MOST_PAIRS and met else []

    return builds


def _real(chart: Callable[..., Figure]) -> Builds:
    def builds(results: Json, with_published: bool) -> list[Build]:
        standings = [Standing(**values) for values in results.get("real_standings") or ()] if results else []
        shown = [models for models in (standings, published_standings() if with_published else []) if models]
        return [partial(chart, models) for models in shown]

    return builds


CHARTS: Final[tuple[Chart, ...]] = (
    Chart("three_panel", "overview", _beside(three_panel, has=_levels)),
    Chart("accuracy_by_level", "overview", _beside(accuracy_by_level, has=_levels)),
    Chart("grouped_bars", "overview", _plain(grouped_bars, has=_levels)),
    Chart("published_bars", "overview", _published(published_bars), printed=False),
    Chart(
        "by_modality",
        "overview",
        _beside(by_modality, has=lambda results: any(model["by"]["modality"] for model in results["models"])),
        ("modality",),
    ),
    *(_heatmap(dimension, level) for dimension in ("type", *(d for d in DIMENSIONS if d != "type")) for level in ("L1", "L2")),
    Chart("published_heatmap_L1", "heatmaps", _published(partial(published_heatmap, "L1")), printed=False),
    Chart("published_heatmap_L2", "heatmaps", _published(partial(published_heatmap, "L2")), printed=False),
    *(_table(name) for name in TABLES),
    Chart("severity_curves", "severity", _sweeps, ("sweeps",)),
    Chart("model_differences", "comparisons", _differences(), ("comparisons",)),
    *(Chart(f"model_differences_{level}", "comparisons", _differences(level), ("comparisons",)) for level in LEVELS),
    Chart(
        "shift_against_accuracy",
        "comparisons",
        _beside(shift_against_accuracy, has=lambda results: results.get("inter_model_dke")),
        ("comparisons",),
    ),
    Chart("steps", "comparisons", _beside(steps, has=lambda results: any(model.get("cliff") for model in results["models"]))),
    Chart(
        "language_prior",
        "comparisons",
        _plain(language_prior, has=lambda results: results.get("language_prior")),
        ("comparisons",),
    ),
    Chart(
        "position_bias",
        "comparisons",
        _plain(position_bias, has=lambda results: any(model.get("position") for model in results["models"])),
        ("comparisons",),
    ),
    Chart("runs_side_by_side", "comparisons", _plain(runs_side_by_side, has=lambda results: len(results["models"]) > 1)),
    Chart("real_rank_bump", "real", _real(rank_bump)),
    Chart("real_scatter", "real", _real(real_scatter)),
)


def builds_of(charts: Iterable[Chart], results: Json, *, with_published: bool = False) -> list[Build]:
    """What can be drawn of ``charts``, in their order."""
    return [build for chart in charts for build in chart.builds(results, with_published)]


def in_section(*sections: Section) -> tuple[Chart, ...]:
    return tuple(chart for chart in CHARTS if chart.section in sections)


def parts_of(charts: Sequence[Chart]) -> tuple[str, ...]:
    """The parts of the results that ``charts`` need."""
    return tuple(dict.fromkeys(part for chart in charts for part in chart.needs))


def charts_of(results: Json, *sections: Section, width: float = PAGE_WIDTH) -> list[Figure]:
    """The printed charts that the results have data for, of ``sections`` or of all, in the order of a report."""
    wanted = in_section(*sections) if sections else CHARTS
    return [build(width=width) for build in builds_of((chart for chart in wanted if chart.printed), results)]

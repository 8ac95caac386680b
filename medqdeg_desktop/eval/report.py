"""The report of a study: one HTML page that stands alone, its tables as CSV, its charts as SVG with their data, ``results.json``.

Everything is read from the study and from the dataset folder that its runs name; nothing is sent or fetched. Each file is
written atomically, so a report that was interrupted holds whole files only.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.chart.figure import Figure, figure_csv
from medqdeg_desktop.chart.svg import svg
from medqdeg_desktop.csv_text import csv_text
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import real_images, wording
from medqdeg_desktop.eval.benchmark_tables import tables_of
from medqdeg_desktop.eval.charts import CHARTS, Section, charts_of
from medqdeg_desktop.eval.csv_tables import csv_tables
from medqdeg_desktop.eval.feature_chart import feature_chart
from medqdeg_desktop.eval.features import feature_map
from medqdeg_desktop.eval.figures import accuracy_by_level, three_panel
from medqdeg_desktop.eval.question_table import DIMENSIONS
from medqdeg_desktop.eval.reliability_chart import reliability_diagram
from medqdeg_desktop.eval.sweeps import Limits
from medqdeg_desktop.eval.tables import dataset_of, load, reliability, results_of
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.study.frozen_runs import Freezing
from medqdeg_desktop.study.records import Run
from medqdeg_desktop.study.store import Study

Json = dict[str, Any]

_SECTIONS = tuple(dict.fromkeys(chart.section for chart in CHARTS))
#: Width at which two reliability diagrams stand on a page of paper.
_HALF_A_PAGE = 600.0
#: More models than this do not fit side by side in a table; the heatmaps and the CSV files hold them.
_WIDEST = 8
#: Libraries whose versions a reader needs to repeat the numbers.
_LIBRARIES = ("medqdeg-desktop", "numpy", "scipy")


@dataclass(frozen=True)
class Report:
    """All that a report shows: ``sections`` are its charts by the section of ``charts.CHARTS``, ``diagrams`` the reliability of
    each run, ``freezings`` by run id how those were closed that are frozen."""

    study_name: str
    results: Json
    runs: tuple[Run, ...]
    dataset: Dataset
    sections: Mapping[Section, tuple[Figure, ...]]
    diagrams: tuple[Figure, ...]
    freezings: Mapping[str, Freezing] = field(default_factory=dict)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All of them."""
        return (*(figure for figures in self.sections.values() for figure in figures), *self.diagrams)


def assemble(
    study_path: Path | str,
    *,
    replicates: int = 10_000,
    seed: int = 0,
    limits: Limits | None = None,
    encoder: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """The report of the runs on the study's newest dataset.

    limits    for the safe envelope of a sweep over severity.
    encoder   a model folder whose vision tower makes the map of simulated and real images; no map without it.

    Raises MedqdegError when the study has no run with answers or the dataset is not where its runs say.
    """
    with Study.open(study_path, read_only=True) as study:
        analysis = load(study)
        study_name = study.name
        results = results_of(analysis, replicates=replicates, seed=seed, limits=limits, progress=progress)
        models = real_images.compared(study)
        sets = real_images.datasets_of(study) if encoder else None
        freezings = study.freezings()
    results["real_against_simulated"] = real_images.agreement(models) if models else None
    results["real_standings"] = [asdict(model) for model in models]
    sections = {section: tuple(charts_of(results, section)) for section in _SECTIONS}
    if encoder and sets:
        found = feature_map(*sets, encoder)
        results["feature_mixing"] = {"encoder": found.encoder, **asdict(found.mixing)}
        sections["real"] += (feature_chart(found),)
    bins = (reliability(analysis, run.run_id, replicates=replicates, seed=seed) for run in analysis.runs)
    diagrams = (reliability_diagram(told, width=_HALF_A_PAGE) for told in bins)
    dataset = dataset_of(analysis.runs)
    return Report(study_name, results, analysis.runs, dataset, sections, tuple(diagrams), freezings)


def write_report(
    study_path: Path | str,
    out_dir: Path | str,
    *,
    replicates: int = 10_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Writes the report of the runs on the study's newest dataset into ``out_dir``; see ``assemble`` and ``write``."""
    files = write(assemble(study_path, replicates=replicates, seed=seed, progress=progress), out_dir)
    if progress:
        progress.finish(out=str(out_dir), files=len(files))
    return files


def write(report: Report, out_dir: Path | str) -> dict[str, Path]:
    """Writes ``report`` but for its PDF into ``out_dir``.

    Returns the files written by name: ``html``, ``results``, each table (``levels``, ``by_type``, ...) and each chart
    (``three_panel.svg``, ``three_panel.csv``, ...).
    """
    out = Path(out_dir)
    try:
        (out / "figures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MedqdegError(f"{out}: cannot be made ({error.strerror})") from None
    files: dict[str, tuple[Path, str]] = {}
    files["results"] = (out / "results.json", json.dumps(report.results, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    for name, rows in csv_tables(report.results).items():
        files[name] = (out / f"{name}.csv", csv_text(rows))
    for figure in report.figures:
        files[f"{figure.name}.svg"] = (out / "figures" / f"{figure.name}.svg", svg(figure))
        files[f"{figure.name}.csv"] = (out / "figures" / f"{figure.name}.csv", figure_csv(figure))
    files["html"] = (out / "report.html", html(report))
    for path, text in files.values():
        atomic.write_bytes(path, text.encode())
    return {name: path for name, (path, _) in files.items()}


def html(report: Report, *, template: str = "report.html.j2") -> str:
    """The page as text: no script, no file or address outside itself."""
    results, runs, dataset = report.results, report.runs, report.dataset
    folder = shipped("report")
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "percent": wording.percent,
        "percent_interval": wording.percent_interval,
        "points": wording.points,
        "points_interval": wording.points_interval,
        "decimals": wording.decimals,
        "probability": wording.probability,
        "count": lambda value: f"{value:,}",
    }
    models = results["models"]
    reference = [chart(results, with_published=True) for chart in (three_panel, accuracy_by_level)]
    reference += tables_of(results, with_published=True)
    inline = {section: [_inline(figure, figure.name) for figure in figures] for section, figures in report.sections.items()}
    return environment.get_template(template).render(
        css=Markup((folder / "report.css").read_text(encoding="utf-8")),
        title=report.study_name or "Study",
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        results=results,
        models=[{**model, "words": wording.model_words(model, models)} for model in models],
        sample=wording.mode_words(results),
        modes=sorted({model["mode"] for model in models}),
        figures=inline["overview"][:2],
        breakdowns=[*inline["overview"][2:], *inline["heatmaps"], *inline["tables"]],
        sweeps=inline["severity"],
        compared=inline["comparisons"],
        against=inline["real"],
        diagrams=[_inline(figure, figure.name) for figure in report.diagrams],
        widest=_WIDEST,
        reference=[_inline(figure, f"{figure.name}-published") for figure in reference],
        dimensions=[name for name in DIMENSIONS if any(model["by"][name] for model in models)],
        tables={name: _by_name(models, name) for name in DIMENSIONS},
        runs=runs,
        names={model["run_id"]: model["name"] for model in models},
        freezings=report.freezings,
        dataset=dataset,
        profile=_profile(dataset),
        versions=_versions(),
        level_words=wording.level_words,
        mode_words=wording.MODE_WORDS,
        smallest_ece=wording.SMALLEST_ECE,
        final_replicates=wording.FINAL_REPLICATES,
    )


def _by_name(models: Sequence[Json], dimension: str) -> list[Json]:
    """For one dimension: each name with its cells by model and level."""
    names = dict.fromkeys(cell["name"] for model in models for cell in model["by"][dimension])
    return [
        {
            "name": name,
            "cells": [{cell["level"]: cell for cell in model["by"][dimension] if cell["name"] == name} for model in models],
        }
        for name in names
    ]


def _inline(figure: Figure, identifier: str) -> Json:
    return {"name": figure.name, "title": figure.title, "svg": Markup(svg(figure, identifier=identifier, inline=True))}


def _profile(dataset: Dataset) -> str:
    """The severity profiles that the degraded images were made with, as the dataset's lines name them."""
    used = {(row.get("profile", ""), row.get("profile_status", "")) for row in dataset.rows() if row.get("level") != "L0"}
    words = [f"{name} ({status})" if status else str(name) for name, status in sorted(used) if name]
    return ", ".join(words) or "not named by the dataset"


def _versions() -> dict[str, str]:
    versions = {"Python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for library in _LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            # A checkout that was never installed still has a report to write.
            versions[library] = "not installed" if library not in sys.modules else "unknown"
    return versions
